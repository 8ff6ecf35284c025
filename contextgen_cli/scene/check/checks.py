"""What a scene means, beyond what the schema can say: names, boxes, order. No file is opened here."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

from contextgen_cli.scene import limits
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.suggestions import did_you_mean
from contextgen_cli.scene.drafting import Draft
from contextgen_cli.scene.parse.nodes import KeyPath, descendant, items, key_spot, spot
from contextgen_cli.scene.parse.odd_letters import remark
from contextgen_cli.scene.scene import Box, Reference, Size


def check(draft: Draft, report: ProblemCollector, models: Collection[str] | None = None) -> None:
    """Report everything that is wrong or doubtful about a document's meaning; `models`: the known aliases."""
    _references_declared(draft, report)
    _references_used(draft, report)
    _references_distinct(draft, report)
    _masks_apart(draft, report)
    for index in draft.instances:
        _box(draft, index, report)
        _covered(draft, index, report)
    _seed_range(draft, report)
    if models is not None:
        _model_known(draft, models, report)


def _references_declared(draft: Draft, report: ProblemCollector) -> None:
    declared = _declared(draft)
    if declared is None:
        return  # which is said already; the names may be right
    for index, instance in draft.instances.items():
        if instance.reference not in declared:
            at = spot(draft.root, "instances", index, "reference")
            hint = partial(_declared_names, instance.reference, declared)
            message = f"no reference is named `{instance.reference}`{remark(instance.reference)}"
            report.error("unknown-reference", message, at, hint)


def _declared_names(name: str, declared: Collection[str]) -> str:
    return did_you_mean(name, declared) or f"declared: {', '.join(declared) or 'none'}"


def _references_used(draft: Draft, report: ProblemCollector) -> None:
    listed = descendant(draft.root, "instances")
    if listed is None or not draft.instances or len(items(listed)) > len(draft.instances):
        return  # a broken instance may be the one that uses the name
    used = {instance.reference for instance in draft.instances.values()}
    for name in draft.references:
        if name not in used:
            at = key_spot(draft.root, "references", name)
            hint = "use it in an instance, or remove it"
            report.warning("unused-reference", f"no instance uses the reference `{name}`", at, hint)


def _references_distinct(draft: Draft, report: ProblemCollector) -> None:
    by_content: dict[object, Reference] = {}
    by_spelling: dict[str, Reference] = {}
    for name, reference in draft.references.items():
        content = (_normal(reference.image), _normal(reference.mask), reference.crop)
        same = by_content.setdefault(content, reference)
        similar = by_spelling.setdefault(name.lower().replace("-", "_"), reference)
        if same is reference and similar is reference:
            continue
        at = key_spot(draft.root, "references", name)
        if same is not reference:
            hint = f"an instance may use `{same.name}` again"
            report.warning("same-reference", f"`{name}` is the same picture as `{same.name}`", at, hint)
        if similar is not reference:
            message = f"`{name}` and `{similar.name}` differ only in spelling"
            report.warning("similar-names", message, at, "choose names that cannot be mistaken")


def _masks_apart(draft: Draft, report: ProblemCollector) -> None:
    for name, reference in draft.references.items():
        if reference.mask is not None and _normal(reference.mask) == _normal(reference.image):
            hint = "give a picture that is white on the subject, or leave `mask` out to use the transparency"
            at = spot(draft.root, "references", name, "mask")
            report.warning("mask-is-image", "the mask is the same file as the image", at, hint)


def _normal(path: Path | None) -> str | None:
    return os.path.normpath(path) if path is not None else None


def _declared(draft: Draft) -> list[str] | None:
    """The names of the references; None where `references` is missing or no mapping."""
    references = descendant(draft.root, "references")
    return list(references.value) if references is not None and isinstance(references.value, dict) else None


def _box(draft: Draft, index: int, report: ProblemCollector) -> None:
    assert draft.canvas is not None  # else there are no instances
    box, canvas = draft.instances[index].box, draft.canvas
    at = spot(draft.root, "instances", index, "box")
    width, height = box.right - box.left, box.bottom - box.top
    if not box.covers_pixels:
        hint = "right must be greater than left, and bottom greater than top, by a pixel at least"
        report.error("box-without-area", f"the box is {width:g} x {height:g} px", at, hint)
    elif box.area > limits.BOX_PIXELS:
        message = f"the box is {width:g} x {height:g} px, larger than any canvas"
        report.error("box-too-large", message, at, "make it smaller, or crop the reference")
    elif _on_canvas(Box(*box.pixels), canvas) is None:
        message = f"the box lies outside the canvas of {canvas}: {_edges(box)}"
        report.error("box-outside-canvas", message, at)
    else:
        if box.left < 0 or box.top < 0 or box.right > canvas.width or box.bottom > canvas.height:
            message = f"the box sticks out of the canvas of {canvas}: {_edges(box)}"
            report.warning("box-beyond-canvas", message, at, "what is outside is cut off")


def _edges(box: Box) -> str:
    return f"left {box.left:g}, top {box.top:g}, right {box.right:g}, bottom {box.bottom:g}"


def _covered(draft: Draft, index: int, report: ProblemCollector) -> None:
    assert draft.canvas is not None  # else there are no instances
    seen = _on_canvas(draft.instances[index].box, draft.canvas)
    later = [draft.instances[other].box for other in draft.instances if other > index]
    if seen is not None and not any(_uncovered(seen, later)):
        hint = "instances are drawn back to front: move it down the list, or move its box"
        at = spot(draft.root, "instances", index)
        report.warning("covered-instance", "its box lies wholly behind those of later instances", at, hint)


def _uncovered(box: Box, covers: list[Box]) -> Iterator[Box]:
    """The pieces of `box` that no cover hides."""
    if not covers:
        yield box
        return
    shared, rest = _intersection(box, covers[0]), covers[1:]
    if shared is None:
        yield from _uncovered(box, rest)
        return
    pieces = (
        Box(box.left, box.top, box.right, shared.top),
        Box(box.left, shared.bottom, box.right, box.bottom),
        Box(box.left, shared.top, shared.left, shared.bottom),
        Box(shared.right, shared.top, box.right, shared.bottom),
    )
    for piece in pieces:
        if piece.right > piece.left and piece.bottom > piece.top:
            yield from _uncovered(piece, rest)


def _on_canvas(box: Box, canvas: Size) -> Box | None:
    return _intersection(box, Box(0, 0, canvas.width, canvas.height))


def _intersection(a: Box, b: Box) -> Box | None:
    left, top = max(a.left, b.left), max(a.top, b.top)
    right, bottom = min(a.right, b.right), min(a.bottom, b.bottom)
    return Box(left, top, right, bottom) if left < right and top < bottom else None


def _seed_range(draft: Draft, report: ProblemCollector) -> None:
    if draft.seeds and draft.seeds[-1] > limits.LARGEST_SEED:
        message = f"the last seed would be {draft.seeds[-1]}, more than {limits.LARGEST_SEED}"
        report.error("out-of-range", message, spot(draft.root, "count"))


def _model_known(draft: Draft, models: Collection[str], report: ProblemCollector) -> None:
    if draft.model is not None and draft.model not in models:
        hint = did_you_mean(draft.model, models) or f"known here: {', '.join(models)}; a folder goes with --model"
        report.error("unknown-model", f"no model has the alias `{draft.model}`", spot(draft.root, "model"), hint)


def is_confined(draft: Draft, report: ProblemCollector) -> bool:
    """Whether every file lies in the scene's folder, links followed; reports those that do not."""
    folder = Path(os.path.realpath(draft.folder))
    errors = report.error_count
    for path, where in _files(draft):
        if not _lies_in(folder, path):
            hint = "--confine allows only files in the scene's folder, links followed"
            report.error("leaves-folder", "this file is outside the scene's folder", spot(draft.root, *where), hint)
    return report.error_count == errors


def _lies_in(folder: Path, path: Path) -> bool:
    try:
        return Path(os.path.realpath(path)).is_relative_to(folder)
    except ValueError:  # a name that no file can have
        return False


def _files(draft: Draft) -> Iterator[tuple[Path, KeyPath]]:
    """Every file that a scene names, and where."""
    for name, reference in draft.references.items():
        yield reference.image, ("references", name, "image")
        if reference.mask is not None:
            yield reference.mask, ("references", name, "mask")
    if draft.layout is not None:
        yield draft.layout, ("layout",)
