"""`contextgen replay`: pictures rendered again from what they remember, and held against what they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from contextgen_cli.app.comparison import Comparison, Verdict
from contextgen_cli.app.replay import Replayed, ReplayRun
from contextgen_cli.commands.shared import options
from contextgen_cli.commands.shared.adapter_option import adapter_option
from contextgen_cli.commands.shared.namesakes import tell_namesake
from contextgen_cli.commands.shared.options import MODEL, PICTURES, gather, option
from contextgen_cli.commands.shared.picture_arguments import expanded, picture_arguments
from contextgen_cli.commands.shared.run_output import RunOutput, tell_failure
from contextgen_cli.errors import EXIT_DONE, EXIT_JOBS_FAILED, ContextgenError
from contextgen_cli.models.numerics import MEMORY_PRESETS, AdapterChoice, Settings
from contextgen_cli.records.inputs import finder
from contextgen_cli.records.output import Destination
from contextgen_cli.terminal import console, interruption
from contextgen_cli.terminal.sink import Output


@dataclass(frozen=True)
class Weighing:
    """Where the model is, and where it computes; all else is in the record."""

    model: str | None
    adapters: tuple[AdapterChoice, ...] | None
    device: str | None
    memory: str
    threads: int | None
    offline: bool

    def settings(self) -> Settings:
        """The same as rendering takes it."""
        return Settings(self.model, self.adapters, self.device, self.memory, threads=self.threads, offline=self.offline)


weighing_options = gather(
    Weighing,
    "weighing",
    option("--model", metavar="NAME", section=MODEL, help="The model, where the picture's has no alias or moved."),
    adapter_option(
        "The adapters that painted the picture, in order, where one is not its model's own; scales are as then."
    ),
    option("--device", metavar="NAME", section=MODEL, help="Where to compute; by default the fastest there is."),
    option(
        "--memory",
        type=click.Choice(MEMORY_PRESETS),
        default=Settings().memory,
        section=MODEL,
        help="How much of the model stays on the device.",
    ),
    options.threads_option,
    options.offline_option,
)


@options.verb(
    examples="""
contextgen replay pictures/picnic-7.png
contextgen replay old --inputs scenes -o again
contextgen replay old.png --model ./my-model --json
"""
)
@picture_arguments
@option(
    "-o",
    "--output",
    default="replays",
    show_default=True,
    metavar="PATH",
    section=PICTURES,
    help="A folder, or a .png file for one picture.",
)
@options.inputs_option
@weighing_options
@options.sink_option
@options.progress_option
@options.console_options
def command(
    pictures: tuple[Path, ...], output: str, inputs: tuple[Path, ...], weighing: Weighing, sink: Output, progress: str
) -> int:
    """Render pictures again from what they remember, and say whether they came out the same.

    PICTURE is a file, or a folder, for all pictures in it that remember a scene. References are found by content:
    where the record has them, seen from the picture, from here or from a folder below, and anywhere in --inputs. A
    model or a reference that is not the one of then is refused. Exit code 1 says that pixels differ. With the same
    versions bytes are the same too; a record names the versions, so that others give other bytes even for the same
    pixels.
    """
    console.adopt_logging()
    tell_namesake(weighing.model)
    asked = expanded(pictures)
    with ReplayOutput(sink, progress) as listener:
        run = ReplayRun(weighing.settings(), listener)
        # 1. Read every record, find its files and its model: nothing loads while one is missing.
        problems = run.plan(asked, finder([picture.parent for picture in asked], inputs))
        if problems:
            return refuse(problems, sink)
        # 2. Refuse to write over the originals, or nowhere.
        run.prepare(Destination.parse(output))
        # 3. Paint, and compare.
        with interruption.noted(run.cancel):
            code = run.paint()
        return sum_up(listener.verdicts, len(asked), code, sink)


class ReplayOutput(RunOutput):
    """Tells how each picture came out, and counts."""

    def __init__(self, sink: Output, mode: str) -> None:
        super().__init__(sink, mode)
        self.verdicts: Counter[Verdict] = Counter()

    def replayed(self, replayed: Replayed) -> None:
        self.verdicts[replayed.verdict] += 1
        reason, compared, picture = replayed.outcome.reason, replayed.comparison, replayed.replay.picture
        if compared is None and reason is not None:
            tell_failure(replayed.outcome, reason)
        for change in replayed.changed:
            console.note(f"{picture}: {change}")
        words = None if compared is None else f"{picture}: {_in_words(compared)} ({replayed.outcome.path})"
        self.sink.item(_as_record(replayed), text=words, folded=True)


def refuse(problems: Sequence[ContextgenError], sink: Output) -> int:
    """Say all that keeps pictures from being replayed, and return the exit code."""
    for problem in problems:
        console.error(problem)
    console.note("nothing was rendered")
    return sink.summary({"errors": len(problems)}, exit_code=max(problem.exit_code for problem in problems))


def sum_up(verdicts: Counter[Verdict], pictures: int, code: int, sink: Output) -> int:
    """Write how many came out the same, and return the exit code."""
    if code == EXIT_DONE and (verdicts[Verdict.DIFFERENT] or verdicts[Verdict.FAILED]):
        code = EXIT_JOBS_FAILED
    counts = {verdict.value: verdicts[verdict] for verdict in Verdict}
    parts = [f"{count} {verdict.replace('_', ' ')}" for verdict, count in counts.items() if count]
    undone = pictures - sum(counts.values())
    parts += [f"{undone} left undone"] * bool(undone)
    return sink.summary({"pictures": pictures, **counts}, text=", ".join(parts), exit_code=code)


def _in_words(compared: Comparison) -> str:
    if compared.same_bytes:
        return "the same bytes"
    if compared.same_pixels:
        return "the same pixels, other bytes"
    if compared.problem is not None:
        return f"different: one of the two cannot be read ({compared.problem})"
    if compared.largest is None:
        return "different: another size"
    return f"different: {compared.differing:.2%} of the pixels, by {compared.largest} of 255 at most"


def _as_record(replayed: Replayed) -> Mapping[str, object]:
    outcome, compared = replayed.outcome, replayed.comparison
    return {
        "type": "replay",
        "picture": str(replayed.replay.picture),
        "path": None if outcome.path is None else str(outcome.path),
        "job": outcome.job.id,
        "same_bytes": compared is not None and compared.same_bytes,
        "same_pixels": compared is not None and compared.same_pixels,
        "differing": None if compared is None else compared.differing,
        "largest": None if compared is None else compared.largest,
        "versions": list(replayed.changed),
        "seconds": round(outcome.seconds, 3),
        "error": None if outcome.reason is None else outcome.reason.to_record(),
    }
