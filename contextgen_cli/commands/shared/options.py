"""The arguments and options that several verbs share, and the types that read them.

Every option also reads `CONTEXTGEN_<NAME>`: a flag beats the environment, the environment the scene.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from contextgen_cli.commands.shared.other_words import about_option
from contextgen_cli.scene.limits import LARGEST_SIDE, SMALLEST_SIDE
from contextgen_cli.scene.parse.assignments import value_of
from contextgen_cli.scene.scene import Size
from contextgen_cli.terminal import console, progress
from contextgen_cli.terminal.sink import Output

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]
Group = TypeVar("Group")
MOST_THREADS = 1024  # beyond, OpenMP finds no room for their stacks

# Headings of the help
SCENES, SAMPLING, MODEL, PICTURES, RUN, TERMINAL = "Scenes", "Sampling", "Model", "Pictures", "Run", "Terminal"


class SectionedOption(click.Option):
    """An option that knows under which heading `--help` lists it.

    One that is `greedy`, and `multiple`, takes all that follows it up to the next option: a shell puts all files of a
    pattern there.
    """

    def __init__(self, *args: Any, section: str = "Options", greedy: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section
        self.greedy = greedy

    def get_help_extra(self, ctx: click.Context) -> Any:
        extra: dict[str, Any] = super().get_help_extra(ctx)  # type: ignore[assignment]
        extra.pop("range", None)  # said when it is left; too wide to say before
        return extra

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        try:
            return super().type_cast_value(ctx, value)
        except click.BadParameter as error:
            if ctx.get_parameter_source(str(self.name)) is ParameterSource.ENVIRONMENT:
                error.param_hint = f"{self.envvar} (an environment variable)"
            raise


class FiniteRange(click.FloatRange):
    """A range of numbers; `nan`, which compares with none, is in no range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


class SectionedCommand(click.Command):
    """Lists the options in `--help` under their headings, in the order in which they were declared.

    An option that takes one value is refused where it is given twice: which was meant, nobody can know.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        greedy = {name for param in self.params if getattr(param, "greedy", False) for name in param.opts}
        typed = list(_one_by_one(args, greedy))
        try:
            rest = super().parse_args(ctx, list(typed))
        except click.NoSuchOption as error:
            raise _in_our_words(error, ctx) from None
        _, _, order = self.make_parser(ctx).parse_args(typed)
        for param, times in Counter(order).items():
            if times > 1 and isinstance(param, click.Option) and _takes_one_value(param):
                raise click.UsageError(f"{param.opts[-1]} is given {times} times, and takes one value.", ctx)
        return rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            row = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if row is not None:
                sections.setdefault(getattr(param, "section", "Options"), []).append(row)
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


class SectionedGroup(click.Group):
    """Lists its commands in `--help` with the whole first paragraph of each, which click cuts short."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = [(name, _first_paragraph(command)) for name, command in found.items() if command is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _first_paragraph(command: click.Command) -> str:
    return " ".join((command.help or "").split("\n\n")[0].split())


def _in_our_words(error: click.NoSuchOption, ctx: click.Context) -> click.UsageError:
    """An unknown option with what it is called here, where that is known; else with those spelled alike."""
    known = {name for param in ctx.command.params for name in param.opts}
    said = about_option(error.option_name, ctx.command_path, known)
    return error if said is None else click.UsageError(f"{error.message} {said}", ctx)


def _one_by_one(args: Iterable[str], greedy: Container[str]) -> Iterator[str]:
    """The arguments, with a greedy option written anew before each further value of it."""
    option, values = None, 0
    for arg in args:
        if arg.startswith("-"):
            option, values = (arg if arg in greedy else None), 0
        elif option is not None:
            values += 1
            if values > 1:
                yield option
        yield arg


def _takes_one_value(param: click.Option) -> bool:
    return not (param.multiple or param.is_flag or param.count)


class SizeType(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """`WxH` in pixels, such as 768x768."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Size:
        if isinstance(value, Size):
            return value
        match = re.fullmatch(r"\s*(\d+)\s*[xX*]\s*(\d+)\s*", value)
        if match is None:
            self.fail(f"{value!r} is not a size: write width x height in pixels, such as 768x512", param, ctx)
        for name, side in zip(("width", "height"), map(int, match.groups()), strict=True):
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                self.fail(f"{name} {side} is not between {SMALLEST_SIDE} and {LARGEST_SIDE} pixels", param, ctx)
        return Size(*map(int, match.groups()))


class Assignment(click.ParamType):  # type: ignore[type-arg]
    """`key.path=value`: a value as a scene file would have it, see `assignments.value_of`."""

    name = "KEY=VALUE"
    envvar_list_splitter = "\n"  # values may hold spaces

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, object]:
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        if not equals or not key.strip():
            self.fail(f"{value!r} is no assignment: write key=value, such as sampling.steps=4", param, ctx)
        return key.strip(), value_of(text)


def option(*names: str, **settings: Any) -> Decorator:
    """A click option that also reads `CONTEXTGEN_<NAME>` and knows its `section` in the help."""
    long_name = next(name for name in names if name.startswith("--"))
    envvar = "CONTEXTGEN_" + long_name.lstrip("-").replace("-", "_").upper()
    return click.option(*names, cls=SectionedOption, envvar=envvar, **settings)


def gather(into: type[Group], argument: str, *options: Decorator, rest: str | None = None) -> Decorator:
    """Add `options` to a command and hand it their values as one `into`, a dataclass of the same names.

    Those that it has no field for are put into its field `rest`, as pairs of name and value, where they are given.
    """
    given = _parameters(options)
    names = [field.name for field in fields(into) if field.name in (*given, rest)]  # type: ignore[arg-type]
    others = [name for name in given if name not in names]

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(**values: Any) -> Any:
            own = {name: values.pop(name) for name in names if name != rest}
            if rest is not None:
                asked = {name: values.pop(name) for name in others}
                own[rest] = tuple((name, value) for name, value in asked.items() if value not in (None, False))
            return function(**{argument: into(**own)}, **values)

        wrapped: Function = command
        for add in reversed(options):
            wrapped = add(wrapped)
        return wrapped

    return decorate


def _parameters(options: Sequence[Decorator]) -> list[str]:
    """The names under which click hands over the values of options."""

    def probe() -> None: ...

    for add in options:
        add(probe)
    return [str(param.name) for param in reversed(probe.__click_params__)]  # type: ignore[attr-defined]


def verb(*, examples: str, name: str | None = None) -> Callable[[Function], click.Command]:
    """Turn a function into a command whose help ends with `examples`, one command line a line."""
    lines = "\n".join(f"  {line}" for line in examples.strip().splitlines())
    return click.command(name, cls=SectionedCommand, epilog=f"\b\nExamples:\n{lines}")


def console_options(function: Function) -> Function:
    """`-q`, `-v` and `--color`, which set up the console before the command runs; they may stand before it, too."""

    @functools.wraps(function)
    def command(*, quiet: bool, verbose: int, color: str, **values: Any) -> Any:
        console.configure_further(color=color, verbosity=-1 if quiet else verbose)
        return function(**values)

    quiet = option("-q", "--quiet", is_flag=True, section=TERMINAL, help="Only warnings and errors.")
    verbose = option("-v", "--verbose", count=True, section=TERMINAL, help="More detail; -vv also that of libraries.")
    color = option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        section=TERMINAL,
        help="Colour messages; auto: on a terminal, unless NO_COLOR is set.",
    )
    return quiet(verbose(color(command)))


def complete_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What a shell completes an argument to that is a path, or may be one."""
    return [CompletionItem(incomplete, type="file")]


scene_arguments = click.argument("scenes", nargs=-1, required=True, metavar="SCENE...", shell_complete=complete_files)
set_option = option(
    "--set",
    "assignments",
    type=Assignment(),
    multiple=True,
    section=SCENES,
    help="Set a key of every scene, such as sampling.steps=4 or 'references.a={image: a.png}'; repeatable.",
)
prompt_option = option("--prompt", metavar="TEXT", section=SCENES, help="A prompt in place of that of every scene.")
strict_option = option("--strict", is_flag=True, section=SCENES, help="Treat warnings about scenes as errors.")
confine_option = option(
    "--confine",
    is_flag=True,
    section=SCENES,
    help="Refuse files outside the folder of the scene naming them.",
)
size_option = option(
    "--size", type=SizeType(), section=SAMPLING, help="Another canvas, such as 768x512; boxes scale along."
)
model_option = option(
    "--model",
    metavar="NAME",
    shell_complete=complete_files,
    section=MODEL,
    help="Model: an alias, a folder or a hub id (see `contextgen models`); by default mini.",
)
offline_option = option(
    "--offline", is_flag=True, section=MODEL, help="Never touch the network; use the hub cache only."
)
inputs_option = option(
    "--inputs",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    section=SCENES,
    help="Where references are looked for by content, folders below included; repeatable.",
)
threads_option = option(
    "--threads",
    metavar="N",
    type=click.IntRange(1, MOST_THREADS),
    section=RUN,
    help="CPU threads of each process; by default OMP_NUM_THREADS, or its share of the CPUs that are idle.",
)
sink_option = option(
    "--json",
    "sink",
    is_flag=True,
    callback=lambda ctx, param, as_json: Output(as_json),
    section=TERMINAL,
    help="One JSON object a line on standard output.",
)
progress_option = option(
    "--progress",
    type=click.Choice(progress.MODES),
    default="auto",
    section=TERMINAL,
    help="How progress is shown on standard error.",
)
