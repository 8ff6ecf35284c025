"""What keeps weights from being used.

CheckpointError
├── UnknownModel        neither a folder, nor an alias, nor a hub id
├── SingleFile          a model in one file, which is not read
├── FolderIncomplete    a part of a model folder is missing or broken
├── UntrustedFolder     something in a folder is code, or lies elsewhere
├── NotInCache          on the hub, but not here, and the network may not be used
├── GatedNoToken        the licence gate needs a hub token
├── GatedNotAccepted    the token's account has not accepted the licence
├── NoNetwork           the hub cannot be reached
├── DiskFull            the download does not fit
├── AdapterMissing      the model's own adapter is asked for, and it has none
└── AdapterMismatch     the adapter was made for another model
"""

from __future__ import annotations

import re

_TOO_LONG = re.compile(r"[^\s/]{256,}")  # longer than any file's name


class CheckpointError(RuntimeError):
    """Weights that cannot be used. `hint` says what to do about it.

    The names in a message may be anybody's: what a terminal would obey is spelled out, what would fill it is cut.
    """

    def __init__(self, message: str, hint: str) -> None:
        brief = _TOO_LONG.sub(lambda found: f"{found.group()[:60]}…", message)
        super().__init__("".join(each if each.isprintable() else ascii(each)[1:-1] for each in brief))
        self.hint = hint


class UnknownModel(CheckpointError):
    pass


class SingleFile(CheckpointError):
    pass


class FolderIncomplete(CheckpointError):
    pass


class UntrustedFolder(CheckpointError):
    pass


class NotInCache(CheckpointError):
    pass


class GatedNoToken(CheckpointError):
    pass


class GatedNotAccepted(CheckpointError):
    pass


class NoNetwork(CheckpointError):
    pass


class DiskFull(CheckpointError):
    pass


class AdapterMissing(CheckpointError):
    pass


class AdapterMismatch(CheckpointError):
    pass
