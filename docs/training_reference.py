"""The page on training files, made from the schema."""

from __future__ import annotations

from schema_keys import KeyPages

_INTRODUCTION = """\
# Training files

<!-- Generated from schemas/train.schema.json by `make docs`. Edit the schema. -->

A training file is YAML (or JSON), version 1: the model to start from, and stages that are trained one after another.
Paths in it are relative to the file. `contextgen init --train` writes one to begin with, `contextgen train` checks it
before anything loads and runs it, `--set stages.0.steps=200` changes a key for one run, and `contextgen schema train`
prints the schema that lets an editor complete and explain the keys. [Training](training.md) says what it is all for.

A key that only some objectives read says so; where a stage of another objective states it, `train` warns. What is
given by name and share, such as `levels`, need not add up to 1.

"""


def render() -> str:
    """The page as Markdown."""
    return _INTRODUCTION + "\n".join(KeyPages("train").lines()) + "\n"
