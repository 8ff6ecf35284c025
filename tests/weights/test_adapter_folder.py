"""Which of a folder's files an adapter is: of several steps the highest, on the disk as on the hub."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub import errors as hub
from painting import TINY_ADAPTER
from safetensors.torch import load_file, save_file

from contextgen.weights import checkpoints, model_folder
from contextgen.weights.adapter_folder import directly_or_below, latest_step
from contextgen.weights.checkpoint_errors import AdapterMissing, FolderIncomplete, NotInCache

FILE = next(TINY_ADAPTER.glob("*.safetensors"))


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FILE, folder / name)
    return folder


@pytest.mark.parametrize(
    ("names", "latest"),
    [
        (["transformer_00900.safetensors", "transformer_10000.safetensors"], "transformer_10000.safetensors"),
        (["a_b_2.safetensors", "c_10.safetensors"], "c_10.safetensors"),
        (["a_2.safetensors"], None),
        (["a_2.safetensors", "b_02.safetensors"], None),
        (["a_2.safetensors", "pytorch_lora_weights.safetensors"], None),
        ([], None),
    ],
)
def test_the_latest_step_has_the_highest_number(names: list[str], latest: str | None) -> None:
    assert latest_step(names) == latest


def test_what_is_directly_there_comes_before_what_lies_below() -> None:
    assert directly_or_below(["ckpt/a", "b", "x/y/c"]) == ["b"]
    assert directly_or_below(["ckpt/a", "x/y/c"]) == ["ckpt/a"]


@pytest.mark.parametrize("below", [".", "ckpt"])
def test_the_latest_step_is_taken_also_one_folder_down(tmp_path: Path, below: str) -> None:
    files(tmp_path / below, "transformer_00900.safetensors", "transformer_10000.safetensors")
    assert checkpoints.find_adapter(str(tmp_path)) == tmp_path / below / "transformer_10000.safetensors"


def test_a_single_file_one_folder_down_is_found(tmp_path: Path) -> None:
    files(tmp_path, "ckpt/any.safetensors")
    assert checkpoints.find_adapter(str(tmp_path)) == tmp_path / "ckpt"


def test_several_folders_below_are_told_by_name(tmp_path: Path) -> None:
    files(tmp_path, "step-1/a.safetensors", "step-2/a.safetensors")
    with pytest.raises(FolderIncomplete, match=r"several folders in .* hold an adapter: step-1, step-2"):
        checkpoints.find_adapter(str(tmp_path))


def test_numbered_files_that_share_nothing_are_parts_of_one(tmp_path: Path) -> None:
    tensors = load_file(FILE)
    for number, names in enumerate((sorted(tensors)[:40], sorted(tensors)[40:])):
        save_file({name: tensors[name] for name in names}, tmp_path / f"part_{number}.safetensors")
    assert checkpoints.find_adapter(str(tmp_path)) == tmp_path


def test_an_adapter_of_the_same_names_and_no_numbers_is_ambiguous(tmp_path: Path) -> None:
    with pytest.raises(FolderIncomplete, match=r"several files hold .* and "):
        checkpoints.find_adapter(str(files(tmp_path, "a.safetensors", "b.safetensors")))


@pytest.fixture
def on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Put files into a repository; returns the list of what is fetched from it."""

    def put(*names: str, reachable: bool = True) -> list[str]:
        fetched: list[str] = []

        def snapshot_download(repo: str, *, allow_patterns: list[str], local_files_only: bool) -> str:
            if not local_files_only and reachable:
                wanted = [name for name in names if name in allow_patterns]
                fetched.extend(wanted)
                files(tmp_path / "snapshot", *wanted)
            return str(tmp_path / "snapshot")

        def list_repo_files(repo: str) -> list[str]:
            if not reachable:
                raise hub.OfflineModeIsEnabled("no network")
            return [*names, "README.md"]

        (tmp_path / "snapshot").mkdir()
        monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
        monkeypatch.setattr(huggingface_hub, "list_repo_files", list_repo_files)
        return fetched

    return put


def test_of_several_steps_on_the_hub_only_the_latest_is_fetched(on_the_hub, tmp_path: Path) -> None:
    fetched = on_the_hub("ckpt/transformer_00100.safetensors", "ckpt/transformer_05000.safetensors")
    latest = tmp_path / "snapshot" / "ckpt" / "transformer_05000.safetensors"
    assert checkpoints.find_adapter("someone/adapter") == latest
    assert fetched == ["ckpt/transformer_05000.safetensors"]
    assert checkpoints.find_adapter("someone/adapter", offline=True) == latest


def test_a_file_is_the_same_adapter_as_a_folder_that_holds_it_alone(tmp_path: Path) -> None:
    """So that jobs keep their ids, whether the file of a repository or its snapshot is named."""
    assert model_folder.digest(files(tmp_path, "a.safetensors")) == model_folder.digest(tmp_path / "a.safetensors")


def test_without_the_network_what_is_cached_will_do(on_the_hub, tmp_path: Path) -> None:
    on_the_hub("transformer_00100.safetensors", reachable=False)
    files(tmp_path / "snapshot", "transformer_00100.safetensors")
    assert checkpoints.find_adapter("someone/adapter") == tmp_path / "snapshot" / "transformer_00100.safetensors"


def test_a_repository_of_which_no_weights_are_cached_is_not_here(on_the_hub) -> None:
    on_the_hub("transformer_00100.safetensors")
    with pytest.raises(NotInCache, match="someone/adapter is not in the hub cache"):
        checkpoints.find_adapter("someone/adapter", offline=True)


def test_default_is_the_adapter_that_an_alias_names() -> None:
    assert checkpoints.adapter_named("default", "kontext") == "ruihangxu/ContextGen"
    assert checkpoints.adapter_named("./default", "mini") == "./default"
    for model in ("mini", "./folder"):
        with pytest.raises(AdapterMissing, match="has no adapter of its own"):
            checkpoints.adapter_named("default", model)


def test_an_adapter_whose_tensors_are_no_numbers_is_not_taken(tmp_path: Path) -> None:
    save_file({"x": torch.ones(1, dtype=torch.int8)}, tmp_path / "a.safetensors")
    with pytest.raises(FolderIncomplete, match="holds I8"):
        checkpoints.find_adapter(str(tmp_path))
