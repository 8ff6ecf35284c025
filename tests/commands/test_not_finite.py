"""A model whose numbers run away: finite weights, and NaN or infinity in what is computed with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from painting import TINY_MODEL, write_scene
from safetensors.torch import load_file, save_file
from training_files import training_file

VAE = "vae/diffusion_pytorch_model.safetensors"
FLUX = "transformer/diffusion_pytorch_model.safetensors"
OVERFLOWS = {
    "in the decoder": (VAE, "decoder.conv_out.weight", "NaN or infinity in the decoded picture, computed in float32"),
    "in the transformer": (FLUX, "proj_out.weight", "NaN or infinity in the latents, computed in float32"),
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY_MODEL, tmp_path / "model"))


def overflow(model: Path, file: str, name: str) -> None:
    tensors = load_file(model / file)
    save_file({**tensors, name: torch.full_like(tensors[name], 3e38)}, model / file, {"format": "pt"})


@pytest.mark.parametrize(("file", "name", "words"), OVERFLOWS.values(), ids=OVERFLOWS)
@pytest.mark.parametrize("more", [(), ("--cache-steps", "taylor"), ("--attention", "masked")])
def test_it_is_a_failed_job_with_a_line_in_the_ledger_and_no_file(contextgen, tmp_path, model, file, name, words, more):
    overflow(model, file, name)
    scene = write_scene(tmp_path / "picnic.yaml", seeds=[1, 2])
    out = tmp_path / "out"
    result = contextgen("render", scene, "--model", model, "--device", "cpu", "--steps", 2, *more, "-o", out, "--json")
    assert result.code == 1, result.err
    *jobs, summary = result.records
    assert [job["status"] for job in jobs] == ["failed", "failed"]
    assert all(job["error"]["message"] == f"no picture came out: {words}" for job in jobs)
    assert "--dtype" in jobs[0]["error"]["hint"]
    assert (summary["failed"], summary["rendered"]) == (2, 0)
    assert not list(out.glob("*.png"))
    lines = [json.loads(line) for line in (out / "ledger.jsonl").read_text().splitlines()]
    assert [line["outcome"] for line in lines if "outcome" in line] == ["failed", "failed"]
    assert "Traceback" not in result.err


def test_a_benchmark_ends_with_the_words(contextgen, model):
    overflow(model, *OVERFLOWS["in the transformer"][:2])
    quickly = ("--steps", 1, "--level", "plain", "--scenes", 1)
    result = contextgen("bench", "synthetic", "--model", model, "--device", "cpu", *quickly)
    assert result.code == 1, result.err
    assert "NaN or infinity in the latents, computed in float32" in result.err


@pytest.mark.training
def test_a_training_says_that_a_sample_is_no_picture(contextgen, tmp_path, model):
    overflow(model, *OVERFLOWS["in the decoder"][:2])  # which training itself does not use
    samples = "{every: 1, scenes: 1, steps: 1}"
    (tmp_path / "run.yaml").write_text(training_file(model, samples=samples))
    result = contextgen("train", tmp_path / "run.yaml", "--device", "cpu")
    assert result.code == 1, result.err
    assert "a sample could not be painted: NaN or infinity in the decoded picture" in result.err
    assert [path.name for path in (tmp_path / "out").rglob("*.png")] == ["curves.png"]
