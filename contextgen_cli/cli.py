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
    "init": "Write a file to begin with: a starter scene, one of your own pictures, or a small training run.",
    "validate": "Check scene files, and tell what is wrong in all of them.",
    "compose": "Compose layout images: what the model is given to paint from.",
    "render": "Render scenes: one picture for each scene and seed.",
    "train": "Train a model, or an adapter, as CONFIG says.",
    "data": "Make, fetch and check training sets.",
    "bench": "Measure how good a model is.",
    "inspect": "Show what a picture remembers: its scene, seed, model, versions and inputs.",
    "replay": "Render pictures again from what they remember, and say whether they came out the same.",
    "clean": "List the outdated pictures that OUT, a folder that render wrote to, keeps; with --yes, remove them.",
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

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            words = f"{error.message} Options stand behind the command, as in `contextgen render SCENE --steps 8`."
            raise click.UsageError(words, ctx) from None

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
        with formatter.section("Commands"):  # whole sentences, which click cuts short
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        args = _spelled_as_options(args)
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from contextgen_cli.commands.shared.other_words import about_command

            near = nearest(args[0], COMMANDS)
            said = about_command(args[0]) or (f"Did you mean '{near}'?" if near else None)
            if said is None:
                raise
            raise click.UsageError(f"{error.message} {said}", ctx) from None


def _spelled_as_options(args: list[str]) -> list[str]:
    """`help render` and `version`, as other tools have them, are `render --help` and `--version` here."""
    match args:
        case ["help", *command]:
            return [*command, "--help"]
        case ["version"]:
            return ["--version"]
    return args


@click.group(cls=LazyGroup, context_settings=HELP, epilog=EXAMPLES)
@click.version_option(__version__, prog_name="contextgen")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and errors.")
@click.option("-v", "--verbose", count=True, help="More detail; -vv also that of libraries.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour messages.")
def cli(quiet: bool, verbose: int, color: str) -> None:
    """Paint pictures from scene files: your subjects, in your boxes, with their identities kept."""
    console.configure(color=color, verbosity=-1 if quiet else verbose)


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
