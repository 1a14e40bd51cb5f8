"""Takes ``docs/images/console/*.png``: every page of the console and the wall, in the dark and in the light.

Run from the root of the repository, with Chromium installed::

    python -m docs.images.make_screens                                  # runs `makegood demo` for it
    python -m docs.images.make_screens --url http://127.0.0.1:8080      # of a console that runs

They are pictures of a running company, so no two runs give the same bytes; no test compares them.
"""

import argparse
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

FOLDER = Path(__file__).resolve().parent / "console"
SIZE: ViewportSize = {"width": 1440, "height": 900}
COLOURS = 160
READY_WITHIN_S = 600.0
_ADDRESS = re.compile(r"In the browser:\s+(http://\S+)")


def pages(url: str) -> dict[str, str]:
    """Return what is taken, by the name of its picture: an alert with a series, and the largest incident."""
    with httpx.Client(base_url=url, timeout=30, follow_redirects=True) as client:
        listed = client.get("/inbox", params={"view": "alerts"}).text
        rows = re.split(r"<li ", listed)
        lines = [row for row in rows if 'class="spark"' in row]
        found = next((re.search(r"/a/([0-9a-f]{16})", row) for row in [*lines, *rows] if "/a/" in row), None)
        incident = re.search(r"/incidents/(\d+)", client.get("/inbox").text)
    paths = {
        "inbox": "/inbox",
        "alert": f"/a/{found[1]}" if found is not None else "",
        "incident": f"/incidents/{incident[1]}" if incident is not None else "",
        "incidents": "/incidents",
        "silence": '/silences/new?m=service%3D"checkout"&for=2h',
        "silences": "/silences",
        "detectors": "/detectors",
        "detector": "/detectors/sentiment_drop",
        "feeds": "/feeds",
        "channels": "/channels",
        "duty": "/duty",
        "audit": "/audit",
        "truth": "/truth",
        "wall": "/wall",
    }
    return {name: path for name, path in paths.items() if path}


def take(url: str, folder: Path) -> list[str]:
    """Take all pictures; return the addresses that could not be taken, with why."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme in ("dark", "light"):
            context = browser.new_context(viewport=SIZE, color_scheme="dark" if scheme == "dark" else "light")
            page = context.new_page()
            for name, path in pages(url).items():
                answer = page.goto(url + path)
                if answer is None or not answer.ok:
                    missing.append(f"{path}: {'no answer' if answer is None else answer.status}")
                    continue
                _settle(page)
                _save(page.screenshot(), folder / f"{name}-{scheme}.png")
            context.close()
        browser.close()
    return sorted(set(missing))


def _settle(page: Page) -> None:
    """Wait until the page has heard the server, where it listens."""
    page.wait_for_load_state("load")
    if page.locator("[data-beat-age]").count():
        expect(page.locator("[data-beat-age]").first).not_to_be_empty(timeout=15_000)


def _save(png: bytes, path: Path) -> None:
    """Keep a picture with as few colours as it needs: the pages have few."""
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


@contextmanager
def demo() -> Iterator[str]:
    """Run the demo until it has told its story; give the address of its console."""
    program = Path(sys.executable).with_name("makegood")
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "said").open("w+", encoding="utf-8") as said:
        command = [str(program), "demo", "--stay", "--dir", f"{folder}/demo", "--seconds", str(READY_WITHIN_S)]
        environment = {**os.environ, "COLUMNS": "200"}
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=environment)  # noqa: S603 - ours
        try:
            yield _ready(process, Path(said.name))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _ready(process: "subprocess.Popen[bytes]", said: Path) -> str:
    deadline = time.monotonic() + READY_WITHIN_S + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = _ADDRESS.search(said.read_text(encoding="utf-8"))
        if found is not None:
            return found[1]
        time.sleep(0.5)
    msg = f"the demo did not come to its end:\n{said.read_text(encoding='utf-8')[-2000:]}"
    raise RuntimeError(msg)


def main() -> int:
    """Take the pictures; return the exit status."""
    parser = argparse.ArgumentParser(description="Take the pictures of the console for the docs.")
    parser.add_argument("--url", help="of a console that runs, on which nobody has to log in; default: a demo")
    parser.add_argument("--out", type=Path, default=FOLDER)
    given = parser.parse_args()
    if given.url is not None:
        missing = take(given.url.rstrip("/"), given.out)
    else:
        with demo() as url:
            missing = take(url, given.out)
    for line in missing:
        print(f"not taken: {line}", file=sys.stderr)  # noqa: T201 - a script for people
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
