"""What a scene asks of the model at hand that the model cannot do, or was not made for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from contextgen.pictures.masks import HALF
from contextgen_cli.scene.check import prompt_checks
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.image_files import ImageError, header
from contextgen_cli.scene.check.images import ReferenceLook, look_at
from contextgen_cli.scene.drafting import Draft
from contextgen_cli.scene.limits import ModelLimits, PlacedSubject
from contextgen_cli.scene.parse.nodes import KeyPath, Node, children, items, key_spot, spot
from contextgen_cli.scene.scene import Reference, Size

if TYPE_CHECKING:
    from PIL.Image import Image


def check(draft: Draft, report: ProblemCollector, model: ModelLimits, *, deep: bool) -> None:
    """Report what the model cannot be asked for; `deep`: also what only decoded pictures tell."""
    errors = report.error_count
    _canvas_multiple(draft, report, model)
    if report.error_count == errors and draft.canvas is not None:
        _canvas_advice(draft, draft.canvas, report, model)
        if deep:
            _lost_subjects(draft, draft.canvas, report, model)
    _unsupported_keys(draft, report, model)
    _too_many(draft, report, model)
    _small_references(draft, report, model)
    _tiny_boxes(draft, report, model)
    prompt_checks.check(draft, report, model)


def _canvas_multiple(draft: Draft, report: ProblemCollector, model: ModelLimits) -> None:
    step = model.canvas_multiple
    for name in ("width", "height") if draft.canvas is not None else ():
        side = getattr(draft.canvas, name)
        if side % step:
            below = side // step * step
            hint = f"the nearest are {below} and {below + step}"
            message = f"`{name}` must be a multiple of {step}; found {side}"
            report.error("not-a-multiple", message, spot(draft.root, "canvas", name), hint)


def _canvas_advice(draft: Draft, canvas: Size, report: ProblemCollector, model: ModelLimits) -> None:
    advice = model.canvas_advice and model.canvas_advice(canvas.width, canvas.height)
    if advice:
        message, hint = advice
        report.warning("ill-suited-canvas", message, spot(draft.root, "canvas"), hint, cause=f"{model.name} {canvas}")


def _lost_subjects(draft: Draft, canvas: Size, report: ProblemCollector, model: ModelLimits) -> None:
    """Subjects that are so small in their pictures that nothing is left of them where the model sees them."""
    if model.subject_problem is None:
        return
    for instance in draft.instances.values():
        reference = draft.references.get(instance.reference)
        look = reference and _look(reference)
        if reference is None or not look or not instance.box.covers_pixels or _brightest(look.silhouette) >= HALF:
            continue  # what is solid in a thumbnail is there for every model
        subject = PlacedSubject(look.silhouette, (look.size.width, look.size.height), instance.box.pixels, instance.fit)
        problem = model.subject_problem(subject, (canvas.width, canvas.height))
        if problem is not None:
            key, cause = ("image", reference.image) if reference.mask is None else ("mask", reference.mask)
            hint = "`crop` to the subject, or give a picture in which it is larger"
            at = spot(draft.root, "references", reference.name, key)
            report.error("lost-subject", f"{model.name}: {problem}", at, hint, cause=cause)


def _look(reference: Reference) -> ReferenceLook | None:
    try:
        return look_at(reference)
    except ImageError:
        return None  # which is said elsewhere


def _brightest(mask: Image) -> int:
    return int(mask.getextrema()[1])  # type: ignore[arg-type]


def _unsupported_keys(draft: Draft, report: ProblemCollector, model: ModelLimits) -> None:
    for key, why in model.unsupported.items():
        for path in _paths(draft.root, key.split(".")):
            message = f"{model.name} cannot honour `{key}`: {why}"
            report.error("not-for-this-model", message, key_spot(draft.root, *path), "remove it, or take another model")


def _paths(node: Node, keys: list[str], above: KeyPath = ()) -> Iterator[KeyPath]:
    """Where a key such as `instances.fit` or `references.crop` stands, in every instance and reference."""
    if not keys:
        yield above
    for index, item in enumerate(items(node)):
        yield from _paths(item, keys, (*above, index))
    if not keys or (inner := children(node).get(keys[0])) is None:
        return
    if keys[0] == "references" and keys[1:]:
        for name, reference in children(inner).items():
            yield from _paths(reference, keys[1:], (*above, "references", name))
    else:
        yield from _paths(inner, keys[1:], (*above, keys[0]))


def _too_many(draft: Draft, report: ProblemCollector, model: ModelLimits) -> None:
    used = {instance.reference for instance in draft.instances.values()}
    counts = (
        ("references", len(used), model.most_references),
        ("instances", len(draft.instances), model.most_instances),
    )
    for key, count, most in counts:
        if most is not None and count > most:
            message = f"{model.name} takes {most} {key} at most; found {count}"
            report.error("too-many-for-this-model", message, spot(draft.root, key), "use fewer, or another model")


def _small_references(draft: Draft, report: ProblemCollector, model: ModelLimits) -> None:
    for name, reference in draft.references.items() if model.smallest_reference > 1 else ():
        try:
            size = header(reference.image).size
        except ImageError:
            continue  # which is said already
        if min(size.width, size.height) < model.smallest_reference:
            message = f"the picture is {size}; {model.name} takes sides from {model.smallest_reference} px"
            report.error("small-reference", message, spot(draft.root, "references", name, "image"))


def _tiny_boxes(draft: Draft, report: ProblemCollector, model: ModelLimits) -> None:
    side = model.canvas_multiple
    for index, instance in draft.instances.items():
        width, height = instance.box.right - instance.box.left, instance.box.bottom - instance.box.top
        if instance.box.covers_pixels and (width < side or height < side):
            message = f"the box of {width:g} x {height:g} px is smaller than a token"
            at = spot(draft.root, "instances", index, "box")
            report.warning("tiny-box", message, at, f"the model sees {side} x {side} px as one")
