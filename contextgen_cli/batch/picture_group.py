"""A picture group: processes of one host that paint every picture together.

One leads, the others are its children and do as it says.

What goes over the lines between them is pickled, as `multiprocessing` does it, between processes that trust each other.
While a picture is painted they wait for one another; where it fails in one of them, all the others are started anew.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from contextgen_cli.batch.hosts.launcher_env import VARIABLES
from contextgen_cli.batch.hosts.listening import listen, loopback
from contextgen_cli.batch.plan import Job
from contextgen_cli.batch.rank import MakeRenderer, RankPlace, end_with_parent, leave_signals_to_parent
from contextgen_cli.batch.worker import OnStep, Renderer
from contextgen_cli.errors import ContextgenError, EnvironmentProblem, JobError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from PIL.Image import Image

_LOCALHOST = "127.0.0.1"
_EXIT_WITHIN = 5.0  # seconds in which a process that is lost ends


class PictureGroup(contextlib.AbstractContextManager["PictureGroup"]):
    """A renderer whose pictures several processes paint; the others end with the block.

    Args:
        leader: this process' own renderer.
        make_renderer: makes that of another process, in it.
        size: how many paint, this one among them.
    """

    def __init__(self, leader: Renderer, make_renderer: MakeRenderer, size: int) -> None:
        self._leader, self._make_renderer, self._size = leader, make_renderer, size
        self._others: list[_Member] = []
        self._reduced_for: list[Job] = []  # what those that are started anew must do too
        self.composition: Any = leader.composition
        self.peak_bytes = leader.peak_bytes

    def __exit__(self, *_: object) -> None:
        for other in self._others:
            other.dismiss()
        self._disband(_EXIT_WITHIN)

    def open(self, job: Job) -> None:
        """Open the job's model in every process.

        Raises:
            ContextgenError: what went wrong in any of them.
        """
        with self._together():
            self._tell("open", job)
            self._leader.open(job)

    def render(self, job: Job, on_step: OnStep) -> Image:
        """Paint one picture together.

        Raises:
            ContextgenError: what went wrong in any of the processes.
        """
        with self._together():
            if not self._others:
                self._tell("open", job)
            for other in self._others:
                other.wait_until_open()
            self._tell("render", job)
            image = self._leader.render(job, on_step)
        return image

    def reduce_memory(self, job: Job) -> str:
        """As the leader's."""
        words = self._leader.reduce_memory(job)
        self._reduced_for.append(job)
        return words

    @contextlib.contextmanager
    def _together(self) -> Iterator[None]:
        """What fails in one process ends the others, which may wait for it."""
        done = False
        try:
            yield
            done = True
        except RuntimeError as lost:  # the group's word for somebody who is gone
            for problem in self._exit_reasons():
                raise problem from lost
            raise
        finally:
            if not done:
                self._disband(patience=0)

    def _exit_reasons(self) -> list[ContextgenError]:
        """What ended others: first what they said, then that some said nothing, as those do who lose another."""
        ended = [problem for other in self._others if (problem := other.exit_reason()) is not None]
        return sorted(ended, key=lambda problem: isinstance(problem, _Died))

    def _tell(self, verb: str, job: Job) -> None:
        if not self._others:
            self._start()
        for other in self._others:
            other.tell(verb, job)

    def _start(self) -> None:
        store = listen(_LOCALHOST, 0)
        places = [RankPlace(rank, self._size, rank, self._size) for rank in range(1, self._size)]
        self._others = [_Member(self._make_renderer, place, store.port) for place in places]
        for other in self._others:
            other.wait_until_there()
        _join_process_group(store, 0, self._size)
        for job in self._reduced_for:
            self._tell("reduce_memory", job)

    def _disband(self, patience: float) -> None:
        for other in self._others:
            other.end(patience)
        if self._others:
            _leave_process_group()
        self._others = []


class _Member:
    """Another process of the group, as the leader sees it."""

    def __init__(self, make_renderer: MakeRenderer, place: RankPlace, port: int) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would inherit the device's state
        self._line, theirs = context.Pipe()
        arguments = (theirs, make_renderer, place, port)
        self._process = context.Process(target=assist, args=arguments, daemon=True, name=f"painter {place.rank}")
        self._process.start()
        theirs.close()
        self._opening = 0  # models that it was told to open, and has not said that it did

    def tell(self, verb: str, job: Job) -> None:
        self._opening += verb == "open"
        with contextlib.suppress(OSError):  # it died: that is noticed when it is waited for
            self._line.send((verb, job))

    def wait_until_there(self) -> None:
        self._hear()

    def wait_until_open(self) -> None:
        while self._opening:
            self._hear()
            self._opening -= 1

    def dismiss(self) -> None:
        with contextlib.suppress(OSError):
            self._line.send(None)

    def exit_reason(self) -> ContextgenError | None:
        """What ended this process; None: it goes on."""
        self._process.join(_EXIT_WITHIN)
        if self._process.exitcode is None:
            return None
        try:
            problem: ContextgenError = self._line.recv()
        except (EOFError, OSError):
            return _Died(self._process.exitcode)
        return problem

    def end(self, patience: float) -> None:
        self._process.join(patience)
        self._process.kill()
        self._process.join()
        self._line.close()

    def _hear(self) -> None:
        try:
            problem = self._line.recv()
        except (EOFError, OSError):
            self._process.join()
            died = _Died(self._process.exitcode)
            raise EnvironmentProblem(died.message, hint=died.hint) from None
        if problem is not None:
            raise problem


class _Died(JobError):
    def __init__(self, code: int | None) -> None:
        super().__init__(
            f"a process that paints with this one died (exit code {code})",
            hint="Too little main memory is the usual reason: try a smaller --parallel, or look with -v.",
        )


def assist(line: Connection, make_renderer: MakeRenderer, place: RankPlace, port: int) -> None:
    """The body of another process: do as the leader says until it is gone."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    leave_signals_to_parent()
    end_with_parent()
    for name in VARIABLES:
        os.environ.pop(name, None)
    try:
        renderer = make_renderer(place)
        line.send(None)
        _join_process_group(TCPStore(_LOCALHOST, port, is_master=False), place.rank, place.ranks)
        while (told := line.recv()) is not None:
            verb, job = told
            if verb == "open":
                renderer.open(job)
                line.send(None)
            elif verb == "reduce_memory":
                renderer.reduce_memory(job)
            else:
                renderer.render(job, lambda done: None)
        _leave_process_group()
    except ContextgenError as problem:
        line.send(problem)
    except (BrokenPipeError, EOFError):
        os._exit(1)  # nobody is there to hear why


def _join_process_group(store: Any, rank: int, size: int) -> None:
    """Found the group in which tensors are exchanged: gloo for those in the main memory, NCCL for those on GPUs.

    Both would listen where other hosts reach them, without being told.
    """
    from torch import distributed

    for library in ("GLOO", "NCCL"):
        os.environ[f"{library}_SOCKET_IFNAME"] = loopback()
    distributed.init_process_group(store=store, rank=rank, world_size=size)


def _leave_process_group() -> None:
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()
