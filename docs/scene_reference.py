"""The page on scene files, made from the schema."""

from __future__ import annotations

from collections.abc import Iterator

from schema_keys import KeyPages

from contextgen_cli.scene import limits

_INTRODUCTION = """\
# Scene files

<!-- Generated from schemas/scene.schema.json by `make docs`. Edit the schema. -->

A scene file is YAML (or JSON), version 1. Paths in it are relative to the file. A file may hold several scenes,
separated by lines `---`; a `.jsonl` file has one a line. `contextgen init` writes one to begin with,
`contextgen validate` checks it, and `contextgen schema` prints the schema that lets an editor complete and explain
the keys.

Words that readers of YAML disagree about are errors, not guesses: bare `yes`, `no`, `on`, `off`, `1e-3`, `16:9`,
`012` and dates need quotes where they are text. Tags (`!!python/…`), merge keys (`<<`) and keys given twice are
errors; anchors and aliases may be used. Inside `{ }` and `[ ]`, `${name}` needs quotes.

"""


def render() -> str:
    """The page as Markdown."""
    return _INTRODUCTION + "\n".join([*KeyPages("scene").lines(), *_limits()]) + "\n"


def _limits() -> Iterator[str]:
    yield "## Limits\n"
    yield f"- a scene file: {limits.FILE_BYTES >> 20} MiB; standard input: {limits.STREAM_BYTES >> 20} MiB"
    yield f"- a prompt: {limits.PROMPT_LETTERS:,} letters; documents of one file: {limits.DOCUMENTS:,}"
    yield f"- values of one document, aliases written out: {limits.NODES:,}; nesting: {limits.DEPTH} levels"
    yield f"- scenes of one `matrix`: {limits.MATRIX_SCENES:,}"
    yield f"- a reference image: {limits.REFERENCE_PIXELS // 1_000_000} megapixels, known before it is decoded"
