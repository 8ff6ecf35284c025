"""Scenes -> pictures, for any front end: `RenderRun` is called step by step, tells a listener, and can be cancelled."""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Callable, MutableSet, Sequence
from dataclasses import dataclass, field, replace

from contextgen_cli.app.cancellation import Cancellation
from contextgen_cli.app.listener import Forecast, RunListener, RunSummary
from contextgen_cli.app.planned_run import PlannedRun, nothing, warn_of_no_locks
from contextgen_cli.app.rank_renderer import RankRenderer
from contextgen_cli.batch import launch, resume
from contextgen_cli.batch.hosts.launcher_env import LauncherEnv, launcher_env
from contextgen_cli.batch.job_store import OVER, JobStore
from contextgen_cli.batch.launch import LocalEngine, Topology
from contextgen_cli.batch.plan import EVERYTHING, Files, Overrides, Portion, job_record, plan, sha256_of
from contextgen_cli.batch.ray_engine.cluster import RayCluster
from contextgen_cli.batch.worker import JobOptions
from contextgen_cli.errors import EnvironmentProblem, UsageError
from contextgen_cli.models.accelerate_config import suitable_ranks
from contextgen_cli.models.devices import choose_device
from contextgen_cli.models.numerics import Settings
from contextgen_cli.models.renderer import ModelRenderer, readings
from contextgen_cli.records.image_digests import ImageDigests
from contextgen_cli.records.output import Destination
from contextgen_cli.scene.check.suggestions import nearest
from contextgen_cli.scene.scene import Scene


@dataclass(frozen=True)
class RenderRequest:
    """What is asked for beside the scenes."""

    destination: Destination
    settings: Settings = field(default_factory=Settings)
    overrides: Overrides = field(default_factory=Overrides)
    only: tuple[str, ...] = ()  # globs of scenes' names; none: every scene
    portion: Portion = EVERYTHING
    processes: int | None = 1  # None: as many as suit this machine, or the cluster; 0: this very process
    ray: RayCluster | None = None  # where to paint, if not here
    fresh: bool = False
    retry_failed: bool = False
    max_failures: int | None = None  # after so many, no picture is begun
    save_layout: bool = False
    save_inputs: bool = False
    dry_run: bool = False  # the plan is all that is wanted: nothing is fetched for it


class RenderRun:
    """One run. The steps are called in the order in which they stand here.

    As a context it is where the processes of several hosts meet, if there are any: they are told when no plan comes
    of it.

    Args:
        request: what to paint, and how.
        listener: hears how it goes.
        set_up: what the front end does first in a process of a rank; pickled on the way.
        renderer_for: makes this process' own. One that remembers keeps a model open from run to run:
            `functools.lru_cache(maxsize=1)(ModelRenderer)`.

    Raises:
        UsageError: the request contradicts itself, or what a launcher started.
    """

    def __init__(
        self,
        request: RenderRequest,
        listener: RunListener,
        set_up: Callable[[], None] = nothing,
        renderer_for: Callable[[Settings], ModelRenderer] = ModelRenderer,
    ) -> None:
        self._request, self._listener = request, listener
        self._set_up, self._renderer_for = set_up, renderer_for
        self._topology, self._settings = assemble(request, launcher_env())
        self._job_options = job_options(request, self._topology.launcher)
        self._images = ImageDigests(request.destination.folder, sha256_of)
        self._job_store: JobStore | None = None
        self._cancellation = Cancellation()
        self._connections = contextlib.ExitStack()
        self._planned: PlannedRun | None = None

    # 1. Of several hosts' processes, one makes the plan; the others follow it.

    @property
    def follows(self) -> bool:
        """Whether another process makes the plan."""
        return self._topology.launcher.rank > 0

    def follow(self) -> None:
        """Paint what the first process planned; that one tells how it goes.

        Raises:
            EnvironmentProblem: it cannot be reached, or no job would fare well here.
            Cancelled: asked to stop.
        """
        make_renderer = RankRenderer(self._settings, self._set_up)
        folder = self._request.destination.folder
        job_store = launch.open_launched_store(self._topology.launcher, folder, self._cancellation)
        engine = LocalEngine(self._topology, job_store, make_renderer, self._job_options)
        launch.supervise(engine, self._cancellation)

    def __enter__(self) -> RenderRun:
        if self._topology.launcher.size > 1:
            self._job_store = launch.open_launched_store(self._topology.launcher, self._request.destination.folder)
        return self

    def __exit__(self, *_: object) -> None:
        if self._job_store is not None:
            with contextlib.suppress(EnvironmentProblem):
                self._job_store.close(OVER)
        self._connections.close()

    # 2. Scenes are read and checked by who knows where they come from.

    @property
    def verified(self) -> MutableSet[str]:
        """The references that an earlier run over the same folder decoded already; more may be added."""
        return self._images.verified

    # 3. Make the plan, and see what there is of it.

    def plan(self, scenes: Sequence[Scene], *, left_out: int = 0) -> None:
        """
        Args:
            left_out: how many scenes are not among these, though they were asked for: the run comes short of them.

        Raises:
            ContextgenError: a model cannot be found or painted with as asked for, or the ledger cannot be read.
        """
        request, settings = self._request, self._settings
        if request.dry_run:
            settings = replace(settings, offline=True)  # a plan is no reason to fetch gigabytes
        renderer = self._renderer_for(settings) if request.ray is None else self._planner(request.ray, settings)
        asked = chosen(scenes, request.only)
        recipe, cost, files = renderer.recipe, renderer.cost, Files(self._images.digest, readings)
        whole = plan(asked, request.overrides, recipe, cost, request.portion, files)
        status = resume.plan_status(whole, self._job_options)
        for warning in [*renderer.warnings(whole, request.overrides.size), *status.past.warnings]:
            self._listener.warned(warning)
        for note in renderer.notes(whole):
            self._listener.noted(note)
        self._images.keep()
        self._planned = PlannedRun(
            status,
            renderer,
            settings,
            self._job_options,
            self._topology,
            self._set_up,
            self._job_store,
            request.ray,
            left_out,
        )

    def _planner(self, ray: RayCluster, settings: Settings) -> ModelRenderer:
        """One that plans for the devices of a cluster, of which this host may have none."""
        self._connections.enter_context(ray.connected())
        return ModelRenderer(settings, elsewhere=ray.ask(choose_device, settings.device))

    # 4. Show it, if that is all that is wanted.

    def rehearse(self) -> Forecast:
        """Say what the plan would take, also one that cannot be carried out here; nothing is loaded or written."""
        forecast = self._ready.forecast()
        self._listener.planned(forecast)
        return forecast

    # 5. Refuse what can have no good end: no room for the model, nowhere to write.

    def prepare(self) -> None:
        """
        Raises:
            DeviceError: a model does not fit.
            UsageError: the pictures do not fit into the destination, or it holds another one.
            OutputError: it cannot be written to.
        """
        run, destination = self._ready, self._request.destination
        jobs = run.status.whole.jobs
        self._listener.planned(Forecast(run.status, run.footprints(), self._topology.ranks, left_out=run.left_out))
        destination.check(len(jobs))
        destination.refuse_another(jobs[0].id if jobs else "")
        warn_of_no_locks(destination, self._listener)
        resume.tidy(run.status, self._job_options)

    # 6. Paint.

    def paint(self) -> RunSummary:
        """Work through the plan; whatever ends that is in the summary."""
        return self._ready.carry_out(self._listener, self._cancellation)

    def cancel(self, *, at_once: bool = False) -> None:
        """Stop after the pictures at work, or `at_once`, between two of their steps; from any thread, at any time."""
        self._cancellation.ask(at_once=at_once)

    @property
    def _ready(self) -> PlannedRun:
        assert self._planned is not None, "plan() comes first"
        return self._planned


def assemble(request: RenderRequest, place: LauncherEnv) -> tuple[Topology, Settings]:
    """Who paints, and on which devices: those asked for, or those that `accelerate config` was told.

    Raises:
        DeviceError: there is no such device.
        EnvironmentProblem: accelerate's file cannot be read.
        UsageError: a launcher started the ranks, and more are asked for; or several are to share each picture.
    """
    settings, processes = request.settings, request.processes
    if request.ray is not None:
        _refuse_ray(request, place)
        return Topology(processes or 0), settings
    parallel = settings.parallel
    if parallel is not None and (place.size > 1 or processes not in (0, 1)):
        raise UsageError(
            f"--parallel {parallel} starts the processes that share a picture by itself, and no others",
            hint="Leave --processes and launchers such as torchrun away.",
        )
    if place.size == 1:
        if processes is not None:
            return Topology(processes), settings
        suitable = suitable_ranks(settings.device)
        return Topology(suitable.count), replace(settings, device=suitable.device)
    if processes not in (None, 1):
        raise UsageError(
            f"--processes {processes}, but a launcher started {place.size} already",
            hint="Leave --processes away under torchrun, accelerate launch and srun.",
        )
    return Topology(1, place), settings


def _refuse_ray(request: RenderRequest, place: LauncherEnv) -> None:
    if place.size > 1:
        raise UsageError(f"a launcher started {place.size} processes, and Ray starts its own", hint="Leave one away.")
    if request.settings.parallel is not None:
        raise UsageError("processes on a Ray cluster have one GPU each", hint="Leave --parallel away, or --engine ray.")
    if request.processes == 0:
        raise UsageError("--processes 0 paints in this very process", hint="Leave it away, or --engine ray.")
    if not request.destination.keeps_ledger:
        raise UsageError("processes on a Ray cluster need a folder that all hosts see", hint="Give a folder with -o.")


def job_options(request: RenderRequest, place: LauncherEnv) -> JobOptions:
    """What is to be done with every job; a launcher's own restart goes on with what there is."""
    return JobOptions(
        request.destination,
        job_record,
        fresh=request.fresh and not place.attempt,
        retry_failed=request.retry_failed and not place.attempt,
        max_failures=request.max_failures,
        save_layout=request.save_layout,
        save_inputs=request.save_inputs,
    )


def chosen(scenes: Sequence[Scene], only: Sequence[str]) -> list[Scene]:
    """The scenes whose name one of the globs `only` names.

    Raises:
        UsageError: there is none.
    """
    if not only:
        return list(scenes)
    kept = [scene for scene in scenes if any(fnmatch.fnmatchcase(scene.name, glob) for glob in only)]
    if kept:
        return kept
    near = nearest(only[0], [scene.name for scene in scenes])
    raise UsageError(
        f"no scene is named {', '.join(only)}", hint=f"Did you mean {near}?" if near else "`--dry-run` lists the names."
    )
