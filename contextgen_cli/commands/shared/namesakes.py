"""A folder here that has the name of a model: whoever has both in mind is told which is taken."""

from __future__ import annotations

from contextgen_cli.models import catalogue
from contextgen_cli.terminal import console


def tell_namesake(model: str | None) -> None:
    """Say so where an alias was given, and there is a folder of its name too."""
    if model is not None and catalogue.has_namesake(model):
        console.warn(f"--model {model} is the model of that alias; the folder of its name here is ./{model}")
