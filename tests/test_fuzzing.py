"""Whatever a file holds, a command ends with words and a code of its own: 2,000 damaged files, the same each time."""

from __future__ import annotations

import pytest
from fuzzing import KINDS, Case, emptied, whole

EACH = 500


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_refused_with_words(kind, tmp_path) -> None:
    results = (Case(kind, number).run(emptied(tmp_path)) for number in range(EACH))
    assert [(result.case, result.codes, result.said[-2000:]) for result in results if not result.is_well] == []


def test_what_they_are_damaged_from_is_whole(contextgen, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = [contextgen(*command) for command in whole(tmp_path)]
    assert [result.code for result in told] == [0] * len(told), [result.err for result in told]
