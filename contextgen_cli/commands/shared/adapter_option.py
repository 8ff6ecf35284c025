"""`--adapter PATH[=SCALE]`, as several verbs have it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import click

from contextgen_cli.commands.shared.options import MODEL, Decorator, complete_files, option
from contextgen_cli.models.numerics import AdapterChoice


class AdapterType(click.ParamType):  # type: ignore[type-arg]
    """`PATH` or `PATH=SCALE`; what is there under the whole text is a path, whatever signs it has."""

    name = "PATH[=SCALE]"
    envvar_list_splitter = os.pathsep  # as in every list of paths

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> AdapterChoice:
        if isinstance(value, AdapterChoice):
            return value
        name, _, scale = value.rpartition("=")
        if not name or not _is_number(scale) or _exists(value):
            return AdapterChoice(value)
        if not math.isfinite(float(scale)) or float(scale) == 0:
            self.fail(f"{value!r}: the scale of an adapter is a number, and not zero", param, ctx)
        return AdapterChoice(name, float(scale))


def adapter_option(help_text: str) -> Decorator:
    """The option; None where it is not given."""
    return option(
        "--adapter",
        "adapters",
        type=AdapterType(),
        multiple=True,
        shell_complete=complete_files,
        callback=lambda ctx, param, given: given or None,
        section=MODEL,
        help=help_text,
    )


PUT_ON = adapter_option(
    "A LoRA and its scale, 1 unless given: a file, a folder or a hub id; repeatable, put on in order, in place of the "
    "model's own, which is `default`."
)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError):  # the latter: there is no such home
        return False
