"""What a renderer does where a picture has too little memory."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from painting import TINY_ADAPTER, TINY_MODEL

from contextgen_cli.batch.ledger import read
from contextgen_cli.batch.plan import Job, JobCost, Overrides, Plan, plan
from contextgen_cli.errors import EXIT_ENVIRONMENT, OutOfMemory, WeightsError
from contextgen_cli.models import renderer
from contextgen_cli.models.devices import Device
from contextgen_cli.models.numerics import AdapterChoice, Settings
from contextgen_cli.models.renderer import ModelRenderer
from contextgen_cli.scene.loader import LoadOptions, load

GIB = 1 << 30
TINY = Settings(model=str(TINY_MODEL), adapters=(AdapterChoice(str(TINY_ADAPTER)),), device="cpu", offline=True)


class Presets(list[str]):
    """Presets in the order in which they were opened, and those in which nothing fits."""

    too_large = frozenset[str]()


@pytest.fixture
def opened(monkeypatch) -> Presets:
    """The presets in which a model was opened, on a GPU that is made up."""
    presets = Presets()

    def open_painter(model, settings, device, memory):
        presets.append(memory)
        if memory in presets.too_large:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return SimpleNamespace(free_caches=lambda: presets.append("emptied"))

    monkeypatch.setattr(renderer, "open_painter", open_painter)
    monkeypatch.setattr(renderer, "choose_device", lambda name: Device("cuda:0", "a GPU", 16 * GIB, 24 * GIB))
    return presets


def job_of(scene, renderer: ModelRenderer) -> Job:
    return plan(load([str(scene)], LoadOptions()).scenes, Overrides(), renderer.recipe, renderer.cost).jobs[0]


def test_every_relief_takes_the_next_smaller_preset_and_the_last_empties_caches(scene, opened):
    renderer = ModelRenderer(TINY)
    job = job_of(scene, renderer)
    renderer.open(job)
    told = [renderer.reduce_memory(job) for _ in range(4)]
    assert opened == ["full", "lean", "offload", "sequential", "emptied"]
    assert [words.split(" for ")[0] for words in told] == [
        "--memory lean",
        "--memory offload",
        "--memory sequential",
        "caches emptied",
    ]


def test_smaller_pictures_go_on_in_the_larger_preset(scene, opened):
    renderer = ModelRenderer(TINY)
    job = job_of(scene, renderer)
    renderer.open(job)
    renderer.reduce_memory(job)
    renderer.open(replace(job, cost=JobCost(1, 1.0, job.cost.bytes - 1)))
    assert opened == ["full", "lean", "full"]


def test_a_preset_that_cannot_be_opened_either_is_passed_over(scene, opened):
    renderer = ModelRenderer(TINY)
    job = job_of(scene, renderer)
    renderer.open(job)
    opened.too_large = {"lean", "offload"}
    assert renderer.reduce_memory(job) == "--memory sequential for pictures of this size"
    assert opened == ["full", "lean", "offload", "sequential"]


def test_where_no_preset_can_be_opened_the_picture_fails_and_the_next_begins_anew(scene, opened):
    renderer = ModelRenderer(TINY)
    job = job_of(scene, renderer)
    renderer.open(job)
    opened.too_large = {"lean", "offload", "sequential"}
    with pytest.raises(OutOfMemory, match="not even with --memory sequential"):
        renderer.reduce_memory(job)
    renderer.open(job)
    assert opened == ["full", "lean", "offload", "sequential", "full"]


def test_a_model_that_cannot_be_opened_ends_the_run_whatever_the_reason(contextgen, scene, tmp_path, monkeypatch):
    def open_painter(*_: object) -> None:
        raise KeyError("broken install")

    monkeypatch.setattr(renderer, "open_painter", open_painter)
    options = ("--model", TINY_MODEL, "--adapter", TINY_ADAPTER, "--device", "cpu", "--seed", "2")
    ended = contextgen("render", scene, "-o", tmp_path / "out", *options, "--processes", "0")
    assert ended.code == EXIT_ENVIRONMENT
    assert "the model could not be opened: KeyError: 'broken install'" in ended.err
    assert not read(tmp_path / "out").attempts


@pytest.mark.parametrize("what", ["model", "adapters"])
def test_other_weights_than_those_of_the_plan_are_not_opened(scene, opened, what):
    renderer = ModelRenderer(TINY)
    job = job_of(scene, renderer)
    (adapter,) = job.recipe.adapters
    other = replace(job.recipe.model, digest="0" * 64) if what == "model" else (replace(adapter, scale=0.5),)
    with pytest.raises(WeightsError, match="has other weights here"):
        renderer.open(replace(job, recipe=replace(job.recipe, **{what: other})))
    assert opened == []


@pytest.mark.parametrize("order", [1, -1])
def test_the_largest_picture_says_what_a_model_takes(scene, order):
    renderer = ModelRenderer(TINY)
    job = job_of(scene, renderer)
    jobs = [replace(job, cost=JobCost(1, 1.0, size)) for size in (GIB // 8, GIB // 4, GIB // 16)]
    (footprint,) = renderer.footprints(Plan(tuple(jobs[::order]))).values()
    assert footprint.activations == GIB // 4
