"""What `data fetch` and `data check` say of a set: to a person in words, to a program as records."""

from __future__ import annotations

from collections.abc import Sequence

from contextgen_cli.app.imig.imig_check import SetState
from contextgen_cli.app.imig.imig_fetch import sizes
from contextgen_cli.app.imig.imig_plan import SubsetPlan
from contextgen_cli.terminal import console
from contextgen_cli.terminal.sink import Output

_MOST_NAMED = 10  # files of a kind, each in a warning
_COLUMNS = ("set", "records", "references", "files", "missing", "broken", "")


def plan(planned: SubsetPlan, sink: Output) -> None:
    """What there is of a subset, what is left to fetch, and what its source lacks."""
    files, left = len(planned.parts), len(planned.left)
    of_bytes = {"bytes": planned.size, "bytes_left": planned.size_left}
    counts = {"files": files, "files_left": left, **of_bytes, "absent": list(planned.absent)}
    sink.item({"type": "fetch", "subset": planned.name, **counts})
    if not sink.as_json:
        here = f"; {files - left} of them are here" if left < files else ""
        console.note(f"{planned.name}: {files} files, {sizes(planned.size)}{here}")
    _warn([f"{path} is not there to be fetched" for path in planned.absent], planned.name)


def states(found: Sequence[SetState], sink: Output) -> None:
    """Counts of every set, its first missing and broken files, and what training skips of it."""
    sink.table(map(_record, found), _COLUMNS, [_row(state) for state in found])
    for state in found:
        _warn([state.problem] if state.problem is not None else [], state.name)
        _warn([f"{path}: missing" for path in state.missing], state.name)
        _warn([f"{path}: broken, it ends too early" for path in state.broken], state.name)
        for reason, count in state.skipped.items():
            console.note(f"{state.name}: training skips {count:,} {reason}")


def _record(state: SetState) -> dict[str, object]:
    counts = {"records": state.records, "references": state.references, "files": state.files}
    wrong = {"missing": len(state.missing), "broken": len(state.broken), "problem": state.problem}
    return {"type": "set", "set": state.name, **counts, **wrong, "skipped": state.skipped, "whole": state.is_whole}


def _row(state: SetState) -> tuple[object, ...]:
    if state.problem is not None:
        return (state.name, "", "", "", "", "", "not usable" if state.is_here else "not here")
    counts = (state.records, state.references, state.files, len(state.missing), len(state.broken))
    return (state.name, *(f"{count:,}" for count in counts), "whole" if state.is_whole else "not whole")


def _warn(problems: Sequence[str], name: str) -> None:
    for problem in problems[:_MOST_NAMED]:
        console.warn(problem)
    if (more := len(problems) - _MOST_NAMED) > 0:
        console.warn(f"{name}: {more:,} more like these")
