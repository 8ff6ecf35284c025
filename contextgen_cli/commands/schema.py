"""`contextgen schema`: the JSON Schemas of scene files, training runs and lines, for editors and other tools."""

from __future__ import annotations

import click

from contextgen_cli.commands.shared.options import verb
from contextgen_cli.errors import EXIT_DONE
from contextgen_cli.resources import resource
from contextgen_cli.terminal import console

NAMES = ("scene", "train", "events")


@verb(
    examples="""
contextgen schema > scene.schema.json
contextgen schema train | less
contextgen schema events > events.schema.json
"""
)
@click.argument("name", type=click.Choice(NAMES), default="scene", metavar=f"[{'|'.join(NAMES)}]")
def command(name: str) -> int:
    """Print the JSON Schema of scene files, of training runs, or of the lines for programs.

    Point an editor that runs yaml-language-server at it, and it completes and explains every key: put
    `# yaml-language-server: $schema=scene.schema.json` on a scene's first line. `events` has every line that a
    command writes with --json or --progress json.
    """
    console.emit(resource(f"schemas/{name}.schema.json").read_text("utf-8").rstrip("\n"))
    return EXIT_DONE
