"""A model -> its figures: the border to `contextgen.evaluation`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contextgen_cli.errors import UsageError
from contextgen_cli.models import error_translation
from contextgen_cli.models.devices import choose_device
from contextgen_cli.models.loading import Model, find_model, open_painter
from contextgen_cli.models.numerics import Settings
from contextgen_cli.records import output

if TYPE_CHECKING:
    from contextgen.evaluation.aggregate import Rate
    from contextgen.evaluation.benchmark import Measured, Result, Row

LEVELS = ("plain", "complex", "flexible", "blurred", "silhouette", "absent")
ABLATIONS = ("no-ica", "ica-everywhere", "no-layout", "no-offsets")
FIGURES, SHEET = "figures.json", "sheet.png"
_ON_SHEET = 24  # scenes, shared among the levels
_DIGITS = 4
_COLUMNS = ("answer", "I-SR %", "SR %", "mIoU", "ground %", "PSNR in/out", "SSIM in/out", "s")


@dataclass(frozen=True, slots=True)
class Trial:
    """What to measure: levels, scenes of each, steps (None: the model's own), what to switch off."""

    levels: tuple[str, ...] = LEVELS
    scenes: int = 200
    steps: int | None = None
    ablations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One level's figures in words."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass
class Findings:
    """What has been measured so far."""

    results: list[Result] = field(default_factory=list)
    shown: list[Measured] = field(default_factory=list)

    def add(self, one: Measured, trial: Trial, model: str) -> None:
        """Keep the figures, and the picture if it is for the sheet."""
        self.results.append(one.result)
        if one.result.answer == model and one.result.number < max(1, _ON_SHEET // len(trial.levels)):
            self.shown.append(one)

    def records(self) -> list[dict[str, Any]]:
        """The averages as JSON: numbers rounded, null for what cannot be said."""
        return [{"level": row.level, "answer": row.answer, **_plain(asdict(row.averages))} for row in self._rows()]

    def tables(self) -> list[Table]:
        """The averages for a person, a table for each level."""
        return [_table(level, list(rows)) for level, rows in groupby(self._rows(), key=lambda row: row.level)]

    def _rows(self) -> list[Row]:
        from contextgen.evaluation.benchmark import rows

        return rows(self.results)


class Bench:
    """One model, opened to be measured."""

    def __init__(self, settings: Settings, trial: Trial) -> None:
        self._settings, self._trial = settings, trial
        self._device = choose_device(settings.device)
        with error_translation.opening():
            self.model = _find(settings)
            painter: Any = open_painter(self.model, settings, self._device, "full")
        self._pipe = painter.pipe
        self.findings = Findings()

    @property
    def pictures(self) -> int:
        """How many will be measured."""
        return len(self._answers()) * len(self._trial.levels) * self._trial.scenes

    def measure(self) -> Iterator[Measured]:
        """Measure one picture after another."""
        from contextgen.evaluation.benchmark import measured

        with error_translation.painting():
            for one in measured(self._answers(), self._trial.levels, self._trial.scenes):
                self.findings.add(one, self._trial, self.model.weights.name)
                yield one

    def setting(self) -> dict[str, Any]:
        """What the figures are of."""
        weights, adapter = self.model.weights, self.model.adapter
        return {
            "model": asdict(weights),
            "adapter": None if adapter is None else asdict(adapter),
            "device": self._device.name.split(":")[0],
            "dtype": self.model.numerics(self._settings, self._device).dtype,
            "steps": self._trial.steps or self.model.backend.card.steps,
            "scenes": self._trial.scenes,
        }

    def _answers(self) -> list[Any]:
        from contextgen.evaluation.systems import comparisons, model_systems

        painted = model_systems(self._pipe, self.model.weights.name, self._trial.steps, self._trial.ablations)
        return [*painted, *comparisons(self._pipe)]


def refuse_earlier_figures(folder: Path) -> None:
    """Refuse a folder that holds another run's figures.

    Raises:
        UsageError: it does.
    """
    for name in (FIGURES, SHEET):
        if (folder / name).exists():
            raise UsageError(f"{folder / name} is there already", hint="Give another folder with -o.")


def save(folder: Path, bench: Bench) -> list[Path]:
    """Write figures and sheet, and return their paths.

    Raises:
        OutputError: they cannot be written.
    """
    from contextgen.evaluation.sheet import contact_sheet

    content = {"version": 1, **bench.setting(), "rows": bench.findings.records()}
    files = {folder / FIGURES: (json.dumps(content, indent=2) + "\n").encode()}
    if bench.findings.shown:
        sheet = contact_sheet([(one.scene, one.picture) for one in bench.findings.shown])
        files[folder / SHEET] = output.encode(sheet)
    output.write_all(files)
    return list(files)


def _table(level: str, rows: Sequence[Row]) -> Table:
    first = rows[0].averages
    asked = first.instance_success.count
    heading = f"{level}: {first.scenes} scenes, {asked} objects and {first.hidden} too hidden to ask for"
    return Table(heading, _COLUMNS, tuple(_cells(row) for row in rows))


def _cells(row: Row) -> tuple[str, ...]:
    found = row.averages
    return (
        row.answer,
        _per_cent(found.instance_success),
        _per_cent(found.scene_success),
        f"{found.overlap:.3f}",
        _per_cent(found.background),
        f"{found.psnr_boxes:.1f} {found.psnr_outside:.1f}",
        f"{found.ssim_boxes:.2f} {found.ssim_outside:.2f}",
        "" if found.seconds is None else f"{found.seconds:.2f}",
    )


def _per_cent(rate: Rate) -> str:
    """A rate and the longer arm of its 95 % interval."""
    reach = max(rate.high - rate.share, rate.share - rate.low)
    return f"{100 * rate.share:.1f} ±{100 * reach:.0f}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, _DIGITS)
    return value


def _find(settings: Settings) -> Model:
    from contextgen.weights.checkpoints import ALIASES, DEFAULT

    return find_model(settings.model or ALIASES[DEFAULT], settings.adapter, offline=settings.offline)


def known(names: Sequence[str]) -> tuple[str, ...]:
    """Ablations as asked for, `all` spelled out, each once."""
    return ABLATIONS if "all" in names else tuple(dict.fromkeys(names))
