"""Encoded prompts on the disk: the same numbers, found again by what they depend on, never trusted when damaged."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from golden_cases import load, read
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from contextgen.backends.flux_kontext.text_cache import TextCache

CPU = torch.device("cpu")
MADE = torch.randn(1, 3, 4), torch.randn(1, 5)


def never() -> tuple[torch.Tensor, torch.Tensor]:
    raise AssertionError("encoded again")


def same(first, second) -> bool:
    return all(torch.equal(*pair) for pair in zip(first, second, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_another_run_finds_the_same_numbers(tmp_path: Path, dtype: torch.dtype) -> None:
    made = tuple(tensor.to(dtype) for tensor in MADE)
    assert same(TextCache(tmp_path / "new", "m").get("a crab", 3, dtype, CPU, lambda: made), made)
    found = TextCache(tmp_path / "new", "m").get("a crab", 3, dtype, CPU, never)
    assert same(found, made) and found[0].dtype is dtype
    assert len(list((tmp_path / "new").iterdir())) == 1


@pytest.mark.parametrize(
    "change",
    [("other", "a crab", 3, torch.float32), ("m", "a bag", 3, torch.float32), ("m", "a crab", 4, torch.float32),
     ("m", "a crab", 3, torch.bfloat16)],
)  # fmt: skip
def test_whatever_the_numbers_depend_on_is_told_apart(tmp_path: Path, change: tuple) -> None:
    TextCache(tmp_path, "m").get("a crab", 3, torch.float32, CPU, lambda: MADE)
    model, text, length, dtype = change
    with pytest.raises(AssertionError, match="encoded again"):
        TextCache(tmp_path, model).get(text, length, dtype, CPU, never)


def test_another_torch_encodes_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TextCache(tmp_path, "m").get("a crab", 3, torch.float32, CPU, lambda: MADE)
    monkeypatch.setattr(torch, "__version__", "0.1")
    with pytest.raises(AssertionError, match="encoded again"):
        TextCache(tmp_path, "m").get("a crab", 3, torch.float32, CPU, never)


def test_another_kind_of_device_encodes_anew(tmp_path: Path) -> None:
    TextCache(tmp_path, "m").get("a crab", 3, torch.float32, CPU, lambda: MADE)
    with pytest.raises(AssertionError, match="encoded again"):
        TextCache(tmp_path, "m").get("a crab", 3, torch.float32, torch.device("meta"), never)


@pytest.mark.parametrize("damage", ["truncated", "one bit", "another file", "empty"])
def test_a_damaged_file_is_said_so_and_written_anew(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache = TextCache(tmp_path, "m")
    cache.get("a crab", 3, torch.float32, CPU, lambda: MADE)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    match damage:
        case "truncated":
            file.write_bytes(content[:-8])
        case "one bit":
            file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "another file":
            save_file({"else": torch.zeros(1)}, file)
        case "empty":
            file.write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert same(cache.get("a crab", 3, torch.float32, CPU, lambda: MADE), MADE)
    assert "written anew" in caplog.text
    assert file.read_bytes() == content
    assert set(load_file(file)) == {"prompt_embeds", "pooled_prompt_embeds"}


def test_a_folder_that_cannot_be_written_is_said_once_and_does_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = TextCache(tmp_path / "gone", "m")
    (tmp_path / "gone").rmdir()
    with caplog.at_level(logging.WARNING):
        for text in ("a crab", "a bag"):
            assert same(cache.get(text, 3, torch.float32, CPU, lambda: MADE), MADE)
    (said,) = caplog.messages
    assert said.endswith("cannot be written: No such file or directory; encoded prompts are not kept")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("I/O error (os error 28)")])
def test_a_disk_that_fills_up_keeps_no_part_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(tensors, name, metadata):
        Path(name).write_bytes(b"half")
        raise error

    monkeypatch.setattr("contextgen.backends.flux_kontext.text_cache.save_file", full)
    assert same(TextCache(tmp_path, "m").get("a crab", 3, torch.float32, CPU, lambda: MADE), MADE)
    assert not list(tmp_path.iterdir())


def test_a_picture_from_the_disk_is_the_same_and_asks_no_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = {**read("cases", "one_masked").call, "num_inference_steps": 1}
    pictures = []
    for run in range(2):
        pipe = load()
        pipe.text_cache = TextCache(tmp_path, "m")
        if run:
            monkeypatch.setattr(pipe, "encode_prompt", never)
        pictures.append(pipe(**call).images[0].tobytes())
    assert pictures[0] == pictures[1]
