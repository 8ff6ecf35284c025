"""Parts of a file within a message: short enough to be read."""

from __future__ import annotations


def quoted(text: str, most: int) -> str:
    """The text in quotes on one line, its middle left out where it is longer than `most` letters."""
    return f'"{shortened(" ".join(text.split()), most)}"'


def shortened(text: str, most: int) -> str:
    """The text, its middle left out where it is longer than `most` letters."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"
