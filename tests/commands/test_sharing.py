"""`render --parallel`: one picture by several processes that the command starts itself, on a CPU."""

from __future__ import annotations

import numpy as np
import pytest
from painting import with_options
from PIL import Image

from contextgen_cli.errors import DeviceError
from contextgen_cli.models.devices import Device, check_together
from contextgen_cli.records.picture_file import read_record


def pixels(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.processes
@pytest.mark.parametrize("way", ["ulysses", "ring"])
def test_two_processes_paint_the_same_picture_and_one_writes_it(contextgen, tiny, scene, tmp_path, way):
    more = with_options(tiny, "--dtype", "float32", "--steps", 2, "--count", 2)
    assert contextgen("render", scene, *more, "-o", tmp_path / "alone").code == 0
    result = contextgen("render", scene, *more, "--parallel", f"{way}=2", "-o", tmp_path / "shared")
    assert result.code == 0, result.err
    assert result.lines == [str(tmp_path / "shared" / f"picnic-{seed}.png") for seed in (0, 1)]
    assert "2 rendered" in result.err
    for seed in (0, 1):
        alone, shared = (tmp_path / folder / f"picnic-{seed}.png" for folder in ("alone", "shared"))
        assert abs(pixels(alone) - pixels(shared)).max() <= 1  # a level of 255, where rounding tips it over
        assert read_record(alone)["job"] == read_record(shared)["job"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--parallel", "ulysses=3"), "ulysses=3 deals out whole attention heads, and tiny-kontext has 2"),
        (("--parallel", "ulysses"), "write ulysses=N or ring=N with N from 2"),
        (("--parallel", "ring=1"), "write ulysses=N or ring=N with N from 2"),
        (("--parallel", "star=2"), "write ulysses=N or ring=N with N from 2"),
        (("--parallel", "ring=2", "--processes", "2"), "starts the processes that share a picture by itself"),
        (("--parallel", "ring=2", "--attention", "masked"), "needs the exact attention"),
        (("--parallel", "ring=2", "--cache-steps", "first-block"), "exclude each other"),
        (("--parallel", "ring=2", "--device", "cuda:1"), "takes the GPUs from the first on"),
    ],
)
def test_what_cannot_be_shared_is_refused_before_anything_loads(contextgen, tiny, scene, tmp_path, options, words):
    result = contextgen("render", scene, *with_options(tiny, *options), "-o", tmp_path / "out")
    assert result.code == 2
    assert words in " ".join(result.err.split())
    assert not (tmp_path / "out").exists()


def test_a_launcher_is_refused(contextgen, tiny, scene, tmp_path, monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    result = contextgen("render", scene, *tiny, "--parallel", "ring=2", "-o", tmp_path / "out")
    assert result.code == 2
    assert "launchers such as torchrun" in result.err


def test_too_few_gpus_are_told_before_anything_loads():
    with pytest.raises(DeviceError, match="64 processes with a picture between them need 64 GPUs; this machine has"):
        check_together(Device("cuda:0", "a GPU", 1, 1), 64)
    check_together(Device("cpu", "threads", 1, 1), 64)
