"""Shapes that annotation tools have beside polygons, as polygons."""

from __future__ import annotations

import math
from collections.abc import Iterable

from contextgen_cli.scene.imports.foreign_values import Edges
from contextgen_cli.scene.imports.outlines import Polygon, Polygons

_CORNERS = 64  # of an ellipse


def turned_rectangle(edges: Edges, degrees: float, *, about_corner: bool = False) -> Polygons:
    """A rectangle turned clockwise about its centre, or about its top left corner."""
    left, top, right, bottom = edges
    pivot = (left, top) if about_corner else ((left + right) / 2, (top + bottom) / 2)
    return _turned([(left, top), (right, top), (right, bottom), (left, bottom)], pivot, degrees)


def ellipse(centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0) -> Polygons:
    """An ellipse turned clockwise about its centre."""
    angles = [2 * math.pi * step / _CORNERS for step in range(_CORNERS)]
    corners = [(centre[0] + radii[0] * math.cos(a), centre[1] + radii[1] * math.sin(a)) for a in angles]
    return _turned(corners, centre, degrees)


def _turned(corners: Iterable[tuple[float, float]], pivot: tuple[float, float], degrees: float) -> Polygons:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned: Polygon = ()
    for x, y in corners:
        dx, dy = x - pivot[0], y - pivot[1]
        turned += (pivot[0] + dx * cosine - dy * sine, pivot[1] + dx * sine + dy * cosine)
    return Polygons((turned,))
