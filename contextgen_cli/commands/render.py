"""`contextgen render`: scenes -> pictures."""

from __future__ import annotations

import contextlib
import fnmatch
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from contextgen_cli.app.rank_renderer import RankRenderer
from contextgen_cli.batch import launch, launcher_env, resume
from contextgen_cli.batch.job_store import OVER, JobStore
from contextgen_cli.batch.launch import Interrupted, RankPool, Topology
from contextgen_cli.batch.launcher_env import LauncherEnv
from contextgen_cli.batch.picture_group import PictureGroup
from contextgen_cli.batch.plan import Overrides, job_record, plan, sha256_of
from contextgen_cli.batch.resume import PlanStatus
from contextgen_cli.batch.worker import JobOptions, Listener, Outcome, Overview, Renderer
from contextgen_cli.commands.render_output import (
    Tally,
    preview,
    show_plan,
    sum_up,
    tell,
    tell_footprints,
    tell_set_aside,
)
from contextgen_cli.commands.shared import options
from contextgen_cli.commands.shared.render_options import (
    Keeping,
    Reporting,
    Running,
    Selection,
    keeping_options,
    model_options,
    reporting_options,
    running_options,
    sampling_options,
    selection_options,
)
from contextgen_cli.commands.shared.scene_arguments import Checks, check_options, load_checked
from contextgen_cli.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_JOBS_FAILED,
    EXIT_USAGE,
    DeviceError,
    EnvironmentProblem,
    UsageError,
)
from contextgen_cli.models import devices
from contextgen_cli.models.accelerate_config import suitable_ranks
from contextgen_cli.models.devices import Footprint
from contextgen_cli.models.digests import ImageDigests
from contextgen_cli.models.numerics import Settings
from contextgen_cli.models.renderer import ModelRenderer
from contextgen_cli.records.output import STDOUT, Destination
from contextgen_cli.scene.check.suggestions import nearest
from contextgen_cli.scene.scene import Scene
from contextgen_cli.terminal import console, interruption, progress
from contextgen_cli.terminal.console import RankConsole


@options.verb(
    examples="""
contextgen render scenes/picnic.yaml
contextgen render scenes/ -o pictures --seed 7 --count 4
contextgen render a.yaml --model ./my-model -o - > a.png
contextgen render scenes/ --processes auto
contextgen render scenes/ --dry-run
"""
)
@options.scene_arguments
@keeping_options
@running_options
@sampling_options
@model_options
@check_options
@selection_options
@reporting_options
@options.console_options
def command(
    scenes: tuple[str, ...],
    checks: Checks,
    overrides: Overrides,
    settings: Settings,
    selection: Selection,
    keeping: Keeping,
    running: Running,
    reporting: Reporting,
) -> int:
    """Render scenes: one picture for each scene and seed.

    SCENE is a scene file, a folder of them, a glob, or - for standard input. Every scene is checked before
    the model is opened: the one that comes with contextgen, unless a scene or --model names another. The paths
    of the pictures go to standard output, one a line. A picture that is there already is left alone, so the same
    command again goes on where a run ended, however it ended.
    """
    topology, settings = assemble(running, settings, launcher_env.launcher_env())
    destination = Destination.parse(keeping.output, embed_record=not keeping.no_metadata)
    job_options = JobOptions(
        destination,
        job_record,
        running.fresh and not topology.launcher.attempt,  # a launcher's own restart goes on with what there is
        running.retry_failed and not topology.launcher.attempt,
        running.failures_allowed,
        keeping.save_layout,
        keeping.save_inputs,
    )
    # 1. Of several hosts' processes, one makes the plan.
    if topology.launcher.rank:
        return join(settings, job_options, topology)
    with meeting(topology) as job_store:
        # 2. Read and check every scene: nothing loads while one is wrong.
        memory = ImageDigests(destination.folder, sha256_of)
        found = load_checked(scenes, checks, as_json=reporting.as_json, model=settings.model, verified=memory.verified)
        if found is None:
            return EXIT_USAGE
        # 3. Make the plan, and see what there is of it.
        console.adopt_logging()
        refuse_contradictions(destination, keeping, reporting)
        if reporting.dry_run:
            settings = replace(settings, offline=True)  # a plan is no reason to fetch gigabytes
        renderer = ModelRenderer(settings)
        asked, portion = chosen(found, selection), selection.portion
        whole = plan(asked, overrides, renderer.recipe, renderer.cost, portion, memory.digest)
        there = resume.plan_status(whole, job_options)
        for warning in [*renderer.warnings(whole), *there.past.warnings]:
            console.warn(warning)
        memory.keep()
        work = Work(there, renderer, settings, job_options, topology, job_store)
        # 4. Show it, if that is all that is wanted.
        if reporting.dry_run:
            return rehearse(work, reporting)
        # 5. Refuse what can have no good end: no room for the model, nowhere to write.
        tell_footprints(work.footprints())
        destination.check(len(whole.jobs))
        destination.refuse_another(whole.jobs[0].id if whole.jobs else "")
        resume.tidy(there, job_options)
        # 6. Paint.
        return run(work, reporting)


@dataclass(frozen=True)
class Work:
    """All that painting needs."""

    there: PlanStatus
    renderer: ModelRenderer
    settings: Settings
    job_options: JobOptions
    topology: Topology
    job_store: JobStore | None  # only where other hosts' processes take part

    @property
    def in_this_process(self) -> bool:
        """A single picture, or one for which there is no folder, needs nobody to watch over it."""
        if self.job_store is not None:
            return False
        if self.settings.parallel is not None:
            return True
        return (
            self.topology.processes == 0
            or len(self.there.todo.jobs) < 2
            or not self.job_options.destination.keeps_ledger
        )

    @property
    def ranks(self) -> Topology:
        """Those that there is something to do for."""
        return replace(self.topology, processes=min(self.topology.processes, len(self.there.todo.jobs)))

    @property
    def overview(self) -> Overview:
        jobs = len(self.there.todo.jobs) + len(self.there.done) + len(self.there.set_aside)
        ranks = 1 if self.in_this_process else self.ranks.ranks
        return Overview(jobs, jobs - len(self.there.todo.jobs), self.there.todo.tflop, ranks)

    def footprints(self) -> dict[str, Footprint]:
        """The memory that each model will take on this host, by name.

        Raises:
            DeviceError: one cannot fit, or not as often as there are processes here that hold it.
        """
        if self.settings.parallel is not None:
            processes = self.settings.parallel.processes
        else:
            processes = 1 if self.in_this_process else self.ranks.ranks_here
        return self.renderer.footprints(self.there.todo, processes)

    @property
    def make_renderer(self) -> RankRenderer:
        return RankRenderer(self.settings, RankConsole(console.verbosity()), self.renderer.presets)

    def painters(self) -> contextlib.AbstractContextManager[Renderer]:
        """This process' renderer, with as many beside it as share a picture."""
        sharing = self.settings.parallel
        if sharing is None:
            return contextlib.nullcontext(self.renderer)
        if self.renderer.device == "cpu":
            devices.share_cores(sharing.processes)
        return PictureGroup(self.renderer, self.make_renderer, sharing.processes)

    def outcomes(self, listener: Listener, interrupted: Interrupted) -> Iterator[Outcome]:
        if self.in_this_process:
            with self.painters() as renderer:
                yield from launch.run_in_process(self.there, renderer, self.job_options, listener, interrupted)
            return
        job_store = self.job_store or launch.open_job_store(self.topology)
        topology = self.ranks
        there = replace(self.there, todo=self.there.todo.most_expensive_first()) if topology.ranks > 1 else self.there
        pool = RankPool(topology, job_store, self.make_renderer, self.job_options)
        yield from launch.run_on_ranks(pool, there, listener, interrupted)


def assemble(running: Running, settings: Settings, place: LauncherEnv) -> tuple[Topology, Settings]:
    """Who paints, and on which devices: those asked for, or those that `accelerate config` was told.

    Raises:
        DeviceError: there is no such device.
        EnvironmentProblem: accelerate's file cannot be read.
        UsageError: a launcher started the ranks, and more are asked for; or several are to share each picture.
    """
    if settings.parallel is not None and (place.size > 1 or running.processes not in (0, 1)):
        raise UsageError(
            f"--parallel {settings.parallel} starts the processes that share a picture by itself, and no others",
            hint="Leave --processes and launchers such as torchrun away.",
        )
    if place.size == 1:
        if running.processes is not None:
            return Topology(running.processes), settings
        suitable = suitable_ranks(settings.device)
        return Topology(suitable.count), replace(settings, device=suitable.device)
    if running.processes not in (None, 1):
        raise UsageError(
            f"--processes {running.processes}, but a launcher started {place.size} ranks already",
            hint="Leave --processes away under torchrun, accelerate launch and srun.",
        )
    return Topology(1, place), settings


@contextlib.contextmanager
def meeting(topology: Topology) -> Iterator[JobStore | None]:
    """Where the ranks of several hosts meet, if there are any; they are told when no plan comes of it."""
    if topology.launcher.size == 1:
        yield None
        return
    job_store = launch.open_job_store(topology)
    try:
        yield job_store
    finally:
        with contextlib.suppress(EnvironmentProblem):
            job_store.close(OVER)


def join(settings: Settings, job_options: JobOptions, topology: Topology) -> int:
    """Paint what the first process planned; that one tells how it goes."""
    with interruption.noted() as heard:
        make_renderer = RankRenderer(settings, RankConsole(console.verbosity()))
        pool = RankPool(topology, launch.open_job_store(topology), make_renderer, job_options)
        launch.supervise(pool, heard)
    return EXIT_DONE


def rehearse(work: Work, reporting: Reporting) -> int:
    """Show the plan, also one that cannot be carried out here, and return the exit code that a run would begin with."""
    try:
        footprints, problem = work.footprints(), None
    except DeviceError as error:
        footprints, problem = {}, error
    code = EXIT_DONE if problem is None else problem.exit_code
    show_plan(work.there, footprints, work.topology.ranks, code, as_json=reporting.as_json)
    if problem is not None:
        console.error(problem)
    return code


def run(work: Work, reporting: Reporting) -> int:
    """Work through the plan, tell every outcome, sum up whatever happened, and return the exit code."""
    began, seen = time.monotonic(), None
    tally = Tally(work.overview.jobs)
    try:
        with interruption.noted() as heard, progress.display(reporting.progress) as display:
            display.started(work.overview)
            for outcome in itertools.chain(work.there.done, work.there.set_aside, work.outcomes(display, heard)):
                tally.add(outcome)
                tell(outcome, as_json=reporting.as_json)
                seen = outcome.path
        code = EXIT_JOBS_FAILED if tally.undone else EXIT_DONE
    except EnvironmentProblem as problem:
        console.error(problem)
        code = problem.exit_code
    except KeyboardInterrupt:
        console.note("interrupted")
        code = EXIT_INTERRUPTED
    if work.overview.jobs == 1 and seen is not None and reporting.previews:
        preview(seen)
    tell_set_aside(work.there.set_aside)
    sum_up(tally, time.monotonic() - began, work.renderer.device, code, as_json=reporting.as_json)
    return code


def chosen(scenes: Sequence[Scene], selection: Selection) -> list[Scene]:
    """The scenes that `--only` names.

    Raises:
        UsageError: there is none.
    """
    if not selection.only:
        return list(scenes)
    kept = [scene for scene in scenes if any(fnmatch.fnmatchcase(scene.name, glob) for glob in selection.only)]
    if kept:
        return kept
    globs = ", ".join(selection.only)
    near = nearest(selection.only[0], [scene.name for scene in scenes])
    raise UsageError(
        f"no scene is named {globs}", hint=f"Did you mean {near}?" if near else "`--dry-run` lists the names."
    )


def refuse_contradictions(destination: Destination, keeping: Keeping, reporting: Reporting) -> None:
    """Refuse options that cannot both be meant."""
    if not destination.to_stdout or reporting.dry_run:
        return
    if reporting.as_json:
        raise UsageError("--json and -o - both want standard output", hint="Give a folder with -o.")
    if keeping.save_layout or keeping.save_inputs:
        raise UsageError("-o - has no folder for layouts and inputs", hint="Give a folder with -o.")
    if console.is_terminal():
        raise UsageError(f"-o {STDOUT} would write a PNG to the terminal", hint="Send it to a file with > or |.")
