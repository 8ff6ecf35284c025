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

# Each with the first line of its docstring, for the list of them in `--help`: to read it there would import them all.
COMMANDS = {
    "init": "Write a starter scene to edit, at PATH: a folder (for scene.yaml in it) or a file.",
    "validate": "Check scene files and report every problem of every file at once.",
    "compose": "Compose layout images: what the model is given to paint from.",
    "render": "Render scenes: one picture for each scene and seed.",
    "train": "Train a model, or an adapter, as CONFIG says.",
    "data": "Make, fetch and check training sets.",
    "bench": "Measure how good a model is.",
    "inspect": "Show what a picture remembers: its scene, seed, model, versions and inputs.",
    "replay": "Render pictures again from what they remember, and say whether they came out the same.",
    "clean": "List the outdated pictures that OUT keeps; with --yes, remove them.",
    "report": "Write one HTML page of all pictures in OUT, a folder that render wrote to.",
    "import": "Turn other tools' files into scene files, one for each picture.",
    "schema": "Print the JSON Schema of scene files, of training runs, or of the lines for programs.",
    "models": "List the models that have a name: what each is, its size, its licences, and whether it is here.",
    "doctor": "Show devices, memory, versions, the hub cache, and which models would load.",
}

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
        interruption.raise_swallowed()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        room = formatter.width - 6 - max(map(len, COMMANDS))  # as click's own list of commands has it
        listed = [(name, click.Command(name, help=line)) for name, line in COMMANDS.items()]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(room)) for name, command in listed])

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
        if code != EXIT_INTERRUPTED:
            interruption.raise_swallowed()
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
