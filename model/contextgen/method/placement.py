"""Where a subject lands on the canvas, as the released code places it. Numbers in, numbers out: no pixels.

The layout image, the price of a picture and whoever shows a layout ask the same function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Edges = tuple[int, int, int, int]  # left, top, right, bottom in pixels
FITS = ("area", "stretch", "image")


@dataclass(frozen=True)
class Extent:
    """How far a subject reaches in the frame of its reference: without pixels, enough to say where it lands.

    Attributes:
        frame: width and height.
        edges: left, top, right, bottom of the subject.
    """

    frame: tuple[int, int]
    edges: Edges

    @property
    def cropped(self) -> Edges:
        """What is placed of it: the last foreground column and row are left out, as released."""
        left, top, right, bottom = self.edges
        return left, top, max(right - 1, left + 1), max(bottom - 1, top + 1)


@dataclass(frozen=True)
class Placement:
    """Where a subject lands, in canvas pixels; it may stick out of the canvas.

    Attributes:
        corner: left and top.
        size: width and height.
    """

    corner: tuple[int, int]
    size: tuple[int, int]

    @property
    def edges(self) -> Edges:
        """Left, top, right, bottom."""
        (left, top), (width, height) = self.corner, self.size
        return left, top, left + width, top + height


def place(subject: Extent, box: Edges, fit: str, canvas: tuple[int, int]) -> Placement:
    """Where a subject lands: the one answer for the layout image, its price, and whoever shows it.

    Args:
        subject: in the frame that it is placed from (`extent_of`).
        box: left, top, right, bottom on the canvas, in pixels.
        fit: one of `FITS`.
        canvas: width and height in pixels.
    """
    (width, height), (x, y) = _FITTERS[fit](subject, box, canvas)
    return Placement((x - width // 2, y - height // 2), (width, height))


_Fitted = tuple[tuple[int, int], tuple[int, int]]  # width and height, centre


def _fit_area(subject: Extent, box: Edges, canvas: tuple[int, int]) -> _Fitted:
    """The subject's aspect in the box's area; the quotient of the areas is a float32, as released."""
    width, height = _size(subject.cropped)
    scale = math.sqrt(np.float32(math.prod(_size(box)) / (width * height)))
    return (max(1, int(width * scale)), max(1, int(height * scale))), _centre(box)


def _fit_stretch(subject: Extent, box: Edges, canvas: tuple[int, int]) -> _Fitted:
    return _size(box), _centre(box)


def _fit_image(subject: Extent, box: Edges, canvas: tuple[int, int]) -> _Fitted:
    """The whole frame into the box, but no larger than keeps the subject on the canvas."""
    (width, height), (box_width, box_height) = subject.frame, _size(box)
    left, top, right, bottom = subject.cropped
    centre_x, centre_y = _centre(box)
    corners_x = (left - width // 2, right - width // 2)
    corners_y = (top - height // 2, bottom - height // 2)
    limits = [
        edge / corner
        for corners, edges in (
            (corners_x, (-centre_x, canvas[0] - centre_x)),
            (corners_y, (-centre_y, canvas[1] - centre_y)),
        )
        for corner in corners
        for edge in edges
        if corner and edge / corner > 0
    ]
    scale = min(box_width / width, box_height / height, *limits)
    scale = int(height * scale) / height
    x1, x2 = (int(corner * scale + centre_x) for corner in corners_x)
    y1, y2 = (int(corner * scale + centre_y) for corner in corners_y)
    return (max(1, x2 - x1), max(1, y2 - y1)), _centre((x1, y1, x2, y2))


_FITTERS = {"area": _fit_area, "stretch": _fit_stretch, "image": _fit_image}


def _size(edges: Edges) -> tuple[int, int]:
    return edges[2] - edges[0], edges[3] - edges[1]


def _centre(edges: Edges) -> tuple[int, int]:
    return (edges[0] + edges[2]) // 2, (edges[1] + edges[3]) // 2
