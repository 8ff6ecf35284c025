"""`contextgen import`: other tools' files -> scene files."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from contextgen_cli.commands.shared.options import console_options, option, size_option, verb
from contextgen_cli.errors import EXIT_DONE, UsageError
from contextgen_cli.records.output import write
from contextgen_cli.scene.check.problems import shown
from contextgen_cli.scene.imports.formats import Format, read
from contextgen_cli.scene.imports.imported import Imported, MaskDrawing, Target
from contextgen_cli.scene.scene import Size
from contextgen_cli.scene.writing import to_yaml
from contextgen_cli.terminal import console

_LISTED = 10  # missing files that are named one by one


@verb(
    name="import",
    examples="""
contextgen import segment_info.json -o scenes
contextgen import instances_val.json -o scenes
contextgen import mig_bench.json -o mig --size 512x512
""",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@option(
    "-o",
    "--output",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder for the scenes.",
)
@option(
    "--format",
    "format_",
    type=click.Choice([format_.value for format_ in Format]),
    help="What the files are; without it, told by their content.",
)
@size_option
@option("--force", is_flag=True, help="Overwrite scenes and masks that are there.")
@console_options
def command(files: tuple[Path, ...], folder: Path, format_: str | None, size: Size | None, force: bool) -> int:
    """Turn other tools' files into scene files, one for each picture.

    \b
    segment-info  the released segment_info.json: prompt,
                  width, instances with image, mask, bbox
    coco          COCO annotations: each image's subjects
                  become references, masks from polygons
    mig           {prompt: {label: [[x1, y1, x2, y2]]}};
                  has no references: says where to put them

    References stay where they are; the scenes name them by relative paths.
    """
    target = Target(folder.absolute(), size)
    wanted = Format(format_) if format_ else None
    imported = [found for file in files for found in read(file.absolute(), target, wanted)]
    scenes = {target.folder / f"{found.scene.name}.yaml": found for found in imported}
    if not force:
        _refuse_to_overwrite([*scenes, *(mask.path for found in imported for mask in found.masks)])
    for path, found in scenes.items():
        for mask in found.masks:
            write(mask.path, _drawn(mask))
        write(path, to_yaml(found.scene, path.parent, named=False).encode())
        console.emit(shown(path))
    _tell(imported)
    return EXIT_DONE


def _refuse_to_overwrite(paths: Iterable[Path]) -> None:
    there = [path for path in paths if path.exists()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        hint = "Choose another folder, or overwrite with --force."
        raise UsageError(f"{shown(there[0])}{more} exists already", hint=hint)


def _drawn(mask: MaskDrawing) -> bytes:
    from PIL import Image, ImageDraw

    image = Image.new("1", (mask.size.width, mask.size.height), 0)
    pen = ImageDraw.Draw(image)
    for polygon in mask.polygons:
        pen.polygon(polygon, fill=1)
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def _tell(imported: Sequence[Imported]) -> None:
    for found in imported:
        for note in found.notes:
            console.note(note)
    missing = list(dict.fromkeys(path for found in imported for path in found.missing if not path.exists()))
    if missing:
        count = len(missing)
        console.warn(f"{count} file{'s' * (count > 1)} to be put there before the scenes can be rendered:")
        for path in missing[:_LISTED]:
            console.note(f"  {shown(path)}")
        if count > _LISTED:
            console.note(f"  and {count - _LISTED} more (`contextgen validate` lists all)")
