"""Job -> picture. `contextgen` is imported only once a command needs it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from contextgen.pictures.turning import flipped_and_rotated, rotated_size
from contextgen_cli.batch.plan import Job, JobCost, Plan, Recipe
from contextgen_cli.errors import DeviceError, OutOfMemory, SceneError, WeightsError
from contextgen_cli.models import devices, error_translation
from contextgen_cli.models.catalogue import alias_of, ill_suited
from contextgen_cli.models.devices import Device, Footprint, choose_device, footprint
from contextgen_cli.models.loading import Model, check_here, find_model, open_painter
from contextgen_cli.models.numerics import DTYPES, Settings
from contextgen_cli.records.output import Composition
from contextgen_cli.scene.check.images import look_at, look_at_layout, open_layout, open_placed

if TYPE_CHECKING:
    from PIL.Image import Image

    from contextgen.backends.base import Backend, Painter, Picture, Seen, Silhouette
    from contextgen.backends.choices import Numerics
    from contextgen.method.layout import Instance
    from contextgen_cli.scene.scene import PlacedReference, Scene, Size

_log = logging.getLogger(__name__)


class ModelRenderer:
    """Finds models, says what pictures will cost, and paints them; it keeps one model open at a time."""

    def __init__(
        self, settings: Settings, presets: Mapping[str, str] | None = None, elsewhere: Device | None = None
    ) -> None:
        """
        Args:
            presets: which memory preset was chosen for a model by its name; one not in it is chosen on opening.
            elsewhere: the device of those who will paint, where this process only plans for them.
        """
        settings.refuse_contradictions()
        self._settings = settings
        self._plans_only = elsewhere is not None
        self._device = elsewhere or choose_device(settings.device)
        if settings.parallel is not None:
            devices.check_together(self._device, settings.parallel.processes)
        self._models: dict[str, Model] = {}
        self._numerics: dict[str, Numerics] = {}
        self.presets: dict[str, str] = dict(presets or {})
        self._reduced: dict[str, tuple[int, str]] = {}  # pictures from so many bytes on take a smaller preset
        self._open: tuple[str, str, Painter] | None = None  # the model's name, its preset, and it

    @property
    def device(self) -> str:
        return self._device.name

    def recipe(self, scene: Scene) -> Recipe:
        """How `scene` will be painted; its model is found, not opened.

        Raises:
            UsageError: the model cannot be painted with as the settings say.
        """
        model = self._model_of(scene)
        numerics = self._numerics_of(model)
        card = model.backend.card
        guidance = None if "sampling.guidance" in model.backend.capabilities.refused else card.guidance
        return Recipe(model.weights, model.adapter_weights, numerics.to_record(), card.steps, guidance)

    def cost(self, scene: Scene) -> JobCost:
        """What one picture of `scene` will take."""
        from contextgen.backends.base import Sketch

        model = self._model_of(scene)
        _check_canvas(scene, model)
        numerics = self._numerics_of(model)
        silhouettes = tuple(_silhouette(scene, instance) for instance in scene.instances)
        steps = scene.sampling.steps or model.backend.card.steps
        sketch = Sketch(silhouettes, scene.canvas.width, scene.canvas.height, steps)
        try:
            cost = model.backend.cost(sketch, numerics)
        except ValueError as problem:
            raise SceneError(f"{scene.name}: {problem}") from problem
        return JobCost(cost.tokens, cost.tflop, cost.numbers * DTYPES[numerics.dtype])

    def notes(self, plan: Plan) -> list[str]:
        """What was chosen for the models of a plan where something was left open."""
        models = {job.recipe.model.name: self._model_of(job.scene) for job in plan.jobs}
        return list(dict.fromkeys(words for model in models.values() for words in model.notes))

    def warnings(self, plan: Plan, size: Size | None = None) -> list[str]:
        """What is probably not meant: a base that nothing has taught to keep identities, an ill-suited `size` that
        nobody has held against the models, as it is none of the scenes' own."""
        models = {job.recipe.model.name: self._model_of(job.scene) for job in plan.jobs}
        found = [words for model in models.values() for words in model.warnings]
        for name, card in ((name, model.backend.card) for name, model in models.items()):
            if size is not None and not card.fits(size.width, size.height):
                near = "x".join(map(str, card.nearest_canvas(size.width, size.height)))
                found.append(f"{ill_suited(name, card, size.width, size.height)}: try --size {near}")
        return found

    def footprints(self, plan: Plan, ranks: int = 1) -> dict[str, Footprint]:
        """The memory that each model of the plan will take, by name, where so many ranks on this host have one each.

        Raises:
            DeviceError: one cannot fit.
        """
        largest: dict[str, Job] = {}
        for job in plan.jobs:
            name = job.recipe.model.name
            largest[name] = max(largest.get(name, job), job, key=lambda job: job.cost.bytes)
        processes = 1 if self._plans_only else devices.sharers(self._settings.device, ranks)
        return {name: self._footprint(job, processes) for name, job in largest.items()}

    def open(self, job: Job) -> None:
        """Open the job's model, unless it is open already.

        Raises:
            WeightsError: its weights are not those that the job was planned with.
            DeviceError: it does not fit.
        """
        model = self._model_of(job.scene)
        if (model.weights.digest, model.adapter_weights) != (job.recipe.model.digest, job.recipe.adapters):
            raise WeightsError(
                f"{model.weights.name} has other weights here than where the plan was made",
                hint="Give every host the same files.",
            )
        name, preset = model.weights.name, self._preset(model, job)
        if self._open is None or self._open[:2] != (name, preset):
            self._open = None  # two models need not fit at once
            devices.give_back_memory()
            began = time.monotonic()
            with error_translation.opening():
                self._open = name, preset, open_painter(model, self._settings, self._device, preset)
            how = f"{self._device.name}, {self._numerics_of(model).dtype}, --memory {preset}"
            _log.info("%s: opened in %.1f s (%s)", name, time.monotonic() - began, how)

    def reduce_memory(self, job: Job) -> str:
        """After a picture had too little memory: give back what is cached, and open its model so that less of it stays
        on the device, where there is a smaller preset; the words for it. Pictures that take less go on as before.

        Raises:
            OutOfMemory: no smaller preset can be opened either.
        """
        name, presets = job.recipe.model.name, self._model_of(job.scene).backend.capabilities.memory
        _, preset = self._reduced.get(name, (0, self.presets.get(name, "full")))
        while (smaller := devices.smaller_preset(self._device, preset, presets)) is not None:
            self._reduced[name] = job.cost.bytes, smaller
            with contextlib.suppress(DeviceError):
                self.open(job)
                return f"--memory {smaller} for pictures of this size"
            preset = smaller
        if self._open is None:
            del self._reduced[name]  # the next picture may have less to hold
            raise OutOfMemory(f"not enough device memory for this picture, not even with --memory {preset}")
        self._open[-1].free_caches()
        devices.give_back_memory()
        return "caches emptied"

    def peak_bytes(self) -> int | None:
        """The most memory in use on the device since this was asked last; of this process so far, on a CPU."""
        return devices.peak_bytes(self._device)

    def render(self, job: Job, on_step: Callable[[int], None]) -> Image:
        """Paint one picture with the open model; `on_step` hears how many steps are done."""
        assert self._open is not None
        *_, painter = self._open
        with error_translation.painting():
            return painter.paint(picture_of(job.scene, job.steps, job.seed), on_step)

    def composition(self, job: Job) -> Composition:
        """What the model sees of a job's references."""
        seen = _seen(job.scene, self._model_of(job.scene).backend)
        return Composition(seen.layout, seen.inputs)

    def _model_of(self, scene: Scene) -> Model:
        asked = self._settings.model or alias_of(scene)
        name = asked if isinstance(asked, str) else asked.name
        if name not in self._models:
            with error_translation.opening():
                self._models[name] = find_model(asked, self._settings.adapters, offline=self._settings.offline)
        return self._models[name]

    def _numerics_of(self, model: Model) -> Numerics:
        """How the model's pictures are computed; whether they can be is seen once."""
        name = model.weights.name
        if name not in self._numerics:
            check_here(model, self._settings, self._device)
            self._numerics[name] = model.numerics(self._settings, self._device)
        return self._numerics[name]

    def _footprint(self, job: Job, processes: int = 1) -> Footprint:
        model = self._model_of(job.scene)
        numerics = self._numerics_of(model)
        with error_translation.opening():
            resident = model.backend.resident(numerics, self._device.name)
        memory, dtype = self._settings.memory, numerics.dtype
        chosen = footprint(self._device, memory, dtype, resident, job.cost.bytes, processes)
        self.presets[model.weights.name] = chosen.memory
        return chosen

    def _preset(self, model: Model, job: Job) -> str:
        name = model.weights.name
        if name not in self.presets:
            self._footprint(job)  # on a host of its own; the most expensive job comes first
        large, smaller = self._reduced.get(name, (0, ""))
        return smaller if smaller and job.cost.bytes >= large else self.presets[name]


def readings(scene: Scene) -> tuple[str, ...]:
    """How files of a scene are read otherwise than by version 0.1.0, whose pictures of it are others then."""
    used = {instance.reference for instance in scene.instances}
    looks = [look_at(reference) for reference in scene.references if reference.name in used]
    layout = () if scene.layout is None else look_at_layout(scene.layout).readings
    return tuple(sorted({*layout, *(how for look in looks for how in look.readings)}))


def compose(scene: Scene, backend: Backend) -> Image:
    """The layout image of a scene as a model sees it (RGBA); no torch."""
    return _seen(scene, backend).layout


def _seen(scene: Scene, backend: Backend) -> Seen:
    try:
        return backend.seen(picture_of(scene, steps=1, seed=0))
    except ValueError as problem:
        raise SceneError(f"{scene.name}: {problem}") from problem


def picture_of(scene: Scene, steps: int, seed: int) -> Picture:
    """A scene with its files opened."""
    from contextgen.backends.base import Picture

    return Picture(
        scene.prompt,
        tuple(_instance(scene, placed) for placed in scene.instances),
        scene.canvas.width,
        scene.canvas.height,
        steps,
        scene.sampling.guidance,
        seed,
        None if scene.layout is None else open_layout(scene.layout),
    )


def _instance(scene: Scene, placed: PlacedReference) -> Instance:
    from contextgen.method.layout import Instance

    image, mask = open_placed(scene.reference(placed.reference), placed)
    if image.mode == "L":
        image = image.convert("RGB")
    image.putalpha(mask)  # a mask of its own would be read again, as one that nobody has seen
    return Instance(image, None, placed.box.pixels, placed.fit.value)


def _silhouette(scene: Scene, placed: PlacedReference) -> Silhouette:
    from contextgen.backends.base import Silhouette

    look = look_at(scene.reference(placed.reference))
    mask = flipped_and_rotated(look.silhouette, placed.flip and placed.flip.value, placed.rotate)
    size = rotated_size((look.size.width, look.size.height), placed.rotate)
    return Silhouette(mask, size, placed.box.pixels, placed.fit.value)


def _check_canvas(scene: Scene, model: Model) -> None:
    """A canvas that `--size` has made is seen by nobody before."""
    step, (width, height) = model.backend.card.token_side, (scene.canvas.width, scene.canvas.height)
    if width % step or height % step:
        near = "x".join(str(max(1, round(side / step)) * step) for side in (width, height))
        raise SceneError(
            f"{scene.name}: the canvas {scene.canvas} is no multiple of {step} px",
            hint=f"{model.weights.name} reads {step} px a token: change `canvas`, or give --size {near}.",
        )
