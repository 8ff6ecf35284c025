"""What a training run is told: the only place of its defaults. No torch.

`schemas/train.schema.json` says the same for a file, and tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

PRECISIONS = ("bf16", "float32")
ATTENTIONS = ("masked", "exact")
OPTIMIZERS = ("adamw", "prodigy")


def _check_choice(what: str, chosen: str, known: Sequence[str]) -> None:
    if chosen not in known:
        raise ValueError(f"unknown {what} {chosen!r}: use one of {', '.join(known)}")


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
        betas: None for those that the optimizer's library has.
        warmup: steps of a linear rise from 0.
        final_rate: share of the rate that a cosine ends at; 1 keeps the rate.
    """

    name: str = "adamw"
    learning_rate: float | None = None
    weight_decay: float = 0.01
    betas: tuple[float, float] | None = None
    warmup: int = 0
    final_rate: float = 1.0

    def __post_init__(self) -> None:
        _check_choice("optimizer", self.name, OPTIMIZERS)


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
    """A data set on the disk, or several that are one side of the mix, and its weight there."""

    path: Path | tuple[Path, ...]
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
class Denoising:
    """What `flow` and `dpo` share: both train the transformer on pictures with noise.

    Attributes:
        attention: `masked` computes a batch at once, `exact` sample by sample without what nobody reads.
        text_drop: how often the caption is emptied.
        logit_mean, logit_std: of the normal distribution whose sigmoid is the time t; a larger mean has more noise.
        box_weight: extra weight in the loss of the canvas tokens that a box touches.
        gradient_checkpointing: activations are computed twice, to save memory.
    """

    attention: str = "masked"
    text_drop: float = 0.2
    logit_mean: float = 0.0
    logit_std: float = 1.0
    box_weight: float = 0.0
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        _check_choice("attention", self.attention, ATTENTIONS)


@dataclass(frozen=True)
class Flow(Denoising):
    """Rectified flow to the target. `draws`: how many noises and times a sample is trained with at once."""

    name: ClassVar[str] = "flow"
    draws: int = 1


@dataclass(frozen=True)
class Dpo(Denoising):
    """Diffusion-DPO: the target preferred to the layout image. `beta`: the pull towards the frozen model."""

    name: ClassVar[str] = "dpo"
    beta: float = 1250.0


@dataclass(frozen=True)
class Codec:
    """The picture codec alone."""

    name: ClassVar[str] = "codec"


@dataclass(frozen=True)
class Text:
    """New text encoders alone, which learn a background's colours from its caption."""

    name: ClassVar[str] = "text"


OBJECTIVES = {kind.name: kind for kind in (Flow, Dpo, Codec, Text)}


@dataclass(frozen=True)
class Stage:
    """One part of a run; it begins with the weights (their average, if one is kept) the part before it ended with.

    Attributes:
        objective: what is minimised, with the settings that it alone has.
        batch: samples of one canvas size that a process takes a step, times `accumulate`.
        clip: the largest norm of a gradient.
        ema: decay of the averaged weights, which are what is saved; None keeps none.
    """

    name: str
    steps: int
    objective: Flow | Dpo | Codec | Text = Flow()
    batch: int = 16
    accumulate: int = 1
    optimizer: Optimizer = Optimizer()
    clip: float = 0.5
    ema: float | None = None
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
        _check_choice("precision", self.precision, PRECISIONS)
        elsewhere = self.train_text_encoders or any(isinstance(stage.objective, Codec | Text) for stage in self.stages)
        if self.weights is not None and elsewhere:
            raise ValueError("a low-rank adapter changes the transformer only: neither text encoders nor a codec")
