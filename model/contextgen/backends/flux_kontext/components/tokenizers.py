"""What the tokenizers of a folder may say: ids that their encoders have an embedding for, and lengths. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen.backends.flux_kontext.components.demands import REPAIR, Configuration, demand, is_number
from contextgen.backends.tokenization import TOKENIZER_FILE, open_tokenizer
from contextgen.weights.checkpoint_errors import FolderIncomplete
from contextgen.weights.json_files import short
from contextgen.weights.model_folder import read_configuration

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ENCODERS = {"tokenizer": "text_encoder", "tokenizer_2": "text_encoder_2"}
_SETTINGS, _ADDED, _VOCABULARY = "tokenizer_config.json", "added_tokens.json", "vocab.json"
_LENGTH, _EXTRA = "model_max_length", "extra_ids"

_Token = tuple[Path, object, object]  # where it is stated, what it is, its id


def check_tokenizers(folder: Path) -> None:
    """Refuse tokens that the text encoder has no embedding for, and lengths that it has no positions for.

    Raises:
        FolderIncomplete: names the file and the token or the key.
    """
    for name, encoder in ENCODERS.items():
        part, config = folder / name, read_configuration(folder / encoder / "config.json")
        stated = read_configuration(part / _SETTINGS) if (part / _SETTINGS).is_file() else {}
        _check_settings(part / _SETTINGS, stated, config)
        _check_ids(_stated_tokens(part, stated), config["vocab_size"])
        if (tokenizer := open_tokenizer(part)) is not None:
            whole = part / TOKENIZER_FILE
            _check_ids(((whole, *each) for each in tokenizer.get_vocab().items()), config["vocab_size"])
            around = tokenizer.encode("")
            _check_ids(((whole, *each) for each in zip(around.tokens, around.ids, strict=True)), config["vocab_size"])


def check_vocabulary(folder: Path, name: str, tokenizer: PreTrainedTokenizerBase) -> None:
    """As `check_tokenizers`, of what a library has made of all files of a tokenizer together.

    Raises:
        FolderIncomplete: names the folder and the token.
    """
    config = read_configuration(folder / ENCODERS[name] / "config.json")
    _check_ids(((folder / name, *each) for each in tokenizer.get_vocab().items()), config["vocab_size"])


def _check_settings(path: Path, stated: Configuration, config: Configuration) -> None:
    if (positions := config.get("max_position_embeddings")) is not None:
        words = f"a whole number from 1 to {positions}, the positions of its encoder"
        demand(path, stated, [_LENGTH], lambda value: type(value) is int and 1 <= value <= positions, words)
    elif _LENGTH in stated:
        demand(path, stated, [_LENGTH], lambda value: is_number(value) and value >= 1, "a number from 1 on")
    if _EXTRA in stated:
        size = config["vocab_size"]
        words = f"a whole number from 0 to {size:,}, the vocabulary of its encoder"
        demand(path, stated, [_EXTRA], lambda value: type(value) is int and 0 <= value <= size, words)


def _stated_tokens(part: Path, stated: Configuration) -> Iterator[_Token]:
    """The tokens that the JSON files of a tokenizer give an id."""
    for file in (part / _ADDED, part / _VOCABULARY):
        if file.is_file():
            yield from ((file, *each) for each in read_configuration(file).items())
    for number in _object(part / _SETTINGS, stated, "added_tokens_decoder"):
        yield part / _SETTINGS, "added_tokens_decoder", int(number) if number.isdecimal() else number
    if (whole := part / TOKENIZER_FILE).is_file():
        for each in read_configuration(whole)["added_tokens"] or ():
            if isinstance(each, dict):  # else the library has words for it
                yield whole, each.get("content"), each.get("id")


def _object(path: Path, stated: Configuration, name: str) -> Configuration:
    found = stated.get(name) or {}
    if not isinstance(found, dict):
        raise FolderIncomplete(f"{path}: {name}: {short(found)} is not an object", REPAIR)
    return found


def _check_ids(tokens: Iterable[_Token], size: int) -> None:
    for file, token, number in tokens:
        if type(number) is not int or not 0 <= number < size:
            raise FolderIncomplete(
                f"{file}: the token {short(token)} has the id {short(number)}, and its encoder knows 0 to {size - 1:,}",
                "Take tokenizer and text encoder from the same source.",
            )
