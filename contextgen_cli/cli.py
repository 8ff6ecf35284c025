"""The `contextgen` command: a group that loads each verb on first use, and the one place where errors end."""

from __future__ import annotations

import importlib
import keyword
from collections.abc import Sequence
from typing import Any

import click

from contextgen_cli import __version__
from contextgen_cli.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_USAGE, ContextgenError
from contextgen_cli.scene.check.suggestions import nearest
from contextgen_cli.terminal import console, interruption, streams

COMMANDS = (
    "init",
    "validate",
    "compose",
    "render",
    "train",
    "data",
    "bench",
    "inspect",
    "replay",
    "report",
    "import",
    "schema",
    "models",
    "doctor",
)

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
EXAMPLES = """\b
Examples:
  contextgen init my-scene
  contextgen validate scenes/
  contextgen compose scenes/picnic.yaml -o layout.png
  contextgen render scenes/ --model ./model -o pictures
  contextgen COMMAND --help
"""


class LazyGroup(click.Group):
    """Finds a verb's `command` in its module under `contextgen_cli.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = importlib.import_module(f"contextgen_cli.commands.{module}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = nearest(args[0], COMMANDS)
            if near is None:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{near}'?", ctx) from None


@click.group(cls=LazyGroup, context_settings=HELP, epilog=EXAMPLES)
@click.version_option(__version__, prog_name="contextgen")
def cli() -> None:
    """Paint pictures from scene files: your subjects, in your boxes, with their identities kept."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (see `contextgen_cli.errors`)."""
    try:
        code = cli.main(args=arguments, prog_name="contextgen", standalone_mode=False)
        if code != EXIT_INTERRUPTED and interruption.heard():  # and swallowed on the way
            raise KeyboardInterrupt
        return code if isinstance(code, int) else EXIT_DONE
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except ContextgenError as error:
        console.error(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        console.note("interrupted")
        return EXIT_INTERRUPTED
    except streams.ReaderLeft:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last border: a bug, with its log
        if interruption.heard():  # and swallowed by an import that is now incomplete
            console.note("interrupted")
            return EXIT_INTERRUPTED
        return console.bug(error)
