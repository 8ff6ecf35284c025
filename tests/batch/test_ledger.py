"""The ledger on disk: what is read back, what a torn line does, and several processes appending at once."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest
from waiting import DEADLINE, wait_until

from contextgen_cli.batch.ledger import LEDGER, Attempt, Reason, append, lock_warning, locked, read
from contextgen_cli.errors import OutputError

RENDERED = Attempt("a" * 64, "picnic", 7, "rendered", "picnic-7.png", 2.0, 1 << 20, "host", 1, "2026-01-01T00:00:00Z",
                   tflop=3.0)  # fmt: skip
FAILED = Attempt("b" * 64, "bögen", 0, "failed", error=Reason("JobError", "no\nroom", "make it"))
CRASHED = Attempt("c" * 64, "bomb", 0, "crashed", error=Reason("Crash", "killed by SIGSEGV"))


def test_what_is_written_is_read(tmp_path):
    append(tmp_path, [RENDERED])
    append(tmp_path, [FAILED, CRASHED])
    ledger = read(tmp_path)
    assert (ledger.attempts, ledger.warnings) == ((RENDERED, FAILED, CRASHED), ())
    first = json.loads((tmp_path / LEDGER).read_text("utf-8").splitlines()[0])
    assert list(first) == [
        "version", "job", "scene", "seed", "outcome", "file", "seconds", "peak_bytes", "host", "rank", "at", "error",
        "tflop", "source",
    ]  # fmt: skip


def test_no_folder_has_no_attempts(tmp_path):
    assert read(tmp_path / "nowhere").attempts == ()


@pytest.mark.parametrize("torn", [b'{"version": 1, "jo', b"[]", b"7", b'{"error": null}', b"\xff\xfe", b"null"])
def test_a_torn_line_is_skipped_and_named(tmp_path, torn):
    append(tmp_path, [RENDERED])
    with (tmp_path / LEDGER).open("ab") as file:
        file.write(torn)
    assert read(tmp_path).attempts == (RENDERED,)
    append(tmp_path, [FAILED])
    ledger = read(tmp_path)
    assert ledger.attempts == (RENDERED, FAILED)
    assert ledger.warnings == (f"{tmp_path / LEDGER}:2: no whole line: skipped",)


def test_every_cut_of_the_last_line_loses_that_line_only(tmp_path):
    append(tmp_path, [RENDERED, FAILED])
    whole = (tmp_path / LEDGER).read_bytes()
    for end in range(len(RENDERED.to_line()), len(whole)):
        (tmp_path / LEDGER).write_bytes(whole[:end])
        append(tmp_path, [CRASHED])
        found = read(tmp_path).attempts
        assert found in ((RENDERED, CRASHED), (RENDERED, FAILED, CRASHED))  # the line end alone may be missing


def test_the_latest_attempt_counts(tmp_path):
    again = Attempt(CRASHED.job, "bomb", 0, "rendered", "bomb-0.png")
    append(tmp_path, [CRASHED, CRASHED, RENDERED, RENDERED])
    assert read(tmp_path).crashes == {CRASHED.job: 2}
    append(tmp_path, [again])
    ledger = read(tmp_path)
    assert (ledger.latest[CRASHED.job], ledger.crashes) == (again, {})
    assert ledger.pace == 1.5


APPENDING = """
import sys
from pathlib import Path
from contextgen_cli.batch.ledger import Attempt, append
for seed in range(200):
    append(Path(sys.argv[1]), [Attempt("j" * 64, sys.argv[2] * 50, seed, "rendered")])
"""


def test_several_processes_lose_no_line(tmp_path):
    names = "wxyz"
    running = [subprocess.Popen([sys.executable, "-c", APPENDING, str(tmp_path), name]) for name in names]
    assert [process.wait(timeout=DEADLINE) for process in running] == [0] * len(names)
    ledger = read(tmp_path)
    assert ledger.warnings == ()
    assert sorted((attempt.scene[0], attempt.seed) for attempt in ledger.attempts) == [
        (name, seed) for name in names for seed in range(200)
    ]


def test_a_line_is_on_the_disk_when_it_is_added(tmp_path, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    for attempt in (RENDERED, FAILED):
        append(tmp_path, [attempt])
        assert synced[-1] == (tmp_path / LEDGER).stat().st_size
    assert len(synced) == 2


LOCKING = """
import fcntl, sys
with open(sys.argv[1], "ab") as ledger:
    try:
        fcntl.lockf(ledger, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(7)
"""


@pytest.mark.skipif(os.name == "nt", reason="has no such locks")
def test_it_is_locked_against_other_processes_and_let_go_again(tmp_path):
    def code() -> int:
        return subprocess.run([sys.executable, "-c", LOCKING, str(tmp_path / LEDGER)], check=False).returncode

    with locked(tmp_path):
        assert code() == 7
    assert code() == 0


def test_threads_of_one_process_are_kept_apart_too(tmp_path):
    """The system's lock is the process's, and is let go when any of its threads closes the file."""
    order: list[str] = []

    def second() -> None:
        order.append("waits")
        with locked(tmp_path):
            order.append("second")

    with locked(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        wait_until(lambda: order, "the thread")
        thread.join(0.2)
        order.append("first is done")
    thread.join(DEADLINE)
    assert order == ["waits", "first is done", "second"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="permission denied"):
        append(tmp_path, [RENDERED])


def test_a_folder_that_vanished(tmp_path):
    with pytest.raises(OutputError, match=r"ledger\.jsonl"):
        append(tmp_path / "gone", [RENDERED])


def test_a_ledger_that_is_none_is_told_with_what_to_do(tmp_path):
    (tmp_path / LEDGER).mkdir()
    with pytest.raises(OutputError, match="cannot be read") as refused:
        read(tmp_path)
    assert refused.value.hint == "Move it away, or choose another folder with -o."


@pytest.mark.parametrize("target", ["gone/ledger.jsonl", "profile"])
def test_a_ledger_that_is_a_link_is_not_written_through(tmp_path, target):
    """Who can write into a shared folder must not choose which other file is written to."""
    (tmp_path / "profile").write_text("mine\n")
    (tmp_path / LEDGER).symlink_to(tmp_path / target)
    with pytest.raises(OutputError, match=r"ledger\.jsonl: cannot be written: it is a link") as refused:
        append(tmp_path, [RENDERED])
    assert refused.value.hint == "Put the file itself there, or choose another folder with -o."
    assert (tmp_path / "profile").read_text() == "mine\n"


LINE = json.loads(RENDERED.to_line())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", "1e999"),
        ("seed", "1" + "0" * 400),
        ("seed", '"7"'),
        ("seed", "true"),
        ("seed", "7.0"),
        ("seconds", "1" + "0" * 400),
        ("seconds", "NaN"),
        ("seconds", "-1"),
        ("peak_bytes", "1e999"),
        ("rank", "null"),
        ("scene", "[" * 100_000),
        ("scene", json.dumps("x" * 5000)),
        ("file", json.dumps("x" * 5000)),
        ("file", "7"),
        ("job", '{"a": []}'),
        ("outcome", "[]"),
        ("error", "[]"),
        ("error", '{"class": 7, "message": "", "hint": null}'),
        ("host", '"\\ud800"'),
        ("tflop", "1e999"),
        ("version", '1, "version": 1'),
    ],
    ids=lambda value: value[:20],
)
def test_a_line_that_no_run_writes_is_skipped_as_a_torn_one_is(tmp_path, key, value):
    append(tmp_path, [RENDERED])
    fields = ", ".join(f"{json.dumps(name)}: {value if name == key else json.dumps(LINE[name])}" for name in LINE)
    with (tmp_path / LEDGER).open("a", encoding="utf-8") as file:
        file.write("{" + fields + "}\n")
    append(tmp_path, [FAILED])
    ledger = read(tmp_path)
    assert ledger.attempts == (RENDERED, FAILED)
    assert ledger.warnings == (f"{tmp_path / LEDGER}:2: no whole line: skipped",)


def test_names_of_files_that_are_no_utf8_come_back(tmp_path):
    odd = Attempt("d" * 64, "odd", 0, "failed", error=Reason("SceneError", "caf\udce9.png: cannot be read"))
    append(tmp_path, [odd])
    assert read(tmp_path).attempts == (odd,)


def test_a_line_without_end_is_passed_over_in_pieces(tmp_path):
    append(tmp_path, [RENDERED])
    with (tmp_path / LEDGER).open("r+b") as file:
        file.truncate(300 << 20)  # of zeros, as a power cut may leave them
    append(tmp_path, [FAILED])
    tracemalloc.start()
    ledger = read(tmp_path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (ledger.attempts, len(ledger.warnings)) == ((RENDERED, FAILED), 1)
    assert most < 16 << 20


def test_of_many_bad_lines_the_first_are_named(tmp_path):
    (tmp_path / LEDGER).write_bytes(b"x\n" * 1000)
    warnings = read(tmp_path).warnings
    assert warnings[9:] == (
        f"{tmp_path / LEDGER}:10: no whole line: skipped",
        f"{tmp_path / LEDGER}: 990 more lines skipped",
    )


@pytest.mark.parametrize(("content", "said"), [(b"x\n" * 200_000, "are no attempts"), (2 << 30, "larger than 1024")])
def test_a_file_that_is_no_ledger_is_not_read_to_its_end(tmp_path, content, said):
    with (tmp_path / LEDGER).open("wb") as file:
        file.truncate(content) if isinstance(content, int) else file.write(content)
    with pytest.raises(OutputError, match=said):
        read(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="has neither FIFOs nor such devices")
@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_only_a_regular_file_is_read_and_written(tmp_path, kind):
    path = tmp_path / LEDGER
    os.mkfifo(path) if kind == "fifo" else path.symlink_to("/dev/zero")
    with pytest.raises(OutputError, match="cannot be read: not a regular file"):
        read(tmp_path)
    with pytest.raises(OutputError, match="cannot be written"):
        append(tmp_path, [RENDERED])


@pytest.fixture
def without_locks(monkeypatch):
    """A file system as some of clusters and of containers are."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)


def test_without_locks_lines_are_added_all_the_same(tmp_path, without_locks):
    append(tmp_path, [RENDERED])
    append(tmp_path, [FAILED])
    assert read(tmp_path).attempts == (RENDERED, FAILED)
    assert "its file system has no locks" in (lock_warning(tmp_path) or "")


def test_a_lock_that_is_refused_for_another_reason_is_an_error(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with pytest.raises(OutputError, match="Input/output error"):
        append(tmp_path, [RENDERED])


def test_where_there_are_locks_nothing_is_said(tmp_path):
    assert lock_warning(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
