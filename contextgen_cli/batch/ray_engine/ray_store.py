"""The job store of a Ray cluster: a `LocalJobStore` in an actor beside the driver, asked from everywhere.

Ray's own connections carry it, with Ray's own authentication. What goes over them is pickled, as Ray does it whatever
we send: whoever reaches them can run programs anyhow, which is why the docs say what to fence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from contextgen_cli.batch.local_store import LocalJobStore
from contextgen_cli.batch.plan import Job
from contextgen_cli.batch.ray_engine.cluster import import_ray
from contextgen_cli.batch.serialization import Event
from contextgen_cli.errors import EnvironmentProblem

_ANSWERS_WITHIN = 30.0  # seconds


class StoreKeeper(LocalJobStore):
    """The body of the actor. Ranks that were given up are not listened to any more, though they may live on."""

    def __init__(self) -> None:
        super().__init__()
        self._given_up: set[str] = set()

    def heard(self) -> list[Event]:
        """What `hear` yields, in one answer."""
        return list(self.hear())

    def why_closed(self) -> str | None:
        """What `closed` is."""
        return self.closed

    # For ranks, each under a token of its own

    def next_job(self, token: str, rank: int) -> tuple[int, Job] | str | None:
        """A job to do, which counts as taken; None where there is none at present; why there will be none any more."""
        if token in self._given_up:
            return "given up"
        if self.closed is not None:
            return self.closed
        position = self.take()
        if position is None:
            return None
        self.tell(Event("taken", rank, position))
        return position, self.job(position)

    def tell_of(self, token: str, event: Event) -> None:
        if token in self._given_up:
            return
        if event.kind == "put back":
            self.put_back(event.position, later=True)
        self.tell(event)

    def give_up(self, token: str) -> None:
        self._given_up.add(token)


class RayJobStore:
    """See `JobStore`; the driver's hand on the actor."""

    def __init__(self) -> None:
        ray = import_ray()
        beside_us = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        keeper = ray.remote(num_cpus=0, max_restarts=0)(StoreKeeper)
        self.actor: Any = keeper.options(scheduling_strategy=beside_us).remote()

    def publish(self, jobs: Sequence[Job]) -> None:
        self._ask("publish", tuple(jobs))

    def take(self) -> int | None:
        position: int | None = self._ask("take")
        return position

    def job(self, position: int) -> Job:
        found: Job = self._ask("job", position)
        return found

    def put_back(self, position: int, *, later: bool = False) -> None:
        self._ask("put_back", position, later=later)

    def is_exhausted(self) -> bool:
        return bool(self._ask("is_exhausted"))

    def crashed(self, job_id: str, times: int = 1) -> int:
        return int(self._ask("crashed", job_id, times))

    def tell(self, event: Event) -> None:
        self._ask("tell", event)

    def hear(self) -> Iterator[Event]:
        yield from self._ask("heard")

    def close(self, why: str) -> None:
        self._ask("close", why)

    @property
    def closed(self) -> str | None:
        why: str | None = self._ask("why_closed")
        return why

    def give_up(self, token: str) -> None:
        """Hear a rank no more, and hand it nothing."""
        self._ask("give_up", token)

    def _ask(self, what: str, *arguments: object, **named: object) -> Any:
        """
        Raises:
            EnvironmentProblem: the actor is gone.
        """
        ray = import_ray()
        try:
            return ray.get(getattr(self.actor, what).remote(*arguments, **named), timeout=_ANSWERS_WITHIN)
        except ray.exceptions.RayTaskError:
            raise  # a bug in the actor's own code, and no loss of it
        except ray.exceptions.RayError as problem:
            raise EnvironmentProblem(
                "the actor that hands out the jobs cannot be reached any more",
                hint="Run the same command again: what is finished stays finished.",
            ) from problem
