"""One picture by several processes, each with a share of the sequence's rows (context parallelism).

A process holds every n-th row of text, layout, canvas and references, so that all have an equal part of whatever rows a
block still computes, and of every cell. Only attention asks for rows of others; it stays the exact one, over the same
keys, and is equal to rounding, as products over fewer rows may be added up in another order.

diffusers' context parallelism, after which the two ways are named, cannot do this: it deals the rows out once, as they
stand, and lets every query read every key; here rows end on the way through the blocks, and queries read spans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from torch import distributed

from contextgen.backends.flux_kontext.attention.arrangement import Arrangement, Attention, Rotary
from contextgen.backends.flux_kontext.attention.exact_attention import ExactArrangement
from contextgen.backends.flux_kontext.flux_numerics import PARALLELS
from contextgen.method.blocks import BlockPlan, Rows
from contextgen.method.grouping import QueryGroup
from contextgen.method.sequence import Indices


@dataclass(frozen=True)
class Parallel:
    """Processes that paint one picture together; all of them make the same calls.

    Attributes:
        way: `ulysses`: each computes the attention of some heads for all rows (2309.14509). `ring`: each computes that
            of its own rows for all heads, from the keys and values of all, gathered as diffusers' ring does.
        group: of torch.distributed; None: its default group.
    """

    way: str
    group: distributed.ProcessGroup | None = None

    @cached_property
    def size(self) -> int:
        """How many processes."""
        return distributed.get_world_size(self.group)

    @cached_property
    def rank(self) -> int:
        """The number of this one."""
        return distributed.get_rank(self.group)


def check_parallel(way: str, size: int, heads: int) -> None:
    """Refuse what cannot be shared by so many processes.

    Raises:
        ValueError: unknown way, or heads that cannot be dealt out.
    """
    if way not in PARALLELS:
        raise ValueError(f"a picture is shared in one of the ways {PARALLELS}: {way!r}")
    if way == "ulysses" and heads % size:
        raise ValueError(f"ulysses deals out whole heads: the model has {heads}, which {size} processes cannot share")


class RowPartition:
    """How the rows of a span lie with the processes.

    Attributes:
        counts: how many each has.
        order: puts the rows of one process after another into their own order.
    """

    def __init__(self, held: list[Indices], span: slice, device: torch.device) -> None:
        within = [rows[(span.start <= rows) & (rows < span.stop)] for rows in held]
        self.counts = [len(rows) for rows in within]
        dealt = np.concatenate(within)
        self.order = torch.from_numpy(np.argsort(dealt)).to(device)
        self._back = torch.from_numpy(dealt - span.start).to(device)

    def heads_for_rows(self, rows: torch.Tensor, parallel: Parallel) -> torch.Tensor:
        """From this process' rows with all heads, (B, n, H, D), all rows with its heads, (B, N, H / size, D)."""
        batch, count, heads, dim = rows.shape
        own = heads // parallel.size
        sent = rows.reshape(batch, count, parallel.size, own, dim).permute(2, 0, 1, 3, 4)
        sizes = [batch * count * own * dim for count in self.counts]
        got = _exchanged(sent, [sizes[parallel.rank]] * parallel.size, sizes, parallel)
        parts = [part.view(batch, -1, own, dim) for part in torch.split(got, sizes)]
        return torch.cat(parts, dim=1)[:, self.order]

    def rows_for_heads(self, heads: torch.Tensor, parallel: Parallel) -> torch.Tensor:
        """The way back."""
        batch, _, own, dim = heads.shape
        parts = torch.split(heads[:, self._back], self.counts, dim=1)
        sizes = [batch * count * own * dim for count in self.counts]
        sent = torch.cat([part.reshape(-1) for part in parts])
        got = _exchanged(sent, sizes, [sizes[parallel.rank]] * parallel.size, parallel)
        return got.view(parallel.size, batch, -1, own, dim).permute(1, 2, 0, 3, 4).flatten(2, 3)

    def gathered(self, rows: torch.Tensor, parallel: Parallel) -> torch.Tensor:
        """All rows, (B, N, ...), from those of this process, (B, n, ...)."""
        most = max(self.counts)
        padded = torch.nn.functional.pad(rows, [0, 0] * (rows.ndim - 2) + [0, most - rows.shape[1]]).contiguous()
        got = [torch.empty_like(padded) for _ in self.counts]
        distributed.all_gather(got, padded, parallel.group)
        parts = [part[:, :count] for part, count in zip(got, self.counts, strict=True)]
        return torch.cat(parts, dim=1)[:, self.order]


def _exchanged(sent: torch.Tensor, sizes: list[int], coming: list[int], parallel: Parallel) -> torch.Tensor:
    got = sent.new_empty(sum(coming))
    distributed.all_to_all_single(got, sent.reshape(-1), coming, sizes, parallel.group)
    return got


class SharedArrangement:
    """A process' rows of a sequence; to it what `ExactArrangement` is to the whole.

    Attributes:
        img_ids: position ids of its image tokens.
        written: those of its rows that each plan computes.
    """

    def __init__(self, whole: Arrangement, parallel: Parallel) -> None:
        """
        Raises:
            ValueError: the arrangement is that of the dense masks, which are not shared.
        """
        if not isinstance(whole, ExactArrangement):
            raise ValueError("a picture is shared with the exact attention only")
        self._parallel, device = parallel, whole.order.device
        rows = slice(0, whole.text.stop + len(whole.order))
        canvas = slice(whole.joint.stop - len(whole.reading_order), whole.joint.stop)
        edges = (0, whole.text.stop, canvas.start, canvas.stop, rows.stop)
        held = [
            np.concatenate([np.arange(start + rank, stop, parallel.size) for start, stop in pairwise(edges)])
            for rank in range(parallel.size)
        ]
        self._mine = held[parallel.rank]
        self._text, self._joint = self._here(whole.text), self._here(whole.joint)
        self._image = torch.from_numpy(self._mine[self._text.stop :] - whole.text.stop).to(device)
        self.img_ids = whole.img_ids[self._image]
        self.written = {plan: self._here(rows) for plan, rows in whole.written.items()}
        read = {Rows.ALL: rows, Rows.JOINT: whole.joint}
        self._reads = {kind: RowPartition(held, span, device) for kind, span in read.items()}
        self._writes = {plan: RowPartition(held, span, device) for plan, span in whole.written.items()}
        self._canvas = RowPartition(held, canvas, device)
        self._whole = whole if parallel.way == "ulysses" else replace(whole, groups=self._groups_here(whole))

    def place(self, canvas: torch.Tensor, contexts: Sequence[torch.Tensor]) -> torch.Tensor:
        """As `ExactArrangement`'s, of this process' rows."""
        return self._whole.place(canvas, contexts)[:, self._image]

    def text_of(self, prompt_embeds: torch.Tensor) -> torch.Tensor:
        """As `ExactArrangement`'s, of this process' rows."""
        return prompt_embeds[:, self._parallel.rank :: self._parallel.size]

    def canvas_of(self, output: torch.Tensor) -> torch.Tensor:
        """The whole canvas, (B, I, C), in reading order, from this process' rows of the transformer's output."""
        return self.in_reading_order(self.canvas_rows(output))

    def canvas_rows(self, hidden: torch.Tensor) -> torch.Tensor:
        """As `ExactArrangement`'s, of this process' rows."""
        stop = min(hidden.shape[1], self._joint.stop - self._text.stop)
        return hidden[:, stop - self._canvas.counts[self._parallel.rank] : stop]

    def in_reading_order(self, canvas: torch.Tensor) -> torch.Tensor:
        """The whole canvas from rows as `canvas_rows` gives them."""
        return self._whole.in_reading_order(self._canvas.gathered(canvas, self._parallel))

    def rotate(self, heads: torch.Tensor, rows: slice, rotary: Rotary) -> torch.Tensor:
        """As `ExactArrangement`'s."""
        return self._whole.rotate(heads, rows, rotary)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def attend(
        self, plan: BlockPlan, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention: Attention
    ) -> torch.Tensor:
        """As `ExactArrangement`'s, for this process' rows, which read those of all."""
        parallel, reads, writes = self._parallel, self._reads[plan.reads], self._writes[plan]
        if parallel.way == "ring":
            keys, values = reads.gathered(key, parallel), reads.gathered(value, parallel)
            own: torch.Tensor = self._whole.attend(plan, query, keys, values, attention)
            return own
        queries = writes.heads_for_rows(query, parallel)
        keys, values = reads.heads_for_rows(key, parallel), reads.heads_for_rows(value, parallel)
        return writes.rows_for_heads(self._whole.attend(plan, queries, keys, values, attention), parallel)

    def _here(self, rows: slice) -> slice:
        """Where those of the whole's rows stand that this process has."""
        start, stop = np.searchsorted(self._mine, [rows.start, rows.stop]).tolist()
        return slice(start, stop)

    def _groups_here(self, whole: ExactArrangement) -> dict[BlockPlan, tuple[QueryGroup, ...]]:
        """The query groups of this process' rows."""
        here = {}
        for plan, groups in whole.groups.items():
            first, before = whole.written[plan].start, self.written[plan].start
            spans = [self._here(slice(first + group.rows.start, first + group.rows.stop)) for group in groups]
            here[plan] = tuple(
                QueryGroup(slice(span.start - before, span.stop - before), group.keys)
                for span, group in zip(spans, groups, strict=True)
                if span.start < span.stop
            )
        return here
