"""The options of `contextgen render`, each group as one frozen dataclass."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

import click

from contextgen_cli.batch.plan import Overrides, Portion
from contextgen_cli.batch.ray_engine.cluster import RayCluster
from contextgen_cli.commands.shared import options
from contextgen_cli.commands.shared.adapter_option import PUT_ON
from contextgen_cli.commands.shared.opening import open_option
from contextgen_cli.commands.shared.options import MODEL, PICTURES, RUN, SAMPLING, SCENES, TERMINAL, gather, option
from contextgen_cli.models.numerics import (
    ABLATIONS,
    ATTENTIONS,
    DTYPES,
    ICA_VARIANTS,
    MEMORY_PRESETS,
    PARALLELS,
    QUANTIZATIONS,
    STEP_CACHES,
    ContextParallel,
    Settings,
)
from contextgen_cli.scene.limits import LARGEST_COUNT, LARGEST_GUIDANCE, LARGEST_SEED, LARGEST_STEPS
from contextgen_cli.terminal.sink import Output

SEVERAL_SEEDS = "For several pictures of a scene write --seed 1,5,9, list `seeds:` in it, or give --count."
RANDOM = "random"
_DRAWN_BELOW = 1 << 32  # easily typed again
_DEFAULT = Settings()
AUTO = "auto"


@dataclass(frozen=True)
class Selection:
    """Which of the jobs to do."""

    only: tuple[str, ...]
    shard: tuple[int, int]
    limit: int | None

    @property
    def portion(self) -> Portion:
        return Portion(*self.shard, self.limit)


@dataclass(frozen=True)
class Keeping:
    """Where the pictures go, and what goes with them."""

    output: str
    replace: bool
    save_layout: bool
    save_inputs: bool
    no_metadata: bool


@dataclass(frozen=True)
class Running:
    """Who works, and what is tried again."""

    engine: RayCluster | None  # None: this machine, or a launcher's
    processes: int | str | None  # None: not said; "auto"
    fresh: bool
    retry_failed: bool
    fail_fast: bool
    max_failures: int | None

    @property
    def ranks(self) -> int | None:
        """How many; None: as many as suit the machine or the cluster, as is always meant with a cluster."""
        if self.processes is None:
            return 1 if self.engine is None else None
        return None if self.processes == AUTO else int(self.processes)

    @property
    def failures_allowed(self) -> int | None:
        return 1 if self.fail_fast else self.max_failures


@dataclass(frozen=True)
class Reporting:
    """How the run is told."""

    dry_run: bool
    sink: Output
    progress: str
    preview: str
    opens: bool

    @property
    def previews(self) -> bool:
        """Whether a picture is drawn on the terminal too."""
        return self.preview == "auto" and not self.sink.as_json


class DrawnSeed(int):
    """A seed that was drawn, and is told."""


class SeedsType(click.ParamType):  # type: ignore[type-arg]
    """A seed, several with commas between them, or `random` for one that is drawn."""

    name = "N[,N...]|random"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if value.strip() == RANDOM:
            return (DrawnSeed(secrets.randbelow(_DRAWN_BELOW)),)
        if re.fullmatch(r"[0-9]+([\s;:-]+[0-9]+)+", value.strip()):
            self.fail(f"{value!r} are several. {SEVERAL_SEEDS}", param, ctx)
        one = click.IntRange(0, LARGEST_SEED)
        seeds = tuple(one.convert(part.strip(), param, ctx) for part in value.split(","))
        if len(set(seeds)) < len(seeds):
            self.fail(f"{value!r} has a seed twice", param, ctx)
        return seeds


class ProcessesType(click.ParamType):  # type: ignore[type-arg]
    """A number of processes, or `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == AUTO:
            return AUTO
        if not re.fullmatch(r"[0-9]{1,4}", str(value)):
            self.fail(f"{value!r} is neither a number of processes nor auto", param, ctx)
        return int(value)


class EngineType(click.ParamType):  # type: ignore[type-arg]
    """`local`, `ray` or `ray=ADDRESS`."""

    name = "local|ray[=ADDRESS]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> RayCluster | None:
        if isinstance(value, RayCluster) or value == "local":
            return None if value == "local" else value
        match = re.fullmatch(r"ray(=(?P<address>auto|local|(\[[0-9A-Fa-f:]+\]|[^\s:/=]+):[0-9]{1,5}))?", value)
        if match is None:
            self.fail(f"{value!r} is no engine: write local, ray, ray=auto or ray=HOST:PORT", param, ctx)
        return RayCluster(match["address"])


class ParallelType(click.ParamType):  # type: ignore[type-arg]
    """`ulysses=N` or `ring=N`: how N processes share a picture."""

    name = f"{'|'.join(PARALLELS)}=N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ContextParallel:
        if isinstance(value, ContextParallel):
            return value
        way, _, processes = value.partition("=")
        if way not in PARALLELS or not re.fullmatch(r"[1-9][0-9]{0,3}", processes) or int(processes) < 2:
            hint = "write ulysses=N or ring=N with N from 2 to 9999"
            self.fail(f"{value!r} is not how processes share a picture: {hint}", param, ctx)
        return ContextParallel(way, int(processes))


class ShardType(click.ParamType):  # type: ignore[type-arg]
    """`i/n`: the i-th of n parts, counted from 1."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", value)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            self.fail(f"{value!r} is no shard: write i/n with i from 1 to n, such as 3/8", param, ctx)
        return int(match[1]), int(match[2])


sampling_options = gather(
    Overrides,
    "overrides",
    option(
        "--seed",
        "seeds",
        metavar="N[,N...]|random",
        type=SeedsType(),
        section=SAMPLING,
        help="Seeds for every scene, such as 7 or 1,5,9; random: one that is drawn, told and remembered.",
    ),
    option(
        "--count",
        metavar="N",
        type=click.IntRange(1, LARGEST_COUNT),
        section=SAMPLING,
        help="Pictures a scene, from its first seed (or --seed) upwards.",
    ),
    option("--steps", metavar="N", type=click.IntRange(1, LARGEST_STEPS), section=SAMPLING, help="Denoising steps."),
    option(
        "--guidance",
        metavar="X",
        type=options.FiniteRange(0, LARGEST_GUIDANCE),
        section=SAMPLING,
        help="Guidance scale.",
    ),
    options.size_option,
)
model_options = gather(
    Settings,
    "settings",
    options.model_option,
    PUT_ON,
    option(
        "--dtype",
        type=click.Choice(list(DTYPES)),
        section=MODEL,
        help="Number format; by default the device's.",
    ),
    option(
        "--device",
        metavar="NAME",
        section=MODEL,
        help="cuda, cuda:1, cuda:0,2, xpu, npu, hpu, mps or cpu; by default the fastest there is.",
    ),
    option(
        "--memory",
        type=click.Choice(MEMORY_PRESETS),
        default=_DEFAULT.memory,
        section=MODEL,
        help="How much of the model stays on the device; auto takes the first that fits.",
    ),
    option(
        "--quantize",
        type=click.Choice(list(QUANTIZATIONS)),
        section=MODEL,
        help="Weights in fewer bits; not exact. Needs contextgen[quant]; fp8 an Ada, Hopper or newer GPU.",
    ),
    option(
        "--cache-steps",
        type=click.Choice(STEP_CACHES),
        section=MODEL,
        help="Do not compute every denoising step; not exact.",
    ),
    option(
        "--reuse-references",
        metavar="N",
        type=click.IntRange(1),
        section=MODEL,
        help="Compute the references in every N-th step only; not exact from 2 on.",
    ),
    option(
        "--compile",
        is_flag=True,
        section=MODEL,
        help="Compile the transformer first: worth it for many pictures on a GPU.",
    ),
    option(
        "--cache",
        metavar="DIR",
        section=MODEL,
        help="Keep encoded prompts in a folder, for later runs.",
    ),
    option(
        "--parallel",
        type=ParallelType(),
        section=MODEL,
        help="Let N processes compute each picture together, one a GPU, for pictures that are large.",
    ),
    option(
        "--attention",
        type=click.Choice(ATTENTIONS),
        section=MODEL,
        help="masked: the plain, slow reading of the paper; both give the same picture.",
    ),
    option(
        "--ica",
        type=click.Choice(ICA_VARIANTS),
        section=MODEL,
        help="Identity attention as in the released weights' code or as in the paper.",
    ),
    option(
        "--ablation",
        type=click.Choice(ABLATIONS),
        section=MODEL,
        help="Switch a part of the method off, to see what it is worth; another picture, which remembers it.",
    ),
    options.threads_option,
    options.offline_option,
    rest="numerics",
)
selection_options = gather(
    Selection,
    "selection",
    option(
        "--only",
        multiple=True,
        metavar="GLOB",
        section=SCENES,
        help="Only scenes of such a name; repeatable.",
    ),
    option(
        "--shard",
        metavar="I/N",
        type=ShardType(),
        default="1/1",
        section=SCENES,
        help="Every N-th picture of the plan from the I-th on, the same on every run; I is 1 to N.",
    ),
    option("--limit", metavar="N", type=click.IntRange(1), section=SCENES, help="Only the first so many pictures."),
)
keeping_options = gather(
    Keeping,
    "keeping",
    option(
        "-o",
        "--output",
        default="outputs",
        show_default=True,
        metavar="PATH",
        shell_complete=options.complete_files,
        section=PICTURES,
        help="A folder, a .png file (one picture) or - (one picture to standard output).",
    ),
    option("--replace", is_flag=True, section=PICTURES, help="Write over the picture in the .png file of -o."),
    option("--save-layout", is_flag=True, section=PICTURES, help="Keep the layout image beside each picture."),
    option("--save-inputs", is_flag=True, section=PICTURES, help="Keep the references as the model saw them."),
    option("--no-metadata", is_flag=True, section=PICTURES, help="Pictures remember nothing of their scene."),
)
running_options = gather(
    Running,
    "running",
    option(
        "--engine",
        type=EngineType(),
        default="local",
        section=RUN,
        help="Where processes run: on this machine (or where a launcher started them), or on a Ray cluster, one a GPU, "
        "with hosts that come and go. ray=auto joins the one that runs here. Needs contextgen[ray].",
    ),
    option(
        "--processes",
        metavar="N|auto",
        type=ProcessesType(),
        section=RUN,
        help="Processes that paint side by side, 1 unless given; auto: one a GPU, or what `accelerate config` was "
        "told. 0 paints in this very process, for debuggers.",
    ),
    option("--fresh", is_flag=True, section=RUN, help="Render again what is rendered already."),
    option("--retry-failed", is_flag=True, section=RUN, help="Try again what failed or crashed in an earlier run."),
    option("--fail-fast", is_flag=True, section=RUN, help="Stop at the first picture that fails."),
    option(
        "--max-failures",
        metavar="N",
        type=click.IntRange(1),
        section=RUN,
        help="Stop when so many pictures have failed.",
    ),
)
reporting_options = gather(
    Reporting,
    "reporting",
    option("--dry-run", is_flag=True, section=PICTURES, help="Show the plan and its cost; load no weights."),
    options.sink_option,
    options.progress_option,
    option(
        "--preview",
        type=click.Choice(["auto", "never"]),
        default="auto",
        section=TERMINAL,
        help="auto: draw a single picture in block characters, on a terminal with colours.",
    ),
    open_option,
)
