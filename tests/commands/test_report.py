"""`contextgen report`: what the page carries, of whole folders and of poor ones, and the contact sheet."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from folders import OTHER_RECIPE, attempt, made_up, paint
from PIL import Image, ImageChops, ImageDraw, ImageFont

from contextgen_cli.batch import ledger
from contextgen_cli.records.output import encode
from contextgen_cli.report.contact_sheet import LARGEST_SIDE, SheetGrid

NASTY = "</script><script>alert(1)</script> \"quoted\" & 'so' <!-- 🦀 \u2028 ${x}"


class Page(html.parser.HTMLParser):
    """The page as a browser takes it apart: every element, and the text of scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, str]] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.raw.append((str(dict(attrs).get("type") or tag), ""))

    def handle_data(self, text: str) -> None:
        if self.raw and self.lasttag in ("script", "style"):
            self.raw[-1] = (self.raw[-1][0], self.raw[-1][1] + text)

    def handle_endtag(self, tag: str) -> None:
        self.lasttag = ""

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(dict(self.raw)["application/json"])

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        return {entry["name"]: entry for entry in self.data["entries"]}


@pytest.fixture
def out(tmp_path, monkeypatch) -> Path:
    """Two pictures, a failure and a crash, with their ledger, seen from the folder above."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "out"
    jobs = [paint(folder, "picnic"), paint(folder, "picnic", 3)]
    unlucky = [made_up("camp", 1, ledger.FAILED, "out of <memory>"), made_up("camp", 2, ledger.CRASHED, "killed")]
    ledger.append(folder, [*map(attempt, jobs), *unlucky])
    return folder


def report(contextgen, *arguments: object) -> Page:
    result = contextgen("report", *arguments)
    assert result.code == 0, result.err
    return Page(Path(result.lines[0]))


def test_every_picture_with_all_that_is_known_of_it(contextgen, out):
    page = report(contextgen, "out")
    entry = page.entries["picnic-3"]
    assert (entry["scene"], entry["seed"], entry["outcome"]) == ("picnic", 3, "rendered")
    assert (entry["prompt"], entry["seconds"], entry["file"]) == ("a crab is holding a bag", 1.5, "picnic-3.png")
    assert entry["boxes"] == [["bag", 6.25, 16.67, 43.75, 66.67], ["crab", 50.0, 25.0, 43.75, 62.5]]
    assert [name for name, asset, note in entry["refs"] if asset is not None and note is None] == ["bag", "crab"]
    assert len(entry["layout"]["pieces"]) == 2
    assert entry["command"] == "contextgen replay out/picnic-3.png"
    details = dict(entry["details"])
    assert (details["Seed"], details["Model"], details["Where"]) == ("3", "mini (5e5e5e5e5e5e)", "process 1")
    assert details["Ended"] == "2026-02-03 04:05:06 UTC"
    assert len(page.data["assets"]) == 2, "two references are embedded once each"
    assert Image.open(_opened(entry["thumb"])).size == (128, 96)


def _opened(address: str) -> Any:
    import io

    return io.BytesIO(base64.b64decode(address.partition(",")[2]))


def test_failures_with_their_reasons(contextgen, out):
    entries = report(contextgen, "out").entries
    failed, crashed = entries["camp-1"], entries["camp-2"]
    assert (failed["outcome"], crashed["outcome"]) == ("failed", "crashed")
    assert failed["error"] == ["DeviceError", "out of <memory>", "Try --memory offload."]
    assert failed["command"] == "contextgen render SCENES -o out --only camp --seed 1 --retry-failed"
    assert "SCENES" in failed["note"]


def test_what_failed_and_was_then_rendered_is_one_entry(contextgen, out):
    job = paint(out, "late")
    ledger.append(out, [attempt(job, ledger.FAILED, error=ledger.Reason("X", "no")), attempt(job)])
    entry = report(contextgen, "out").entries["late-0"]
    assert (entry["outcome"], entry["error"]) == ("rendered", None)
    assert dict(entry["details"])["Attempts"] == "2"


def test_nothing_that_a_prompt_says_becomes_markup(contextgen, out):
    job = paint(out, "nasty", prompt=NASTY)
    ledger.append(out, [attempt(job), made_up("x</script>", 1, ledger.FAILED, NASTY, kind="<b>")])
    page = report(contextgen, "out")
    assert [kind for kind, _ in page.raw] == ["style", "application/json", "script"]
    assert page.entries["nasty-0"]["prompt"] == NASTY
    assert page.entries["x</script>-1"]["error"][:2] == ["<b>", NASTY]


def test_the_page_needs_nothing_but_itself(contextgen, out):
    page = report(contextgen, "out")
    text = (out / "report.html").read_text("utf-8")
    assert not re.findall(r"""https?://|url\(|@import|\bfetch\(|XMLHttpRequest|WebSocket|\bsrc="|innerHTML""", text)
    assert {tag for tag, _ in page.elements}.isdisjoint({"link", "iframe", "img", "object", "base"})
    (policy,) = [each["content"] for tag, each in page.elements if tag == "meta" and "http-equiv" in each]
    for kind, content in page.raw:
        if kind != "application/json":
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_no_place_of_this_machine_is_told(contextgen, out, tmp_path):
    report(contextgen, out)
    assert str(tmp_path) not in (out / "report.html").read_text("utf-8")
    assert Page(out / "report.html").entries["picnic-0"]["command"] == "contextgen replay out/picnic-0.png"


def test_no_host_is_named_unless_it_is_asked_for(contextgen, out):
    report(contextgen, "out")
    assert "node-1" not in (out / "report.html").read_text("utf-8")
    entries = report(contextgen, "out", "--hosts").entries
    assert dict(entries["picnic-3"]["details"])["Where"] == "node-1, process 1"


def test_an_older_ledgers_places_are_not_told_either(contextgen, out):
    words = f"{out}/late-1.png: odd; /home/somebody/model.bin: gone"
    ledger.append(out, [made_up("late", 1, ledger.FAILED, words)])
    error = report(contextgen, "out").entries["late-1"]["error"]
    assert error[1] == "./late-1.png: odd; …/model.bin: gone"


def test_a_folder_without_a_ledger(contextgen, out):
    (out / ledger.LEDGER).unlink()
    entries = report(contextgen, "out").entries
    assert list(entries) == ["picnic-0", "picnic-3"]
    assert (entries["picnic-3"]["outcome"], entries["picnic-3"]["seconds"]) == ("rendered", None)


def test_pictures_that_remember_nothing_or_nonsense_or_are_broken(contextgen, out):
    Image.new("RGB", (40, 20)).save(out / "bare.png")
    (out / "odd.png").write_bytes(encode(Image.new("RGB", (8, 8)), {"job": 1, "scene": {"version": 9}}))
    (out / "cut.png").write_bytes((out / "picnic-0.png").read_bytes()[:-40])
    (out / "text.png").write_text("no picture")
    (out / "picnic-3.png").write_bytes((out / "picnic-3.png").read_bytes()[:-40])  # of which the ledger says more
    entries = report(contextgen, "out").entries
    bare = entries["bare"]
    assert (bare["outcome"], bare["prompt"], bare["command"]) == ("unrecorded", None, None)
    assert bare["problem"] == "it has no record"
    assert dict(entries["bare"]["details"]) == {"Size": "40 x 20"}
    assert entries["odd"]["outcome"] == "unrecorded"
    assert "its record cannot be read" in entries["odd"]["problem"]
    for cut in ("cut", "picnic-3"):
        assert (entries[cut]["outcome"], entries[cut]["thumb"]) == ("damaged", None)
    assert entries["text"]["problem"] == "it cannot be shown: not a picture"


def test_a_picture_without_metadata_is_still_its_jobs(contextgen, out):
    job = paint(out, "bare")
    with Image.open(out / "bare-0.png") as picture:
        picture.load()
    picture.info.clear()
    picture.save(out / "bare-0.png")
    ledger.append(out, [attempt(job)])
    entry = report(contextgen, "out").entries["bare-0"]
    assert (entry["outcome"], entry["seconds"], entry["prompt"]) == ("rendered", 1.5, None)
    assert entry["command"] == "contextgen render SCENES -o out --only bare --seed 0"


@pytest.mark.parametrize("record", [{"seed": float("nan")}, {"scene": {"canvas": {"width": 0, "height": 1e999}}}])
def test_a_record_of_strange_numbers_breaks_nothing(contextgen, out, record):
    with Image.open(out / "picnic-0.png") as picture:
        whole = json.loads(picture.info["contextgen"])
        whole["scene"].update(record.pop("scene", {}))
        (out / "picnic-0.png").write_bytes(encode(picture, whole | record))
    entry = report(contextgen, "out").entries["picnic-0"]
    assert entry["outcome"] == "unrecorded" and "cannot be read" in entry["problem"]


def test_pictures_without_a_readable_record_are_not_counted_as_rendered(contextgen, out):
    for number in range(12):
        content = encode(Image.new("RGB", (8, 8)), {"job": "x", "scene": {"version": number}})
        (out / f"a{number}.png").write_bytes(content)  # by its name before the others
    result = contextgen("report", "out")
    assert result.code == 0
    assert result.err.splitlines()[-1] == "1 crashed, 1 failed, 2 rendered, 12 without a readable record"
    named = [line for line in result.err.splitlines() if "its record cannot be read" in line]
    assert [Path(line.split(":")[1].strip()).name for line in named] == [f"a{number}.png" for number in range(10)]
    assert "warning: 2 more have no readable record" in result.err
    outcomes = [entry["outcome"] for entry in Page(out / "report.html").data["entries"]]
    assert outcomes[-12:] == ["unrecorded"] * 12 and "unrecorded" not in outcomes[:-12]
    summary = contextgen("report", "out", "--json").records[-1]
    assert (summary["rendered"], summary["unrecorded"], summary["entries"], summary["exit"]) == (2, 12, 16, 0)


def test_a_torn_line_of_the_ledger_is_told_and_passed_over(contextgen, out):
    with (out / ledger.LEDGER).open("ab") as file:
        file.write(b'{"version": 1, "job": "abc", "sce')
    result = contextgen("report", "out")
    assert result.code == 0
    assert f"warning: {Path('out') / 'ledger.jsonl'}:5: no whole line" in result.err


def test_a_picture_that_is_gone_is_shown_as_missing(contextgen, out):
    (out / "picnic-3.png").unlink()
    result = contextgen("report", "out", "--json")
    assert result.records[-1] == {
        "type": "summary", "entries": 4, "crashed": 1, "failed": 1, "missing": 1, "rendered": 1, "exit": 0,
    }  # fmt: skip
    assert Page(out / "report.html").entries["picnic-3"]["outcome"] == "missing"


def test_a_ledger_that_points_elsewhere_is_not_followed(contextgen, out, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    job = paint(out, "picnic", 5)
    (out / "picnic-5.png").unlink()
    ledger.append(out, [attempt(job, file="../secret.png")])
    assert report(contextgen, "out").entries["picnic-5"]["outcome"] == "missing"


def test_references_are_known_by_their_content(contextgen, out, tmp_path):
    shutil.move(tmp_path / "scenes" / "refs" / "crab.png", tmp_path / "elsewhere.png")
    Image.new("RGBA", (9, 9)).save(tmp_path / "scenes" / "refs" / "bag.png")
    entry = report(contextgen, "out").entries["picnic-0"]
    assert entry["refs"] == [
        ["bag", None, "refs/bag.png was changed since"],
        ["crab", None, "refs/crab.png is missing"],
    ]
    (tmp_path / "kept" / "deep").mkdir(parents=True)
    shutil.move(tmp_path / "elsewhere.png", tmp_path / "kept" / "deep" / "renamed.png")
    entry = report(contextgen, "out", "--inputs", tmp_path / "kept").entries["picnic-0"]
    assert [asset is not None for _, asset, _ in entry["refs"]] == [False, True]


def test_the_layout_beside_a_picture_is_what_is_shown(contextgen, out):
    Image.new("RGBA", (128, 96), "#ff000080").save(out / "picnic-0.layout.png")
    page = report(contextgen, "out")
    assert "picnic-0.layout" not in page.entries
    shown = page.data["assets"][page.entries["picnic-0"]["layout"]["image"]]
    assert Image.open(_opened(shown)).size == (128, 96)


def test_the_command_names_what_has_to_be_filled_in(contextgen, out):
    paint(out, "other", recipe=OTHER_RECIPE)
    entry = report(contextgen, "out").entries["other-0"]
    assert entry["command"] == "contextgen replay out/other-0.png --model tiny-kontext --adapter adapter"
    assert "tiny-kontext and adapter" in entry["note"]


def test_a_page_elsewhere_links_the_pictures_where_they_are(contextgen, out, tmp_path):
    (out / "picnic-0.png").rename(out / "a b#c.png")
    page = report(contextgen, "out", "-o", tmp_path / "pages" / "r.html", "--only", "picnic")
    assert {entry["file"] for entry in page.entries.values()} == {"../out/a%20b%23c.png", "../out/picnic-3.png"}
    assert {entry["scene"] for entry in page.entries.values()} == {"picnic"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "nowhere is no folder"),
        (("out", "-o", "r.txt"), "the report is an HTML file"),
        (("out", "-o", "r.png"), "draw all pictures into one with --contact-sheet r.png"),
        (("out", "--contact-sheet", "s.jpg"), "a contact sheet is a PNG file"),
        (("out", "--only", "nothing"), "nothing to show"),
    ],
)
def test_what_cannot_be_done_is_refused(contextgen, out, arguments, said):
    result = contextgen("report", *arguments)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert not list(out.glob("*.html"))


def test_the_contact_sheet_shows_all_and_is_no_picture_of_the_run(contextgen, out):
    for _ in range(2):
        result = contextgen("report", "out", "--contact-sheet", "out/sheet.png", "--json")
        assert [record["type"] for record in result.records] == ["report", "contact-sheet", "summary"]
        assert result.records[1]["pictures"] == 2
        assert "2 without a picture are not in it" in result.err
    assert "sheet" not in report(contextgen, "out").entries
    with Image.open(out / "sheet.png") as sheet:
        assert sheet.size == SheetGrid.of(2).size
        for number, seed in ((0, 0), (1, 3)):
            left, top = SheetGrid.of(2).corner(number)
            centre = (left + SheetGrid.of(2).cell // 2, top + SheetGrid.of(2).cell // 2)
            assert sheet.getpixel(centre) == (40 * seed, 120, 160)


def test_a_tile_bears_the_name_of_its_file(contextgen, out):
    """As a picture that was renamed is looked for, not as the run once called it."""
    (out / "picnic-0.png").rename(out / "Zebra no. 7.png")
    contextgen("report", "out", "--contact-sheet", "sheet.png")
    grid = SheetGrid.of(2)
    left, top = grid.corner(0)
    strip = (left, top + grid.cell, left + grid.cell, top + grid.cell + 20)
    with Image.open("sheet.png") as sheet:
        shown = ImageChops.difference(sheet.crop(strip), Image.new("RGB", (grid.cell, 20), sheet.getpixel((0, 0))))
    expected = Image.new("L", (grid.cell, 20))
    pen, font = ImageDraw.Draw(expected), ImageFont.load_default(13)
    pen.text((grid.cell // 2, 3), "Zebra no. 7.png", fill=255, font=font, anchor="ma")
    assert shown.getbbox() == pytest.approx(expected.getbbox(), abs=2)


def test_what_does_not_fit_on_the_sheet_is_said(contextgen, out, monkeypatch):
    for side in ("COMFORTABLE_SIDE", "LARGEST_SIDE"):
        monkeypatch.setattr(f"contextgen_cli.report.contact_sheet.{side}", 150)
    result = contextgen("report", "out", "--contact-sheet", "sheet.png")
    assert "sheet.png holds the first 1 of 2 pictures" in result.err


@pytest.mark.parametrize("count", [1, 2, 10, 1000, 5000, 100_000])
def test_sheets_stay_within_what_viewers_open(count):
    grid = SheetGrid.of(count)
    assert max(grid.size) <= LARGEST_SIDE
    assert grid.room >= min(count, 4700)
