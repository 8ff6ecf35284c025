"""CLA and ICA: who may attend to whom (paper section 3.3), as dense boolean masks.

This is the plain reading of the paper, and the reference that `exact_attention` is held to.

Sets: T text, I canvas, L layout, R_k reference k, F_k its foreground tokens, B_k the canvas tokens in its box.

    query                     CLA        ICA, released              ICA, paper Eq. 4
    text, layout              T I L      T I L                      T I L
    canvas outside any box    T I L      T I L                      T I L
    canvas in boxes K         T I L      T I L + F_k, k in K        T + B_k + R_k, k in K
    reference k               T F_k      T F_k                      T R_k
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from diffusers import FluxTransformer2DModel
from diffusers.models.transformers.transformer_flux import (
    FluxAttention,
    FluxAttnProcessor,
    FluxSingleTransformerBlock,
    FluxTransformerBlock,
)

from contextgen.backends.flux_kontext.attention.arrangement import Rotary
from contextgen.method.blocks import Rule
from contextgen.method.layout import Mask
from contextgen.method.sequence import JointSequence

Block: TypeAlias = FluxTransformerBlock | FluxSingleTransformerBlock


def mask(sequence: JointSequence, rule: Rule, ica: str = "released") -> torch.Tensor:
    """The boolean mask of a block, (S, S): rows are queries, True may attend.

    Args:
        ica: `released` as the public weights were trained, `paper` as Eq. 4 states.
    """
    text, _, layout, *references = sequence.spans
    joint = slice(0, layout.stop)  # T I L
    allowed = np.zeros((len(sequence), len(sequence)), np.bool_)
    allowed[joint, joint] = True
    for k, reference in enumerate(references):
        allowed[reference, text] = True
        allowed[reference, sequence.foreground_rows(k)] = True
    if rule is Rule.ICA:
        _ICA_ROWS[ica](allowed, sequence)
    return torch.from_numpy(allowed)


def _released_ica(allowed: Mask, sequence: JointSequence) -> None:
    for k in range(len(sequence.references)):
        allowed[np.ix_(sequence.box_rows(k), sequence.foreground_rows(k))] = True


def _paper_ica(allowed: Mask, sequence: JointSequence) -> None:
    text, _, _, *references = sequence.spans
    boxes = [sequence.box_rows(k) for k in range(len(references))]
    for box in boxes:
        allowed[box] = False
        allowed[box, text] = True
    for box, reference in zip(boxes, references, strict=True):
        allowed[np.ix_(box, box)] = True
        allowed[box, reference] = True
        allowed[reference, reference] = True


_ICA_ROWS = {"released": _released_ica, "paper": _paper_ica}


@dataclass(frozen=True)
class MaskedArrangement:
    """A sequence laid out for the dense masks: every token, in the paper's order.

    Attributes:
        img_ids: position ids of the image tokens, (S - text, 3).
        masks: the (S, S) mask of each rule.
        canvas: its rows among the image rows.
    """

    img_ids: torch.Tensor
    masks: Mapping[Rule, torch.Tensor]
    canvas: slice

    def place(self, canvas: torch.Tensor, contexts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Hidden states from packed latents, in the order of both."""
        return torch.cat([canvas, torch.stack([*contexts])], dim=1)

    def text_of(self, prompt_embeds: torch.Tensor) -> torch.Tensor:
        """All of them."""
        return prompt_embeds

    def canvas_of(self, output: torch.Tensor) -> torch.Tensor:
        """The canvas tokens of the transformer's output."""
        return output[:, self.canvas]

    def canvas_rows(self, hidden: torch.Tensor) -> torch.Tensor:
        """The canvas among the image rows of any block."""
        return hidden[:, self.canvas]

    def in_reading_order(self, canvas: torch.Tensor) -> torch.Tensor:
        """They are in it."""
        return canvas


class MaskedAttnProcessor(FluxAttnProcessor):  # type: ignore[misc]
    """Stock attention under the mask of the block's rule."""

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule = rule

    def __call__(
        self,
        attn: FluxAttention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Rotary | None = None,
        arrangement: MaskedArrangement | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        assert arrangement is not None, "the transformer was called outside ContextGenPipeline"
        allowed = arrangement.masks[self.rule]
        attended: torch.Tensor | tuple[torch.Tensor, torch.Tensor] = super().__call__(
            attn, hidden_states, encoder_hidden_states, allowed, image_rotary_emb
        )
        return attended


class MaskedAttention:
    """Installs the dense masks on a stock transformer: one processor a block."""

    def __init__(self, transformer: FluxTransformer2DModel, rules: Sequence[Rule], ica: str) -> None:
        self.ica = ica
        for block, rule in zip(blocks(transformer), rules, strict=True):
            block.attn.set_processor(MaskedAttnProcessor(rule))

    def arrange(self, sequence: JointSequence, device: torch.device) -> MaskedArrangement:
        return MaskedArrangement(
            torch.from_numpy(sequence.img_ids).to(device),
            {rule: mask(sequence, rule, self.ica).to(device) for rule in Rule},
            slice(0, sequence.canvas.count),
        )


def blocks(transformer: FluxTransformer2DModel) -> list[Block]:
    """All blocks in the order they run: double-stream, then single-stream."""
    return [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
