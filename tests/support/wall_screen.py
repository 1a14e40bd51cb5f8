"""A wall on a screen: opened, taken through time, and measured from within."""

import re
import time
from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import pytest
from playwright.sync_api import Error as PageError
from playwright.sync_api import Page, Request, expect

from tests.support.patience import PATIENCE_S

S = 1_000
PAGES = ("pages=alerts", "pages=services", "pages=figures", "theme=light")
_ANSWERED_WITHIN_S = 10.0
"""So long time stands still for an answer: what takes longer is one that does not come."""


class Asking:
    """What a wall asks. Time that is moved must not pass while an answer is on its way: it would count as late.

    Args:
        page: shows the wall; nothing was asked so far.
    """

    def __init__(self, page: Page) -> None:
        self._open: dict[Request, float] = {}
        page.on("request", self._asked)
        page.on("requestfinished", self._answered)
        page.on("requestfailed", self._answered)
        page.on("response", lambda answer: None if answer.ok else self._answered(answer.request))  # no more is read

    def wait(self, page: Page) -> None:
        """Wait for the answers that are on their way, but for none for ever."""
        page.wait_for_timeout(20)  # by then it is known what was asked
        while any(time.monotonic() < until_s for until_s in self._open.values()):
            page.wait_for_timeout(20)
        page.wait_for_timeout(20)  # and what was answered is taken

    def _asked(self, request: Request) -> None:
        if "/wall/now" in request.url:
            self._open[request] = time.monotonic() + _ANSWERED_WITHIN_S

    def _answered(self, request: Request) -> None:
        self._open.pop(request, None)


_asking: WeakKeyDictionary[Page, Asking] = WeakKeyDictionary()


def show(page: Page, url: str, *, frozen: bool = True) -> None:
    """Open a wall, and wait until it is live.

    Args:
        page: shows it.
        url: of the wall.
        frozen: the page's clock goes only when the test moves it.
    """
    if frozen:
        if page not in _asking:
            _asking[page] = Asking(page)
        page.clock.install()
    page.goto(url)
    expect(page.locator("#live")).to_have_text("LIVE")
    expect(page.locator("#live-age")).to_have_text(re.compile(r"\d s"))
    if frozen:
        while not _frozen(page):
            pass
        _asking[page].wait(page)


def _frozen(page: Page) -> bool:
    """Stop the page's clock a second from now; return whether that was in time: a machine may stall for longer."""
    try:
        page.clock.pause_at(page.evaluate("Date.now()") / S + 1)
    except PageError as error:
        if "to the past" not in error.message:
            raise
        return False
    return True


def turn(page: Page) -> None:
    """Let time go by until the page asks again, and wait until what it asked for is there."""
    _asking[page].wait(page)
    with page.expect_request(lambda request: "/wall/now" in request.url) as asked:
        for _ in range(40):
            page.clock.run_for(S // 2)
            if asked.is_done():
                break
            _asking[page].wait(page)
    answer = asked.value.response()
    assert answer is not None, asked.value.failure
    answer.finished()
    _asking[page].wait(page)


def until_shown(page: Page, holds: Callable[[], bool], what: str) -> None:
    """Let the page's time go by, but not while an answer is on its way, until something holds."""
    give_up_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_s:
        try:
            if holds():
                return
            page.clock.run_for(250)
        except PageError as error:
            if "context was destroyed" not in error.message:
                raise
            page.wait_for_load_state()  # it is loading itself anew
        _asking[page].wait(page)
    pytest.fail(f"{what} was not shown: {page.locator('body').inner_text()}")


def until_text(page: Page, locator: str, text: str) -> None:
    """Let the page's time go by until something says ``text``."""

    def holds() -> bool:
        found = page.locator(locator)
        return found.count() > 0 and text in (found.first.text_content() or "")

    until_shown(page, holds, f"{text!r} in {locator}")


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
