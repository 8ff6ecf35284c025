"""What became of every attempt, on disk: `ledger.jsonl` in the output folder, one JSON line an attempt.

One file, appended to under a lock, rather than one a rank merged on read: it is what people `tail`, `grep` and copy,
a hundred array tasks do not leave a hundred files, and an order is in it. A POSIX lock holds across the hosts of a
shared file system (NFS included, where O_APPEND alone does not), is let go when its process dies, and costs nothing
beside a picture. A line is one write, so that a kill leaves at most its beginning; the next append ends such a torn
line, and reading skips it with a warning that names it. A line that is there twice does no harm: the latest counts.

The ledger is a memory, never the proof: a job is done where its whole picture is (`contextgen_cli.records.output`).
"""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from contextgen_cli.errors import ContextgenError, OutputError
from contextgen_cli.records.foreign_json import parse
from contextgen_cli.records.json_fields import Fields
from contextgen_cli.records.places import without_places
from contextgen_cli.records.regular_files import open_regular, refuse_irregular
from contextgen_cli.records.unwritable import NO_LINK, unwritable
from contextgen_cli.scene.limits import LARGEST_SEED

LEDGER = "ledger.jsonl"
FORMAT_VERSION = 1
RENDERED, FAILED, CRASHED = OUTCOMES = ("rendered", "failed", "crashed")
_LONGEST_LINE = 1 << 20  # bytes; ours have some hundreds
_LONGEST_NAME = 255  # characters, as file systems allow
_LONGEST_MESSAGE = 1 << 14  # characters
_LARGEST = 1 << 30  # bytes of a ledger: more than two million attempts
_MOST_NAMED, _MOST_SKIPPED = 10, 100_000  # lines that are no attempts: told one by one, passed over
_FOREVER = 1e9  # seconds
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)
_within_process = threading.Lock()  # a POSIX lock is the process's: its threads are not kept apart by it


# Every scene was checked when the plan was made: what is wrong with one now, its files' owners did in the meantime.
# A name is taken by another process, which will have ended by then.
_OTHERS_DOING = ("SceneError", "ImageError", "Taken")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an attempt came to nothing."""

    kind: str  # the class of the error; `class` in the file
    message: str
    hint: str | None = None

    @property
    def blames_job(self) -> bool:
        """Whether the same job would fail again: not where its files, or others of its name, changed meanwhile."""
        return self.kind not in _OTHERS_DOING

    @classmethod
    def of(cls, error: BaseException) -> Reason:
        if isinstance(error, ContextgenError):
            return cls(type(error).__name__, error.message, error.hint)
        return cls(type(error).__name__, str(error))

    @classmethod
    def from_record(cls, record: Fields) -> Reason:
        """Raises ValueError where it is none."""
        hint = record.text("hint", _LONGEST_LINE) if record.has("hint") else None
        return cls(record.text("class", _LONGEST_NAME), record.text("message", _LONGEST_LINE), hint)

    def without_places(self, known: Mapping[Path, str]) -> Reason:
        """The same in words that tell nothing of this machine, and are not without end."""
        message, hint = (
            text and without_places(text, known)[:_LONGEST_MESSAGE] for text in (self.message, self.hint or "")
        )
        return Reason(self.kind, message, hint or None)

    def to_record(self) -> dict[str, str | None]:
        return {"class": self.kind, "message": self.message, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one job, and what became of it."""

    job: str  # the job's id
    scene: str  # its name
    seed: int
    outcome: str  # one of OUTCOMES
    file: str | None = None  # of the picture, relative to the folder
    seconds: float = 0.0
    peak_bytes: int | None = None  # device memory at its most; the process's on a CPU
    host: str = ""
    rank: int = 0
    at: str = ""  # when it ended: UTC, ISO 8601
    error: Reason | None = None
    tflop: float | None = None  # predicted; with `seconds`, the pace of this place
    source: str | None = None  # digest of where its scene file is; None: not known
    version: int = FORMAT_VERSION

    @property
    def name(self) -> str:
        return f"{self.scene}-{self.seed}"

    def to_line(self) -> bytes:
        fields = asdict(self) | {"error": None if self.error is None else self.error.to_record()}
        ordered = {"version": fields.pop("version"), **fields}
        return json.dumps(ordered, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"

    @classmethod
    def from_record(cls, record: Fields) -> Attempt:
        """Raises ValueError where it is no attempt."""
        if (outcome := record.get("outcome")) not in OUTCOMES:
            raise ValueError(f"no outcome: {outcome!r}")
        return cls(
            job=record.text("job", _LONGEST_NAME),
            scene=record.text("scene", _LONGEST_NAME),
            seed=record.whole("seed", 0, LARGEST_SEED),
            outcome=outcome,
            file=record.text("file", _LONGEST_NAME) if record.get("file") is not None else None,
            seconds=float(record.number("seconds", 0, _FOREVER)),
            peak_bytes=record.whole("peak_bytes", 0, LARGEST_SEED) if record.get("peak_bytes") is not None else None,
            host=record.text("host", _LONGEST_NAME),
            rank=record.whole("rank", 0, LARGEST_SEED),
            at=record.text("at", _LONGEST_NAME),
            error=Reason.from_record(record.object("error")) if record.get("error") is not None else None,
            tflop=float(record.number("tflop", 0, sys.float_info.max)) if record.has("tflop") else None,
            source=record.text("source", _LONGEST_NAME) if record.has("source") else None,
            version=record.whole("version", 1, LARGEST_SEED),
        )


@dataclass(frozen=True)
class Ledger:
    """All attempts of a folder, in the order in which they ended, and what could not be read of them."""

    attempts: tuple[Attempt, ...] = ()
    warnings: tuple[str, ...] = ()  # one for every line that is skipped, with file and line

    @property
    def latest(self) -> dict[str, Attempt]:
        """The last attempt at each job, by its id."""
        return {attempt.job: attempt for attempt in self.attempts}

    @property
    def crashes(self) -> dict[str, int]:
        """How often each job took its process down since an attempt at it last ended otherwise; jobs that never did
        are not in it."""
        counts: dict[str, int] = {}
        for attempt in self.attempts:
            counts[attempt.job] = counts.get(attempt.job, 0) + 1 if attempt.outcome == CRASHED else 0
        return {job: count for job, count in counts.items() if count}

    @property
    def pace(self) -> float | None:
        """TFLOP a second of the pictures rendered so far, one process's; None where none was."""
        timed = [each for each in self.attempts if each.outcome == RENDERED and each.tflop and each.seconds > 0]
        seconds = sum(each.seconds for each in timed)
        return sum(each.tflop or 0.0 for each in timed) / seconds if seconds else None


def read(folder: Path) -> Ledger:
    """The ledger of an output folder; empty where there is none.

    Raises:
        OutputError: there is one that cannot be read.
    """
    path = folder / LEDGER
    attempts: list[Attempt] = []
    skipped: list[int] = []
    try:
        for number, line in _lines(path):
            try:
                attempts.append(Attempt.from_record(Fields.of(parse(line))))
            except ValueError:
                skipped += [number] * bool(line.strip())
                if number - len(attempts) > _MOST_SKIPPED:
                    raise OSError(errno.EINVAL, f"more than {_MOST_SKIPPED} of its lines are no attempts") from None
    except OSError as problem:
        raise OutputError(
            f"{path}: cannot be read: {problem.strerror or problem}",
            hint="Move it away, or choose another folder with -o.",
        ) from problem
    warnings = [f"{path}:{number}: no whole line: skipped" for number in skipped[:_MOST_NAMED]]
    warnings += [f"{path}: {len(skipped) - _MOST_NAMED} more lines skipped"] * (len(skipped) > _MOST_NAMED)
    return Ledger(tuple(attempts), tuple(warnings))


def append(folder: Path, attempts: Iterable[Attempt]) -> None:
    """Add attempts to a folder's ledger, on the disk when this returns.

    Raises:
        OutputError: the disk is full, the folder is read-only or gone.
    """
    data = b"".join(attempt.to_line() for attempt in attempts)
    with locked(folder) as descriptor:
        _write_whole(descriptor, data if _ends_with_line(descriptor) else b"\n" + data)
        os.fsync(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Keep all others who lock a folder out of it, on every host; the open ledger is given.

    Raises:
        OutputError: the ledger cannot be written.
    """
    path = folder / LEDGER
    try:
        with _within_process, _opened(path) as descriptor:
            _lock(descriptor)
            yield descriptor
    except OSError as problem:
        raise unwritable(path, problem) from problem


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | NO_LINK, 0o666)
    try:
        refuse_irregular(descriptor, path)
        yield descriptor
    finally:
        os.close(descriptor)  # lets a lock go, too


def lock_warning(folder: Path) -> str | None:
    """What to say where the file system cannot keep others out, as in some clusters and containers; else None."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            has_locks = _lock(file.fileno())
    except OSError:
        return None  # whoever writes there will say what is wrong
    words = "its file system has no locks: where several runs write there at once, lines of the ledger may be torn"
    return None if has_locks else f"{folder}: {words}, and equal pictures painted twice; pictures are safe"


def _lock(descriptor: int) -> bool:
    """Wait until nobody else holds the lock. False: there are none; then, as on Windows, appending must do."""
    with contextlib.suppress(ImportError):
        import fcntl

        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX)
        except OSError as problem:
            if problem.errno not in NO_LOCKS:
                raise
            return False
    return True


def _ends_with_line(descriptor: int) -> bool:
    end = os.lseek(descriptor, 0, os.SEEK_END)
    if end == 0:
        return True
    os.lseek(descriptor, end - 1, os.SEEK_SET)
    return os.read(descriptor, 1) == b"\n"


def _write_whole(descriptor: int, data: bytes) -> None:
    """One write, unless the disk fills up on the way: then the next one says so."""
    while data:
        data = data[os.write(descriptor, data) :]


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers; of one that is too long its beginning, which is no line of ours.

    Raises:
        OSError: it cannot be read, is no regular file, or too large.
    """
    try:
        opened = open_regular(path, _LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return
    with io.BufferedReader(opened.detach(), _LONGEST_LINE) as file:
        for number in itertools.count(1):
            if not (line := file.readline(_LONGEST_LINE)):
                return
            yield number, line
            while line and not line.endswith(b"\n"):
                line = file.readline(_LONGEST_LINE)
