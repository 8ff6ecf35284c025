"""`--open`: shows what a command wrote, in what this machine shows it with."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from contextgen_cli.commands.shared.options import PICTURES, option
from contextgen_cli.terminal import console

open_option = option(
    "--open", "opens", is_flag=True, section=PICTURES, help="Show it when it is done, in the browser (see BROWSER)."
)


def show(path: Path) -> None:
    """Open a file or a folder; where nothing can, that is said, and is no error."""
    if not webbrowser.open(path.resolve().as_uri()):
        console.warn(f"nothing here opens {path}: set BROWSER to a program that does")
