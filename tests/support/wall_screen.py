"""A wall on a screen: opened, and measured from within."""

import re
from collections.abc import Sequence

from playwright.sync_api import Page, expect

S = 1_000
PAGES = ("pages=alerts", "pages=services", "pages=figures", "theme=light")


def show(page: Page, url: str, *, frozen: bool = True) -> None:
    """Open a wall, and wait until it is live.

    Args:
        page: shows it.
        url: of the wall.
        frozen: the page's clock goes only when the test moves it.
    """
    if frozen:
        page.clock.install()
    page.goto(url)
    expect(page.locator("#live")).to_have_text("LIVE")
    expect(page.locator("#live-age")).to_have_text(re.compile(r"\d s"))
    if frozen:
        page.clock.pause_at(page.evaluate("Date.now()") / S + 1)


def hurry(page: Page) -> None:
    """Make what is opened next quick: two seconds pass in ten milliseconds, but how long an answer may take stays.

    The tests' own clock would keep a record that grows.
    """
    page.add_init_script("const slow = setTimeout; setTimeout = (act, ms) => slow(act, ms === 3000 ? ms : ms / 200)")


def fragments(page: Page, url: str, queries: Sequence[str] = PAGES) -> list[str]:
    """Return what the server makes of several addresses: real pages, to be shown in turn."""
    return [page.request.get(f"{url}/wall/now?{query}").json()["html"] for query in queries]


def measured(page: Page) -> dict[str, float]:
    """Return what the browser says of a page, once all that is not needed is gone."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return found
