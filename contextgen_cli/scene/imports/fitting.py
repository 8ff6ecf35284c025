"""What of an import fits into scenes of ours: what does not is left out by name, so that what is written validates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from contextgen_cli.scene import limits
from contextgen_cli.scene.check.image_files import ImageError, header
from contextgen_cli.scene.imports.foreign_values import MalformedError
from contextgen_cli.scene.imports.imported import Imported
from contextgen_cli.scene.parse.scalars import control_character
from contextgen_cli.scene.scene import Scene, Size


class Budget:
    """How many pixels of masks are still drawn for pictures that are not there: their size is only stated."""

    def __init__(self) -> None:
        self._left = limits.IMPORTED_PIXELS

    def spend(self, found: Imported) -> None:
        """
        Raises:
            MalformedError: it does not suffice.
        """
        pictures = {reference.mask: reference.image for reference in found.scene.references}
        unseen = [mask.size for mask in found.masks if not _is_of_size(pictures[mask.path], mask.size)]
        pixels = sum(size.width * size.height for size in unseen)
        if pixels > self._left:
            most = f"more than {limits.IMPORTED_PIXELS // 10**6} megapixels of masks"
            raise MalformedError(f"its picture is not there, and for such {most} are not drawn")
        self._left -= pixels


def fitted(found: Imported, budget: Budget) -> Imported:
    """The import with no more subjects than a scene holds.

    Raises:
        MalformedError: it can be no scene.
    """
    fault = _fault(found.scene)
    if fault is not None:
        raise MalformedError(fault)
    fitting = _largest_subjects(found)
    budget.spend(fitting)
    return fitting


def _fault(scene: Scene) -> str | None:
    """What keeps a scene from being read again."""
    if not scene.prompt.strip():
        return "its prompt is empty"
    if len(scene.prompt) > limits.PROMPT_LETTERS:
        return f"its prompt has more than {limits.PROMPT_LETTERS:,} letters"
    if any(map(control_character, [scene.prompt, *map(str, scene.files)])):
        return "a control character is in its prompt or in a file's name"
    return None


def _largest_subjects(found: Imported) -> Imported:
    """The import with no more instances than a scene may have: the largest, and what belongs to them."""
    scene = found.scene
    if len(scene.instances) <= limits.INSTANCES:
        return found
    by_size = sorted(range(len(scene.instances)), key=lambda index: scene.instances[index].box.area, reverse=True)
    kept = tuple(scene.instances[index] for index in sorted(by_size[: limits.INSTANCES]))
    used = {instance.reference for instance in kept}
    references = tuple(reference for reference in scene.references if reference.name in used)
    masks = {reference.mask for reference in references}
    left = f"{len(scene.instances) - len(kept)} of {len(scene.instances)} subjects, the smallest"
    return replace(
        found,
        scene=replace(scene, instances=kept, references=references),
        masks=tuple(mask for mask in found.masks if mask.path in masks),
        left_out=(*found.left_out, f"{scene.name}: left out {left}: a scene holds {limits.INSTANCES} at most"),
    )


def _is_of_size(picture: Path, size: Size) -> bool:
    try:
        return header(picture).size == size
    except ImageError:
        return False
