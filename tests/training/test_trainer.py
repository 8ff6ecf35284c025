"""Whole runs on the tiny real model: they learn, resume to the bit, stop when asked and when they must."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from shapes import TINY, Notes, Shapes, config, open_shapes, stage
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from contextgen import ContextGenPipeline
from contextgen.training import checkpointing
from contextgen.training.callbacks import Diverged
from contextgen.training.config import Dpo, Flow, Lora, Optimizer, Start
from contextgen.training.saving import adapter_file
from contextgen.training.trainer import ChangedConfig, Ending, train

pytestmark = pytest.mark.training


def open_one(data: object, seed: int) -> Shapes:
    return Shapes(seed, distinct=1)


def final_weights(output: Path) -> dict[str, torch.Tensor]:
    """Of the newest checkpoint, with the averages where it has any."""
    parts = {part: kept(output)[-1] / f"{part}.safetensors" for part in ("weights", "average")}
    loaded = {part: load_file(file) for part, file in parts.items() if file.exists()}
    return {f"{part}.{name}": tensor for part, tensors in loaded.items() for name, tensor in tensors.items()}


def test_it_learns_one_example_by_heart(tmp_path: Path) -> None:
    told = Notes()
    learning = stage(
        steps=30, batch=2, objective=Flow(text_drop=0), optimizer=Optimizer(learning_rate=3e-3), checkpoint_every=100
    )
    assert train(config(tmp_path, learning), told, open_one) is Ending.FINISHED
    assert sum(told.losses[-10:]) < 0.8 * sum(told.losses[:10])
    painter = ContextGenPipeline.from_pretrained(tmp_path / "model")
    assert painter.transformer.dtype is torch.float32


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole, parts = config(tmp_path / "whole"), config(tmp_path / "parts")
    assert train(whole, Notes(), open_shapes) is Ending.FINISHED
    assert train(parts, Notes(stop_after=3), open_shapes) is Ending.STOPPED
    assert train(parts, Notes(), open_shapes) is Ending.FINISHED
    assert train(parts, Notes(), open_shapes) is Ending.ALREADY
    ours, theirs = final_weights(parts.output), final_weights(whole.output)
    assert ours.keys() == theirs.keys()
    assert any(name.startswith("average.") for name in ours)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    ends = [checkpointing.read_progress(kept(run.output)[-1]) for run in (parts, whole)]
    assert ends[0].monitor == ends[1].monitor


def test_every_step_draws_its_own_noise_and_times(tmp_path: Path) -> None:
    told = Notes()
    still = stage(
        steps=4, objective=Flow(text_drop=0), optimizer=Optimizer(learning_rate=1e-12, weight_decay=0), ema=None
    )
    train(config(tmp_path, still), told, open_one)
    assert len({round(loss, 4) for loss in told.losses}) == 4


def test_tensorboard_gets_the_curves_of_a_run_and_of_what_resumed_it(tmp_path: Path) -> None:
    told = config(tmp_path, tensorboard=True)
    train(told, Notes(stop_after=3), open_shapes)
    assert train(told, Notes(), open_shapes) is Ending.FINISHED
    job_store = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    losses = [(event.step, round(event.value, 5)) for event in job_store.Scalars("sft/loss")]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert losses == [(line["step"], round(line["loss"], 5)) for line in lines]


def test_a_later_stage_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    """Preference needs the weights its stage began with, also when it resumes amid the stage."""
    parts = (stage(steps=2), stage(name="dpo", objective=Dpo(), steps=4, ema=None))
    whole, stopped = config(tmp_path / "whole", *parts), config(tmp_path / "parts", *parts)
    train(whole, Notes(), open_shapes)
    assert train(stopped, Notes(stop_after=4), open_shapes) is Ending.STOPPED
    train(stopped, Notes(), open_shapes)
    ours, theirs = final_weights(stopped.output), final_weights(whole.output)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_longer_stage_goes_on_and_other_changes_are_refused(tmp_path: Path) -> None:
    train(config(tmp_path, stage(steps=2)), Notes(), open_shapes)
    told = Notes()
    train(config(tmp_path, stage(steps=3)), told, open_shapes)
    assert [record.stage_step for record in told.records] == [3]
    with pytest.raises(ChangedConfig, match=r"stages\[0\]\.batch"):
        train(config(tmp_path, stage(steps=3, batch=5)), Notes(), open_shapes)


def test_a_checkpoint_of_an_older_version_is_gone_on_from(tmp_path: Path) -> None:
    """Its fingerprint had another name, every objective's settings, and not yet all of today's."""
    train(config(tmp_path, stage(steps=1)), Notes(), open_shapes)
    file = kept(tmp_path)[-1] / "progress.json"
    stated = json.loads(file.read_text())
    stated["decisive"] = stated.pop("resume_fingerprint")
    del stated["decisive"]["stages"][0]["draws"]
    stated["decisive"]["stages"][0]["beta"] = 500.0
    file.write_text(json.dumps(stated))
    told = Notes()
    train(config(tmp_path, stage(steps=2)), told, open_shapes)
    assert [record.stage_step for record in told.records] == [2]


def test_the_average_is_what_is_saved(tmp_path: Path) -> None:
    run = config(tmp_path, stage(steps=3, ema=0.9, checkpoint_every=1))
    train(run, Notes(), open_shapes)
    weights = [load_file(path / "weights.safetensors") for path in kept(tmp_path)]
    averages = [load_file(path / "average.safetensors") for path in kept(tmp_path)]
    name = "transformer.proj_out.weight"
    decay = min(0.9, 3 / 12)  # in the third step
    by_hand = decay * averages[0][name] + (1 - decay) * weights[1][name]
    assert torch.allclose(averages[1][name], by_hand, atol=1e-7)
    saved = ContextGenPipeline.from_pretrained(tmp_path / "model").transformer.proj_out.weight
    assert torch.equal(saved, averages[1][name].bfloat16().float())


def test_metrics_have_one_line_a_step_also_after_a_stop(tmp_path: Path) -> None:
    run = config(tmp_path, stage(steps=4, checkpoint_every=2))
    train(run, Notes(stop_after=3), open_shapes)
    newest = kept(tmp_path)[-1]
    newest.rename(newest.with_name("lost"))  # as if the machine had died before it was written
    train(run, Notes(), open_shapes)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert all(line["loss"] > 0 and line["samples_per_second"] > 0 for line in lines)


def test_a_loss_that_is_no_number_stops_with_the_last_checkpoint_kept(tmp_path: Path) -> None:
    wild = stage(steps=50, optimizer=Optimizer(learning_rate=1e30), checkpoint_every=1, ema=None)
    with pytest.raises(Diverged):
        train(config(tmp_path, wild), Notes(), open_shapes)
    assert kept(tmp_path)


def test_text_encoders_move_only_when_told(tmp_path: Path) -> None:
    train(config(tmp_path / "still", stage(steps=1)), Notes(), open_shapes)
    train(config(tmp_path / "along", stage(steps=1), train_text_encoders=True), Notes(), open_shapes)
    assert not [name for name in final_weights(tmp_path / "still") if name.startswith("weights.text")]
    assert [name for name in final_weights(tmp_path / "along") if name.startswith("weights.text_encoder_2.")]


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_accumulation_sample_by_sample_is_the_batch(tmp_path: Path, precision: str) -> None:
    told = Notes(), Notes()
    for notes, attention in zip(told, ("exact", "masked"), strict=True):
        once = stage(steps=1, batch=3, accumulate=2, objective=Flow(attention=attention))
        train(config(tmp_path / attention, once, precision=precision), notes, open_shapes)
    tolerance = 1e-4 if precision == "float32" else 0.05
    exact, masked = (notes.records[0] for notes in told)
    assert exact.loss == pytest.approx(masked.loss, rel=tolerance)
    assert exact.gradient_norm == pytest.approx(masked.gradient_norm, rel=tolerance)


@pytest.mark.parametrize("name", ["adamw", "prodigy"])
def test_lora_gives_an_adapter_that_changes_the_picture(tmp_path: Path, name: str) -> None:
    moving = stage(steps=4, optimizer=Optimizer(name=name, learning_rate=1e-2 if name == "adamw" else None))
    run = config(tmp_path, moving, weights=Lora(rank=4, alpha=8))
    assert train(run, Notes(), open_shapes) is Ending.FINISHED
    adapted = ContextGenPipeline.from_pretrained(TINY, adapter=tmp_path / "adapter")
    plain = ContextGenPipeline.from_pretrained(TINY)
    assert not torch.equal(adapted.transformer.x_embedder.weight, plain.transformer.x_embedder.weight)
    example = Shapes().batch(0, 1)[0]
    pictures = [
        painter(example.prompt, example.instances, width=64, height=48, num_inference_steps=1, seed=1, output_type="pt")
        for painter in (adapted, plain)
    ]
    assert not torch.allclose(pictures[0].images, pictures[1].images)


def test_lora_goes_on_from_an_adapter_and_to_the_same_bits(tmp_path: Path) -> None:
    lora = Lora(rank=4, alpha=8)
    train(config(tmp_path / "first", stage(steps=2), weights=lora), Notes(), open_shapes)
    start = Start(model=str(TINY), adapter=str(tmp_path / "first" / "adapter"))
    whole, parts = (config(tmp_path / name, stage(steps=3), weights=lora, start=start) for name in ("whole", "parts"))
    train(whole, Notes(), open_shapes)
    train(parts, Notes(stop_after=1), open_shapes)
    train(parts, Notes(), open_shapes)
    assert (parts.output / "adapter" / adapter_file(3)).read_bytes() == (
        whole.output / "adapter" / adapter_file(3)
    ).read_bytes()


def kept(output: Path) -> list[Path]:
    return sorted((output / "checkpoints").iterdir())
