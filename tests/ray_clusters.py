"""A Ray cluster of this machine alone, whose hosts can be killed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}  # the first: on 127.0.0.1 alone
os.environ.update(LOOPBACK)  # read when Ray is imported
_NODE = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": 80 << 20}


class Cluster:
    """As `ray.cluster_utils` makes it: a head that paints nothing, and hosts with one core each."""

    def __init__(self, hosts: int) -> None:
        from ray.cluster_utils import Cluster as RayCluster

        head = {**_NODE, "num_cpus": 0, "include_dashboard": False}
        self._cluster = RayCluster(initialize_head=True, head_node_args=head)
        self.hosts = [self.join() for _ in range(hosts)]

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def join(self) -> object:
        """Another host comes."""
        return self._cluster.add_node(wait=True, **_NODE)

    def kill(self, host: object) -> None:
        """A host goes, without a word."""
        host.kill_raylet()  # type: ignore[attr-defined]

    def kill_head(self) -> None:
        self._cluster.head_node.kill_gcs_server()
        self._cluster.head_node.kill_raylet()

    def shutdown(self) -> None:
        with contextlib.suppress(Exception):  # parts of it were killed
            self._cluster.shutdown()


@contextlib.contextmanager
def cluster(hosts: int) -> Iterator[Cluster]:
    there = Cluster(hosts)
    try:
        yield there
    finally:
        there.shutdown()
