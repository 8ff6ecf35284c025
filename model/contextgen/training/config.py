"""What a training run is told: the only place of its defaults. No torch.

`schemas/train.schema.json` says the same for a file, and tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

FORMAT_VERSION = 1
PRECISIONS = ("bf16", "float32")
OBJECTIVES = ("flow", "dpo", "codec", "text")
ATTENTIONS = ("masked", "exact")
OPTIMIZERS = ("adamw", "prodigy")


@dataclass(frozen=True)
class Start:
    """Where the weights come from: a model with or without an adapter, or a new model of a geometry.

    Attributes:
        model: an alias, a folder or a hub id.
        adapter: fused into the weights; under LoRA it is the adapter that is trained on.
        new: the geometry of an untrained model (`contextgen.training.new_model`), in place of `model`.
    """

    model: str | None = None
    adapter: str | None = None
    new: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Lora:
    """A low-rank adapter in place of full weights (released: rank = alpha = 512)."""

    rank: int = 512
    alpha: float = 512


@dataclass(frozen=True)
class Optimizer:
    """How weights move.

    Attributes:
        learning_rate: None for 1e-4 (adamw) or 1 (prodigy, which finds its own).
        warmup: steps of a linear rise from 0.
        final_rate: share of the rate that a cosine ends at; 1 keeps the rate.
    """

    name: str = "adamw"
    learning_rate: float | None = None
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    warmup: int = 0
    final_rate: float = 1.0


@dataclass(frozen=True)
class SynthData:
    """Procedural scenes (`contextgen.data.stream`).

    Attributes:
        levels: level -> share.
        sizes: width, height, share.
        counts: the fewest and the most instances.
        hints: what the layout shows of an instance -> share.
    """

    levels: Mapping[str, float] = field(default_factory=lambda: {"plain": 1.0})
    sizes: tuple[tuple[int, int, float], ...] = ((256, 256, 1.0),)
    counts: tuple[int, int] = (1, 4)
    hints: Mapping[str, float] = field(default_factory=lambda: {"plain": 1.0})


@dataclass(frozen=True)
class Folder:
    """A data set on the disk and its share of the mix."""

    path: Path
    weight: float = 1.0


@dataclass(frozen=True)
class ImigData:
    """Folders in IMIG-100K's formats (`data.imig`), every target resized to `size` (width, height)."""

    folders: tuple[Folder, ...]
    size: tuple[int, int] = (768, 768)


@dataclass(frozen=True)
class Samples:
    """Sheets of pictures painted on the way: every so many steps, so many fixed scenes."""

    every: int = 500
    scenes: int = 8
    steps: int = 20


@dataclass(frozen=True)
class Stage:
    """One part of a run; it begins with the weights (their average, if one is kept) the part before it ended with.

    Attributes:
        batch: samples of one canvas size that a process takes a step, times `accumulate`.
        attention: `masked` computes a batch at once, `exact` sample by sample without what nobody reads.
        clip: the largest norm of a gradient.
        draws: how many noises and times a sample of `flow` is trained with at once.
        text_drop: how often the caption is emptied.
        logit_mean, logit_std: of the normal distribution whose sigmoid is the time t; a larger mean has more noise.
        box_weight: extra weight in the loss of the canvas tokens that a box touches.
        ema: decay of the averaged weights, which are what is saved; None keeps none.
        beta: of DPO, the strength of the pull towards the frozen model.
    """

    name: str
    steps: int
    objective: str = "flow"
    batch: int = 16
    accumulate: int = 1
    attention: str = "masked"
    optimizer: Optimizer = Optimizer()
    clip: float = 0.5
    draws: int = 1
    text_drop: float = 0.2
    logit_mean: float = 0.0
    logit_std: float = 1.0
    box_weight: float = 0.0
    gradient_checkpointing: bool = False
    ema: float | None = None
    beta: float = 1250.0
    data: SynthData | ImigData = field(default_factory=SynthData)
    samples: Samples | None = None
    checkpoint_every: int = 500


@dataclass(frozen=True)
class TrainConfig:
    """A whole run. `output` receives checkpoints, samples, metrics and the finished model.

    Attributes:
        weights: None trains all weights, else a low-rank adapter of the transformer.
        workers: processes that prepare samples; 0 prepares them in the training process.
    """

    output: Path
    start: Start
    stages: tuple[Stage, ...]
    seed: int = 0
    precision: str = "bf16"
    weights: Lora | None = None
    train_text_encoders: bool = False
    workers: int = 2
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("at least one stage is needed")
        if (self.start.model is None) == (self.start.new is None):
            raise ValueError("a run starts from either a model or a new one")
        for stage in self.stages:
            if stage.draws > 1 and stage.objective != "flow":
                raise ValueError(f"stage {stage.name}: draws is for the objective flow, and not {stage.objective}")
        elsewhere = self.train_text_encoders or any(stage.objective in ("codec", "text") for stage in self.stages)
        if self.weights is not None and elsewhere:
            raise ValueError("a low-rank adapter changes the transformer only: neither text encoders nor a codec")


def resume_fingerprint(config: TrainConfig, stage: int) -> dict[str, Any]:
    """What has determined the weights up to some step of a stage, as JSON types.

    Whatever may change between two runs of one training is left out: the stage's length, later stages, how often
    something is saved or shown, and where models and data lie.
    """
    stages = [replace(past, samples=None, checkpoint_every=1) for past in config.stages[: stage + 1]]
    stages[stage] = replace(stages[stage], steps=0)
    start = replace(config.start, model=_last(config.start.model), adapter=_last(config.start.adapter))
    told = replace(config, output=Path(), start=start, stages=tuple(stages), workers=0, tensorboard=False)
    return {key: _as_json(value) for key, value in asdict(told).items()}


def _last(path: str | None) -> str | None:
    return None if path is None else Path(path).name


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return value.name if isinstance(value, Path) else value
