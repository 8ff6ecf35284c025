"""What IMIG-100K is made of as it was released: its subsets, the picture folders that training reads, their archives.

`imig-basic/imig-basic-kontext_data-000003.tar` is the fourth archive of the pictures in `imig-basic/kontext_data`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

REPOSITORY = "ruihangxu/IMIG-100K"
PROMPTS = "filtered_prompts.json"
_CUT_OUT = ("data", "instance_data", "masked_instance_data", "kontext_data", "masked_kontext_data")
_COMPOSED = ("composite_images", "reference_masks", "aligned_faces")
SUBSETS = {  # name -> its picture folders that are read
    "imig-basic": _CUT_OUT,
    "imig-complex": _CUT_OUT,
    "imig-composite": _COMPOSED,
    "imig-multicomposite": _COMPOSED,
}
PICTURE = re.compile(r"[0-9]{6,}(_[0-9]+(_mask|_aligned_face)?)?\.(jpg|png)")  # what is read of an archive
_ARCHIVE = re.compile(r"(?P<subset>imig-[a-z]+)-(?P<folder>[a-z_]+)-(?P<number>[0-9]{1,6})\.tar")


@dataclass(frozen=True)
class Archive:
    """Whose pictures an archive has."""

    subset: str
    folder: str
    number: int

    @classmethod
    def named(cls, name: str) -> Archive | None:
        """By its file name; None: it is no archive of the release, or of pictures that training does not read."""
        found = _ARCHIVE.fullmatch(name)
        if found is None or found["folder"] not in SUBSETS.get(found["subset"], ()):
            return None
        return cls(found["subset"], found["folder"], int(found["number"]))
