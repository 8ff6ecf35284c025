"""`contextgen schema`: the JSON Schemas of scene files and of training runs, for editors and other tools."""

from __future__ import annotations

import click

from contextgen_cli.commands.shared.options import verb
from contextgen_cli.errors import EXIT_DONE
from contextgen_cli.resources import resource
from contextgen_cli.terminal import console


@verb(
    examples="""
contextgen schema > scene.schema.json
contextgen schema train | less
"""
)
@click.argument("name", type=click.Choice(["scene", "train"]), default="scene", metavar="[scene|train]")
def command(name: str) -> int:
    """Print the JSON Schema of scene files, or of training runs.

    Point an editor that runs yaml-language-server at it, and it completes and explains every key: put
    `# yaml-language-server: $schema=scene.schema.json` on a scene's first line.
    """
    console.emit(resource(f"schemas/{name}.schema.json").read_text("utf-8").rstrip("\n"))
    return EXIT_DONE
