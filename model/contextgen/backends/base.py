"""The border that every family of models stands behind: what is asked of it, and what it says it can do. No torch.

A family is a `Backend`, made for one model folder. Before weights load it checks the folder, reads its card, prices
pictures; then it opens a `Painter`. It is found by the `_class_name` of the folder (`contextgen.backends.families`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from contextgen.backends.choices import DTYPES, ContextParallel, Numerics
from contextgen.weights.card import Card, read_card
from contextgen.weights.model_folder import check_folder, components
from contextgen.weights.safetensors_files import weight_files

if TYPE_CHECKING:
    from PIL.Image import Image

    from contextgen.backends.tokenization import PromptTokens
    from contextgen.method.layout import Instance
    from contextgen.method.placement import Edges


@dataclass(frozen=True)
class Picture:
    """One picture to paint.

    Attributes:
        instances: back to front.
        width, height: in pixels.
        guidance: None: the family has none.
        layout: the user's own composite (RGBA: alpha is what is given); None: one is made of the instances.
    """

    prompt: str
    instances: tuple[Instance, ...]
    width: int
    height: int
    steps: int
    guidance: float | None
    seed: int
    layout: Image | None = None


@dataclass(frozen=True)
class Silhouette:
    """An instance before its picture is opened: enough for a price.

    Attributes:
        mask: L, where the subject is; a thumbnail will do.
        size: width and height of the picture, in pixels.
        box: left, top, right, bottom on the canvas, in pixels.
        fit: as `contextgen.method.layout.Instance` has it.
    """

    mask: Image
    size: tuple[int, int]
    box: Edges
    fit: str


@dataclass(frozen=True)
class Sketch:
    """A picture before its files are opened: `instances` back to front, `width` and `height` in pixels."""

    instances: tuple[Silhouette, ...]
    width: int
    height: int
    steps: int


@dataclass(frozen=True)
class Cost:
    """The price of one picture.

    Attributes:
        tokens: rows that enter the transformer.
        tflop: of all denoising steps, a multiply-add counted as two; text encoders and VAE are not in it.
        numbers: the most numbers that live beside the weights at one time (an estimate); times the dtype's bytes
            they are memory.
    """

    tokens: int
    tflop: float
    numbers: int


@dataclass(frozen=True)
class Seen:
    """What a model is given of a picture: the layout image (RGBA, transparent where nothing is given), and its
    references, one an instance, back to front."""

    layout: Image
    inputs: tuple[Image, ...]


@dataclass(frozen=True)
class Capabilities:
    """What a family can do, and what of a scene it cannot honour. What it cannot do is refused by name.

    Attributes:
        layout: how it takes where things go: `context` (masks and composite), `composite` (a picture), `table` (rows
            in the prompt).
        most_references, most_instances: None: as many as fit.
        smallest_reference: sides of a reference below this are refused, in pixels.
        unsupported: keys of a scene that it cannot honour, such as `layout` or `instances.fit`, with the reason.
        adapters: whether a LoRA can be put on.
        parallel: the ways in which processes share a picture.
        memory: the presets that it has, of `LEAST_MEMORY_LAST`.
        text_cache: whether encoded prompts can be kept on the disk.
        guidance: whether it has a guidance scale.
        replays: whether a seed gives the same bytes again.
    """

    layout: str
    most_references: int | None = None
    most_instances: int | None = None
    smallest_reference: int = 1
    unsupported: Mapping[str, str] = field(default_factory=dict)
    adapters: bool = False
    parallel: tuple[str, ...] = ()
    memory: tuple[str, ...] = ("full",)
    text_cache: bool = False
    guidance: bool = True
    replays: bool = True

    @property
    def refused(self) -> Mapping[str, str]:
        """`unsupported`, and the guidance of a family that has none."""
        none = {} if self.guidance else {"sampling.guidance": "it has no guidance scale"}
        return {**self.unsupported, **none}


@dataclass(frozen=True)
class Adapter:
    """A LoRA on the disk.

    Attributes:
        path: file or folder.
        scale: how many times its update counts, beside the strength that it states itself.
    """

    path: Path
    scale: float = 1.0


@dataclass(frozen=True)
class AdapterFit:
    """How an adapter fits a model.

    Attributes:
        changed, layers: how many of the transformer's matrices it changes, and of how many.
        changes_method: it changes every one that the method's own adapter does.
        is_zero: it changes nothing.
        strength: of a strength that version 0.1.0 read as another one, a digest; else empty.
    """

    changed: int
    layers: int
    changes_method: bool = True
    is_zero: bool = False
    strength: str = ""


@dataclass(frozen=True)
class Opening:
    """How a model is opened.

    Attributes:
        device: torch's name of it.
        memory: one of the family's presets; `auto` where none is chosen yet.
        adapters: put on in this order.
        text_cache: a folder for encoded prompts.
        weights: digest of the model's files, which is part of what a cache is found by.
        name: what the model is called, for messages.
    """

    numerics: Numerics
    device: str
    memory: str = "full"
    adapters: tuple[Adapter, ...] = ()
    parallel: ContextParallel | None = None
    text_cache: Path | None = None
    weights: str = ""
    name: str = "the model"


class Painter(Protocol):
    """An open model."""

    def paint(self, picture: Picture, on_step: Callable[[int], None]) -> Image:
        """One picture, RGB; `on_step` hears how many steps are done.

        Raises:
            ValueError: the picture cannot be painted as it is.
        """

    def free_caches(self) -> None:
        """Give back what was kept for later pictures."""


class Backend(ABC):
    """A family of models, and one model folder of it.

    Attributes:
        name: of the family, for people.
        numerics: how its pictures can be computed.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    card_kind: ClassVar[type[Card]] = Card
    numerics: ClassVar[type[Numerics]] = Numerics

    def __init__(self, folder: Path | None) -> None:
        """`folder`: None for the family's released model where it is not on this machine: only its card is known."""
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where the model lies."""
        assert self._folder is not None, "the model is not on this machine"
        return self._folder

    @property
    def is_released_only(self) -> bool:
        """Whether nothing is known but the card of the family's released model, which is not on this machine."""
        return self._folder is None

    @cached_property
    def card(self) -> Card:
        """How the model wants to be addressed.

        Raises:
            contextgen.weights.card.MalformedCard: its `contextgen.json` is none.
        """
        return self.card_kind() if self._folder is None else self.read_card()

    def read_card(self) -> Card:
        """The card of the folder."""
        return read_card(self.card_kind, self.folder)

    def check(self) -> None:
        """Refuse a folder of which something is missing or broken, before anything loads.

        Raises:
            contextgen.weights.checkpoint_errors.CheckpointError: names the part.
        """
        check_folder(self.folder)

    def check_weights(self) -> None:
        """Refuse weights of which a tensor is missing, not used, or not finite, once `check` has passed.

        Every number is read, and torch imported: `open` refuses the same while it loads.

        Raises:
            contextgen.weights.checkpoint_errors.CheckpointError: names the file and the tensor.
        """
        from contextgen.backends.finite import check_numbers

        for part in (self.folder / name for name in components(self.folder)):
            if any(part.glob("*.safetensors")):
                check_numbers(weight_files(part))

    def check_adapter(self, path: Path) -> AdapterFit:
        """Refuse an adapter that does not fit, and say how it does; asked where the capabilities have adapters.

        Raises:
            contextgen.weights.checkpoint_errors.CheckpointError: names the keys.
        """
        raise NotImplementedError

    def check_opening(self, opening: Opening) -> None:  # noqa: B027  most families have nothing to refuse
        """Refuse what this model or this machine cannot do, before anything loads.

        Raises:
            contextgen.backends.unsupported.NotOffered: choices exclude each other, or this model lacks one.
            contextgen.backends.unsupported.Unsupported: what a choice needs is not on this machine.
        """

    def warnings(self, adapters: Sequence[AdapterFit]) -> list[str]:
        """What is probably not meant of the model with these adapters, in words that follow its name."""
        return []

    def read_prompt(self, prompt: str) -> PromptTokens | None:
        """What the model reads of a prompt, by its own tokenizer; None: nothing is known, and nothing is said of it.

        Raises:
            contextgen.weights.checkpoint_errors.CheckpointError: the tokenizer is broken.
        """
        return None

    @abstractmethod
    def parts(self) -> Mapping[str, int]:
        """How many numbers each component holds."""

    def resident(self, numerics: Numerics, device: str) -> Mapping[str, int]:
        """Bytes of weights that stay on a device, by memory preset; on a CPU or where memory is shared only `full`."""
        return {"full": sum(self.parts().values()) * DTYPES[numerics.dtype]}

    @abstractmethod
    def cost(self, sketch: Sketch, numerics: Numerics) -> Cost:
        """What a picture takes.

        Raises:
            ValueError: the canvas or a mask is not what the model can take.
        """

    @abstractmethod
    def seen(self, picture: Picture) -> Seen:
        """What the model is given of a picture; no weights are read.

        Raises:
            ValueError: as `cost`.
        """

    @abstractmethod
    def open(self, opening: Opening) -> Painter:
        """Load the weights.

        Raises:
            contextgen.weights.checkpoint_errors.CheckpointError, contextgen.backends.unsupported.Unsupported, OSError,
            ValueError: they cannot be used.
        """
