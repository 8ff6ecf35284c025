"""`contextgen compose` through the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import profiles
import pytest
from painting import GOLDEN, TINY_MODEL, write_scene
from PIL import Image, ImageChops

from contextgen_cli.terminal import previews
from contextgen_cli.terminal.previews import Mark, annotate, blocks

CANVAS = {"width": 128, "height": 128}  # of which mini has nothing to say
CASES = sorted(path.parent for path in (GOLDEN / "layouts").glob("*/case.json"))


def test_a_layout_is_transparent_where_nothing_is_given(contextgen, scene, tmp_path):
    result = contextgen("compose", scene, "-o", tmp_path / "out.png")
    assert result.code == 0
    assert result.lines == [str(tmp_path / "out.png")]
    with Image.open(tmp_path / "out.png") as layout:
        assert (layout.mode, layout.size) == ("RGBA", (128, 96))
        assert layout.getpixel((0, 0)) == (128, 128, 128, 0)
        assert layout.getpixel((36, 48))[3] == 255


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden_layouts(contextgen, tmp_path, case):
    stated = json.loads((case / "case.json").read_text())
    names = [f"r{number}" for number in range(len(stated["instances"]))]
    edges = ("left", "top", "right", "bottom")
    path = write_scene(
        tmp_path / "golden.yaml",
        canvas={"width": stated["width"], "height": stated["height"]},
        references={
            name: {"image": str(case / instance["image"])}
            for name, instance in zip(names, stated["instances"], strict=True)
        },
        instances=[
            {
                "reference": name,
                "box": dict(zip(edges, instance["box"], strict=True)),
                "fit": instance.get("fit", "area"),
            }
            for name, instance in zip(names, stated["instances"], strict=True)
        ],
    )
    assert contextgen("compose", path, "--model", TINY_MODEL, "-o", tmp_path / "layout.png").code == 0
    with Image.open(tmp_path / "layout.png") as ours, Image.open(case / "expected_layout.png") as expected:
        difference = ImageChops.difference(ours.convert("RGB"), expected.convert("RGB"))
    histogram = difference.convert("L").histogram()
    assert sum(histogram[3:]) <= 0.0005 * difference.width * difference.height


def test_a_folder_gets_one_layout_a_scene(contextgen, tmp_path):
    write_scene(tmp_path / "scenes" / "a.yaml", canvas=CANVAS)
    write_scene(tmp_path / "scenes" / "b.yaml", canvas=CANVAS)
    result = contextgen("compose", tmp_path / "scenes", "-o", tmp_path / "layouts", "--json")
    *layouts, summary = result.records
    assert [record["scene"] for record in layouts] == ["a", "b"]
    assert summary == {"type": "summary", "layouts": 2, "left_out": 0, "exit": 0}
    assert sorted(path.name for path in (tmp_path / "layouts").iterdir()) == ["a.layout.png", "b.layout.png"]


def test_size_scales_the_boxes_along(contextgen, scene, tmp_path):
    contextgen("compose", scene, "-o", tmp_path / "large.png", "--size", "256x192")
    with Image.open(tmp_path / "large.png") as layout:
        assert layout.size == (256, 192)
        assert layout.getpixel((72, 96))[3] == 255


def test_a_model_folder_gives_its_own_card(contextgen, scene, tmp_path):
    model = Path(shutil.copytree(TINY_MODEL, tmp_path / "model"))
    (model / "contextgen.json").write_text(json.dumps({"reference_sides": [[4096, 32]]}))
    assert contextgen("compose", scene, "-o", tmp_path / "own.png", "--model", model).code == 0
    assert contextgen("compose", scene, "-o", tmp_path / "released.png").code == 0
    assert (tmp_path / "own.png").read_bytes() != (tmp_path / "released.png").read_bytes()
    result = contextgen("compose", scene, "-o", tmp_path / "a.png", "--model", tmp_path / "nowhere")
    assert result.code == 3
    assert "hint:" in result.err


def test_it_does_not_write_over_the_scenes_own_images(contextgen, scene, tmp_path):
    before = (tmp_path / "refs" / "crab.png").read_bytes()
    result = contextgen("compose", scene, "-o", tmp_path / "refs" / "crab.png")
    assert result.code == 2
    assert "one of the scene's own images" in result.err
    assert (tmp_path / "refs" / "crab.png").read_bytes() == before


@pytest.fixture
def aside(tmp_path, monkeypatch) -> Path:
    """Where files for the viewer are put, on a machine without a display."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    folder = tmp_path / "aside"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_without_a_display_nothing_is_opened_and_nothing_stays(contextgen, scene, aside):
    result = contextgen("compose", scene, "--open")
    assert result.code == 3
    assert "no image viewer opened" in result.err
    assert "Write the layout with -o instead." in result.err
    assert list(aside.iterdir()) == []


def test_without_a_display_what_was_asked_for_is_written(contextgen, tmp_path, aside):
    write_scene(tmp_path / "scenes" / "a.yaml", canvas=CANVAS)
    write_scene(tmp_path / "scenes" / "b.yaml", canvas=CANVAS)
    out = tmp_path / "out"
    result = contextgen("compose", tmp_path / "scenes", "--open", "-o", out, "--json")
    *layouts, summary = result.records
    assert (result.code, summary["exit"], len(layouts)) == (3, 3, 2)
    assert f"The layout is in {out / 'a.layout.png'}." in result.err
    assert list(aside.iterdir()) == []


@pytest.mark.parametrize("output", [(), ("-o", "kept.png")], ids=["aside", "kept"])
def test_the_viewer_gets_what_was_written(contextgen, scene, aside, monkeypatch, output):
    opened = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("click.launch", lambda path: opened.append(Path(path)) or 0)
    monkeypatch.chdir(aside.parent)
    assert contextgen("compose", scene, "--open", *output).code == 0
    assert [path.name for path in opened] == (["kept.png"] if output else ["picnic.layout.png"])
    assert opened[0].exists()
    assert bool(list(aside.iterdir())) is not bool(output)


def test_preview_in_colour(contextgen, scene, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = contextgen("compose", scene, "--preview", "--color", "always")
    assert "▀" in result.out
    assert "\x1b[" in result.out
    assert "no preview" in contextgen("compose", scene, "--preview").err
    assert not list(tmp_path.glob("*.png"))  # shown, not written


def test_a_preview_fits_its_rows_and_has_the_upper_pixel_in_front():
    picture = Image.new("RGB", (64, 256), "white")
    picture.paste("black", (0, 128, 64, 256))
    text = blocks(picture, 80, 1)
    assert text.plain == "▀\n"
    assert text.spans[0].style == "#ffffff on #000000"
    assert len(blocks(picture, 80, 24).plain.splitlines()) == 24


def test_annotations_are_boxes_with_readable_labels():
    layout = Image.new("RGBA", (256, 256))
    picture = annotate(layout, [Mark("1 crab", (64, 32, 128, 192)), Mark("2 bag", (250, 250, 256, 256))])
    assert picture.getpixel((0, 0)) == (128, 128, 128)
    changed = ImageChops.difference(picture, Image.new("RGB", (256, 256), (128, 128, 128)))
    assert changed.crop((0, 0, 256, 200)).getbbox() == (64, 32, 128, 192)
    left, top, _, _ = changed.crop((0, 200, 256, 256)).getbbox()
    assert left < 230 and 200 + top < 245  # the label of a box in the corner is moved onto the canvas


def test_labels_count_from_one_and_name_the_references(contextgen, scene, tmp_path, monkeypatch):
    labels = []
    monkeypatch.setattr(previews, "annotate", lambda layout, marks: labels.extend(m.label for m in marks) or layout)
    contextgen("compose", scene, "-o", tmp_path / "a.png", "--annotate")
    assert labels == ["1 bag", "2 crab"]


def test_without_o_it_is_named_after_the_scene_and_lies_here(contextgen, scene, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert contextgen("compose", scene).lines == ["picnic.layout.png"]
    assert (tmp_path / "here" / "picnic.layout.png").exists()


def test_to_standard_output(contextgen, scene, tmp_path):
    contextgen("compose", scene, "-o", tmp_path / "layout.png")
    command = [sys.executable, "-m", "contextgen_cli", "compose", str(scene), "-o", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == (tmp_path / "layout.png").read_bytes()


OUTSIDE = [{"reference": "bag", "box": {"x": -8, "y": 0, "width": 64, "height": 64}}]


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({}, ("-o", "-", "--json"), "both want standard output"),
        ({"prompt": "${n}", "matrix": {"n": ["a", "b"]}}, ("-o", "a.png"), "do not fit"),
        ({"layout": "refs/cut.png"}, (), "s.yaml:"),
        ({"layout": "../cut.png"}, ("--confine",), "outside the scene's folder"),
        ({"instances": OUTSIDE}, ("--strict",), "sticks out"),
    ],
    ids=["json-and-png", "two-into-one", "damaged", "confine", "strict"],
)
def test_refusals(contextgen, tmp_path, monkeypatch, changes, options, said):
    path = write_scene(tmp_path / "scenes" / "s.yaml", canvas=CANVAS, **changes)
    whole = (tmp_path / "scenes" / "refs" / "bag.png").read_bytes()
    (tmp_path / "scenes" / "refs" / "cut.png").write_bytes(whole[:-400])
    (tmp_path / "cut.png").write_bytes(whole)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    result = contextgen("compose", path, *options)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert not list((tmp_path / "here").iterdir())


def test_a_scenes_own_layout_is_the_layout(contextgen, tmp_path):
    path = write_scene(tmp_path / "s.yaml", layout="own.png")
    Image.new("RGB", (128, 96), (10, 200, 30)).save(tmp_path / "own.png")
    contextgen("compose", path, "-o", tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as layout:
        assert layout.getcolors() == [(128 * 96, (10, 200, 30, 255))]


def test_set_changes_every_scene(contextgen, scene, tmp_path):
    contextgen("compose", scene, "-o", tmp_path / "a.png", "--set", "canvas.width=192")
    with Image.open(tmp_path / "a.png") as layout:
        assert layout.size == (192, 96)


def test_problems_for_a_program(contextgen, tmp_path):
    path = write_scene(tmp_path / "bad.yaml", prompt="", canvas=CANVAS)
    problem, summary = contextgen("compose", path, "--json").records
    assert (problem["type"], problem["line"]) == ("problem", 3)
    assert summary == {"type": "summary", "errors": 1, "jobs": 0, "exit": 2}


def test_a_broken_scene_is_refused_with_its_place(contextgen, tmp_path):
    path = write_scene(tmp_path / "bad.yaml", prompt="")
    result = contextgen("compose", path, "-o", tmp_path / "out.png")
    assert result.code == 2
    assert "bad.yaml:3:" in result.err
    assert not (tmp_path / "out.png").exists()


def composed(contextgen, path: Path, **changes) -> Image.Image:
    out = path.with_suffix(".layout.png")
    assert contextgen("compose", write_scene(path, **changes), "-o", out).code == 0
    with Image.open(out) as layout:
        layout.load()
    return layout


@pytest.mark.parametrize("size", [48, 400])
def test_no_hidden_colour_comes_into_a_layout(contextgen, tmp_path, size):
    layouts = set()
    for hidden in ("black", "white", "magenta"):
        image = Image.new("RGB", (size, size), hidden)
        image.putalpha(0)
        image.paste((40, 160, 220, 255), (size // 8, size // 8, size // 2, size // 2))
        image.save(tmp_path / f"{hidden}.png")
        layouts.add(
            composed(
                contextgen,
                tmp_path / f"{hidden}.yaml",
                references={"it": {"image": f"{hidden}.png"}},
                instances=[{"reference": "it", "box": {"x": 8, "y": 16, "width": 56, "height": 64}}],
            ).tobytes()
        )
    assert len(layouts) == 1


def test_profiles_of_references_and_of_a_layout_of_ones_own_are_applied(contextgen, tmp_path):
    green = Image.new("RGBA", (128, 96), (51, 204, 51, 255))
    green.paste((0, 0, 0, 0), (0, 0, 20, 96))
    green.save(tmp_path / "green.png", icc_profile=profiles.swapped())
    references = {"it": {"image": "green.png"}}
    instances = [{"reference": "it", "box": {"x": 32, "y": 16, "width": 64, "height": 64}}]
    for layout in (None, "green.png"):
        changes = {"references": references, "instances": instances, **({"layout": layout} if layout else {})}
        red, others, *_ = composed(contextgen, tmp_path / f"{layout}.yaml", **changes).getpixel((64, 48))
        assert abs(red - 204) <= 2 and abs(others - 51) <= 2


PEAK = """
import resource, sys
from contextgen_cli.cli import run
code = run(["compose", sys.argv[1], "-o", sys.argv[2], "-q"])
print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def peak_of(scene: Path, out: Path) -> int:
    run = subprocess.run([sys.executable, "-c", PEAK, scene, out], capture_output=True, text=True, check=True)
    code, peak = run.stdout.split()[-2:]
    assert code == "0", run.stderr
    return int(peak)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is told in kilobytes on Linux only")
@pytest.mark.parametrize("kind", ["opacity", "mask", "turned"])
def test_a_large_picture_is_in_memory_once(kind, tmp_path):
    """So that one of 64 megapixels takes less than 500 MiB: Pillow keeps 4 bytes a pixel, 3 more are for the way."""
    side, exif, images = 4000, Image.Exif(), {}
    exif[0x0112] = 6
    for name, size in (("large", side), ("small", 40)):
        subject = Image.new("L", (size, size))
        subject.paste(255, (size // 4, size // 4, size // 2, size // 2))
        subject.save(tmp_path / f"{name}.mask.png", compress_level=1)
        colours = Image.merge("RGB", (subject, Image.new("L", (size, size), 90), subject))
        if kind == "opacity":
            colours.putalpha(subject)
            colours.save(tmp_path / f"{name}.png", compress_level=1)
            images[name] = {"image": f"{name}.png"}
        else:
            colours.save(tmp_path / f"{name}.jpg", **({"exif": exif} if kind == "turned" else {}))
            images[name] = {"image": f"{name}.jpg", "mask": f"{name}.mask.png"}
    box = {"x": 8, "y": 16, "width": 56, "height": 64}
    peaks = {
        name: peak_of(
            write_scene(
                tmp_path / f"{name}.yaml", references={"it": image}, instances=[{"reference": "it", "box": box}]
            ),
            tmp_path / f"{name}.out.png",
        )
        for name, image in images.items()
    }
    assert peaks["large"] - peaks["small"] < 7.2 * side * side
