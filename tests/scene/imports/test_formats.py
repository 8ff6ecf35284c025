"""Other tools' files, as `import` tells them apart, makes scenes of them, and says what it could not take."""

from __future__ import annotations

import io
import json
import os
import time
from pathlib import Path

import pytest

from contextgen_cli.scene.imports.formats import FORMATS
from contextgen_cli.scene.loader import LoadOptions, load

CRAB = {"caption": "A crab.", "width": 512, "instances": [{"image": "crab.png", "bbox": [51, 102, 256, 384]}]}
BAG = {
    "images": [{"id": 1, "file_name": "bag.jpg", "width": 150, "height": 150}],
    "categories": [{"id": 7, "name": "hand bag"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [20, 20, 110, 110], "segmentation": []}],
}
CATS = {"cats": {"cat": [[0, 0, 1, 1]]}}


def test_all_formats_are_listed_with_what_is_read(contextgen) -> None:
    done = contextgen("import", "--format")
    assert done.code == 0 and len(done.lines) == 1 + len(FORMATS)
    for format_, line in zip(FORMATS, done.lines[1:], strict=True):
        assert line.split()[0] == format_.name and format_.reads in line


def test_a_format_that_is_none_is_refused_with_the_names(importing) -> None:
    done = importing(BAG, "--format", "cocoa")
    assert done.code == 2 and "'cocoa' is none of segment-info, mig," in done.err and "Did you mean 'coco'?" in done.err


def test_the_user_may_say_what_a_file_is(importing) -> None:
    assert importing(BAG, "--format", "coco").code == 0
    done = importing(CATS, "--format", "coco")
    assert done.code == 2 and "no coco file: `images` is missing" in done.err


@pytest.mark.parametrize("name", [format_.name for format_ in FORMATS])
@pytest.mark.parametrize(
    "data", [5, "x", [], {}, [5], {"a": 5}, [[1]], {"": {"": [[]]}}, "[1, 2]\n{}", "<a/>", "0 1 1 1 1"]
)
def test_no_format_trips_over_another(name, data, importing) -> None:
    """Each reader gets what it was not made for; a bug would end with 70."""
    assert importing(data, "--format", name, name="data.txt" if isinstance(data, str) else "data.json").code in (1, 2)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("data.json", '{"a": 1}', "of no format known here (segment-info, mig,"),
        ("data.json", "[]", "of no format known here"),
        ("data.json", '{"a": NaN}', "this is no JSON: NaN is no number"),
        ("data.json", '{"a": }', "data.json:1:7: this is no JSON"),
        ("data.json", "", "data.json:1:1: this is no JSON"),
        ("data.json", "[" * 100_000, "this is no JSON"),
        ("data.json", "9" * 5000, "this is no JSON"),
        ("data.txt", "filename,file_size\na.png,4\n", "of no format known here"),
        ("data.yaml", "a: [1", "data.yaml:1:4: a `[` is not closed"),
        ("data.yaml", "", "there is nothing in this file"),
        ("data.yaml", "a: &a [1]\nb: " + "[" + "*a, " * 60_000 + "]", "more than 50,000 values"),
        ("data.yaml", "!!python/object:os.system x", "of no format known here"),
    ],
)
def test_what_cannot_be_read_is_said(name, text, words, importing, here) -> None:
    done = importing(text, name=name)
    assert done.code == 2 and words in done.err and not (here / "got").exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04rest", "this is a ZIP archive"),
        (b"\x1f\x8brest", "this is a gzip archive"),
        (b'{"a": "\xff"}', "byte 0xff at 7 is no UTF-8"),
    ],
)
def test_bytes_that_are_no_text_are_named(data, words, here, contextgen) -> None:
    (here / "data.json").write_bytes(data)
    done = contextgen("import", "data.json", "-o", "got")
    assert done.code == 2 and words in done.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_a_pipe_is_not_waited_for(here, contextgen) -> None:
    os.mkfifo(here / "data.json")
    done = contextgen("import", "data.json", "-o", "got")
    assert done.code == 2 and "not a regular file" in done.err


def test_a_folder_without_labels_is_no_format(here, contextgen) -> None:
    done = contextgen("import", ".", "-o", "got")
    assert (
        done.code == 2
        and "of no format known here" in done.err
        and "give the files in it, such as ./*.json" in done.err
    )


@pytest.mark.parametrize("name", ["scene.yaml", "scenes.json"])
def test_scenes_go_into_a_folder(name, here, contextgen) -> None:
    (here / "data.json").write_text(json.dumps(BAG))
    done = contextgen("import", "data.json", "-o", name)
    assert done.code == 2 and "scenes go into a folder" in done.err and not (here / name).exists()


def test_what_yaml_has_twice_is_remarked_on(importing) -> None:
    done = importing("cats: {cat: [[0, 0, 1, 1]]}\ncats: {dog: [[0, 0, 1, 1]]}\n", name="data.yaml")
    assert done.code == 1 and "data.yaml:2:1: `cats` is given twice" in done.err


def test_a_file_that_is_missing_is_looked_for(here: Path, contextgen) -> None:
    (here / "instances.json").write_text("{}")
    done = contextgen("import", "instance.json", "-o", "got")
    assert done.code == 2 and "did you mean instances.json?" in done.err


def test_a_bad_file_costs_no_other(here, contextgen, importing, got) -> None:
    (here / "bad.json").write_text("{")
    (here / "bag.json").write_text(json.dumps(BAG))
    done = contextgen("import", "bad.json", "bag.json", "no.json", "-o", "got")
    assert done.code == 1 and done.lines == ["got/bag.yaml"]
    assert "bad.json:1:2: this is no JSON" in done.err and "no.json: cannot read" in done.err
    assert contextgen("import", "bad.json", "no.json", "-o", "got").code == 2


def test_scenes_of_several_files_have_names_of_their_own(here, contextgen, got) -> None:
    for name in ("one.json", "two.json"):
        (here / name).write_text(json.dumps(BAG))
    assert contextgen("import", "one.json", "two.json", "-o", "got").lines == ["got/bag.yaml", "got/bag-2.yaml"]
    assert len({scene.references[0].mask for scene in got()}) == 2


def test_names_of_scenes_differ_in_more_than_letter_case(importing) -> None:
    done = importing({"Dog": {"a": [[0, 0, 1, 1]]}, "dog": {"a": [[0, 0, 1, 1]]}})
    assert done.lines == ["got/Dog.yaml", "got/dog-2.yaml"]


def test_import_overwrites_nothing(here, importing) -> None:
    assert importing(BAG).code == 0
    done = importing(BAG)
    assert done.code == 2 and "exists already" in done.err
    assert importing(BAG, "--force").code == 0
    (here / "got/bag.yaml").unlink()
    done = importing(BAG)
    assert done.code == 2 and "bag-hand-bag_mask.png exists already" in done.err


def test_scenes_go_through_standard_output(here, importing, contextgen, monkeypatch) -> None:
    (here / "data.json").write_text(json.dumps([CRAB, CRAB]))
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    done = contextgen("import", "../data.json", "-o", "-")
    assert (done.code, done.err) == (0, "")
    loaded = load(["-"], LoadOptions(deep=True), stdin=io.StringIO(done.out))
    assert not loaded.errors and [scene.name for scene in loaded.scenes] == ["00-data", "01-data"]
    assert not list((here / "below").iterdir())


def test_masks_need_a_folder(here, contextgen) -> None:
    (here / "data.json").write_text(json.dumps(BAG))
    done = contextgen("import", "data.json", "-o", "-")
    assert (done.code, done.out) == (2, "") and "masks have to be drawn, which need a place" in done.err


def test_pictures_that_are_asked_for_belong_to_the_folder_one_is_in(here, contextgen) -> None:
    (here / "data.json").write_text(json.dumps(CATS))
    done = contextgen("import", "data.json", "-o", "-")
    assert done.code == 1 and "image: refs/cat.png" in done.out and "  refs/cat.png" in done.err


def test_of_very_many_things_left_out_the_first_are_told(importing) -> None:
    done = importing([CRAB, *[{"caption": "", "instances": []}] * 30])
    assert done.code == 1 and done.err.count("warning: left out entry") == 10 and "and 20 more left out" in done.err


@pytest.mark.parametrize(
    ("labels", "asked_for"),
    [
        ({"cat": [[0, 0, 1, 1]] * 65}, "1 file to be put there"),
        ({f"cat {n}": [[0, 0, 1, 1]] for n in range(65)}, "64 files to be put there"),
    ],
    ids=["one picture", "a picture each"],
)
def test_too_many_boxes_without_references_are_left_out_too(labels, asked_for, importing) -> None:
    done = importing({"cats": labels})
    assert done.code == 1 and "left out 1 of 65 subjects" in done.err and asked_for in done.err
    assert {problem.code for problem in load(["got"], LoadOptions()).errors} == {"no-such-image"}


def test_very_many_names_are_told_apart_in_a_moment(importing) -> None:
    began = time.process_time()
    assert importing({"cats": {"!" * (n + 1): [[0, 0, 1, 1]] for n in range(5_000)}}).code == 1
    assert time.process_time() - began < 6


def test_what_no_scene_could_hold_is_refused(importing, here) -> None:
    done = importing([{**CRAB, "instances": [{"image": "a\0.png", "bbox": [0, 0, 9, 9]}]}])
    assert done.code == 2 and "a control character is in its prompt or in a file's name" in done.err
    assert not (here / "got").exists()
