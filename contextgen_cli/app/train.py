"""A training file -> a run: the border to `contextgen.training`, which alone is told of tensors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contextgen_cli.batch.hosts.launcher_env import launcher_env
from contextgen_cli.errors import UsageError
from contextgen_cli.models import error_translation
from contextgen_cli.models.threads import Threads, compute_here

if TYPE_CHECKING:
    from contextgen.training.callbacks import Watcher
    from contextgen.training.config import ImigData, Stage, Start, SynthData, TrainConfig


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: `finished`, `already finished` or `stopped`; and where its result lies."""

    how: str
    result: Path


def run(config: TrainConfig, watcher: Watcher, *, on_cpu: bool = False) -> Ended:
    """Train to the end, or until the watcher asks to stop.

    Raises:
        ContextgenError: whatever the user can do something about.
    """
    error_translation.quieten()
    from contextgen.training.stage import result_name
    from contextgen.training.trainer import train

    with error_translation.training():
        ending = train(config, watcher, on_cpu=on_cpu)
    return Ended(ending.value, config.output / result_name(config))


def outlook(config: TrainConfig) -> str:
    """What a run is going to do, in words: what is trained, on what, how far it is, where the result goes.

    Raises:
        ContextgenError: the output folder's checkpoint cannot be read.
    """
    from contextgen.training import checkpointing
    from contextgen.training.trainer import CHECKPOINTS

    with error_translation.training():
        checkpoint = checkpointing.latest(config.output / CHECKPOINTS)
        done = 0 if checkpoint is None else checkpointing.read_progress(checkpoint).step
    steps = sum(stage.steps for stage in config.stages)
    begun = f"going on after step {done} of {steps}, " if done else ""
    stages = "; ".join(map(_stage_in_words, config.stages))
    going_on = "Ctrl-C saves, and the same command goes on"
    return (
        f"{begun}training {_trained(config)}: {stages}. It goes to {config.output}; the time left is told from the "
        f"first step on. {going_on}."
    )


def _trained(config: TrainConfig) -> str:
    start = config.start
    if start.new is not None:
        return "a new model"
    parts = "transformer and text encoders" if config.train_text_encoders else "transformer"
    part = f"the {parts}" if config.weights is None else f"an adapter of rank {config.weights.rank}"
    return f"{part} of {start.model}{f' with {start.adapter}' if start.adapter else ''}"


def _stage_in_words(stage: Stage) -> str:
    from contextgen.training.config import SynthData

    source = stage.data
    sides = () if isinstance(source, SynthData) else [folder.path for folder in source.folders]
    paths = [path for side in sides for path in ([side] if isinstance(side, Path) else side)]
    data = ", ".join(path.name for path in paths) or "synthetic scenes"
    return f"{stage.name}, {stage.steps} steps of {stage.objective.name} on {data}"


def draw_curves(config: TrainConfig) -> Path | None:
    """Draw what the run's metrics are into its output folder; None where there is nothing new in them.

    Raises:
        ContextgenError: it cannot be written.
    """
    from contextgen.training.curves import draw

    with error_translation.training():
        return draw(config.output)


def take_threads(asked: int | None) -> Threads:
    """Let this process compute with so many threads, or with its share of the CPUs of this host."""
    launched = launcher_env()
    return compute_here(asked, launched.local_size, looking=launched.size == 1)


@contextlib.contextmanager
def alone(output: Path) -> Iterator[None]:
    """Hold the output folder inside the block: two runs in it would mix their checkpoints.

    Raises:
        UsageError: another training holds it.
        ContextgenError: it cannot be made or written.
    """
    from filelock import FileLock, Timeout

    with error_translation.training():
        output.mkdir(parents=True, exist_ok=True)
        lock = FileLock(output / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            message, hint = f"another training writes to {output}", "Wait for it, or name another `output`."
            raise UsageError(message, hint=hint) from error
    try:
        yield
    finally:
        lock.release()


def is_main_process(*, on_cpu: bool = False) -> bool:
    """Whether this process speaks for all that a launcher has started; waits for them to form their process group.

    Raises:
        ContextgenError: they cannot.
    """
    from accelerate import PartialState

    with error_translation.training():
        return bool(PartialState(cpu=on_cpu).is_main_process)


def configuration(values: Mapping[str, object], folder: Path) -> TrainConfig:
    """The values of a file that fits the schema, as the run takes them; paths are relative to `folder`."""
    from contextgen.training.config import Lora, TrainConfig

    stated: dict[str, Any] = {name: value for name, value in values.items() if name != "version"}
    stated["output"] = folder / stated["output"]
    stated["start"] = _start(stated["start"], folder)
    stated["stages"] = tuple(_stage(stage, folder) for stage in stated["stages"])
    weights = stated.get("weights", "full")
    stated["weights"] = None if weights == "full" else Lora(**weights["lora"])
    return TrainConfig(**stated)


def _start(stated: Mapping[str, Any], folder: Path) -> Start:
    from contextgen.training.config import Start

    found = {name: _local(stated[name], folder) for name in ("model", "adapter") if name in stated}
    return Start(**found, new=stated.get("new"))


def _local(name: str, folder: Path) -> str:
    """An alias or a hub id as it is; a path relative to the file."""
    from contextgen.weights.checkpoints import ALIASES, local_path

    path = folder / local_path(name)
    return str(path) if name not in ALIASES and path.exists() else name


def _stage(stated: Mapping[str, Any], folder: Path) -> Stage:
    """A stage whose objective takes its own settings; those of other objectives say nothing to it."""
    from contextgen.training.config import OBJECTIVES, Flow, Optimizer, Samples, Stage

    kind = OBJECTIVES[stated.get("objective", Flow.name)]
    settings = {field.name for field in fields(kind)}
    made = {name: stated[name] for name in {field.name for field in fields(Stage)} & stated.keys()}
    made["objective"] = kind(**{name: stated[name] for name in settings & stated.keys()})
    if "optimizer" in stated:
        made["optimizer"] = Optimizer(**_frozen(stated["optimizer"]))
    if "samples" in stated:
        made["samples"] = Samples(**stated["samples"])
    if "data" in stated:
        made["data"] = _data(stated["data"], folder)
    return Stage(**made)


def _data(stated: Mapping[str, Any], folder: Path) -> SynthData | ImigData:
    from contextgen.training.config import Folder, ImigData, SynthData

    if "synth" in stated:
        return SynthData(**_frozen(stated["synth"]))
    folders = [Folder(**{**item, "path": _below(item["path"], folder)}) for item in stated["imig"]["folders"]]
    return ImigData(**{**_frozen(stated["imig"]), "folders": tuple(folders)})


def _below(path: str | list[str], folder: Path) -> Path | tuple[Path, ...]:
    return tuple(folder / each for each in path) if isinstance(path, list) else folder / path


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
