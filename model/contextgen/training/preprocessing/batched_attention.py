"""Several sequences in one forward: the exact attention's rows, references padded to the longest of the batch.

The rows are those of the exact attention (no background tokens, references end after the last ICA block, the last
block computes the canvas alone), in the order text, layout, canvas, references. Masks remain only where the sequences
differ: between canvas and references, and among the references.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from diffusers import FluxTransformer2DModel
from diffusers.models.embeddings import apply_rotary_emb
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from contextgen.backends.flux_kontext.attention.arrangement import Attention, Rotary
from contextgen.backends.flux_kontext.attention.exact_attention import install
from contextgen.method.blocks import BlockPlan, Rows, Rule, block_plans
from contextgen.method.sequence import Indices, JointSequence

Masks = npt.NDArray[np.bool_]
_KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


@dataclass(frozen=True)
class BatchedArrangement:
    """B sequences of one canvas size, laid out alike.

    Attributes:
        img_ids: position ids of the first sequence's image tokens; the others' are in `rotary`.
        rotary: cosines and sines of every row, (B * S, head_dim).
        written: the rows that each plan computes.
        text, joint: rows of text, and of text, layout and canvas.
        canvas_mask: which keys a canvas row may read in an ICA block, (B, 1, I, S).
        reference_mask: which of text and references a reference row may read, (B, 1, R, text + R).
        foreground: for each sequence, which of its context tokens (layout, references) are kept.
    """

    img_ids: torch.Tensor
    rotary: Rotary
    written: Mapping[BlockPlan, slice]
    text: slice
    joint: slice
    canvas_mask: torch.Tensor
    reference_mask: torch.Tensor
    foreground: Sequence[torch.Tensor]

    @property
    def canvas_length(self) -> int:
        return self.canvas_mask.shape[2]

    def place(self, canvas: torch.Tensor, contexts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Hidden states from packed latents, the references of every sequence padded to the longest."""
        layout = torch.stack([context[: self.canvas_length] for context in contexts])
        references = canvas.new_zeros(len(contexts), self.reference_mask.shape[2], canvas.shape[2])
        for padded, context, foreground in zip(references, contexts, self.foreground, strict=True):
            padded[: len(foreground)] = context[foreground]
        return torch.cat([layout, canvas, references], dim=1)

    def text_of(self, prompt_embeds: torch.Tensor) -> torch.Tensor:
        """All of them."""
        return prompt_embeds

    def canvas_of(self, output: torch.Tensor) -> torch.Tensor:
        """The canvas tokens of the transformer's output."""
        return self.canvas_rows(output)

    def canvas_rows(self, hidden: torch.Tensor) -> torch.Tensor:
        """The canvas among the image rows of any block: the last of the joint ones, as far as these are computed."""
        stop = min(hidden.shape[1], self.joint.stop - self.text.stop)
        return hidden[:, stop - self.canvas_length : stop]

    def in_reading_order(self, canvas: torch.Tensor) -> torch.Tensor:
        """They are in it."""
        return canvas

    def rotate(self, heads: torch.Tensor, rows: slice, rotary: Rotary) -> torch.Tensor:
        """Queries or keys (B, N, heads, head_dim) of `rows`, each sequence turned by its own positions."""
        size = len(heads)
        cos, sin = (table.view(size, -1, table.shape[-1])[:, rows].flatten(0, 1) for table in self.rotary)
        turned: torch.Tensor = apply_rotary_emb(heads.flatten(0, 1)[None], (cos, sin), sequence_dim=1)
        return turned.view_as(heads)

    def attend(
        self, plan: BlockPlan, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        """What the rows that `plan` writes read, (B, N, heads, head_dim)."""
        start, end = self.written[plan].start, self.joint.stop
        canvas = end - self.canvas_length
        attended = []
        plain = slice(0, (canvas if plan.rule is Rule.ICA else end) - start)
        if plain.stop:
            attended.append(_attention(query[:, plain], key[:, :end], value[:, :end]))
        if plan.rule is Rule.ICA:
            attended.append(_attention(query[:, canvas - start : end - start], key, value, self.canvas_mask))
        if plan.writes is Rows.ALL:
            read_keys, read_values = (torch.cat([rows[:, self.text], rows[:, end:]], dim=1) for rows in (key, value))
            attended.append(_attention(query[:, end:], read_keys, read_values, self.reference_mask))
        return torch.cat(attended, dim=1)


class BatchedAttention:
    """Installs the exact attention's processors; they follow whichever arrangement they are called with."""

    def __init__(self, transformer: FluxTransformer2DModel, rules: Sequence[Rule]) -> None:
        self._pos_embed = transformer.pos_embed
        self.plans = block_plans(rules, len(transformer.transformer_blocks))
        install(transformer, self.plans)

    def arrange(self, sequences: Sequence[JointSequence], device: torch.device) -> BatchedArrangement:
        """Lay out sequences of one canvas size and text length.

        Raises:
            ValueError: they differ in canvas or text length.
        """
        if len({(sequence.canvas, sequence.text_length) for sequence in sequences}) != 1:
            raise ValueError("the sequences of a batch share canvas size and text length")
        first = sequences[0]
        text, joint = slice(0, first.text_length), slice(0, first.text_length + 2 * first.canvas.count)
        read = self.plans[0].reads is Rows.ALL
        rows = [_rows(sequence, read) for sequence in sequences]
        length = max(len(kept) for kept in rows)
        ids = np.zeros((len(rows), length, 3), np.float32)
        for padded, kept, sequence in zip(ids, rows, sequences, strict=True):
            padded[text.stop : len(kept)] = sequence.img_ids[kept[text.stop :] - text.stop]
        rotary = self._pos_embed(torch.from_numpy(ids).flatten(0, 1).to(device))
        canvas_mask, reference_mask = _masks(sequences, rows, length)
        spans = {
            Rows.ALL: slice(0, length),
            Rows.JOINT: joint,
            Rows.CANVAS: slice(joint.stop - first.canvas.count, joint.stop),
        }
        return BatchedArrangement(
            torch.from_numpy(ids[0, text.stop :]).to(device),
            rotary,
            {plan: spans[plan.writes] for plan in self.plans},
            text,
            joint,
            torch.from_numpy(canvas_mask).to(device),
            torch.from_numpy(reference_mask).to(device),
            [torch.from_numpy(kept[joint.stop :] - first.spans[2].start).to(device) for kept in rows],
        )


def _rows(sequence: JointSequence, references_are_read: bool) -> Indices:
    """Which of the paper's rows are kept, in their new order: text, layout, canvas, foregrounds."""
    text, canvas, layout, *_ = (np.arange(span.start, span.stop) for span in sequence.spans)
    kept = range(len(sequence.references)) if references_are_read else ()
    foregrounds = [sequence.foreground_rows(k) for k in kept]
    return np.concatenate([text, layout, canvas, *foregrounds])


def _masks(sequences: Sequence[JointSequence], rows: Sequence[Indices], length: int) -> tuple[Masks, Masks]:
    """The masks of canvas and of references; padding reads text, so that no row is empty."""
    first = sequences[0]
    text, joint = first.text_length, first.text_length + 2 * first.canvas.count
    canvas_mask = np.zeros((len(rows), 1, first.canvas.count, length), np.bool_)
    canvas_mask[..., :joint] = True
    among = np.zeros((len(rows), 1, length - joint, length - joint), np.bool_)
    for sequence, canvas, references in zip(sequences, canvas_mask[:, 0], among[:, 0], strict=True):
        end = 0
        for k, covered in enumerate(sequence.covering):
            start, end = end, end + len(sequence.foreground_rows(k))
            canvas[covered, joint + start : joint + end] = True
            references[start:end, start:end] = True
    reads_text = np.ones((len(rows), 1, length - joint, text), np.bool_)
    return canvas_mask, np.concatenate([reads_text, among], axis=3)


def _attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, allowed: torch.Tensor | None = None
) -> torch.Tensor:
    """Softmax attention, (B, N, heads, head_dim), in the precision of the values.

    In bfloat16 on a CPU plain products run twice as fast as torch's fused kernel, forward and backward. On a Hopper GPU
    torch would choose cuDNN where there is a mask, which fails on some of the shapes here (torch 2.11).
    """
    query, key, value = (rows.to(value.dtype).transpose(1, 2) for rows in (query, key, value))
    if value.device.type != "cpu" or value.dtype != torch.bfloat16:
        with sdpa_kernel(_KERNELS):
            return scaled_dot_product_attention(query, key, value, attn_mask=allowed).transpose(1, 2)
    scores = query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -torch.inf)
    attended: torch.Tensor = scores.softmax(dim=-1) @ value
    return attended.transpose(1, 2)
