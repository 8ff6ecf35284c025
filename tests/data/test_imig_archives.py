"""Archives from anybody: what is not as the release has it is refused, and leaves nothing behind."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from contextgen.data.imig import imig_archives
from contextgen.data.imig.imig_archives import BadArchive, unpack

JPEG = b"\xff\xd8 a picture \xff\xd9"


def member(
    name: str, data: bytes = JPEG, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    return info, data


def packed(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data) if info.size else None)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("inside", ["", "data/", "./", "imig-basic/data/"])
def test_pictures_are_unpacked_wherever_they_lie_in_it(tmp_path: Path, inside: str) -> None:
    archive = packed(
        tmp_path / "a.tar",
        member(f"{inside}000001.jpg"),
        member(f"{inside}100000_12_mask.png", b"mask"),
        member(f"{inside}100000_12_masked.jpg"),
        member(f"{inside}.DS_Store"),
    )
    sizes: list[int] = []
    unpacked = unpack(archive, tmp_path / "out", sizes.append)
    assert unpacked.pictures == {"000001.jpg": len(JPEG), "100000_12_mask.png": 4}
    assert (unpacked.left, sizes) == (2, [len(JPEG), 4])
    assert names(tmp_path / "out") == ["000001.jpg", "100000_12_mask.png"]
    assert (tmp_path / "out" / "000001.jpg").read_bytes() == JPEG


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (member("../000002.jpg"), "leads out of the folder"),
        (member("data/../../000002.jpg"), "leads out of the folder"),
        (member("data\\..\\..\\000002.jpg"), "leads out of the folder"),
        (member("/etc/000002.jpg"), "leads out of the folder"),
        (member("C:/000002.jpg"), "leads out of the folder"),
        (member("000002.jpg", kind=tarfile.SYMTYPE, link="/etc/passwd"), "a link to '/etc/passwd'"),
        (member("000002.jpg", kind=tarfile.LNKTYPE, link="000001.jpg"), "a link to"),
        (member("000002.jpg", kind=tarfile.FIFOTYPE), "a device or a pipe"),
        (member("000002.jpg", kind=tarfile.CHRTYPE), "a device or a pipe"),
        (member("data/000001.jpg"), "is there twice"),
        (member("000002.jpg", b"x" * 2000), "2,000 bytes, more than any picture"),
    ],
)
def test_hostile_members_are_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: tuple[tarfile.TarInfo, bytes], said: str
) -> None:
    monkeypatch.setattr(imig_archives, "_LARGEST", 1000)
    archive = packed(tmp_path / "a.tar", member("000001.jpg"), bad)
    with pytest.raises(BadArchive, match=f"a.tar: .*{said}"):
        unpack(archive, tmp_path / "out", lambda size: None)
    assert names(tmp_path) == ["a.tar"]


def test_a_file_that_pretends_to_be_sparse_is_refused(tmp_path: Path) -> None:
    """A few bytes of an archive would become gigabytes on the disk."""
    info, data = member("000001.jpg")
    info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 40), "GNU.sparse.numblocks": "1"}
    with pytest.raises(BadArchive, match="a sparse one"):
        unpack(packed(tmp_path / "a.tar", (info, data)), tmp_path / "out", lambda size: None)
    assert names(tmp_path) == ["a.tar"]


def test_a_description_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    info, data = member("000001.jpg")
    info.pax_headers = {"comment": "x" * (2 << 20)}
    with pytest.raises(BadArchive, match="what describes a member has"):
        unpack(packed(tmp_path / "a.tar", (info, data)), tmp_path / "out", lambda size: None)


def test_what_is_no_uncompressed_archive_or_not_whole_is_refused(tmp_path: Path) -> None:
    good = packed(tmp_path / "good.tar", member("000001.jpg", b"x" * 5000), member("000002.jpg", b"y" * 5000))
    for name, data in {"none": b"hello" * 400, "cut": good.read_bytes()[:8000], "empty": b""}.items():
        (tmp_path / f"{name}.tar").write_bytes(data)
        with pytest.raises(BadArchive, match=f"{name}.tar: no uncompressed tar archive, or not whole"):
            unpack(tmp_path / f"{name}.tar", tmp_path / "out", lambda size: None)
    compressed = packed(tmp_path / "c.tar", member("000001.jpg"), mode="w:gz")
    with pytest.raises(BadArchive, match="no uncompressed tar archive"):
        unpack(compressed, tmp_path / "out", lambda size: None)
    other = packed(tmp_path / "o.tar", member("readme.txt"))
    with pytest.raises(BadArchive, match=r"no picture that is named as in IMIG-100K, such as 'readme.txt'"):
        unpack(other, tmp_path / "out", lambda size: None)
    assert not (tmp_path / "out").exists()


def test_a_link_where_a_picture_belongs_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "out" / "000001.jpg").symlink_to(tmp_path / "precious")
    unpack(packed(tmp_path / "a.tar", member("000001.jpg")), tmp_path / "out", lambda size: None)
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "out" / "000001.jpg").read_bytes() == JPEG
