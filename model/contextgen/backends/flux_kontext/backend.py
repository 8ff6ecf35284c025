"""FLUX.1-Kontext with ContextGen behind the border: what it can do, and what is known before its weights load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen.backends.base import AdapterFit, Backend, Capabilities, Cost, Opening, Painter, Picture, Seen, Sketch
from contextgen.backends.choices import DTYPES, LEAST_MEMORY_LAST, SHARED_MEMORY, ContextParallel, Numerics
from contextgen.backends.flux_kontext.components.configurations import (
    WEIGHED,
    check_classes,
    check_configurations,
    read_config,
)
from contextgen.backends.flux_kontext.flux_numerics import PARALLELS, QUANTIZATIONS, FluxNumerics
from contextgen.backends.tokenization import PromptTokens, open_tokenizer, tokenized
from contextgen.backends.unsupported import NotOffered
from contextgen.method.method_card import ModelCard
from contextgen.weights.card import CARD_FILE, MalformedCard, read_card
from contextgen.weights.json_files import read_object
from contextgen.weights.model_folder import stored_tensors
from contextgen.weights.safetensors_files import count_numbers

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_MODULATION = r"norm(1|1_context|_out)?\.linear\."  # the tensors of adaLN in a transformer


class FluxKontext(Backend):
    """The paper's own family."""

    name = "FLUX.1-Kontext with ContextGen"
    capabilities = Capabilities(
        layout="context",
        adapters=True,
        parallel=PARALLELS,
        memory=LEAST_MEMORY_LAST,
        text_cache=True,
    )
    card_kind = ModelCard
    numerics = FluxNumerics
    card: ModelCard

    def read_card(self) -> ModelCard:
        return read_model_card(self.folder)

    def check(self) -> None:
        check_classes(self.folder)
        super().check()
        check_configurations(self.folder)

    def check_weights(self) -> None:
        from contextgen.backends.flux_kontext.components.tensors import check_tensors, check_vocabularies

        check_tensors(self.folder)
        check_vocabularies(self.folder)
        super().check_weights()

    def check_adapter(self, path: Path) -> AdapterFit:
        from contextgen.backends.flux_kontext.adapters import fit, linear_layers

        return fit(path, linear_layers(self.folder))

    def check_opening(self, opening: Opening) -> None:
        numerics, parallel = opening.numerics, opening.parallel
        assert isinstance(numerics, FluxNumerics)
        if parallel is not None:
            self._check_parallel(opening, parallel, numerics)
        if numerics.reuse_references > 1 and numerics.cache_steps is not None:
            raise NotOffered("--reuse-references and --cache-steps exclude each other", "Give one of them.")
        if numerics.reuse_references > 1 and numerics.attention != "exact":
            raise NotOffered("--reuse-references needs the exact attention", "Leave --attention masked out.")
        if numerics.cache_steps == "mag" and self.card.mag_ratios is None:
            raise NotOffered(
                f"{opening.name} does not say what --cache-steps mag must know of it",
                "Measure it with `contextgen bench calibrate`, or take another --cache-steps.",
            )
        if numerics.quantize is not None:
            import torch

            from contextgen.backends.flux_kontext.quantizing import check_quantization

            check_quantization(numerics.quantize, torch.device(opening.device))

    def _check_parallel(self, opening: Opening, parallel: ContextParallel, numerics: FluxNumerics) -> None:
        if numerics.attention != "exact":
            raise NotOffered(f"--parallel {parallel} needs the exact attention", "Leave --attention masked out.")
        if numerics.cache_steps == "first-block":
            raise NotOffered(
                f"--parallel {parallel} and --cache-steps first-block exclude each other",
                "Take --cache-steps mag or taylor.",
            )
        heads = read_config(self.folder).num_attention_heads
        if parallel.way == "ulysses" and heads % parallel.processes:
            raise NotOffered(
                f"--parallel {parallel} deals out whole attention heads, and {opening.name} has {heads}",
                "Give a number that divides them, or --parallel ring.",
            )

    def warnings(self, adapters: Sequence[AdapterFit]) -> list[str]:
        if self._says_method() or any(fit.changes_method for fit in adapters):
            return []
        if not adapters:
            return ["no adapter is given, and the model says nothing of ContextGen: it will not keep identities"]
        return [
            "no adapter that is given changes all the layers that ContextGen's does, and the model says nothing of "
            "ContextGen: it will hardly keep identities. Give ContextGen's first, and a style after it"
        ]

    def _says_method(self) -> bool:
        """Whether the folder's card says how the model was trained; what was measured of it says nothing of that."""
        path = self.folder / CARD_FILE
        return path.is_file() and read_object(path).keys() != {"mag_ratios"}

    def read_prompt(self, prompt: str) -> PromptTokens | None:
        """T5's reading, which brings every word to the blocks. Of CLIP's, of 77 tokens, one vector is made beside it:
        what is beyond those alone is not lost."""
        if self._tokenizer is None:
            return None
        return tokenized(self._tokenizer, self.card.framed(prompt), self.card.text_length)

    @cached_property
    def _tokenizer(self) -> Tokenizer | None:
        return None if self._folder is None else open_tokenizer(self._folder / "tokenizer_2")

    def parts(self) -> Mapping[str, int]:
        """The transformer without its `modulation`, which is a part of its own."""
        tensors = {name: stored_tensors(self.folder, name) for name in WEIGHED}
        parts = {name: count_numbers(held) for name, held in tensors.items()}
        modulation = count_numbers(tensors["transformer"], _MODULATION)
        return {**parts, "transformer": parts["transformer"] - modulation, "modulation": modulation}

    def resident(self, numerics: Numerics, device: str) -> Mapping[str, int]:
        """`lean` keeps the text encoders and adaLN's modulation elsewhere, `offload` has one part at a time on the
        device, `sequential` one layer."""
        assert isinstance(numerics, FluxNumerics)
        sizes = {name: numbers * DTYPES[numerics.dtype] for name, numbers in self.parts().items()}
        if numerics.quantize is not None and device != "cpu":  # there it is loaded whole, then rounded
            shrunk = QUANTIZATIONS[numerics.quantize] / DTYPES[numerics.dtype]
            sizes["transformer"] = int(sizes["transformer"] * shrunk)
        if device in SHARED_MEMORY:  # the main memory is where offloading would put the rest
            return {"full": sum(sizes.values())}
        return {
            "full": sum(sizes.values()),
            "lean": sizes["transformer"] + sizes["vae"],
            "offload": max(size for name, size in sizes.items() if name != "modulation"),
            "sequential": 0,
        }

    def cost(self, sketch: Sketch, numerics: Numerics) -> Cost:
        from contextgen.backends.flux_kontext.cost import predict
        from contextgen.method.layout import foresee
        from contextgen.method.sequence import arrange

        assert isinstance(numerics, FluxNumerics)
        card, canvas = self.card, (sketch.width, sketch.height)
        outlines = [foresee(each.mask, each.size, each.box, each.fit, card, canvas) for each in sketch.instances]
        sequence = arrange(outlines, [each.box for each in sketch.instances], canvas, card)
        return predict(self.folder, card, sequence, sketch.steps, numerics)

    def seen(self, picture: Picture) -> Seen:
        from contextgen.method.layout import compose, given_layout, prepare_reference

        width, height = picture.width, picture.height
        prepared = [prepare_reference(instance, self.card, width, height) for instance in picture.instances]
        if picture.layout is not None:
            layout = given_layout(picture.layout, width, height)
        else:
            layout = compose(prepared, picture.instances, width, height)
        return Seen(layout.image, tuple(reference.image for reference in prepared))

    def open(self, opening: Opening) -> Painter:
        from contextgen.backends.flux_kontext.painter import open_painter

        return open_painter(self.folder, opening)


def read_model_card(folder: Path) -> ModelCard:
    """The card of a folder of this family.

    Raises:
        MalformedCard: `contextgen.json` is none, or names an ICA block beyond the transformer's last.
        FolderIncomplete: a component's configuration is missing or broken.
    """
    card = read_card(ModelCard, folder, token_side=read_config(folder).token_side)
    if card.ica_blocks:
        _check_ica_blocks(folder, card.ica_blocks)
    return card


def _check_ica_blocks(folder: Path, ica_blocks: Sequence[int]) -> None:
    from contextgen.method.blocks import block_rules

    config = read_config(folder)
    try:
        block_rules(config.num_layers, config.num_single_layers, ica_blocks)
    except ValueError as error:
        raise MalformedCard(f"{folder / CARD_FILE}: ica_blocks: {error}") from None
