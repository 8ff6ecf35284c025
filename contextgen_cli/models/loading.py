"""A model: found, known by its files, checked against what is asked of it, opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contextgen_cli.errors import OutputError, UsageError
from contextgen_cli.models import error_translation
from contextgen_cli.models.devices import Device, default_dtype
from contextgen_cli.models.digests import cached_digest
from contextgen_cli.models.numerics import AdapterChoice, Settings
from contextgen_cli.records.record import AdapterWeights, Weights

if TYPE_CHECKING:
    from contextgen.backends.base import AdapterFit, Backend, Opening, Painter
    from contextgen.backends.choices import Numerics
    from contextgen.weights.checkpoints import Alias


@dataclass(frozen=True)
class FoundAdapter:
    """An adapter on the disk that fits its model: where it lies, how it fits, and what it is known by."""

    path: Path
    fit: AdapterFit
    weights: AdapterWeights

    @property
    def note(self) -> str:
        """Which of a folder's files it is, and how much of the model it changes."""
        file = "" if self.path.name == self.weights.name else f" ({self.path.name})"
        return f"adapter {self.weights.called}{file} changes {self.fit.changed} of {self.fit.layers} layers"


@dataclass(frozen=True)
class Model:
    """A model on the disk: its family at its folder, and what it is known by; its adapters in their order."""

    backend: Backend
    weights: Weights
    adapters: tuple[FoundAdapter, ...] = ()

    @property
    def adapter_weights(self) -> tuple[AdapterWeights, ...]:
        """What a picture remembers of the adapters."""
        return tuple(adapter.weights for adapter in self.adapters)

    @property
    def notes(self) -> list[str]:
        """What was chosen where something was left open, and what it comes to."""
        return [adapter.note for adapter in self.adapters]

    @property
    def warnings(self) -> list[str]:
        """What is probably not meant."""
        zeros = [each.weights.called for each in self.adapters if each.fit.is_zero]
        told = [
            f"{self.weights.name}: {words}" for words in self.backend.warnings([each.fit for each in self.adapters])
        ]
        return [*(f"adapter {name} changes nothing: its matrices are zero" for name in zeros), *told]

    def numerics(self, settings: Settings, device: Device) -> Numerics:
        """How its pictures will be computed.

        Raises:
            UsageError: its family does not have what is asked for.
        """
        _refuse_unknown(self, settings)
        return self.backend.numerics(**{"dtype": default_dtype(device), **dict(settings.numerics)})  # type: ignore[arg-type]


def check_here(model: Model, settings: Settings, device: Device) -> None:
    """Refuse what this model or this machine cannot do, before anything is loaded.

    Raises:
        UsageError: choices exclude each other, or the model does not have them.
        EnvironmentProblem: what a choice needs is not here, or the cache is no folder.
    """
    opening = _opening(model, settings, device, settings.memory)
    with error_translation.opening():
        model.backend.check_opening(opening)
    if settings.cache is not None and Path(settings.cache).exists() and not Path(settings.cache).is_dir():
        raise OutputError(f"--cache {settings.cache} is a file", hint="Give a folder, which need not be there yet.")


def open_painter(model: Model, settings: Settings, device: Device, memory: str) -> Painter:
    """A model, its weights loaded; `memory` says how much of them stays on the device."""
    error_translation.quieten()
    check_here(model, settings, device)
    if settings.cache is not None:
        _make(Path(settings.cache))
    return model.backend.open(_opening(model, settings, device, memory))


def _opening(model: Model, settings: Settings, device: Device, memory: str) -> Opening:
    from contextgen.backends.base import Adapter, Opening

    return Opening(
        model.numerics(settings, device),
        device.name,
        memory,
        tuple(Adapter(each.path, each.weights.scale) for each in model.adapters),
        settings.parallel,
        None if settings.cache is None else Path(settings.cache),
        model.weights.digest,
        model.weights.name,
    )


def find_model(asked: str | Alias, adapters: Sequence[AdapterChoice] | None, *, offline: bool) -> Model:
    """Find a model and its adapters by path, alias or hub id, and read its card; of an alias its own where none is
    asked for.

    Raises:
        UsageError: an adapter, for a model whose family takes none.
        contextgen.weights.checkpoint_errors.CheckpointError: something is missing or broken.
    """
    from contextgen.backends.families import backend_of
    from contextgen.weights import checkpoints

    name = asked if isinstance(asked, str) else asked.name
    alias = checkpoints.ALIASES.get(asked) if isinstance(asked, str) else asked
    folder = checkpoints.locate(alias or name, offline=offline)
    backend = backend_of(folder)
    backend.check()
    public = _public_name(name) if alias is None else name
    model = Model(backend, Weights(public, _digest(folder)))
    assert backend.card  # a malformed one is told now
    if adapters is None:
        own = alias is not None and alias.adapter is not None
        adapters = (AdapterChoice(checkpoints.OWN_ADAPTER),) * own
    if adapters and not backend.capabilities.adapters:
        raise _not_offered(model, "--adapter")
    return replace(model, adapters=tuple(_find_adapter(each, asked, backend, offline) for each in adapters))


def _find_adapter(choice: AdapterChoice, model: str | Alias, backend: Backend, offline: bool) -> FoundAdapter:
    from contextgen.weights import checkpoints

    name = checkpoints.adapter_named(choice.name, model)
    path = checkpoints.find_adapter(name, offline=offline)
    fit = backend.check_adapter(path)
    return FoundAdapter(path, fit, AdapterWeights(_public_name(name), _digest(path), choice.scale, fit.strength))


def recorded_numerics(settings: Settings, record: Mapping[str, Any]) -> tuple[tuple[str, object], ...]:
    """How a picture says that it was computed, as `Settings.numerics`; the settings name its model.

    Raises:
        ValueError: the model's family does not know it.
        WeightsError: the model is not here.
    """
    from contextgen.backends.families import backend_of
    from contextgen.weights.checkpoints import locate

    with error_translation.opening():
        backend = backend_of(locate(str(settings.model), offline=settings.offline))
    return tuple(vars(backend.numerics.from_record(record)).items())


def _refuse_unknown(model: Model, settings: Settings) -> None:
    """Refuse options that mean nothing to the model's family."""
    can, known = model.backend.capabilities, {each.name for each in fields(model.backend.numerics)}
    for name, _ in settings.numerics:
        if name not in known:
            raise _not_offered(model, f"--{name.replace('_', '-')}")
    if settings.parallel is not None and settings.parallel.way not in can.parallel:
        raise _not_offered(model, f"--parallel {settings.parallel}")
    if settings.memory not in ("auto", *can.memory):
        raise _not_offered(model, f"--memory {settings.memory}")
    if settings.cache is not None and not can.text_cache:
        raise _not_offered(model, "--cache")


def _not_offered(model: Model, option: str) -> UsageError:
    family = model.backend.name
    return UsageError(f"{option} is not for {model.weights.name}: {family} does not have it", hint="Leave it out.")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the cache folder {folder} cannot be made: {error.strerror}", hint="Give another --cache."
        ) from error


def _digest(path: Path) -> str:
    from contextgen.weights.model_folder import digest, sha256_of

    return digest(path, lambda file: cached_digest(file, sha256_of))


def _public_name(name: str) -> str:
    """A name that tells nothing of the machine: a folder's last part, or the alias or hub id as it is."""
    from contextgen.weights import checkpoints

    path = checkpoints.local_path(name)
    return path.resolve().name if path.exists() else name
