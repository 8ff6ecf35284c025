"""The only module that prints: data goes to standard output, words to a person to standard error."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from contextgen_cli.errors import EXIT_BUG, ContextgenError
from contextgen_cli.scene.check.problems import STEERING, printable
from contextgen_cli.terminal import interruption, streams, table_layout
from contextgen_cli.terminal.wrapping import folded

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.text import Text

    from contextgen_cli.scene.check.problems import Problem


@dataclass(frozen=True)
class ConsoleSettings:
    """What `-q`, `-v` and `--color` ask for: verbosity -1 (warnings and errors only), 0, 1 or 2."""

    color: str = "auto"
    verbosity: int = 0


@dataclass(frozen=True)
class RankConsole:
    """Sets up the console of a rank's process, whose words go where the command's go."""

    verbosity: int

    def __call__(self) -> None:
        configure(verbosity=self.verbosity)
        adopt_logging()


_OURS = ("contextgen", "contextgen_cli")  # whose words are meant for the user
# CLIP reads only the beginning of a prompt and T5 all of it: said with every picture, of nothing that is wrong
_EXPECTED = (
    "Token indices sequence length is longer",
    "The following part of your input was truncated because CLIP",
)
_UNSAFE_IN_JSON = re.compile(f"[{STEERING}]")  # which it takes as they are
_settings = ConsoleSettings()
_live: Live | None = None


def configure(*, color: str = "auto", verbosity: int = 0) -> None:
    """Set up the console for one command."""
    global _settings
    _settings = ConsoleSettings(color, verbosity)


def configure_further(*, color: str, verbosity: int) -> None:
    """Add to the settings what stands behind a command's name to what stood before it: who is quiet once, is quiet."""
    before = _settings
    loudness = -1 if min(verbosity, before.verbosity) < 0 else verbosity + before.verbosity
    configure(color=before.color if color == "auto" else color, verbosity=loudness)


def verbosity() -> int:
    return _settings.verbosity


# Data, on standard output


def emit(text: str) -> None:
    """Write one piece of data and a line end: as it is, but on a terminal, which no file's name may steer."""
    if sys.stdout.isatty():
        text = legible(text)
        if _live is not None:
            _live.console.print(text, soft_wrap=True)  # above the moving display, not through it
            return
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def emit_text(text: str) -> None:
    """Write data meant for people: folded between words on a terminal, as it is elsewhere."""
    _print(_console(), legible(text), sys.stdout)


def emit_json(record: Mapping[str, Any]) -> None:
    """Write one JSON object on one line."""
    emit(_as_json(record))


def emit_bytes(data: bytes) -> None:
    """Write raw bytes, such as a picture."""
    with streams.writing_data():  # beneath the text stream, which would tell by itself
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def emit_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, yielding: Sequence[str] = ()) -> None:
    """Write rows in aligned columns: folded into a terminal's width, never cut off elsewhere.

    The `yielding` columns fold first. Where a terminal is too narrow for whole words, each row stands by itself.
    """
    from rich.table import Table

    cells = [[significant(cell) if isinstance(cell, float) else printable(str(cell)) for cell in row] for row in rows]
    room = _console().width if sys.stdout.isatty() else sys.maxsize
    widths = table_layout.widths(columns, cells, yielding, room)
    if widths is None:
        for row in cells:
            emit_text(table_layout.stacked(columns, row, room))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, (column, width) in enumerate(zip(columns, widths, strict=True)):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold", width=width)
    for row in cells:
        table.add_row(*row)
    emit_rich(table)


def significant(value: float) -> str:
    """Three digits of a number, for people."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def emit_rich(renderable: RenderableType) -> None:
    """Write a rich renderable as data."""
    console = _console()
    if not sys.stdout.isatty():
        console.width = console.measure(renderable, options=_unbounded(console)).maximum
    console.print(renderable, crop=False, soft_wrap=False)


# Words to a person, on standard error


def show(renderable: RenderableType) -> None:
    """Draw something worth seeing; silent under `-q`."""
    if _settings.verbosity >= 0:
        _console(stderr=True).print(renderable)


def note(text: str) -> None:
    """Something worth knowing; silent under `-q`."""
    if _settings.verbosity >= 0:
        _say(text)


def note_json(record: Mapping[str, Any]) -> None:
    """An event for a program that watches standard error."""
    sys.stderr.write(f"{_as_json(record)}\n")
    sys.stderr.flush()


def detail(text: str) -> None:
    """Something only `-v` shows."""
    if _settings.verbosity >= 1:
        _say(text, style="dim")


def warn(text: str) -> None:
    _say(text, label="warning", style="yellow")


def error(problem: ContextgenError, *, about: str = "") -> None:
    """An error and what to do about it; `about` names what it befell, where that is less than the command."""
    _say(f"{about}: {problem.message}" if about else problem.message, label="error", style="red")
    if problem.hint:
        _say(f"  hint: {problem.hint}", style="cyan")


def problems(found: Sequence[Problem]) -> None:
    """The problems of scene files, each with its place, source line and caret."""
    from rich.text import Text

    from contextgen_cli.scene.check.problems import as_text

    stderr = _console(stderr=True)
    for problem in found:
        text = Text(as_text(problem))
        text.highlight_regex(r"(?<=: )error(?=:)", "bold red")
        text.highlight_regex(r"(?<=: )warning(?=:)", "bold yellow")
        _print(stderr, text, sys.stderr)


def bug(exc: BaseException) -> int:
    """Report an error nobody foresaw, keep its traceback in a log file, and return the exit code for it."""
    return report_bug("".join(traceback.format_exception_only(exc)).strip(), "".join(traceback.format_exception(exc)))


def report_bug(summary: str, trace: str, *, about: str = "") -> int:
    """The same for one that happened in another process."""
    told = f"{about}: {summary}" if about else summary
    _say(f"{told}\n  This is a bug in contextgen.", label="internal error", style="red")
    try:
        log = _write_log(trace)
    except OSError:
        sys.stderr.write(trace)  # no disk to write to: the terminal is the log
        return EXIT_BUG
    _say(f"  Please report it with the log {log}", style="cyan")
    return EXIT_BUG


def adopt_logging() -> None:
    """Show what we log under `-v`, what libraries log and warn of under `-vv`; what we warn of, always."""
    logging.captureWarnings(True)
    theirs = logging.INFO if _settings.verbosity >= 2 else logging.CRITICAL
    logging.basicConfig(handlers=[_Details()], level=theirs, force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO if _settings.verbosity >= 1 else logging.WARNING)


class _Details(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.name.split(".")[0] in _OURS:
            (warn if record.levelno >= logging.WARNING else detail)(message)
        elif not message.startswith(_EXPECTED):
            detail(f"{record.name}: {message}")


# Displays


def size() -> tuple[int, int]:
    """Columns and rows of the terminal that standard output is; 80 x 25 where it is none."""
    measured = _console().size
    return measured.width, measured.height


def has_colours() -> bool:
    """Whether standard output shows colours."""
    console = _console()
    return console.color_system is not None and not console.no_color


def shows_pictures() -> bool:
    """Whether standard error is a terminal with colours enough for a picture in block characters."""
    console = _console(stderr=True)
    return sys.stderr.isatty() and console.color_system in ("256", "truecolor") and not console.no_color


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def animated() -> bool:
    """Whether standard error is a terminal that can redraw a line."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


@contextlib.contextmanager
def live(renderable: RenderableType) -> Iterator[Live]:
    """Keep `renderable` at the foot of the terminal, redrawn ten times a second, until the block ends."""
    global _live
    from rich.live import Live

    display = Live(
        renderable,
        console=_console(stderr=True),
        refresh_per_second=10,
        transient=True,
        redirect_stdout=False,  # data must reach standard output even while the display moves
    )
    with interruption.unechoed(sys.stderr), display:
        _live = display
        try:
            yield display
        finally:
            _live = None


def _say(text: str, *, label: str = "", style: str | None = None) -> None:
    from rich.text import Text

    text = legible(text)
    console = _live.console if _live is not None else _console(stderr=True)
    line = Text.assemble((f"{label}: ", f"bold {style}"), text) if label else Text(text, style=style or "")
    _print(console, line, sys.stderr)


def _print(console: Console, text: str | Text, stream: TextIO) -> None:
    """Print words, folded between them on a terminal only: elsewhere a line is a line, and a path can be copied."""
    from rich.text import Text

    words = text if isinstance(text, Text) else Text(text)
    for line in folded(words, console.width) if stream.isatty() else [words]:
        console.print(line, soft_wrap=True)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    if _settings.color == "always":
        return Console(stderr=stderr, force_terminal=True, no_color=False, color_system="standard", **plain)
    if _settings.color == "never":
        return Console(stderr=stderr, color_system=None, **plain)
    return Console(stderr=stderr, **plain)


def legible(text: str) -> str:
    """Words of several lines, in which nothing else can steer the terminal: whoever wrote a file may have tried."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _as_json(record: Mapping[str, Any]) -> str:
    """One line of UTF-8; control characters that JSON takes as they are, and bytes of files' names, are spelled out."""
    written = json.dumps(record, ensure_ascii=False)
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", written)


def _unbounded(console: Console) -> Any:
    return console.options.update(max_width=10_000)


def _write_log(text: str) -> Path:
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "contextgen"
    try:
        state.mkdir(parents=True, exist_ok=True)
        folder = state
    except OSError:
        folder = Path(tempfile.gettempdir())
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=folder, prefix="contextgen-bug-", suffix=".log", delete=False
    ) as log:
        log.write(text)
    return Path(log.name)
