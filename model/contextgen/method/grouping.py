"""The order of rows in which every query's keys are a few spans, and those spans (the table of `attention`). No torch.

Rows stand as text, layout, canvas, references; the canvas is sorted by the set of boxes that cover a token, and of a
reference its foreground comes first. The order is free: a token's place is in its position ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contextgen.method.blocks import BlockPlan, Rows, Rule
from contextgen.method.sequence import Indices, JointSequence


@dataclass(frozen=True)
class QueryGroup:
    """Query rows that may attend to the same keys. Rows count from the first written, keys from the first read."""

    rows: slice
    keys: tuple[slice, ...]


@dataclass(frozen=True)
class Cell:
    """The canvas rows that lie in the same boxes."""

    rows: slice
    boxes: frozenset[int]


class Grouping:
    """A sequence in that order.

    Attributes:
        rows: the span of each kind of rows.
    """

    def __init__(self, sequence: JointSequence, ica: str) -> None:
        self.paper_ica = ica == "paper"
        self.text = slice(0, sequence.text_length)
        canvas_start = sequence.text_length + sequence.canvas.count
        self.cells, self._canvas_order = _cells(sequence, canvas_start)
        self.joint = slice(0, canvas_start + sequence.canvas.count)

        _, canvas, layout, *references = sequence.spans
        taken = [np.arange(layout.start, layout.stop), canvas.start + self._canvas_order]
        self.subjects: list[slice] = []  # F_k
        self.references: list[slice] = []  # F_k, and the rest of R_k where somebody reads it
        end = self.joint.stop
        for k, reference in enumerate(references):
            foreground = kept = sequence.foreground_rows(k)
            if self.paper_ica:
                background = np.setdiff1d(np.arange(reference.start, reference.stop), foreground)
                kept = np.concatenate([foreground, background])
            taken.append(kept)
            self.subjects.append(slice(end, end + len(foreground)))
            self.references.append(slice(end, end + len(kept)))
            end += len(kept)
        self._taken = np.concatenate(taken) - sequence.text_length
        self.rows = {
            Rows.ALL: slice(0, end),
            Rows.JOINT: self.joint,
            Rows.CANVAS: slice(canvas_start, self.joint.stop),
        }

    def order(self, first: BlockPlan) -> Indices:
        """Which image tokens of the sequence stand where, as far as the first block reads them."""
        return self._taken[: self.rows[first.reads].stop - self.text.stop]

    @property
    def reading_order(self) -> Indices:
        """Where each canvas token, in reading order, stands among the canvas rows."""
        return np.argsort(self._canvas_order)

    def groups(self, plan: BlockPlan) -> tuple[QueryGroup, ...]:
        """The query groups of a block; their rows tile the rows it writes, in order."""
        written = self.rows[plan.writes]
        groups = []
        for rows, keys in self._table(plan.rule):
            start, stop = max(rows.start, written.start), min(rows.stop, written.stop)
            if start < stop:
                groups.append(QueryGroup(slice(start - written.start, stop - written.start), _merged(keys)))
        return tuple(groups)

    def _table(self, rule: Rule) -> list[tuple[slice, list[slice]]]:
        """Query spans in the order of their rows, each with the spans of its keys."""
        if rule is Rule.CLA:
            anchored = [(self.joint, [self.joint])]
        else:
            covered = [cell for cell in self.cells if cell.boxes]
            outside = covered[0].rows.start if covered else self.joint.stop
            anchored = [(slice(0, outside), [self.joint])]
            anchored += [(cell.rows, self._identity_keys(cell.boxes)) for cell in covered]
        own = self.references if rule is Rule.ICA and self.paper_ica else self.subjects
        return anchored + [(rows, [self.text, keys]) for rows, keys in zip(self.references, own, strict=True)]

    def _identity_keys(self, boxes: frozenset[int]) -> list[slice]:
        """What a canvas row in these boxes attends to in an ICA block."""
        identities = [(self.references if self.paper_ica else self.subjects)[k] for k in sorted(boxes)]
        if not self.paper_ica:
            return [self.joint, *identities]
        return [self.text, *(cell.rows for cell in self.cells if cell.boxes & boxes), *identities]


def _cells(sequence: JointSequence, start: int) -> tuple[list[Cell], Indices]:
    """The canvas cells from row `start` on, the one outside every box first, and the canvas tokens in that order."""
    kinds, kind_of_token = np.unique(sequence.covering.T, axis=0, return_inverse=True)
    kind_of_token = kind_of_token.reshape(-1)
    ends = start + np.cumsum(np.bincount(kind_of_token, minlength=len(kinds)))
    cells = [
        Cell(slice(before, end), frozenset(np.flatnonzero(boxes).tolist()))
        for before, end, boxes in zip([start, *ends[:-1].tolist()], ends.tolist(), kinds, strict=True)
    ]
    return cells, np.argsort(kind_of_token, kind="stable")


def _merged(spans: Sequence[slice]) -> tuple[slice, ...]:
    """Ascending spans without the empty ones, touching ones joined."""
    merged: list[slice] = []
    for span in spans:
        if merged and merged[-1].stop == span.start:
            merged[-1] = slice(merged[-1].start, span.stop)
        elif span.start < span.stop:
            merged.append(span)
    return tuple(merged)
