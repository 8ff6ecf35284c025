"""Which block serves what, and which rows of the sequence it must compute. No torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum


class Rule(Enum):
    """What a block's attention serves."""

    CLA = "contextual layout anchoring"
    ICA = "identity consistency attention"


class Rows(Enum):
    """Which rows of the sequence are still of use to somebody."""

    ALL = "text, layout, canvas, references"
    JOINT = "text, layout, canvas"
    CANVAS = "canvas"


@dataclass(frozen=True)
class BlockPlan:
    """What a block attends to, the rows it is given and the rows it must compute."""

    rule: Rule
    reads: Rows
    writes: Rows


def block_rules(n_double: int, n_single: int, ica_blocks: Collection[int] | None = None) -> tuple[Rule, ...]:
    """The rule of every block, double-stream blocks first.

    Args:
        ica_blocks: indices of the ICA blocks in that order; None for the first half of the single-stream blocks
            (paper Table 5).

    Raises:
        ValueError: an index is beyond the last block.
    """
    count = n_double + n_single
    ica = set(range(n_double, n_double + n_single // 2)) if ica_blocks is None else set(ica_blocks)
    if beyond := sorted(ica - set(range(count))):
        raise ValueError(f"ICA block {beyond[0]} does not exist: the transformer has blocks 0 to {count - 1}")
    return tuple(Rule.ICA if index in ica else Rule.CLA for index in range(count))


def block_plans(rules: Sequence[Rule], n_double: int) -> tuple[BlockPlan, ...]:
    """Every block's plan, from who reads what after it: references until the last ICA block, the canvas in the end.

    A double-stream block computes its text rows whatever they are read for, so there only references end.
    """
    reads = [Rows.ALL if Rule.ICA in rules[index:] else Rows.JOINT for index in range(len(rules))]
    last = Rows.CANVAS if len(rules) > n_double else Rows.JOINT
    return tuple(BlockPlan(*plan) for plan in zip(rules, reads, [*reads[1:], last], strict=True))
