"""A prompt as a model's own tokenizer takes it: what lies beyond the last token, and which words it does not know.

For any family whose text encoder reads what a `tokenizer.json` makes of a text. No torch, no transformers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen.weights.checkpoint_errors import FolderIncomplete

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True)
class PromptTokens:
    """What a model reads of a prompt.

    Attributes:
        count: tokens of the prompt and of the words that the model puts around it, the closing one included.
        most: how many of them are read.
        cut: the end of the prompt that is not read, as written; empty where at most the words around it are cut.
        unknown: words of the prompt of which the tokenizer does not know a letter at least, as written, each once.
    """

    count: int
    most: int
    cut: str
    unknown: tuple[str, ...]


def open_tokenizer(folder: Path) -> Tokenizer | None:
    """The tokenizer of a component's folder; None where it is kept in another form than `tokenizer.json`.

    Raises:
        FolderIncomplete: the file is none.
    """
    path = folder / TOKENIZER_FILE
    return _opened(path, path.stat().st_mtime_ns) if path.is_file() else None


@lru_cache(maxsize=4)
def _opened(path: Path, modified: int) -> Tokenizer:
    """Opened once for the check of its folder and for prompts; a changed file has another time and is read again."""
    from tokenizers import Tokenizer

    with _Reading(path):
        tokenizer: Tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def tokenized(tokenizer: Tokenizer, framed: Sequence[str], most: int, unknown: str = "<unk>") -> PromptTokens:
    """What is read of a prompt.

    Args:
        framed: what the model puts before the prompt, the prompt, and what it puts behind.
        most: tokens that the text encoder takes; the closing one is always among them.
        unknown: the token that stands for what is not in the vocabulary.
    """
    before, prompt, behind = framed
    encoding = tokenizer.encode(before + prompt + behind)
    ids, offsets = encoding.ids, encoding.offsets
    words = [index for index, special in enumerate(encoding.special_tokens_mask) if not special]
    room = max(0, most - (len(ids) - len(words)))
    start, end = len(before), len(before) + len(prompt)
    read_to = offsets[words[room]][0] if len(words) > room else end
    missing = tokenizer.token_to_id(unknown)
    missed = [offsets[index][1] - 1 - start for index in words[:room] if ids[index] == missing]
    return PromptTokens(
        count=len(ids),
        most=most,
        cut=prompt[max(0, read_to - start) :],
        unknown=_words_at([at for at in missed if 0 <= at < len(prompt)], prompt),
    )


def _words_at(places: Sequence[int], text: str) -> tuple[str, ...]:
    """The words, each once, in which the places (ascending) lie."""
    found: dict[str, None] = {}
    remaining = iter(places)
    place = next(remaining, None)
    for word in re.finditer(r"\S+", text):
        while place is not None and place < word.end():
            found.setdefault(word.group())
            place = next(remaining, None)
    return tuple(found)


class _Reading(AbstractContextManager[None]):
    """Names the file in what `tokenizers` raises, which is a bare `Exception` whatever is wrong."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if type(error) is Exception:
            raise FolderIncomplete(f"{self._path}: no tokenizer: {error}", "Fetch the folder again.") from error
