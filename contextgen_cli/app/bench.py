"""A benchmark, and a model to be measured by it -> its metrics: the border to `contextgen.evaluation`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen_cli.app import metric_table
from contextgen_cli.errors import UsageError
from contextgen_cli.models import error_translation
from contextgen_cli.models.devices import choose_device
from contextgen_cli.models.loading import Model, find_model, open_painter
from contextgen_cli.models.numerics import ABLATIONS, Settings
from contextgen_cli.records import output
from contextgen_cli.records.record import adapters_to_record

if TYPE_CHECKING:
    from PIL.Image import Image

    from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
    from contextgen.evaluation.benchmark import Result, Row
    from contextgen.evaluation.cases import Case
    from contextgen.evaluation.extent import BenchmarkExtent, Listing

FIGURES, SHEET = "figures.json", "sheet.png"
_ON_SHEET = 24  # cases, shared among the levels


def benchmarks() -> Mapping[str, Listing]:
    """The benchmarks by name."""
    from contextgen.evaluation.registry import BENCHMARKS

    return BENCHMARKS


@dataclass(frozen=True)
class OpenModel:
    """A model with its weights loaded, and where it computes."""

    model: Model
    pipe: ContextGenPipeline
    device: str
    dtype: str

    def record(self) -> dict[str, object]:
        """Which model it is, as JSON."""
        return {
            "model": asdict(self.model.weights),
            "adapter": adapters_to_record(self.model.adapter_weights),
            "device": self.device.split(":")[0],
            "dtype": self.dtype,
        }


def open_model(settings: Settings) -> OpenModel:
    """Find a model, by default the embedded one, and load it.

    Raises:
        ContextgenError: it is not there, broken, or does not fit.
    """
    error_translation.quieten()
    from contextgen.backends.flux_kontext.painter import FluxPainter
    from contextgen.weights.checkpoints import ALIASES, DEFAULT

    device = choose_device(settings.device)
    with error_translation.opening():
        model = find_model(settings.model or ALIASES[DEFAULT], settings.adapters, offline=settings.offline)
        painter = open_painter(model, settings, device, "full")
    if not isinstance(painter, FluxPainter):
        raise UsageError(
            f"{model.weights.name}: {model.backend.name} cannot be measured yet", hint="Name another --model."
        )
    return OpenModel(model, painter.pipe, device.name, model.numerics(settings, device).dtype)


@dataclass(frozen=True, slots=True)
class Trial:
    """What to measure: a benchmark, how much of it, and what to switch off beside the whole model."""

    benchmark: str
    extent: BenchmarkExtent
    ablations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """How much to measure, as asked for; None and nothing leave it to the benchmark."""

    level: tuple[str, ...]
    scenes: int | None
    steps: int | None
    ablation: tuple[str, ...]
    quick: bool

    def trial(self, benchmark: str) -> Trial:
        """What that comes to: what is named beats `quick`, which beats the benchmark's usual extent."""
        listing = benchmarks()[benchmark]
        usual = listing.quick if self.quick else listing.usual
        extent = replace(
            usual,
            levels=tuple(dict.fromkeys(self.level)) or usual.levels,
            scenes=self.scenes or usual.scenes,
            steps=self.steps or usual.steps,
        )
        switched_off = ABLATIONS if "all" in self.ablation else tuple(dict.fromkeys(self.ablation))
        return Trial(benchmark, extent, switched_off)


class Bench:
    """A model at a benchmark.

    Attributes:
        results: what has been measured so far.
        pictures: how many will be.
    """

    def __init__(self, settings: Settings, trial: Trial) -> None:
        self._trial = trial
        self._open = open_model(settings)
        from contextgen.evaluation.benchmark import SECONDS
        from contextgen.evaluation.registry import open_benchmark
        from contextgen.evaluation.systems import model_systems

        self._benchmark = open_benchmark(trial.benchmark, trial.extent)
        self._metrics = (*self._benchmark.metrics, SECONDS)
        self._name = self._open.model.weights.name
        painted = model_systems(self._open.pipe, self._name, trial.extent.steps, trial.ablations)
        self._systems = [*painted, *self._benchmark.comparisons(self._open.pipe)]
        self.pictures = self._benchmark.count * len(self._systems)
        self.results: list[Result] = []
        self._shown: dict[str, list[tuple[Case, Image]]] = {}

    def measure(self) -> Iterator[Result]:
        """Measure one picture after another."""
        from contextgen.evaluation.benchmark import measured

        with error_translation.painting():
            for one in measured(self._benchmark, self._systems):
                self.results.append(one.result)
                shown = self._shown.setdefault(one.case.groups[0], [])
                if one.result.system == self._name and len(shown) < max(1, _ON_SHEET // len(self._trial.extent.levels)):
                    shown.append((one.case, one.picture))
                yield one.result

    def setting(self) -> dict[str, object]:
        """What the metrics are of, as JSON."""
        extent = self._trial.extent
        return {
            **self._open.record(),
            "steps": extent.steps or self._open.model.backend.card.steps,
            "scenes": extent.scenes,
        }

    def records(self) -> list[dict[str, object]]:
        """The aggregates as JSON."""
        return metric_table.records(self._rows())

    def tables(self) -> list[metric_table.Table]:
        """The aggregates for a person."""
        return list(metric_table.tables(self._metrics, self._rows(), self._benchmark.heading))

    def save(self, folder: Path) -> list[Path]:
        """Write figures and sheet, and return their paths.

        Raises:
            OutputError: they cannot be written.
        """
        content = {"version": 1, **self.setting(), "rows": self.records()}
        files = {folder / FIGURES: (json.dumps(content, indent=2) + "\n").encode()}
        if shown := [pair for level in self._shown.values() for pair in level]:
            files[folder / SHEET] = output.encode(self._benchmark.sheet(shown))
        output.write_all(files)
        return list(files)

    def _rows(self) -> list[Row]:
        from contextgen.evaluation.benchmark import rows

        return rows(self._metrics, self.results)


def refuse_earlier_figures(folder: Path) -> None:
    """Refuse a folder that holds another run's figures.

    Raises:
        UsageError: it does.
    """
    for name in (FIGURES, SHEET):
        if (folder / name).exists():
            raise UsageError(f"{folder / name} is there already", hint="Give another folder with -o.")
