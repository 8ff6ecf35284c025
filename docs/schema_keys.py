"""The keys of a schema, as a page explains them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from contextgen_cli.scene.check.schema import read_schema

Schema = Mapping[str, Any]


class KeyPages:
    """Explains the keys of one of the schemas, in its order, those of objects below them."""

    def __init__(self, name: str) -> None:
        self._root = read_schema(name)

    def lines(self) -> Iterator[str]:
        """The lines of the page."""
        return self._keys(self._root, "")

    def _keys(self, schema: Schema, prefix: str) -> Iterator[str]:
        if "properties" not in schema:
            yield from self._either(schema)
        required = schema.get("required", ())
        for key, value in schema.get("properties", {}).items():
            yield from self._key(f"{prefix}{key}", self._resolved(value), key in required)

    def _either(self, schema: Schema) -> Iterator[str]:
        """The forms that an object may take, such as a box's two, all of whose keys are required."""
        forms = [form["properties"] for form in schema.get("anyOf", ()) if "properties" in form]
        for word, properties in zip(("Either", "Or"), forms, strict=False):
            yield f"{word} all of:\n"
            yield "| key | meaning | example |\n|---|---|---|"
            for key, value in properties.items():
                example = _flow(value["examples"][0])
                yield f"| `{key}` | {value['title']}. {value['description']} | `{key}: {example}` |"
            yield ""

    def _key(self, path: str, schema: Schema, required: bool) -> Iterator[str]:
        yield f"### `{path}`{' (required)' if required else ''}\n"
        yield f"{schema['description']}\n"
        if "default" in schema:
            yield f"Default: `{json.dumps(schema['default'])}`\n"
        for example in schema.get("examples", ())[:2]:
            yield f"Example: `{path.split('.')[-1].split('[')[0]}: {_flow(example)}`\n"
        yield from self._keys(schema, f"{path}.")
        if isinstance(schema.get("items"), Mapping):
            yield from self._keys(self._resolved(schema["items"]), f"{path}[].")
        if isinstance(schema.get("additionalProperties"), Mapping):
            yield from self._keys(self._resolved(schema["additionalProperties"]), f"{path}.<name>.")

    def _resolved(self, schema: Schema) -> Schema:
        """The schema with what it refers to; its own words win."""
        if "$ref" not in schema:
            return schema
        target = self._root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        return {**self._resolved(target), **schema}


def _flow(value: object) -> str:
    """A value as a person would write it in a scene."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return value if isinstance(value, str) else json.dumps(value)
