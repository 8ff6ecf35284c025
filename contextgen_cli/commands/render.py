"""`contextgen render`: scenes -> pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from contextgen_cli.app.render import RenderRequest, RenderRun
from contextgen_cli.batch.plan import Overrides
from contextgen_cli.commands.shared import opening, options
from contextgen_cli.commands.shared.render_options import (
    SEVERAL_SEEDS,
    DrawnSeed,
    Keeping,
    Reporting,
    Running,
    Selection,
    keeping_options,
    model_options,
    reporting_options,
    running_options,
    sampling_options,
    selection_options,
)
from contextgen_cli.commands.shared.render_output import PlanOutput, RenderOutput
from contextgen_cli.commands.shared.run_output import RunOutput
from contextgen_cli.commands.shared.scene_arguments import Checks, load_checked, use_options
from contextgen_cli.errors import EXIT_DONE, EXIT_USAGE, UsageError
from contextgen_cli.models.numerics import Settings
from contextgen_cli.records.output import STDOUT, Destination
from contextgen_cli.terminal import console, interruption
from contextgen_cli.terminal.console import RankConsole


@options.verb(
    examples="""
contextgen render scenes/picnic.yaml
contextgen render scenes/ -o pictures --seed 7 --count 4
contextgen render a.yaml --model ./my-model -o - > a.png
contextgen render scenes/ --processes auto
contextgen render scenes/ --engine ray=auto
contextgen render scenes/ --dry-run
"""
)
@options.scene_arguments
@keeping_options
@running_options
@sampling_options
@model_options
@use_options
@selection_options
@reporting_options
@options.console_options
def command(
    scenes: tuple[str, ...],
    checks: Checks,
    overrides: Overrides,
    settings: Settings,
    selection: Selection,
    keeping: Keeping,
    running: Running,
    reporting: Reporting,
) -> int:
    """Render scenes: one picture for each scene and seed.

    SCENE is a scene file, a folder of them, a glob, or - for standard input. Every scene is checked before
    the model is opened: the one that comes with contextgen, unless a scene or --model names another. The paths
    of the pictures go to standard output, one a line. A picture that is there already is left alone, so the same
    command again goes on where a run ended, however it ended.
    """
    overrides = with_plain_seeds(scenes, overrides)
    request = RenderRequest(
        Destination.parse(keeping.output, embed_record=not keeping.no_metadata, replace=keeping.replace),
        settings,
        overrides,
        only=selection.only,
        portion=selection.portion,
        processes=running.ranks,
        ray=running.engine,
        fresh=running.fresh,
        retry_failed=running.retry_failed,
        max_failures=running.failures_allowed,
        save_layout=keeping.save_layout,
        save_inputs=keeping.save_inputs,
        dry_run=reporting.dry_run,
    )
    with told(reporting) as listener:
        run = RenderRun(request, listener, RankConsole(console.verbosity()))
        # 1. Of several hosts' processes, one makes the plan.
        if run.follows:
            with interruption.noted(run.cancel):
                run.follow()
            return EXIT_DONE
        with run:
            # 2. Read and check every scene: nothing loads while one is wrong.
            found = load_checked(
                scenes,
                checks,
                reporting.sink,
                model=settings.model,
                verified=run.verified,
                size=overrides.size,
            )
            if found is None:
                return EXIT_USAGE
            # 3. Make the plan, and see what there is of it.
            console.adopt_logging()
            refuse_contradictions(request, reporting)
            run.plan(found.scenes, left_out=len(found.left_out))
            # 4. Show it, if that is all that is wanted.
            if reporting.dry_run:
                return run.rehearse().exit_code
            # 5. Refuse what can have no good end.
            run.prepare()
            # 6. Paint: Ctrl-C ends it after the pictures at work, a second one at once.
            with interruption.noted(run.cancel):
                code = run.paint().exit_code
            if reporting.opens and isinstance(listener, RenderOutput):
                show_pictures(listener.pictures)
            return code


def show_pictures(pictures: Sequence[Path]) -> None:
    """Open what is there now: a picture, or the folder of several."""
    if pictures:
        opening.show(pictures[0] if len(pictures) == 1 else pictures[0].parent)


def with_plain_seeds(scenes: Sequence[str], overrides: Overrides) -> Overrides:
    """The seeds as numbers; says which one was drawn, where that was asked for.

    Raises:
        UsageError: `--seed 1 2 3`, of which all but the first would be scenes; or several with a count.
    """
    if overrides.seeds is None:
        return overrides
    numbers = [scene for scene in scenes if scene.isdecimal() and not Path(scene).exists()]
    if numbers:
        raise UsageError(f"--seed takes one word: {', '.join(numbers)} would be scene files", hint=SEVERAL_SEEDS)
    if overrides.count is not None and len(overrides.seeds) > 1:
        raise UsageError("--count counts from one seed, and --seed has several", hint="Leave one of them away.")
    if isinstance(overrides.seeds[0], DrawnSeed):
        console.note(f"the seed drawn is {overrides.seeds[0]}: --seed {overrides.seeds[0]} gives the same pictures")
    return replace(overrides, seeds=tuple(map(int, overrides.seeds)))


def told(reporting: Reporting) -> RunOutput:
    """Who tells how it goes."""
    if reporting.dry_run:
        return PlanOutput(reporting.sink, reporting.progress)
    return RenderOutput(reporting.sink, reporting.progress, previews=reporting.previews)


def refuse_contradictions(request: RenderRequest, reporting: Reporting) -> None:
    """Refuse options that cannot both be meant."""
    if reporting.opens and (request.destination.to_stdout or reporting.dry_run):
        raise UsageError("--open shows pictures that are written to files", hint="Leave it, -o - or --dry-run out.")
    if not request.destination.to_stdout or reporting.dry_run:
        return
    if reporting.sink.as_json:
        raise UsageError("--json and -o - both want standard output", hint="Give a folder with -o.")
    if request.save_layout or request.save_inputs:
        raise UsageError("-o - has no folder for layouts and inputs", hint="Give a folder with -o.")
    if console.is_terminal():
        raise UsageError(f"-o {STDOUT} would write a PNG to the terminal", hint="Send it to a file with > or |.")
