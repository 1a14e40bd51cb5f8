"""A real browser for tests of pages: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser; the test is skipped where there is none."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("there is no Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


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
