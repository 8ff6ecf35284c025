"""From arguments to scenes: which files, which values, which names."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from good_scene import GOOD, Check

from contextgen_cli.scene.loader import LoadOptions, load
from contextgen_cli.scene.parse.finding import find
from contextgen_cli.scene.scene import Box, Fit, Sampling, Size

PROMPT = "A crab is holding a bag."
PLAIN = LoadOptions()


def names(*arguments: Path | str, stdin: str = "") -> list[str]:
    loaded = load([str(argument) for argument in arguments], PLAIN, io.StringIO(stdin))
    assert not loaded.errors, loaded.errors
    return [scene.name for scene in loaded.scenes]


def test_every_value(folder: Path, check: Check) -> None:
    text = GOOD.replace("image: crab.png", "image: crab.png, crop: {x: 8, y: 4, width: 150, height: 150}")
    text = text.replace("right: 100%", "right: 87.5%")
    text += "    fit: stretch\nseed: 7\ncount: 3\nlayout: lay out.png\nsampling: {steps: 4, guidance: 2}\n"
    (folder / "lay out.png").write_bytes((folder / "crab.png").read_bytes())
    (scene,) = check(text + "model: kontext\nname: my-name\n").scenes
    assert scene.name == "my-name" and scene.prompt == PROMPT and scene.canvas == Size(256, 128)
    assert [reference.name for reference in scene.references] == ["crab", "bag"]
    assert scene.reference("crab").image == folder / "crab.png"
    assert scene.reference("crab").crop == Box(8, 4, 158, 154)
    assert scene.reference("bag").mask == folder / "bag_mask.png"
    assert [instance.box for instance in scene.instances] == [Box(0, 0, 128, 128), Box(128, 0, 224, 128)]
    assert [instance.fit for instance in scene.instances] == [Fit.AREA, Fit.STRETCH]
    assert scene.layout == folder / "lay out.png"
    assert scene.seeds == (7, 8, 9) and scene.sampling == Sampling(4, 2.0) and scene.model == "kontext"
    assert scene.source.path == folder / "scene.yaml"


@pytest.mark.parametrize(
    ("lines", "seeds"), [("seed: 7\n", (7,)), ("count: 3\n", (0, 1, 2)), ("seed: 0\ncount: 2\n", (0, 1))]
)
def test_seed_and_count_each_alone(lines: str, seeds: tuple[int, ...], check: Check) -> None:
    (scene,) = check(GOOD + lines).scenes
    assert scene.seeds == seeds


def test_per_cent_are_of_their_own_side(check: Check) -> None:
    text = GOOD.replace("{x: 0, y: 0, width: 128, height: 128}", "{x: 25%, y: 50%, width: 50%, height: 25%}")
    assert check(text).scenes[0].instances[0].box == Box(64, 64, 192, 96)


def test_edges_are_rounded_to_the_nearest_pixel(check: Check) -> None:
    text = GOOD.replace("left: 50%", "left: 25.3%").replace("right: 100%", "right: 75.1%")
    assert check(text).scenes[0].instances[1].box.pixels == (65, 0, 192, 128)


def test_what_is_left_out(check: Check) -> None:
    (scene,) = check(GOOD).scenes
    assert (scene.seeds, scene.sampling) == ((0,), Sampling())
    assert scene.layout is None and scene.model is None


def test_folders_globs_and_files_each_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.yaml", "a.yml", "sub/c.yaml", ".hidden/d.yaml", "e.json", "my scenes/f g.yaml"):
        (folder / name).parent.mkdir(exist_ok=True)
        text = GOOD.replace("image: ", f"image: {folder}/").replace("mask: ", f"mask: {folder}/")
        if name == "e.json":
            text = json.dumps({"version": 1})
        (folder / name).write_text(text)
    assert names(folder) == ["a", "b", "f-g", "c"]
    assert names(folder / "sub", folder / "b.yaml", folder) == ["c", "b", "a", "f-g"]
    monkeypatch.chdir(folder)
    assert names("*.y*ml") == ["a", "b"]
    assert names("**/*.yaml") == ["b", "f-g", "c"]
    assert names("my scenes") == ["f-g"]
    (folder / "[x].yaml").write_text((folder / "b.yaml").read_text())
    assert names("[x].yaml") == ["x"]


@pytest.mark.parametrize(
    ("argument", "code", "hint"),
    [
        ("scen.yaml", "no-such-file", "scene.yaml"),
        ("scene.yml", "no-such-file", "scene.yaml"),
        ("nowhere/scene.yaml", "no-such-file", "no folder"),
        ("*.yml", "no-scenes", None),
        ("empty", "no-scenes", ".yaml"),
        ("", "no-such-file", None),
        ("crab.png", "not-a-scene", "contextgen inspect --scene"),
    ],
)
def test_arguments_that_lead_nowhere(
    argument: str, code: str, hint: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "scene.yaml").write_text(GOOD)
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder)
    loaded = load([argument, "scene.yaml"], PLAIN)
    assert [problem.code for problem in loaded.errors] == [code]
    assert (hint or "") in (loaded.errors[0].hint or "")
    assert len(loaded.scenes) == 1  # the others are still checked


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("nothere.png", None),
        ("r2.png", None),
        ("r03.png", "r3.png"),
        ("zreo.png", "zero.png"),
        ("zero.jpg", "zero.png"),
        ("Lantern.webp", "lantern.webp"),
    ],
)
def test_only_a_near_file_is_proposed(name: str, meant: str | None, folder: Path, check: Check) -> None:
    for there in ("zero.png", "r3.png", "lantern.png", "lantern.webp"):
        (folder / there).write_bytes((folder / "crab.png").read_bytes())
    (problem,) = check(GOOD.replace("crab.png", name)).errors
    assert problem.hint == (f"did you mean {folder / meant}?" if meant else None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(folder: Path) -> None:
    (folder / "scene.yaml").write_text(GOOD)
    (folder / "scene.yaml").chmod(0)
    assert [problem.code for problem in load([str(folder)], PLAIN).errors] == ["unreadable-file"]


@contextmanager
def without_roots_rights() -> Iterator[None]:
    """Root may read everything, and tests may be its."""
    own = os.geteuid()
    os.seteuid(own or 65534)
    yield
    os.seteuid(own)


def test_a_folder_that_may_not_be_read_is_named() -> None:
    with TemporaryDirectory(dir="/tmp") as name:  # pytest's own folders are closed to others
        top = Path(name)
        top.chmod(0o755)
        (top / "open").mkdir()
        (top / "open" / "scene.yaml").write_text("version: 1\n")
        (top / "closed").mkdir(0)
        with without_roots_rights():
            found, problems, _ = find([name])
    assert found == [top / "open" / "scene.yaml"]
    assert [(problem.code, problem.path) for problem in problems] == [("unreadable-folder", top / "closed")]


def test_a_pipe_in_a_folder_is_not_waited_for(folder: Path) -> None:
    (folder / "good.yaml").write_text(GOOD)
    os.mkfifo(folder / "pipe.yaml")
    loaded = load([str(folder)], PLAIN)
    assert [(problem.code, problem.path) for problem in loaded.errors] == [("not-a-file", folder / "pipe.yaml")]
    assert len(loaded.scenes) == 1


def test_standard_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names("-", stdin=f"{GOOD}---\n{GOOD}") == ["stdin", "stdin-d2"]
    reference = {"crab": {"image": "crab.png"}}
    box = {"left": "0%", "top": 0, "right": "50%", "bottom": 128}
    scene = {
        "version": 1,
        "prompt": "x",
        "canvas": {"width": 256, "height": 128},
        "references": reference,
        "instances": [{"reference": "crab", "box": box}],
    }
    lines = [json.dumps({**scene, "name": f"n{i}"}) for i in range(3)]
    assert names("-", stdin="\n".join(lines)) == ["n0", "n1", "n2"]
    loaded = load(["-"], PLAIN, io.StringIO("\n".join([lines[0], "{oops}", lines[2]])))
    assert [scene.name for scene in loaded.scenes] == ["n0", "n2"]
    assert [(problem.place) for problem in loaded.errors] == ["<stdin>:2:2"]


def test_names_are_unique(folder: Path) -> None:
    text = GOOD.replace("image: ", f"image: {folder}/").replace("mask: ", f"mask: {folder}/")
    for name in ("a/picnic.yaml", "b/picnic.yaml", "b/Other.yaml", "b/other-d2.yaml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "b/other.yaml").write_text(f"{text}---\n{text}")
    found = names(folder / "a", folder / "b")
    assert len({name.lower() for name in found}) == len(found) == 6
    assert {"picnic", "b-picnic"} <= set(found)
    (folder / "b/other.yaml").write_text(f"{text}name: picnic-x\n")
    (folder / "a/picnic.yaml").write_text(f"{text}name: Picnic-X\n")
    (problem,) = load([str(folder / "a"), str(folder / "b")], PLAIN).errors
    assert problem.code == "name-taken" and problem.line == 12


def test_a_name_does_not_depend_on_what_lies_beside_the_file(folder: Path) -> None:
    text = GOOD.replace("image: ", f"image: {folder}/").replace("mask: ", f"mask: {folder}/")
    for name in ("zoo/lion.yaml", "zoo/crab/scene.yaml", "zoo2/lion.yaml", "zoo2/Scene.YML"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)
    assert names(folder / "zoo") == ["lion", "crab"]
    assert names(folder / "zoo", folder / "zoo2") == ["lion", "crab", "zoo2", "zoo2-lion"]
    assert names(folder / "zoo/crab/scene.yaml") == ["crab"]


def test_a_name_leaves_room_in_a_file_name(folder: Path) -> None:
    (folder / f"{'蟹' * 80}.yaml").write_text(GOOD)
    (name,) = names(folder)
    assert set(name) == {"蟹"} and len(name.encode()) <= 100


def test_a_link_from_another_folder_is_another_scene(folder: Path) -> None:
    (folder / "scene.yaml").write_text(GOOD)
    (folder / "inner").mkdir()
    (folder / "inner/scene.yaml").symlink_to(folder / "scene.yaml")
    (folder / "same").symlink_to(folder)
    loaded = load([str(folder / "scene.yaml"), str(folder / "inner"), str(folder / "same/scene.yaml")], PLAIN)
    assert loaded.files == 2
    assert {str(problem.path) for problem in loaded.errors} == {str(folder / "inner/scene.yaml")}


def test_matrix(check: Check, folder: Path) -> None:
    text = GOOD.replace(PROMPT, "A ${thing} $${thing} ${n}").replace("width: 256", 'width: "${n}"')
    scenes = check(text + "matrix:\n  thing: [crab, fox]\n  n: [256, 320]\n").scenes
    assert [scene.prompt for scene in scenes] == [
        "A crab ${thing} 256",
        "A crab ${thing} 320",
        "A fox ${thing} 256",
        "A fox ${thing} 320",
    ]
    assert [scene.canvas.width for scene in scenes] == [256, 320, 256, 320]
    assert [scene.name for scene in scenes] == [f"{folder.name}-m0{i}" for i in (1, 2, 3, 4)]
    assert [scene.source.matrix_row for scene in scenes] == [0, 1, 2, 3]
    (named,) = check(text + "name: x-${thing}-${n}\nmatrix: {thing: [crab], n: [256]}\n").scenes
    assert named.name == "x-crab-256"


def test_rows_of_a_matrix_sort_by_their_names(check: Check, folder: Path) -> None:
    text = GOOD.replace(PROMPT, "${n}") + f"matrix: {{n: [{', '.join(f'a{number}' for number in range(100))}]}}\n"
    found = [scene.name for scene in check(text).scenes]
    assert found == sorted(found) and found[0] == f"{folder.name}-m001"


def test_names_differ_in_more_than_case(folder: Path) -> None:
    (folder / "a.yaml").write_text(f"{GOOD}name: b\n")
    (folder / "B.yaml").write_text(GOOD)
    assert names(folder) == [f"{folder.name}-B", "b"]


@pytest.mark.parametrize(("text", "seeds"), [("seed: 3\n", (3,)), ("count: 2\n", (0, 1)), ("seeds: [5, 2]\n", (5, 2))])
def test_seeds(text: str, seeds: tuple[int, ...], check: Check) -> None:
    assert check(GOOD + text).scenes[0].seeds == seeds


def test_problems_come_in_the_order_of_their_places(check: Check) -> None:
    lines = [problem.line for problem in check(GOOD.replace("256", "250").replace("version: 1", "version: 2")).errors]
    text = GOOD.replace("crab.png", "no.png").replace("reference: bag", "reference: bagg")
    assert lines == [1, 3] and [problem.line for problem in check(text).errors] == [5, 8]


def test_a_matrix_of_too_many_rows(check: Check) -> None:
    values = ", ".join(map(str, range(200)))
    text = GOOD.replace(PROMPT, "${a} ${b}") + f"matrix: {{a: [{values}], b: [{values}]}}\n"
    assert [problem.code for problem in check(text).errors] == ["matrix-too-large"]


def test_a_problem_of_every_row_is_told_once(check: Check) -> None:
    text = GOOD.replace(PROMPT, "${a}").replace("crab.png", "no.png") + "matrix: {a: [x, y, z]}\n"
    assert [problem.code for problem in check(text).errors] == ["no-such-image"]


def test_set(check: Check) -> None:
    changes = (
        ("sampling.steps", 4),
        ("instances[0].box.x", 16),
        ("prompt", "no"),
        ("instances.1.fit", "image"),
    )
    (scene,) = check(GOOD, assignments=changes).scenes
    assert scene.sampling.steps == 4 and scene.prompt == "no"
    assert scene.instances[0].box.left == 16 and scene.instances[1].fit is Fit.IMAGE


@pytest.mark.parametrize(
    ("key", "value", "code", "words"),
    [
        ("sampling.stepps", 4, "unknown-key", "`steps`"),
        ("sampling.steps", "many", "wrong-type", "whole number"),
        ("instances[5].fit", "area", "bad-assignment", "a list of 2"),
        ("instances[2].fit", "area", "bad-assignment", "a list of 2"),
        ("prompt.x", "area", "bad-assignment", "holds no keys"),
        ("canvas.width", 100, "not-a-multiple", "96 and 112"),
        ("prompt", "a\ud800", "control-character", "control character"),
        (".".join("k" * 2000), 1, "too-deep", "24 levels"),
    ],
)
def test_a_wrong_set_is_the_command_lines_fault(key: str, value: object, code: str, words: str, check: Check) -> None:
    (problem,) = check(f"{GOOD}---\n{GOOD}", assignments=((key, value),)).errors
    assert (problem.code, problem.place) == (code, "--set")
    assert problem.source_line == f"--set {key}={value}"
    assert words in f"{problem.message} {problem.hint}"


@pytest.mark.parametrize(
    ("line", "assignment", "place", "words"),
    [
        ("seed: 1\n", ("seeds", [1, 2]), (12, 1), "beside `seeds`, which `--set seeds=[1, 2]` brought"),
        ("", ("instances[0].box.left", 3), (9, 10), "edges, which `--set instances[0].box.left=3` brought"),
    ],
)
def test_a_set_that_clashes_with_the_file_is_named(
    line: str, assignment: tuple[str, object], place: tuple[int, int], words: str, check: Check
) -> None:
    (problem,) = check(GOOD + line, assignments=(assignment,)).errors
    assert (problem.line, problem.column) == place and problem.message.endswith(words)


def test_a_set_value_may_not_be_nested_without_end(check: Check) -> None:
    value: object = 1
    for _ in range(900):
        value = [value]
    (problem,) = check(GOOD, assignments=(("prompt", value),)).errors
    assert problem.code == "too-deep"


def test_a_thousand_scenes(folder: Path) -> None:
    many = folder / "many"
    many.mkdir()
    text = GOOD.replace("image: ", "image: ../").replace("mask: ", "mask: ../")
    for index in range(1000):
        (many / f"s{index}.yaml").write_text(text)
    loaded = load([str(many)], PLAIN)
    assert len(loaded.scenes) == loaded.files == 1000 and not loaded.problems
