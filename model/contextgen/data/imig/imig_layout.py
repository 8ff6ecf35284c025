"""The layout image of an IMIG example: references where the target has them, as the released trainer pastes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from contextgen.data.imig.imig_pieces import Piece, Size
from contextgen.method.layout import EMPTY_MASK, Pixels, PreparedReference, compose
from contextgen.method.placement import Edges, Extent, Placement, place
from contextgen.pictures.masks import HALF
from contextgen.pictures.resizing import resized


def training_layout(target: Image.Image, original: Size, pieces: Sequence[Piece]) -> Image.Image:
    """Every piece on an empty canvas, back to front; RGBA, transparent where nothing is given.

    Args:
        target: RGB, of the canvas' size.
        original: width and height of the target before it was resized.

    Raises:
        ValueError: a mask is empty.
    """
    pixels = _pixels(target)
    stamps = [
        _placed(piece, target.size) if piece.cut_from is None else _put_back(piece, piece.cut_from, pixels, original)
        for piece in pieces
    ]
    return compose(stamps, [piece.instance for piece in pieces], *target.size).image


def _put_back(piece: Piece, corner: tuple[int, int], target: Pixels, original: Size) -> PreparedReference:
    """A part of the target where it was cut out: there it is the target, pixel for pixel."""
    frame = Image.new("L", original)
    frame.paste(_mask(piece), corner)
    return PreparedReference(target, frame.resize((target.shape[1], target.shape[0])), (0, 0))


def _placed(piece: Piece, canvas: Size) -> PreparedReference:
    mask = _mask(piece)
    tight = mask.point([0] * HALF + [255] * (256 - HALF)).getbbox()
    if tight is None:
        raise ValueError(EMPTY_MASK)
    extent = Extent(mask.size, tight if piece.valid is None else _union(tight, piece.valid))
    placement = place(extent, piece.instance.box, piece.instance.fit, canvas)
    colours = resized(piece.instance.image, placement.size, Image.Resampling.BICUBIC, extent.cropped)
    soft = mask.resize(placement.size, Image.Resampling.BICUBIC, extent.cropped)
    return PreparedReference(_pixels(colours), soft, _corner(piece, extent.cropped, placement))


def _corner(piece: Piece, cut: Edges, placement: Placement) -> tuple[int, int]:
    """Left and top: moved so that the face lies on the target's, where one is known.

    The face is looked for in the part that is pasted; the released trainer takes its place in the whole picture for
    that in the part.
    """
    if piece.face is None:
        return placement.corner
    (face_x, face_y), (x, y) = piece.face
    across, down = placement.size[0] / (cut[2] - cut[0]), placement.size[1] / (cut[3] - cut[1])
    return round(x - (face_x - cut[0]) * across), round(y - (face_y - cut[1]) * down)


def _union(tight: Edges, valid: Edges) -> Edges:
    """Of the subject's box, whose last row and column `Extent` leaves out, and one of which nothing is left out."""
    return (
        min(tight[0], valid[0]),
        min(tight[1], valid[1]),
        max(tight[2], valid[2] + 1),
        max(tight[3], valid[3] + 1),
    )


def _mask(piece: Piece) -> Image.Image:
    return piece.instance.mask or piece.instance.image.getchannel("A")


def _pixels(image: Image.Image) -> Pixels:
    pixels: Pixels = np.asarray(image, np.float32) / np.float32(127.5) - 1
    return pixels
