"""The body of a rank that is an actor: it asks for a job, does it, tells, and asks for the next."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from contextgen_cli.batch.plan import Job
from contextgen_cli.batch.rank import MakeRenderer, Narrator, RankPlace
from contextgen_cli.batch.ray_engine.cluster import import_ray
from contextgen_cli.batch.serialization import Event
from contextgen_cli.batch.worker import JobOptions, work
from contextgen_cli.errors import DeviceLost, EnvironmentProblem

_ANSWERS_WITHIN = 30.0  # seconds; an answer that was lost on the way never comes
_POLL = 0.2  # seconds between two questions of a rank that has nothing to do


class RankActor:
    """Keeps its model open from job to job."""

    def where(self) -> str:
        """The node that it lives on."""
        node: str = import_ray().get_runtime_context().get_node_id()
        return node

    def run(
        self, keeper: Any, token: str, make_renderer: MakeRenderer, job_options: JobOptions, place: RankPlace
    ) -> None:
        """Work until no job will be handed out any more, or the store is gone."""
        line = _KeeperLine(keeper, token, place)
        with contextlib.suppress(_Unheard):
            try:
                for _ in work(line, make_renderer(place), job_options, line, place.rank):
                    pass  # told already
            except (DeviceLost, _Unheard):
                raise  # this process has come to its end; if there is a driver, it starts another
            except EnvironmentProblem as problem:
                line.tell(Event("problem", place.rank, line.position, problem=problem))


class _Unheard(EnvironmentProblem):
    """The store is gone, and with it the driver: no reason to count the picture at work as failed."""


class _KeeperLine(Narrator):
    """Asks the store for jobs and tells it how they go."""

    def __init__(self, keeper: Any, token: str, place: RankPlace) -> None:
        super().__init__(place)
        self._keeper, self._token = keeper, token

    def __iter__(self) -> Iterator[Job]:
        while not isinstance(handed := _answer(self._keeper.next_job.remote(self._token, self.rank)), str):
            if handed is None:
                time.sleep(_POLL)
                continue
            self.position, job = handed
            yield job

    def tell(self, event: Event) -> None:
        told = self._keeper.tell_of.remote(self._token, event)
        if event.kind != "step":
            _answer(told)  # what follows may be this process' end


def _answer(reference: Any) -> Any:
    ray = import_ray()
    try:
        return ray.get(reference, timeout=_ANSWERS_WITHIN)
    except (ray.exceptions.RayActorError, ray.exceptions.GetTimeoutError) as problem:
        raise _Unheard("nobody hands out jobs any more") from problem
