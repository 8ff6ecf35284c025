"""What of a mask is probably not meant: a subject that is cut away with its background, specks beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from contextgen.pictures.masks import HALF

_VISIBLE = 26  # a tenth of 255: fainter is a veil that nobody sees
_MOSTLY = 0.25  # share of what is visible that may be fainter than one half
_SPECKS = 0.005  # share of the subject that may be specks
_ROUNDS = 8

_Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class SubjectWarning:
    """What is probably not meant in a picture; `code` as in `Problem`."""

    code: str
    message: str
    hint: str


def warnings_of(mask: Image.Image, corner: tuple[int, int]) -> Iterator[SubjectWarning]:
    """What is probably not meant in the mask (L, not empty) of a subject.

    Args:
        corner: where the mask's left top is in the picture, of which it may be a part.
    """
    yield from _faint(mask)
    yield from _specks(mask.point([0] * HALF + [255] * (256 - HALF)), corner)


def _faint(mask: Image.Image) -> Iterator[SubjectWarning]:
    tones = mask.histogram()
    visible, faint = sum(tones[_VISIBLE:]), sum(tones[_VISIBLE:HALF])
    if faint > _MOSTLY * visible:
        message = f"{faint / visible:.0%} of what is visible is fainter than one half, where masks are cut: it is lost"
        hint = "raise its opacity, or give a `mask:` that is white there too"
        yield SubjectWarning("faint-subject", message.replace("%", " %"), hint)


def _specks(mask: Image.Image, corner: tuple[int, int]) -> Iterator[SubjectWarning]:
    whole = mask.getbbox()
    assert whole is not None, "an empty mask has no box"
    core, specks = _without_specks(mask, whole)
    if 2 * _area(core) < _area(whole):
        count = sum(_count(mask, speck) for speck in specks)
        place = f"{specks[0][0] + corner[0]}, {specks[0][1] + corner[1]}"
        what = (
            f"a speck of {count} px at {place} makes"
            if len(specks) == 1
            else f"specks of {count} px, one at {place}, make"
        )
        message = (
            f"{what} the subject's box {_size(whole)} px instead of {_size(core)}: it will be drawn that much smaller"
        )
        yield SubjectWarning("stray-specks", message, "erase them, or `crop` to the subject")


def _without_specks(mask: Image.Image, box: _Box) -> tuple[_Box, list[_Box]]:
    """The tight box of a mask of 0 and 255 without the specks at its ends, and their boxes."""
    room = int(_SPECKS * _count(mask, box))
    specks: list[_Box] = []
    for _ in range(_ROUNDS):
        found = [end for end in _ends(mask, box) if _count(mask, end) <= room]
        if not found:
            break
        speck = min(found, key=lambda end: _count(mask, end))
        room -= _count(mask, speck)
        specks.append(_tight(mask, speck))
        box = _rest(mask, box, speck)
    return box, specks


def _ends(mask: Image.Image, box: _Box) -> Iterator[_Box]:
    """What stands apart from all else at the left, right, top or bottom of a box: a gap of empty lines is between."""
    left, top, right, bottom = box
    columns, rows = mask.crop(box).getprojection()
    if 0 in columns:
        yield left, top, left + columns.index(0), bottom
        yield right - columns[::-1].index(0), top, right, bottom
    if 0 in rows:
        yield left, top, right, top + rows.index(0)
        yield left, bottom - rows[::-1].index(0), right, bottom


def _rest(mask: Image.Image, box: _Box, end: _Box) -> _Box:
    """The tight box of what is in `box` and not in `end`, which lies at one of its sides."""
    left, top, right, bottom = box
    if (end[1], end[3]) == (top, bottom):
        part = (end[2], top, right, bottom) if end[0] == left else (left, top, end[0], bottom)
    else:
        part = (left, end[3], right, bottom) if end[1] == top else (left, top, right, end[1])
    return _tight(mask, part)


def _tight(mask: Image.Image, box: _Box) -> _Box:
    inner = mask.crop(box).getbbox()
    assert inner is not None, "something is in it"
    return box[0] + inner[0], box[1] + inner[1], box[0] + inner[2], box[1] + inner[3]


def _count(mask: Image.Image, box: _Box) -> int:
    return mask.crop(box).histogram()[255]


def _area(box: _Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _size(box: _Box) -> str:
    return f"{box[2] - box[0]}x{box[3] - box[1]}"
