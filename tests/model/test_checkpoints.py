"""Finding weights: what is missing is told apart, before anything loads and without a network."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from golden_cases import TINY
from huggingface_hub import errors as hub

from contextgen import checkpoints
from contextgen.checkpoints import (
    CheckpointError,
    DiskFull,
    FolderIncomplete,
    GatedNotAccepted,
    GatedNoToken,
    NoNetwork,
    NotInCache,
    UnknownModel,
)

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "a model"))


def test_complete_folder_is_found(folder: Path) -> None:
    assert checkpoints.find(str(folder)) == folder


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("model_index.json", "model_index.json is missing"),
        ("vae", "vae: the folder is missing"),
        ("transformer/config.json", "transformer: config.json is missing"),
        (f"transformer/{WEIGHTS}", r"transformer: no \*\.safetensors is there"),
        ("tokenizer_2/tokenizer.json", "tokenizer_2: none of tokenizer.json"),
        ("scheduler/scheduler_config.json", "scheduler: scheduler_config.json is missing"),
    ],
)
def test_incomplete_folder_names_the_part(folder: Path, missing: str, words: str) -> None:
    path = folder / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(FolderIncomplete, match=words):
        checkpoints.find(str(folder))


def test_broken_configuration_names_the_part(folder: Path) -> None:
    (folder / "vae" / "config.json").write_text('{"a": 1,}')
    with pytest.raises(FolderIncomplete, match=r"vae: config\.json is not JSON"):
        checkpoints.find(str(folder))


def test_truncated_weights_are_found_from_the_header(folder: Path) -> None:
    weights = folder / "vae" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(FolderIncomplete, match=r"vae: .*: truncated"):
        checkpoints.find(str(folder))


@pytest.mark.parametrize("content", [b"", b"\x10", b"\xff" * 64, (8).to_bytes(8, "little") + b"not json"])
def test_something_else_under_that_name(folder: Path, content: bytes) -> None:
    (folder / "vae" / WEIGHTS).write_bytes(content)
    with pytest.raises(FolderIncomplete, match="not a safetensors file"):
        checkpoints.find(str(folder))


def test_missing_shard_is_named(folder: Path) -> None:
    weights = folder / "transformer" / WEIGHTS
    weights.rename(weights.with_name("model-00001-of-00002.safetensors"))
    index = '{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}'
    (weights.parent / f"{WEIGHTS}.index.json").write_text(index)
    with pytest.raises(FolderIncomplete, match=r"model-00002-of-00002\.safetensors is missing"):
        checkpoints.find(str(folder))


def test_pickles_are_never_loaded(folder: Path) -> None:
    weights = folder / "transformer" / WEIGHTS
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(FolderIncomplete, match="only safetensors are loaded"):
        checkpoints.find(str(folder))


@pytest.mark.parametrize(("name", "hint"), [("kontxt", "Did you mean 'kontext'"), ("./nowhere", "owner/name")])
def test_unknown_name(name: str, hint: str) -> None:
    with pytest.raises(UnknownModel) as refused:
        checkpoints.find(name)
    assert hint in refused.value.hint


def test_hub_model_that_is_not_cached_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(NotInCache, match=r"FLUX\.1-Kontext-dev is not in the hub cache"):
        checkpoints.find("kontext", offline=True)


def test_cached_hub_model_is_found_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = tmp_path / "models--someone--tiny"
    shutil.copytree(TINY, repo / "snapshots" / "abc")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    download = huggingface_hub.snapshot_download
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *args, **kwargs: download(*args, **kwargs, cache_dir=tmp_path)
    )
    assert checkpoints.find("someone/tiny", offline=True) == repo / "snapshots" / "abc"


def answered(kind: type[hub.HfHubHTTPError]) -> hub.HfHubHTTPError:
    return kind("refused", response=SimpleNamespace(headers={}, request=None, status_code=403))


@pytest.mark.parametrize(
    ("answer", "token", "kind"),
    [
        (answered(hub.GatedRepoError), None, GatedNoToken),
        (answered(hub.GatedRepoError), "hf_secret", GatedNotAccepted),
        (answered(hub.RepositoryNotFoundError), None, UnknownModel),
        (hub.LocalEntryNotFoundError("no connection"), None, NoNetwork),
        (hub.OfflineModeIsEnabled("HF_HUB_OFFLINE"), None, NoNetwork),
        (ConnectionError("unreachable"), None, NoNetwork),
        (OSError(errno.ENOSPC, "No space left on device"), None, DiskFull),
    ],
)
def test_hub_answers_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, answer: Exception, token: str | None, kind: type[CheckpointError]
) -> None:
    def refuse(*args: object, **kwargs: object) -> str:
        raise answer

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: token)
    with pytest.raises(CheckpointError) as refused:
        checkpoints.find("kontext")
    assert type(refused.value) is kind
    assert refused.value.hint
    assert "hf_secret" not in str(refused.value) + refused.value.hint


def test_digest_changes_with_any_weight_and_not_with_the_place(folder: Path) -> None:
    before = checkpoints.digest(folder)
    assert before == checkpoints.digest(TINY)
    weights = folder / "vae" / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    assert checkpoints.digest(folder) != before
