"""Where a ledger or a page was made is not told by what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from painting import write_scene

from contextgen_cli.records.places import known_places, without_places
from contextgen_cli.scene.loader import LoadOptions, load


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/somebody/refs/crab.png: cannot be read", "…/crab.png: cannot be read"),
        ("[Errno 2] No such file: '/home/somebody/x y.png'", "[Errno 2] No such file: '…/x y.png'"),
        ("error:/srv/a/b.png", "error:…/b.png"),
        ("(/srv/a), /srv/b", "(…/a), …/b"),
        ("C:\\Users\\somebody\\crab.png is gone", "…/crab.png is gone"),
        ("/work/out/picnic-0.png is there", "./picnic-0.png is there"),
        ("/work/out-2/a.png", "…/a.png"),
        ("refs/crab.png, ../crab.png and ./crab.png", "refs/crab.png, ../crab.png and ./crab.png"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("and/or 1/2 a / b", "and/or 1/2 a / b"),
        ("~/crab.png", "~/crab.png"),
        ("", ""),
    ],
)
def test_only_the_last_part_of_a_path_is_told(text: str, told: str) -> None:
    assert without_places(text, {Path("/work/out"): "."}) == told


def test_a_scenes_files_are_called_as_its_record_calls_them(tmp_path: Path) -> None:
    folder = tmp_path / "the scenes" / "inner"
    write_scene(folder / "picnic.yaml")
    write_scene(folder.parent / "other.yaml")
    references = {"crab": {"image": "refs/crab.png"}, "bag": {"image": "../refs/bag.png"}}
    path = write_scene(folder / "picnic.yaml", references=references)
    (scene,) = load([str(path)], LoadOptions(deep=False)).scenes
    known = known_places(scene, tmp_path / "out")

    def told(path: Path) -> str:
        return without_places(f"{path}: gone", known)

    assert told(folder / "refs" / "crab.png") == "refs/crab.png: gone"
    assert told(folder / ".." / "refs" / "bag.png") == "../refs/bag.png: gone"
    assert told(tmp_path / "out" / "picnic-0.png") == "./picnic-0.png: gone"
    assert told(Path.cwd() / "weights") == "./weights: gone"


def test_the_root_is_no_folder_of_ours(tmp_path: Path) -> None:
    (scene,) = load([str(write_scene(tmp_path / "picnic.yaml"))], LoadOptions(deep=False)).scenes
    assert Path("/") not in known_places(scene, Path("/"))
