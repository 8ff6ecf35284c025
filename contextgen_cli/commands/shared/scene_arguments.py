"""Reading the SCENE arguments of a command that goes on to use the scenes."""

from __future__ import annotations

import sys
from collections.abc import MutableSet, Sequence
from dataclasses import dataclass
from functools import cache, partial

from contextgen_cli.commands.shared.options import confine_option, gather, set_option, strict_option
from contextgen_cli.errors import EXIT_USAGE
from contextgen_cli.models import catalogue
from contextgen_cli.scene.loader import LoadOptions, load
from contextgen_cli.scene.scene import Scene
from contextgen_cli.terminal.sink import Output


@dataclass(frozen=True)
class Checks:
    """How scenes are read, beside what they say themselves."""

    assignments: tuple[tuple[str, object], ...]
    strict: bool
    confine: bool


check_options = gather(Checks, "checks", set_option, strict_option, confine_option)


def load_checked(
    arguments: Sequence[str],
    checks: Checks,
    sink: Output,
    *,
    model: str | None = None,
    verified: MutableSet[str] | None = None,
) -> tuple[Scene, ...] | None:
    """The scenes of `arguments`, every file of theirs decoded unless it is known to be `verified`, held against what
    the `model` can do; None if one is wrong: says all that is."""
    options = LoadOptions(
        deep=True,
        strict=checks.strict,
        confine=checks.confine,
        assignments=checks.assignments,
        models=catalogue.aliases(),
        limits_of=cache(partial(catalogue.model_limits, model)),
        verified=verified,
    )
    loaded = load(arguments, options, stdin=sys.stdin)
    sink.problems(loaded.problems)
    if not loaded.errors:
        return loaded.scenes
    count = loaded.error_count
    words = f"{count} error{'s' * (count > 1)} in the scenes: nothing was done"
    sink.summary({"errors": count, "jobs": 0}, text=words, exit_code=EXIT_USAGE)
    return None
