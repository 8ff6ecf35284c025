"""Finding weights: what is missing is told apart, before anything loads and without a network."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from golden_cases import TINY
from huggingface_hub import errors as hub
from safetensors.torch import load_file, save_file

from contextgen import ContextGenPipeline
from contextgen.weights import checkpoints, model_folder
from contextgen.weights.checkpoint_errors import (
    CheckpointError,
    DiskFull,
    FolderIncomplete,
    GatedNotAccepted,
    GatedNoToken,
    NoNetwork,
    NotInCache,
    SingleFile,
    UnknownModel,
    UntrustedFolder,
)
from contextgen.weights.safetensors_files import count_numbers

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
    with pytest.raises(FolderIncomplete, match=r"vae/config\.json: no configuration: Expecting property name"):
        checkpoints.find(str(folder))


def test_truncated_weights_are_found_from_the_header(folder: Path) -> None:
    weights = folder / "vae" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(FolderIncomplete, match=r"vae: .*: not a whole safetensors file: .*not fully covered"):
        checkpoints.find(str(folder))


@pytest.mark.parametrize("content", [b"", b"\x10", b"\xff" * 64, (8).to_bytes(8, "little") + b"not json"])
def test_something_else_under_that_name(folder: Path, content: bytes) -> None:
    (folder / "vae" / WEIGHTS).write_bytes(content)
    with pytest.raises(FolderIncomplete, match="not a whole safetensors file"):
        checkpoints.find(str(folder))


def test_missing_shard_is_named(folder: Path) -> None:
    weights = folder / "transformer" / WEIGHTS
    weights.rename(weights.with_name("model-00001-of-00002.safetensors"))
    index = '{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}'
    (weights.parent / f"{WEIGHTS}.index.json").write_text(index)
    with pytest.raises(FolderIncomplete, match=r"model-00002-of-00002\.safetensors is missing"):
        checkpoints.find(str(folder))


def test_what_git_leaves_of_a_large_file_is_told_with_what_to_do(folder: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 1\n"
    (folder / "vae" / WEIGHTS).write_text(pointer)
    with pytest.raises(FolderIncomplete, match="fetched with `git lfs pull`"):
        checkpoints.find(str(folder))


def split(folder: Path, shards: dict[str, list[str]], weight_map: dict[str, str]) -> None:
    """The transformer's tensors in shards, by the beginnings of their names, with an index that says `weight_map`."""
    component = folder / "transformer"
    tensors = load_file(component / WEIGHTS)
    (component / WEIGHTS).unlink()
    for shard, beginnings in shards.items():
        save_file(
            {name: each for name, each in tensors.items() if name.startswith(tuple(beginnings))}, component / shard
        )
    (component / f"{WEIGHTS}.index.json").write_text(json.dumps({"weight_map": weight_map}))


EMBEDDERS = {f"{name}_embedder.{kind}": "a.safetensors" for name in ("x", "context") for kind in ("weight", "bias")}


def test_a_component_holds_what_its_shards_hold(folder: Path) -> None:
    """Converters leave tensors in the index which were stored once only, under another name."""
    split(folder, {"a.safetensors": ["x_emb", "context_emb"]}, {**EMBEDDERS, "tied": "a.safetensors"})
    assert set(model_folder.stored_tensors(folder, "transformer")) == set(EMBEDDERS)


def test_a_tensor_in_two_shards_is_refused(folder: Path) -> None:
    shards = {"a.safetensors": ["x_emb", "context_emb"], "b.safetensors": ["x_emb"]}
    split(folder, shards, {**EMBEDDERS, "x_embedder.bias": "b.safetensors"})
    with pytest.raises(
        FolderIncomplete, match=r"several files hold x_embedder.bias: a\.safetensors and b\.safetensors"
    ):
        checkpoints.find(str(folder))


def test_files_of_other_names_are_neither_read_nor_counted(folder: Path) -> None:
    before = model_folder.stored_tensors(folder, "transformer")
    shutil.copy(folder / "transformer" / WEIGHTS, folder / "transformer" / "diffusion_pytorch_model.fp16.safetensors")
    assert model_folder.stored_tensors(folder, "transformer") == before
    (folder / "transformer" / WEIGHTS).unlink()
    with pytest.raises(FolderIncomplete, match=r"neither diffusion_pytorch_model\.safetensors nor"):
        checkpoints.find(str(folder))


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("flux.safetensors", ["from_single_file", "save_pretrained", "--adapter"]),
        ("flux.gguf", ["--quantize", "bfloat16"]),
    ],
)
def test_a_model_in_a_single_file_is_said_what_to_do(tmp_path: Path, name: str, ways: list[str]) -> None:
    (tmp_path / name).write_bytes(b"GGUF")
    with pytest.raises(SingleFile, match=f"{name} is a file, and a model is a folder") as refused:
        checkpoints.find(str(tmp_path / name))
    assert all(way in refused.value.hint for way in ways)


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


@pytest.mark.parametrize("name", ["../elsewhere", "/etc", "a/b", ".."])
def test_a_component_that_could_lie_elsewhere_is_refused(folder: Path, name: str) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, name: ["diffusers", "AutoencoderKL"]}))
    with pytest.raises(UntrustedFolder, match="is no name of a component"):
        checkpoints.find(str(folder))


def test_an_adapter_on_the_disk_is_looked_at_before_anything_loads(tmp_path: Path) -> None:
    with pytest.raises(FolderIncomplete, match=r"no \*\.safetensors"):
        checkpoints.find_adapter(str(tmp_path))
    (tmp_path / "cut.safetensors").write_bytes(next((TINY / "adapter").glob("*.safetensors")).read_bytes()[:-1])
    for given in (tmp_path, tmp_path / "cut.safetensors"):
        with pytest.raises(FolderIncomplete, match="not a whole safetensors file"):
            checkpoints.find_adapter(str(given))


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: flip(folder / "vae" / WEIGHTS),
        lambda folder: flip(folder / "scheduler" / "scheduler_config.json"),
        lambda folder: (folder / "contextgen.json").write_text("{}"),
        lambda folder: (folder / "vae" / WEIGHTS).rename(folder / "vae" / "other.safetensors"),
    ],
    ids=["weights", "configuration", "card", "name"],
)
def test_digest_changes_with_the_model_and_not_with_the_place(folder: Path, change: Callable[[Path], object]) -> None:
    before = model_folder.digest(folder)
    for written in (folder / "README.md", folder / "transformer" / "notes.md"):
        written.write_text("changes nothing")
    assert before == model_folder.digest(folder) == model_folder.digest(TINY)
    change(folder)
    assert model_folder.digest(folder) != before


def test_only_a_blob_of_the_hub_cache_is_known_by_its_name(tmp_path: Path) -> None:
    name = "a" * 64
    for place in ("blobs", "weights"):
        (tmp_path / place).mkdir()
        (tmp_path / place / name).write_bytes(b"weights")
    assert model_folder.sha256_of(tmp_path / "blobs" / name) == name
    assert model_folder.sha256_of(tmp_path / "weights" / name) == hashlib.sha256(b"weights").hexdigest()


@pytest.mark.parametrize("component", ["transformer", "vae"])
def test_numbers_are_counted_from_the_headers(component: str) -> None:
    tensors = load_file(TINY / component / WEIGHTS)
    assert count_numbers(model_folder.stored_tensors(TINY, component)) == sum(each.numel() for each in tensors.values())


@pytest.mark.parametrize("offline", [True, False])
@pytest.mark.parametrize(
    "ask",
    [
        lambda offline: checkpoints.find("kontext", offline=offline),
        lambda offline: checkpoints.find_adapter("someone/adapter", offline=offline),
        lambda offline: ContextGenPipeline.from_pretrained("kontext", offline=offline),
        lambda offline: ContextGenPipeline.from_pretrained(TINY, adapter="someone/adapter", offline=offline),
    ],
    ids=["model", "adapter", "pipeline", "pipeline's adapter"],
)
def test_the_network_is_asked_only_where_it_may_be(
    ask: Callable[[bool], object], offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def snapshot_download(repo: str, *, local_files_only: bool, **settings: object) -> str:
        asked.append(local_files_only)
        raise hub.LocalEntryNotFoundError("not here")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(NotInCache if offline else NoNetwork):
        ask(offline)
    assert asked == [offline]


@pytest.mark.parametrize("file", ["model_index.json", "contextgen.json", "vae/config.json", f"vae/{WEIGHTS}"])
def test_all_that_is_read_is_fetched(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patterns: list[str] = []

    def snapshot_download(repo: str, *, allow_patterns: list[str], **settings: object) -> str:
        patterns.extend(allow_patterns)
        return str(TINY)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    checkpoints.find("someone/model")
    assert any(fnmatch(file, pattern) for pattern in patterns)
    assert not any(fnmatch(f"transformer_32bit/{WEIGHTS}", pattern) for pattern in patterns)  # no component of it


def test_an_alias_comes_before_the_folder_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(TINY, tmp_path / "mini")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert checkpoints.find("mini") == Path(checkpoints.__file__).parents[1] / "mini"
    assert checkpoints.find("./mini") == Path("mini")
    assert checkpoints.find("~/mini") == tmp_path / "mini"
