"""A run on a Ray cluster, as `launch.run_on_ranks` drives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from contextgen_cli.batch.rank import MakeRenderer
from contextgen_cli.batch.ray_engine.cluster import RayCluster
from contextgen_cli.batch.ray_engine.ray_store import RayJobStore
from contextgen_cli.batch.ray_engine.ray_supervisor import RaySupervisor
from contextgen_cli.batch.serialization import Event
from contextgen_cli.batch.worker import JobOptions


@dataclass(frozen=True)
class RayEngine:
    """See `launch.Engine`; the cluster is connected.

    Args:
        ranks: how many; None: one a GPU, or one a host where there are no GPUs, also on hosts to come.
    """

    cluster: RayCluster
    ranks: int | None
    make_renderer: MakeRenderer
    job_options: JobOptions
    job_store: RayJobStore = field(default_factory=RayJobStore)
    followers: None = None

    def start(self, tell: Callable[[Event], None]) -> RaySupervisor:
        """Start the ranks."""
        return RaySupervisor(self.cluster, self.job_store, self.make_renderer, self.job_options, self.ranks, tell)

    def hear(self) -> Iterator[Event]:
        return iter(())  # all are its ranks, and only their supervisor may hear: it must know which job each one has
