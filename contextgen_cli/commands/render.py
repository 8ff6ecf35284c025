"""`contextgen render`: scenes -> pictures."""

from __future__ import annotations

import fnmatch
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from contextgen_cli import console, interruption, progress
from contextgen_cli.batch.plan import Overrides, Plan, plan
from contextgen_cli.batch.worker import Orders, Status, work
from contextgen_cli.commands import options
from contextgen_cli.commands.remembering import remember
from contextgen_cli.commands.render_options import (
    Keeping,
    Reporting,
    Selection,
    keeping_options,
    model_options,
    reporting_options,
    sampling_options,
    selection_options,
)
from contextgen_cli.commands.scenes import Checks, check_options, load_checked
from contextgen_cli.commands.telling import preview, show_plan, sum_up, tell, tell_footprints
from contextgen_cli.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_JOBS_FAILED,
    EXIT_USAGE,
    DeviceError,
    EnvironmentProblem,
    UsageError,
)
from contextgen_cli.output import STDOUT, Destination
from contextgen_cli.rendering import Renderer, Settings
from contextgen_cli.scene.nearest import nearest
from contextgen_cli.scene.scene import Scene


@options.verb(
    examples="""
contextgen render scenes/picnic.yaml
contextgen render scenes/ -o pictures --seed 7 --count 4
contextgen render a.yaml --model ./my-model -o - > a.png
contextgen render scenes/ --dry-run
"""
)
@options.scene_arguments
@keeping_options
@sampling_options
@model_options
@check_options
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
    reporting: Reporting,
) -> int:
    """Render scenes: one picture for each scene and seed.

    SCENE is a scene file, a folder of them, a glob, or - for standard input. Every scene is checked before
    the model is opened: the one that comes with contextgen, unless a scene or --model names another. The paths
    of the pictures go to standard output, one a line. A picture that is there already is left alone.
    """
    # 1. Read and check every scene: nothing loads while one is wrong.
    found = load_checked(scenes, checks, as_json=reporting.as_json)
    if found is None:
        return EXIT_USAGE
    # 2. Make the plan.
    console.adopt_logging()
    destination = Destination.parse(keeping.output, remember=not keeping.no_metadata)
    refuse_contradictions(destination, keeping, reporting)
    if reporting.dry_run:
        settings = replace(settings, offline=True)  # a plan is no reason to fetch gigabytes
    renderer = Renderer(settings)
    todo = limited(plan(chosen(found, selection), overrides, renderer.recipe, renderer.cost), selection)
    for doubt in renderer.doubts(todo):
        console.warn(doubt)
    # 3. Show it, if that is all that is wanted.
    if reporting.dry_run:
        return rehearse(todo, renderer, reporting)
    # 4. Refuse what can have no good end: no room for the model, nowhere to write.
    tell_footprints(renderer.footprints(todo))
    destination.check(len(todo.jobs))
    destination.refuse_another(todo.jobs[0].id)
    # 5. Paint.
    orders = Orders(destination, remember, keeping.fresh, keeping.fail_fast, keeping.save_layout, keeping.save_inputs)
    return run(todo, renderer, orders, reporting)


def rehearse(todo: Plan, renderer: Renderer, reporting: Reporting) -> int:
    """Show the plan, also one that cannot be carried out here, and return the exit code that a run would begin with."""
    try:
        footprints, problem = renderer.footprints(todo), None
    except DeviceError as error:
        footprints, problem = {}, error
    code = EXIT_DONE if problem is None else problem.exit_code
    show_plan(todo, footprints, code, as_json=reporting.as_json)
    if problem is not None:
        console.error(problem)
    return code


def run(todo: Plan, renderer: Renderer, orders: Orders, reporting: Reporting) -> int:
    """Work through the plan, tell every outcome, sum up whatever happened, and return the exit code."""
    began, seen = time.monotonic(), None
    counts: Counter[Status] = Counter()
    try:
        with progress.display(reporting.progress) as display:
            for outcome in work(todo, renderer, orders, display):
                if interruption.heard():
                    raise KeyboardInterrupt  # that a library swallowed
                counts[outcome.status] += 1
                tell(outcome, as_json=reporting.as_json)
                seen = outcome.path
        code = EXIT_JOBS_FAILED if counts[Status.FAILED] else EXIT_DONE
    except EnvironmentProblem as problem:
        console.error(problem)
        code = problem.exit_code
    except KeyboardInterrupt:
        console.note("interrupted")
        code = EXIT_INTERRUPTED
    if len(todo.jobs) == 1 and seen is not None and reporting.previews:
        preview(seen)
    sum_up(len(todo.jobs), counts, time.monotonic() - began, code, as_json=reporting.as_json)
    return code


def chosen(scenes: Sequence[Scene], selection: Selection) -> list[Scene]:
    """The scenes that `--only` names.

    Raises:
        UsageError: there is none.
    """
    if not selection.only:
        return list(scenes)
    kept = [scene for scene in scenes if any(fnmatch.fnmatchcase(scene.name, glob) for glob in selection.only)]
    if kept:
        return kept
    globs = ", ".join(selection.only)
    near = nearest(selection.only[0], [scene.name for scene in scenes])
    raise UsageError(
        f"no scene is named {globs}", hint=f"Did you mean {near}?" if near else "`--dry-run` lists the names."
    )


def limited(whole: Plan, selection: Selection) -> Plan:
    return whole if selection.limit is None else Plan(whole.jobs[: selection.limit])


def refuse_contradictions(destination: Destination, keeping: Keeping, reporting: Reporting) -> None:
    """Refuse options that cannot both be meant."""
    if not destination.to_stdout or reporting.dry_run:
        return
    if reporting.as_json:
        raise UsageError("--json and -o - both want standard output", hint="Give a folder with -o.")
    if keeping.save_layout or keeping.save_inputs:
        raise UsageError("-o - has no folder for layouts and inputs", hint="Give a folder with -o.")
    if console.is_terminal():
        raise UsageError(f"-o {STDOUT} would write a PNG to the terminal", hint="Send it to a file with > or |.")
