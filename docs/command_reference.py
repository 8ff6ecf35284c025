"""Writes docs/commands.md from the `--help` of every command."""

from __future__ import annotations

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
    context = click.Context(cli, info_name="contextgen", **HELP, terminal_width=WIDTH)
    sections = [_section("contextgen", cli)]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None, name
        sections.append(_section(f"contextgen {name}", command))
    return "\n".join([HEAD, *sections])


def _section(title: str, command: click.Command) -> str:
    context = click.Context(command, info_name=title, **HELP, terminal_width=WIDTH)
    return f"## {title}\n\n```text\n{command.get_help(context)}\n```\n"
