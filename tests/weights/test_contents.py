"""What lies in a folder is its own, or a blob of the hub's cache; nothing else is followed, and no code is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from painting import TINY_ADAPTER, TINY_MODEL

from contextgen.weights import checkpoints
from contextgen.weights.checkpoint_errors import UntrustedFolder
from contextgen.weights.contents import contents_problem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model" / "inner").mkdir(parents=True)
    (tmp_path / "model" / "weights").touch()
    return tmp_path / "model"


def test_files_folders_and_links_within_pass(folder: Path) -> None:
    (folder / "inner" / "link").symlink_to("../weights")
    assert contents_problem(folder, [*folder.iterdir(), folder / "inner" / "link", folder / "not there"]) is None


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/etc/hosts", "link leads out of the folder, to /etc/hosts"),
        ("../outside", "link leads out of the folder"),
        ("inner/../../model-2/weights", "link leads out of the folder"),
        ("nowhere", "link is a link to nowhere"),
        ("link", "link is a link to nowhere"),
    ],
)
def test_links_that_lead_elsewhere_are_told(folder: Path, target: str, words: str) -> None:
    (folder.parent / "outside").touch()
    (folder.parent / "model-2").mkdir()
    (folder.parent / "model-2" / "weights").touch()
    (folder / "link").symlink_to(target)
    assert str(contents_problem(folder, [folder / "link"])).startswith(words)


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


def test_a_snapshot_s_links_lead_to_no_other_model(tmp_path: Path) -> None:
    snapshot = hub_cache(TINY_MODEL, tmp_path / "models--someone--tiny")
    (tmp_path / "models--else--private" / "blobs").mkdir(parents=True)
    (secret := tmp_path / "models--else--private" / "blobs" / "secret").touch()
    (snapshot / "vae" / "config.json").unlink()
    (snapshot / "vae" / "config.json").symlink_to(secret)
    with pytest.raises(UntrustedFolder, match=r"vae/config\.json leads out of the folder"):
        checkpoints.find(str(snapshot))


def test_a_folder_that_is_a_link_itself_is_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(TINY_MODEL)
    assert checkpoints.find(str(tmp_path / "link")) == tmp_path / "link"


def test_the_package_s_own_model_may_be_linked_by_an_installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, store = tmp_path / "site", tmp_path / "store"
    shutil.copytree(TINY_MODEL, store)
    for file in (path for path in store.rglob("*") if path.is_file()):
        (place := site / "mini" / file.relative_to(store)).parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(file)
    with pytest.raises(UntrustedFolder):
        checkpoints.find(str(site / "mini"))
    for module in ("contents", "checkpoints"):
        monkeypatch.setattr(f"contextgen.weights.{module}.files", lambda package: site)
    assert checkpoints.find("mini") == site / "mini"


def test_what_lies_beside_the_components_is_nobodys_concern(tmp_path: Path) -> None:
    model = Path(shutil.copytree(TINY_MODEL, tmp_path / "model"))
    (model / "elsewhere").symlink_to("/etc")
    os.mkfifo(model / "pipe")
    assert checkpoints.find(str(model)) == model
