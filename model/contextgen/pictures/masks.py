"""A picture that says where a subject is -> its mask: white is the subject, black the background.

The grey values are the mask. Where all that is visible is of one tone and the transparency varies, the transparency
is the mask; where both vary nobody can know which was meant. Pictures that tell several objects apart, by colours or
by tones, say of none of them that it is the subject.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageFilter

from contextgen.pictures.bands import bands
from contextgen.pictures.colours import GREY, SIXTEEN_BITS
from contextgen.pictures.reading import read
from contextgen.pictures.transparency import is_keyed

HALF = 128  # masks are cut at one half of 255
_CHROMA = 32  # levels between channels from which grey is a colour
_GAP = 3  # levels: tones that are nearer are shades of one
_SHARE = 0.008  # of a picture: what is smaller is no area
_FEW = 16  # tones: a mask with more is soft, or lossy
_COARSE = 48  # samples a side: what is an area then is no edge, were the mask enlarged from 28 pixels a side
_LISTED = 6
_FLAT = 64  # colours: a file with more is lossy, or shaded
_SAMPLE = 1024  # pixels a side, of a picture with too many colours to count each
_CHOOSE = (
    "a mask is white on one subject and black elsewhere: make its colour white and all else black, for example "
    "`magick FILE -fill black +opaque '{0}' -fill white -opaque '{0}' NEW`"
)


class MaskError(ValueError):
    """A picture is no mask: `code` names the reason in one word, `hint` says what to do."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def mask_of(image: Image.Image, *, release: bool = False) -> Image.Image:
    """The mask that a picture is (L, upright, soft values kept). It may be empty.

    Args:
        release: as `read` takes it.

    Raises:
        MaskError: it says of several things that they are the subject, or of none.
        contextgen.pictures.reading.UnreadablePixels: as `read` raises it.
    """
    keyed = is_keyed(image)
    picture = read(image, release=release)
    grey = picture.image if release and picture.image.mode == "L" else picture.image.convert("L")
    grey.info = {}
    if picture.alpha is not None and _is_transparency(grey, picture.alpha, keyed=keyed):
        return picture.alpha
    if picture.image.mode != "L" and _is_coloured(picture.image):
        raise _of_several("mask-colours", "the mask has colours", _colours(picture.image))
    if len(_areas(grey.histogram())) > 2 and len(areas := _tones(grey)) > 2:
        shades = [(f"{tone} of 255", f"#{tone:02x}{tone:02x}{tone:02x}", share) for tone, share in areas]
        raise _of_several("mask-tones", "the mask has several tones", shades)
    return grey


def few_values(image: Image.Image, most: int = 64) -> list[int] | None:
    """The grey values of a picture as they are stored, `most` at most; None where it has more, or colours."""
    if image.mode not in GREY and image.mode != "P":
        return None
    whole = image.convert("I" if image.mode in SIXTEEN_BITS else "L")
    found = whole.getcolors(most)
    return None if found is None else sorted(int(value) for _, value in found)  # type: ignore[arg-type]


def _is_transparency(grey: Image.Image, alpha: Image.Image, *, keyed: bool) -> bool:
    """Whether a mask is its transparency rather than its grey; of a `keyed` one, the transparent tone is stated too."""
    if alpha.getextrema() == (255, 255):
        return False
    tones = grey.histogram(mask=alpha.point([0] + [255] * 255))
    is_flat = sum(count > 0 for count in tones) <= 1
    if keyed:
        return is_flat and any(tones[HALF:])
    if not is_flat:
        hint = "save it as a grey picture without transparency: white is the subject"
        raise MaskError("ambiguous-mask", "both its grey and its transparency vary", hint)
    return True


def _is_coloured(image: Image.Image) -> bool:
    return any(_chroma(image.crop((0, top, image.width, bottom))) > _CHROMA for top, bottom in bands(*image.size))


def _chroma(band: Image.Image) -> int:
    red, green, blue = band.split()[:3]
    return max(int(ImageChops.difference(green, other).getextrema()[1]) for other in (red, blue))  # type: ignore[arg-type]


def _colours(image: Image.Image) -> list[tuple[str, str, float]]:
    """The commonest colours: how each is called, twice, and its share of the picture; of a lossy file, colours that
    are near one another are one."""
    if (found := image.convert("RGB").getcolors(1 << 16)) is None:
        found = image.resize((_SAMPLE, _SAMPLE), Image.Resampling.NEAREST).convert("RGB").getcolors(_SAMPLE**2)
    assert found is not None
    shades = Counter[tuple[int, ...]]()
    names: dict[tuple[int, ...], str] = {}
    for count, colour in sorted(found, reverse=True):
        assert isinstance(colour, tuple)
        shade = tuple(value >> (5 if len(found) > _FLAT else 0) for value in colour)
        shades[shade] += count
        names.setdefault(shade, "#{:02x}{:02x}{:02x}".format(*colour))
    return [(names[shade], names[shade], count / shades.total()) for shade, count in shades.most_common()]


def _of_several(code: str, what: str, found: Sequence[tuple[str, str, float]]) -> MaskError:
    listed = ", ".join(f"{name} ({100 * share:.2g} %)" for name, _, share in found[:_LISTED])
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    first = next((colour for _, colour, _ in found if colour != "#000000"), "#ffffff")
    return MaskError(code, f"{what}: {listed}{more}", _CHOOSE.format(first))


def _tones(grey: Image.Image) -> list[tuple[int, float]]:
    """The tones of areas, each with its share of the picture.

    Where a large one is white, thin ones are its edge. Else, of a mask of few tones, each counts: there may be a line
    of white around objects that are none.
    """
    size = (min(_COARSE, grey.width), min(_COARSE, grey.height))
    large = _areas(_flat(grey.resize(size, Image.Resampling.NEAREST)))
    is_soft = sum(count > 0 for count in grey.histogram()) > _FEW
    return large if is_soft or any(tone >= 255 - _GAP for tone, _ in large) else _areas(_flat(grey))


def _flat(grey: Image.Image) -> list[int]:
    """The histogram of those pixels that are like all their neighbours: areas, not edges or shading."""
    least, most = (grey.filter(kind(3)) for kind in (ImageFilter.MinFilter, ImageFilter.MaxFilter))
    return grey.histogram(mask=ImageChops.difference(least, most).point([255] * 3 + [0] * 253))


def _areas(tones: Sequence[int]) -> list[tuple[int, float]]:
    """Tones that are well apart, each with its share of the picture; tones without a gap between them are one."""
    total = max(1, sum(tones))
    groups: list[list[int]] = []
    for tone in (tone for tone, count in enumerate(tones) if count > total * _SHARE / 80):
        if groups and tone - groups[-1][-1] <= _GAP:
            groups[-1].append(tone)
        else:
            groups.append([tone])
    areas = [(max(group, key=lambda tone: tones[tone]), sum(tones[tone] for tone in group) / total) for group in groups]
    return [(tone, share) for tone, share in areas if share >= _SHARE]
