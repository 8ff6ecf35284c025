"""Writes docs/commands.md from the `--help` of every command."""

from __future__ import annotations

from collections.abc import Iterator

import click

from contextgen_cli.cli import HELP, cli

WIDTH = 88
HEAD = """\
# Commands

Generated from `contextgen COMMAND --help` by `docs/generate.py`.

Every option also reads an environment variable, `CONTEXTGEN_` and the option's long name in capitals: `--model` reads
`CONTEXTGEN_MODEL`, `--dry-run` reads `CONTEXTGEN_DRY_RUN`. A flag beats the environment, the environment beats the
scene, the scene beats the model's own defaults.
"""


def render() -> str:
    """The text of docs/commands.md."""
    return "\n".join([HEAD, *_sections("contextgen", cli)])


def _sections(title: str, command: click.Command) -> Iterator[str]:
    """A command's help, then that of every verb below it."""
    context = click.Context(command, info_name=title, **HELP, terminal_width=WIDTH)
    yield f"## {title}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None, name
            yield from _sections(f"{title} {name}", below)
