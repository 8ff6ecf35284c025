"""What training leaves behind for rendering."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from shapes import TINY

from contextgen import ContextGenPipeline
from contextgen.training.config import Lora
from contextgen.training.saving import adapter_file, save_adapter, save_model


def test_a_model_is_rounded_to_its_cards_precision_and_loses_what_was_measured_of_other_weights(tmp_path: Path) -> None:
    pipe = ContextGenPipeline.from_pretrained(TINY, torch_dtype=torch.float32)
    card = tmp_path / "card.json"
    card.write_text(json.dumps({"steps": 4, "mag_ratios": [1.0, 1.1, 1.2, 1.3]}))
    save_model(pipe, tmp_path / "model", card)
    assert json.loads((tmp_path / "model" / "contextgen.json").read_text()) == {"steps": 4}
    (file,) = (tmp_path / "model" / "transformer").glob("*.safetensors")
    with safe_open(file, "pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.bfloat16}  # noqa: SIM118
    assert pipe.transformer.dtype is torch.float32
    assert ContextGenPipeline.from_pretrained(tmp_path / "model").card.steps == 4


def test_an_adapter_is_named_as_diffusers_names_it(tmp_path: Path) -> None:
    parameters = {f"transformer.x_embedder.lora_{half}.default.weight": torch.ones(2, 2) for half in "AB"}
    save_adapter(parameters, tmp_path / "adapter" / adapter_file(20), Lora(rank=2, alpha=4), torch.bfloat16)
    with safe_open(tmp_path / "adapter" / "transformer_00020.safetensors", "pt") as adapter:
        assert sorted(adapter.keys()) == [f"transformer.x_embedder.lora_{half}.weight" for half in "AB"]
        told = json.loads(adapter.metadata()["lora_adapter_metadata"])
    assert sorted(told.values()) == [2, 4]
