"""What an output folder holds: every picture in it and every attempt of its ledger, joined by job."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from contextgen_cli.batch.ledger import RENDERED, Attempt, Ledger
from contextgen_cli.errors import UsageError
from contextgen_cli.models.numerics import DTYPES
from contextgen_cli.records.outdated import is_set_aside, outdated_pictures
from contextgen_cli.records.output import is_companion
from contextgen_cli.records.record import PictureRecord, parse_record
from contextgen_cli.report.thumbnails import NOT_SEEN, OpenedPicture, look, on_all_cores

MISSING, DAMAGED, UNRECORDED, OUTDATED = (
    "missing",
    "damaged",
    "unrecorded",
    "outdated",
)  # outcomes that are not the run's
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Entry:
    """One job of a folder, or a picture of no known job.

    Attributes:
        path: the picture, if there is one.
        attempt: the last attempt at the job, if the ledger has any; `attempts`: how many there were.
        record_problem: why there is no record of the picture, where one is needed to say what it is.
    """

    name: str
    scene: str
    seed: int | None
    outcome: str
    path: Path | None = None
    seen: OpenedPicture = NOT_SEEN
    record: PictureRecord | None = None
    attempt: Attempt | None = None
    attempts: int = 0
    record_problem: str | None = None

    @property
    def has_picture(self) -> bool:
        return self.seen.thumbnail is not None


def pictures(folder: Path, ledger: Ledger) -> list[Path]:
    """The picture files of a folder, with those that its ledger names below it, and those that were set aside."""
    named = [path for attempt in ledger.attempts if (path := _file_of(folder, attempt)) and _is_file(path)]
    aside = [each.path for each in outdated_pictures(folder)]
    return sorted({*pictures_inside(folder), *aside, *(path for path in named if not is_companion(path))})


def pictures_inside(folder: Path) -> list[Path]:
    """The picture files in a folder itself, without layouts and inputs that were kept beside them."""
    inside = (path for path in folder.glob("*.png") if not path.name.startswith("."))
    return sorted(path for path in inside if not is_companion(path))


def gather(folder: Path, ledger: Ledger, side: int, leave_out: Sequence[Path] = ()) -> list[Entry]:
    """Everything there is to show, scene by scene and seed by seed."""
    paths = [path for path in pictures(folder, ledger) if path not in leave_out]
    looked = zip(paths, on_all_cores(lambda path: look(path, side), paths), strict=True)
    seen = {path: each for path, each in looked if not each.is_sheet}
    entries = [*_of_the_ledger(folder, ledger, seen)]
    shown = {entry.path for entry in entries}
    entries += [_of_a_picture(path, each) for path, each in seen.items() if path not in shown]
    return sorted(entries, key=_order)


def _of_the_ledger(folder: Path, ledger: Ledger, seen: Mapping[Path, OpenedPicture]) -> Iterator[Entry]:
    counts = Counter(attempt.job for attempt in ledger.attempts)
    files: dict[str, Path] = {}
    for path, each in seen.items():
        if each.record is not None and isinstance(job := each.record.get("job"), str):
            files.setdefault(job, path)
    for attempt in ledger.attempts:  # the last one that left a picture
        named = _file_of(folder, attempt)
        if named is not None and named in seen and _may_be(seen[named], attempt.job):
            files[attempt.job] = named
    replaced = _replaced(ledger)
    for job, last in ledger.latest.items():
        entry = _of_a_job(last, counts[job], files.get(job), seen)
        if entry.path is None and job in replaced:
            entry = replace(entry, outcome=OUTDATED)
        if entry.path is not None or last.error is not None or job not in replaced:
            yield entry


def _replaced(ledger: Ledger) -> set[str]:
    """The jobs whose scene was another when it was tried again, or whose picture's name another job's has now."""
    of_the_scene = {(each.source, each.scene, each.seed): each.job for each in ledger.attempts}
    at_the_name = {each.file: each.job for each in ledger.attempts}
    return {
        each.job
        for each in ledger.latest.values()
        if (each.source and of_the_scene[each.source, each.scene, each.seed] != each.job)
        or (each.file and at_the_name[each.file] != each.job)
    }


def _of_a_job(last: Attempt, attempts: int, path: Path | None, seen: Mapping[Path, OpenedPicture]) -> Entry:
    each = NOT_SEEN if path is None else seen[path]
    record, record_problem = _record_of(path, each)
    outcome = last.outcome
    if outcome == RENDERED:
        outcome = MISSING if path is None else _outcome(path, each, record_problem)
    return Entry(last.name, last.scene, last.seed, outcome, path, each, record, last, attempts, record_problem)


def _of_a_picture(path: Path, seen: OpenedPicture) -> Entry:
    record, record_problem = _record_of(path, seen)
    if record is None:
        record_problem = record_problem or "it has no record"
        outcome = _outcome(path, seen, record_problem)
        return Entry(path.stem, path.stem, None, outcome, path, seen, record_problem=record_problem)
    scene, seed = record.scene.name, record.seed
    return Entry(path.stem, scene, seed, _outcome(path, seen), path, seen, record)


def _outcome(path: Path, seen: OpenedPicture, record_problem: str | None = None) -> str:
    """What a picture that is there came to."""
    if seen.problem:
        return DAMAGED
    if is_set_aside(path):
        return OUTDATED
    return UNRECORDED if record_problem else RENDERED


def _record_of(path: Path | None, seen: OpenedPicture) -> tuple[PictureRecord | None, str | None]:
    if path is None or seen.record is None:
        return None, seen.record_problem and f"its record cannot be read: {seen.record_problem}"
    try:
        return parse_record(seen.record, path, DTYPES), None
    except UsageError as problem:
        return None, problem.message.removeprefix(f"{path}: ")


def _may_be(seen: OpenedPicture, job: str) -> bool:
    """Whether a file can be a job's picture: it says so, or says nothing."""
    return seen.record is None or seen.record.get("job") == job


def _file_of(folder: Path, attempt: Attempt) -> Path | None:
    """The file that an attempt names, if it is below the folder."""
    if attempt.file is None or "\0" in attempt.file:
        return None
    inside = PurePosixPath(attempt.file)
    return None if inside.is_absolute() or ".." in inside.parts else folder / inside


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no file system has so long a name
        return False


def _order(entry: Entry) -> tuple[object, ...]:
    """By scene as people count (2 before 10), then by seed; behind these, pictures of which nobody knows either."""
    parts = [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(entry.scene.lower())]
    return entry.outcome == UNRECORDED, parts, entry.seed if entry.seed is not None else -1, entry.name
