"""Folders that a stranger made: refused before anything in them is loaded or run, with the file and what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from painting import TINY_MODEL
from safetensors.torch import load_file, save_file

FLUX = "transformer/diffusion_pytorch_model.safetensors"
LAYER = "transformer_blocks.0.attn.to_q.weight"
CODE = "from pathlib import Path\nPath(__file__).with_name('ran').touch()\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY_MODEL, tmp_path / "model"))


def says(file: str, **changes: Any) -> Callable[[Path], None]:
    """A change of keys in a configuration."""

    def change(folder: Path) -> None:
        stated = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps({**stated, **changes}))

    return change


def is_written(file: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_text(content)


def is_a_pipe(file: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / file).unlink()
        os.mkfifo(folder / file)

    return change


def leads_to(file: str, target: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / file).unlink()
        (folder / file).symlink_to(target)

    return change


def moved_away(folder: Path) -> None:
    (folder / "vae").rename(folder.parent / "vae")
    (folder / "vae").symlink_to(folder.parent / "vae")


def header(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """The same numbers under a header that says something else of them."""

    def rewrite(folder: Path) -> None:
        content = (folder / FLUX).read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        said = json.loads(content[8 : 8 + length])
        change(said)
        text = json.dumps(said).encode()
        (folder / FLUX).write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])

    return rewrite


def stored_as(dtype: torch.dtype, **more: torch.Tensor) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        tensors = load_file(folder / FLUX)
        tensors[LAYER] = tensors[LAYER].to(dtype)
        save_file({**tensors, **{f"{LAYER}{name}": value for name, value in more.items()}}, folder / FLUX)

    return change


def an_index(weight_map: dict[str, Any]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / FLUX).rename(folder / "transformer" / "part.safetensors")
        (folder / f"{FLUX}.index.json").write_text(json.dumps({"weight_map": weight_map}))

    return change


def beside_its_index(folder: Path) -> None:
    index = {"weight_map": dict.fromkeys(load_file(folder / FLUX), Path(FLUX).name)}
    (folder / f"{FLUX}.index.json").write_text(json.dumps(index))


def pickled(suffix: str) -> Callable[[Path], object]:
    return lambda folder: (folder / FLUX).rename((folder / FLUX).with_suffix(suffix))


def offsets(begin: int, end: int) -> Callable[[Path], None]:
    return header(lambda said: said[LAYER].update(data_offsets=[begin, end]))


def is_made(file: str, **said: Any) -> Callable[[Path], object]:
    return is_written(file, json.dumps(said))


def a_token(file: str, number: int) -> Callable[[Path], None]:
    """One more token in a tokenizer, with an id of its own."""

    def change(folder: Path) -> None:
        said = json.loads((folder / file).read_text())
        said["added_tokens"].append({**said["added_tokens"][0], "content": "crab", "id": number})
        (folder / file).write_text(json.dumps(said))

    return change


def an_entry(file: str, number: int) -> Callable[[Path], None]:
    """One more piece in the vocabulary of a BPE tokenizer."""

    def change(folder: Path) -> None:
        said = json.loads((folder / file).read_text())
        said["model"]["vocab"]["crab"] = number
        (folder / file).write_text(json.dumps(said))

    return change


def empty_tensors(count: int) -> Callable[[Path], None]:
    nothing = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}

    def change(folder: Path) -> None:
        text = json.dumps({f"t{number}": nothing for number in range(count)}).encode()
        (folder / FLUX).write_bytes(struct.pack("<Q", len(text)) + text)

    return change


DEEP = '{"a":' * 100_000 + "1" + "}" * 100_000

UNTRUSTED: dict[str, tuple[Callable[[Path], object], str]] = {
    # pickles
    "weights in a .bin": (pickled(".bin"), "transformer: its weights are pickled; only safetensors are loaded"),
    "weights in a .pt": (pickled(".pt"), "transformer: its weights are pickled; only safetensors are loaded"),
    "weights in a .ckpt": (pickled(".ckpt"), "transformer: its weights are pickled; only safetensors are loaded"),
    # code
    "auto_map in a configuration": (
        says("text_encoder/config.json", auto_map={"AutoModel": "evil.Model"}),
        "text_encoder/config.json: auto_map names code",
    ),
    "auto_map in a tokenizer": (
        says("tokenizer/tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Tokenizer", None]}),
        "tokenizer/tokenizer_config.json: auto_map names code",
    ),
    "code in a component": (is_written("vae/evil.py", CODE), "vae/evil.py is code"),
    "code in the folder": (is_written("evil.py", CODE), "evil.py is code"),
    "a module as the pipeline": (
        says("model_index.json", _class_name=["evil", "Pipeline"]),
        "model_index.json: does not say what it is: `_class_name` is ['evil', 'Pipeline']",
    ),
    "a module as a component": (says("model_index.json", vae=["evil", "Vae"]), "model_index.json: vae: evil.Vae"),
    "a module of Python's": (says("model_index.json", vae=["os", "system"]), "model_index.json: vae: os.system"),
    "a component that is none": (
        says("model_index.json", image_encoder=["transformers", "CLIPVisionModel"]),
        "model_index.json: image_encoder: transformers.CLIPVisionModel, which nothing here reads",
    ),
    "a class that is a list": (says("model_index.json", vae=["diffusers", ["a"]]), "model_index.json: vae: diffusers."),
    # files elsewhere
    "a shard above": (
        an_index({"a": "../../part.safetensors"}),
        "'../../part.safetensors' is no name of a safetensors",
    ),
    "a shard anywhere": (
        an_index({"a": "/etc/part.safetensors"}),
        "'/etc/part.safetensors' is no name of a safetensors",
    ),
    "a shard that is a pickle": (an_index({"a": "part.bin"}), "'part.bin' is no name of a safetensors file beside it"),
    "no shards": (an_index({}), "safetensors.index.json is no index of shards: its weight_map does not say where"),
    "a shard that is a number": (an_index({"a": 7}), "'7' is no name of a safetensors"),
    "a shard that is a list": (an_index({"a": ["part.safetensors"]}), "is no name of a safetensors file beside it"),
    "shards in a list": (an_index(["part.safetensors"]), "is no index of shards"),  # type: ignore[arg-type]
    "a file beside its index": (beside_its_index, "are both there, and only one can be meant"),
    "a link to the machine's files": (leads_to("vae/config.json", "/etc/hosts"), "vae/config.json: no configuration"),
    "a link to nowhere": (leads_to(FLUX, "gone"), f"{FLUX} is a link to nowhere"),
    "a link to itself": (leads_to(FLUX, Path(FLUX).name), f"{FLUX} is a link to nowhere"),
    # what is no file
    "a pipe as weights": (is_a_pipe(FLUX), f"{FLUX} is neither a file nor a folder"),
    "a pipe as the index": (is_a_pipe("model_index.json"), "model_index.json: no configuration: no regular file"),
    "an index nested deeply": (is_written(f"{FLUX}.index.json", DEEP), "is no index of shards: nested too deeply"),
    "a pipe as a configuration": (is_a_pipe("vae/config.json"), "vae/config.json is neither a file nor a folder"),
    "a pipe as a tokenizer": (is_a_pipe("tokenizer/tokenizer.json"), "tokenizer.json is neither a file nor a folder"),
    "a device as weights": (leads_to(FLUX, "/dev/zero"), f"{FLUX} is neither a file nor a folder"),
    # sizes
    "an empty transformer": (
        is_written("transformer/config.json", "{}"),
        "transformer/config.json: 'num_layers' is missing",
    ),
    "an empty encoder": (
        is_written("text_encoder/config.json", "{}"),
        "text_encoder/config.json: 'hidden_size' is missing",
    ),
    "an empty scheduler": (
        is_written("scheduler/scheduler_config.json", "{}"),
        "scheduler_config.json: 'base_image_seq",
    ),
    "a list as an encoder": (
        is_written("text_encoder_2/config.json", "[]"),
        "text_encoder_2/config.json: no configuration",
    ),
    "heads that are a word": (
        says("transformer/config.json", num_attention_heads="x"),
        "transformer/config.json: num_attention_heads: 'x' is not a whole number",
    ),
    "an encoder's heads": (
        says("text_encoder/config.json", num_attention_heads="x"),
        "num_attention_heads: 'x' is not",
    ),
    "no heads": (says("text_encoder_2/config.json", num_heads=0), "text_encoder_2/config.json: num_heads: 0 is not"),
    "100,000 blocks": (
        says("transformer/config.json", num_layers=100_000),
        "num_layers: 100,000 layers, and 140 tensors",
    ),
    "100,000 layers": (says("text_encoder_2/config.json", num_layers=100_000), "num_layers: 100,000 layers, and"),
    "100,000 a block": (says("vae/config.json", layers_per_block=100_000), "layers_per_block: 100,000 layers, and"),
    "wide beyond measure": (says("text_encoder/config.json", hidden_size=10**12), "hidden_size: 1000000000000 is not"),
    "a size of its own": (says("transformer/config.json", patch_size=10**12), "patch_size: 1000000000000 is beyond"),
    "a number of 5,000 digits": (
        is_written("transformer/config.json", f'{{"num_layers": {"9" * 5000}}}'),
        "transformer/config.json: no configuration",
    ),
    "steps beyond measure": (
        says("scheduler/scheduler_config.json", num_train_timesteps=10**12),
        "scheduler_config.json: num_train_timesteps: 1000000000000 is beyond",
    ),
    "a shift that is none": (says("scheduler/scheduler_config.json", shift=float("nan")), "shift: nan is not a number"),
    "many halvings": (says("vae/config.json", block_out_channels=[8] * 10**6), "block_out_channels: [8, 8, 8"),
    "a size of its own in a list": (
        says("transformer/config.json", axes_dims_rope=[10**12, 4, 4]),
        "transformer/config.json: axes_dims_rope: 1000000000000 is beyond",
    ),
    "10,000 kinds of blocks": (
        says("vae/config.json", down_block_types=["DownEncoderBlock2D"] * 10_000),
        "vae/config.json: down_block_types: 10,000 entries, and",
    ),
    "quantized already": (
        says("transformer/config.json", quantization_config={}),
        "weights that are quantized already",
    ),
    "an infinity": (
        says("vae/config.json", norm_eps=float("inf")),
        "vae/config.json: norm_eps: inf is beyond 1,048,576",
    ),
    "a shift beyond measure": (
        says("scheduler/scheduler_config.json", shift=1e99),
        "scheduler_config.json: shift: 1e+99 is beyond",
    ),
    "a shift without an exponential": (
        says("scheduler/scheduler_config.json", max_shift=1000),
        "scheduler_config.json: max_shift: 1000 is not a number from 0 to 32",
    ),
    "no shift": (says("scheduler/scheduler_config.json", shift=0), "shift: 0 is not a number from 0 to 32, and not 0"),
    "lengths the wrong way round": (
        says("scheduler/scheduler_config.json", base_image_seq_len=4096),
        "scheduler_config.json: max_image_seq_len: 4096 is not above base_image_seq_len",
    ),
    "a shift of another kind": (
        says("scheduler/scheduler_config.json", time_shift_type=["x"]),
        "scheduler_config.json: time_shift_type: ['x'] is not exponential or linear",
    ),
    "axes beyond measure": (
        says("transformer/config.json", axes_dims_rope=[10**6] * 3),
        "transformer/config.json: axes_dims_rope: [1000000, 1000000, 1000000] is not a list of three even whole "
        "numbers that add up to attention_head_dim, 32",
    ),
    "axes that are a word": (
        says("transformer/config.json", axes_dims_rope="abc"),
        "axes_dims_rope: 'abc' is not a list",
    ),
    "axes that are negative": (
        says("transformer/config.json", axes_dims_rope=[-4, 18, 18]),
        "axes_dims_rope: [-4, 18, 18] is not a list of three",
    ),
    "a gate of no kind": (
        says("text_encoder_2/config.json", feed_forward_proj="gated-xxxx"),
        "text_encoder_2/config.json: feed_forward_proj: 'gated-xxxx' is not one of relu, gated-gelu",
    ),
    "a gate that is a list": (says("text_encoder_2/config.json", feed_forward_proj=[]), "feed_forward_proj: [] is not"),
    "a function of its own": (
        says("text_encoder_2/config.json", dense_act_fn="tanh"),
        "text_encoder_2/config.json: dense_act_fn: 'tanh' is not relu",
    ),
    "a gate where there is none": (
        says("text_encoder_2/config.json", is_gated_act=True),
        "text_encoder_2/config.json: is_gated_act: True is not false",
    ),
    "weights of another name": (
        says("text_encoder/config.json", transformers_weights="other.safetensors"),
        "text_encoder/config.json: transformers_weights: 'other.safetensors' would be taken from elsewhere",
    ),
    "attention from a hub": (
        says("text_encoder/config.json", _attn_implementation="someone/kernels"),
        "text_encoder/config.json: _attn_implementation: 'someone/kernels' would be taken from elsewhere",
    ),
    # adapters inside a component
    "an adapter's configuration": (
        is_made("text_encoder_2/adapter_config.json", peft_type="LORA"),
        "text_encoder_2/adapter_config.json is an adapter inside a component",
    ),
    "an adapter's weights": (
        is_written("text_encoder/adapter_model.safetensors", ""),
        "text_encoder/adapter_model.safetensors is an adapter inside a component",
    ),
    # tokens
    "a token added beyond the vocabulary": (
        is_made("tokenizer_2/added_tokens.json", crab=99_999_999),
        "tokenizer_2/added_tokens.json: the token 'crab' has the id 99999999, and its encoder knows 0 to 98",
    ),
    "an id that is a word": (is_made("tokenizer/added_tokens.json", crab="x"), "the token 'crab' has the id 'x'"),
    "a token in the tokenizer beyond the vocabulary": (
        a_token("tokenizer_2/tokenizer.json", 99),
        "tokenizer_2/tokenizer.json: the token 'crab' has the id 99, and its encoder knows 0 to 98",
    ),
    "a piece beyond the vocabulary": (
        an_entry("tokenizer/tokenizer.json", 514),
        "tokenizer/tokenizer.json: the token 'crab' has the id 514, and its encoder knows 0 to 513",
    ),
    "a token decoded beyond the vocabulary": (
        says("tokenizer_2/tokenizer_config.json", added_tokens_decoder={"99999999": {"content": "crab"}}),
        "tokenizer_2/tokenizer_config.json: the token 'added_tokens_decoder' has the id 99999999",
    ),
    "tokens decoded from a list": (
        says("tokenizer_2/tokenizer_config.json", added_tokens_decoder=["crab"]),
        "tokenizer_2/tokenizer_config.json: added_tokens_decoder: ['crab'] is not an object",
    ),
    "extra tokens without end": (
        says("tokenizer_2/tokenizer_config.json", extra_ids=10**9),
        "tokenizer_2/tokenizer_config.json: extra_ids: 1000000000 is not a whole number from 0 to 99",
    ),
    "no length": (
        says("tokenizer/tokenizer_config.json", model_max_length=0),
        "tokenizer/tokenizer_config.json: model_max_length: 0 is not a whole number from 1 to 77",
    ),
    "a length beyond the positions": (
        says("tokenizer/tokenizer_config.json", model_max_length=78),
        "tokenizer/tokenizer_config.json: model_max_length: 78 is not a whole number from 1 to 77",
    ),
    "a length that is a word": (
        says("tokenizer_2/tokenizer_config.json", model_max_length="x"),
        "tokenizer_2/tokenizer_config.json: model_max_length: 'x' is not a number from 1 on",
    ),
    "deep nesting": (is_written("vae/config.json", DEEP), "vae/config.json: no configuration: nested too deeply"),
    "deep nesting of a tokenizer": (is_written("tokenizer/tokenizer_config.json", DEEP), "nested too deeply"),
    "a tokenizer that is a list": (
        is_written("tokenizer_2/tokenizer.json", "[]"),
        "tokenizer_2/tokenizer.json: no ",
    ),
    "a tokenizer without a model": (
        is_written("tokenizer/tokenizer.json", '{"added_tokens": []}'),
        "tokenizer/tokenizer.json: 'model' is missing",
    ),
    "deep nesting of the index": (is_written("model_index.json", DEEP), "model_index.json: no configuration: nested"),
    "deep nesting of the card": (is_written("contextgen.json", DEEP), "contextgen.json: nested too deeply"),
    "a configuration without an end": (
        is_written("vae/config.json", " " * (65 << 20)),
        "vae/config.json: no configuration",
    ),
    # headers
    "a file cut short": (
        lambda folder: os.truncate(folder / FLUX, 20_000),
        f"{Path(FLUX).name}: not a whole safetensors",
    ),
    "a header of 4 GiB": (
        lambda folder: (folder / FLUX).write_bytes(struct.pack("<Q", 4 << 30) + b"{}"),
        f"transformer: {Path(FLUX).name}: not a whole safetensors file: header too large",
    ),
    "20,001 tensors": (empty_tensors(20_001), f"{Path(FLUX).name}: 20,001 tensors, and 20,000 are the most"),
    "400,000 tensors": (empty_tensors(400_000), f"{Path(FLUX).name}: a header of "),
    "numbers beyond the end": (offsets(0, 10**9), f"{Path(FLUX).name}: not a whole safetensors file"),
    "numbers twice": (offsets(0, 4096), f"{Path(FLUX).name}: not a whole safetensors file"),
    "a tensor without a place": (
        header(lambda said: said[LAYER].pop("data_offsets")),
        f"{Path(FLUX).name}: not a whole",
    ),
    "a shape beyond the numbers": (
        header(lambda said: said[LAYER].update(shape=[10**9, 10**9])),
        "not a whole safetensors",
    ),
    "int8 numbers": (
        stored_as(torch.int8),
        f"{Path(FLUX).name}: {LAYER} holds I8, where floating-point numbers belong",
    ),
    "int32 numbers": (stored_as(torch.int32), f"{Path(FLUX).name}: {LAYER} holds I32, where floating-point"),
    "int64 numbers": (stored_as(torch.int64), f"{Path(FLUX).name}: {LAYER} holds I64, where floating-point"),
    "a name of 5,000 letters": (
        says("model_index.json", vae=["x" * 5000, "Vae"]),
        f"vae: {'x' * 60}… which is diffusers.",
    ),
    "a class that clears the screen": (
        says("model_index.json", vae=["\x1b[2J", "Vae"]),
        "model_index.json: vae: \\x1b[2J.Vae, which is diffusers.AutoencoderKL or",
    ),
    "scaled float8 weights": (
        stored_as(torch.float8_e4m3fn, _scale=torch.ones(())),
        f"{LAYER}_scale, which are not applied here",
    ),
}


def one_more_tensor(folder: Path) -> None:
    file = folder / "text_encoder_2" / "model.safetensors"
    save_file({**load_file(file), "another.head": torch.zeros(3)}, file, {"format": "pt"})


def one_tensor_less(folder: Path) -> None:
    file = folder / "text_encoder_2" / "model.safetensors"
    tensors = load_file(file)
    del tensors["encoder.final_layer_norm.weight"]
    save_file(tensors, file, {"format": "pt"})


LOADED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a tensor that nothing uses": (one_more_tensor, "model.safetensors has another.head, which nothing uses. Compare"),
    "a tensor that is missing": (one_tensor_less, "no encoder.final_layer_norm.weight in model.safetensors. Compare"),
    "a rate that is a word": (
        says("text_encoder_2/config.json", dropout_rate="x"),
        "text_encoder_2/config.json: no T5EncoderModel can be made as it says: Validation error for field "
        "'dropout_rate'. Compare",
    ),
    "a special token beyond the vocabulary": (
        says("tokenizer/tokenizer_config.json", unk_token="<crab>"),
        "tokenizer: the token '<crab>' has the id 514, and its encoder knows 0 to 513. Take",
    ),
}


@pytest.mark.parametrize(("change", "said"), LOADED.values(), ids=LOADED)
def test_what_only_the_libraries_see_is_told_in_our_words_alone(contextgen, scene, tmp_path, model, change, said):
    """`doctor` and `render` have torch, which `validate` does without."""
    change(model)
    said, hint = said.rsplit(". ", 1)
    for verb in (("render", scene, "-o", tmp_path / "out", "--device", "cpu"), ("doctor",)):
        result = contextgen(*verb, "--model", model)
        told = result.err + result.out
        assert result.code == 3 and said in told and hint in told
        assert not any(words in told for words in ("REPORT", "\x1b", "UNEXPECTED", ":.", "<class"))


@pytest.mark.parametrize("count", [20_001, 100_000])
def test_tensors_without_end_are_refused_at_once(contextgen, scene, model, count):
    empty_tensors(count)(model)
    began = time.process_time()
    assert contextgen("validate", scene, "--model", model).code == 3
    assert time.process_time() - began < 1


@pytest.mark.parametrize(("change", "said"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_it_is_refused_in_words_by_every_command(contextgen, scene, tmp_path, model, change, said):
    change(model)
    out = tmp_path / "out"
    for verb in (("validate", scene), ("render", scene, "-o", out, "--device", "cpu"), ("doctor",)):
        result = contextgen(*verb, "--model", model)
        assert result.code == 3, (verb, result.err)
        assert said in result.err + result.out, (verb, result.err + result.out)
    assert not out.exists() and not list(tmp_path.rglob("ran"))
