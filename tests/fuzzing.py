"""Files as no program of ours writes them: scenes, records, ledgers and other tools' annotations, damaged by chance.

A case is a kind and a number; the same case is the same file on every machine. `tests/test_fuzzing.py` runs some of
each kind, `benchmarks/fuzz.py` as many as it is asked for.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from painters import RECIPE
from PIL import Image, PngImagePlugin

from contextgen_cli import cli
from contextgen_cli.batch.ledger import LEDGER
from contextgen_cli.batch.plan import Job, JobCost, job_record
from contextgen_cli.records.output import RECORD_KEY
from contextgen_cli.scene.scene import Box, PlacedReference, Reference, Sampling, Scene, Size

ALLOWED = {0, 1, 2, 3}
SCENES = Path(__file__).parents[1] / "scenes"
_SIDE = 64
_NASTY: tuple[Callable[[random.Random], Any], ...] = (
    lambda chance: None,
    lambda chance: chance.choice([True, False]),
    lambda chance: chance.choice([0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**400]),
    lambda chance: chance.choice([0.5, -0.0, 1e-320, 1e308, float("inf"), float("-inf"), float("nan")]),
    lambda chance: chance.choice(["", " ", "\0", "\x1b[31m", "\u202e", "e\u0301", "\u00a0", "\ud800", "٣", "x" * 5000]),
    lambda chance: chance.choice(["../../etc/passwd", "/dev/zero", "C:\\Users\\a.png", "a b.png", "file:///a", "~/x"]),
    lambda chance: chance.choice(
        ["1e999", "12%", "-5%", "9" * 400, "9" * 400 + "%", "${x}", "$${", "no", "2001-01-01"]
    ),
    lambda chance: chance.choice([[], {}, [[]], [{}], {"": ""}, [None] * 300]),
    lambda chance: _deep(chance.choice([30, 300, 3000])),
    lambda chance: {f"k{number}": number for number in range(chance.choice([3, 200]))},
)


@dataclass(frozen=True)
class Case:
    """One damaged file."""

    kind: str
    number: int

    def run(self, folder: Path) -> Result:
        """Write it into a folder, which holds nothing else, and run the commands that read it."""
        chance = random.Random(f"{self.kind} {self.number}")
        commands = KINDS[self.kind](chance, folder)
        said, began = io.StringIO(), time.process_time()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            codes = [cli.run(command) for command in commands]
        return Result(self, tuple(codes), time.process_time() - began, said.getvalue())


@dataclass(frozen=True)
class Result:
    """What became of a case: each command's exit code, the CPU seconds of all, and what was said."""

    case: Case
    codes: tuple[int, ...]
    seconds: float
    said: str

    @property
    def is_well(self) -> bool:
        return set(self.codes) <= ALLOWED and "Traceback" not in self.said


def whole(folder: Path) -> list[list[str]]:
    """What the cases are damaged from, undamaged, with the commands that read it."""
    out = folder / "out"
    out.mkdir()
    (folder / "refs").symlink_to(SCENES / "refs")
    _picture(folder / "a.png")
    (folder / "scene.yaml").write_text(_scene_texts()[-1])
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt(RECORD_KEY, _record())
    Image.new("RGB", (_SIDE, _SIDE)).save(out / "scene-1.png", pnginfo=chunks)
    (out / LEDGER).write_text(_LEDGER_LINE + "\n")
    commands = [["validate", "scene.yaml"], ["inspect", "out/scene-1.png"], ["report", "out", "-o", "report.html"]]
    for place in ("reference_images/a", "reference_masks/a_mask", "a_mask"):
        _picture(folder / f"{place}.png")
    for number, (ending, text) in enumerate([*(("json", text) for text in _ANNOTATIONS), *_OTHER_ANNOTATIONS]):
        _picture(folder / f"imported-{number}/refs/ball.png")  # which some formats have no place for
        _picture(folder / f"a{number}.png")  # which YOLO's labels are for
        (folder / f"a{number}.{ending}").write_text(text)
        commands.append(["import", f"a{number}.{ending}", "--images", ".", "-o", f"imported-{number}"])
    return commands


def damaged_scene(chance: random.Random, folder: Path) -> list[list[str]]:
    text = chance.choice(_scene_texts())
    if chance.random() < 0.6:
        tree = yaml.safe_load(text)
        for _ in range(chance.randint(1, 3)):
            tree = _damage(tree, chance)
        with contextlib.suppress(yaml.YAMLError, UnicodeEncodeError, RecursionError):
            text = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
    else:
        text = _mangle_text(text, chance)
    (folder / "scene.yaml").write_bytes(_maybe_mangle_bytes(text.encode("utf-8", "surrogatepass"), chance))
    (folder / "refs").symlink_to(SCENES / "refs")
    return [["validate", str(folder / "scene.yaml")]]


def damaged_record(chance: random.Random, folder: Path) -> list[list[str]]:
    record: Any = json.loads(_record())
    for _ in range(chance.randint(1, 3)):
        record = _damage(record, chance)
    text = _mangle_text(_json(record), chance) if chance.random() < 0.2 else _json(record)
    chunks = PngImagePlugin.PngInfo()
    for _ in range(chance.choice([1, 1, 1, 2])):
        with contextlib.suppress(UnicodeEncodeError):
            chunks.add_itxt(RECORD_KEY, text, zip=chance.random() < 0.5)
    written = io.BytesIO()
    Image.new("RGB", (_SIDE, _SIDE)).save(written, "PNG", pnginfo=chunks)
    picture = folder / "out" / "scene-1.png"
    picture.parent.mkdir(exist_ok=True)
    picture.write_bytes(_maybe_mangle_bytes(written.getvalue(), chance))
    return [["inspect", str(picture)], ["report", str(folder / "out"), "-o", str(folder / "report.html")]]


def damaged_ledger(chance: random.Random, folder: Path) -> list[list[str]]:
    lines = []
    for _ in range(chance.randint(1, 5)):
        line: Any = json.loads(_LEDGER_LINE)
        for _ in range(chance.randint(0, 2)):
            line = _damage(line, chance)
        lines.append(_json(line))
    out = folder / "out"
    out.mkdir(exist_ok=True)
    text = "\n".join(lines) + chance.choice(["\n", ""])
    (out / LEDGER).write_bytes(_maybe_mangle_bytes(text.encode("utf-8", "surrogatepass"), chance))
    return [["report", str(out), "-o", str(folder / "report.html")]]


def damaged_annotations(chance: random.Random, folder: Path) -> list[list[str]]:
    if chance.random() < 0.2:
        return _damaged_text(chance, folder)
    tree: Any = json.loads(chance.choice(_ANNOTATIONS))
    for _ in range(chance.randint(1, 4)):
        tree = _damage(tree, chance)
    text = _mangle_text(_json(tree), chance) if chance.random() < 0.2 else _json(tree)
    _picture(folder / "a.png")
    (folder / "annotations.json").write_bytes(_maybe_mangle_bytes(text.encode("utf-8", "surrogatepass"), chance))
    target = folder / "imported"
    return [["import", str(folder / "annotations.json"), "-o", str(target)]]


def _damaged_text(chance: random.Random, folder: Path) -> list[list[str]]:
    ending, text = chance.choice(_OTHER_ANNOTATIONS)
    _picture(folder / "a.png")
    data = _mangle_text(text, chance).encode("utf-8", "surrogatepass")
    (folder / f"a.{ending}").write_bytes(_maybe_mangle_bytes(data, chance))
    return [["import", str(folder / f"a.{ending}"), "-o", str(folder / "imported")]]


KINDS: dict[str, Callable[[random.Random, Path], list[list[str]]]] = {
    "scene": damaged_scene,
    "record": damaged_record,
    "ledger": damaged_ledger,
    "annotations": damaged_annotations,
}
_LEDGER_LINE = (
    '{"version": 1, "job": "00", "scene": "s", "seed": 1, "outcome": "failed", "file": null, "seconds": 0.3,'
    ' "peak_bytes": 5, "host": "h", "rank": 0, "at": "2026-01-01T00:00:00.000+00:00",'
    ' "error": {"class": "JobError", "message": "no", "hint": "try"}, "tflop": 0.1}'
)
_BRUSH = [0, 0, 64, 0, 63, 255, 253, 9, 255, 0, 162, 127, 255, 244, 135, 252, 0]  # rows 10 to 30 of 64
_BOX, _PART = [1, 2, 30, 40], [0.1, 0.2, 0.5, 0.6]
_ANNOTATIONS = (
    json.dumps(
        {
            "images": [{"id": 1, "file_name": "a.png", "width": _SIDE, "height": _SIDE}],
            "categories": [{"id": 1, "name": "ball"}],
            "annotations": [
                {"id": 1, "image_id": 1, "category_id": 1, "bbox": _BOX, "segmentation": [[1, 1, 20, 1, 20, 20]]},
                {"id": 2, "image_id": 1, "category_id": 1, "bbox": _BOX, "segmentation": []},
            ],
        }
    ),
    json.dumps({"A ball on sand.": {"ball": [[0.1, 0.2, 0.5, 0.6]]}}),
    json.dumps([{"caption": "A ball.", "width": _SIDE, "instances": [{"image": "a.png", "bbox": _BOX, "label": "b"}]}]),
    json.dumps({"7": {"caption": "A ball.", "segment": [{"bbox": _PART, "label": "ball"}], "image_id": 1}}),
    json.dumps([{"index": 3, "prompt": "A ball.", "references": [{"image_path": "a.png", "bbox": _PART}]}]),
    json.dumps({"sample": {"prompt": "A ball.", "ref_img_1": {"image_path": "a.png", "bbox": _PART}}}),
    json.dumps([{"global_caption": "A ball.", "segments": [
        {"caption": "ball", "bbox": _PART, "valid_bbox": [{"image_path": "a.png"}]}]}]),
    json.dumps([{"global_caption": "A ball.", "region_captions": "['ball']", "bbox_list": "[[1, 2, 30, 40]]",
                 "width": _SIDE, "height": _SIDE}]),
    json.dumps({"caption": "A ball.", "width": _SIDE, "height": _SIDE, "annos": [{"bbox": _BOX, "caption": "ball"}]}),
    json.dumps({"global_caption": "A ball.", "bbox": [_PART], "region_caption_list": ["ball"]}),
    json.dumps([{"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": [
        {"type": "rectanglelabels", "original_width": _SIDE, "original_height": _SIDE, "value":
         {"x": 6, "y": 16, "width": 31, "height": 41, "rotation": 5, "rectanglelabels": ["ball"]}},
        {"type": "brushlabels", "value": {"rle": _BRUSH, "brushlabels": ["b"]}},
    ]}]}]),
    json.dumps([{"image": "a.png", "annotations": [
        {"label": "ball", "coordinates": {"x": 20, "y": 30, "width": 30, "height": 40}}]}]),
    json.dumps({"imagePath": "a.png", "imageWidth": _SIDE, "imageHeight": _SIDE, "shapes": [
        {"label": "ball", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}]}),
    json.dumps({"a.png": {"filename": "a.png", "regions": [
        {"shape_attributes": {"name": "rect", "x": 1, "y": 2, "width": 30, "height": 40}, "region_attributes": {}}]}}),
    json.dumps({"images": [{"id": 1, "file_name": "a.png", "width": _SIDE, "height": _SIDE}], "annotations": [
        {"id": 1, "image_id": 1, "bbox": _BOX, "segmentation": {"size": [_SIDE, _SIDE], "counts": [64, 640, 3392]}},
        {"id": 2, "image_id": 1, "bbox": _BOX, "segmentation": {"size": [_SIDE, _SIDE], "counts": "P2Pd0PZ3"}}]}),
)  # fmt: skip
_OTHER_ANNOTATIONS = (
    ("yaml", "a photo of a ball:\n  ball: [[0.1, 0.2, 0.5, 0.6]]\n  coco_id: '12'\n"),
    ("xml", f"<annotations><image name='a.png' width='{_SIDE}' height='{_SIDE}'><box label='b' xtl='1' ytl='2' xbr='9'"
     " ybr='9'/><mask label='m' rle='1, 3' left='4' top='5' width='2' height='2'/></image></annotations>"),
    ("xml", "<annotation><filename>a.png</filename><object><name>b</name><bndbox><xmin>1</xmin><ymin>2</ymin>"
     "<xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>"),
    ("txt", "0 0.5 0.5 0.25 0.25\n1 0.1 0.1 0.2 0.1 0.2 0.2\n"),
)  # fmt: skip


# Damage


def _damage(tree: Any, chance: random.Random) -> Any:
    """A copy with one value replaced, left out, wrapped, or joined by one that nobody expects."""
    if isinstance(tree, dict) and tree and chance.random() < 0.8:
        key = chance.choice(list(tree))
        return {name: _damage(value, chance) if name == key else value for name, value in tree.items()}
    if isinstance(tree, list) and tree and chance.random() < 0.8:
        place = chance.randrange(len(tree))
        return [_damage(value, chance) if number == place else value for number, value in enumerate(tree)]
    way = chance.random()
    if isinstance(tree, dict) and way < 0.4:
        return {**tree, chance.choice(["extra", "x", "", "name", "boxes", "readings"]): chance.choice(_NASTY)(chance)}
    if isinstance(tree, dict) and tree and way < 0.6:
        return dict(list(tree.items())[1:])
    if isinstance(tree, list) and way < 0.4:
        return [*tree, chance.choice(_NASTY)(chance)] * chance.choice([1, 1, 50])
    return [tree] if way > 0.95 else chance.choice(_NASTY)(chance)


def _deep(depth: int) -> Any:
    nested: Any = 1
    for _ in range(depth):
        nested = [nested]
    return nested


def _json(tree: Any) -> str:
    """As JSON; what is nested too deeply for Python's writer is written here."""
    try:
        return json.dumps(tree)
    except RecursionError:
        return '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"


def _mangle_text(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text) + 1)
    piece = chance.choice(
        ["\t", "\0", ":", "- ", "&a ", "*a", "---\n", "{", "]", '"', "!!python/object:os.system ", "\u2028", "  ", "%"]
    )
    way = chance.random()
    if way < 0.5:
        return text[:place] + piece * chance.choice([1, 1, 1, 500]) + text[place:]
    if way < 0.75:
        return text[:place]
    return text[:place] + text[place + chance.randint(1, 40) :]


def _maybe_mangle_bytes(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.7 or not data:
        return data
    place = chance.randrange(len(data))
    way = chance.random()
    if way < 0.4:
        return data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
    if way < 0.6:
        return data[:place]
    if way < 0.8:
        return chance.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0"]) + data
    return data[:place] + data[place // 2 :]


# What is damaged


@cache
def _scene_texts() -> tuple[str, ...]:
    written = [path.read_text() for path in sorted(SCENES.glob("*.yaml"))]
    box = "{x: 1, y: 2, width: 30, height: 40}"
    own = (
        f"prompt: A ball.\nreferences: {{a: {{image: refs/crab.png}}}}\ninstances:\n  - {{reference: a, box: {box}}}\n"
    )
    return (*written, f"version: 1\ncanvas: {{width: {_SIDE}, height: {_SIDE}}}\n{own}")


@cache
def _record() -> str:
    """What a picture remembers."""
    box, picture = Box(1, 2, 30, 40), Path("refs", "a.png")
    scene = Scene(
        "scene",
        "A ball.",
        Size(_SIDE, _SIDE),
        (Reference("a", picture),),
        (PlacedReference("a", box),),
        seeds=(1,),
        sampling=Sampling(2, None),
    )
    return json.dumps(job_record(Job(scene, 1, "0" * 64, RECIPE, ((picture, "0" * 64),), JobCost(1, 1.0, 1))))


def _picture(path: Path) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGBA", (_SIDE, _SIDE), (200, 30, 40, 255))
        picture.paste((0, 0, 0, 0), (0, 0, _SIDE, 8))
        picture.save(path)


def emptied(folder: Path) -> Path:
    """The folder without what the last case left, but for the pictures that each case needs."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):
                path.rmdir()
        elif path.name != "a.png":
            path.unlink()
    return folder
