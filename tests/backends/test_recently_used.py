"""A bounded cache: each value is made once, until others were used since."""

from __future__ import annotations

from contextgen.backends.recently_used import RecentlyUsed


def test_the_value_not_used_for_longest_is_forgotten() -> None:
    cache: RecentlyUsed[str] = RecentlyUsed(2)
    made: list[str] = []

    def get(key: str) -> str:
        return cache.get(key, lambda: made.append(key) or key.upper())

    assert [get(key) for key in "aba"] == list("ABA")
    assert made == ["a", "b"]
    get("c")  # b was used before a
    get("a")
    get("b")
    assert made == ["a", "b", "c", "b"]
    cache.clear()
    get("b")
    assert made[-2:] == ["b", "b"]
