"""The embedded model: found without being named, named where it is listed, and painting what a scene says."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from painting import TINY_MODEL, write_scene
from PIL import Image

from contextgen.backends.flux_kontext.backend import read_model_card
from contextgen.evaluation.synthetic.background_metric import nearest_background
from contextgen.weights.checkpoints import DEFAULT, find
from contextgen_cli.resources import resource

FIRST_SCENE = resource("scenes/two-subjects.yaml")
REFERENCES = FIRST_SCENE.parent / "refs"
BOXES = {"crab": (16, 88, 144, 208), "handbag": (152, 112, 240, 212)}
LARGEST_FILE, LARGEST_MODEL = 16 << 20, 48 << 20  # bytes, the objects of the training pictures among them
Colours = np.ndarray  # (..., 3), 0 to 255


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A copy of the tiny model whose card limits the canvas."""
    folder = Path(shutil.copytree(TINY_MODEL, tmp_path / "small"))
    limits = {"width": 128, "height": 128, "smallest_side": 96, "largest_side": 192, "largest_aspect": 2}
    (folder / "contextgen.json").write_text(json.dumps(limits))
    return folder


def test_it_is_whole_and_small_enough_to_travel():
    folder = find(DEFAULT, offline=True)
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    objects = folder.with_name("data") / "objects.zip"
    assert max(sizes) <= LARGEST_FILE
    assert sum(sizes) + objects.stat().st_size <= LARGEST_MODEL


def test_it_says_what_a_step_cache_must_know():
    card = read_model_card(find(DEFAULT, offline=True))
    assert card.mag_ratios is not None, "run `contextgen bench calibrate -o FILE`, and put that in its place"
    assert len(card.mag_ratios) == card.steps


def test_it_is_taken_where_nothing_names_another(contextgen, scene, tmp_path, monkeypatch):
    def model(*options: object) -> str:
        lines = contextgen("render", scene, "--dry-run", "--json", "--device", "cpu", *options).records
        return next(line["model"] for line in lines if line["type"] == "job")

    assert model() == "mini"
    assert model("--model", TINY_MODEL) == TINY_MODEL.name
    assert model("--set", "model=mini") == "mini"
    (tmp_path / "mini").mkdir()  # a folder of that name is another thing
    monkeypatch.chdir(tmp_path)
    assert model() == "mini"
    monkeypatch.setenv("CONTEXTGEN_MODEL", str(TINY_MODEL))
    assert model() == TINY_MODEL.name


def test_layouts_are_drawn_as_the_model_that_will_paint_sees_them(contextgen, scene, tmp_path):
    def layout(name: str, *options: object) -> bytes:
        assert contextgen("compose", scene, "-o", tmp_path / name, *options).code == 0
        return Image.open(tmp_path / name).tobytes()

    own = layout("own.png")
    assert own == layout("mini.png", "--model", "mini")
    assert own != layout("tiny.png", "--model", TINY_MODEL)
    assert layout("kontext.png", "--set", "model=kontext") == layout("tiny.png", "--model", TINY_MODEL)


def test_it_is_listed_with_what_it_paints(contextgen):
    text = contextgen("models").out
    assert text.startswith("mini: ")
    records = {record["name"]: record for record in contextgen("models", "--json").records if "name" in record}
    mini = read_model_card(find(DEFAULT))
    said = records["mini"]
    assert said["canvas"].startswith(f"{mini.width}x{mini.height} px") and said["steps"] == mini.steps
    assert 0 < said["size"] <= LARGEST_MODEL and said["in_cache"]
    assert said["licences"]["weights"] == "MIT" and said["adapter"] is None
    assert records["kontext"]["canvas"] == "768x768 px"


def test_doctor_needs_nothing_else(contextgen):
    result = contextgen("doctor")
    assert result.code == 0
    assert "ok  model mini: would load" in result.out


@pytest.mark.parametrize(
    ("size", "advice"),
    [((128, 128), None), ((192, 96), None), ((256, 256), "192x192"), ((80, 80), "96x96"), ((192, 80), "192x96")],
)
def test_a_canvas_that_the_model_was_not_made_for_is_warned_of(contextgen, tmp_path, card, size, advice):
    box = {"left": "10%", "top": "10%", "right": "90%", "bottom": "90%"}
    references = {"crab": {"image": "refs/crab.png"}}
    path = write_scene(
        tmp_path / "s.yaml", canvas=dict(zip(("width", "height"), size, strict=True)), references=references,
        instances=[{"reference": "crab", "box": box}], seeds=[1, 2],
    )  # fmt: skip
    result = contextgen("render", path, "--model", card, "--device", "cpu", "--dry-run")
    assert result.code == 0
    said = result.err.count("than small paints (sides from 96 px, sides to 192 px, shapes to 2:1)")
    assert said == (advice is not None)  # once, though there are two pictures
    assert advice is None or f"s.yaml:4:12: warning: {size[0]}x{size[1]} is " in result.err
    assert advice is None or f"hint: try {advice}; --size {advice} scales the boxes along" in result.err
    assert "than small paints" not in contextgen("validate", path, "--model", card, "--set", "canvas.width=128",
                                                 "--set", "canvas.height=128").err  # fmt: skip
    sized = contextgen("render", path, "--model", card, "--device", "cpu", "--dry-run", "--size", "256x256")
    assert sized.err.count("than small paints") == sized.err.count("256x256 is larger") == 1
    assert "try --size 192x192" in sized.err


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("options", "environment", "drawn"),
    [((), {}, True), (("--preview", "never"), {}, False), ((), {"NO_COLOR": "1"}, False)],
)
def test_a_single_picture_is_drawn_on_a_terminal_with_colours(
    on_a_terminal, scene, tmp_path, options, environment, drawn
):
    command = ("render", scene, "--model", TINY_MODEL, "--device", "cpu", "--steps", 1, "--progress", "none")
    code, text = on_a_terminal(
        *command, "-o", tmp_path / "out", *options, columns=200, streams=("stderr",), LINES="60", **environment
    )
    assert code == 0
    assert ("▀" in text) is drawn
    assert max(line.count("▀") for line in text.splitlines()) <= 40


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Colours:
    """The first example scene, painted as the README says."""
    from contextgen_cli import cli

    path = tmp_path_factory.mktemp("painted") / "picture.png"
    assert cli.run(["render", str(FIRST_SCENE), "--device", "cpu", "-q", "-o", str(path)]) == 0
    return np.asarray(Image.open(path).convert("RGB"), float)


@pytest.mark.parametrize("name", BOXES)
def test_subjects_look_like_their_references(painted, name):
    """The colours are nearer to the own reference's than to the other's; grey or the ground would be further off."""
    other = next(each for each in BOXES if each != name)
    own = distance(painted, name, name)
    assert own < 45
    assert own < 0.7 * distance(painted, name, other)
    assert own < 0.7 * missed_by(painted, name, np.full(3, 128.0))
    assert own < 0.7 * missed_by(painted, name, np.median(painted[outside()], axis=0))


def test_the_ground_is_the_one_that_the_prompt_names(painted):
    assert nearest_background(painted.astype(np.uint8), outside()) == "beach"


def subject(name: str) -> tuple[Colours, np.ndarray, tuple[int, int]]:
    """A reference at about its size in its box, where it is opaque, and its upper left corner."""
    left, top, right, bottom = BOXES[name]
    picture = Image.open(REFERENCES / f"{name}.png")
    picture = picture.crop(picture.getchannel("A").getbbox())
    scale = ((right - left) * (bottom - top) / (picture.width * picture.height)) ** 0.5
    width, height = round(picture.width * scale), round(picture.height * scale)
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BOX), float)
    corner = (left + right - width) // 2, (top + bottom - height) // 2
    return pixels[..., :3], pixels[..., 3] > 250, corner


def at(painted: Colours, name: str) -> tuple[Colours, Colours]:
    """The painted and the reference's colours where a subject should be, each (N, 3)."""
    colours, opaque, (left, top) = subject(name)
    height, width = opaque.shape
    return painted[top : top + height, left : left + width][opaque], colours[opaque]


def distance(painted: Colours, name: str, reference: str) -> float:
    """Between the colours in a subject's place and a reference's: the mean of the differences of their quantiles."""
    there, _ = at(painted, name)
    _, wanted = at(painted, reference)
    shares = np.linspace(0.05, 0.95, 19)
    return float(np.abs(np.quantile(there, shares, axis=0) - np.quantile(wanted, shares, axis=0)).mean())


def missed_by(painted: Colours, name: str, colour: Colours) -> float:
    """The same for a place that is filled with one colour."""
    _, wanted = at(painted, name)
    shares = np.linspace(0.05, 0.95, 19)
    return float(np.abs(np.quantile(wanted, shares, axis=0) - colour).mean())


def outside() -> np.ndarray:
    """Where no box is."""
    free = np.ones((256, 256), bool)
    for left, top, right, bottom in BOXES.values():
        free[max(0, top - 12) : bottom + 12, max(0, left - 12) : right + 12] = False
    return free
