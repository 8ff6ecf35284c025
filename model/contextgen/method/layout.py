"""References and boxes -> the layout image (paper section 3.2, as the released code places them). Pillow and numpy.

Pixels are float32 in [-1, 1] with 0 the mid-grey of "nothing given", so that nothing is rounded between a reference
file and the VAE.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from contextgen.method.method_card import ModelCard
from contextgen.method.placement import FITS, Edges, Extent, Placement, place
from contextgen.pictures.masks import HALF, mask_of
from contextgen.pictures.reading import is_plain, read
from contextgen.pictures.resizing import resized

Pixels = npt.NDArray[np.float32]  # (H, W, 3) in [-1, 1]
Mask = npt.NDArray[np.bool_]  # (H, W)

EMPTY_MASK = "the mask is empty: no pixel of the reference belongs to the subject"


@dataclass(frozen=True, init=False)
class Instance:
    """One subject at one place.

    Attributes:
        image: the subject's picture, or the path of one, in any mode of Pillow's. It is kept upright and in sRGB: RGB,
            RGBA or L.
        mask: where the subject is (same size; soft values allowed), or the path of it, kept as L; None takes the
            transparency of `image`.
        box: left, top, right, bottom on the canvas, in pixels.
        fit: `area` keeps the aspect and gives the subject the box's area, `stretch` fills the box exactly, `image`
            fits the whole reference picture, background included, into the box.

    Raises:
        ValueError: no mask and no alpha, mask and image of different size, an empty box or an unknown fit.
        contextgen.pictures.masks.MaskError: `mask` is a picture of several things.
        contextgen.pictures.reading.UnreadablePixels: the pixels are numbers of 32 bits.
        OSError: a path leads to no picture.
    """

    image: Image.Image
    mask: Image.Image | None
    box: Edges
    fit: str

    def __init__(
        self,
        image: Image.Image | str | Path,
        mask: Image.Image | str | Path | None = None,
        box: Edges = (0, 0, 0, 0),  # refused: every instance states its own
        fit: str = "area",
    ) -> None:
        given = {"image": _opened(image), "mask": None if mask is None else _opened(mask), "box": box, "fit": fit}
        for name, value in given.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        if not is_plain(self.image):
            object.__setattr__(self, "image", _plain(self.image, with_alpha=self.mask is None))
        if self.mask is not None:
            object.__setattr__(self, "mask", mask_of(self.mask))
        elif self.image.mode != "RGBA":
            raise ValueError("the reference has neither a mask nor an alpha channel")
        if self.mask is not None and self.mask.size != self.image.size:
            raise ValueError(f"the mask is {self.mask.size}, the image {self.image.size}: they must be the same size")
        left, top, right, bottom = self.box
        if right <= left or bottom <= top:
            raise ValueError(f"the box {self.box} has no area")
        if self.fit not in FITS:
            raise ValueError(f"unknown fit {self.fit!r}: use one of {', '.join(FITS)}")


@dataclass(frozen=True)
class PreparedReference:
    """A reference as the model sees it: resized, its mask binarised.

    Attributes:
        pixels: the whole picture, background included.
        soft_mask: 8-bit grey, as resized.
        corner: left and top on the canvas of a reference that was drawn for its box; None: it is fitted when pasted.
    """

    pixels: Pixels
    soft_mask: Image.Image
    corner: tuple[int, int] | None = None

    @cached_property
    def mask(self) -> Mask:
        """Where the subject is."""
        return np.asarray(self.soft_mask) > 127

    @cached_property
    def extent(self) -> Extent:
        """How far the subject reaches."""
        return _extent(self.soft_mask)

    @property
    def image(self) -> Image.Image:
        """As an 8-bit RGBA picture, transparent outside the subject."""
        return _rgba(self.pixels, self.mask)

    @property
    def subject(self) -> Pixels:
        """The picture with a mid-grey background: what the VAE encodes."""
        return self.pixels * self.mask[..., None]

    def foreground(self, token_side: int) -> Mask:
        """The tokens that the subject touches, (H / token_side, W / token_side): F_k of the masks."""
        width, height = self.soft_mask.size
        grid = (width // token_side, height // token_side)
        return np.asarray(self.soft_mask.resize(grid, Image.Resampling.BICUBIC)) > 0


@dataclass(frozen=True)
class Outline:
    """What `prepare_reference` would come to, to a token: which tokens the subject touches, and where it stands."""

    touched: Mask
    corner: tuple[int, int] | None = None

    def foreground(self, token_side: int) -> Mask:
        """As `PreparedReference.foreground`; the side is that of the card it was made with."""
        return self.touched


@dataclass(frozen=True)
class Layout:
    """The layout image.

    Attributes:
        pixels: mid-grey where nothing is given.
        given: where something is.
    """

    pixels: Pixels
    given: Mask

    @property
    def image(self) -> Image.Image:
        """As an 8-bit RGBA picture, transparent where nothing is given."""
        return _rgba(self.pixels, self.given)


def refuse_off_canvas(instances: Sequence[Instance], width: int, height: int) -> None:
    """Refuse a box of which nothing lies on the canvas; of one that sticks out, what is outside is cut off.

    Raises:
        ValueError: names the instance, counted from 1.
    """
    for number, instance in enumerate(instances, start=1):
        left, top, right, bottom = instance.box
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise ValueError(f"instance {number}: the box {instance.box} lies outside the canvas of {width}x{height}")


def compose(references: Sequence[PreparedReference], instances: Sequence[Instance], width: int, height: int) -> Layout:
    """Paste every reference into its instance's box, in order: the last one lies in front.

    Args:
        references: the instances' prepared references, in the same order.
        width, height: the canvas in pixels.
    """
    pixels = np.zeros((height, width, 3), np.float32)
    given = np.zeros((height, width), np.bool_)
    for reference, instance in zip(references, instances, strict=True):
        if reference.corner is not None:
            _stamp(reference.pixels, reference.mask, reference.corner, pixels, given)
            continue
        placement = place(reference.extent, instance.box, instance.fit, (width, height))
        left, top, right, bottom = reference.extent.cropped
        crop = slice(top, bottom), slice(left, right)
        drawn = _resize(reference.mask[crop][..., None].astype(np.float32), placement.size)[..., 0] > 0
        _stamp(_resize(reference.pixels[crop], placement.size), drawn, placement.corner, pixels, given)
    return Layout(pixels, given)


def given_layout(image: Image.Image, width: int, height: int) -> Layout:
    """The user's own composite, resized to the canvas; its alpha says what is given."""
    picture = read(image)
    colours = resized(picture.image, (width, height), Image.Resampling.LANCZOS)
    alpha = picture.alpha or Image.new("L", picture.image.size, 255)
    given = np.asarray(alpha.resize((width, height), Image.Resampling.NEAREST)) > 127
    return Layout(_from_bytes(colours) * given[..., None], given)


def prepare_reference(instance: Instance, card: ModelCard, width: int, height: int) -> PreparedReference:
    """Resize an instance's picture for a canvas of `width` x `height` pixels and binarise its mask.

    Raises:
        ValueError: the mask is empty at that size.
    """
    mask = instance.mask or instance.image.getchannel("A")
    soft = _as_seen(mask, card, (width, height))
    if card.reference_frame == "canvas":
        reference = _drawn_for_its_box(instance, soft, card.token_side, (width, height))
    else:
        colours = resized(instance.image, soft.size, Image.Resampling.BICUBIC)
        reference = PreparedReference(_from_bytes(colours), soft)
    if not reference.mask.any():
        raise ValueError(EMPTY_MASK)
    return reference


def _plain(image: Image.Image, *, with_alpha: bool) -> Image.Image:
    """A picture upright and in sRGB: in RGBA if it has transparency that is wanted."""
    picture = read(image)
    if picture.alpha is None or not with_alpha:
        return picture.image
    colours = picture.image.convert("RGB")
    colours.info = {}
    colours.putalpha(picture.alpha)
    return colours


def extent_of(mask: Image.Image, card: ModelCard, canvas: tuple[int, int]) -> Extent:
    """How far a subject reaches in the frame that a model with `card` places it from.

    That is the resized reference, or in the canvas frame the reference as it is: rounding differs.

    Args:
        mask: of the reference (L).
        canvas: width and height in pixels.

    Raises:
        ValueError: the mask is empty at that size.
    """
    return _extent(_as_seen(mask, card, canvas))


def foresee(
    mask: Image.Image, size: tuple[int, int], box: Edges, fit: str, card: ModelCard, canvas: tuple[int, int]
) -> Outline:
    """The tokens that a reference will take, without its picture: enough for a price.

    Args:
        mask: L; a thumbnail will do.
        size: width and height of the picture.
        canvas: width and height in pixels.

    Raises:
        ValueError: the mask is empty.
    """
    side = card.token_side
    subject = _extent(mask)
    if card.reference_frame != "canvas":
        wide, high = reference_size(size, card, *canvas)
        return Outline(np.asarray(mask.resize((wide // side, high // side), Image.Resampling.BICUBIC)) > 0)
    placement = place(subject, box, fit, canvas)
    soft, corner, offset = _token_frame(placement, side)
    soft.paste(mask.resize(placement.size, Image.Resampling.BILINEAR, subject.edges), offset)
    tokens = (soft.width // side, soft.height // side)
    touched = np.asarray(soft.resize(tokens, Image.Resampling.BICUBIC)) > 0
    return Outline(touched, corner)


def _as_seen(mask: Image.Image, card: ModelCard, canvas: tuple[int, int]) -> Image.Image:
    """The mask in the frame that its subject is placed from."""
    if card.reference_frame == "canvas":
        return mask
    return mask.resize(reference_size(mask.size, card, *canvas), Image.Resampling.BICUBIC)


def _drawn_for_its_box(
    instance: Instance, mask: Image.Image, token_side: int, canvas: tuple[int, int]
) -> PreparedReference:
    """The subject alone, at its size on the canvas, in a frame of whole canvas tokens."""
    subject = _extent(mask)
    placement = place(subject, instance.box, instance.fit, canvas)
    soft, corner, (left, top) = _token_frame(placement, token_side)
    colours = resized(instance.image, placement.size, Image.Resampling.BICUBIC, subject.edges)
    pixels = np.zeros((soft.height, soft.width, 3), np.float32)
    pixels[top : top + colours.height, left : left + colours.width] = _from_bytes(colours)
    soft.paste(mask.resize(placement.size, Image.Resampling.BICUBIC, subject.edges), (left, top))
    return PreparedReference(pixels, soft, corner)


def _token_frame(placement: Placement, side: int) -> tuple[Image.Image, tuple[int, int], tuple[int, int]]:
    """The whole canvas tokens that a placement touches: an empty mask, its corner, and the placement's corner in it."""
    left, top, right, bottom = placement.edges
    x, y = left // side * side, top // side * side
    width, height = -(-(right - x) // side) * side, -(-(bottom - y) // side) * side
    return Image.new("L", (width, height)), (x, y), (left - x, top - y)


def reference_size(size: tuple[int, int], card: ModelCard, width: int, height: int) -> tuple[int, int]:
    """Width and height of a reference of `size` on a canvas: the card's area, its aspect, whole tokens."""
    area = card.reference_side(width, height) ** 2
    aspect = size[0] / size[1]
    return _whole_tokens(math.sqrt(area * aspect), card), _whole_tokens(math.sqrt(area / aspect), card)


def _whole_tokens(side: float, card: ModelCard) -> int:
    return max(1, math.ceil(int(side) / card.token_side)) * card.token_side


def _extent(mask: Image.Image) -> Extent:
    """How far a mask (L) reaches, cut at one half."""
    edges = mask.point([0] * HALF + [255] * (256 - HALF)).getbbox()
    if edges is None:
        raise ValueError(EMPTY_MASK)
    return Extent(mask.size, edges)


def _stamp(pixels: Pixels, mask: Mask, corner: tuple[int, int], canvas: Pixels, given: Mask) -> None:
    """Draw a picture on the canvas where its mask is, its top left at `corner`, clipped at the edges."""
    (height, width), (left, top) = mask.shape, corner
    rows = slice(max(top, 0), min(top + height, given.shape[0]))
    columns = slice(max(left, 0), min(left + width, given.shape[1]))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return
    inside = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    drawn = mask[inside]
    canvas[rows, columns][drawn] = pixels[inside][drawn]
    given[rows, columns] |= drawn


def _resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Plain bilinear interpolation at half-pixel centres, without antialiasing."""
    y0, y1, y = _taps(pixels.shape[0], size[1])
    x0, x1, x = _taps(pixels.shape[1], size[0])
    y, x = y[:, None, None], x[None, :, None]
    rows = pixels[y0] + (pixels[y1] - pixels[y0]) * y
    resized: Pixels = rows[:, x0] + (rows[:, x1] - rows[:, x0]) * x
    return resized


def _taps(size: int, new_size: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Both neighbours and the weight of the second for every new sample, in float32 as torch computes them."""
    scale = np.float32(size) / np.float32(new_size)
    source = np.maximum((np.arange(new_size, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5), 0)
    first = np.minimum(source.astype(np.intp), size - 1)
    second = np.minimum(first + 1, size - 1)
    return first, second, (source - first).astype(np.float32)


def _from_bytes(image: Image.Image) -> Pixels:
    pixels: Pixels = np.asarray(image, np.float32) / np.float32(127.5) - 1
    return pixels


def _rgba(pixels: Pixels, opaque: Mask) -> Image.Image:
    image = Image.fromarray(np.round(np.clip(pixels / 2 + 0.5, 0, 1) * 255).astype(np.uint8))
    image.putalpha(Image.fromarray(opaque).convert("L"))
    return image


def _opened(picture: Image.Image | str | Path) -> Image.Image:
    if isinstance(picture, Image.Image):
        return picture
    opened = Image.open(picture)
    opened.load()  # and close the file
    return opened
