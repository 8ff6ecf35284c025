"""Starts ranks as actors of the cluster, one a GPU, also on hosts that join later, and starts anew what dies."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from contextgen_cli.batch.crashes import CrashAccount
from contextgen_cli.batch.job_store import NOW
from contextgen_cli.batch.rank import MakeRenderer, RankPlace
from contextgen_cli.batch.ray_engine.cluster import ClusterNode, RayCluster, import_ray, needs_of_a_rank
from contextgen_cli.batch.ray_engine.ray_rank import RankActor
from contextgen_cli.batch.ray_engine.ray_store import RayJobStore
from contextgen_cli.batch.serialization import Event
from contextgen_cli.batch.worker import JobOptions, process_name
from contextgen_cli.errors import EnvironmentProblem

_LOOK = 5.0  # seconds between two looks at who joined, and whether the head is there
_HEAD_LOST_AFTER = 30.0  # a head that is started anew is back by then; Ray ends every driver after 60


@dataclass
class _RankHandle:
    """A rank's actor as the driver sees it."""

    number: int
    node: ClusterNode | None  # None: wherever Ray finds room
    actor: Any
    where: Any  # resolves to its node's id, once it is placed
    run: Any  # resolves when it has ended
    token: str
    position: int | None = None  # of the job that it has
    painting: bool = False  # the job's model is open
    failed_starts: int = 0


@dataclass
class RaySupervisor:
    """The ranks of a whole cluster.

    Args:
        ranks: how many; None: one a GPU, or one a host where there are no GPUs, also on hosts to come.
    """

    cluster: RayCluster
    job_store: RayJobStore
    make_renderer: MakeRenderer
    job_options: JobOptions
    ranks: int | None
    tell: Callable[[Event], None]
    _ranks: list[_RankHandle] = field(default_factory=list)
    _numbers: int = 0
    _looked: float = 0.0
    _head_seen: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._crashes = CrashAccount(self.job_store, self.job_options, self.tell)
        for _ in range(self.ranks or 0):
            self._start(self._next_number(), None)
        self._look()

    @property
    def ended(self) -> bool:
        """Whether no rank is left."""
        return not self._ranks

    def turn(self, seconds: float) -> None:
        """Hear what the ranks say, reap the dead, look for hosts that joined; wait so long where nothing happens.

        Raises:
            EnvironmentProblem: ranks die before they paint anything, the head is lost, or the ledger cannot be written.
        """
        ray = import_ray()
        by_run = {rank.run: rank for rank in self._ranks}
        if by_run:
            ended, _ = ray.wait(list(by_run), timeout=seconds)
        else:
            time.sleep(seconds)
            ended = []
        self._listen()
        for run in ended:
            self._reap(by_run[run])
        if time.monotonic() - self._looked >= _LOOK:
            self._look()
        if self.job_store.closed is not None:
            self._dismiss()

    def kill(self) -> None:
        """End all ranks at once; a picture at work is lost."""
        for rank in self._ranks:
            import_ray().kill(rank.actor)
        self._ranks = []

    def _look(self) -> None:
        now = self._looked = time.monotonic()
        if self.cluster.head_reachable:
            self._head_seen = now
            self._settle()
        elif now - self._head_seen > _HEAD_LOST_AFTER:
            self._ranks = []  # nobody is left who could end them, but themselves
            raise EnvironmentProblem(
                "the head of the Ray cluster is lost",
                hint="Start the cluster again, then run the same command: what is finished stays finished.",
            )

    def _settle(self) -> None:
        """Start ranks on every host that has room for more."""
        if self.ranks is not None or self.job_store.closed is not None or self.job_store.is_exhausted():
            return
        living = Counter(rank.node.id for rank in self._ranks if rank.node is not None)
        for node in self.cluster.nodes():
            wanted = max(1, node.gpus) - living[node.id]
            for _ in range(wanted if wanted > 0 and node.reachable else 0):
                self._start(self._next_number(), node)

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers - 1

    def _start(self, number: int, node: ClusterNode | None, failed_starts: int = 0) -> None:
        ray = import_ray()
        nodes = self.cluster.nodes() if node is None else [node]
        here = 1 if self.ranks is None else -(-self.ranks // max(1, len(nodes)))
        affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        actor = (
            ray.remote(RankActor)
            .options(
                **needs_of_a_rank(nodes, here),
                max_restarts=0,
                scheduling_strategy="SPREAD" if node is None else affinity(node.id, soft=False),
            )
            .remote()
        )
        token, place = uuid.uuid4().hex, RankPlace(number, self._numbers, 0, here)
        run = actor.run.remote(self.job_store.actor, token, self.make_renderer, self.job_options, place)
        where = actor.where.remote()
        self._ranks.append(_RankHandle(number, node, actor, where, run, token, failed_starts=failed_starts))

    def _listen(self) -> None:
        by_number = {rank.number: rank for rank in self._ranks}
        for event in self.job_store.hear():
            if (rank := by_number.get(event.rank)) is not None:
                _follow(rank, event)
            self.tell(event)

    def _reap(self, rank: _RankHandle) -> None:
        why = _cause(rank.run)
        self.job_store.give_up(rank.token)  # it may live on, out of reach
        self._listen()
        self._ranks.remove(rank)
        if why is None and self.job_store.closed is not None:
            return
        import_ray().kill(rank.actor)
        if why is None:
            self._lose(rank, "heard no answer and left")
            return
        if self._out_of_reach(rank):
            self._lose(rank, "was lost with its host")
            return
        failed_starts = rank.failed_starts
        if rank.position is not None and rank.painting:
            self._crashes.at_work(rank.number, rank.position, why)
        else:
            failed_starts = self._crashes.before_work(rank.number, rank.position, why, failed_starts)
        if self.job_store.closed is None:
            self._start(rank.number, rank.node, failed_starts)

    def _lose(self, rank: _RankHandle, how: str) -> None:
        """What is lost on the way or with a host says nothing against the job; another takes it."""
        if rank.position is not None:
            self.job_store.put_back(rank.position)
        self.tell(Event("noticed", rank.number, text=f"{process_name(rank.number)} {how}"))
        if self.ranks is not None and self.job_store.closed is None:
            self._start(rank.number, None)

    def _out_of_reach(self, rank: _RankHandle) -> bool:
        ray = import_ray()
        try:
            node_id = ray.get(rank.where, timeout=0)
        except ray.exceptions.RayError:
            node_id = None if rank.node is None else rank.node.id  # it was never placed
        return node_id is not None and all(node.id != node_id or not node.reachable for node in self.cluster.nodes())

    def _dismiss(self) -> None:
        """Let idle ranks go; one that only gets ready for a picture nobody wants any more has nothing to lose."""
        for rank in [rank for rank in self._ranks if not rank.painting]:
            self.job_store.give_up(rank.token)
            import_ray().kill(rank.actor)
            self._ranks.remove(rank)
        if self.job_store.closed == NOW:
            self.kill()


def _follow(rank: _RankHandle, event: Event) -> None:
    """Keep account of what a rank is at, as it tells it."""
    match event.kind:
        case "taken":
            rank.position, rank.painting = event.position, False
        case "started":
            rank.painting, rank.failed_starts = True, 0
        case "finished" | "put back" | "problem":
            rank.position, rank.painting = None, False


def _cause(run: Any) -> str | None:
    """What ended a rank; None: it had nothing left to do."""
    ray = import_ray()
    try:
        ray.get(run, timeout=0)
    except ray.exceptions.RayTaskError as problem:
        return str(problem.cause).strip().rpartition("\n")[-1]  # of a trace, what it ends with
    except ray.exceptions.RayError as problem:
        return type(problem).__name__
    return None
