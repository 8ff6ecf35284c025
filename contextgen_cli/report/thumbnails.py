"""Pictures as a report embeds them: decoded once, on all cores, for what they remember and a small copy."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from contextgen_cli.records.output import RECORD_KEY

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
    thumbnail: str | None = None  # a data: address
    problem: str | None = None  # why there is no thumbnail
    is_sheet: bool = False


NOT_SEEN = OpenedPicture()


def look(path: Path, side: int) -> OpenedPicture:
    """Read a picture: its record, and a thumbnail no larger than `side` pixels."""
    from PIL import Image, UnidentifiedImageError

    size, record = (0, 0), None
    try:
        with Image.open(path, formats=["PNG"]) as image:
            size, record = image.size, _record(image)
            if SHEET_KEY in image.info:
                return OpenedPicture(size, is_sheet=True)
            return OpenedPicture(size, record, _jpeg(reduced(image, side)))
    except UnidentifiedImageError:
        return OpenedPicture(problem="it is no picture")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        return OpenedPicture(size, record, problem=f"it is not whole: {getattr(problem, 'strerror', None) or problem}")


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


def _record(image: Image) -> dict[str, Any] | None:
    try:
        record = json.loads(image.info.get(RECORD_KEY, "null"))
    except (ValueError, TypeError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
