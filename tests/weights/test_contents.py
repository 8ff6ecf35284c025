"""What lies in a folder is its own, or a blob of the hub's cache; nothing else is followed, and no code is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from painting import TINY_ADAPTER, TINY_MODEL

from contextgen.weights import checkpoints
from contextgen.weights.contents import contents_problem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model" / "inner").mkdir(parents=True)
    (tmp_path / "model" / "weights").touch()
    return tmp_path / "model"


def test_files_folders_and_links_to_such_pass(folder: Path) -> None:
    (folder.parent / "outside").touch()
    (folder / "elsewhere").symlink_to("../outside")
    (folder / "inner" / "link").symlink_to("../weights")
    assert contents_problem(folder, [*folder.iterdir(), folder / "inner" / "link", folder / "not there"]) is None


@pytest.mark.parametrize(
    ("target", "words"),
    [("/dev/zero", "neither a file nor a folder"), ("nowhere", "a link to nowhere"), ("link", "a link to nowhere")],
)
def test_links_to_what_is_no_file_are_told(folder: Path, target: str, words: str) -> None:
    (folder / "link").symlink_to(target)
    assert contents_problem(folder, [folder / "link"]) == f"link is {words}"


def test_a_pipe_and_code_are_told(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "model.py").touch()
    assert contents_problem(folder, [folder / "pipe"]) == "pipe is neither a file nor a folder"
    assert str(contents_problem(folder, [folder / "model.py"])).startswith("model.py is code")


def hub_cache(source: Path, repo: Path) -> Path:
    """A snapshot as the hub's client keeps it: every file a link to a blob."""
    snapshot = repo / "snapshots" / "abc"
    (repo / "blobs").mkdir(parents=True)
    for number, file in enumerate(path for path in sorted(source.rglob("*")) if path.is_file()):
        place = snapshot / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, repo / "blobs" / f"{number:064x}")
        place.symlink_to(os.path.relpath(repo / "blobs" / f"{number:064x}", place.parent))
    return snapshot


def test_a_snapshot_of_the_hub_cache_is_whole(tmp_path: Path) -> None:
    snapshot = hub_cache(TINY_MODEL, tmp_path / "models--someone--tiny")
    assert checkpoints.find(str(snapshot)) == snapshot
    adapter = hub_cache(TINY_ADAPTER, tmp_path / "models--someone--adapter")
    assert checkpoints.find_adapter(str(adapter)) == adapter


def test_parts_that_a_user_keeps_elsewhere_are_found(tmp_path: Path) -> None:
    shutil.copytree(TINY_MODEL, tmp_path / "model")
    shutil.move(tmp_path / "model" / "vae", tmp_path / "vae")
    (tmp_path / "model" / "vae").symlink_to("../vae")
    assert checkpoints.find(str(tmp_path / "model")) == tmp_path / "model"


def test_a_folder_that_is_a_link_itself_is_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(TINY_MODEL)
    assert checkpoints.find(str(tmp_path / "link")) == tmp_path / "link"


def test_what_lies_beside_the_components_is_nobodys_concern(tmp_path: Path) -> None:
    model = Path(shutil.copytree(TINY_MODEL, tmp_path / "model"))
    (model / "elsewhere").symlink_to("/etc")
    os.mkfifo(model / "pipe")
    assert checkpoints.find(str(model)) == model
