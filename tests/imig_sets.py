"""Small sets to the letter of IMIG-100K's released formats: all four subsets, and their archives."""

from __future__ import annotations

import io
import json
import tarfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

BASE, COMPOSITE = ("imig-basic", "imig-complex"), ("imig-composite", "imig-multicomposite")
FOLDERS = {
    **dict.fromkeys(BASE, ("data", "instance_data", "masked_instance_data", "kontext_data", "masked_kontext_data")),
    **dict.fromkeys(COMPOSITE, ("composite_images", "reference_masks", "aligned_faces")),
}
ALIGNED = (130, 100, 380, 430)  # the face in every picture of an aligned face


def write_release(root: Path, records: int = 2, side: int = 256) -> Path:
    """The four subsets, with so many records each."""
    for number, name in enumerate((*BASE, *COMPOSITE)):
        write = write_base if name in BASE else write_composite
        write(root / name, range(records), side, seed=number)
    return root


def write_base(folder: Path, indices: range, side: int = 256, seed: int = 0) -> None:
    """Three references each, largest first: edited with and without a valid box, and not edited; numbers have gaps."""
    records = []
    for index in indices:
        target = painted((side, side), seed + index)
        save(target, folder / f"data/{index:06d}.jpg")
        references = [
            _cut(folder, f"{index:06d}_{number}", number, target, _scaled(box, side), has_edited, valid)
            for number, box, has_edited, valid in (
                (0, (16, 24, 176, 232), True, (30, 40, 150, 160)),
                (2, (120, 8, 240, 108), True, None),
                (5, (180, 120, 250, 200), False, None),
            )
        ]
        names = [reference["phrase"] for reference in references]
        records.append({"index": index, "prompt": f"Picture {index}.", "nouns": names, "reference_images": references})
    write_prompts(folder, records)


def _cut(
    folder: Path,
    stem: str,
    number: int,
    target: Image.Image,
    box: tuple[int, ...],
    has_edited: bool,
    valid: tuple[int, ...] | None,
) -> dict[str, Any]:
    crop = target.crop(box)
    save(crop, folder / f"instance_data/{stem}.jpg")
    save(ellipse(crop.size), folder / f"masked_instance_data/{stem}_mask.{'jpg' if number == 2 else 'png'}")
    if has_edited:
        save(painted((192, 208), number), folder / f"kontext_data/{stem}.jpg")
        save(ellipse((192, 208), (64, 60, 140, 180)), folder / f"masked_kontext_data/{stem}_mask.png")
    stated = {"bbox": list(box), "index": number, "phrase": f"thing {number}"}
    return stated if valid is None else {**stated, "valid_bbox": list(valid)}


def write_composite(folder: Path, indices: range, side: int = 256, seed: int = 0) -> None:
    """A body with an aligned face, a thing without a face, and a person known by the aligned face alone."""
    records = []
    for index in (100000 + number for number in indices):
        save(painted((side, side), seed + index), folder / f"composite_images/{index:06d}.jpg")
        for number in (0, 2, 3):
            stem = folder / f"reference_masks/{index:06d}_{number}"
            save(painted((100, 160), seed + index + number), stem.with_suffix(".jpg"))
            save(ellipse((100, 160)), stem.with_name(f"{stem.name}_mask.png"))
            save(painted((100, 160), 1), stem.with_name(f"{stem.name}_masked.jpg"))
        for number in (0, 3):
            path = folder / f"aligned_faces/{index:06d}_{number}_aligned_face.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(aligned_face(number))
        records.append(_composed(index, side))
    write_prompts(folder, records)


def _composed(index: int, side: int) -> dict[str, Any]:
    faces = [_scaled((60, 40, 90, 80), side), _scaled((190, 50, 220, 88), side)]
    found = [
        {"ref": [30, 20, 60, 60], "target": list(target), "score": 0.7, "aligned_face_bbox": list(ALIGNED)}
        for target in faces
    ]
    return {
        "index": index,
        "prompt": f"A woman and a man hold a dog, {index}.",
        "instance": ["woman", "dog", "man"],
        "instance_prompt": ["a woman with curls", "a brown dog", "an old man"],
        "indices": [0, 2, 3],
        "bbox": [
            {"bbox": list(_scaled((20, 20, 130, 240), side)), "score": 0.86},
            {"bbox": list(_scaled((120, 150, 200, 250), side)), "score": 0.9},
            None,
        ],
        "face_bbox": [found[0], None, found[1]],
    }


@lru_cache
def aligned_face(number: int) -> bytes:
    """A picture of 512 x 512 pixels with an alpha channel, as PNG."""
    face, data = painted((512, 512), number), io.BytesIO()
    face.putalpha(ellipse(face.size, (90, 60, 420, 470)).convert("L"))
    face.save(data, "PNG", compress_level=1)
    return data.getvalue()


def painted(size: tuple[int, int], seed: int) -> Image.Image:
    """Shades and speckles: no two places are alike."""
    rows, columns = np.mgrid[: size[1], : size[0]]
    shades = np.stack([columns * 255 // size[0], rows * 255 // size[1], (columns + rows) % 256], axis=2)
    speckles = np.random.default_rng(seed).integers(-40, 40, (size[1], size[0], 3))
    return Image.fromarray(np.clip(shades + speckles, 0, 255).astype(np.uint8))


def ellipse(size: tuple[int, int], box: tuple[int, int, int, int] | None = None) -> Image.Image:
    """A mask of one bit: an ellipse in a box, or as large as can be."""
    mask = Image.new("1", size)
    ImageDraw.Draw(mask).ellipse(box or (0, 0, size[0] - 1, size[1] - 1), fill=1)
    return mask


def save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image.convert("L") if image.mode == "1" and path.suffix == ".jpg" else image).save(path, quality=95)


def write_prompts(folder: Path, records: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "filtered_prompts.json").write_text(json.dumps(records), encoding="utf-8")


def prompts(folder: Path) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads((folder / "filtered_prompts.json").read_text(encoding="utf-8"))
    return records


def pack(root: Path, hub: Path) -> Path:
    """A release as the hub has it: the lists, and the pictures of each folder in two uncompressed archives."""
    for subset, folders in FOLDERS.items():
        (hub / subset).mkdir(parents=True, exist_ok=True)
        (hub / subset / "filtered_prompts.json").write_bytes((root / subset / "filtered_prompts.json").read_bytes())
        for folder in folders:
            files = sorted((root / subset / folder).iterdir())
            for number, half in enumerate((files[::2], files[1::2])):
                with tarfile.open(hub / subset / f"{subset}-{folder}-{number:06d}.tar", "w") as archive:
                    for path in half:
                        archive.add(path, f"{folder}/{path.name}")
    return hub


def _scaled(box: tuple[int, int, int, int], side: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = (edge * side // 256 for edge in box)
    return left, top, right, bottom
