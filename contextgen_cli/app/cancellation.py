"""How a run is asked to stop: after the pictures at work, or between two of their steps."""

from __future__ import annotations

from contextgen_cli.errors import Cancelled


class Cancellation:
    """Whether a run is to stop; asked for from any thread, or by a signal."""

    def __init__(self) -> None:
        self._asked = self._at_once = False  # no lock: a signal's handler must not wait for one

    def ask(self, *, at_once: bool = False) -> None:
        """Let no other picture begin; `at_once`: nor the pictures at work go on to their next step."""
        self._asked = True
        self._at_once = self._at_once or at_once

    def __call__(self) -> bool:
        """Whether no other picture is to begin.

        Raises:
            Cancelled: nor is one to be finished.
        """
        if self._at_once:
            raise Cancelled
        return self._asked
