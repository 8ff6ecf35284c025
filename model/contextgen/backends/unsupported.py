"""What a machine cannot do, and what a model cannot be asked for."""

from __future__ import annotations


class Unsupported(RuntimeError):
    """A package or a kind of hardware that was asked for is not here. `hint` says what to do about it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class NotOffered(Unsupported):
    """Choices that exclude each other, or that this model does not have."""
