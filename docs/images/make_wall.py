"""Takes ``docs/images/wall/*.png``: the wall in each of its states, in the dark and in the light.

Run from the root of the repository, with Chromium and a redis-server installed::

    python -m docs.images.make_wall

What the feeds and processes say is made up, as in the tests of the wall; no test compares the pictures.
"""

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from detectors.contract import AlertChange
from tests.support.alerts import change
from tests.support.browser import chromium
from tests.support.redis import fresh_store, redis_client, redis_server
from tests.support.wall_stage import MIN, REGIONS, SERVICES, Stage, staged, trouble

FOLDER = Path(__file__).resolve().parent / "wall"
SMALL = (1280, 720)
COLOURS = 96
NAMES = ("TransactionFailure", "HttpErrors", "HostUnreachable")
PLACES = [
    {"service": one, "region": two, "judged": int((one, two) != ("billing", "south"))}
    for one in SERVICES
    for two in REGIONS
]


def flood() -> list[AlertChange]:
    """Return what fires when a site is gone."""
    return [
        change(
            NAMES[number % 7 % 3],
            severity="critical" if number % 3 else "warning",
            detector="transaction_failure" if number % 7 % 3 == 0 else "external",
            service=SERVICES[number % 4] if number % 5 else "checkout",
            region=REGIONS[0 if number % 4 else 1 + number % 2],
            site="ams2" if number % 5 else "fra1",
            vendor="payfast" if number % 3 else "unipay",
            instance=f"i{number}",
            customers="2000" if number % 9 == 0 else "1",
        )
        for number in range(1037)
    ]


def scenes() -> dict[str, Callable[[Stage], str]]:
    """Return how each picture is set up: it returns the query of the wall."""

    def evening(stage: Stage) -> str:
        changes = trouble()
        stage.fire(*changes)
        stage.acknowledge(changes[1], "Anna")
        stage.clock.pass_s(250)
        stage.all_well(silent={"surveys": 20 * MIN}, places=PLACES)
        return ""

    def calm(stage: Stage) -> str:
        stage.all_well()
        return ""

    def blind(stage: Stage) -> str:
        stage.all_well(silent={"payments": 20 * MIN, "posts": 9 * MIN})
        return ""

    def storm(stage: Stage) -> str:
        stage.fire(*flood())
        stage.clock.pass_s(130)
        stage.all_well()
        return ""

    def of(name: str) -> Callable[[Stage], str]:
        return lambda stage: evening(stage) + f"pages={name}"

    return {
        "alerts": evening,
        "calm": calm,
        "blind": blind,
        "storm": storm,
        "services": of("services"),
        "figures": of("figures"),
        "no-contact": evening,
        "not-live": evening,
    }


def take(page: Page, stage: Stage, name: str, query: str) -> None:
    """Take a picture."""
    page.clock.install()
    page.goto(f"{stage.url}/wall?rotate=off&{query}")
    expect(page.locator("#live-age")).not_to_be_empty()
    seconds = {"no-contact": 7, "not-live": 48}.get(name.rpartition("-")[0], 0)
    if seconds:
        page.route("**/wall/now*", lambda route: route.abort())
        page.clock.run_for(1000 * seconds)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(SMALL, Image.Resampling.LANCZOS)
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)


def main() -> None:
    """Take all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with redis_server() as url, redis_client(url) as client, chromium() as browser:
        for theme in ("dark", "light"):
            for name, prepare in scenes().items():
                context = browser.new_context(viewport={"width": 1920, "height": 1080})
                with staged(fresh_store(client)) as stage:
                    query = prepare(stage)
                    stage.start()
                    take(context.new_page(), stage, f"{name}-{theme}", f"theme={theme}&{query}")
                    context.close()


if __name__ == "__main__":
    main()
