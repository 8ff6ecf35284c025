"""The authors' outputs on the tiny model (tests/golden/README.md), read once for all tests that hold us to them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from contextgen import ContextGenPipeline, Instance
from contextgen.backends.flux_kontext.backend import read_model_card
from contextgen.method.layout import Layout, PreparedReference, compose, given_layout, prepare_reference
from contextgen.method.sequence import JointSequence, arrange

GOLDEN = Path(__file__).parent / "golden"
TINY = GOLDEN / "tiny-kontext"
CASES = sorted(path.name for path in (GOLDEN / "cases").iterdir())
LAYOUTS = sorted(path.name for path in (GOLDEN / "layouts").iterdir())


@dataclass(frozen=True)
class Case:
    """A golden case; `expected` is empty for a layout."""

    folder: Path
    stated: dict[str, Any]
    instances: list[Instance]
    expected: dict[str, torch.Tensor]
    token_lengths: list[int]

    @property
    def size(self) -> tuple[int, int]:
        return self.stated["width"], self.stated["height"]

    @property
    def given(self) -> Image.Image | None:
        name = self.stated.get("layout")
        return Image.open(self.folder / name) if name else None

    @property
    def references(self) -> list[PreparedReference]:
        return [prepare_reference(instance, read_model_card(TINY), *self.size) for instance in self.instances]

    @property
    def layout(self) -> Layout:
        if self.given is not None:
            return given_layout(self.given, *self.size)
        return compose(self.references, self.instances, *self.size)

    @property
    def sequence(self) -> JointSequence:
        boxes = [instance.box for instance in self.instances]
        return arrange(self.references, boxes, self.size, read_model_card(TINY))

    def mask(self, name: str) -> np.ndarray:
        rows = np.unpackbits(self.expected[name].numpy(), axis=1)
        return rows[:, : sum(self.token_lengths)].astype(bool)

    def picture(self, name: str) -> np.ndarray:
        return np.asarray(Image.open(self.folder / name).convert("RGB")).astype(float)

    @property
    def call(self) -> dict[str, Any]:
        """The arguments of the pipeline."""
        width, height = self.size
        return {
            "prompt": self.stated["prompt"],
            "instances": self.instances,
            "layout": self.given,
            "height": height,
            "width": width,
            "num_inference_steps": self.stated["steps"],
            "guidance_scale": self.stated["guidance"],
            "seed": self.stated["seed"],
        }


def load(**options) -> ContextGenPipeline:
    """The tiny model with its adapter."""
    pipe = ContextGenPipeline.from_pretrained(TINY, **{"adapter": TINY / "adapter", **options})
    pipe.set_progress_bar_config(disable=True)
    return pipe


def read(kind: str, name: str) -> Case:
    folder = GOLDEN / kind / name
    stated = json.loads((folder / "case.json").read_text())
    instances = [
        Instance(
            Image.open(folder / item["image"]),
            Image.open(folder / item["mask"]) if "mask" in item else None,
            tuple(item["box"]),
            item.get("fit", "area"),
        )
        for item in stated["instances"]
    ]
    tensors = folder / "expected.safetensors"
    if not tensors.exists():
        return Case(folder, stated, instances, {}, [])
    with safe_open(tensors, "pt") as stream:
        lengths = json.loads(stream.metadata()["token_lengths"])
    return Case(folder, stated, instances, load_file(tensors), lengths)


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())
