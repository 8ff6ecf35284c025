"""Two processes with a picture between them: what each of them gets is what one alone computes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from geometries import random_sequence, small_transformer, velocity
from golden_cases import load, read, relative
from torch import distributed, multiprocessing

from contextgen.backends.flux_kontext.attention.exact_attention import ExactAttention
from contextgen.backends.flux_kontext.attention.parallel import PARALLELS, Parallel, SharedArrangement, check_parallel
from contextgen.method.blocks import block_rules

SIZE = 2
SEEDS = range(8)
# Matrix products over fewer rows, and over heads apart, are added up in another order: a few units in the last place of
# every block. A wrong key or a row out of place is off by a tenth and more.
IN_DOUBLE, IN_SINGLE = 1e-12, 1e-5


class Sharing:
    """An attention whose sequences are laid out for this process."""

    def __init__(self, attention: ExactAttention, parallel: Parallel) -> None:
        self._attention, self._parallel = attention, parallel

    def arrange(self, sequence, device) -> SharedArrangement:
        return SharedArrangement(self._attention.arrange(sequence, device), self._parallel)


def velocities(parallel: Parallel) -> dict[str, float]:
    """The largest error of each kind of transformer, over all sequences."""
    errors = {}
    for ica in ("released", "paper"):
        for blocks in ((2, 3), (2, 0), (1, 1)):
            transformer = small_transformer(*blocks).double()
            attention = ExactAttention(transformer, block_rules(*blocks, ica_blocks={0, sum(blocks) // 2}), ica)
            shared = Sharing(attention, parallel)
            errors[f"{ica} {blocks}"] = max(
                relative(velocity(transformer, shared, sequence), velocity(transformer, attention, sequence))
                for sequence in map(random_sequence, SEEDS)
            )
    return errors


def pictures(parallel: Parallel) -> dict[str, float]:
    pipe = load()
    pipe.set_progress_bar_config(disable=True)
    errors = {}
    for name in ("one_masked", "three_given_layout"):
        for settings in ({}, {"cache_steps": "mag"}, {"reuse_references": 2}):
            pipe.cache_steps, pipe.reuse_references = settings.get("cache_steps"), settings.get("reuse_references", 1)
            call = {**read("cases", name).call, "num_inference_steps": 4, "output_type": "latent"}
            pipe.card = pipe.card.__class__(**{**vars(pipe.card), "mag_ratios": (1.0, 1.0)})
            pipe.parallel = None
            alone = pipe(**call).images
            pipe.parallel = parallel
            errors[f"{name} {settings}"] = relative(pipe(**call).images, alone)
    return errors


def work(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    store = distributed.FileStore(str(folder / "store"), SIZE)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=SIZE)
    with torch.no_grad():
        found = {way: [velocities(Parallel(way)), pictures(Parallel(way))] for way in PARALLELS}
    (folder / f"{rank}.json").write_text(json.dumps(found))
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[dict[str, float]]]]:
    """What each process found, by way."""
    folder = tmp_path_factory.mktemp("parallel")
    multiprocessing.spawn(work, (folder,), nprocs=SIZE)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(SIZE)]


@pytest.mark.processes
@pytest.mark.parametrize("way", PARALLELS)
def test_two_processes_compute_what_one_does(found, way: str) -> None:
    for velocity_errors, picture_errors in (each[way] for each in found):
        assert max(velocity_errors.values()) < IN_DOUBLE, velocity_errors
        assert max(picture_errors.values()) < IN_SINGLE, picture_errors


def test_what_cannot_be_shared_is_refused() -> None:
    check_parallel("ring", 3, heads=2)
    with pytest.raises(ValueError, match="the model has 24, which 5 processes cannot share"):
        check_parallel("ulysses", 5, heads=24)
    with pytest.raises(ValueError, match="one of the ways"):
        check_parallel("star", 2, heads=2)
