"""`contextgen models`: the models that have a name, with their sizes and licences."""

from __future__ import annotations

from dataclasses import asdict

from contextgen_cli import console, rendering
from contextgen_cli.commands import options
from contextgen_cli.devices import gigabytes
from contextgen_cli.errors import EXIT_DONE


@options.verb(
    examples="""
contextgen models
contextgen models --json
"""
)
@options.json_option
@options.console_options
def command(as_json: bool) -> int:
    """List the models that have a name: what each is, its size, its licences, and whether it is here.

    The licences of the code, the base model and the adapter are three, and each binds its own part. Any other
    model can be given to render by its folder or hub id.
    """
    known = rendering.known_models()
    for model in known:
        if as_json:
            console.emit_json({"type": "model", **asdict(model), "in_cache": model.missing is None})
            continue
        console.emit_text(f"{model.name}: {model.description}")
        console.emit_text(f"  size: {gigabytes(model.size)} with its adapter")
        for part, licence in model.licences.items():
            console.emit_text(f"  licence of the {part}: {licence}")
        if model.needs_adapter:
            console.emit_text("  needs --adapter")
        console.emit_text(f"  here: {'yes' if model.missing is None else f'no, {model.missing}'}")
    if as_json:
        console.emit_json({"type": "summary", "models": len(known), "exit": EXIT_DONE})
    return EXIT_DONE
