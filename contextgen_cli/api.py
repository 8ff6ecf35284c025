"""For Python: scene files, and pictures that remember them, read and written as the command line does.

    pipe = ContextGenPipeline.from_pretrained("mini")
    scene = load_scene("picnic.yaml")
    picture = pipe(**scene.arguments()).images[0]
    save_picture(picture, "picnic.png", scene, pipe)

Errors are those of `contextgen_cli.errors`, each with `message` and `hint`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen_cli.batch.plan import Files, Job, JobCost, Overrides, Recipe, job_record, plan
from contextgen_cli.errors import SceneError, UsageError
from contextgen_cli.models import catalogue, error_translation
from contextgen_cli.models.loading import find_model
from contextgen_cli.models.numerics import AdapterChoice
from contextgen_cli.models.renderer import picture_of, readings
from contextgen_cli.records.output import Destination, encode, write
from contextgen_cli.scene.check.problems import Problem, as_text
from contextgen_cli.scene.loader import LoadOptions, load
from contextgen_cli.scene.scene import Scene

if TYPE_CHECKING:
    from PIL.Image import Image

    from contextgen import ContextGenPipeline

__all__ = ["LoadedScene", "SceneWarning", "load_scene", "load_scenes", "save_picture"]

_UNPRICED = JobCost(0, 0.0, 0)  # it is painted already


class SceneWarning(UserWarning):
    """Something in a scene file is probably not meant."""


@dataclass(frozen=True)
class LoadedScene:
    """A scene of a file, checked, with its images read when they are asked for.

    Attributes:
        scene: what the file says, every default filled in; boxes in pixels, paths absolute.
    """

    scene: Scene

    @property
    def name(self) -> str:
        return self.scene.name

    @property
    def prompt(self) -> str:
        return self.scene.prompt

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.scene.canvas.width, self.scene.canvas.height

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.scene.seeds

    def arguments(self, seed: int | None = None) -> dict[str, object]:
        """What a `ContextGenPipeline` is called with, for the first of the scene's seeds unless another is given.

        Raises:
            SceneError: an image cannot be read any more.
        """
        sampling = self.scene.sampling
        picture = picture_of(self.scene, sampling.steps or 0, self.seeds[0] if seed is None else seed)
        return {
            "prompt": picture.prompt,
            "instances": list(picture.instances),
            "layout": picture.layout,
            "width": picture.width,
            "height": picture.height,
            "num_inference_steps": sampling.steps,
            "guidance_scale": sampling.guidance,
            "seed": picture.seed,
        }


def load_scene(path: str | Path) -> LoadedScene:
    """The one scene of a file.

    Raises:
        SceneError: there is no such file, something in it is wrong (the message has every problem with its place), or
            it holds several scenes.

    Warns:
        SceneWarning: what `contextgen validate` warns of.
    """
    scenes = _load([path])
    if len(scenes) > 1:
        names = ", ".join(scene.name for scene in scenes[:3])
        raise SceneError(f"{path} holds {len(scenes)} scenes, {names} …", hint="Use load_scenes, which gives them all.")
    return scenes[0]


def load_scenes(*paths: str | Path) -> list[LoadedScene]:
    """The scenes of files, folders and globs, in order.

    Raises:
        SceneError: as `load_scene`, but for several scenes.
    """
    return _load(paths)


def save_picture(
    image: Image,
    path: str | Path,
    scene: LoadedScene,
    pipe: ContextGenPipeline,
    *,
    seed: int | None = None,
    replace: bool = False,
) -> Path:
    """Write what `pipe` painted of `scene.arguments(seed)` as a PNG that remembers both, as `contextgen render` does:
    `contextgen inspect` shows it, `contextgen replay` paints it again, and `render` knows the job as done.

    Args:
        seed: as given to `arguments`.
        replace: write over another picture of that name.

    Raises:
        UsageError: the path is no .png or holds another picture, the picture is not the scene's size, or the pipeline
            was not loaded by `from_pretrained`.
        OutputError: it cannot be written.
    """
    target = Destination.parse(str(path))
    if target.file is None:
        raise UsageError(f"{path}: a picture is a PNG file", hint="Let its name end in .png.")
    if image.size != scene.size:
        raise UsageError(f"the picture is {image.size}, and {scene.name} is {scene.size}")
    job = _job(scene.scene, pipe, seed)
    if not replace:
        target.refuse_another(job.id)
    write(target.file, encode(image, job_record(job)))
    return target.file


def _job(scene: Scene, pipe: ContextGenPipeline, seed: int | None) -> Job:
    loaded = pipe.loaded
    if loaded is None:
        raise UsageError("nobody knows which weights this pipeline has", hint="Load it by from_pretrained.")
    adapters = tuple(AdapterChoice(*each) for each in loaded.adapters)
    with error_translation.opening():
        model = find_model(loaded.model, adapters, offline=True)
    recipe = Recipe(
        model.weights, model.adapter_weights, pipe.numerics.to_record(), pipe.card.steps, pipe.card.guidance
    )
    overrides = Overrides(seeds=(scene.seeds[0] if seed is None else seed,))
    (job,) = plan([scene], overrides, lambda _: recipe, lambda _: _UNPRICED, files=Files(readings_of=readings)).jobs
    return job


def _load(paths: Sequence[str | Path]) -> list[LoadedScene]:
    loaded = load([str(path) for path in paths], LoadOptions(deep=True, models=catalogue.aliases()))
    if loaded.errors:
        raise SceneError(_told(loaded.errors))
    if loaded.warnings:
        warnings.warn(_told(loaded.warnings), SceneWarning, stacklevel=3)
    return [LoadedScene(scene) for scene in loaded.scenes]


def _told(problems: Sequence[Problem]) -> str:
    return "\n".join(map(as_text, problems))
