"""What the transformer, its blocks and its caches need to know of a joint sequence: the border of an attention.

An attention lays a sequence out as it computes it (`arrange`): which rows are kept, in which order. Who calls the
transformer hands latents in and takes the canvas out through an `Arrangement`, and never counts rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypedDict

import torch

from contextgen.method.blocks import BlockPlan

Rotary = tuple[torch.Tensor, torch.Tensor]  # cosines and sines, (S, head_dim)
Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]  # of queries, keys, values


class Arrangement(Protocol):
    """A batch of joint sequences as an installed attention lays them out.

    Attributes:
        img_ids: position ids of the image tokens, (S - text, 3).
    """

    @property
    def img_ids(self) -> torch.Tensor: ...

    def place(self, canvas: torch.Tensor, contexts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Packed latents -> hidden states (B, S - text, C).

        Args:
            canvas: (B, I, C), in reading order.
            contexts: layout and references of every sequence, (L + R_b, C).
        """

    def text_of(self, prompt_embeds: torch.Tensor) -> torch.Tensor:
        """The text rows that are computed here, of encoded prompts (B, T, D)."""

    def canvas_of(self, output: torch.Tensor) -> torch.Tensor:
        """The canvas tokens of the transformer's output, (B, I, C), in reading order."""

    def canvas_rows(self, hidden: torch.Tensor) -> torch.Tensor:
        """The canvas among the image rows of any block's input or output, (B, I, D), in the arrangement's order."""

    def in_reading_order(self, canvas: torch.Tensor) -> torch.Tensor:
        """Rows as `canvas_rows` gives them, (B, I, C), as the picture is read."""


class SpanArrangement(Arrangement, Protocol):
    """One whose rows end on the way through the blocks, and whose queries read spans (`contextgen.method`).

    Attributes:
        written: the rows that each plan computes.
    """

    @property
    def written(self) -> Mapping[BlockPlan, slice]: ...

    def rotate(self, heads: torch.Tensor, rows: slice, rotary: Rotary) -> torch.Tensor:
        """Queries or keys (B, N, heads, head_dim) of `rows`, turned by their positions."""

    def attend(
        self, plan: BlockPlan, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        """What the rows that `plan` writes read, (B, N, heads, head_dim), by calls of `attention`."""


class AttentionArguments(TypedDict):
    """What every attention processor is given beside diffusers' own arguments."""

    arrangement: Arrangement


BlockOutput = tuple[torch.Tensor, torch.Tensor]  # text and image rows


class BlockCall(TypedDict):
    """How diffusers calls a block, as a hook sees it."""

    hidden_states: torch.Tensor
    encoder_hidden_states: torch.Tensor
    temb: torch.Tensor
    image_rotary_emb: Rotary
    joint_attention_kwargs: AttentionArguments
