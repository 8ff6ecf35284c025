"""What a report shows of a scene's subjects is what the layout image has of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from folders import OTHER_RECIPE, RECIPE, paint
from painting import TINY_MODEL
from PIL import Image, ImageDraw

from contextgen.backends.base import Backend
from contextgen.backends.families import backend_of
from contextgen.backends.flux_kontext.backend import read_model_card
from contextgen.method.method_card import ModelCard
from contextgen.weights.checkpoints import find
from contextgen_cli.models.catalogue import recorded_card
from contextgen_cli.models.renderer import compose
from contextgen_cli.scene.scene import Scene

CANVAS = (160, 128)
BOXES = {  # left, top, width, height; what is flat or narrow lets a subject of its area stick out
    "inside": (40, 30, 70, 61),
    "at the top": (31, 0, 90, 16),
    "at the bottom": (13, 115, 101, 13),
    "at the left": (0, 9, 11, 110),
    "at the right": (147, 5, 13, 97),
    "in the corner": (96, 108, 64, 20),
    "as large as the canvas": (0, 0, *CANVAS),
}
MODELS = {"canvas": (RECIPE, find("mini")), "picture": (OTHER_RECIPE, TINY_MODEL)}  # by their references' frame


@pytest.fixture(params=["ellipse", "rectangle"])
def shape(request, tmp_path: Path) -> str:
    """A subject off the middle of its picture, where `paint` has its scenes."""
    folder = tmp_path / "scenes" / "refs"
    folder.mkdir(parents=True)
    picture = Image.new("RGBA", (131, 87))
    getattr(ImageDraw.Draw(picture), request.param)((60, 7, 118, 70), fill="red")
    picture.save(folder / "crab.png")
    return request.param


@pytest.mark.parametrize("frame", MODELS)
@pytest.mark.parametrize("fit", ["area", "stretch", "image"])
@pytest.mark.parametrize("turn", [{}, {"flip": "horizontal", "rotate": 90}], ids=["upright", "turned"])
def test_the_page_shows_subjects_where_the_layout_image_has_them(contextgen, tmp_path, shape, fit, frame, turn):
    instances = [
        {"reference": "crab", "box": dict(zip(("x", "y", "width", "height"), box, strict=True)), "fit": fit, **turn}
        for box in BOXES.values()
    ]
    said = {
        "canvas": {"width": CANVAS[0], "height": CANVAS[1]},
        "references": {"crab": {"image": "refs/crab.png"}},
        "instances": instances,
    }
    recipe, model = MODELS[frame]
    job, backend = paint(tmp_path / "out", "edges", recipe=recipe, **said), backend_of(model)
    assert read_model_card(model).reference_frame == frame
    pieces = pieces_of(contextgen("report", tmp_path / "out"), "edges-0")
    shown = {where: on_the_canvas(piece) for where, piece in zip(BOXES, pieces, strict=True)}
    assert shown == {where: drawn(job.scene, number, backend) for number, where in enumerate(BOXES)}


def test_the_card_is_that_of_the_model_that_painted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert recorded_card("mini") == read_model_card(find("mini"))
    for elsewhere in ("kontext", "somebody/something", "a-folder"):
        assert recorded_card(elsewhere) == ModelCard()


def pieces_of(result, name: str) -> list[list[Any]]:
    assert result.code == 0, result.err
    page = Path(result.lines[0]).read_text("utf-8")
    (content,) = re.findall(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    return next(entry for entry in json.loads(content)["entries"] if entry["name"] == name)["layout"]["pieces"]


def on_the_canvas(piece: list[Any]) -> tuple[int, ...]:
    """Edges in pixels of what can be seen of a piece: its place is in per cent of the canvas."""
    _, left, top, width, height = piece
    edges = [part * side / 100 for part, side in zip((left, top, left + width, top + height), CANVAS * 2, strict=True)]
    return tuple(min(max(round(edge), 0), side) for edge, side in zip(edges, CANVAS * 2, strict=True))


def drawn(scene: Scene, number: int, backend: Backend) -> tuple[int, ...] | None:
    """The tight box of one subject in the layout image."""
    return compose(replace(scene, instances=scene.instances[number : number + 1]), backend).getchannel("A").getbbox()
