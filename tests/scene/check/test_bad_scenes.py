"""Every kind of bad scene is refused (or warned of) at its place and with its reason."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest
from good_scene import GOOD, Check
from PIL import Image

from contextgen_cli.scene.check import image_checks


def edited(*changes: tuple[str, str]) -> str:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


PROMPT = "A crab is holding a bag."
BOX = "{x: 0, y: 0, width: 128, height: 128}"
LAST_BOX = "{left: 50%, top: 0, right: 100%, bottom: 100%}"

# name: (text, code, line, column, words of the message or hint)
ERRORS: dict[str, tuple[str, str, int, int, str]] = {
    "unknown key": (GOOD + "promt: x\n", "unknown-key", 12, 1, "did you mean `prompt`"),
    "unknown key, misspelt": (edited(("prompt:", "promt:")), "unknown-key", 2, 1, "did you mean `prompt`"),
    "unknown key in a reference": (
        edited(("crab.png}", "crab.png, maks: x}")),
        "unknown-key",
        5,
        27,
        "did you mean `mask`",
    ),
    "wrong case": (edited(("prompt:", "Prompt:")), "unknown-key", 2, 1, "did you mean `prompt`"),
    "missing key": (edited((f"prompt: {PROMPT}\n", "")), "missing-key", 1, 1, "`prompt` is missing"),
    "missing image": (edited(("{image: crab.png}", "{}")), "missing-key", 5, 9, "references.crab"),
    "duplicate key": (GOOD + "prompt: again\n", "duplicate-key", 12, 1, "first is in line 2"),
    "duplicate reference": (edited(("  bag:", "  crab:")), "duplicate-key", 6, 3, "twice"),
    "wrong version": (edited(("version: 1", "version: 2")), "wrong-version", 1, 10, "reads version 1"),
    "prompt of no text": (edited((PROMPT, "[a]")), "wrong-type", 2, 9, "must be a text; this is a list"),
    "prompt a number": (edited((PROMPT, "12")), "wrong-type", 2, 9, "in quotes"),
    "prompt missing its value": (edited((PROMPT, "")), "wrong-type", 2, 8, "it is empty"),
    "prompt blank": (edited((PROMPT, '"  "')), "empty-text", 2, 9, "empty"),
    "canvas side no multiple": (edited(("width: 256", "width: 250")), "not-a-multiple", 3, 17, "240 and 256"),
    "canvas too small": (edited(("width: 256", "width: 32")), "out-of-range", 3, 17, "at least 64"),
    "canvas too large": (edited(("width: 256", "width: 8192")), "out-of-range", 3, 17, "at most 4096"),
    "canvas side in quotes": (
        edited(("width: 256", 'width: "256"')),
        "wrong-type",
        3,
        17,
        "remove the quotes",
    ),
    "canvas a text": (edited(("{width: 256, height: 128}", "256x128")), "wrong-type", 3, 9, "a mapping"),
    "reference name": (edited(("  crab:", "  1crab:")), "bad-name", 5, 3, "begin with a letter"),
    "unknown reference": (edited(("reference: bag", "reference: bagg")), "unknown-reference", 8, 16, "`bag`"),
    "no instances": (GOOD.split("instances:")[0] + "instances: []\n", "empty-list", 7, 12, "at least one"),
    "too many instances": (
        GOOD + "  - {reference: crab, box: {x: 0, y: 0, width: 64, height: 64}}\n" * 63,
        "too-many-items",
        8,
        3,
        "at most 64",
    ),
    "box of two kinds": (edited((BOX, "{x: 0, top: 0, width: 9, height: 9}")), "mixed-box", 9, 10, "either"),
    "box incomplete": (
        edited((BOX, "{x: 0, y: 0, width: 128}")),
        "missing-key",
        9,
        10,
        "`height` is missing",
    ),
    "box a list": (edited((BOX, "[0, 0, 128, 128]")), "wrong-type", 9, 10, "must be a mapping"),
    "box misspelt": (edited(("width: 128", "widht: 128")), "unknown-key", 9, 23, "did you mean `width`"),
    "box side a word": (edited(("left: 50%", "left: half")), "bad-length", 11, 17, "per cent"),
    "box side a fraction": (edited(("left: 50%", "left: 0.5")), "bad-length", 11, 17, "whole pixels"),
    "box side empty": (edited(("left: 50%", "left: ")), "bad-length", 11, 17, "it is empty"),
    "box without area": (edited(("right: 100%", "right: 50%")), "box-without-area", 11, 10, "0 x 128"),
    "box inside out": (edited(("right: 100%", "right: 10%")), "box-without-area", 11, 10, "greater"),
    "box of zero width": (edited(("width: 128", "width: 0")), "box-without-area", 9, 10, "0 x 128"),
    "box of less than a pixel": (edited(("right: 100%", "right: 50.1%")), "box-without-area", 11, 10, "0.256 x 128"),
    "box outside by rounding": (
        edited((LAST_BOX, "{left: 99.99%, top: 0, right: 110%, bottom: 100%}")),
        "box-outside-canvas",
        11,
        10,
        "outside the canvas",
    ),
    "box of gigabytes": (
        edited(("width: 128, height: 128}", "width: 65536, height: 65536}")),
        "box-too-large",
        9,
        10,
        "65536 x 65536 px, larger than any canvas",
    ),
    "box outside": (edited(("{x: 0,", "{x: 256,")), "box-outside-canvas", 9, 10, "outside the canvas"),
    "unknown fit": (GOOD + "    fit: strech\n", "unknown-value", 12, 10, "did you mean `stretch`"),
    "no seeds": (GOOD + "seeds: []\n", "empty-list", 12, 8, "at least one"),
    "seed twice": (GOOD + "seeds: [3, 3]\n", "repeated-item", 12, 8, "3 twice"),
    "seed negative": (GOOD + "seeds: [-1]\n", "out-of-range", 12, 9, "at least 0"),
    "seed too large": (GOOD + f"seed: {2**63}\n", "out-of-range", 12, 7, "at most"),
    "seeds and seed": (GOOD + "seeds: [1]\nseed: 2\n", "seeds-twice", 13, 1, "beside `seeds`"),
    "seeds and count": (GOOD + "seeds: [1]\ncount: 2\n", "seeds-twice", 13, 1, "beside `seeds`"),
    "last seed too large": (GOOD + f"seed: {2**63 - 1}\ncount: 2\n", "out-of-range", 13, 8, "last seed"),
    "steps zero": (GOOD + "sampling: {steps: 0}\n", "out-of-range", 12, 19, "at least 1"),
    "guidance a word": (GOOD + "sampling: {guidance: high}\n", "wrong-type", 12, 22, "a number"),
    "model a path": (GOOD + "model: /models/flux\n", "bad-alias", 12, 8, "--model"),
    "name with a slash": (GOOD + "name: a/b\n", "bad-name", 12, 7, "cannot be a name"),
    "image missing": (edited(("crab.png", "crap.png")), "no-such-image", 5, 17, "did you mean"),
    "image folder missing": (edited(("crab.png", "refs/crab.png")), "no-such-image", 5, 17, "no folder"),
    "image an address": (
        edited(("crab.png", '"https://x.org/a.png"')),
        "no-such-image",
        5,
        17,
        "download it",
    ),
    "image with a tilde": (edited(("crab.png", '"~/a.png"')), "no-such-image", 5, 17, "not expanded"),
    "image without mask": (edited((", mask: bag_mask.png", "")), "no-mask", 6, 16, "add `mask:`"),
    "crop outside": (
        edited(("image: crab.png", "image: crab.png, crop: {x: 100, y: 0, width: 200, height: 9}")),
        "crop-outside-image",
        5,
        33,
        "200x160",
    ),
    "crop without area": (
        edited(("image: crab.png", "image: crab.png, crop: {left: 9, top: 0, right: 9, bottom: 9}")),
        "crop-without-area",
        5,
        33,
        "0 x 9",
    ),
    "crop in per cent": (
        edited(("image: crab.png", "image: crab.png, crop: {x: 5%, y: 0, width: 20, height: 9}")),
        "wrong-type",
        5,
        37,
        "whole number",
    ),
    "layout missing": (GOOD + "layout: lay.png\n", "no-such-image", 12, 9, "lay.png"),
    "model unknown": (GOOD + "model: kontxt\n", "unknown-model", 12, 8, "did you mean `kontext`"),
    "model far from any": (GOOD + "model: sd\n", "unknown-model", 12, 8, "known here: kontext"),
    "seed a bare word": (GOOD + "seeds: [yes]\n", "yaml-boolean", 12, 9, "write a whole number"),
    "fit a bare word": (GOOD + "    fit: no\n", "yaml-boolean", 12, 10, "write one of area, stretch, image"),
    "box side a ratio": (edited(("left: 50%", "left: 16:9")), "yaml-sexagesimal", 11, 17, "or per cent"),
    "steps an exponent": (GOOD + "sampling: {steps: 1e3}\n", "yaml-exponent", 12, 19, "write 1000"),
    "canvas with a tag": (
        edited(("canvas: {width: 256, height: 128}", "canvas: !!python/object:a.B {}")),
        "yaml-tag",
        3,
        9,
        "remove it",
    ),
    "document with a tag": ("!!python/object:a.B {}\n", "yaml-tag", 1, 1, "remove it"),
    "document with a tag on a list": ("!!python/object/apply:os.system [ls]\n", "yaml-tag", 1, 1, "remove it"),
    "instances no list": (
        GOOD.split("instances:")[0] + "instances: {reference: crab}\n",
        "wrong-type",
        7,
        12,
        "a list; this is a mapping",
    ),
    "references misspelt": (edited(("references:", "referenecs:")), "unknown-key", 4, 1, "`references`"),
    "references no mapping": (
        GOOD.split("  crab:")[0] + "  [crab]\n" + GOOD[GOOD.index("instances:") :],
        "wrong-type",
        5,
        3,
        "must be a mapping",
    ),
    "no mapping": ("- a\n- b\n", "not-a-mapping", 1, 1, "mapping"),
    "only a word": ("hello\n", "not-a-mapping", 1, 1, "version: 1"),
    "empty document": (GOOD + "---\n", "empty-document", 12, 4, "remove the `---`"),
    "matrix empty": (GOOD + "matrix: {}\n", "empty-list", 12, 9, "at least one"),
    "matrix of no lists": (GOOD + "matrix: {a: 1}\n", "wrong-type", 12, 13, "a list"),
    "matrix key unused": (GOOD + "matrix: {a: [1]}\n", "unused-matrix-key", 12, 10, "never used"),
    "matrix key unknown": (
        edited((PROMPT, "a ${plac}")) + "matrix: {place: [x]}\n",
        "unknown-matrix-key",
        2,
        9,
        "`place`",
    ),
    "substitution without matrix": (edited((PROMPT, "a ${x}")), "unknown-matrix-key", 2, 9, "`$${`"),
    "substitution not closed": (edited((PROMPT, '"a ${x"')), "bad-substitution", 2, 9, "without a name"),
    "matrix value of the wrong kind": (
        edited(("width: 256", 'width: "${w}"')) + "matrix: {w: [256, wide]}\n",
        "wrong-type",
        3,
        17,
        "wide",
    ),
    "matrix value bare in brackets": (
        edited(("width: 256", "width: ${w}")) + "matrix: {w: [256]}\n",
        "yaml-syntax",
        3,
        9,
        "in quotes",
    ),
    "matrix rows of one name": (
        edited((PROMPT, "a ${x}")) + "name: same\nmatrix: {x: [a, b]}\n",
        "name-taken",
        12,
        7,
        "`${key}`",
    ),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_is_refused_at_its_place_with_its_reason(kind: str, check: Check) -> None:
    text, code, line, column, words = ERRORS[kind]
    loaded = check(text, models=("kontext",))
    found = {(problem.code, problem.line, problem.column): problem for problem in loaded.errors}
    assert (code, line, column) in found, list(found)
    problem = found[code, line, column]
    assert words in f"{problem.message} {problem.key_path} {problem.hint}"
    assert problem.source_line == text.split("\n")[line - 1]


@pytest.mark.parametrize("kind", [kind for kind in ERRORS if kind not in ("duplicate reference", "reference name")])
def test_no_second_error_hides_the_first(kind: str, check: Check) -> None:
    found = check(ERRORS[kind][0], models=("kontext",)).errors
    assert len(found) == 1, found


@pytest.mark.parametrize("kind", ["canvas with a tag", "instances no list", "no instances", "references no mapping"])
def test_an_error_warns_of_nothing_that_follows_from_it(kind: str, check: Check) -> None:
    assert not check(ERRORS[kind][0]).warnings


def test_any_model_passes_where_none_is_known(check: Check) -> None:
    assert not check(GOOD + "model: kontxt\n").problems


def with_reference(line: str) -> str:
    return edited(("references:\n", f"references:\n  {line}\n"))


WARNINGS: dict[str, tuple[str, str, int, int, str]] = {
    "unused reference": (
        edited(
            (
                "references:\n",
                "references:\n  fox: {image: crab.png, crop: {x: 0, y: 0, width: 99, height: 99}}\n",
            )
        ),
        "unused-reference",
        5,
        3,
        "`fox`",
    ),
    "two names for one picture": (
        with_reference("fox: {image: ./crab.png}"),
        "same-reference",
        6,
        3,
        "same picture",
    ),
    "names alike": (
        with_reference("Crab: {image: crab.png}"),
        "similar-names",
        6,
        3,
        "spelling",
    ),
    "mask the image itself": (
        edited(("mask: bag_mask.png", "mask: ./bag.jpg")),
        "mask-is-image",
        6,
        31,
        "same file as the image",
    ),
    "box sticks out": (edited(("{x: 0,", "{x: -8,")), "box-beyond-canvas", 9, 10, "cut off"),
    "box sticks out on the right": (
        edited((BOX, "{x: 160, y: 0, width: 128, height: 128}")),
        "box-beyond-canvas",
        9,
        10,
        "right 288",
    ),
    "box sticks out below": (
        edited((BOX, "{x: 0, y: 8, width: 128, height: 128}")),
        "box-beyond-canvas",
        9,
        10,
        "bottom 136",
    ),
    "box lower than a token": (edited((BOX, "{x: 0, y: 0, width: 64, height: 8}")), "tiny-box", 9, 10, "16 x 16"),
    "box smaller than a token": (
        edited((BOX, "{x: 0, y: 0, width: 8, height: 64}")),
        "tiny-box",
        9,
        10,
        "16 x 16",
    ),
    "covered by one": (edited((LAST_BOX, BOX)), "covered-instance", 8, 5, "wholly behind"),
    "covered where it is on the canvas": (
        edited((BOX, "{x: -64, y: 0, width: 192, height: 128}"), (LAST_BOX, BOX)),
        "covered-instance",
        8,
        5,
        "wholly behind",
    ),
    "covered by two": (
        edited((LAST_BOX, "{x: 0, y: 0, width: 64, height: 128}"))
        + "  - {reference: crab, box: {x: 64, y: 0, width: 64, height: 128}}\n",
        "covered-instance",
        8,
        5,
        "wholly behind",
    ),
    "layout of another shape": (GOOD + "layout: bag.jpg\n", "stretched-layout", 12, 9, "150x150"),
}


@pytest.mark.parametrize("kind", WARNINGS)
def test_is_warned_of(kind: str, check: Check) -> None:
    text, code, line, column, words = WARNINGS[kind]
    loaded = check(text)
    assert not loaded.errors and len(loaded.scenes) == 1
    problem = next(problem for problem in loaded.warnings if problem.code == code)
    assert (problem.line, problem.column) == (line, column)
    assert words in f"{problem.message} {problem.hint}"
    assert check(text, strict=True).errors


@pytest.mark.parametrize(
    "text",
    [
        edited((BOX, "{x: 0, y: 0, width: 16, height: 16}")),
        edited(("crab.png}", "crab.png, crop: {x: 0, y: 0, width: 200, height: 160}}")),
    ],
    ids=["a box of one token", "a crop of everything"],
)
def test_what_just_fits_is_no_problem(text: str, check: Check) -> None:
    assert not check(text, deep=True).problems


def test_one_picture_cropped_twice_is_two(check: Check) -> None:
    text = with_reference("fox: {image: crab.png, crop: {x: 40, y: 40, width: 99, height: 80}}")
    assert [problem.code for problem in check(text).problems] == ["unused-reference"]


def test_a_later_box_that_leaves_a_strip_covers_nothing(check: Check) -> None:
    assert not check(edited((LAST_BOX, "{x: 0, y: 0, width: 127, height: 128}"))).problems


def test_the_good_scene_has_no_problem(check: Check) -> None:
    assert check(GOOD, deep=True, strict=True, confine=True).problems == ()


def broken_images(folder: Path) -> dict[str, tuple[str, str, bool]]:
    """name of the bad file: (code, words, only found when decoded)."""
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("I am no picture")
    whole = (folder / "crab.png").read_bytes()
    noise = Image.effect_noise((300, 300), 90)
    Image.merge("RGBA", [noise] * 3 + [Image.new("L", noise.size, 255)]).save(folder / "noise.png")
    (folder / "truncated.png").write_bytes((folder / "noise.png").read_bytes()[:20_000])
    (folder / "stub.png").write_bytes(whole[:20])
    (folder / "a-folder.png").mkdir()
    Image.new("1", (10_000, 8_000)).save(folder / "huge.png")
    header = b"IHDR" + struct.pack(">IIBBBBB", 90_000, 90_000, 8, 6, 0, 0, 0)
    (folder / "absurd.png").write_bytes(whole[:12] + header + struct.pack(">I", zlib.crc32(header)) + whole[33:])
    flipped = bytearray((folder / "noise.png").read_bytes())
    flipped[flipped.index(b"IEND") - 9] ^= 1  # in the checksum of the last IDAT
    (folder / "flipped.png").write_bytes(flipped)
    Image.new("RGBA", (200, 200), (9, 9, 9, 0)).save(folder / "clear.png")
    Image.new("RGBA", (200, 200), (9, 9, 9, 100)).save(folder / "faint.png")
    Image.new("RGBA", (200, 200), (9, 9, 9, 255)).save(folder / "opaque.png")
    return {
        "empty.png": ("not-an-image", "empty file", False),
        "text.png": ("not-an-image", "not an image", False),
        "truncated.png": ("damaged-image", "damaged", True),
        "stub.png": ("damaged-image", "damaged", False),
        "a-folder.png": ("not-an-image", "folder", False),
        "huge.png": ("image-too-large", "64 megapixels", False),
        "absurd.png": ("image-too-large", "64 megapixels", False),
        "flipped.png": ("damaged-image", "checksum", True),
        "clear.png": ("empty-mask", "fully transparent", True),
        "faint.png": ("empty-mask", "one half, where masks are cut: the most is 100 of 255", True),
        "opaque.png": ("opaque-image", "the whole rectangle would be the subject", True),
    }


@pytest.mark.filterwarnings("error")
def test_bad_images(folder: Path, check: Check) -> None:
    for name, (code, words, needs_decoding) in broken_images(folder).items():
        text = edited(("crab.png", name))
        deep = check(text, deep=True).errors
        assert [(problem.code, problem.line) for problem in deep] == [(code, 5)], name
        assert words in deep[0].message and name in deep[0].message
        assert bool(check(text).errors) is not needs_decoding, name


def test_bad_masks(folder: Path, check: Check) -> None:
    Image.new("L", (90, 150), 255).save(folder / "narrow.png")
    Image.new("L", (150, 150), 90).save(folder / "dark.png")
    Image.effect_noise((150, 150), 90).save(folder / "noise.png")
    whole = (folder / "noise.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[:9_000])
    (folder / "flipped.png").write_bytes(whole[:9_000] + bytes([whole[9_000] ^ 1]) + whole[9_001:])
    cases = (
        ("narrow.png", "mask-size", False),
        ("dark.png", "empty-mask", True),
        ("cut.png", "damaged-image", True),
        ("flipped.png", "damaged-image", True),
    )
    for mask, code, deep in cases:
        (problem,) = check(edited(("bag_mask.png", mask)), deep=deep).errors
        assert (problem.code, problem.line, problem.column) == (code, 6, 31)


def test_a_damaged_image_beside_a_good_mask(folder: Path, check: Check) -> None:
    Image.effect_noise((150, 150), 90).convert("RGB").save(folder / "bag.jpg")
    (folder / "bag.jpg").write_bytes((folder / "bag.jpg").read_bytes()[:2000])
    (problem,) = check(GOOD, deep=True).errors
    assert (problem.code, problem.line, problem.column) == ("damaged-image", 6, 16)


@pytest.mark.parametrize("name", ["crab.png", "bag_mask.png"])
def test_an_image_that_changed_is_decoded_again(name: str, folder: Path, check: Check) -> None:
    assert not check(GOOD, deep=True).problems
    with Image.open(folder / name) as image:
        Image.new(image.mode, image.size).save(folder / name)
    assert [problem.code for problem in check(GOOD, deep=True).errors] == ["empty-mask"]


def test_a_crop_without_subject_is_an_empty_mask(check: Check) -> None:
    text = edited(("image: crab.png", "image: crab.png, crop: {x: 0, y: 0, width: 30, height: 30}"))
    (problem,) = check(text, deep=True).errors
    assert problem.code == "empty-mask" and "within the crop" in problem.message


@pytest.mark.parametrize("alpha", [0, 127])
def test_a_layout_that_gives_nothing_is_warned_of(alpha: int, folder: Path, check: Check) -> None:
    Image.new("RGBA", (256, 128), (9, 9, 9, alpha)).save(folder / "lay.png")
    text = GOOD + "layout: lay.png\n"
    (problem,) = check(text, deep=True).warnings
    assert (problem.code, problem.line, problem.column) == ("empty-layout", 12, 9)
    assert not check(text).problems  # known only when decoded


@pytest.mark.parametrize("deep", [False, True])
def test_a_layout_that_gives_everything_is_warned_of(deep: bool, folder: Path, check: Check) -> None:
    Image.new("RGB", (256, 128), "green").save(folder / "lay.jpg")
    (problem,) = check(GOOD + "layout: lay.jpg\n", deep=deep).warnings
    assert (problem.code, problem.line, problem.column) == ("opaque-layout", 12, 9)
    Image.new("RGBA", (256, 128), (9, 9, 9, 255)).save(folder / "lay.png")
    assert [problem.code for problem in check(GOOD + "layout: lay.png\n", deep=True).warnings] == ["opaque-layout"]


def turned(size: tuple[int, int], path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, "brown").save(path, exif=exif)


@pytest.mark.parametrize(("size", "orientation"), [((150, 150), 6), ((150, 150), 2), ((180, 150), 3)])
def test_a_mask_that_fits_a_turned_picture_both_ways_is_warned_of(size, orientation, folder, check) -> None:
    turned(size, folder / "bag.jpg", orientation)
    mask = Image.new("L", size)
    mask.paste(255, (30, 30, 90, 120))
    mask.save(folder / "bag_mask.png")
    (problem,) = check(GOOD).warnings
    assert (problem.code, problem.line, problem.column) == ("turned-apart", 6, 31)
    assert f"the image is turned by its EXIF orientation ({orientation})" in problem.message
    turned(size, folder / "bag_mask.jpg", orientation)
    assert not check(edited(("bag_mask.png", "bag_mask.jpg"))).problems


def test_a_mask_that_is_turned_otherwise_than_its_picture_does_not_fit_it_unturned(folder: Path, check: Check) -> None:
    turned((160, 120), folder / "bag.jpg", 6)
    turned((160, 120), folder / "bag_mask.jpg", 3)
    (problem,) = check(edited(("bag_mask.png", "bag_mask.jpg"))).errors
    assert (problem.code, problem.hint) == ("mask-size", "save the mask in the image's size")
    assert problem.message.startswith("the mask is 160x120 px, but the image 120x160:")


@pytest.mark.parametrize(("orientation", "turn"), [(6, "-rotate 90"), (8, "-rotate 270"), (5, "-transpose")])
def test_a_mask_of_the_unturned_picture_is_told_how_to_turn(orientation, turn, folder, check) -> None:
    turned((180, 150), folder / "bag.jpg", orientation)
    Image.new("L", (180, 150), 255).save(folder / "bag_mask.png")
    for deep in (False, True):
        (problem,) = check(GOOD, deep=deep).errors
        assert problem.code == "mask-size" and "the mask fits the picture unturned" in problem.message
        assert turn in str(problem.hint)


def test_a_profile_that_cannot_be_applied_is_warned_of(folder: Path, check: Check) -> None:
    Image.new("RGB", (150, 150), "brown").save(folder / "bag.jpg", icc_profile=b"junk" * 50)
    (problem,) = check(GOOD).warnings
    assert (problem.code, problem.line, problem.column) == ("odd-metadata", 6, 16)
    assert problem.message == "its colour profile cannot be read: it is left out"


def test_what_is_odd_about_a_subject_is_warned_of_on_every_run(folder: Path, check: Check) -> None:
    with Image.open(folder / "crab.png") as image:
        image.load()
    image.putpixel((199, 0), (9, 9, 9, 255))
    image.putpixel((0, 159), (9, 9, 9, 255))
    image.save(folder / "crab.png")
    verified: set[str] = set()
    for _ in range(2):
        (problem,) = check(GOOD, deep=True, verified=verified).warnings
        assert (problem.code, problem.line, problem.column) == ("stray-specks", 5, 17)
    assert len(verified) == 1  # the bag
    assert [problem.code for problem in check(GOOD, deep=True, strict=True).errors] == ["stray-specks"]


def test_a_mask_in_colours_is_refused_at_its_place(folder: Path, check: Check) -> None:
    mask = Image.new("RGB", (150, 150))
    mask.paste((128, 0, 0), (30, 30, 120, 120))
    mask.save(folder / "bag_mask.png")
    (problem,) = check(GOOD, deep=True).errors
    assert (problem.code, problem.line, problem.column) == ("mask-colours", 6, 31)
    assert "#800000 (36 %)" in problem.message and "bag_mask.png" in problem.message


def test_a_small_reference_will_be_enlarged(folder: Path, check: Check) -> None:
    Image.new("RGBA", (40, 40), "red").save(folder / "small.png")
    (problem,) = check(edited(("crab.png", "small.png"))).warnings
    assert problem.code == "small-reference" and "enlarged" in str(problem.hint)


def test_what_is_enlarged_is_the_crop_on_either_side(check: Check) -> None:
    (problem,) = check(edited(("crab.png}", "crab.png, crop: {x: 50, y: 0, width: 40, height: 160}}"))).warnings
    assert problem.code == "small-reference" and "40x160" in problem.message


def test_an_animation_gives_its_first_frame(folder: Path, check: Check) -> None:
    frames = [Image.new("RGBA", (200, 160), (value, 0, 0, 255)) for value in (10, 200)]
    frames[0].save(folder / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    (problem,) = check(edited(("crab.png", "moving.webp"))).warnings
    assert problem.code == "animated-image" and "first" in problem.message


def test_confine_refuses_a_name_that_no_file_can_have(check: Check) -> None:
    text = edited(("image: crab.png", r'image: "a\0b"'))
    assert {problem.code for problem in check(text, confine=True).errors} == {"control-character", "leaves-folder"}


def test_nothing_outside_is_looked_at_under_confine(check: Check) -> None:
    (problem,) = check(edited(("crab.png", "../nowhere.png")), confine=True).errors
    assert problem.code == "leaves-folder"


def test_a_layout_is_confined_and_decoded_too(folder: Path, check: Check) -> None:
    (folder / "inner").mkdir()
    (folder / "cut.png").write_bytes((folder / "crab.png").read_bytes()[:-60])
    text = edited(("crab.png", "../crab.png"), ("bag.jpg, mask: bag_mask.png", "../crab.png"))
    found = check(text + "layout: ../cut.png\n", name="inner/scene.yaml", confine=True).errors
    assert ("leaves-folder", 12) in [(problem.code, problem.line) for problem in found]
    (problem,) = check(GOOD + "layout: cut.png\n", deep=True).errors
    assert (problem.code, problem.line, problem.column) == ("damaged-image", 12, 9)


def test_confine(folder: Path, check: Check) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (inner / "crab.png").symlink_to(folder / "crab.png")
    text = edited(("bag.jpg", "../bag.jpg"), ("bag_mask.png", str(folder / "bag_mask.png")))
    assert not check(text, name="inner/scene.yaml").problems
    found = check(text, name="inner/scene.yaml", confine=True).errors
    assert [(problem.code, problem.line) for problem in found] == [
        ("leaves-folder", 5),
        ("leaves-folder", 6),
        ("leaves-folder", 6),
    ]


def test_what_an_earlier_run_decoded_is_not_decoded_again_unless_it_was_changed(check: Check, folder: Path) -> None:
    verified: set[str] = set()
    (scene,) = check(GOOD, deep=True, verified=verified).scenes
    assert verified == set(map(image_checks.stamp, scene.references)) and len(verified) == 2
    picture, state = folder / "crab.png", (folder / "crab.png").stat()
    data = bytearray(picture.read_bytes())
    data[len(data) // 2] ^= 0xFF
    picture.write_bytes(data)
    verified |= set(map(image_checks.stamp, scene.references))
    assert check(GOOD, deep=True, verified=verified).problems == ()
    os.utime(picture, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000))
    assert [problem.code for problem in check(GOOD, deep=True, verified=verified).errors] == ["damaged-image"]


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_another(check: Check, folder: Path) -> None:
    """As tools that copy leave them."""
    (scene,) = check(GOOD).scenes
    before = {image_checks.stamp(reference) for reference in scene.references}
    picture, state = folder / "crab.png", (folder / "crab.png").stat()
    (folder / "other.png").write_bytes(picture.read_bytes()[::-1])
    os.utime(folder / "other.png", ns=(state.st_atime_ns, state.st_mtime_ns))
    (folder / "other.png").replace(picture)
    assert len(before & {image_checks.stamp(reference) for reference in scene.references}) == 1
