"""Warnings of the libraries beneath us that warn of nothing: held back unless somebody asks for detail."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_UNFOUNDED = {  # by the logger that says it
    "transformers.utils.import_utils": "requires torchvision (not installed)",  # for what is not used here
    "diffusers.models.modeling_utils": "that should be kept in float32: []",  # which are none
    # CLIP reads only the beginning of a prompt, of which it gives one vector; T5 reads all of it
    "transformers.tokenization_utils_base": "Token indices sequence length is longer",
    "diffusers.pipelines.flux.pipeline_flux_kontext": "truncated because CLIP can only handle",
}


@contextmanager
def held_back() -> Iterator[None]:
    """Inside the block these warnings are heard only where the root logger is at INFO or below."""
    filters = [(logging.getLogger(name), _Unfounded(words)) for name, words in _UNFOUNDED.items()]
    for logger, each in filters:
        logger.addFilter(each)
    try:
        yield
    finally:
        for logger, each in filters:
            logger.removeFilter(each)


class _Unfounded(logging.Filter):
    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words

    def filter(self, record: logging.LogRecord) -> bool:
        return self._words not in record.getMessage() or logging.getLogger().isEnabledFor(logging.INFO)
