"""`contextgen data fetch`: archives become a set, whatever they are, and whenever the command ends."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hub_server import Hub, served
from imig_sets import FOLDERS, pack, write_release

from contextgen.data.imig import imig_archives, imig_release
from contextgen.data.imig.imig_dataset import ImigFolders
from contextgen_cli.app.imig import imig_fetch, imig_plan
from contextgen_cli.errors import EXIT_DONE, EXIT_ENVIRONMENT, EXIT_INTERRUPTED, EXIT_JOBS_FAILED, EXIT_USAGE

Command = Callable[..., Any]
FETCH = ("data", "fetch", "imig-100k")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("release"), side=64)


@pytest.fixture
def hub(release: Path, tmp_path: Path) -> Path:
    return pack(release, tmp_path / "hub")


def pictures(root: Path) -> dict[str, bytes]:
    """The set's files; what training does not read is none of them."""
    found = (path for path in root.rglob("*") if path.is_file() and ".fetched" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found if "_masked." not in path.name}


def states(result: Any) -> dict[str, dict[str, Any]]:
    return {record["subset"]: record for record in result.records if record["type"] == "fetch"}


def test_the_subsets_are_those_of_the_release() -> None:
    assert tuple(imig_release.SUBSETS) == imig_plan.SUBSETS == tuple(FOLDERS)
    assert imig_release.SUBSETS == FOLDERS


def test_archives_on_the_disk_become_the_set_that_training_reads(
    contextgen: Command, release: Path, hub: Path, tmp_path: Path
) -> None:
    done = contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub)
    assert (done.code, done.lines) == (EXIT_DONE, [str(tmp_path / "set")])
    assert pictures(tmp_path / "set") == pictures(release)
    assert not list((tmp_path / "set").rglob("*_masked.jpg"))
    assert "12 files of the archives are left out" in done.err
    sides = [
        ((tmp_path / "set/imig-basic", tmp_path / "set/imig-complex"), 15),
        ((tmp_path / "set/imig-composite", tmp_path / "set/imig-multicomposite"), 1),
    ]
    assert len(ImigFolders(sides, 0, 64, 64).batch(0, 5)) == 5


def test_sizes_are_said_first_and_a_second_run_has_nothing_to_do(
    contextgen: Command, hub: Path, tmp_path: Path
) -> None:
    first = contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub)
    assert (
        first.err.index("imig-complex: 11 files, ")
        < first.err.index(" to fetch; ")
        < first.err.index("100.0 % fetched")
    )
    before = {path: path.stat().st_mtime_ns for path in tmp_path.joinpath("set").rglob("*")}
    second = contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub, "--json")
    assert second.code == EXIT_DONE
    assert all(state["files_left"] == state["bytes_left"] == 0 for state in states(second).values())
    assert second.records[-1]["files"] == 0
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.joinpath("set").rglob("*")}
    assert "nothing to do" in contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub).err


def test_what_is_missing_since_is_fetched_again_and_nothing_else(
    contextgen: Command, hub: Path, tmp_path: Path
) -> None:
    contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub)
    whole = pictures(tmp_path / "set")
    (tmp_path / "set/imig-basic/data/000001.jpg").unlink()
    os.truncate(tmp_path / "set/imig-composite/aligned_faces/100000_0_aligned_face.png", 10)
    again = contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub, "--json")
    left = {name: state["files_left"] for name, state in states(again).items()}
    assert left == {"imig-basic": 1, "imig-complex": 0, "imig-composite": 1, "imig-multicomposite": 0}
    assert pictures(tmp_path / "set") == whole


def test_a_dry_run_writes_nothing(contextgen: Command, hub: Path, tmp_path: Path) -> None:
    done = contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub, "--dry-run", "--json")
    assert done.code == EXIT_DONE and states(done)["imig-basic"]["files_left"] == 11
    assert not (tmp_path / "set").exists()


def test_a_subset_alone(contextgen: Command, hub: Path, tmp_path: Path) -> None:
    one = ("--subset", "imig-composite", "--subset", "imig-composite")
    assert contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub, *one).code == EXIT_DONE
    assert {path.name for path in (tmp_path / "set").iterdir()} == {".fetched", "imig-composite"}
    wrong = contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub, "--subset", "imig-bsic")
    assert wrong.code == EXIT_USAGE and "imig-multicomposite" in wrong.err


def test_archives_that_lie_in_one_folder_are_found(
    contextgen: Command, release: Path, hub: Path, tmp_path: Path
) -> None:
    """As a browser saves them; the list under the name of its subset."""
    flat = tmp_path / "downloads"
    flat.mkdir()
    for path in hub.rglob("imig-*.tar"):
        path.rename(flat / path.name)
    for path in hub.rglob("*.json"):
        path.rename(flat / f"{path.parent.name}.json")
    assert contextgen(*FETCH, "-o", tmp_path / "set", "--from", flat).code == EXIT_DONE
    assert pictures(tmp_path / "set") == pictures(release)


def test_the_folder_of_one_subset_will_do(contextgen: Command, hub: Path, tmp_path: Path) -> None:
    done = contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub / "imig-complex", "--json")
    assert done.code == EXIT_JOBS_FAILED  # by default all four are asked for
    absent = {name: state["absent"] for name, state in states(done).items()}
    assert absent == {name: [name] if name != "imig-complex" else [] for name in FOLDERS}
    assert contextgen("data", "check", tmp_path / "set", "--subset", "imig-complex").code == EXIT_DONE


def test_archives_may_lie_where_the_set_is_to_be(contextgen: Command, release: Path, hub: Path) -> None:
    for _ in range(2):
        assert contextgen(*FETCH, "-o", hub, "--from", hub).code == EXIT_DONE
    there = {name: data for name, data in pictures(hub).items() if not name.endswith(".tar")}
    assert there == pictures(release)


def test_series_that_training_does_not_read_are_left(contextgen: Command, hub: Path, tmp_path: Path) -> None:
    for folder in ("instance_masks", "reference_images"):
        shutil.copy(
            hub / "imig-composite/imig-composite-reference_masks-000000.tar",
            hub / f"imig-composite/imig-composite-{folder}-000000.tar",
        )
    done = contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub, "--json", "--subset", "imig-composite")
    assert states(done)["imig-composite"]["files"] == 7
    assert sorted(path.name for path in (tmp_path / "set/imig-composite").iterdir()) == [
        "aligned_faces",
        "composite_images",
        "filtered_prompts.json",
        "reference_masks",
    ]


def test_what_the_source_lacks_is_said(contextgen: Command, hub: Path, tmp_path: Path) -> None:
    (hub / "imig-basic/filtered_prompts.json").unlink()
    (hub / "imig-basic/imig-basic-data-000000.tar").unlink()
    done = contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub, "--json", "--subset", "imig-basic")
    assert done.code == EXIT_JOBS_FAILED
    lacking = ["imig-basic/filtered_prompts.json", "imig-basic/imig-basic-data-000000.tar"]
    assert states(done)["imig-basic"]["absent"] == lacking
    assert all(f"{path} is not there to be fetched" in done.err for path in lacking)
    assert (tmp_path / "set/imig-basic/kontext_data").is_dir()


def test_a_hostile_archive_is_refused_and_the_others_are_taken(
    contextgen: Command, release: Path, hub: Path, tmp_path: Path
) -> None:
    bad = hub / "imig-complex/imig-complex-data-000000.tar"
    with tarfile.open(bad, "w") as archive:
        for name in ("000000.jpg", "../../../000001.jpg"):
            info = tarfile.TarInfo(name)
            info.size = 4
            archive.addfile(info, io.BytesIO(b"evil"))
    done = contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub)
    assert done.code == EXIT_JOBS_FAILED
    assert f"{bad}: '../../../000001.jpg' leads out of the folder" in done.err
    there, meant = pictures(tmp_path / "set"), pictures(release)
    assert meant.keys() - there.keys() == {"imig-complex/data/000000.jpg"}
    assert all(meant[name] == data for name, data in there.items())
    pack(release, hub)
    assert contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub).code == EXIT_DONE
    assert pictures(tmp_path / "set") == meant


def test_a_fetch_that_was_stopped_goes_on(
    contextgen: Command, release: Path, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a picture: it is half written, and its archive is not among those that are done."""
    genuine, written = imig_archives._write, []

    def stopping(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
        genuine(archive, member, path)
        written.append(path)
        if len(written) == 20:
            os.truncate(path, 3)
            raise KeyboardInterrupt

    monkeypatch.setattr(imig_archives, "_write", stopping)
    assert contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub).code == EXIT_INTERRUPTED
    first = list(written)
    assert contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub).code == EXIT_DONE
    assert pictures(tmp_path / "set") == pictures(release)
    assert 0 < len(set(written[20:]) & set(first)) < 10  # those of the archive that was not done


def test_a_disk_without_room_is_seen_before_anything_is_fetched(
    contextgen: Command, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(imig_fetch.shutil, "disk_usage", lambda path: usage._replace(free=20_000))
    done = contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub)
    assert done.code == EXIT_ENVIRONMENT
    assert "20 kB are free, and " in done.err and "--subset" in done.err
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(("source", "said"), [("nowhere", "is no folder"), ("empty", "has nothing of imig-basic")])
def test_a_source_that_is_none_is_said(contextgen: Command, tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    done = contextgen(*FETCH, "-o", tmp_path / "set", "--from", tmp_path / source)
    assert done.code == EXIT_USAGE and said in done.err


def test_a_folder_that_cannot_be_written_is_said(contextgen: Command, hub: Path, tmp_path: Path) -> None:
    (tmp_path / "set").write_text("a file")
    done = contextgen(*FETCH, "-o", tmp_path / "set", "--from", hub)
    assert done.code == EXIT_ENVIRONMENT and f"{tmp_path / 'set'}: cannot be written" in done.err


def test_without_a_network_it_is_said_what_to_do(contextgen: Command, tmp_path: Path) -> None:
    done = contextgen(*FETCH, "-o", tmp_path / "set")
    assert done.code == EXIT_ENVIRONMENT
    assert "the hub cannot be reached" in done.err and "--from DIR" in done.err


# From a hub, which is one on this machine


def fetched(hub: Hub, *arguments: object) -> tuple[int, str, list[dict[str, Any]]]:
    """The exit code, the words, the records: in a process of its own, for the hub client reads its settings once."""
    settings = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}
    script = (
        "import sys\nfrom contextgen_cli.app.imig import imig_sources\nimig_sources._BLOCK = 3000\n"
        "from contextgen_cli.cli import run\nsys.exit(run(sys.argv[1:]))"
    )
    typed = [str(each) for each in (*FETCH, *arguments, "--json", "--subset", "imig-basic")]
    command = [sys.executable, "-c", script, *typed]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **settings}, check=False)
    return done.returncode, done.stderr, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_download_that_broke_off_goes_on_at_its_last_byte(release: Path, hub: Path, tmp_path: Path) -> None:
    with served(hub, imig_release.REPOSITORY) as remote:
        remote.room = 50_000
        code, words, _ = fetched(remote, "-o", tmp_path / "set")
        assert code == EXIT_ENVIRONMENT, words
        assert "the same command" in words.lower()
        (part,) = (tmp_path / "set/.fetched").glob("*.part")
        begun, asked = part.stat().st_size, len(remote.ranges)
        assert begun > 0
        remote.room = None
        code, words, records = fetched(remote, "-o", tmp_path / "set")
        assert code == EXIT_DONE, words
    assert remote.ranges[asked][:2] == (f"imig-basic/{part.name[:-18]}", begun)
    sent: dict[str, int] = {}
    for name, _, size in remote.ranges:
        sent[name] = sent.get(name, 0) + size
    assert sent == {path.relative_to(hub).as_posix(): path.stat().st_size for path in hub.rglob("imig-basic/*")}
    expected = {name: data for name, data in pictures(release).items() if name.startswith("imig-basic/")}
    assert pictures(tmp_path / "set") == expected
    assert records[-1]["exit"] == 0 and not list((tmp_path / "set/.fetched").glob("*.part"))


def test_what_differs_from_the_hubs_checksum_is_not_taken(hub: Path, tmp_path: Path) -> None:
    with served(hub, imig_release.REPOSITORY) as remote:
        remote.lies = True
        code, words, records = fetched(remote, "-o", tmp_path / "set")
    assert code == EXIT_JOBS_FAILED
    assert "imig-basic/imig-basic-data-000000.tar: what came differs from what the hub says it is" in words
    assert records[-1]["refused"] == 11
    assert pictures(tmp_path / "set") == {}


def test_a_repository_that_is_not_there_is_said(hub: Path, tmp_path: Path) -> None:
    with served(hub, "somebody/else") as remote:
        code, words, _ = fetched(remote, "-o", tmp_path / "set")
    assert code == EXIT_ENVIRONMENT and "the hub answered" in words


def test_on_a_terminal_a_bar_says_how_much_has_come(
    on_a_terminal: Callable[..., Any], hub: Path, tmp_path: Path
) -> None:
    code, shown = on_a_terminal(*FETCH, "-o", tmp_path / "set", "--from", hub, columns=140)
    assert code == EXIT_DONE
    assert "imig-multicomposite-reference_masks-000001.tar" in shown and re.search(r"[0-9.]+/[0-9.]+ MB", shown)
