"""Writing pictures: whole or not at all, never over another's, the same bytes every time."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from contextgen_cli.errors import OutputError, UsageError
from contextgen_cli.records import output
from contextgen_cli.records.output import Destination, Taken, encode, write
from contextgen_cli.records.picture_file import read_record

PICTURE = Image.new("RGB", (8, 8), "red")
JOB, OTHER = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EROFS, "Read-only file system"), "the file system is read-only"),
        (PermissionError(errno.EACCES, "Permission denied"), "permission denied"),
    ],
    ids=lambda value: errno.errorcode[value.errno] if isinstance(value, OSError) else "",
)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failure, said):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", raising(failure))
    with pytest.raises(OutputError) as caught:
        write(path, b"new")
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"old"


def test_an_interruption_while_writing_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.png", b"new")
    assert list(tmp_path.iterdir()) == []


def test_what_came_to_stand_there_is_not_replaced(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"another process's")
    with pytest.raises(Taken):
        write(path, b"new", replacing=False)
    assert path.read_bytes() == b"another process's"
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_content_is_synced_before_its_name_and_the_name_before_the_end(tmp_path, monkeypatch):
    path, synced = tmp_path / "a.png", []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append((stat.S_ISDIR(os.fstat(file).st_mode), path.exists())))
    write(path, b"new")
    assert synced == [(False, False), (True, True)]


@pytest.mark.skipif(os.name == "nt", reason="cannot open a folder")
def test_where_no_folder_can_be_synced_a_file_is_written_all_the_same(tmp_path, monkeypatch):
    def fsync(file: int) -> None:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path / "a.png", b"new")
    assert (tmp_path / "a.png").read_bytes() == b"new"


def raising(error: BaseException):
    def fail(*arguments: object, **settings: object) -> None:
        raise error

    return fail


def test_a_picture_remembers_and_is_the_same_every_time(tmp_path):
    record = {"job": JOB, "scene": {"prompt": "crabe à la plage 🦀"}}
    assert encode(PICTURE, record) == encode(PICTURE, dict(reversed(record.items())))
    write(tmp_path / "a.png", encode(PICTURE, record))
    assert read_record(tmp_path / "a.png") == record


def test_names(tmp_path):
    destination = Destination.parse(str(tmp_path))
    assert destination.place("picnic", 7, JOB) == output.PicturePlace(tmp_path / "picnic-7.png", exists=False)
    write(tmp_path / "picnic-7.png", encode(PICTURE, {"job": JOB}))
    assert destination.place("picnic", 7, JOB).exists
    moved = destination.place("picnic", 7, OTHER)
    assert moved == output.PicturePlace(tmp_path / "picnic-7-bbbbbbbb.png", False, tmp_path / "picnic-7.png")
    write(moved.path, encode(PICTURE, {"job": OTHER}))
    assert destination.place("picnic", 7, OTHER).exists


def test_names_where_pictures_remember_nothing(tmp_path):
    folder = Destination.parse(str(tmp_path), embed_record=False)
    assert folder.place("picnic", 7, JOB).path == tmp_path / "picnic-7-aaaaaaaa.png"
    file = Destination.parse(str(tmp_path / "a.png"), embed_record=False)
    assert file.place("picnic", 7, JOB).path == tmp_path / "a.png"


@pytest.mark.parametrize("text", ["not json", "[]", '{"job": NaN}', '{"job": 1, "job": 2}', "[" * 100_000])
def test_a_record_that_is_none_belongs_to_another(tmp_path, text):
    foreign = PngInfo()
    foreign.add_text(output.RECORD_KEY, text)
    PICTURE.save(tmp_path / "picnic-7.png", pnginfo=foreign)
    assert Destination.parse(str(tmp_path)).place("picnic", 7, JOB).evades == tmp_path / "picnic-7.png"
    with pytest.raises(UsageError, match=r"picnic-7\.png: its record cannot be read"):
        read_record(tmp_path / "picnic-7.png")


@pytest.mark.parametrize("cut", [1, 12, 20])
def test_a_picture_cut_short_is_not_there(tmp_path, cut):
    whole = encode(PICTURE, {"job": JOB})
    (tmp_path / "picnic-7.png").write_bytes(whole[:-cut])
    placed = Destination.parse(str(tmp_path)).place("picnic", 7, JOB)
    assert placed == output.PicturePlace(tmp_path / "picnic-7.png", exists=False, broken=True)


def test_a_file_asked_for_is_refused_if_another_picture_is_in_it(tmp_path):
    destination = Destination.parse(str(tmp_path / "x.png"))
    destination.refuse_another(JOB)
    write(tmp_path / "x.png", encode(PICTURE, {"job": JOB}))
    destination.refuse_another(JOB)
    with pytest.raises(UsageError, match=r"x\.png holds another picture \(job aaaaaaaa\)"):
        destination.refuse_another(OTHER)


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EROFS, "the file system is read-only"), (errno.EACCES, "permission denied")],
    ids=errno.errorcode.get,
)
def test_what_keeps_us_out_of_a_folder_is_what_the_system_says(tmp_path, monkeypatch, number, said):
    monkeypatch.setattr("tempfile.TemporaryFile", raising(OSError(number, os.strerror(number))))
    monkeypatch.setattr(os, "access", lambda *arguments: False)  # all that it tells
    with pytest.raises(OutputError, match=said):
        Destination.parse(str(tmp_path)).check(1)


@pytest.mark.parametrize(
    ("text", "folder", "file"),
    [
        ("out", "out", None),
        ("a/b.png", "a", "a/b.png"),
        ("A.PNG", ".", "A.PNG"),
        ("x.y", "x.y", None),
        ("run-1.5", "run-1.5", None),
        ("~/out", Path("~/out").expanduser(), None),
    ],
)
def test_what_o_means(text, folder, file):
    assert Destination.parse(text) == Destination(Path(folder), file=file and Path(file))


def test_a_folder_that_ends_in_png_is_a_folder(tmp_path):
    (tmp_path / "odd.png").mkdir()
    assert Destination.parse(str(tmp_path / "odd.png")).folder == tmp_path / "odd.png"


@pytest.mark.parametrize("text", ["a.jpg", "a.WebP", "a.txt", "b/a.json"])
def test_other_formats_are_refused(text):
    with pytest.raises(UsageError, match="PNG"):
        Destination.parse(text)


def test_a_folder_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a part of the path is a file"):
        Destination.parse(str(tmp_path / "file" / "out")).check(1)


def test_a_new_folder_is_named_in_the_making_as_files_are_and_what_is_left_of_one_goes(tmp_path):
    with output.new_folder(tmp_path / "set") as making:
        (making / "a.png").touch()
    died = tmp_path / making.name.replace(f".{os.getpid()}.", ".4194999.")  # no process has such a number
    theirs = tmp_path / died.name.replace(".set.", ".set.elsewhere-")
    for left in (died, theirs):
        (left / "deep").mkdir(parents=True)
    with output.new_folder(tmp_path / "other"):
        assert not died.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([theirs.name, "other", "set"])


def test_what_a_living_process_is_writing_stays(tmp_path):
    """Of this machine, and of one that is somebody else's."""
    with output.new_folder(tmp_path / "set") as making:
        of_the_first = tmp_path / making.name.replace(f".{os.getpid()}.", ".1.")
        of_the_first.touch()
        output.sweep(tmp_path)
        assert making.is_dir() and of_the_first.exists()


@pytest.mark.skipif(os.name == "nt", reason="needs rights for links")
def test_a_link_planted_where_a_file_is_made_is_never_written_through(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    monkeypatch.setattr("secrets.token_hex", lambda *_: "foreseen")
    with output.new_folder(tmp_path / "a.png") as making:
        planted = making.name
    (tmp_path / "a.png").rmdir()
    (tmp_path / planted).symlink_to(victim)
    with pytest.raises(OutputError):
        write(tmp_path / "a.png", b"new")
    assert victim.read_bytes() == b"mine"


def test_the_name_of_a_file_in_the_making_is_never_the_same(tmp_path):
    names = []
    for _ in range(2):
        with output.new_folder(tmp_path / "set") as making:
            names.append(making.name)
        (tmp_path / "set").rmdir()
    assert names[0] != names[1]


@pytest.mark.skipif(os.name == "nt", reason="needs rights for links")
def test_a_link_in_a_pictures_place_is_another_picture(tmp_path):
    (tmp_path / "picnic-7.png").symlink_to(tmp_path / "nowhere")
    placed = Destination.parse(str(tmp_path)).place("picnic", 7, JOB)
    assert (placed.path.name, placed.evades) == ("picnic-7-aaaaaaaa.png", tmp_path / "picnic-7.png")
    with pytest.raises(UsageError, match="holds another picture"):
        Destination.parse(str(tmp_path / "picnic-7.png")).refuse_another(JOB)


@pytest.mark.skipif(os.name == "nt", reason="has no FIFOs")
def test_a_fifo_in_a_pictures_place_is_another_picture(tmp_path):
    os.mkfifo(tmp_path / "picnic-7.png")
    placed = Destination.parse(str(tmp_path)).place("picnic", 7, JOB)
    assert (placed.path.name, placed.exists) == ("picnic-7-aaaaaaaa.png", False)


def test_a_home_that_nobody_has(tmp_path):
    with pytest.raises(UsageError, match="there is no such user"):
        Destination.parse("~no-such-user-here/out")
