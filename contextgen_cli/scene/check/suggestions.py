"""The word that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 200  # letters; likeness takes time in their square


def nearest(word: str, choices: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The choice closest to `word`, or None where none is close (1: the same); case counts little."""
    if len(word) > _LONGEST:
        return None
    from difflib import get_close_matches  # costs start-up time and is needed only when something is wrong

    by_lower = {choice.lower(): choice for choice in choices if len(choice) <= _LONGEST}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """A hint such as "did you mean `prompt`?", or None."""
    found = nearest(word, choices)
    return f"did you mean `{found}`?" if found else None
