"""The report in a browser: filtering, enlarging, comparing, copying, keys, dark mode, no network."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from folders import attempt, made_up, paint

from contextgen_cli import cli
from contextgen_cli.batch import ledger

REQUIRED = os.environ.get("REQUIRE_BROWSER") == "1"  # as .ci/run has it: there a missing browser is a failure
if not REQUIRED:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright import sync_api as playwright  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = "--no-sandbox --headless --disable-gpu --disable-quic --no-first-run"
# No updates, no sync; and what it asks of the network all the same finds no host.
SILENCE = "--disable-background-networking --disable-component-update --disable-sync --disable-default-apps"
NOBODY = "--host-resolver-rules=MAP * ~NOTFOUND"
LOUD_PROMPT = "<img src=x onerror=alert(1)> </script> a crab"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None and not REQUIRED, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser():
    assert CHROMIUM is not None, "no Chromium on this machine, and REQUIRE_BROWSER is set"
    with playwright.sync_playwright() as started:
        options = [*OPTIONS.split(), *SILENCE.split(), NOBODY]
        launched = started.chromium.launch(executable_path=CHROMIUM, args=options)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """70 pictures of three scenes, one of them with a loud prompt, and a failure."""
    out = tmp_path_factory.mktemp("run") / "out"
    jobs = [paint(out, "picnic", seed) for seed in range(68)]
    jobs += [paint(out, "camp", 1, prompt="a bag in the rain"), paint(out, "loud", prompt=LOUD_PROMPT)]
    ledger.append(out, [*map(attempt, jobs), made_up("camp", 2, ledger.FAILED, "no memory was left")])
    assert cli.run(["report", str(out), "-q"]) == 0
    return out / "report.html"


@pytest.fixture
def page(browser, report):
    """The report, open; what it asks of the network and what goes wrong in it is an error."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    opened = context.new_page()
    trouble: list[str] = []
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on("dialog", lambda dialog: trouble.append(dialog.message))
    opened.on("request", lambda asked: asked.url.startswith(("file:", "data:")) or trouble.append(asked.url))
    opened.on("console", lambda said: said.type == "error" and trouble.append(said.text))
    opened.goto(report.as_uri())
    yield opened
    assert trouble == []
    context.close()


def names(page) -> list[str]:
    return page.eval_on_selector_all(".card", "cards => cards.map((card) => card.dataset.name)")


def test_filtering_by_text_scene_and_outcome(page):
    assert len(names(page)) == 60, "the rest is made as one scrolls"
    page.fill("#text", "RAIN bag")
    assert names(page) == ["camp-1"]
    page.fill("#text", "")
    page.select_option("#scene", "camp")
    assert names(page) == ["camp-1", "camp-2"]
    page.click("#outcomes button[value=failed]")
    assert names(page) == ["camp-2"]
    assert page.inner_text("#count") == "1 of 71"
    assert "no memory was left" in page.text_content(".card")
    page.fill("#text", "nothing like it")
    page.click("#reset")
    assert len(names(page)) == 60
    page.keyboard.press("End")
    page.locator(".card").nth(70).wait_for(state="attached")


def test_prompts_stay_text(page):
    page.select_option("#scene", "loud")
    assert page.text_content(".prompt") == LOUD_PROMPT
    page.click(".shot")
    assert LOUD_PROMPT in page.inner_text("#panel")


def test_enlarging_shows_the_whole_picture_with_boxes_and_all_that_is_known(page):
    page.click("[data-name=picnic-3] .shot")
    playwright.expect(page.locator("#stage img")).to_have_attribute("src", re.compile("/out/picnic-3.png$"))
    assert page.locator("#stage .box").all_inner_texts() == ["bag", "crab"]
    picture, box = page.locator("#stage .frame").bounding_box(), page.locator("#stage .box").nth(1).bounding_box()
    assert box["x"] - picture["x"] == pytest.approx(picture["width"] / 2, abs=1)
    assert picture["width"] / picture["height"] == pytest.approx(128 / 96, abs=0.01)
    for said in ("a crab is holding a bag", "mini (5e5e5e5e5e5e)", "contextgen replay", "process 1"):
        assert said in page.inner_text("#panel")
    page.click("#views button[value=layout]")
    assert page.locator("#stage .sketch img").count() == 2
    page.keyboard.press("Escape")
    assert not page.is_visible("#viewer")


def test_comparing_two(page):
    page.click("[data-name=picnic-1] .pick")
    assert page.is_disabled("#compare")
    page.click("[data-name=picnic-2] .pick")
    page.click("#compare")
    assert page.locator("#pair figcaption").all_inner_texts() == ["picnic-1", "picnic-2"]
    rows = page.locator("tr.differs th").all_inner_texts()
    assert "Seed" in rows and "Model" not in rows
    page.click("#comparison .close")
    page.click("#clear")
    assert not page.is_visible("#tray")


def test_the_button_copies_the_command(page, report):
    page.click("[data-name=picnic-2] .copy")
    page.wait_for_selector("#told.shown")
    page.click("#text")
    page.keyboard.press("Control+V")
    assert page.input_value("#text") == "contextgen replay out/picnic-2.png"


def test_a_search_begun_in_the_viewer_keeps_the_keys(page):
    page.locator("[data-name=picnic-0] .shot").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("/")
    page.evaluate("() => new Promise((resume) => setTimeout(resume, 50))")
    page.keyboard.type("rain")
    assert names(page) == ["camp-1"]


def test_all_of_it_by_keyboard(page):
    page.locator("[data-name=picnic-0] .shot").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("c")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("c")
    chosen = page.eval_on_selector_all(".marked", "cards => cards.map((card) => card.dataset.name)")
    assert len(chosen) == 2
    page.keyboard.press("v")
    assert page.is_visible("#comparison")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    first = page.inner_text("#viewer-name")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#viewer-name") != first
    page.keyboard.press("l")
    assert page.is_visible("#stage .sketch")
    page.keyboard.press("b")
    assert not page.locator("#stage .box").first.is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("rain")
    assert names(page) == ["camp-1"]
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.is_visible("#keys")


def test_dark_mode_follows_the_system_and_the_button(page):
    def ground() -> str:
        return page.evaluate("getComputedStyle(document.documentElement).backgroundColor")

    light = ground()
    page.emulate_media(color_scheme="dark")
    dark = ground()
    assert light != dark
    page.click("#theme")
    assert (page.inner_text("#theme"), ground()) == ("Theme: light", light)
    page.click("#theme")
    page.emulate_media(color_scheme="light")
    assert ground() == dark


@pytest.mark.parametrize("width", [320, 700])
def test_narrow_windows_need_no_sideways_scrolling(page, width):
    page.set_viewport_size({"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("[data-name=picnic-0] .shot")
    assert page.evaluate("document.querySelector('#viewer').scrollWidth") <= width


def test_controls_have_names_and_pictures_have_words(page):
    page.click("[data-name=picnic-0] .shot")
    nameless = page.evaluate(
        """[...document.querySelectorAll("button, input, select")].filter((each) =>
            !each.textContent.trim() && !each.ariaLabel && !each.labels?.length).map((each) => each.outerHTML)"""
    )
    assert nameless == []
    assert page.evaluate("[...document.querySelectorAll('img')].every((image) => image.hasAttribute('alt'))")


def test_a_picture_that_was_moved_away_is_still_shown_small(browser, report, tmp_path):
    shutil.copy(report, tmp_path / "alone.html")
    context = browser.new_context()
    opened = context.new_page()
    opened.goto((tmp_path / "alone.html").as_uri())
    opened.click(".shot")
    opened.wait_for_selector("#told.shown")
    assert "not beside this page" in opened.inner_text("#told")
    assert opened.get_attribute("#stage img", "src").startswith("data:image/jpeg")
    context.close()


def starred(page) -> list[str]:
    pressed = page.locator("#grid .star[aria-pressed=true]")
    return pressed.evaluate_all("stars => stars.map((star) => star.closest('.card').dataset.name)")


def test_stars_are_kept_filtered_and_exported(page, report):
    assert page.is_disabled("#export")
    page.click("[data-name=picnic-3] .star")
    page.click("[data-name=camp-1] .star")
    page.click("[data-name=camp-1] .star")
    page.locator("[data-name=picnic-12] .shot").focus()
    page.keyboard.press("s")
    page.reload()
    assert starred(page) == ["picnic-3", "picnic-12"]
    assert page.inner_text("#star-count") == "★ 2"
    page.check("#starred")
    assert names(page) == ["picnic-3", "picnic-12"]
    with page.expect_download() as downloading:
        page.click("#export")
    told = Path(downloading.value.path()).read_text("utf-8").splitlines()
    assert (downloading.value.suggested_filename, told) == ("starred.txt", ["picnic-3.png", "picnic-12.png"])
    assert all((report.parent / name).is_file() for name in told)
    page.click("[data-name=picnic-3] .star")
    page.click("[data-name=picnic-12] .star")
    assert page.is_disabled("#export")


def test_a_star_is_given_to_the_enlarged_picture_too(page):
    page.click("[data-name=picnic-5] .shot")
    page.click("#viewer-star .star")
    assert page.get_attribute("#viewer-star .star", "aria-pressed") == "true"
    page.keyboard.press("s")
    assert page.get_attribute("#viewer-star .star", "aria-pressed") == "false"
    page.keyboard.press("Escape")
    assert starred(page) == []


def test_a_failure_has_no_star(page):
    page.select_option("#scene", "camp")
    assert not page.is_visible("[data-name=camp-2] .star")
