"""Masks that annotation files carry as small pictures, to be laid somewhere on the image."""

from __future__ import annotations

import base64
import binascii
import io

from contextgen_cli.scene.imports.foreign_values import MalformedError
from contextgen_cli.scene.imports.outlines import Runs
from contextgen_cli.scene.imports.run_lengths import runs
from contextgen_cli.scene.limits import REFERENCE_PIXELS
from contextgen_cli.scene.scene import Box


def decoded_base64(text: str) -> bytes:
    """
    Raises:
        MalformedError: the text is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(f"its mask is no picture: {error}") from None


def placed_mask(png: bytes, corner: tuple[float, float]) -> Runs:
    """The outline of what is visible in a PNG, or not black where all is; `corner` is where its top left one is laid.

    Raises:
        MalformedError: it is no PNG, or too large.
    """
    import numpy as np
    from PIL import Image

    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            if image.width * image.height > REFERENCE_PIXELS:
                raise MalformedError(f"its mask is {image.width} x {image.height} px")
            taken = image.getchannel("A") if "A" in image.getbands() else image.convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise MalformedError(f"its mask is no picture: {error}") from None
    changes = np.flatnonzero(np.diff(np.asarray(taken).ravel() > 0, prepend=False))
    lengths = np.diff(changes, prepend=0, append=taken.width * taken.height)
    left, top = round(corner[0]), round(corner[1])
    return runs(lengths.tolist(), Box(left, top, left + taken.width, top + taken.height))
