"""The schemas and example scenes that travel with the package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """The path of a shipped file or folder, such as `schemas/scene.schema.json`: in the wheel or in a checkout."""
    installed = _PACKAGE / name
    return installed if installed.exists() else _PACKAGE.parent / name
