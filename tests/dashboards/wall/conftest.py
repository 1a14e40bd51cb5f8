"""A browser, where there is one, and a stage."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from alerts.store import AlertStore
from tests.support.browser import chromium, opened
from tests.support.wall_stage import Stage, staged, trouble


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A screen of 1920 by 1080. A fault of its script, or a breach of the policy of contents, fails the test."""
    faults: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            faults.append(message.text)

    with opened(browser, viewport={"width": 1920, "height": 1080}, timezone_id="Europe/Berlin") as context:
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", heard)
        yield page
    assert faults == []


@pytest.fixture
def stage(store: AlertStore) -> Iterator[Stage]:
    with staged(store) as stage:
        yield stage


@pytest.fixture
def live(stage: Stage) -> Stage:
    stage.fire(*trouble())
    stage.all_well()
    stage.start()
    return stage
