"""Waiting for other processes: as long as the busiest machine may need, and a failure that says for what."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

DEADLINE = 240.0  # seconds; shorter than pytest's own timeout, which could not say what was waited for
Found = TypeVar("Found")


def wait_until(condition: Callable[[], Found], waited_for: str, deadline: float = DEADLINE) -> Found:
    """What `condition` says as soon as that is true.

    Raises:
        AssertionError: naming what was waited for, when `deadline` seconds are over.
    """
    until = time.monotonic() + deadline
    while not (found := condition()):
        if time.monotonic() > until:
            raise AssertionError(f"waited {deadline:.0f} s in vain for {waited_for}")
        time.sleep(0.01)
    return found
