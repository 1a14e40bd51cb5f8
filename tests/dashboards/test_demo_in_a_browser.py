"""The demo as somebody sees it who has just run ``make demo`` and opens the browser: found, taken, explained, tuned."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from alerts.opening import open_store
from config.settings import Settings
from pipeline.assembly import load_settings
from tests.support.alerts import change
from tests.support.browser import chromium, opened, violations
from tests.support.patience import PATIENCE_S, until
from tests.support.stopping import stop_in_its_tracks

REPO = Path(__file__).resolve().parents[2]
PAGES = ("/inbox", "/incidents", "/silences", "/feeds", "/detectors", "/channels", "/duty", "/audit", "/settings")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Demo:
    """A demo whose story was told.

    Attributes:
        url: of its console. flow: number of the flow's process.
    """

    url: str
    settings: Settings
    flow: int


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("stay") / "demo"
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "demo", "--stay", "--dir", str(folder)],
        env={**os.environ, "PYTHONPATH": str(REPO)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = _said(process, re.compile(r"In the browser: (http\S+)"))
        yield Demo(url, load_settings(folder / "makegood.yaml").settings, _child(process.pid, " flow "))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)


def _said(process: "subprocess.Popen[str]", wanted: re.Pattern[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        found = wanted.search(line)
        if found is not None:
            return found[1]
    pytest.fail("the demo has ended before its story did")


def _child(parent: int, word: str) -> int:
    """Return the number of the child process whose command line holds a word."""
    for one in Path("/proc").glob("[0-9]*"):
        try:
            stat, command = (one / "stat").read_text(), (one / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if int(stat.rpartition(")")[2].split()[1]) == parent and word in f" {command} ":
            return int(one.name)
    pytest.fail(f"there is no child with {word} in its command line")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with opened(browser, viewport={"width": 1440, "height": 900}, reduced_motion="reduce") as context:
        yield context.new_page()


def test_the_worst_problem_is_found_taken_understood_and_silenced(
    demo: Demo, page: Page, record_property: pytest.FixtureRequest
) -> None:
    page.goto(f"{demo.url}/")
    expect(page.locator("#list [data-row]").first).to_be_visible()
    now_us = time.time_ns() // 1000
    fired = change(
        "GoldQueueStuck", severity="critical", service="checkout", tier="gold", summary="the gold queue stands still",
        at_us=now_us, starts_at_us=now_us,
    )  # fmt: skip
    with open_store(demo.settings.store) as store:
        began_s = time.monotonic()
        store.apply([fired])
        expect(page.get_by_text("the gold queue stands still")).to_be_visible()
        record_property("stored_to_seen_s", round(time.monotonic() - began_s, 2))  # type: ignore[operator]
    page.goto(f"{demo.url}/a/{fired.fingerprint}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("the gold queue stands still")
    page.get_by_role("button", name=re.compile("^Ack")).first.click()
    expect(page.get_by_text(re.compile(r"[Aa]cknowledged|acked|Acked")).first).to_be_visible()
    page.goto(f"{demo.url}/silences/new?m=alertname%3DGoldQueueStuck")
    expect(page.get_by_text("Would hide now: 1 alert")).to_be_visible()
    page.get_by_label(re.compile("^Why")).fill("the vendor works on it")
    if page.get_by_text("of them P1").count():
        page.get_by_label(re.compile("priority 1")).check()
    page.get_by_role("button", name="Silence", exact=True).click()
    page.wait_for_url("**/silences")
    expect(page.get_by_text("the vendor works on it")).to_be_visible()
    page.goto(f"{demo.url}/inbox?state=silenced")
    expect(page.get_by_text("the gold queue stands still")).to_be_visible()


def test_an_alert_of_the_story_says_why_it_fired_and_who_was_told(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.url}/inbox?q=detector%3Dsla_breach_rate")
    page.locator("#list [data-row] .says").first.click()
    expect(page.get_by_role("heading", name=re.compile("why it fired", re.IGNORECASE))).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("who was told", re.IGNORECASE))).to_be_visible()
    expect(page.get_by_text("on-call", exact=True).first).to_be_visible()


def test_a_detector_is_tuned_by_its_knob_shadowed_promoted_and_taken_back(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.url}/detectors/social_spike")
    expect(page.get_by_text("of recorded windows")).to_be_visible()
    page.locator("input[name=budget][value='0.5']").check()
    expect(page.get_by_text(re.compile(r"\d+ → \d+ alerts"))).to_be_visible()
    page.locator("#knob input[name=why]").fill("calmer nights")
    page.get_by_role("button", name="Save as shadow").click()
    expect(page.get_by_role("heading", name="Version 1")).to_be_visible()
    page.locator("form[action$='/promote'] input[name=why]").fill("nothing lost")
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("alerts go by version 1")).to_be_visible()
    page.locator("form[action$='/rollback'] input[name=why]").fill("missed one")
    page.get_by_role("button", name=re.compile("^Roll back")).click()
    expect(page.get_by_text("alerts go by the settings file")).to_be_visible()
    page.goto(f"{demo.url}/audit")
    for action in ("detector.shadow", "detector.promote", "detector.rollback"):
        expect(page.get_by_text(action)).to_be_visible()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_wrong_on_any_page(demo: Demo, browser: Browser, scheme: str) -> None:
    wrong = {}
    with opened(browser, viewport={"width": 1440, "height": 900}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{demo.url}/inbox")
        paths = [
            *PAGES,
            "/silences/new?m=service%3Dcheckout",
            "/detectors/social_spike?budget=0.5",
            "/dead-letters",
            "/wall",
        ]
        paths.append(page.locator("#list [data-row] .says").first.get_attribute("href") or "")
        page.goto(f"{demo.url}/incidents")
        paths.append(page.locator("#list [data-row] .says").first.get_attribute("href") or "")
        for path in paths:
            page.goto(demo.url + path)
            page.wait_for_load_state("load")
            if found := violations(page):
                wrong[path] = found
    assert wrong == {}


def test_a_wall_shows_its_own_lost_connection_and_a_feed_that_stops(demo: Demo, page: Page) -> None:
    page.goto(f"{demo.url}/wall")
    expect(page.locator("#live")).to_have_text("LIVE")
    page.context.set_offline(True)
    expect(page.locator("#live")).not_to_have_text("LIVE")
    page.context.set_offline(False)
    expect(page.locator("#live")).to_have_text("LIVE")
    stop_in_its_tracks(demo.flow)
    try:
        expect(page.locator("footer .feeds.unsure")).to_be_visible()
        page.goto(f"{demo.url}/feeds")
        expect(page.locator("#list").get_by_text("NO DATA").first).to_be_visible()
    finally:
        os.kill(demo.flow, signal.SIGCONT)
    page.goto(f"{demo.url}/feeds")
    until(lambda: page.locator("#list").get_by_text("NO DATA").count() == 0)
