"""A rank's renderer: every setting reaches it, and each rank of a host has a device of its own."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
from machines import put_in
from painting import TINY_ADAPTER, TINY_MODEL

from contextgen_cli.app.rank_renderer import RankRenderer
from contextgen_cli.batch.rank import RankPlace
from contextgen_cli.errors import DeviceError
from contextgen_cli.models.numerics import AdapterChoice, Settings
from contextgen_cli.terminal import console
from contextgen_cli.terminal.console import RankConsole

TINY = Settings(model=str(TINY_MODEL), adapters=(AdapterChoice(str(TINY_ADAPTER)),), device="cpu")


def test_a_rank_gets_every_setting():
    numerics = {"dtype": "bfloat16", "attention": "masked", "ica": "paper", "quantize": "int8", "compile": True}
    asked = replace(TINY, memory="full", numerics=tuple(numerics.items()), cache="texts")
    maker = pickle.loads(
        pickle.dumps(RankRenderer(asked, RankConsole(2), {"tiny-kontext": "full"}))
    )  # as to a new process
    renderer = maker(RankPlace(1, 2, 1, 2))
    assert renderer._settings == asked
    assert renderer.presets == {"tiny-kontext": "full"}
    assert console.verbosity() == 2


@pytest.mark.parametrize(
    ("asked", "taken"), [(None, [0, 1, 2, 0]), ("cuda", [0, 1, 2, 0]), ("cuda:0,2", [0, 2, 0, 2]), ("cuda:1", [1] * 4)]
)
def test_each_rank_of_a_host_takes_the_next_device_and_makes_it_current(asked, taken, monkeypatch):
    current = put_in(monkeypatch, "cuda", 3)
    make = RankRenderer(replace(TINY, device=asked), RankConsole(0))
    assert [make(RankPlace(8 + rank, 16, rank, 4)).device for rank in range(4)] == [f"cuda:{each}" for each in taken]
    assert current == [f"cuda:{each}" for each in taken]


@pytest.mark.parametrize("asked", [None, 3])
def test_ranks_share_the_cpus_of_their_host_unless_they_are_told_how_many(asked, monkeypatch):
    import torch

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(5)
        make = RankRenderer(replace(TINY, threads=asked), RankConsole(0))
        assert make(RankPlace(0, 1000, 0, 1000)).device == "cpu"
        assert torch.get_num_threads() == (asked or 1)
    finally:
        torch.set_num_threads(before)


def test_a_host_without_the_device_refuses_it():
    with pytest.raises(DeviceError, match="no device 'xpu:1' on this machine"):
        RankRenderer(replace(TINY, device="xpu:1"), RankConsole(0))(RankPlace(0, 2))
