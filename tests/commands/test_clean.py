"""The second day: what becomes of pictures whose scenes were changed, renamed, moved, and changed back."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from painting import write_scene

from contextgen_cli.batch.ledger import LEDGER, read
from contextgen_cli.records.picture_file import read_record

OUT = Path("outputs")
PAINTED = {"crab-0.png": "a crab", "fox-0.png": "a fox"}


@pytest.fixture
def render(contextgen, tiny, tmp_path, monkeypatch):
    """Renders in a folder that has scenes in `zoo`."""
    monkeypatch.chdir(tmp_path)
    for name in ("crab", "fox"):
        write_scene(Path("zoo") / f"{name}.yaml", prompt=f"a {name}")

    def run(*arguments: object):
        result = contextgen("render", *arguments, *tiny, "--json")
        assert result.code == 0, result.err
        return result

    return run


def statuses(result) -> dict[str, str]:
    return {record["scene"]: record["status"] for record in result.records[:-1]}


def prompts() -> dict[str, str]:
    """What each picture shows."""
    return {path.name: read_record(path)["scene"]["prompt"] for path in OUT.glob("*.png") if "layout" not in path.name}


def kept() -> dict[str, str]:
    """The prompts of what is set aside, by name."""
    return {
        path.name: read_record(path)["scene"]["prompt"]
        for path in OUT.glob(".contextgen/outdated/*/*-0*.png")
        if "layout" not in path.name
    }


def test_the_same_scenes_among_others_are_done(render):
    render("zoo")
    write_scene(Path("zoo2/crab.yaml"), prompt="another crab")
    assert statuses(render("zoo", "zoo2")) == {"crab": "skipped", "fox": "skipped", "zoo2-crab": "rendered"}
    assert prompts() == {**PAINTED, "zoo2-crab-0.png": "another crab"}
    assert statuses(render("zoo2", "zoo")) == {"crab": "skipped", "fox": "skipped", "zoo-crab": "skipped"}
    assert statuses(render("zoo2")) == {"crab": "skipped"}


def test_a_folder_that_was_renamed_is_done(render):
    render("zoo")
    Path("zoo").rename("menagerie")
    assert statuses(render("menagerie")) == {"crab": "skipped", "fox": "skipped"}


@pytest.mark.parametrize("listed", [True, False], ids=["in the ledger", "no ledger"])
def test_what_is_there_under_another_name_is_done_and_said_to_be(render, contextgen, tiny, listed):
    render("zoo")
    Path("zoo/crab.yaml").rename("zoo/lobster.yaml")
    if not listed:
        (OUT / LEDGER).unlink()
    result = render("zoo")
    assert statuses(result) == {"fox": "skipped", "lobster": "skipped"}
    assert "lobster-0 is there already, as outputs/crab-0.png" in result.err
    assert [record["path"] for record in result.records[:-1]] == ["outputs/fox-0.png", "outputs/crab-0.png"]
    assert "done: crab-0.png" in contextgen("render", "zoo", "--dry-run", *tiny).out
    assert prompts() == PAINTED


def test_equal_scenes_of_a_run_have_a_picture_each_whichever_was_there_before(render):
    write_scene(Path("zoo/fox.yaml"), prompt="a crab")
    render("zoo/crab.yaml")
    assert statuses(render("zoo")) == {"crab": "skipped", "fox": "rendered"}
    assert prompts() == {"crab-0.png": "a crab", "fox-0.png": "a crab"}


def test_a_picture_that_somebody_renamed_is_done(render):
    render("zoo")
    (OUT / "crab-0.png").rename(OUT / "the best.png")
    assert statuses(render("zoo")) == {"crab": "skipped", "fox": "skipped"}


def test_a_picture_under_another_name_makes_way_for_the_one_that_is_called_so(render):
    render("zoo", "--save-layout")
    Path("zoo/crab.yaml").rename("zoo/lobster.yaml")
    write_scene(Path("zoo/crab.yaml"), prompt="a new crab")
    assert statuses(render("zoo")) == {"crab": "rendered", "fox": "skipped", "lobster": "skipped"}
    assert prompts() == {"crab-0.png": "a new crab", "fox-0.png": "a fox", "lobster-0.png": "a crab"}
    assert (OUT / "lobster-0.layout.png").exists() and not (OUT / "crab-0.layout.png").exists()


def test_a_scene_that_is_changed_back_gets_its_picture_back(render):
    first = render("zoo").records[0]["job"]
    write_scene(Path("zoo/crab.yaml"), prompt="a blue crab")
    changed = render("zoo")
    assert changed.records[-2]["outdated"] == f"outputs/.contextgen/outdated/{first[:8]}/crab-0.png"
    assert (prompts(), kept()) == ({**PAINTED, "crab-0.png": "a blue crab"}, {"crab-0.png": "a crab"})
    write_scene(Path("zoo/crab.yaml"), prompt="a crab")
    back = render("zoo")
    assert statuses(back) == {"crab": "skipped", "fox": "skipped"} and "taken back" in back.err
    assert (prompts(), kept()) == (PAINTED, {"crab-0.png": "a blue crab"})
    assert statuses(render("zoo")) == {"crab": "skipped", "fox": "skipped"}


def test_layout_and_inputs_go_with_their_picture(render):
    render("zoo/crab.yaml", "--save-layout")
    layout = (OUT / "crab-0.layout.png").read_bytes()
    write_scene(Path("zoo/crab.yaml"), prompt="a crab", canvas={"width": 96, "height": 64})
    render("zoo/crab.yaml")
    (aside,) = OUT.glob(".contextgen/outdated/*/crab-0.layout.png")
    assert aside.read_bytes() == layout and not (OUT / "crab-0.layout.png").exists()
    write_scene(Path("zoo/crab.yaml"), prompt="a crab")
    assert statuses(render("zoo/crab.yaml", "--save-layout")) == {"crab": "skipped"}
    assert (OUT / "crab-0.layout.png").read_bytes() == layout and not aside.exists()


def test_another_scene_of_the_name_keeps_its_picture(render):
    render("zoo/crab.yaml")
    write_scene(Path("zoo2/crab.yaml"), prompt="another crab")
    result = render("zoo2")
    assert "outputs/crab-0.png is the picture of another scene" in result.err
    assert sorted(prompts().values()) == ["a crab", "another crab"] and not kept()
    write_scene(Path("zoo2/crab.yaml"), prompt="a third crab")
    render("zoo2")
    assert sorted(prompts().values()) == ["a crab", "a third crab"]
    assert list(kept().values()) == ["another crab"]


def test_what_comes_from_a_pipe_takes_nobodys_place(contextgen, render, tiny, monkeypatch):
    for prompt in ("a crab", "a fox"):
        text = write_scene(Path("zoo/piped.yaml"), prompt=prompt).read_text().replace("refs/", "zoo/refs/")
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert contextgen("render", "-", *tiny).code == 0
    assert sorted(prompts().values()) == ["a crab", "a fox"] and not kept()


@pytest.mark.parametrize("source", [True, False], ids=["this version's", "of a ledger without sources"])
def test_a_picture_of_the_scene_as_it_was_makes_room(render, source):
    render("zoo")
    lines = [json.loads(line) for line in (OUT / LEDGER).read_text().splitlines()]
    if not source:
        for line in lines:
            del line["source"]
        (OUT / LEDGER).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        assert len(read(OUT).attempts) == 2 and not read(OUT).warnings
    write_scene(Path("zoo/crab.yaml"), prompt="a blue crab")
    render("zoo")
    assert (prompts(), kept()) == ({**PAINTED, "crab-0.png": "a blue crab"}, {"crab-0.png": "a crab"})


def test_a_picture_that_is_none_of_ours_stays_where_it_is(render):
    OUT.mkdir()
    write_scene(Path("zoo/crab.yaml"))
    photo = Path("zoo/refs/crab.png").read_bytes()
    (OUT / "crab-0.png").write_bytes(photo)
    render("zoo/crab.yaml")
    assert (OUT / "crab-0.png").read_bytes() == photo and not kept()


def test_clean_lists_and_removes_what_is_outdated_and_nothing_else(render, contextgen):
    assert contextgen("clean", "zoo").err.strip() == "nothing outdated"
    render("zoo", "--save-layout")
    write_scene(Path("zoo/crab.yaml"), prompt="a blue crab")
    render("zoo", "--save-layout")
    listed = contextgen("clean", "outputs")
    assert "crab-0.png" in listed.out and "1 outdated picture" in listed.err and "--yes removes it" in listed.err
    assert len(kept()) == 1
    (told, summary) = contextgen("clean", "outputs", "--json").records
    sizes = sum(path.stat().st_size for path in OUT.glob(".contextgen/outdated/*/*.png"))
    assert (told["bytes"], told["removed"], summary["outdated"]) == (sizes, False, 1)
    removed = contextgen("clean", "outputs", "--yes")
    assert removed.code == 0 and "removed 1 outdated picture" in removed.err
    assert not list(OUT.glob(".contextgen/outdated/*"))
    assert prompts() == {**PAINTED, "crab-0.png": "a blue crab"} and (OUT / "crab-0.layout.png").exists()


def test_clean_names_what_is_no_folder(contextgen, tmp_path):
    result = contextgen("clean", tmp_path / "nowhere")
    assert result.code == 2 and "nowhere is no folder" in result.err


def test_the_report_marks_what_is_outdated_and_forgets_what_was_removed(render, contextgen):
    render("zoo")
    write_scene(Path("zoo/crab.yaml"), prompt="a blue crab")
    render("zoo")
    counts = contextgen("report", "outputs", "--json").records[-1]
    assert (counts["rendered"], counts["outdated"], counts["entries"]) == (2, 1, 3)
    contextgen("clean", "outputs", "--yes")
    counts = contextgen("report", "outputs", "--json").records[-1]
    assert counts == {"type": "summary", "entries": 2, "rendered": 2, "exit": 0}


def test_a_file_asked_for_is_replaced_if_told_to(render, contextgen, tiny):
    render("zoo/crab.yaml", "-o", "x.png")
    assert statuses(render("zoo/crab.yaml", "-o", "x.png", "--replace")) == {"crab": "skipped"}
    refused = contextgen("render", "zoo/fox.yaml", *tiny, "-o", "x.png")
    assert refused.code == 2 and "--replace" in refused.err
    assert statuses(render("zoo/fox.yaml", "-o", "x.png", "--replace")) == {"fox": "rendered"}
    assert read_record(Path("x.png"))["scene"]["prompt"] == "a fox"
    photo = Path("zoo/refs/crab.png")
    before = photo.read_bytes()
    assert contextgen("render", "zoo/fox.yaml", *tiny, "-o", photo, "--replace").code == 2
    assert photo.read_bytes() == before
    assert contextgen("render", "zoo/fox.yaml", *tiny, "-o", "outputs", "--replace").code == 2


def test_neither_a_layout_nor_a_contact_sheet_is_written_over_a_picture(render, contextgen):
    render("zoo")
    picture = OUT / "crab-0.png"
    before = picture.read_bytes()
    for command in (("compose", "zoo/fox.yaml", "-o"), ("report", OUT, "--contact-sheet")):
        refused = contextgen(*command, picture)
        assert refused.code == 2 and "crab-0.png is" in refused.err and picture.read_bytes() == before
    assert contextgen("compose", "zoo/fox.yaml", "-o", "layout.png").code == 0
    assert contextgen("compose", "zoo/fox.yaml", "-o", "layout.png").code == 0
    for _ in range(2):
        assert contextgen("report", OUT, "--contact-sheet", "sheet.png").code == 0
