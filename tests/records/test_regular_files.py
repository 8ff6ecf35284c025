"""Only regular files are read, whatever stands where one should."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from contextgen_cli.records.regular_files import open_regular, read_up_to, sha256_of_file


@pytest.fixture
def odd(tmp_path: Path) -> dict[str, Path]:
    """What is no file, by what it is."""
    (tmp_path / "folder").mkdir()
    places = {name: tmp_path / name for name in ("folder", "fifo", "device")}
    if os.name != "nt":
        os.mkfifo(places["fifo"])
        places["device"].symlink_to("/dev/zero")
    return places


@pytest.mark.skipif(os.name == "nt", reason="has neither FIFOs nor such devices")
@pytest.mark.parametrize("kind", ["folder", "fifo", "device"])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(odd: dict[str, Path], kind: str) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        open_regular(odd[kind])


@pytest.mark.parametrize("name", ["gone", "a\0b", "x" * 5000])
def test_what_is_not_there_is_the_systems_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError):
        open_regular(tmp_path / name)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")
def test_a_refused_file_is_closed_again(odd: dict[str, Path]) -> None:
    with pytest.raises(OSError):
        open_regular(odd["folder"])
    opened = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert str(odd["folder"]) not in opened


def test_content_and_digest_are_those_of_a_file_within_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    assert read_up_to(path, 3_000_000) == b"x" * 3_000_000
    assert sha256_of_file(path) == sha256_of_file(path, 3_000_000) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    for read in (read_up_to, sha256_of_file):
        with pytest.raises(OSError, match="larger than 2 MiB"):
            read(path, 2_999_999)
