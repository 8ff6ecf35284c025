"""`contextgen clean`: what an output folder keeps of pictures that newer ones took the place of."""

from __future__ import annotations

import datetime
from pathlib import Path

import click

from contextgen_cli.commands.shared import options
from contextgen_cli.commands.shared.options import PICTURES, option
from contextgen_cli.errors import EXIT_DONE, UsageError
from contextgen_cli.records.outdated import OutdatedPicture, outdated_pictures
from contextgen_cli.terminal.sink import Output


@options.verb(
    examples="""
contextgen clean pictures
contextgen clean pictures --yes
"""
)
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@option("--yes", is_flag=True, section=PICTURES, help="Remove them.")
@options.sink_option
@options.console_options
def command(out: Path, yes: bool, sink: Output) -> int:
    """List the outdated pictures that OUT, a folder that render wrote to, keeps; with --yes, remove them.

    A picture is outdated when its scene was changed and painted again: the new one has its name, and it lies in
    OUT/.contextgen/outdated with its layout and inputs. What is removed there is painted anew if the scene is changed
    back. Nothing else is touched.
    """
    if not out.is_dir():
        raise UsageError(f"{out} is no folder", hint="Name the folder that `contextgen render -o` wrote to.")
    found = list(outdated_pictures(out))
    sizes = [picture.bytes for picture in found]
    records = [_record(picture, size, removed=yes) for picture, size in zip(found, sizes, strict=True)]
    if yes:
        for picture in found:
            picture.remove()
    rows = [[record["path"], _kilobytes(record["bytes"]), record["painted"]] for record in records]
    if found or sink.as_json:
        sink.table(records, ["removed" if yes else "picture", "size", "painted"], rows)
    total = {"outdated": len(found), "bytes": sum(sizes), "removed": len(found) if yes else 0}
    return sink.summary(total, text=_in_words(len(found), sum(sizes), removed=yes), exit_code=EXIT_DONE)


def _record(picture: OutdatedPicture, size: int, *, removed: bool) -> dict[str, object]:
    painted = datetime.datetime.fromtimestamp(picture.path.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
    return {"type": "outdated", "path": str(picture.path), "bytes": size, "painted": painted, "removed": removed}


def _in_words(count: int, size: int, *, removed: bool) -> str:
    if not count:
        return "nothing outdated"
    words = f"{count} outdated picture{'s' * (count != 1)}, {_kilobytes(size)}"
    return f"removed {words}" if removed else f"{words}: --yes removes {'them' if count != 1 else 'it'}"


def _kilobytes(size: object) -> str:
    assert isinstance(size, int)
    return f"{max(1, round(size / 1000)):,} kB" if size < 10_000_000 else f"{size / 1e6:,.0f} MB"
