"""Samples of a training set -> one HTML page that needs nothing but itself, without any script."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contextgen_cli.report.page import filled, shipped, source_hash
from contextgen_cli.report.thumbnails import data_address, reduced

if TYPE_CHECKING:
    from PIL.Image import Image

_POLICY = "default-src 'none'; img-src data:; style-src '{style}'; base-uri 'none'"
_LARGE, _SMALL = 384, 192  # pixels of the first two pictures of a sample, and of the others


@dataclass(frozen=True)
class ShownSample:
    """A sample on the page: what it is called, its caption, its pictures with their names, what is wrong with it."""

    name: str
    caption: str
    pictures: tuple[tuple[str, Image], ...]
    problem: str | None = None


def render(title: str, samples: Iterable[ShownSample]) -> str:
    """The page; whatever a caption says is text on it."""
    style = shipped("samples.css")
    parts = {
        "policy": _POLICY.format(style=source_hash(style)),
        "title": html.escape(title),
        "style": style,
        "samples": "\n".join(map(_article, samples)),
    }
    return filled("samples.html", parts)


def _article(sample: ShownSample) -> str:
    problem = "" if sample.problem is None else f'<p class="problem">{html.escape(sample.problem)}</p>'
    figures = "".join(_figure(name, picture, number) for number, (name, picture) in enumerate(sample.pictures))
    heading = f"<h2>{html.escape(sample.name)}</h2><p>{html.escape(sample.caption)}</p>"
    return f'<article>{heading}{problem}<div class="pictures">{figures}</div></article>'


def _figure(name: str, picture: Image, number: int) -> str:
    address = data_address(reduced(picture, _LARGE if number < 2 else _SMALL))
    return (
        f'<figure><img src="{address}" alt="{html.escape(name)}"><figcaption>{html.escape(name)}</figcaption></figure>'
    )
