"""Every tensor that a component needs is there, and every one that is there is used; the libraries' exceptions hold."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from painting import TINY_MODEL
from safetensors.torch import load_file, save_file

from contextgen import ContextGenPipeline
from contextgen.backends.families import backend_of
from contextgen.backends.flux_kontext.components.tensors import check_tensors
from contextgen.weights.checkpoint_errors import FolderIncomplete
from contextgen.weights.checkpoints import find

Tensors = dict[str, torch.Tensor]
FILES = {
    "text_encoder": "model.safetensors",
    "text_encoder_2": "model.safetensors",
    "transformer": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
}
NEEDED = {
    "text_encoder": "encoder.layers.1.mlp.fc1.weight",
    "text_encoder_2": "encoder.final_layer_norm.weight",
    "transformer": "single_transformer_blocks.2.attn.norm_k.weight",
    "vae": "decoder.conv_out.bias",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY_MODEL, tmp_path / "model"))


def alter(folder: Path, component: str, edit: Callable[[Tensors], object]) -> None:
    file = folder / component / FILES[component]
    tensors = load_file(file)
    edit(tensors)
    save_file(tensors, file, {"format": "pt"})


def move(tensors: Tensors, old: str, new: str) -> None:
    tensors[new] = tensors.pop(old)


@pytest.mark.parametrize("model", ["mini", str(TINY_MODEL)])
def test_whole_models_pass(model: str) -> None:
    check_tensors(find(model, offline=True))


@pytest.mark.parametrize(("component", "name"), NEEDED.items())
def test_a_tensor_left_out_is_named_with_its_file_before_anything_loads(
    folder: Path, component: str, name: str
) -> None:
    alter(folder, component, lambda tensors: tensors.pop(name))
    with pytest.raises(FolderIncomplete) as refused:
        ContextGenPipeline.from_pretrained(folder)
    assert str(refused.value) == f"{folder / component}: no {name} in {FILES[component]}"


def test_the_libraries_report_nothing_beside_it(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("transformers"), "handlers", [caplog.handler])
    alter(folder, "text_encoder_2", lambda tensors: tensors.pop(NEEDED["text_encoder_2"]))
    with pytest.raises(FolderIncomplete):
        check_tensors(folder)
    assert not caplog.records


@pytest.mark.parametrize("component", FILES)
def test_a_tensor_that_nothing_uses_is_named_with_its_file(folder: Path, component: str) -> None:
    alter(folder, component, lambda tensors: tensors.update({"another.head": torch.zeros(3)}))
    with pytest.raises(FolderIncomplete) as refused:
        ContextGenPipeline.from_pretrained(folder)
    assert str(refused.value) == f"{folder / component}: {FILES[component]} has another.head, which nothing uses"


def test_a_name_that_a_terminal_would_obey_is_spelled_out(folder: Path) -> None:
    alter(folder, "vae", lambda tensors: tensors.update({"\x1b[2J": torch.zeros(3)}))
    with pytest.raises(FolderIncomplete) as refused:
        check_tensors(folder)
    assert r"has \x1b[2J, which nothing uses" in str(refused.value) and str(refused.value).isprintable()


@pytest.mark.parametrize(("component", "name"), NEEDED.items())
def test_a_tensor_of_another_shape_is_named_with_its_file(folder: Path, component: str, name: str) -> None:
    alter(folder, component, lambda tensors: tensors.update({name: torch.zeros(5)}))
    with pytest.raises(FolderIncomplete, match=f"{FILES[component]} has {name} in another shape than config.json says"):
        ContextGenPipeline.from_pretrained(folder)


def test_all_that_is_wrong_with_a_component_is_told_at_once_and_many_names_are_counted(folder: Path) -> None:
    def rename(tensors: Tensors) -> None:
        for name in [name for name in tensors if ".norm_k." in name]:
            move(tensors, name, name.replace("norm_k", "key_norm"))

    alter(folder, "transformer", rename)
    with pytest.raises(
        FolderIncomplete, match=r"no single\S+, single\S+, single\S+ and 3 more in .*; .* has .* and 3 more"
    ):
        check_tensors(folder)


def test_a_shard_is_named_by_what_it_holds_too_much(folder: Path) -> None:
    component = folder / "transformer"
    tensors = {**load_file(component / FILES["transformer"]), "another.head": torch.zeros(3)}
    names = sorted(tensors)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for shard, held in shards.items():
        save_file({name: tensors[name] for name in held}, component / shard, {"format": "pt"})
    (component / FILES["transformer"]).unlink()
    index = {"metadata": {}, "weight_map": {name: shard for shard, held in shards.items() for name in held}}
    (component / f"{FILES['transformer']}.index.json").write_text(json.dumps(index))
    place = next(shard for shard, held in shards.items() if "another.head" in held)
    with pytest.raises(FolderIncomplete, match=f"{place} has another.head, which nothing uses"):
        check_tensors(folder)


TOLERATED: dict[str, tuple[str, Callable[[Tensors], object]]] = {
    "positions, which older versions stored": (
        "text_encoder",
        lambda tensors: tensors.update({"embeddings.position_ids": torch.arange(8)[None]}),
    ),
    "positions under the prefix": (
        "text_encoder",
        lambda tensors: tensors.update({"text_model.embeddings.position_ids": torch.arange(8)[None]}),
    ),
    "the prefix of whole CLIP models": (
        "text_encoder",
        lambda tensors: [move(tensors, name, f"text_model.{name}") for name in list(tensors)],
    ),
    "T5's embeddings under both names": (
        "text_encoder_2",
        lambda tensors: tensors.update({"encoder.embed_tokens.weight": tensors["shared.weight"].clone()}),
    ),
    "T5's embeddings under the encoder's name": (
        "text_encoder_2",
        lambda tensors: move(tensors, "shared.weight", "encoder.embed_tokens.weight"),
    ),
    "T5's decoder": (
        "text_encoder_2",
        lambda tensors: tensors.update({"decoder.final_layer_norm.weight": torch.ones(32)}),
    ),
    "attention as older VAEs name it": (
        "vae",
        lambda tensors: [
            move(
                tensors, f"decoder.mid_block.attentions.0.{new}.{kind}", f"decoder.mid_block.attentions.0.{old}.{kind}"
            )
            for old, new in (("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0"))
            for kind in ("weight", "bias")
        ],
    ),
}


@pytest.mark.parametrize(("component", "edit"), TOLERATED.values(), ids=TOLERATED)
def test_what_the_libraries_load_all_the_same_is_not_refused(
    folder: Path, component: str, edit: Callable[[Tensors], object]
) -> None:
    before = ContextGenPipeline.from_pretrained(folder).components[component].state_dict()
    alter(folder, component, edit)
    after = ContextGenPipeline.from_pretrained(folder).components[component].state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("component", "change", "kind"),
    [
        ("vae", {"down_block_types": ["NoSuchBlock"]}, "AutoencoderKL"),
        ("transformer", {"axes_dims_rope": 7, "out_channels": "x"}, "FluxTransformer2DModel"),
        ("text_encoder", {"hidden_act": "no_such_function"}, "CLIPTextModel"),
        ("text_encoder_2", {"feed_forward_proj": "no-such-thing"}, "T5EncoderModel"),
    ],
)
def test_a_configuration_that_makes_no_model_is_named(folder: Path, component: str, change: dict, kind: str) -> None:
    path = folder / component / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(FolderIncomplete, match=rf"{component}/config\.json: no {kind} can be made as it says: \S+"):
        check_tensors(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("component", "name"), NEEDED.items())
def test_a_number_that_is_none_is_named_with_its_file(folder: Path, component: str, name: str, value: float) -> None:
    alter(folder, component, lambda tensors: tensors[name].view(-1)[-1:].fill_(value))
    words = f"{folder / component / FILES[component]}: {name} holds NaN or infinity"
    for look in (lambda: ContextGenPipeline.from_pretrained(folder), backend_of(folder).check_weights):
        with pytest.raises(FolderIncomplete) as refused:
            look()
        assert str(refused.value) == words


def test_weights_beyond_the_numbers_that_the_card_rounds_them_to(folder: Path) -> None:
    beyond = torch.full((3,), 3.4e38)  # of bfloat16, and within float32
    alter(folder, "vae", lambda tensors: tensors.update({"decoder.conv_out.bias": beyond}))
    with pytest.raises(FolderIncomplete, match="vae: its weights are beyond the numbers that they are rounded to"):
        ContextGenPipeline.from_pretrained(folder)
