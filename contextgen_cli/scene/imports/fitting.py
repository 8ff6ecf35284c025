"""What of an import fits into scenes of ours: what does not is left out by name, so that what is written validates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from contextgen_cli.scene import limits
from contextgen_cli.scene.check.image_files import ImageError, header
from contextgen_cli.scene.check.problems import shown
from contextgen_cli.scene.imports.imported import Imported, MalformedError
from contextgen_cli.scene.parse.scalars import control_character
from contextgen_cli.scene.scene import Scene, Size

_TOLD = 3  # faults, where nothing is left


def fitting(imported: Iterable[Imported]) -> list[Imported]:
    """The scenes that can be written, with no more subjects than one holds; the first has a note of each left out.

    Raises:
        MalformedError: there were some, but none can be written; or their masks are too large to be drawn.
    """
    kept, faults = [], []
    for found in imported:
        fault = _fault(found.scene)
        if fault is None:
            kept.append(_largest_subjects(found))
        else:
            faults += [f"left out {found.scene.name}: {fault}", *found.notes]
    if faults and not kept:
        raise MalformedError("; ".join(faults[:_TOLD]))
    _refuse_large_drawings(kept)
    return [replace(kept[0], notes=(*faults, *kept[0].notes)), *kept[1:]] if faults else kept


def _fault(scene: Scene) -> str | None:
    """What keeps a scene from being read again."""
    if not scene.instances:
        return "it has no subject with a box on the picture"
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
    files = {path for reference in references for path in (reference.image, reference.mask)}
    left = f"{len(scene.instances) - len(kept)} of {len(scene.instances)} subjects, the smallest"
    return replace(
        found,
        scene=replace(scene, instances=kept, references=references),
        masks=tuple(mask for mask in found.masks if mask.path in files),
        missing=tuple(path for path in found.missing if path in files),
        notes=(*found.notes, f"{scene.name}: left out {left}: a scene holds {limits.INSTANCES} at most"),
    )


def _refuse_large_drawings(scenes: Iterable[Imported]) -> None:
    """Masks are drawn in the size that the file states: where there is no such picture, only so many pixels are."""
    pixels = 0
    for found in scenes:
        pictures = {reference.mask: reference.image for reference in found.scene.references}
        for mask in found.masks:
            picture = pictures[mask.path]
            pixels += 0 if _is_of_size(picture, mask.size) else mask.size.width * mask.size.height
            if pixels > limits.IMPORTED_PIXELS:
                most = f"masks of more than {limits.IMPORTED_PIXELS // 10**6} megapixels would be drawn"
                raise MalformedError(f"{most} for pictures that are not there in that size, such as {shown(picture)}")


def _is_of_size(picture: Path, size: Size) -> bool:
    try:
        return header(picture).size == size
    except ImageError:
        return False
