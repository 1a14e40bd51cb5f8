"""A real browser for tests of pages: Debian's Chromium, driven by Playwright.

Whatever it is to show is waited for as long as for anything else in tests: pages are slow on a slow machine.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.patience import PATIENCE_S

PATIENCE_MS = PATIENCE_S * 1000
expect.set_options(timeout=PATIENCE_MS)
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser; the test is skipped where there is none."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"], timeout=PATIENCE_MS
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Give a context whose pages are waited for, and close it.

    Args:
        browser: that it is of.
        options: of the context.
    """
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context
    finally:
        context.close()


def violations(page: Page, *rules: str) -> list[str]:
    """Return what axe finds wrong with a page, a line for each rule; sizes of targets are looked at as well.

    Args:
        page: as it is now.
        rules: only these; none: all.
    """
    only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": list(RULES)}
    # The rule of WCAG 2.5.8 is off by default: a test without this line would pass by silence.
    options = {"runOnly": only, "rules": {"target-size": {"enabled": True}}}
    found = Axe().run(page, options=options)
    return [
        f"{one['id']}: {one['help']}: " + " | ".join(str(node["html"])[:160] for node in one["nodes"][:3])
        for one in found.response["violations"]
    ]
