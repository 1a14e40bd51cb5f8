"""The login in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from alerts.store import AlertStore
from tests.dashboards.access.test_served import serving
from tests.support.access import PASSWORD, users
from tests.support.browser import chromium, opened, violations


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_logs_in_and_out_in_a_browser(
    browser: Browser, store: AlertStore, tmp_path: Path, scheme: str
) -> None:
    with (
        serving(store, {"users": users(tmp_path, rob="viewer")}) as address,
        opened(browser, color_scheme=scheme, viewport={"width": 320, "height": 640}) as context,
    ):
        page = context.new_page()
        refused: list[str] = []
        page.on("console", lambda line: refused.append(line.text) if line.type == "error" else None)
        page.goto(f"http://{address}/settings")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type("rob")
        page.keyboard.press("Tab")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
        assert violations(page) == []
        expect(page.get_by_label("Password")).to_be_focused()
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"http://{address}/settings")
        expect(page.get_by_text("You are rob, with the role viewer.")).to_be_visible()
        page.get_by_role("button", name="Log out", exact=True).click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        page.goto(f"http://{address}/settings")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        assert [line for line in refused if "Content Security" in line] == []
