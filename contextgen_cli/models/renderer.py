"""Job -> picture. `contextgen` is imported only once a command needs it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contextgen_cli.batch.plan import Job, JobCost, Plan, Recipe
from contextgen_cli.errors import DeviceError, OutOfMemory, SceneError, UsageError, WeightsError
from contextgen_cli.models import devices, error_translation
from contextgen_cli.models.catalogue import alias_of, limits
from contextgen_cli.models.devices import DTYPES, QUANTIZED, Footprint, choose_device, default_dtype, footprint
from contextgen_cli.models.loading import Model, check_here, find_model, open_pipeline
from contextgen_cli.models.numerics import Settings
from contextgen_cli.records.output import Composition
from contextgen_cli.scene.check.images import open_layout, open_reference, silhouette

if TYPE_CHECKING:
    from PIL.Image import Image

    from contextgen.method.layout import Instance, Outline, PreparedReference
    from contextgen.weights.card import ModelCard
    from contextgen_cli.scene.scene import PlacedReference, Scene


class ModelRenderer:
    """Finds models, says what pictures will cost, and paints them; it keeps one model open at a time."""

    def __init__(self, settings: Settings, presets: Mapping[str, str] | None = None) -> None:
        """`presets` says which memory preset was chosen for a model by its name; one not in it is chosen on opening."""
        settings.refuse_contradictions()
        self._settings = settings
        self._device = choose_device(settings.device)
        if settings.parallel is not None:
            devices.check_together(self._device, settings.parallel.processes)
        self._dtype = settings.dtype or default_dtype(self._device)
        self._models: dict[str, Model] = {}
        self.presets: dict[str, str] = dict(presets or {})
        self._reduced: dict[str, tuple[int, str]] = {}  # pictures from so many bytes on take a smaller preset
        self._open: tuple[str, str, Any] | None = None  # the model's name, its preset, its pipeline

    @property
    def device(self) -> str:
        return self._device.name

    def recipe(self, scene: Scene) -> Recipe:
        """How `scene` will be painted; its model is found, not opened.

        Raises:
            UsageError: the model cannot be painted with as the settings say.
        """
        model, settings = self._model_of(scene), self._settings
        _check_settings(model, settings)
        with error_translation.opening():
            check_here(settings, self._device)
        return Recipe(
            model=model.weights,
            adapter=model.adapter,
            dtype=self._dtype,
            attention=settings.attention,
            ica=settings.ica,
            steps=model.card.steps,
            guidance=model.card.guidance,
            approximations=settings.approximations,
            compiled=settings.compile,
        )

    def cost(self, scene: Scene) -> JobCost:
        """What one picture of `scene` will take."""
        from contextgen.backends.flux_kontext.cost import predict
        from contextgen.method.sequence import Placement, arrange

        model = self._model_of(scene)
        _check_canvas(scene, model)
        card, canvas = model.card, (scene.canvas.width, scene.canvas.height)
        outlines = [_outline(scene, instance, card, canvas) for instance in scene.instances]
        sequence = arrange(outlines, [Placement(each.box.pixels) for each in scene.instances], canvas, card)
        steps = scene.sampling.steps or card.steps
        cost = predict(model.folder, sequence, steps, self._settings.attention, self._settings.ica, card)
        return JobCost(cost.tokens, cost.tflop, cost.numbers * DTYPES[self._dtype])

    def warnings(self, plan: Plan) -> list[str]:
        """What is probably not meant: a base that nothing has taught to keep identities, an ill-suited canvas."""
        models = {job.recipe.model.name: self._model_of(job.scene) for job in plan.jobs}
        untaught = [
            f"{name}: no adapter is given, and the model says nothing of ContextGen: it will not keep identities"
            for name, model in models.items()
            if not model.knows_method
        ]
        canvases = {(job.recipe.model.name, job.scene.canvas): job.scene for job in reversed(plan.jobs)}
        ill_suited = [
            _ill_suited(scene, models[name].card, name)
            for (name, canvas), scene in reversed(canvases.items())
            if not models[name].card.fits(canvas.width, canvas.height)
        ]
        return untaught + ill_suited

    def footprints(self, plan: Plan, ranks: int = 1) -> dict[str, Footprint]:
        """The memory that each model of the plan will take, by name, where so many ranks on this host have one each.

        Raises:
            DeviceError: one cannot fit.
        """
        largest: dict[str, Job] = {}
        for job in plan.jobs:
            name = job.recipe.model.name
            largest[name] = max(largest.get(name, job), job, key=lambda job: job.cost.bytes)
        processes = devices.sharers(self._settings.device, ranks)
        return {name: self._footprint(job, processes) for name, job in largest.items()}

    def open(self, job: Job) -> None:
        """Open the job's model, unless it is open already.

        Raises:
            WeightsError: its weights are not those that the job was planned with.
            DeviceError: it does not fit.
        """
        model = self._model_of(job.scene)
        if (model.weights.digest, model.adapter) != (job.recipe.model.digest, job.recipe.adapter):
            raise WeightsError(
                f"{model.weights.name} has other weights here than where the plan was made",
                hint="Give every host the same files.",
            )
        name, preset = model.weights.name, self._preset(model, job)
        if self._open is None or self._open[:2] != (name, preset):
            self._open = None  # two models need not fit at once
            devices.give_back_memory()
            with error_translation.opening():
                self._open = name, preset, open_pipeline(model, self._settings, self._device, self._dtype, preset)

    def reduce_memory(self, job: Job) -> str:
        """After a picture had too little memory: give back what is cached, and open its model so that less of it stays
        on the device, where there is a smaller preset; the words for it. Pictures that take less go on as before.

        Raises:
            OutOfMemory: no smaller preset can be opened either.
        """
        name = job.recipe.model.name
        _, preset = self._reduced.get(name, (0, self.presets.get(name, "full")))
        while (smaller := devices.smaller_preset(self._device, preset)) is not None:
            self._reduced[name] = job.cost.bytes, smaller
            with contextlib.suppress(DeviceError):
                self.open(job)
                return f"--memory {smaller} for pictures of this size"
            preset = smaller
        if self._open is None:
            del self._reduced[name]  # the next picture may have less to hold
            raise OutOfMemory(f"not enough device memory for this picture, not even with --memory {preset}")
        self._open[-1].empty_caches()
        devices.give_back_memory()
        return "caches emptied"

    def peak_bytes(self) -> int | None:
        """The most memory in use on the device since this was asked last; of this process so far, on a CPU."""
        return devices.peak_bytes(self._device)

    def render(self, job: Job, on_step: Callable[[int], None]) -> Image:
        """Paint one picture with the open model; `on_step` hears how many steps are done."""
        assert self._open is not None
        *_, pipe = self._open

        def step_ended(pipe: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
            on_step(step + 1)
            return values

        with error_translation.painting():
            image: Image = pipe(
                job.scene.prompt,
                instances=_instances(job.scene),
                layout=None if job.scene.layout is None else open_layout(job.scene.layout),
                height=job.scene.canvas.height,
                width=job.scene.canvas.width,
                num_inference_steps=job.steps,
                guidance_scale=job.scene.sampling.guidance,
                seed=job.seed,
                callback_on_step_end=step_ended,
            ).images[0]
        return image

    def composition(self, job: Job) -> Composition:
        """What the model sees of a job's references."""
        instances = _instances(job.scene)
        prepared = _prepared(job.scene, instances, self._model_of(job.scene).card)
        return Composition(_layout(job.scene, instances, prepared), tuple(reference.image for reference in prepared))

    def _model_of(self, scene: Scene) -> Model:
        asked = self._settings.model or alias_of(scene)
        name = asked if isinstance(asked, str) else asked.name
        if name not in self._models:
            with error_translation.opening():
                self._models[name] = find_model(asked, self._settings.adapter, offline=self._settings.offline)
        return self._models[name]

    def _footprint(self, job: Job, processes: int = 1) -> Footprint:
        model = self._model_of(job.scene)
        with error_translation.opening():
            parts = model.parts()
        if self._settings.quantize is not None and self._device.name != "cpu":  # there it is loaded whole, then rounded
            bytes_a_number = QUANTIZED[self._settings.quantize]
            parts["transformer"] = int(parts["transformer"] * bytes_a_number / DTYPES[self._dtype])
        chosen = footprint(self._device, self._settings.memory, self._dtype, parts, job.cost.bytes, processes)
        self.presets[model.weights.name] = chosen.memory
        return chosen

    def _preset(self, model: Model, job: Job) -> str:
        name = model.weights.name
        if name not in self.presets:
            self._footprint(job)  # on a host of its own; the dearest job comes first
        large, smaller = self._reduced.get(name, (0, ""))
        return smaller if smaller and job.cost.bytes >= large else self.presets[name]


def compose(scene: Scene, card: ModelCard) -> Image:
    """The layout image of a scene as a model with `card` sees it (RGBA); no torch."""
    instances = _instances(scene)
    return _layout(scene, instances, _prepared(scene, instances, card))


def _prepared(scene: Scene, instances: Sequence[Instance], card: ModelCard) -> list[PreparedReference]:
    from contextgen.method.layout import prepare_reference

    prepared = []
    for instance, placed in zip(instances, scene.instances, strict=True):
        try:
            prepared.append(prepare_reference(instance, card, scene.canvas.width, scene.canvas.height))
        except ValueError as problem:
            raise SceneError(f"{scene.reference(placed.reference).image}: {problem}") from problem
    return prepared


def _outline(scene: Scene, placed: PlacedReference, card: ModelCard, canvas: tuple[int, int]) -> Outline:
    from contextgen.method.layout import foresee

    reference = scene.reference(placed.reference)
    mask, size = silhouette(reference)
    try:
        return foresee(mask, (size.width, size.height), placed.box.pixels, placed.fit.value, card, canvas)
    except ValueError as problem:
        raise SceneError(f"{reference.image}: {problem}") from problem


def _layout(scene: Scene, instances: Sequence[Instance], prepared: Sequence[PreparedReference]) -> Image:
    from contextgen.method import layout

    width, height = scene.canvas.width, scene.canvas.height
    if scene.layout is not None:
        return layout.given_layout(open_layout(scene.layout), width, height).image
    return layout.compose(prepared, instances, width, height).image


def _instances(scene: Scene) -> list[Instance]:
    from contextgen.method.layout import Instance

    opened = [open_reference(scene.reference(instance.reference)) for instance in scene.instances]
    return [
        Instance(image, mask, placed.box.pixels, placed.fit.value)
        for (image, mask), placed in zip(opened, scene.instances, strict=True)
    ]


def _ill_suited(scene: Scene, card: ModelCard, model: str) -> str:
    width, height = card.similar_canvas(scene.canvas.width, scene.canvas.height)
    return (
        f"{scene.name}: {model} was made for {', '.join(limits(card))}, and {scene.canvas} is none of these: "
        f"try --size {width}x{height}, which scales the boxes along, or another --model"
    )


def _check_settings(model: Model, settings: Settings) -> None:
    name = model.weights.name
    if settings.cache_steps == "mag" and model.card.mag_ratios is None:
        raise UsageError(
            f"{name} does not say what --cache-steps mag must know of it",
            hint="Measure it with `contextgen bench calibrate`, or take another --cache-steps.",
        )
    sharing = settings.parallel
    if sharing is not None and sharing.way == "ulysses" and model.heads % sharing.processes:
        raise UsageError(
            f"--parallel {sharing} deals out whole attention heads, and {name} has {model.heads}",
            hint="Give a number that divides them, or --parallel ring.",
        )


def _check_canvas(scene: Scene, model: Model) -> None:
    side = model.card.token_side
    if scene.canvas.width % side or scene.canvas.height % side:
        raise SceneError(
            f"{scene.name}: the canvas {scene.canvas} is no multiple of {side} px",
            hint=f"{model.weights.name} reads {side} px a token: change `canvas`, or give another --size.",
        )
