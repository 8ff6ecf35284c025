"""Which addresses a run listens on: those that are meant."""

from __future__ import annotations

import ipaddress
import sys

import psutil
import pytest
from painters import job, make_joint

from contextgen_cli.batch.hosts.launcher_env import LauncherEnv, open_store
from contextgen_cli.batch.hosts.listening import listen
from contextgen_cli.batch.picture_group import PictureGroup
from contextgen_cli.batch.rank import RankPlace
from contextgen_cli.errors import EnvironmentProblem

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads which sockets a process has")


def listened_on(process: psutil.Process) -> set[str]:
    """The addresses beside those that only this host reaches."""
    sockets = [each for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN]
    return {each.laddr.ip for each in sockets if not ipaddress.ip_address(each.laddr.ip).is_loopback}


def sockets_of(process: psutil.Process) -> int:
    return sum(each.status == psutil.CONN_LISTEN for each in process.net_connections("inet"))


def test_the_store_of_a_run_listens_where_the_others_are_told_to_come() -> None:
    before = sockets_of(psutil.Process())
    store = open_store(LauncherEnv(rank=0, size=2, address="127.0.0.1", port=0))
    assert sockets_of(psutil.Process()) == before + 1
    assert listened_on(psutil.Process()) == set()
    del store


def test_an_address_of_another_host_is_refused_with_words() -> None:
    with pytest.raises(EnvironmentProblem, match=r"cannot listen at 192\.0\.2\.77:29500"):
        open_store(LauncherEnv(rank=0, size=2, address="192.0.2.77", port=29500))


def test_a_port_that_is_taken_is_told() -> None:
    taken = listen("127.0.0.1", 0)
    with pytest.raises(EnvironmentProblem, match="in use"):
        open_store(LauncherEnv(rank=0, size=2, address="127.0.0.1", port=taken.port))


@pytest.mark.processes
def test_processes_that_share_a_picture_meet_where_no_other_host_comes() -> None:
    with PictureGroup(make_joint(RankPlace(0, 2)), make_joint, 2) as group:
        group.open(job("a"))
        group.render(job("a"), lambda step: None)
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        assert sum(map(sockets_of, family)) >= 3, "the store, and each one's own"
        assert [listened_on(each) for each in family] == [set()] * len(family)
