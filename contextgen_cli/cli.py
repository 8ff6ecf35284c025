"""The `contextgen` command: a group that loads each verb on first use, and the one place where errors end."""

from __future__ import annotations

import importlib
import keyword
import sys
from collections.abc import Sequence

import click

from contextgen_cli import __version__, console
from contextgen_cli.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_USAGE, ContextgenError

COMMANDS = ("init", "validate", "compose", "render", "inspect", "import", "schema", "models", "doctor")


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


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="contextgen")
def cli() -> None:
    """Paint pictures from scene files: your subjects, in your boxes, with their identities kept."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code (see `contextgen_cli.errors`)."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    try:
        code = cli.main(args=arguments, prog_name="contextgen", standalone_mode=False)
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
    except BrokenPipeError:
        return console.broken_pipe()
    except Exception as error:  # noqa: BLE001  the last border: a bug, with its log
        return console.bug(error)


if __name__ == "__main__":
    main()
