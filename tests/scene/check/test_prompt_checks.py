"""What of a prompt does not reach the model is told by `validate`, `compose` and `render`, at its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from painting import TINY_MODEL, write_scene

LONG = "A crab on a sandy beach. " + "It is a very quiet day and nobody else is there. " * 5
Run = Callable[..., Any]
CANVAS = {"width": 128, "height": 128}  # of which mini has nothing to say


def test_the_very_words_that_are_cut_off_are_told(contextgen: Run, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "night.yaml", prompt=LONG + "It is night.")
    told = contextgen("validate", scene)
    assert told.code == 0 and "night.yaml:3:12: warning: mini reads 64 tokens, and this prompt has" in told.err
    assert 'nobody else is there. It is night."' in told.err
    assert contextgen("validate", scene, "--strict").code == 2
    assert "mini reads 64" in contextgen("compose", scene, "-o", tmp_path / "layout.png").err
    painted = contextgen("render", scene, "--strict", "-o", tmp_path / "out")
    assert painted.code == 2 and "long-prompt" not in painted.out and "It is night." in painted.err


def test_a_prompt_of_just_as_many_tokens_as_are_read_is_whole(contextgen: Run, tmp_path: Path) -> None:
    words = ["crab"] * 63  # and the token that closes it
    assert (
        contextgen("validate", write_scene(tmp_path / "a.yaml", canvas=CANVAS, prompt=" ".join(words)), "--strict").code
        == 0
    )
    told = contextgen("validate", write_scene(tmp_path / "a.yaml", canvas=CANVAS, prompt=" ".join([*words, "crab"])))
    assert 'this prompt has 65: cut off is "crab"' in " ".join(told.err.split())


def test_a_prompt_that_is_written_wrong_is_not_read(contextgen: Run, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "picnic.yaml", prompt="(a crab:1.4) \a")
    told = contextgen("validate", scene)
    assert "control character" in told.err and "prompt syntax" not in told.err


def test_of_a_very_long_end_the_middle_is_left_out(contextgen: Run, tmp_path: Path) -> None:
    told = contextgen("validate", write_scene(tmp_path / "long.yaml", canvas=CANVAS, prompt=LONG * 40 + "The end.")).err
    assert 'The end."' in told and "…" in told and len(told) < 1000


def test_the_models_own_words_are_cut_before_the_prompt(contextgen: Run, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "picnic.yaml", prompt="crab " * 90)
    told = contextgen("validate", scene, "--model", TINY_MODEL)
    assert "cut off is the end of the model's own words around it" in told.err


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("سرطان على شاطئ", 'mini does not know "سرطان", "على", "شاطئ"'),
        ("a 🦀 on sand", 'mini does not know "🦀"'),
        ("一 二 三 四 五 六 七 八 九 十", '"八" and 2 more'),
        ("(a crab:1.4), [beach], <lora:style:0.8>, BREAK", '"(a crab:1.4)", "[beach]", "<lora:style:0.8>", "BREAK"'),
        ("a ((red)) crab", '"((red))"'),
        ("a crab, (sandy beach : 0.8)", '"(sandy beach : 0.8)"'),
        ("a {red|blue} crab", '"{red|blue}"'),
    ],
)
def test_what_is_not_read_as_it_is_meant_is_named(contextgen: Run, tmp_path: Path, prompt: str, words: str) -> None:
    scene = write_scene(tmp_path / "picnic.yaml", prompt=prompt)
    assert words in contextgen("validate", scene).err
    assert contextgen("validate", scene, "--strict").code == 2


@pytest.mark.parametrize(
    "prompt", ["A crab (red) and a bag at 12:30.", "A poster (16:9) of a crab.", "A crab, a bag: both are here; 3 - 1."]
)
def test_plain_sentences_are_not_taken_for_syntax(contextgen: Run, tmp_path: Path, prompt: str) -> None:
    scene = write_scene(tmp_path / "picnic.yaml", canvas=CANVAS, prompt=prompt)
    assert contextgen("validate", scene, "--strict").code == 0


def test_a_model_that_is_not_here_gives_no_word(contextgen: Run, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "picnic.yaml", prompt=f"({LONG * 9}:1.2) 蟹", model="kontext")
    assert "no errors, 0 warnings" in contextgen("validate", scene).err


def test_a_broken_tokenizer_is_the_models_fault(contextgen: Run, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for part in TINY_MODEL.iterdir():
        (folder / part.name).symlink_to(part)
    (folder / "tokenizer_2").unlink()
    (folder / "tokenizer_2").mkdir()
    (folder / "tokenizer_2" / "tokenizer.json").write_text("{}")
    told = contextgen("validate", write_scene(tmp_path / "picnic.yaml"), "--model", folder)
    assert told.code == 3 and "tokenizer.json: 'added_tokens' is missing" in " ".join(told.err.split())
