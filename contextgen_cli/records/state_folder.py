"""Where an output folder keeps notes of its own, `.contextgen`: through no link that somebody has put there."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

STATE = ".contextgen"


def state_folder(output: Path, *names: str, make: bool = False) -> Path:
    """The folder of notes in an output folder, or one in it.

    Args:
        make: let it be, where there is none; the output folder itself is never made.

    Raises:
        OSError: a part of it is missing, a link, or no folder.
    """
    place = output
    for name in (STATE, *names):
        place = place / name
        if make:
            with contextlib.suppress(FileExistsError):
                place.mkdir()
        if not stat.S_ISDIR(os.lstat(place).st_mode):
            raise OSError(errno.ELOOP, "it is a link or a file, and should be a folder", str(place))
    return place
