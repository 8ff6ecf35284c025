"""What of a prompt does not reach the model at hand, by the model's own tokenizer; a model that says nothing of it is
believed to read everything."""

from __future__ import annotations

import re
from collections.abc import Iterable

from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.quoting import quoted
from contextgen_cli.scene.drafting import Draft
from contextgen_cli.scene.limits import ModelLimits, PromptReading
from contextgen_cli.scene.parse.nodes import Spot, spot

_LISTED = 8  # words that are named one by one
_LONGEST_WORD, _LONGEST_TAIL = 40, 400  # letters that are quoted
_EMPHASIS = re.compile(
    r"\([^()]*[^()\d\s]\s*:\s*\d*\.?\d+\s*\)"  # (word:1.4), not (at 12:30)
    r"|\(\([^()]+\)\)+"
    r"|\[[^][]+\]"
    r"|\{[^{}]+\}"  # {word}, {one|other}
    r"|<(?:lora|lyco|hypernet):[^<>]+>"
    r"|\bBREAK\b"
    r"|\bembedding:[\w.-]+"
)


def check(draft: Draft, report: ProblemCollector, model: ModelLimits) -> None:
    """Warn of what is cut off, of words that the model does not know, and of other tools' syntax."""
    at = spot(draft.root, "prompt")
    if draft.prompt is None or model.read_prompt is None or report.twist(at.place):
        return
    reading = model.read_prompt(draft.prompt)
    if reading is None:
        return
    _cut_off(reading, at, report, model)
    if reading.unknown:
        message = f"{model.name} does not know {_listed(reading.unknown)}"
        hint = "it reads nothing there, or a part of a word: say it in other words, most models want English"
        report.warning("unknown-words", message, at, hint)
    if found := list(dict.fromkeys(_EMPHASIS.findall(draft.prompt))):
        message = f"other tools' prompt syntax is read as plain words here: {_listed(found)}"
        report.warning("prompt-syntax", message, at, "say it in a sentence; nothing gives a word more or less weight")


def _cut_off(reading: PromptReading, at: Spot, report: ProblemCollector, model: ModelLimits) -> None:
    if reading.count <= reading.most:
        return
    lost = quoted(reading.cut, _LONGEST_TAIL) if reading.cut.strip() else "the end of the model's own words around it"
    message = f"{model.name} reads {reading.most} tokens, and this prompt has {reading.count}: cut off is {lost}"
    report.warning("long-prompt", message, at, "say it in fewer words")


def _listed(words: Iterable[str]) -> str:
    named = [quoted(word, _LONGEST_WORD) for word in words]
    more = f" and {len(named) - _LISTED} more" if len(named) > _LISTED else ""
    return f"{', '.join(named[:_LISTED])}{more}"
