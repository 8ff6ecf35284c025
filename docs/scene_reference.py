"""The page on scene files, made from the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from contextgen_cli.scene import limits
from contextgen_cli.scene.check.schema import read_schema

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
    return _INTRODUCTION + "\n".join([*_keys(read_schema("scene"), ""), *_limits()]) + "\n"


def _keys(schema: Mapping[str, Any], prefix: str) -> Iterator[str]:
    if "properties" not in schema:
        yield from _either(schema)
    required = schema.get("required", ())
    for key, value in schema.get("properties", {}).items():
        yield from _key(f"{prefix}{key}", _resolved(value), key in required)


def _either(schema: Mapping[str, Any]) -> Iterator[str]:
    """The forms that an object may take, such as a box's two, all of whose keys are required."""
    forms = [form["properties"] for form in schema.get("anyOf", ()) if "properties" in form]
    for word, properties in zip(("Either", "Or"), forms, strict=False):
        yield f"{word} all of:\n"
        yield "| key | meaning | example |\n|---|---|---|"
        for key, value in properties.items():
            example = _flow(value["examples"][0])
            yield f"| `{key}` | {value['title']}. {value['description']} | `{key}: {example}` |"
        yield ""


def _key(path: str, schema: Mapping[str, Any], required: bool) -> Iterator[str]:
    yield f"### `{path}`{' (required)' if required else ''}\n"
    yield f"{schema['description']}\n"
    if "default" in schema:
        yield f"Default: `{json.dumps(schema['default'])}`\n"
    for example in schema.get("examples", ())[:2]:
        yield f"Example: `{path.split('.')[-1].split('[')[0]}: {_flow(example)}`\n"
    yield from _keys(schema, f"{path}.")
    if isinstance(schema.get("items"), Mapping):
        yield from _keys(_resolved(schema["items"]), f"{path}[].")
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from _keys(_resolved(schema["additionalProperties"]), f"{path}.<name>.")


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema with what it refers to; its own words win."""
    if "$ref" not in schema:
        return schema
    target = read_schema("scene")["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return {**_resolved(target), **schema}


def _flow(value: object) -> str:
    """A value as a person would write it in a scene."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def _limits() -> Iterator[str]:
    yield "## Limits\n"
    yield f"- a scene file: {limits.FILE_BYTES >> 20} MiB; standard input: {limits.STREAM_BYTES >> 20} MiB"
    yield f"- a prompt: {limits.PROMPT_LETTERS:,} letters; documents of one file: {limits.DOCUMENTS:,}"
    yield f"- values of one document, aliases written out: {limits.NODES:,}; nesting: {limits.DEPTH} levels"
    yield f"- scenes of one `matrix`: {limits.MATRIX_SCENES:,}"
    yield f"- a reference image: {limits.REFERENCE_PIXELS // 1_000_000} megapixels, known before it is decoded"
