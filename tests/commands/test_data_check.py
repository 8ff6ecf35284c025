"""`contextgen data check`: what of a set is whole, what is missing, and how it looks."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from imig_sets import FOLDERS, prompts, save, write_prompts, write_release
from PIL import Image

from contextgen_cli.errors import EXIT_DONE, EXIT_JOBS_FAILED, EXIT_USAGE

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("release"), records=6, side=64)


@pytest.fixture
def root(release: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(release, tmp_path / "IMIG-100K"))


def sets(result: Any) -> dict[str, dict[str, Any]]:
    return {record["set"]: record for record in result.records if record["type"] == "set"}


def test_a_whole_release_is_said_to_be_whole(contextgen: Command, root: Path) -> None:
    done = contextgen("data", "check", root)
    assert done.code == EXIT_DONE and "all is whole" in done.err
    assert done.lines[-1] == str(root / "samples.html")
    found = sets(contextgen("data", "check", root, "--json"))
    assert list(found) == list(FOLDERS)
    assert {name: (state["records"], state["references"], state["files"]) for name, state in found.items()} == {
        "imig-basic": (6, 18, 6 * (1 + 6 + 2)),
        "imig-complex": (6, 18, 6 * (1 + 6 + 2)),
        "imig-composite": (6, 18, 6 * (1 + 4 + 2)),
        "imig-multicomposite": (6, 18, 6 * (1 + 4 + 2)),
    }


def test_what_is_missing_and_what_is_broken_is_named(contextgen: Command, root: Path) -> None:
    missing, cut = root / "imig-basic/data/000003.jpg", root / "imig-complex/masked_instance_data/000001_0_mask.png"
    missing.unlink()
    os.truncate(cut, cut.stat().st_size - 12)
    empty = root / "imig-composite/aligned_faces/100002_3_aligned_face.png"
    os.truncate(empty, 0)
    shutil.rmtree(root / "imig-multicomposite")
    done = contextgen("data", "check", root)
    assert done.code == EXIT_JOBS_FAILED
    assert f"{missing}: missing" in done.err
    assert f"{cut}: broken, it ends too early" in done.err and f"{empty}: broken" in done.err
    assert f"{root / 'imig-multicomposite'} is not here" in done.err
    assert "data fetch imig-100k" in done.err
    result = contextgen("data", "check", root, "--json")
    assert [(state["missing"], state["broken"], state["whole"]) for state in sets(result).values()] == [
        (1, 0, False),
        (0, 1, False),
        (0, 1, False),
        (0, 0, False),
    ]
    assert result.records[-1] == {"type": "summary", "sets": 4, "missing": 1, "broken": 2, "unreadable": 0, "exit": 1}


def test_many_missing_files_are_counted(contextgen: Command, root: Path) -> None:
    shutil.rmtree(root / "imig-basic/instance_data")
    done = contextgen("data", "check", root, "--subset", "imig-basic")
    assert done.err.count(": missing") == 10 and "imig-basic: 8 more like these" in done.err


def test_a_list_that_is_broken_is_said_and_the_other_sets_are_looked_at(contextgen: Command, root: Path) -> None:
    (root / "imig-basic/filtered_prompts.json").write_text("[{]")
    done = contextgen("data", "check", root, "--json")
    assert done.code == EXIT_JOBS_FAILED
    found = sets(done)
    assert "filtered_prompts.json:1:3: not JSON" in found["imig-basic"]["problem"]
    assert found["imig-complex"]["whole"]


def test_one_subset_or_one_set_can_be_checked_alone(contextgen: Command, root: Path, tmp_path: Path) -> None:
    shutil.rmtree(root / "imig-complex")
    assert contextgen("data", "check", root, "--subset", "imig-basic").code == EXIT_DONE
    assert list(sets(contextgen("data", "check", root / "imig-basic", "--json"))) == ["imig-basic"]
    contextgen("data", "synth", "-o", tmp_path / "plain", "--scenes", 2, "--size", "128x128")
    page = tmp_path / "plain.html"
    assert contextgen("data", "check", tmp_path / "plain", "-o", page).lines[-1] == str(page)
    assert page.read_text().count("<article>") == 2


def test_twenty_samples_of_all_sets_are_on_a_page(contextgen: Command, root: Path) -> None:
    contextgen("data", "check", root)
    page = (root / "samples.html").read_text("utf-8")
    names = re.findall(r"<h2>(imig-[a-z]+), record \d+</h2>", page)
    assert {name: names.count(name) for name in FOLDERS} == dict.fromkeys(FOLDERS, 5)
    assert page.count("<figcaption>target</figcaption>") == page.count("<figcaption>layout</figcaption>") == 20
    assert page.count("<figcaption>reference 3</figcaption>") == 20
    first = page.split("data:image/jpeg;base64,")[1].split('"')[0]
    assert Image.open(io.BytesIO(base64.b64decode(first))).size == (384, 384)


def test_a_caption_is_text_on_the_page(contextgen: Command, root: Path) -> None:
    records = [{**record, "prompt": "<script>alert(1)</script>"} for record in prompts(root / "imig-basic")]
    write_prompts(root / "imig-basic", records)
    contextgen("data", "check", root / "imig-basic")
    page = (root / "imig-basic" / "samples.html").read_text("utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "default-src 'none'; img-src data:;" in page


def test_a_sample_that_cannot_be_opened_is_said(contextgen: Command, root: Path) -> None:
    """It is there and ends as a picture does, but its mask is another's."""
    for path in (root / "imig-basic/masked_instance_data").iterdir():
        save(Image.new("1", (5, 5), 1), path)
    records = prompts(root / "imig-basic")
    for record in records:
        record["reference_images"] = [each for each in record["reference_images"] if each["index"] == 5]
    write_prompts(root / "imig-basic", records)
    done = contextgen("data", "check", root, "--subset", "imig-basic", "--json")
    assert done.code == EXIT_JOBS_FAILED and done.records[-1]["unreadable"] == 6
    assert "they must be the same size" in done.err
    assert "they must be the same size" in (root / "samples.html").read_text("utf-8")


def test_what_training_skips_is_said(contextgen: Command, root: Path) -> None:
    records = prompts(root / "imig-basic")
    records[0]["reference_images"][0]["bbox"] = [9, 9, 9, 20]
    records[1]["reference_images"] = []
    write_prompts(root / "imig-basic", records)
    done = contextgen("data", "check", root, "--json")
    assert done.code == EXIT_DONE
    assert sets(done)["imig-basic"]["skipped"] == {
        "boxes without area": 1,
        "records without a reference that can be used": 1,
    }
    assert "imig-basic: training skips 1 boxes without area" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["nowhere"], "is no folder"), (["."], "holds no set"), (["IMIG-100K", "-o", "page.png"], "is an HTML file")],
)
def test_what_cannot_be_checked_is_refused(
    contextgen: Command, root: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(root.parent)
    done = contextgen("data", "check", *arguments)
    assert done.code == EXIT_USAGE and said in done.err
