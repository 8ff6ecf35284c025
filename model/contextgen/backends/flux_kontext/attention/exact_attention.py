"""The same attention as `masked_attention`, without masks and without the tokens nobody reads.

What the masks allow decides what can be left out, exactly (equal to rounding):

1. A reference's background influences nothing but itself: it never enters the sequence (released ICA).
2. After the last ICA block no reference influences text, canvas or layout: references end there, and in that block
   they are only keys and values.
3. The picture is read from the canvas: in the last block text and layout are only keys and values.
4. In the right order every query row's keys are a few spans of the sequence (`contextgen.method.grouping`), so that
   attention is a few unmasked calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from diffusers import FluxTransformer2DModel
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.embeddings import apply_rotary_emb
from diffusers.models.transformers.transformer_flux import FluxAttention

from contextgen.backends.flux_kontext.attention.arrangement import Attention, BlockCall, Rotary, SpanArrangement
from contextgen.backends.flux_kontext.attention.masked_attention import Block, blocks
from contextgen.method.blocks import BlockPlan, Rule, block_plans
from contextgen.method.grouping import Grouping, QueryGroup
from contextgen.method.sequence import JointSequence


@dataclass(frozen=True)
class ExactArrangement:
    """A sequence laid out so that every block's attention is a few unmasked calls.

    Attributes:
        img_ids: position ids of the image tokens that are kept, in their new order.
        order: which of the paper's image tokens they are.
        reading_order: puts the canvas rows back.
        written: the rows that each plan computes.
        groups: their query groups.
        text, joint: the rows of text, and of text, layout and canvas; references follow.
    """

    img_ids: torch.Tensor
    order: torch.Tensor
    reading_order: torch.Tensor
    written: Mapping[BlockPlan, slice]
    groups: Mapping[BlockPlan, tuple[QueryGroup, ...]]
    text: slice
    joint: slice

    def place(self, canvas: torch.Tensor, contexts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Hidden states from packed latents: the tokens that are kept, in their new order."""
        return torch.cat([canvas, torch.stack([*contexts])], dim=1)[:, self.order]

    def text_of(self, prompt_embeds: torch.Tensor) -> torch.Tensor:
        """All of them."""
        return prompt_embeds

    def canvas_of(self, output: torch.Tensor) -> torch.Tensor:
        """The canvas tokens of the transformer's output, in reading order."""
        return self.in_reading_order(self.canvas_rows(output))

    def canvas_rows(self, hidden: torch.Tensor) -> torch.Tensor:
        """The canvas among the image rows of any block: the last of the joint ones, as far as these are computed."""
        stop = min(hidden.shape[1], self.joint.stop - self.text.stop)
        return hidden[:, stop - len(self.reading_order) : stop]

    def in_reading_order(self, canvas: torch.Tensor) -> torch.Tensor:
        """Canvas rows as the picture is read."""
        return canvas[:, self.reading_order]

    def rotate(self, heads: torch.Tensor, rows: slice, rotary: Rotary) -> torch.Tensor:
        """Queries or keys (B, N, heads, head_dim) of `rows`, turned by their positions."""
        cos, sin = rotary
        turned: torch.Tensor = apply_rotary_emb(heads, (cos[rows], sin[rows]), sequence_dim=1)
        return turned

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # spans differ with every scene: none compiles anew
    def attend(
        self, plan: BlockPlan, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        """What the rows that `plan` writes read, (B, N, heads, head_dim): a call of `attention` a query group."""
        keys, values = _spans_of(key, self.joint), _spans_of(value, self.joint)
        return torch.cat(
            [attention(query[:, group.rows], keys(group.keys), values(group.keys)) for group in self.groups[plan]],
            dim=1,
        )


class ExactAttention:
    """Installs the exact attention on a stock transformer."""

    def __init__(self, transformer: FluxTransformer2DModel, rules: Sequence[Rule], ica: str) -> None:
        self.ica = ica
        self.plans = block_plans(rules, len(transformer.transformer_blocks))
        install(transformer, self.plans)

    def arrange(self, sequence: JointSequence, device: torch.device) -> ExactArrangement:
        grouping = Grouping(sequence, self.ica)
        order = grouping.order(self.plans[0])
        return ExactArrangement(
            torch.from_numpy(sequence.img_ids[order]).to(device),
            torch.from_numpy(order).to(device),
            torch.from_numpy(grouping.reading_order).to(device),
            {plan: grouping.rows[plan.writes] for plan in self.plans},
            {plan: grouping.groups(plan) for plan in self.plans},
            grouping.text,
            grouping.joint,
        )


def install(transformer: FluxTransformer2DModel, plans: Sequence[BlockPlan]) -> None:
    """Give every block its plan: an attention processor, and a hook where rows end."""
    for block, plan in zip(blocks(transformer), plans, strict=True):
        block.attn.set_processor(ExactAttnProcessor(plan, block.norm1 if hasattr(block, "norm1") else block.norm))
        if _leave_behind not in block._forward_pre_hooks.values():
            block.register_forward_pre_hook(_leave_behind, with_kwargs=True)


class ExactAttnProcessor:
    """Attention over the query groups of the block's plan; `norm` is the block's own, for rows it does not compute."""

    _attention_backend = None
    _parallel_config = None

    def __init__(self, plan: BlockPlan, norm: torch.nn.Module) -> None:
        self.plan = plan
        self.norm = norm

    def __call__(
        self,
        attn: FluxAttention,
        hidden_states: torch.Tensor,  # (B, N, D): the rows to compute, without text in a double-stream block
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: None = None,
        image_rotary_emb: Rotary | None = None,
        arrangement: SpanArrangement | None = None,
        left_behind: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        assert arrangement is not None and image_rotary_emb is not None, "called outside ContextGenPipeline"
        context = hidden_states
        if left_behind is not None:
            before, after, temb = left_behind
            others = self.norm(torch.cat([before, after], dim=1), emb=temb)[0]
            context = torch.cat([others[:, : before.shape[1]], hidden_states, others[:, before.shape[1] :]], dim=1)

        query = attn.norm_q(_heads(attn, attn.to_q(hidden_states)))  # (B, N, heads, head_dim)
        key = attn.norm_k(_heads(attn, attn.to_k(context)))
        value = _heads(attn, attn.to_v(context))
        if encoder_hidden_states is not None:
            text_query = attn.norm_added_q(_heads(attn, attn.add_q_proj(encoder_hidden_states)))
            text_key = attn.norm_added_k(_heads(attn, attn.add_k_proj(encoder_hidden_states)))
            text_value = _heads(attn, attn.add_v_proj(encoder_hidden_states))
            query = torch.cat([text_query, query], dim=1)
            key = torch.cat([text_key, key], dim=1)
            value = torch.cat([text_value, value], dim=1)

        written = slice(0, query.shape[1]) if left_behind is None else arrangement.written[self.plan]
        query = arrangement.rotate(query, written, image_rotary_emb)
        key = arrangement.rotate(key, slice(0, key.shape[1]), image_rotary_emb)
        attended = arrangement.attend(self.plan, query, key, value, self._attend)
        attended = attended.flatten(2).to(query.dtype)  # (B, N, D)
        if encoder_hidden_states is None:
            return attended
        text = encoder_hidden_states.shape[1]
        image = attn.to_out[1](attn.to_out[0](attended[:, text:]))
        return image, attn.to_add_out(attended[:, :text])

    def _attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        attended: torch.Tensor = dispatch_attention_fn(
            query, key, value, backend=self._attention_backend, parallel_config=self._parallel_config
        )
        return attended


def _heads(attn: FluxAttention, projected: torch.Tensor) -> torch.Tensor:
    *rows, dim = projected.shape
    return projected.reshape(*rows, dim // attn.head_dim, attn.head_dim)


Spans = Callable[[Sequence[slice]], torch.Tensor]  # the rows of ascending spans, side by side


def _spans_of(rows: torch.Tensor, joint: slice) -> Spans:
    """Spans of keys or values (B, N, heads, head_dim), which nobody else reads.

    In ICA every cell of the canvas reads all joint rows and some references: without gradients the references are put
    behind the joint rows in place, each time for the next reader, so that the joint rows are never copied.
    """
    first = joint.stop  # of the references' rows
    if torch.is_grad_enabled() or rows.shape[1] <= first:
        return lambda spans: _side_by_side([rows[:, span] for span in spans])
    references = rows[:, first:].clone()

    def take(spans: Sequence[slice]) -> torch.Tensor:
        shared = [rows[:, span.start : min(span.stop, first)] for span in spans if span.start < first]
        own = [references[:, max(span.start - first, 0) : span.stop - first] for span in spans if span.stop > first]
        if not own or shared[0].shape[1] < first:
            return _side_by_side([*shared, *own])
        end = first
        for reference in own:
            rows[:, end : end + reference.shape[1]] = reference
            end += reference.shape[1]
        return rows[:, :end]

    return take


def _side_by_side(pieces: list[torch.Tensor]) -> torch.Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)


_BLOCK_ARGUMENTS = tuple(BlockCall.__annotations__)  # in the order in which gradient checkpointing gives them


def _leave_behind(
    block: Block, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> tuple[tuple[()], dict[str, object]] | None:
    """Before a block: keep the rows it must compute, hand the others to its attention as context only.

    Under another processor the block runs as it is.
    """
    plan = getattr(block.attn.processor, "plan", None)
    if plan is None or plan.reads is plan.writes:
        return None
    call = cast(BlockCall, {**dict(zip(_BLOCK_ARGUMENTS, args, strict=False)), **kwargs})
    image, text = call["hidden_states"], call["encoder_hidden_states"]
    written = cast(SpanArrangement, call["joint_attention_kwargs"]["arrangement"]).written[plan]
    length = text.shape[1]

    before = image[:, :0]
    if written.start:
        before = torch.cat([text, image[:, : written.start - length]], dim=1)
        text = text[:, :0]
    kept = image[:, max(written.start - length, 0) : written.stop - length]
    after = image[:, written.stop - length :]
    attention = {**call["joint_attention_kwargs"], "left_behind": (before, after, call["temb"])}
    return (), {**call, "hidden_states": kept, "encoder_hidden_states": text, "joint_attention_kwargs": attention}
