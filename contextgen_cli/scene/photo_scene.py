"""Somebody's own pictures -> a scene to begin with: each a reference, in a box of its subject's shape."""

from __future__ import annotations

import io
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import ExifTags, Image

from contextgen.pictures.masks import HALF
from contextgen_cli.resources import resource
from contextgen_cli.scene.arranging import side_by_side
from contextgen_cli.scene.check import images
from contextgen_cli.scene.check.image_files import ImageError, header
from contextgen_cli.scene.parse.scalars import control_character
from contextgen_cli.scene.scene import PlacedReference, Reference, Scene, Size
from contextgen_cli.scene.writing import to_yaml

STARTER = "scene/starter.yaml"
_NO_SUBJECT = {"no-mask", "opaque-image"}  # faults of a picture that is all subject
_PLACE = "on a wooden table"


@dataclass(frozen=True)
class Photo:
    """A picture that a scene can show.

    Attributes:
        aspect: of its subject, width : height.
        made_mask: the file that its reference names as mask and that is to be written; None where it needs none.
    """

    reference: Reference
    aspect: float
    made_mask: bytes | None = None


def read(paths: Sequence[Path], folder: Path) -> tuple[list[Photo], list[ImageError]]:
    """The pictures that a scene in `folder` can show, and what is wrong with the others; a path given twice counts
    twice, the mask of a picture that is given, as a shell pattern takes it in, not at all."""
    given = [_absolute(path) for path in paths]
    masks = {_mask_beside(path) for path in given}
    places = [path for path in given if path not in masks]
    distinct = list(dict.fromkeys(places))
    found: dict[Path, Photo] = {}
    problems: list[ImageError] = []
    for path, name in zip(distinct, _names(distinct), strict=True):
        try:
            found[path] = _photo(Reference(name, path), folder)
        except ImageError as problem:
            problems.append(problem)
    return [found[path] for path in places if path in found], problems


def to_text(photos: Sequence[Photo], canvas: Size, model: str | None, scene: Path) -> str:
    """The scene of pictures as the file `scene`: with the starter scene's comments, and what is left to do."""
    head, comments = _starter_comments(Path(scene.name))
    comments["prompt"] += ["# To be filled in: what happens here, where, in which light."]
    for name in dict.fromkeys(each.reference.name for each in photos if each.made_mask is not None):
        comments["references"] += [f"# {name} has no transparency: all of it is the subject. Better cut it out."]
    lines = [head]
    for line in to_yaml(_scene(photos, canvas, model), _real(scene.parent), named=False).splitlines():
        said = comments.get(line.partition(":")[0])
        lines += [line] if said is None else ["", *said, line]
    return "\n".join(lines) + "\n"


def _scene(photos: Sequence[Photo], canvas: Size, model: str | None) -> Scene:
    boxes = side_by_side([each.aspect for each in photos], canvas)
    instances = (PlacedReference(each.reference.name, box) for each, box in zip(photos, boxes, strict=True))
    references = tuple(dict.fromkeys(each.reference for each in photos))
    return Scene("scene", _prompt(references), canvas, references, tuple(instances), model=model)


def _photo(reference: Reference, folder: Path) -> Photo:
    """A picture with the mask it needs: the one beside it, else a white one to be made in `folder`.

    ImageError where it cannot be used, or not be named in a scene.
    """
    path = reference.image
    _refuse_unwritable(path)
    try:
        return Photo(reference, _aspect(reference))
    except ImageError as error:
        if error.code not in _NO_SUBJECT:
            raise
    beside = _mask_beside(path)
    if beside.is_file():
        masked = replace(reference, mask=beside)
        return Photo(masked, _aspect(masked))
    size, mask = header(path).size, _real(folder) / "refs" / f"{reference.name}_mask.png"
    return Photo(replace(reference, mask=mask), size.width / size.height, _white(path))


def _mask_beside(photo: Path) -> Path:
    return photo.with_name(f"{photo.stem}_mask.png")


def _refuse_unwritable(path: Path) -> None:
    if control_character(str(path)):  # a half of a surrogate pair, which stands for a byte that is no UTF-8, is one
        raise ImageError("odd-name", "a name that no scene file can hold", path, hint="rename it, in letters of UTF-8")


def _aspect(reference: Reference) -> float:
    """Width : height of a subject; ImageError where there is none to be seen."""
    _, mask = images.open_reference(reference)
    bounds = mask.point([0] * HALF + [255] * (256 - HALF)).getbbox()
    assert bounds is not None, "an empty mask does not open"
    left, top, right, bottom = bounds
    return (right - left) / (bottom - top)


def _white(picture: Path) -> bytes:
    """A mask, as a PNG, that takes the whole of a picture: stored as that is, and turned as that is."""
    found = header(picture)
    mask = Image.new("1", (found.stored_size.width, found.stored_size.height), 1)
    exif = Image.Exif()
    if found.orientation != 1:
        exif[ExifTags.Base.Orientation] = found.orientation
    buffer = io.BytesIO()
    mask.save(buffer, format="PNG", exif=exif)
    return buffer.getvalue()


def _names(paths: Iterable[Path]) -> Iterator[str]:
    """A name in the scene for each file, after the file; those that could be mistaken are numbered."""
    taken: set[str] = set()
    for path in paths:
        letters = unicodedata.normalize("NFKD", path.stem).encode("ascii", "ignore").decode()
        plain = re.sub(r"[^A-Za-z0-9]+", "_", letters).strip("_") or "photo"
        plain = plain if plain[0].isalpha() else f"photo_{plain}"
        name, number = plain, 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name.lower())
        yield name


def _prompt(references: Sequence[Reference]) -> str:
    words = [re.sub(r"[_0-9]+", " ", each.name).strip().lower() for each in references]
    listed = " and ".join([", ".join(words[:-1])] * (len(words) > 1) + words[-1:])
    return f"{listed[:1].upper()}{listed[1:]} {_PLACE}."


def _starter_comments(scene: Path) -> tuple[str, dict[str, list[str]]]:
    """The beginning of the starter scene, and what it says above each of its keys."""
    head, *blocks = resource(STARTER).read_text("utf-8").replace("{name}", quoted(scene)).split("\n\n")
    comments = {}
    for block in map(str.splitlines, blocks):
        said = [line for line in block if line.startswith("#")]
        for line in block[len(said) : len(said) + 1]:
            comments[line.partition(":")[0]] = said
    return head.rpartition("\n")[0], comments


def quoted(path: Path) -> str:
    """A path as a shell takes it."""
    return f'"{path}"' if " " in str(path) else str(path)


def _absolute(path: Path) -> Path:
    """Where a file lies, seen through no link to a folder: what is written relative to that leads to it."""
    return _real(path.parent) / path.name


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))
