"""What the images that a scene names are like: by their headers, or wholly decoded (`deep`)."""

from __future__ import annotations

from collections.abc import MutableSet
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from contextgen_cli.scene.check import images
from contextgen_cli.scene.check.collector import ProblemCollector
from contextgen_cli.scene.check.images import ImageError, ImageHeader
from contextgen_cli.scene.drafting import Draft
from contextgen_cli.scene.limits import ASPECT_TOLERANCE
from contextgen_cli.scene.parse.nodes import Key, Spot, spot
from contextgen_cli.scene.scene import Reference, Size


def check(draft: Draft, report: ProblemCollector, *, deep: bool, verified: MutableSet[str] | None = None) -> None:
    """Report what is wrong with the images of a document; what is `verified` was decoded by an earlier run."""
    for name, reference in draft.references.items():
        errors = report.error_count
        size = _reference(draft, reference, report)
        if deep and report.error_count == errors:
            _decode(draft, reference, report, set() if verified is None else verified)
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
    if mask is not None and mask.size != image.size:
        _refuse(images.sizes_differ(reference, image.size, mask.size), _spot(draft, reference, "mask"), report)
    return image.size if reference.crop is None else _cropped(draft, reference, image, report)


def _refuse(error: ImageError, at: Spot, report: ProblemCollector) -> None:
    report.error(error.code, error.message, at, lambda: error.hint)


def _spot(draft: Draft, reference: Reference, key: str) -> Spot:
    return spot(draft.root, "references", reference.name, key)


def _header(draft: Draft, path: Path, report: ProblemCollector, *where: Key) -> ImageHeader | None:
    at = spot(draft.root, *where)
    try:
        header = images.header(path)
    except ImageError as error:
        _refuse(error, at, report)
        return None
    if header.frames > 1:
        message = f"an animation or several pages ({header.frames}): only the first is used"
        report.warning("animated-image", message, at)
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
        shows = _shows(path, _modified(path))
        if isinstance(shows, ImageError):
            _refuse(shows, spot(draft.root, "layout"), report)
        elif not shows:
            message = "the layout image is transparent everywhere: it gives the model nothing"
            hint = "make the subjects opaque, or remove `layout`"
            report.warning("empty-layout", message, spot(draft.root, "layout"), hint)


def _decode(draft: Draft, reference: Reference, report: ProblemCollector, verified: MutableSet[str]) -> None:
    key = stamp(reference)
    if key in verified:
        return
    error = _reference_error(replace(reference, name=""), (_modified(reference.image), _modified(reference.mask)))
    if error is None:
        verified.add(key)
    else:
        key = "mask" if error.path == reference.mask else "image"
        _refuse(error, _spot(draft, reference, key), report)


def stamp(reference: Reference) -> str:
    """What a reference's files are like now: another word for it once one of them has changed."""
    files = [(str(path), (state := path.stat()).st_size, state.st_mtime_ns) for path in _files(reference)]
    return f"{files} {reference.crop and reference.crop.pixels}"


def _files(reference: Reference) -> list[Path]:
    return [path for path in (reference.image, reference.mask) if path is not None]


def _modified(path: Path | None) -> int:
    return path.stat().st_mtime_ns if path is not None else 0


@lru_cache(maxsize=4096)
def _reference_error(reference: Reference, modified: tuple[int, int]) -> ImageError | None:
    """What decoding the reference says; a picture that many scenes share is decoded once while unchanged."""
    try:
        images.silhouette(reference)
    except ImageError as error:
        return error
    return None


@lru_cache(maxsize=256)
def _shows(path: Path, modified: int) -> bool | ImageError:
    """Whether anything of the layout image is opaque, or what decoding it says."""
    try:
        return not images.is_empty(images.open_layout(path).getchannel("A"))
    except ImageError as error:
        return error
