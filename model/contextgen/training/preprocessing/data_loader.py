"""Batches of prepared samples, made in worker processes ahead of the training."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from torch.utils.data import DataLoader, Dataset

from contextgen.data.example import ExampleSource
from contextgen.method.method_card import ModelCard
from contextgen.training.preprocessing.samples import Prepared, prepare

Item = TypeVar("Item")
_AHEAD = 4  # batches that a worker may be ahead


class _Batches(Dataset[list[Prepared]]):
    def __init__(self, source: ExampleSource, size: int, card: ModelCard) -> None:
        self._source, self._size, self._card = source, size, card

    def __getitem__(self, index: int) -> list[Prepared]:
        return [prepare(example, self._card) for example in self._source.batch(index, self._size)]


def batches(
    source: ExampleSource, size: int, card: ModelCard, indices: Sequence[int], workers: int
) -> Iterator[list[Prepared]]:
    """The batches of these indices, in order, whoever prepares them."""
    loader = DataLoader(
        _Batches(source, size, card),
        batch_size=None,
        sampler=indices,
        num_workers=workers,
        collate_fn=_untouched,
        prefetch_factor=_AHEAD if workers else None,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_stay_with_the_trainer if workers else None,
    )
    return iter(loader)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each made in a thread while the one before it is used."""
    with ThreadPoolExecutor(1, "ahead") as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def _stay_with_the_trainer(worker: int) -> None:
    """What a terminal sends reaches every process, but only the trainer heeds it; when that dies, this one ends."""
    for name in ("SIGINT", "SIGHUP"):  # Ctrl-C; a terminal that is closed, which Windows does not tell
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_outlive_nobody, daemon=True).start()


def _outlive_nobody() -> None:
    trainer = multiprocessing.parent_process()
    assert trainer is not None
    trainer.join()
    os._exit(1)  # a batch that nobody reads any more would keep an orderly exit waiting


def _untouched(batch: list[Prepared]) -> list[Prepared]:
    return batch
