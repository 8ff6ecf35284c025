"""Pictures as a report embeds them: decoded once, on all cores, for what they remember and a small copy."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from contextgen_cli.records import picture_file
from contextgen_cli.records.foreign_json import parse_object
from contextgen_cli.records.picture_file import OddPicture

if TYPE_CHECKING:
    from PIL.Image import Image

SHEET_KEY = "contextgen-contact-sheet"  # the PNG text chunk of a picture that is no picture of a scene
_QUALITY = 80
_GREY = (128, 128, 128)  # what the model sees where nothing is given
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class OpenedPicture:
    """A picture file, looked at."""

    size: tuple[int, int] = (0, 0)
    record: dict[str, Any] | None = None
    record_problem: str | None = None  # why there is no record, where something stands in its place
    thumbnail: str | None = None  # a data: address
    problem: str | None = None  # why there is no thumbnail
    is_sheet: bool = False


NOT_SEEN = OpenedPicture()


def look(path: Path, side: int) -> OpenedPicture:
    """Read a picture: its record, and a thumbnail no larger than `side` pixels."""
    seen = NOT_SEEN
    try:
        with picture_file.opened(path) as image:
            if SHEET_KEY in image.info:
                return OpenedPicture(image.size, is_sheet=True)
            seen = _with_record(OpenedPicture(image.size), picture_file.record_text(image))
            picture_file.refuse_large(image)
            return replace(seen, thumbnail=_jpeg(reduced(image, side)))
    except OddPicture as problem:
        return replace(seen, problem=f"it cannot be shown: {problem.strerror}")
    except OSError as problem:
        return replace(seen, problem=f"it is not whole: {problem.strerror or problem}")


def _with_record(seen: OpenedPicture, text: str | None) -> OpenedPicture:
    try:
        return seen if text is None else replace(seen, record=parse_object(text))
    except ValueError as problem:
        return replace(seen, record_problem=str(problem))


def reduced(image: Image, side: int) -> Image:
    """A small RGB copy, no larger than `side`: averaged over whole pixels first, which is fast."""
    factor = max(image.size) // side
    small = image if image.mode in ("RGB", "RGBA", "L") else image.convert("RGBA")
    small = small.reduce(factor) if factor > 1 else small
    if max(small.size) > side:
        scale = side / max(small.size)
        small = small.resize((max(1, round(small.width * scale)), max(1, round(small.height * scale))))
    return _on_grey(small)


def data_address(image: Image) -> str:
    """A picture as a `data:` address: with its transparency if it has any."""
    from PIL import features

    if image.mode != "RGBA":
        return _jpeg(image)
    kind = "webp" if features.check("webp") else "png"
    return _encoded(image, kind, quality=_QUALITY)


def on_all_cores(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """`map`, on as many threads as there are cores: Pillow lets go of the interpreter while it works on pixels."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from pool.map(function, items)


def _on_grey(image: Image) -> Image:
    from PIL import Image

    if image.mode != "RGBA":
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, _GREY)
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _jpeg(image: Image) -> str:
    return _encoded(image, "jpeg", quality=_QUALITY)


def _encoded(image: Image, kind: str, **settings: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getbuffer()).decode('ascii')}"
