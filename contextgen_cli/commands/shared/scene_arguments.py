"""Reading the SCENE arguments of a command that goes on to use the scenes."""

from __future__ import annotations

import sys
from collections.abc import MutableSet, Sequence
from dataclasses import dataclass, replace
from functools import cache

from contextgen_cli.commands.shared.namesakes import tell_namesake
from contextgen_cli.commands.shared.options import (
    SCENES,
    confine_option,
    gather,
    option,
    prompt_option,
    set_option,
    strict_option,
)
from contextgen_cli.errors import EXIT_USAGE
from contextgen_cli.models import catalogue
from contextgen_cli.scene.check.problems import shown, touched
from contextgen_cli.scene.limits import ModelLimits
from contextgen_cli.scene.loader import Loaded, LoadOptions, load
from contextgen_cli.scene.scene import Size
from contextgen_cli.terminal import console
from contextgen_cli.terminal.sink import Output


@dataclass(frozen=True)
class Checks:
    """How scenes are read, beside what they say themselves."""

    assignments: tuple[tuple[str, object], ...]
    prompt: str | None
    strict: bool
    confine: bool
    skip_invalid: bool = False


_reading = (prompt_option, set_option, strict_option, confine_option)
check_options = gather(Checks, "checks", *_reading)
use_options = gather(
    Checks,
    "checks",
    *_reading,
    option(
        "--skip-invalid",
        is_flag=True,
        section=SCENES,
        help="Leave scenes with errors out and go on with the others; the exit code is 1 then.",
    ),
)


def read_scenes(
    arguments: Sequence[str],
    checks: Checks,
    *,
    model: str | None = None,
    deep: bool = True,
    verified: MutableSet[str] | None = None,
    size: Size | None = None,
) -> Loaded:
    """The scenes of `arguments` and all that is wrong with them, each held against what the `model` can do.

    `deep`: every image is decoded, unless it is known to be `verified`. `size`: of a canvas in place of the scenes'.
    """

    tell_namesake(model)

    def limits_of(alias: str | None) -> ModelLimits | None:
        limits = catalogue.model_limits(model, alias)
        return limits if limits is None or size is None else replace(limits, canvas_advice=None)

    options = LoadOptions(
        deep=deep,
        strict=checks.strict,
        confine=checks.confine,
        assignments=checks.assignments,
        prompt=checks.prompt,
        models=catalogue.aliases(),
        limits_of=cache(limits_of),
        verified=verified,
        skip_invalid=checks.skip_invalid,
    )
    loaded = load(arguments, options, stdin=sys.stdin)
    if loaded.passed_over:
        files = touched([shown(path) for path in loaded.passed_over], "JSON file")
        console.note(f"passed over, as no scene is in it: {files}")
    return loaded


def load_checked(
    arguments: Sequence[str],
    checks: Checks,
    sink: Output,
    *,
    model: str | None = None,
    verified: MutableSet[str] | None = None,
    size: Size | None = None,
) -> Loaded | None:
    """The scenes of `arguments`, read as `read_scenes` does; None where one is wrong, or every one if these may be left
    out. Says what is wrong, and what is left out."""
    loaded = read_scenes(arguments, checks, model=model, verified=verified, size=size)
    sink.problems(loaded.problems)
    if not loaded.errors:
        return loaded
    if checks.skip_invalid and loaded.scenes:
        console.warn(f"left out, as they have errors: {touched(loaded.left_out)}")
        return loaded
    count = loaded.error_count
    words = f"{count} error{'s' * (count > 1)} in the scenes: nothing was done"
    others = len(loaded.scenes)
    if others and not checks.skip_invalid:
        words += f"; {others:,} scene{'s have' if others > 1 else ' has'} none: --skip-invalid goes on with those"
    sink.summary({"errors": count, "jobs": 0}, text=words, exit_code=EXIT_USAGE)
    return None
