"""The predicted price against what torch counts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from golden_cases import CASES, TINY, read
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from contextgen import ContextGenPipeline
from contextgen.backends.flux_kontext.backend import read_model_card
from contextgen.backends.flux_kontext.cost import predict
from contextgen.backends.flux_kontext.flux_numerics import FluxNumerics
from contextgen.backends.flux_kontext.modulation import modulations

CARD, PLAIN = read_model_card(TINY), FluxNumerics()


@pytest.mark.parametrize("ica", ["released", "paper"])
@pytest.mark.parametrize("attention", ["exact", "masked"])
@pytest.mark.parametrize("name", CASES[:2])
def test_prediction_is_what_the_transformer_does(
    name: str, attention: str, ica: str, pipe: ContextGenPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe.set_attention(attention, ica)
    case, counter = read("cases", name), FlopCounterMode(display=False)
    before = pipe.transformer.register_forward_pre_hook(lambda *call: counter.__enter__() and None)
    after = pipe.transformer.register_forward_hook(lambda *call: counter.__exit__(None, None, None))
    modulating = FlopCounterMode(display=False)

    def counted(*arguments):
        with modulating:
            return modulations(*arguments)

    monkeypatch.setattr("contextgen.backends.flux_kontext.pipeline.modulations", counted)
    try:
        with sdpa_kernel(SDPBackend.MATH):  # the only backend of a CPU that the counter sees
            pipe(**{**case.call, "num_inference_steps": 1})
    finally:
        before.remove()
        after.remove()
    cost = predict(TINY, CARD, case.sequence, 1, FluxNumerics(attention=attention, ica=ica))
    counted_flops = counter.get_total_flops() + modulating.get_total_flops()
    assert cost.tflop == pytest.approx(counted_flops / 1e12, rel=1e-6)


def test_dense_masks_need_memory_for_every_pair_of_tokens() -> None:
    sequence = read("cases", CASES[0]).sequence
    assert (
        predict(TINY, CARD, sequence, 1, FluxNumerics(attention="masked")).numbers
        > len(sequence) ** 2
        > predict(TINY, CARD, sequence, 1, PLAIN).numbers
    )


def test_price_grows_with_steps_and_references() -> None:
    one, three = (read("cases", name).sequence for name in ("one_masked", "three_given_layout"))
    assert predict(TINY, CARD, one, 8, PLAIN).tflop == pytest.approx(8 * predict(TINY, CARD, one, 1, PLAIN).tflop)
    assert predict(TINY, CARD, three, 1, PLAIN).tokens > predict(TINY, CARD, one, 1, PLAIN).tokens
    background = len(one) - predict(TINY, CARD, one, 1, PLAIN).tokens
    assert background == one.references[0].grid.count - one.references[0].foreground.sum()


def test_a_configuration_that_was_changed_is_read_again(tmp_path: Path) -> None:
    for part in ("transformer", "vae"):
        (tmp_path / part).mkdir()
        shutil.copy(TINY / part / "config.json", tmp_path / part)
    sequence = read("cases", CASES[0]).sequence
    before = predict(tmp_path, CARD, sequence, 1, PLAIN)
    path = tmp_path / "transformer" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**config, "num_single_layers": config["num_single_layers"] - 2}), "utf-8")
    assert predict(tmp_path, CARD, sequence, 1, PLAIN).tflop < before.tflop
