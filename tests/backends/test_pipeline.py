"""The pipeline as a library user meets it: diffusers' conventions, seeds, caches, other devices and dtypes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import FluxKontextPipeline
from diffusers.models.attention_dispatch import attention_backend
from golden_cases import TINY, load, read, relative
from PIL import Image

from contextgen import ContextGenPipeline, Instance


@pytest.fixture
def call() -> dict:
    return {**read("cases", "one_masked").call, "num_inference_steps": 1}


def counted(monkeypatch: pytest.MonkeyPatch, component: torch.nn.Module, method: str) -> list[int]:
    calls: list[int] = []
    real = getattr(component, method)
    monkeypatch.setattr(component, method, lambda *args, **kwargs: (calls.append(1), real(*args, **kwargs))[1])
    return calls


def test_same_seed_same_bytes(pipe: ContextGenPipeline, call: dict) -> None:
    first, second = (pipe(**call).images[0].tobytes() for _ in range(2))
    assert first == second == load()(**call).images[0].tobytes()
    assert pipe(**{**call, "seed": 99}).images[0].tobytes() != first


def test_generator_is_the_seed(pipe: ContextGenPipeline, call: dict) -> None:
    seeded = pipe(**call).images[0].tobytes()
    generator = torch.Generator("cpu").manual_seed(call.pop("seed"))
    assert pipe(**call, generator=generator).images[0].tobytes() == seeded


def test_output_types_agree(pipe: ContextGenPipeline, call: dict) -> None:
    image = np.asarray(pipe(**call).images[0])
    array = pipe(**call, output_type="np").images
    tensor = pipe(**call, output_type="pt").images
    assert array.shape == (1, *image.shape) and tensor.shape == (1, 3, *image.shape[:2])
    assert np.abs(array[0] * 255 - image).max() <= 1
    assert np.allclose(tensor[0].permute(1, 2, 0).numpy(), array[0])
    assert pipe(**call, output_type="latent").images.shape == (1, 4, call["height"] // 8, call["width"] // 8)


def test_text_and_images_are_encoded_once(
    pipe: ContextGenPipeline, call: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = counted(monkeypatch, pipe.vae, "encode")
    texts = counted(monkeypatch, pipe, "encode_prompt")
    first = pipe(**call).images[0].tobytes()
    for seed in (5, 6, 7):
        pipe(**{**call, "seed": seed})
    assert pipe(**call).images[0].tobytes() == first
    assert (len(images), len(texts)) == (2, 1)  # layout and reference, each once
    pipe(**{**call, "prompt": "another prompt"})
    assert (len(images), len(texts)) == (2, 2)


@pytest.mark.parametrize(
    ("prompts", "encoded"),
    [("aba", 2), ("abaca", 3), ("abacab", 4), ("abcabc", 6)],  # two are kept: those used last
)
def test_prompts_used_last_are_kept(
    pipe: ContextGenPipeline, call: dict, monkeypatch: pytest.MonkeyPatch, prompts: str, encoded: int
) -> None:
    monkeypatch.setattr("contextgen.backends.flux_kontext.pipeline._KEPT_PROMPTS", 2)
    bounded = ContextGenPipeline(**pipe.components)
    bounded.set_progress_bar_config(disable=True)
    texts = counted(monkeypatch, bounded, "encode_prompt")
    for prompt in prompts:
        bounded(**{**call, "prompt": prompt, "width": 64, "height": 64})
    assert len(texts) == encoded


def test_another_dtype_encodes_anew(call: dict) -> None:
    call["guidance_scale"] = 0.0
    pipe = load()
    pipe(**call)
    moved = pipe.to(torch.bfloat16)(**call).images[0]
    assert moved.tobytes() == load(torch_dtype=torch.bfloat16)(**call).images[0].tobytes()


@pytest.mark.parametrize(("attention", "ica"), [("masked", "released"), ("exact", "paper"), ("masked", "paper")])
def test_attention_is_chosen_while_loading(pipe: ContextGenPipeline, call: dict, attention: str, ica: str) -> None:
    chosen = load(attention=attention, ica=ica)(**call, output_type="latent").images
    assert not torch.equal(chosen, pipe(**call, output_type="latent").images)
    pipe.set_attention(attention, ica)
    assert torch.equal(chosen, pipe(**call, output_type="latent").images)


def test_offloaded_parts_are_freed_after_a_picture(
    pipe: ContextGenPipeline, call: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed = counted(monkeypatch, pipe, "maybe_free_model_hooks")
    pipe(**call)
    assert freed


def test_callback_sees_every_step_and_may_interrupt(pipe: ContextGenPipeline, call: dict) -> None:
    steps = []

    def stop_after_two(pipe, step, timestep, tensors):
        steps.append((step, float(timestep), tensors["latents"].shape))
        pipe._interrupt = step == 1
        return tensors

    pipe(**{**call, "num_inference_steps": 5}, callback_on_step_end=stop_after_two)
    assert [step for step, _, _ in steps] == [0, 1]
    assert steps[0][1] > steps[1][1] > 0
    assert steps[0][2] == (1, call["height"] * call["width"] // 256, 16)


def test_callback_may_replace_the_latents(pipe: ContextGenPipeline, call: dict) -> None:
    blank = pipe(
        **call, output_type="latent", callback_on_step_end=lambda p, i, t, tensors: {"latents": tensors["latents"] * 0}
    )
    assert torch.allclose(blank.images, torch.full_like(blank.images, pipe.vae.config.shift_factor))


def test_callback_may_replace_the_prompt(pipe: ContextGenPipeline, call: dict) -> None:
    call["num_inference_steps"] = 2
    settings = {"output_type": "latent", "callback_on_step_end_tensor_inputs": ["prompt_embeds"]}
    kept = pipe(**call, **settings, callback_on_step_end=lambda p, i, t, tensors: tensors).images
    blank = pipe(
        **call,
        **settings,
        callback_on_step_end=lambda p, i, t, tensors: {"prompt_embeds": tensors["prompt_embeds"] * 0},
    ).images
    assert relative(blank, kept) > 1e-3


def test_bfloat16_is_close_to_float32(pipe: ContextGenPipeline, call: dict) -> None:
    half = load(torch_dtype=torch.bfloat16)
    call["guidance_scale"] = 0.0  # 1000 times it is a bfloat16 too, as the transformer's embedding wants
    assert half.transformer.dtype == half.vae.dtype == half.text_encoder_2.dtype == torch.bfloat16
    difference = np.abs(np.asarray(half(**call).images[0], float) - np.asarray(pipe(**call).images[0], float))
    assert 0 < difference.mean() < 3


def test_what_is_not_said_is_the_cards(call: dict, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(TINY, tmp_path / "model"))
    card = {"width": 96, "height": 64, "steps": 2, "guidance": 90.0, "text_length": 64}
    (folder / "contextgen.json").write_text(json.dumps(card))
    said = {"width": 96, "height": 64, "num_inference_steps": 2, "guidance_scale": 90.0}
    left_open = {name: value for name, value in call.items() if name not in said}
    pipe = load_from(folder)
    image = pipe(**left_open).images[0]
    assert image.size == (96, 64)
    assert image.tobytes() == pipe(**{**call, **said}).images[0].tobytes()
    assert image.tobytes() != pipe(**{**call, **said, "guidance_scale": 0.0}).images[0].tobytes()


def test_noise_is_the_same_in_every_dtype(pipe: ContextGenPipeline, call: dict) -> None:
    noises = []
    for model in (pipe, load(torch_dtype=torch.bfloat16)):
        model.set_attention("masked")
        seen = model.transformer.x_embedder.register_forward_pre_hook(
            lambda layer, args: noises.append(args[0].float())
        )
        model(**call)
        seen.remove()
    canvas = call["height"] * call["width"] // 256
    full, half = (noise[:, :canvas] for noise in noises)
    assert torch.equal(full.bfloat16().float(), half)


def test_attention_backend_is_honoured(pipe: ContextGenPipeline, call: dict) -> None:
    plain = pipe(**call, output_type="latent").images
    with attention_backend():  # diffusers chooses for the whole process, and does not take that back
        pipe.transformer.set_attention_backend("_native_math")
        processors = pipe.transformer.attn_processors.values()
        assert all(processor._attention_backend is not None for processor in processors)
        assert relative(pipe(**call, output_type="latent").images, plain) < 1e-5
        pipe.transformer.reset_attention_backend()


def test_card_names_the_ica_blocks(call: dict, tmp_path: Path, pipe: ContextGenPipeline) -> None:
    folder = Path(shutil.copytree(TINY, tmp_path / "model"))
    results = []
    for blocks in (None, [], [2, 3], list(range(6))):
        (folder / "contextgen.json").write_text(json.dumps({"ica_blocks": blocks}))
        results.append(load_from(folder)(**call, output_type="latent").images)
    released, none, stated, everywhere = results
    assert torch.equal(released, stated)
    assert relative(none, released) > 1e-3 and relative(everywhere, released) > 1e-3


def test_ica_as_in_the_paper_differs_and_both_attentions_agree(pipe: ContextGenPipeline, call: dict) -> None:
    results = {}
    for attention in ("masked", "exact"):
        for ica in ("released", "paper"):
            pipe.set_attention(attention, ica)
            results[attention, ica] = pipe(**call, output_type="latent").images
    assert relative(results["exact", "paper"], results["masked", "paper"]) < 1e-5
    assert relative(results["exact", "paper"], results["exact", "released"]) > 1e-3


def test_saved_pipeline_is_an_ordinary_kontext_pipeline(pipe: ContextGenPipeline, tmp_path: Path, call: dict) -> None:
    pipe.save_pretrained(tmp_path)
    assert isinstance(FluxKontextPipeline.from_pretrained(tmp_path).transformer, type(pipe.transformer))
    assert (
        relative(load_from(tmp_path)(**call, output_type="latent").images, pipe(**call, output_type="latent").images)
        < 0.05
    )


def test_components_make_another_pipeline(pipe: ContextGenPipeline, call: dict) -> None:
    other = ContextGenPipeline(**pipe.components)
    other.set_progress_bar_config(disable=True)
    assert other(**call).images[0].tobytes() == pipe(**call).images[0].tobytes()


def test_a_component_may_be_handed_in(pipe: ContextGenPipeline) -> None:
    assert load(adapter=None, vae=pipe.vae).vae is pipe.vae


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"instances": []}, "at least one instance"),
        ({"num_inference_steps": 0}, "one step"),
        ({"width": 250}, "multiples of 16"),
        ({"height": 250}, "multiples of 16"),
        ({"generator": torch.Generator()}, "either `generator` or `seed`"),
    ],
)
def test_broken_contracts(pipe: ContextGenPipeline, call: dict, change: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pipe(**{**call, **change})


def test_unknown_attention(pipe: ContextGenPipeline) -> None:
    with pytest.raises(ValueError, match="attention is one of"):
        pipe.set_attention("flash")
    with pytest.raises(ValueError, match="ica one of"):
        pipe.set_attention("exact", "papre")


def test_eight_references_on_an_odd_canvas(pipe: ContextGenPipeline) -> None:
    random = np.random.default_rng(0)
    instances = []
    for k in range(8):
        picture = Image.fromarray(random.integers(0, 255, (40 + 9 * k, 90 - 7 * k, 3), dtype=np.uint8))
        instances.append(Instance(picture, Image.new("L", picture.size, 255), (5 * k, 3 * k, 5 * k + 30, 3 * k + 41)))
    arguments = {"prompt": "eight", "instances": instances, "width": 112, "height": 80, "num_inference_steps": 1}
    exact = pipe(**arguments, seed=1, output_type="latent").images
    pipe.set_attention("masked")
    assert relative(exact, pipe(**arguments, seed=1, output_type="latent").images) < 1e-5


def load_from(folder: Path) -> ContextGenPipeline:
    pipe = ContextGenPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize("box", [(-40, 0, 0, 40), (0, -40, 40, -1), (4096, 0, 4100, 40), (0, 4096, 40, 4100)])
def test_a_box_off_the_canvas_is_an_error(pipe: ContextGenPipeline, call: dict, box: tuple[int, ...]) -> None:
    subject = Instance(Image.new("RGBA", (32, 32), "red"), box=box)
    with pytest.raises(ValueError, match=r"instance 2: .* lies outside the canvas of"):
        pipe(**{**call, "instances": [*call["instances"][:1], subject]})


def test_a_box_that_sticks_out_is_none(pipe: ContextGenPipeline, call: dict) -> None:
    subject = Instance(Image.new("RGBA", (32, 32), "red"), box=(-16, -16, 48, 48))
    assert pipe(**{**call, "instances": [subject]}).images


def test_several_prompts_are_refused_in_our_words(pipe: ContextGenPipeline, call: dict) -> None:
    with pytest.raises(TypeError, match="call the pipeline once for each prompt"):
        pipe(**{**call, "prompt": ["a crab", "a bag"]})


@pytest.mark.parametrize("ablation", ["no-layout", "no-offsets"])
def test_an_ablation_is_chosen_when_loading_or_later(pipe: ContextGenPipeline, call: dict, ablation: str) -> None:
    whole = pipe(**call).images[0].tobytes()
    pipe.set_attention(ablation=ablation)
    later = pipe(**call).images[0].tobytes()
    assert later == load(ablation=ablation)(**call).images[0].tobytes() != whole


def test_an_unknown_ablation_is_refused_with_those_there_are(pipe: ContextGenPipeline) -> None:
    with pytest.raises(ValueError, match="no-ica, no-layout, no-offsets, ica-everywhere: 'no-luck'"):
        pipe.set_attention(ablation="no-luck")
