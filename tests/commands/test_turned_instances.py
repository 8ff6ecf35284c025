"""`flip` and `rotate` of an instance: what is composed, what the model sees, what is remembered and painted again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from painting import write_scene
from PIL import Image, ImageChops, ImageDraw

from contextgen_cli.records.picture_file import read_record

CANVAS = {"width": 128, "height": 128}
BOX = {"x": 32, "y": 32, "width": 64, "height": 64}


@pytest.fixture
def arrow(tmp_path: Path):
    """Writes a scene with one instance of a red arrow to the right."""
    picture = Image.new("RGBA", (64, 64))
    ImageDraw.Draw(picture).polygon([(0, 0), (63, 32), (0, 63)], fill="red")
    (tmp_path / "refs").mkdir()
    picture.save(tmp_path / "refs" / "arrow.png")

    def write(name: str = "s", **turn: object) -> Path:
        return write_scene(
            tmp_path / f"{name}.yaml",
            canvas=CANVAS,
            references={"arrow": {"image": "refs/arrow.png"}},
            instances=[{"reference": "arrow", "box": BOX, "fit": "stretch", **turn}],
        )

    return write


def given(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.getchannel("A")


def differing(one: Image.Image, other: Image.Image) -> int:
    return sum(ImageChops.difference(one, other).histogram()[128:])


@pytest.mark.parametrize(
    ("turn", "same"),
    [
        ({"flip": "horizontal"}, Image.Transpose.FLIP_LEFT_RIGHT),
        ({"rotate": 90}, Image.Transpose.ROTATE_270),
        ({"rotate": -90}, Image.Transpose.ROTATE_90),
        ({"flip": "vertical"}, None),  # an arrow looks the same upside down
        ({"rotate": 360}, None),
    ],
    ids=str,
)
def test_the_layout_and_the_input_are_turned_alike(contextgen, arrow, tiny, tmp_path, turn, same):
    for name, scene in (("plain", arrow("plain")), ("turned", arrow("turned", **turn))):
        assert contextgen("compose", scene, "-o", tmp_path / f"{name}.png").code == 0
        assert contextgen("render", scene, *tiny, "--save-inputs", "-o", tmp_path / f"of-{name}").code == 0
    for file in ("{0}.png", "of-{0}/{0}-0.input-1.png"):
        plain, turned = (given(tmp_path / file.format(name)) for name in ("plain", "turned"))
        expected = plain if same is None else plain.transpose(same)
        assert differing(turned, expected) < 0.02 * plain.width * plain.height
        assert same is None or differing(turned, plain) > 0.1 * plain.width * plain.height


def test_only_what_is_turned_is_another_job(contextgen, arrow, tiny, tmp_path):
    out = tmp_path / "out"
    jobs = [
        contextgen("render", arrow("s", **turn), *tiny, "-o", out, "--dry-run", "--json").records[0]["job"]
        for turn in ({}, {"rotate": 0}, {"rotate": 360}, {"rotate": 15}, {"flip": "horizontal"}, {"flip": "vertical"})
    ]
    assert jobs[0] == jobs[1] == jobs[2] and len(set(jobs)) == 4
    contextgen("render", arrow("s"), *tiny, "-o", out)
    assert "(changed: flip or rotate)" in contextgen("render", arrow("s", rotate=15), *tiny, "-o", out).err


def test_what_is_turned_is_remembered_and_painted_again(contextgen, arrow, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scene = arrow("s", flip="horizontal", rotate=-15.5)
    assert contextgen("render", scene, *tiny, "-o", "out").code == 0
    assert read_record(Path("out/s-0.png"))["scene"]["instances"][0]["rotate"] == -15.5
    assert "at (32, 32, 96, 96), fit stretch, flip horizontal, rotate -15.5" in contextgen("inspect", "out/s-0.png").out
    written = contextgen("inspect", "out/s-0.png", "--scene").out
    assert "    flip: horizontal\n    rotate: -15.5\n" in written
    Path("again.yaml").write_text(written)
    plans = [contextgen("render", path, *tiny, "--dry-run", "--json").records[0] for path in (scene, "again.yaml")]
    assert plans[0]["job"] == plans[1]["job"]
    replayed = contextgen("replay", "out/s-0.png", *tiny[:6], "--json")
    assert replayed.code == 0 and replayed.records[0]["same_bytes"]


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ({"flip": "sideways"}, "`flip`"),
        ({"rotate": 361}, "`rotate`"),
        ({"rotate": "15deg"}, "`rotate`"),
        ({"rotation": 15}, "did you mean `rotate`?"),
    ],
    ids=str,
)
def test_other_turns_are_errors_at_their_place(contextgen, arrow, turn, said):
    told = contextgen("validate", arrow(**turn))
    assert told.code == 2 and said in told.err and "at instances[0]" in told.err


def test_a_matrix_and_the_command_line_can_turn(contextgen, arrow, tmp_path):
    scene = arrow(rotate="${angle}")
    content = {**json.loads(scene.read_text()), "matrix": {"angle": [0, 45]}}
    scene.write_text(json.dumps(content))
    assert contextgen("validate", scene).err.startswith("2 scenes")
    contextgen("compose", arrow(), "--set", "instances[0].rotate=90", "-o", tmp_path / "set.png")
    contextgen("compose", arrow(rotate=90), "-o", tmp_path / "said.png")
    assert (tmp_path / "set.png").read_bytes() == (tmp_path / "said.png").read_bytes()
