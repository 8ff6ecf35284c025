"""What the images that a scene names are like: by their headers, or wholly decoded (`deep`)."""

from __future__ import annotations

from collections.abc import MutableSet
from pathlib import Path

from contextgen_cli.scene.check import image_files, images
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.image_files import ImageError, ImageHeader
from contextgen_cli.scene.drafting import Draft
from contextgen_cli.scene.limits import ASPECT_TOLERANCE
from contextgen_cli.scene.parse.nodes import Key, Spot, spot
from contextgen_cli.scene.scene import Reference, Size
from contextgen_cli.scene.stamps import stamp_of

_CHECKS = 2  # raised when more of a picture is checked: what passed before has not passed that


def check(draft: Draft, report: ProblemCollector, *, deep: bool, verified: MutableSet[str] | None = None) -> None:
    """Report what is wrong with the images of a document; what is `verified` was decoded by an earlier run."""
    for name, reference in draft.references.items():
        errors = report.error_count
        size = _reference(draft, reference, report)
        if deep and report.error_count == errors:
            _decode(draft, reference, report, set() if verified is None else verified)
        if deep and report.error_count > errors:
            _decode_apart(draft, reference, report)
        if size is not None:
            _enlarged(draft, name, size, report)
    if draft.layout is not None:
        _layout(draft, draft.layout, report, deep=deep)


def _reference(draft: Draft, reference: Reference, report: ProblemCollector) -> Size | None:
    """Check a reference by its headers; the size of what is used of it."""
    image = _header(draft, reference.image, report, "references", reference.name, "image")
    mask = None
    if reference.mask is not None:
        mask = _header(draft, reference.mask, report, "references", reference.name, "mask")
    elif image is not None and not image.has_alpha:
        _refuse(images.no_mask(reference), _spot(draft, reference, "image"), report)
    if image is None:
        return None
    if mask is not None:
        _held_together(draft, reference, image, mask, report)
    return image.size if reference.crop is None else _cropped(draft, reference, image, report)


def _held_together(
    draft: Draft, reference: Reference, image: ImageHeader, mask: ImageHeader, report: ProblemCollector
) -> None:
    """Whether a mask can be of the picture, and of the picture this way up."""
    at = _spot(draft, reference, "mask")
    if mask.size != image.size:
        _refuse(images.sizes_differ(reference, image, mask), at, report)
    elif image.orientation != mask.orientation and image.stored_size == mask.stored_size:
        whose, other, orientation = "image", "mask", image.orientation
        if orientation == 1:
            whose, other, orientation = "mask", "image", mask.orientation
        message = (
            f"the {whose} is turned by its EXIF orientation ({orientation}), the {other} is not: it fits both ways"
        )
        hint = "see that the mask is drawn on the upright picture; to be sure, save both upright and without the tag"
        report.warning("turned-apart", message, at, hint)


def _refuse(error: ImageError, at: Spot, report: ProblemCollector) -> None:
    report.error(error.code, error.message, at, lambda: error.hint, cause=error.path)


def _spot(draft: Draft, reference: Reference, key: str) -> Spot:
    return spot(draft.root, "references", reference.name, key)


def _header(draft: Draft, path: Path, report: ProblemCollector, *where: Key) -> ImageHeader | None:
    at = spot(draft.root, *where)
    try:
        header = image_files.header(path)
    except ImageError as error:
        _refuse(error, at, report)
        return None
    if header.has_more:
        report.warning("animated-image", "an animation or several pages: only the first is used", at, cause=path)
    for problem in header.left_out:
        hint = "see that colours and sides are right; to be sure, save it anew, upright and in sRGB"
        report.warning("odd-metadata", f"{problem}: it is left out", at, hint, cause=path)
    return header


def _cropped(draft: Draft, reference: Reference, image: ImageHeader, report: ProblemCollector) -> Size | None:
    assert reference.crop is not None
    left, top, right, bottom = reference.crop.pixels
    if left < right <= image.width and top < bottom <= image.height:
        return Size(right - left, bottom - top)
    if left >= right or top >= bottom:
        message = f"the crop is {right - left} x {bottom - top} px"
        report.error("crop-without-area", message, _spot(draft, reference, "crop"))
    else:
        message = f"the crop ends at {right}, {bottom}, beyond the image of {image.size} px"
        report.error("crop-outside-image", message, _spot(draft, reference, "crop"))
    return None


def _enlarged(draft: Draft, name: str, size: Size, report: ProblemCollector) -> None:
    for index, instance in draft.instances.items():
        width, height = (instance.box.right - instance.box.left), (instance.box.bottom - instance.box.top)
        if instance.reference == name and (size.width * 2 < width or size.height * 2 < height):
            message = f"`{name}` of {size} px is less than half its box of {width:.0f}x{height:.0f} px"
            at = spot(draft.root, "instances", index, "box")
            report.warning("small-reference", message, at, "it will be enlarged and look soft: use a larger one")


def _layout(draft: Draft, path: Path, report: ProblemCollector, *, deep: bool) -> None:
    header = _header(draft, path, report, "layout")
    if header is None:
        return
    if draft.canvas is not None:
        stretch = header.width * draft.canvas.height / (header.height * draft.canvas.width)
        if abs(stretch - 1) > ASPECT_TOLERANCE:
            message = f"the layout image of {header.size} px is stretched to the canvas of {draft.canvas}"
            hint = "give it the canvas' aspect ratio"
            report.warning("stretched-layout", message, spot(draft.root, "layout"), hint)
    if deep:
        _looked_at(draft, path, report)
    elif not header.has_alpha:
        _opaque_layout(draft, report)


def _looked_at(draft: Draft, path: Path, report: ProblemCollector) -> None:
    try:
        look = images.look_at_layout(path)
    except ImageError as error:
        _refuse(error, spot(draft.root, "layout"), report)
        return
    if look.is_empty:
        message = "the layout image is transparent everywhere: it gives the model nothing"
        hint = "make the subjects opaque, or remove `layout`"
        report.warning("empty-layout", message, spot(draft.root, "layout"), hint)
    if look.is_opaque:
        _opaque_layout(draft, report)


def _opaque_layout(draft: Draft, report: ProblemCollector) -> None:
    message = "the layout image is opaque everywhere: the model is given every pixel"
    hint = "make transparent what it may invent, such as the background"
    report.warning("opaque-layout", message, spot(draft.root, "layout"), hint)


def _decode(draft: Draft, reference: Reference, report: ProblemCollector, verified: MutableSet[str]) -> None:
    """Decode a reference; what is found without fault or warning need not be decoded by the next run."""
    key = stamp(reference)
    if key in verified:
        return
    try:
        warnings = images.look_at(reference).warnings
    except ImageError as error:
        _refuse(error, _spot(draft, reference, "mask" if error.path == reference.mask else "image"), report)
        return
    for each in warnings:
        key, cause = ("image", reference.image) if reference.mask is None else ("mask", reference.mask)
        report.warning(each.code, each.message, _spot(draft, reference, key), each.hint, cause=cause)
    if not warnings:
        verified.add(key)


def _decode_apart(draft: Draft, reference: Reference, report: ProblemCollector) -> None:
    """What is wrong with one file of a reference hides nothing of the other."""
    for key, path in (("image", reference.image), ("mask", reference.mask)):
        if path is not None and (error := images.damage(path)) is not None:
            _refuse(error, _spot(draft, reference, key), report)


def stamp(reference: Reference) -> str:
    """What a reference's files are like now: another word for it once one of them has changed."""
    files = [(str(path), stamp_of(path)) for path in _files(reference)]
    return f"{_CHECKS} {files} {reference.crop and reference.crop.pixels}"


def _files(reference: Reference) -> list[Path]:
    return [path for path in (reference.image, reference.mask) if path is not None]
