"""Reaching a Ray cluster, and what it consists of."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from contextgen_cli.errors import EnvironmentProblem

_Answer = TypeVar("_Answer")

_ANSWERS_WITHIN = 2.0  # seconds in which a process of Ray's takes a connection
_PLACED_WITHIN = 120.0  # seconds for a GPU to be free, before anything is planned
_OBJECTS = 80 << 20  # bytes of shared memory for objects, which no picture goes through


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A host of the cluster that paints."""

    id: str
    address: str
    port: int
    cpus: int
    gpus: int

    @property
    def reachable(self) -> bool:
        """Whether its raylet takes connections: a dead one's processes are as good as dead."""
        return _takes_connections(self.address, self.port)


@dataclass(frozen=True)
class RayCluster:
    """The cluster at `address` (`HOST:PORT`, or `auto` for the one that runs here); None: the one that RAY_ADDRESS
    names, or else one of this host alone that ends with the run and listens for this host only."""

    address: str | None = None

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Belong to the cluster for the length of the block.

        Raises:
            EnvironmentProblem: Ray is not installed, or the cluster cannot be reached.
        """
        address = self.address or os.environ.get("RAY_ADDRESS") or "local"
        self._refuse_unreachable(address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a report to Ray's makers, otherwise
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")  # 20 make 12 minutes for a cluster that is gone
        if address == "local":
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # Ray's way to say: on the loopback address
        ray = import_ray()
        try:
            ray.init(
                address,
                logging_level="ERROR",
                log_to_driver=False,
                **({"include_dashboard": False, "object_store_memory": _OBJECTS} if address == "local" else {}),
            )
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as problem:
            raise _unreachable(address) from problem
        try:
            yield
        finally:
            ray.shutdown()

    @staticmethod
    def _refuse_unreachable(address: str) -> None:
        """Ray itself would try for long."""
        host, colon, port = address.rpartition(":")
        if colon and port.isdecimal() and not _takes_connections(host.strip("[]"), int(port)):
            raise _unreachable(address)

    def nodes(self) -> list[ClusterNode]:
        """The hosts that take work: those with GPUs, or where no host has any, those with cores."""
        alive = [node for node in import_ray().nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
        found = [
            ClusterNode(
                node["NodeID"],
                node["NodeManagerAddress"],
                node["NodeManagerPort"],
                int(node["Resources"]["CPU"]),
                int(node["Resources"].get("GPU", 0)),
            )
            for node in alive
        ]
        return [node for node in found if node.gpus] or found

    @property
    def head_reachable(self) -> bool:
        """Whether the head takes connections; without it, Ray ends every driver within a minute."""
        host, _, port = import_ray().get_runtime_context().gcs_address.rpartition(":")
        return _takes_connections(host.strip("[]"), int(port))

    def ask(self, function: Callable[..., _Answer], *arguments: object) -> _Answer:
        """What a function says where pictures are painted.

        Raises:
            EnvironmentProblem: no GPU became free.
            ContextgenError: what the function raised.
        """
        ray = import_ray()
        answer = ray.remote(**needs_of_a_rank(self.nodes()), max_retries=0)(function).remote(*arguments)
        try:
            found: _Answer = ray.get(answer, timeout=_PLACED_WITHIN)
        except ray.exceptions.RayTaskError as problem:
            raise problem.cause from None
        except ray.exceptions.RayError as problem:
            raise EnvironmentProblem(
                f"the Ray cluster does not answer: {problem}", hint="`ray status` shows what it is busy with."
            ) from problem
        return found


def needs_of_a_rank(nodes: Sequence[ClusterNode], ranks: int = 1) -> dict[str, int]:
    """What one of so many ranks a host takes of it: a GPU, or its share of the cores, which are its threads too."""
    if any(node.gpus for node in nodes):
        return {"num_gpus": 1}
    return {"num_cpus": max(1, min((node.cpus for node in nodes), default=1) // ranks)}


def import_ray() -> Any:
    """
    Raises:
        EnvironmentProblem: Ray is not installed.
    """
    try:
        import ray
    except ImportError as problem:
        raise EnvironmentProblem("Ray is not installed", hint="pip install 'contextgen[ray]'") from problem
    return ray


def _unreachable(address: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"no Ray cluster can be reached at {address}",
        hint="`ray status` shows the one that runs here; `--engine ray=HOST:PORT` names another.",
    )


def _takes_connections(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_ANSWERS_WITHIN).close()
    except OSError:
        return False
    return True
