"""Models loaded and saved as a library user does it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from golden_cases import TINY, read
from painting import write_scene

from contextgen import ContextGenPipeline
from contextgen.backends.flux_kontext.pretrained import WithoutMethod


def opened(*args: object, **kwargs: object) -> ContextGenPipeline:
    pipe = ContextGenPipeline.from_pretrained(*args, **kwargs)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def call() -> dict:
    return {**read("cases", "one_masked").call, "num_inference_steps": 2}


@pytest.mark.parametrize(
    ("dtype", "shard", "weights"),
    [("float32", None, "float32"), ("bfloat16", None, "bfloat16"), ("float32", "100KB", "float32")],
)
def test_what_is_saved_paints_the_same_picture_when_it_is_loaded(dtype, shard, weights, call, tmp_path) -> None:
    """With the adapter in its weights, and the card that says how the method is used."""
    first = opened(TINY, adapter=TINY / "adapter", dtype=dtype)
    first.save_pretrained(tmp_path / "saved", max_shard_size=shard)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = opened(tmp_path / "saved", dtype=dtype)
    assert again.card == replace(first.card, weights_dtype=weights)
    assert again(**call).images[0].tobytes() == first(**call).images[0].tobytes()


def test_what_is_saved_is_a_model_of_the_command_line(contextgen, tiny, tmp_path) -> None:
    """The same pixels as by the folder and the adapter that it was made of, and no warning."""
    opened(TINY, adapter=TINY / "adapter").save_pretrained(tmp_path / "saved")
    scene = write_scene(tmp_path / "picnic.yaml")
    _, model, _, adapter, *rest = tiny
    for out, options in (("apart", ("--model", model, "--adapter", adapter)), ("saved", ("--model", "saved"))):
        options = tuple(tmp_path / "saved" if each == "saved" else each for each in options)
        done = contextgen("render", scene, *options, *rest, "-o", tmp_path / "out" / out)
        assert done.code == 0
        assert "says nothing of ContextGen" not in done.err
    from PIL import Image

    one, other = (Image.open(tmp_path / "out" / out / "picnic-0.png").tobytes() for out in ("apart", "saved"))
    assert one == other


def test_the_card_keeps_what_was_measured_and_stated(tmp_path) -> None:
    pipe = opened("mini")
    pipe.save_pretrained(tmp_path / "saved")
    stated = json.loads((tmp_path / "saved" / "contextgen.json").read_text())
    assert stated["mag_ratios"] == list(pipe.card.mag_ratios)
    assert opened(tmp_path / "saved").card == pipe.card


@pytest.mark.parametrize("options", [{}, {"offline": True}])
def test_a_folder_that_says_nothing_of_the_method_is_warned_of(options) -> None:
    with pytest.warns(WithoutMethod, match="says nothing of ContextGen: it will not keep identities"):
        opened(TINY, **options)


def test_weights_that_are_kept_apart_are_not_saved(tmp_path) -> None:
    pytest.importorskip("peft")
    pipe = opened(TINY, adapter=TINY / "adapter", fuse_adapter=False)
    with pytest.raises(ValueError, match="fuse_adapter=True"):
        pipe.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_offloaded_weights_are_not_saved_until_they_are_back(call, tmp_path) -> None:
    pipe = opened(TINY, adapter=TINY / "adapter")
    expected = pipe(**call).images[0].tobytes()
    pipe.enable_lean_offload("cpu")
    with pytest.raises(ValueError, match=r"remove_all_hooks\(\)"):
        pipe.save_pretrained(tmp_path / "saved")
    pipe.remove_all_hooks()
    pipe.save_pretrained(tmp_path / "saved")
    assert opened(tmp_path / "saved")(**call).images[0].tobytes() == expected


@pytest.mark.parametrize("given", [{"dtype": "bfloat16"}, {"dtype": torch.bfloat16}, {"torch_dtype": torch.bfloat16}])
def test_a_number_format_has_two_names_and_two_spellings(given) -> None:
    assert opened(TINY, adapter=TINY / "adapter", **given).transformer.dtype is torch.bfloat16


def test_an_unknown_number_format_is_refused() -> None:
    with pytest.raises(ValueError, match="'bf16': give float32, bfloat16 or float16"):
        opened(TINY, dtype="bf16")


def test_the_numerics_are_those_of_a_render(call) -> None:
    pipe = opened(TINY, adapter=TINY / "adapter", attention="masked", ablation="no-ica")
    assert pipe.numerics.to_record() == {
        "dtype": "float32", "attention": "masked", "ica": "released", "ablation": "no-ica"
    }  # fmt: skip


NOISE = ("torchvision", "should be kept in float32", "Expected types")
LOADING = (
    "from contextgen import ContextGenPipeline\n"
    "pipe = ContextGenPipeline.from_pretrained('mini')\n"
    "pipe.to('cpu', dtype=__import__('torch').bfloat16)"
)


def test_libraries_warn_of_nothing_that_is_in_order() -> None:
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True)
    assert [words for words in NOISE if words in done.stderr + done.stdout] == []


def test_libraries_are_heard_by_those_who_ask() -> None:
    asked = f"import logging\nlogging.basicConfig(level=logging.INFO)\n{LOADING}"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert "should be kept in float32" in done.stderr


def test_the_filters_are_gone_afterwards() -> None:
    before = list(logging.getLogger("diffusers.models.modeling_utils").filters)
    opened(TINY, adapter=TINY / "adapter")
    assert logging.getLogger("diffusers.models.modeling_utils").filters == before


def test_the_package_lists_its_names_and_its_version() -> None:
    import contextgen
    from contextgen_cli import __version__

    assert {"ContextGenPipeline", "Instance", "ModelCard", "__version__"} == set(dir(contextgen))
    assert contextgen.__version__ == __version__
    assert all(getattr(contextgen, name) for name in dir(contextgen))


def test_folders_come_as_paths_and_as_text(call) -> None:
    text, path = (opened(kind(TINY), adapter=kind(TINY / "adapter")) for kind in (str, Path))
    assert text(**call).images[0].tobytes() == path(**call).images[0].tobytes()
