"""What is said of a prompt is what the text encoder is given: transformers' own tokenizers are the judge."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from painting import TINY_MODEL
from transformers import AutoTokenizer

from contextgen.backends.families import backend_of
from contextgen.backends.tokenization import PromptTokens, open_tokenizer, tokenized
from contextgen.weights.checkpoint_errors import FolderIncomplete
from contextgen.weights.checkpoints import find

MINI = find("mini")
FILLER = "It is a very quiet day and nobody else is there. "


def reading(prompt: str, folder: Path = MINI) -> PromptTokens:
    read = backend_of(folder).read_prompt(prompt)
    assert read is not None
    return read


def encoded(text: str, folder: Path, length: int) -> list[int]:
    ids: Any = AutoTokenizer.from_pretrained(folder / "tokenizer_2")(text, max_length=length, truncation=True).input_ids
    return list(ids)


@pytest.mark.parametrize("prompt", [FILLER * 5 + "Snow.", FILLER * 20, "a crab, " * 40, "x" * 300])
def test_what_is_cut_is_just_what_changes_nothing(prompt: str) -> None:
    read = reading(prompt)
    kept = prompt.removesuffix(read.cut)
    assert read.most == 64 < read.count and read.cut and kept + read.cut == prompt
    given = encoded(prompt, MINI, 64)
    assert encoded(kept, MINI, 64) == given == encoded(kept + " otherwise", MINI, 64)
    assert encoded(kept[:-3], MINI, 64) != given


@pytest.mark.parametrize("prompt", ["a crab", FILLER, "„A crab, a café“", ""])
def test_what_fits_is_counted_and_not_cut(prompt: str) -> None:
    read = reading(prompt)
    assert (read.count, read.cut) == (len(encoded(prompt, MINI, 64)), "")


def test_around_a_prompt_the_models_own_words_are_counted_and_cut_first() -> None:
    around = reading("", TINY_MODEL).count
    assert around > 100, "the tiny tokenizer knows few words"
    words = "crab " * ((512 - around) // reading("crab crab", TINY_MODEL).count)
    assert reading(words, TINY_MODEL).cut == ""
    longer = reading("crab " * 500, TINY_MODEL)
    assert longer.count > 512 and longer.cut.endswith("crab ") and "Modify" not in longer.cut


def test_unknown_words_of_the_models_own_are_not_the_prompts() -> None:
    tokenizer = open_tokenizer(MINI / "tokenizer_2")
    assert tokenizer is not None
    assert tokenized(tokenizer, ("蟹 ", "a crab", " 蟹"), 64).unknown == ()
    assert tokenized(tokenizer, ("蟹 ", "a crab 🦀", " 蟹"), 64).unknown == ("🦀",)


def test_a_lead_that_the_model_is_not_given_is_no_part_of_it() -> None:
    assert reading("A photo of a crab") == reading("a crab")


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("a crab on sand", ()),
        ("سرطان على شاطئ", ("سرطان", "على", "شاطئ")),
        ("🦀 on 🏖️ at 🌅, 🦀", ("🦀", "🏖️", "🌅,", "🦀")),
        ("the café is a café", ("café",)),
        (FILLER * 6 + "蟹", ()),
    ],
)
def test_words_with_a_letter_that_is_not_in_the_vocabulary_are_named(prompt: str, unknown: tuple[str, ...]) -> None:
    assert reading(prompt).unknown == tuple(dict.fromkeys(unknown))


def test_a_tokenizer_of_another_form_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "spiece.model").write_bytes(b"x")
    assert open_tokenizer(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"model": {"type": "BPE"}}'])
def test_a_broken_one_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(FolderIncomplete, match=r"tokenizer\.json: no tokenizer: "):
        open_tokenizer(tmp_path)


def test_a_limit_that_was_saved_with_it_hides_no_end(tmp_path: Path) -> None:
    saved = json.loads((MINI / "tokenizer_2" / "tokenizer.json").read_text("utf-8"))
    limit = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
    (tmp_path / "tokenizer.json").write_text(json.dumps({**saved, "truncation": limit}), "utf-8")
    tokenizer = open_tokenizer(tmp_path)
    assert tokenizer is not None and len(tokenizer.encode(FILLER).ids) == len(encoded(FILLER, MINI, 64)) > 8


def test_a_padding_that_was_saved_with_it_is_not_counted(tmp_path: Path) -> None:
    saved = json.loads((MINI / "tokenizer_2" / "tokenizer.json").read_text("utf-8"))
    padding = {"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
               "pad_type_id": 0, "pad_token": "<pad>"}  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps({**saved, "padding": padding}), "utf-8")
    tokenizer = open_tokenizer(tmp_path)
    assert tokenizer is not None and len(tokenizer.encode(FILLER).ids) == len(encoded(FILLER, MINI, 64)) < 64


def test_torch_stays_unread() -> None:
    asked = (
        "import sys; from contextgen.backends.families import backend_of;"
        "from contextgen.weights.checkpoints import find;"
        "assert backend_of(find('mini')).read_prompt('a crab').count == 3;"
        "sys.exit(bool({'torch', 'transformers'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
