"""References computed in some steps only; between, their keys and values stay what they were. Approximate.

They do change from step to step, as every block modulates its rows by the step; but nothing else reaches them than
their own pixels and the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

import torch

from contextgen.backends.flux_kontext.attention.arrangement import Arrangement, Attention
from contextgen.backends.flux_kontext.attention.exact_attention import ExactArrangement
from contextgen.method.blocks import BlockPlan, Rows
from contextgen.method.grouping import QueryGroup

Kept = list[tuple[torch.Tensor, torch.Tensor]]  # keys and values of the references, (B, R, heads, head_dim), by block


@dataclass(frozen=True)
class KeepingArrangement(ExactArrangement):
    """A step in which the references are computed, and kept."""

    kept: Kept = field(default_factory=list)

    def place(self, canvas: torch.Tensor, contexts: Sequence[torch.Tensor]) -> torch.Tensor:
        self.kept.clear()
        return super().place(canvas, contexts)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def attend(
        self, plan: BlockPlan, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        if plan.reads is Rows.ALL:
            first = self.joint.stop
            self.kept.append((key[:, first:].clone(), value[:, first:].clone()))
        attended: torch.Tensor = super().attend(plan, query, key, value, attention)
        return attended


@dataclass(frozen=True)
class ReusingArrangement(ExactArrangement):
    """A step without the rows of the references, which reads what was kept of them."""

    kept: Kept = field(default_factory=list)
    _next: list[Iterator[tuple[torch.Tensor, torch.Tensor]]] = field(default_factory=list)

    def place(self, canvas: torch.Tensor, contexts: Sequence[torch.Tensor]) -> torch.Tensor:
        self._next[:] = [iter(self.kept)]  # blocks run in the order in which they were kept
        return super().place(canvas, contexts)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def attend(
        self, plan: BlockPlan, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        if plan.reads is Rows.ALL:
            keys, values = next(self._next[0])
            key, value = torch.cat([key, keys], dim=1), torch.cat([value, values], dim=1)
        attended: torch.Tensor = super().attend(plan, query, key, value, attention)
        return attended


def alternating(arrangement: Arrangement, every: int) -> tuple[Arrangement, Arrangement]:
    """The arrangements of a step that computes the references and of one that does not; the same one for `every` 1.

    Raises:
        ValueError: the arrangement is that of the dense masks, where references cannot be left out.
    """
    if every == 1:
        return arrangement, arrangement
    if not isinstance(arrangement, ExactArrangement):
        raise ValueError("references are reused with the exact attention only")
    common = {item.name: getattr(arrangement, item.name) for item in fields(ExactArrangement)}
    keeping = KeepingArrangement(**common)
    image = slice(0, arrangement.joint.stop - arrangement.text.stop)
    shorter = {
        "img_ids": arrangement.img_ids[image],
        "order": arrangement.order[image],
        "written": {plan: _within(rows, arrangement.joint) for plan, rows in arrangement.written.items()},
        "groups": {
            plan: _of_joint_rows(groups, arrangement.joint.stop - arrangement.written[plan].start)
            for plan, groups in arrangement.groups.items()
        },
    }
    return keeping, ReusingArrangement(**{**common, **shorter}, kept=keeping.kept)


def _within(rows: slice, joint: slice) -> slice:
    return slice(rows.start, min(rows.stop, joint.stop))


def _of_joint_rows(groups: tuple[QueryGroup, ...], count: int) -> tuple[QueryGroup, ...]:
    """Those of so many rows from the first written: without the references' own groups."""
    return tuple(group for group in groups if group.rows.start < count)
