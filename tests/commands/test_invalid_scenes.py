"""What is wrong with many scenes: told once a cause, the same by every verb, and left out if that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from painting import draw_reference, write_scene
from PIL import Image

from contextgen_cli.batch.ledger import LEDGER, read

CANVAS = {"width": 128, "height": 128}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five scenes, of which three use one damaged image."""
    scenes = tmp_path / "scenes"
    broken = {"crab": {"image": "refs/broken.png"}, "bag": {"image": "refs/bag.png"}}
    for name in ("a", "b", "c"):
        write_scene(scenes / f"{name}.yaml", canvas=CANVAS, references=broken)
    for name in ("d", "e"):
        write_scene(scenes / f"{name}.yaml", canvas=CANVAS)
    whole = (scenes / "refs" / "crab.png").read_bytes()
    (scenes / "refs" / "broken.png").write_bytes(whole[:-400])
    return scenes


@pytest.mark.parametrize("verb", ["validate", "compose", "render"])
def test_one_damaged_image_is_one_error_of_all_scenes_that_use_it(contextgen, folder, tmp_path, verb):
    output = () if verb == "validate" else ("-o", tmp_path / "out")
    told = contextgen(verb, folder, *output)
    assert told.code == 2 and told.err.count("error: ") == 1 and told.err.count("broken.png") == 2  # words and line
    assert "in 3 scenes: a, b, c\n" in told.err and "1 error" in told.err
    form = ("--format", "json") if verb == "validate" else ("--json",)
    problem, summary = contextgen(verb, folder, *output, *form).records
    assert (problem["scenes"], problem["scene_names"]) == (3, ["a", "b", "c"])
    assert (summary["errors"], summary["exit"]) == (1, 2)
    assert not (tmp_path / "out").exists()


def test_what_the_command_line_makes_wrong_is_one_error_too(contextgen, folder):
    told = contextgen("validate", folder / "d.yaml", folder / "e.yaml", "--set", "canvas.width=100")
    assert told.code == 2 and told.err.count("error: ") == 1 and "in 2 scenes: d, e" in told.err


def test_the_other_formats_name_the_scenes_too(contextgen, folder):
    assert "%0Ain 3 scenes: a, b, c%0A" in contextgen("validate", folder, "--format", "github").out
    log = json.loads(contextgen("validate", folder, "--format", "sarif").out)
    (result,) = log["runs"][0]["results"]
    assert "in 3 scenes: a, b, c" in result["message"]["text"]


def test_render_paints_the_sound_scenes_and_says_what_it_left_out(contextgen, tiny, folder, tmp_path):
    result = contextgen("render", folder, *tiny, "--skip-invalid", "-o", tmp_path / "out")
    assert (result.code, [Path(line).name for line in result.lines]) == (1, ["d-0.png", "e-0.png"])
    assert "left out, as they have errors: 3 scenes: a, b, c" in result.err and "3 scenes left out" in result.err
    *_, summary = contextgen("render", folder, *tiny, "--skip-invalid", "-o", tmp_path / "out", "--json").records
    assert (summary["skipped"], summary["left_out"], summary["exit"]) == (2, 3, 1)
    *_, plan = contextgen("render", folder, *tiny, "--skip-invalid", "--dry-run", "--json").records
    assert (plan["jobs"], plan["left_out"], plan["exit"]) == (2, 3, 1)
    draw_reference(folder / "refs" / "broken.png", "#00a000")
    mended = contextgen("render", folder, *tiny, "--skip-invalid", "-o", tmp_path / "out")
    assert mended.code == 0 and "3 rendered, 2 skipped" in mended.err  # names and ids are what they would have been


def test_compose_leaves_them_out_as_render_does(contextgen, folder, tmp_path):
    result = contextgen("compose", folder, "--skip-invalid", "-o", tmp_path / "out")
    assert (result.code, [Path(line).name for line in result.lines]) == (1, ["d.layout.png", "e.layout.png"])


def test_where_no_scene_is_sound_nothing_is_done(contextgen, tiny, folder, tmp_path):
    result = contextgen("render", folder / "a.yaml", folder / "b.yaml", *tiny, "--skip-invalid", "-o", tmp_path / "out")
    assert result.code == 2 and "nothing was done" in result.err and "--skip-invalid" not in result.err


UNREADABLE = {
    "no YAML": "prompt: [a\n",
    "a key twice": "prompt: again\n",
    "no mapping": "---\n- 1\n",
    "an unknown key": "unknown: 1\n",
    "a name that is taken": "name: d\n",
    "a broken matrix": "matrix: {n: [1, 2]}\n",
}


@pytest.mark.parametrize("fault", UNREADABLE)
def test_whatever_is_wrong_with_a_file_leaves_it_out_alone(contextgen, tmp_path, fault):
    scene = write_scene(tmp_path / "d.yaml", canvas=CANVAS)
    content = json.loads(scene.read_text())
    write_scene(scene, canvas=CANVAS, name="d")
    lines = [f"{key}: {json.dumps(value)}" for key, value in content.items()]
    (tmp_path / "z.yaml").write_text("\n".join(lines) + "\n" + UNREADABLE[fault])
    result = contextgen("render", tmp_path, "--skip-invalid", "--dry-run", "--json", "--device", "cpu")
    scenes = [line["scene"] for line in result.records if line["type"] == "job"]
    assert result.code == 1 and scenes == (["d", "z"] if fault == "no mapping" else ["d"])
    assert result.records[-1]["left_out"] == 1


def test_a_file_that_is_not_there_is_left_out_too(contextgen, tmp_path):
    scene = write_scene(tmp_path / "d.yaml", canvas=CANVAS)
    result = contextgen("render", scene, tmp_path / "missing.yaml", "--skip-invalid", "--dry-run", "--device", "cpu")
    assert result.code == 1 and "missing.yaml: error: no such file" in result.err and "1 scene left out" in result.err


def test_with_strict_a_warning_leaves_a_scene_out(contextgen, tmp_path):
    write_scene(tmp_path / "d.yaml", canvas=CANVAS)
    write_scene(tmp_path / "e.yaml", canvas={"width": 512, "height": 512})
    options = ("--skip-invalid", "--strict", "--dry-run", "--json", "--device", "cpu")
    result = contextgen("render", tmp_path, *options)
    assert [line["scene"] for line in result.records if line["type"] == "job"] == ["d"]


def test_validate_refuses_what_render_refuses(contextgen, tmp_path):
    scene = write_scene(tmp_path / "a.yaml", canvas=CANVAS)
    write_scene(tmp_path / "b.yaml", canvas=CANVAS)
    dot = Image.new("RGBA", (1200, 1200))
    dot.paste((255, 0, 0, 255), (500, 500, 502, 502))
    dot.save(tmp_path / "refs" / "crab.png")
    told = contextgen("validate", tmp_path)
    assert told.code == 2 and told.err.count("error:") == 1 and "in 2 scenes: a, b" in told.err
    assert "mini: the mask is empty" in told.err
    assert contextgen("validate", tmp_path, "--shallow").code == 0
    for verb in (("compose", "-o", tmp_path / "out"), ("render", "--dry-run")):
        assert "mini: the mask is empty" in contextgen(verb[0], scene, *verb[1:]).err


def test_both_files_of_a_reference_are_looked_at_in_one_pass(contextgen, tmp_path):
    scene = write_scene(tmp_path / "a.yaml", canvas=CANVAS)
    refs = tmp_path / "refs"
    mask = {"crab": {"image": "refs/crab.png", "mask": "refs/mask.png"}, "bag": {"image": "refs/bag.png"}}
    write_scene(scene, canvas=CANVAS, references=mask)
    (refs / "mask.png").write_bytes((refs / "bag.png").read_bytes()[:-200])
    (refs / "crab.png").write_bytes((refs / "crab.png").read_bytes()[:-200])
    told = contextgen("validate", scene)
    assert told.err.count("error: ") == 2 and "refs/mask.png" in told.err and "refs/crab.png" in told.err


@pytest.fixture
def changing(folder, monkeypatch):
    """All five scenes are sound, until their crab changes while the first picture is painted; it is changed back by
    calling this."""
    from contextgen_cli.models.renderer import ModelRenderer

    crab = folder / "refs" / "crab.png"
    (folder / "refs" / "broken.png").write_bytes(crab.read_bytes())
    for name in ("a", "b", "c"):
        write_scene(folder / f"{name}.yaml", canvas=CANVAS)
    before, paint = crab.read_bytes(), ModelRenderer.render

    def render(self, job, on_step):
        picture = paint(self, job, on_step)
        draw_reference(crab, "#00a000")
        return picture

    monkeypatch.setattr(ModelRenderer, "render", render)

    def back() -> None:
        monkeypatch.setattr(ModelRenderer, "render", paint)
        crab.write_bytes(before)

    return back


def test_what_changes_during_a_run_is_one_line_and_nobodys_fault(contextgen, tiny, folder, tmp_path, changing):
    out = tmp_path / "out"
    result = contextgen("render", folder, *tiny, "-o", out, "--json")
    assert result.code == 1 and result.err.count("error: ") == 1
    assert "error: b-0: " in result.err and "was changed since the plan was made" in result.err
    assert "one cause for 4 pictures: b-0, c-0, d-0 and 1 more: " in result.err
    (cause,) = result.records[-1]["causes"]
    assert (cause["jobs"], cause["names"], cause["error"]["class"]) == (4, ["b-0", "c-0", "d-0", "e-0"], "SceneError")
    assert len([line for line in result.records if line["type"] == "job" and line["error"]]) == 4
    assert [attempt.outcome for attempt in read(out).attempts] == ["rendered", *["failed"] * 4]
    changing()
    again = contextgen("render", folder, *tiny, "-o", out)
    assert again.code == 0 and "4 rendered, 1 skipped" in again.err and "left alone" not in again.err


def test_what_is_left_alone_is_told_by_cause(contextgen, tiny, folder, tmp_path, monkeypatch):
    out = tmp_path / "out"

    def broken(*arguments: object) -> None:
        raise ValueError("no such luck")

    with monkeypatch.context() as patched:
        patched.setattr("contextgen_cli.models.renderer.ModelRenderer.render", broken)
        assert contextgen("render", folder / "d.yaml", *tiny, "-o", out, "--count", 4).code == 1
    again = contextgen("render", folder / "d.yaml", *tiny, "-o", out, "--count", 4)
    assert again.code == 1 and "  4 pictures: d-0, d-1, d-2 and 1 more: no such luck\n" in again.err
    assert (out / LEDGER).read_text().count("no such luck") == 4
