"""Measures what `--cache-steps mag` must know of a model, and puts it into the model's card.

`python benchmarks/mag_ratios.py [--model mini] [--adapter DIR] [--scenes 12] [--dry-run]` paints scenes of objects that
models are trained on, on the canvas and with the steps of the card, and writes the ratios to `contextgen.json` in the
model's folder. Run it again whenever the weights change.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from contextgen import ContextGenPipeline
from contextgen.data.objects import objects
from contextgen.data.synthetic_scenes import draw
from contextgen.evaluation.mag_calibration import mag_ratios
from contextgen.method.method_card import ModelCard
from contextgen.weights.card import CARD_FILE
from contextgen.weights.checkpoints import find

SIDE = 256  # pixels, of the scenes as they are drawn
DIGITS = 4


def picture(number: int, card: ModelCard) -> dict[str, Any]:
    """A scene as the pipeline takes it, its boxes scaled to the card's canvas."""
    rng = np.random.default_rng([7, number])
    scene = draw(rng, "plain", (SIDE, SIDE), int(rng.integers(1, 5)), objects("train"))
    scale = np.array([card.width, card.height] * 2) / SIDE
    instances = [replace(each, box=tuple((each.box * scale).astype(int).tolist())) for each in scene.instances]
    return {"prompt": scene.prompt, "instances": instances, "width": card.width, "height": card.height, "seed": number}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--adapter")
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dry-run", action="store_true", help="leave the card as it is")
    asked = parser.parse_args()
    dtype = getattr(torch, asked.dtype)
    pipe = ContextGenPipeline.from_pretrained(asked.model, adapter=asked.adapter, torch_dtype=dtype).to(asked.device)
    pipe.set_progress_bar_config(disable=True)
    ratios = mag_ratios(pipe, [picture(number, pipe.card) for number in range(asked.scenes)])
    stated = {"mag_ratios": [round(ratio, DIGITS) for ratio in ratios]}
    print(json.dumps(stated))
    if not asked.dry_run:
        file = find(asked.model) / CARD_FILE
        before = json.loads(file.read_text("utf-8")) if file.is_file() else {}
        file.write_text(json.dumps({**before, **stated}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
