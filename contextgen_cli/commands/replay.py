"""`contextgen replay`: pictures rendered again from what they remember, and held against what they were."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click

from contextgen_cli.app.replay import (
    Comparison,
    Replay,
    changes,
    compare,
    job_of,
    recall_all,
    refuse_originals,
    settings_for,
)
from contextgen_cli.batch.plan import Job, Plan, job_record
from contextgen_cli.batch.worker import JobOptions, Outcome, Overview, work
from contextgen_cli.commands.render_output import tell_failure, tell_footprints
from contextgen_cli.commands.shared import options
from contextgen_cli.commands.shared.options import MODEL, PICTURES, gather, option
from contextgen_cli.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_JOBS_FAILED,
    ContextgenError,
    EnvironmentProblem,
    UsageError,
)
from contextgen_cli.models import catalogue
from contextgen_cli.models.numerics import MEMORY_PRESETS, Settings
from contextgen_cli.models.renderer import ModelRenderer
from contextgen_cli.records.inputs import finder
from contextgen_cli.records.output import Destination
from contextgen_cli.terminal import console, interruption, progress

_SAME, _PIXELS, _DIFFERENT, _FAILED = VERDICTS = ("same_bytes", "same_pixels", "different", "failed")


@dataclass(frozen=True)
class Weighing:
    """Where the model is, and where it computes; all else is in the record."""

    model: str | None
    adapter: str | None
    device: str | None
    memory: str
    offline: bool

    def settings(self) -> Settings:
        """The same as rendering takes it."""
        return Settings(self.model, self.adapter, self.device, self.memory, offline=self.offline)


weighing_options = gather(
    Weighing,
    "weighing",
    option("--model", metavar="NAME", section=MODEL, help="The model, where the picture's has no alias or moved."),
    option("--adapter", metavar="PATH", section=MODEL, help="The adapter, if one painted the picture."),
    option("--device", metavar="NAME", section=MODEL, help="Where to compute; by default the fastest there is."),
    option(
        "--memory",
        type=click.Choice(MEMORY_PRESETS),
        default=Settings().memory,
        section=MODEL,
        help="How much of the model stays on the device.",
    ),
    options.offline_option,
)


@options.verb(
    examples="""
contextgen replay pictures/picnic-7.png
contextgen replay old/*.png --inputs scenes -o again
contextgen replay old.png --model ./my-model --json
"""
)
@click.argument("pictures", nargs=-1, required=True, metavar="PICTURE...", type=click.Path(path_type=Path))
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
@options.json_option
@options.progress_option
@options.console_options
def command(
    pictures: tuple[Path, ...], output: str, inputs: tuple[Path, ...], weighing: Weighing, as_json: bool, **shown: str
) -> int:
    """Render pictures again from what they remember, and say whether they came out the same.

    References are found by content: where the record has them, seen from the picture, from here or from a folder
    below, and anywhere in --inputs. A model or a reference that is not the one of then is refused. Exit code 1 says
    that pixels differ. With the same versions bytes are the same too; a record names the versions, so that others
    give other bytes even for the same pixels.
    """
    console.adopt_logging()
    # 1. Read every record and find its files: nothing loads while one is missing.
    replays, problems = recall_all(pictures, finder([picture.parent for picture in pictures], inputs))
    # 2. Find the models, and see that they are those of then.
    runs, more = _planned(replays, weighing.settings())
    if problems or more:
        return _refuse([*problems, *more], as_json)
    # 3. Refuse to write over the originals, or nowhere.
    destination = Destination.parse(output)
    if destination.to_stdout:
        raise UsageError("a replay needs a file to compare", hint="Give a folder with -o.")
    jobs = [job for run in runs for job in run.jobs]
    destination.check(len(jobs))
    refuse_originals([destination.place(job.scene.name, job.seed, job.id).path for job in jobs], pictures)
    destination.refuse_another(jobs[0].id)
    # 4. Paint, and compare.
    verdicts: Counter[str] = Counter()
    code = _carry_out(runs, destination, partial(_tell, as_json=as_json, verdicts=verdicts), shown["progress"])
    return _sum_up(verdicts, len(pictures), code, as_json)


@dataclass
class _Run:
    """What one renderer paints: jobs, each with the pictures that it once came to."""

    renderer: ModelRenderer
    pictures: dict[str, list[Replay]] = field(default_factory=lambda: defaultdict(list))
    jobs: list[Job] = field(default_factory=list)

    def add(self, replay: Replay) -> None:
        job = job_of(replay, self.renderer)
        if job.id not in self.pictures:
            self.jobs.append(job)
        self.pictures[job.id].append(replay)
        if job.id != replay.remembered.job:
            console.warn(f"{replay.picture}: this version of contextgen computes in another way: pixels may differ")

    def remembered(self, job: Job) -> dict[str, Any]:
        return self.pictures[job.id][0].record_of(job_record(job))


def _planned(replays: Sequence[Replay], asked: Settings) -> tuple[list[_Run], list[ContextgenError]]:
    runs: dict[Settings, _Run] = {}
    problems: list[ContextgenError] = []
    for replay in replays:
        try:
            settings = settings_for(replay, asked, catalogue.aliases())
            if settings not in runs:
                runs[settings] = _Run(ModelRenderer(settings))
            runs[settings].add(replay)
        except ContextgenError as problem:
            problems.append(problem)
    return list(runs.values()), problems


def _refuse(problems: Sequence[ContextgenError], as_json: bool) -> int:
    for problem in problems:
        console.error(problem)
    console.note("nothing was rendered")
    code = max(problem.exit_code for problem in problems)
    if as_json:
        console.emit_json({"type": "summary", "errors": len(problems), "exit": code})
    return code


def _carry_out(runs: Sequence[_Run], destination: Destination, tell: Callable[..., None], mode: str) -> int:
    """Paint all, telling each picture, and return what ended it."""
    try:
        for run in runs:
            todo = Plan(tuple(run.jobs))
            tell_footprints(run.renderer.footprints(todo))
            job_options = JobOptions(destination, run.remembered, fresh=True)
            with interruption.noted() as heard, progress.display(mode) as display:
                display.started(Overview(len(todo.jobs), 0, todo.tflop))
                for outcome in work(_until(heard, todo.jobs), run.renderer, job_options, display):
                    for replay in run.pictures[outcome.job.id]:
                        tell(replay, outcome)
    except EnvironmentProblem as problem:
        console.error(problem)
        return problem.exit_code
    except KeyboardInterrupt:
        console.note("interrupted")
        return EXIT_INTERRUPTED
    return EXIT_DONE


def _until(heard: Callable[[], bool], jobs: Sequence[Job]) -> Iterator[Job]:
    """The jobs, one after another, as long as nobody asks to stop."""
    for job in jobs:
        if heard():
            raise KeyboardInterrupt
        yield job


def _tell(replay: Replay, outcome: Outcome, *, as_json: bool, verdicts: Counter[str]) -> None:
    if outcome.path is None:
        verdicts[_FAILED] += 1
        if outcome.reason is not None:
            tell_failure(outcome, outcome.reason)
        if as_json:
            console.emit_json(_as_record(replay, outcome, None, []))
        return
    compared = compare(replay.picture, outcome.path)
    verdict = _SAME if compared.same_bytes else _PIXELS if compared.same_pixels else _DIFFERENT
    verdicts[verdict] += 1
    changed = changes(replay.remembered.versions, job_record(outcome.job)["versions"])
    for change in changed:
        console.note(f"{replay.picture}: {change}")
    if as_json:
        console.emit_json(_as_record(replay, outcome, compared, changed))
    else:
        console.emit_text(f"{replay.picture}: {_in_words(compared)} ({outcome.path})")


def _in_words(compared: Comparison) -> str:
    if compared.same_bytes:
        return "the same bytes"
    if compared.same_pixels:
        return "the same pixels, other bytes"
    if compared.largest is None:
        return "different: another size"
    return f"different: {compared.differing:.2%} of the pixels, by {compared.largest} of 255 at most"


def _as_record(replay: Replay, outcome: Outcome, compared: Comparison | None, changed: list[str]) -> Mapping[str, Any]:
    return {
        "type": "replay",
        "picture": str(replay.picture),
        "path": None if outcome.path is None else str(outcome.path),
        "job": outcome.job.id,
        "same_bytes": compared is not None and compared.same_bytes,
        "same_pixels": compared is not None and compared.same_pixels,
        "differing": None if compared is None else compared.differing,
        "largest": None if compared is None else compared.largest,
        "versions": changed,
        "seconds": round(outcome.seconds, 3),
        "error": None if outcome.reason is None else outcome.reason.to_record(),
    }


def _sum_up(verdicts: Counter[str], pictures: int, code: int, as_json: bool) -> int:
    if code == EXIT_DONE and (verdicts[_DIFFERENT] or verdicts[_FAILED]):
        code = EXIT_JOBS_FAILED
    counts = {verdict: verdicts[verdict] for verdict in VERDICTS}
    if as_json:
        console.emit_json({"type": "summary", "pictures": pictures, **counts, "exit": code})
        return code
    parts = [f"{count} {verdict.replace('_', ' ')}" for verdict, count in counts.items() if count]
    undone = pictures - sum(counts.values())
    console.note(", ".join([*parts, *([f"{undone} left undone"] if undone else [])]))
    return code
