"""Draws the README's moving picture, a layout and what `mini` makes of it: `python docs/drawing/film.py`."""

from __future__ import annotations

from typing import Any

from figures import REPOSITORY, captioned, composed, row
from PIL import Image

from contextgen import ContextGenPipeline
from contextgen_cli.api import load_scene

SCENE = REPOSITORY / "scenes" / "two-subjects.yaml"
FILM = REPOSITORY / "docs" / "pictures" / "from-layout-to-picture.gif"
SIDE = 320  # pixels of each half
STEP, WAIT = 250, 2500  # milliseconds
COLOURS = 128


def stages() -> list[Image.Image]:
    """The picture that the model expects after each of its steps."""
    pipe = ContextGenPipeline.from_pretrained("mini")
    pipe.set_progress_bar_config(disable=True)
    scene = load_scene(SCENE)
    width, height = scene.size
    seen: list[Image.Image] = []

    def look(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        expected = tensors["latents"] - pipe.scheduler.sigmas[step + 1] * tensors["velocity"]
        seen.append(pipe._decode(expected, height, width, "pil")[0])
        return {}

    watched = {"callback_on_step_end": look, "callback_on_step_end_tensor_inputs": ("latents", "velocity")}
    pipe(**scene.arguments(scene.seeds[0]), **watched)
    return seen


def main() -> None:
    layout = captioned(composed(SCENE, "320x320", SIDE), "your pictures in your boxes")
    painted = [captioned(stage.resize((SIDE, SIDE), Image.Resampling.LANCZOS), "the picture") for stage in stages()]
    blank = captioned(Image.new("RGB", (SIDE, SIDE), "white"), "")
    frames = [row([layout, right]).quantize(COLOURS) for right in (blank, *painted)]
    waits = [WAIT // 2, *[STEP] * (len(painted) - 1), WAIT]
    FILM.parent.mkdir(exist_ok=True)
    frames[0].save(FILM, save_all=True, append_images=frames[1:], duration=waits, loop=0, optimize=True)


if __name__ == "__main__":
    main()
