"""Where the pictures of a set in IMIG-100K's formats lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contextgen.data.imig.imig_records import ComposedSubject, CutSubject, ImigSet, Record, Subject


@dataclass(frozen=True, slots=True)
class PictureFiles:
    """A reference's image and mask; without a mask, the image has an alpha channel."""

    image: Path
    mask: Path | None = None


def target(source: ImigSet, record: Record) -> Path:
    """The picture that a record is about."""
    return source.folder / ("composite_images" if source.is_composite else "data") / f"{record.index:06d}.jpg"


def crop(source: ImigSet, record: Record, subject: CutSubject) -> PictureFiles:
    """A subject as it was cut out of the target."""
    return _with_mask(source.folder, "instance_data", "masked_instance_data", _stem(record, subject))


def edited(source: ImigSet, record: Record, subject: CutSubject) -> PictureFiles:
    """A subject as it was edited; without a `valid` box there may be no such picture."""
    return _with_mask(source.folder, "kontext_data", "masked_kontext_data", _stem(record, subject))


def body(source: ImigSet, record: Record, subject: ComposedSubject) -> PictureFiles:
    """A reference of a composite."""
    return _with_mask(source.folder, "reference_masks", "reference_masks", _stem(record, subject))


def portrait(source: ImigSet, record: Record, subject: ComposedSubject) -> PictureFiles:
    """The aligned face of a reference."""
    return PictureFiles(source.folder / "aligned_faces" / f"{_stem(record, subject)}_aligned_face.png")


def files_of(source: ImigSet, record: Record) -> Iterator[Path]:
    """Every file that training opens for a record, an edited picture only where the record says that there is one."""
    yield target(source, record)
    for subject in record.subjects:
        for picture in _pictures(source, record, subject):
            yield picture.image
            if picture.mask is not None:
                yield picture.mask


def _pictures(source: ImigSet, record: Record, subject: Subject) -> Iterator[PictureFiles]:
    if isinstance(subject, CutSubject):
        yield crop(source, record, subject)
        if subject.valid is not None:
            yield edited(source, record, subject)
        return
    if subject.box is not None:
        yield body(source, record, subject)
    if subject.face is not None and subject.face.aligned is not None:
        yield portrait(source, record, subject)


def _stem(record: Record, subject: Subject) -> str:
    return f"{record.index:06d}_{subject.number}"


def _with_mask(folder: Path, images: str, masks: str, stem: str) -> PictureFiles:
    """The mask is a PNG, or in older data a JPEG."""
    png, jpeg = (folder / masks / f"{stem}_mask.{ending}" for ending in ("png", "jpg"))
    return PictureFiles(folder / images / f"{stem}.jpg", jpeg if not png.is_file() and jpeg.is_file() else png)
