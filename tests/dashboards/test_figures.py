"""Figures of the web application: what is counted of requests, how old what is shown is, which walls ask."""

from collections.abc import Iterator

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from alerts.statuses import Status, Statuses
from alerts.store import AlertStore
from config.metrics.console import MOST_WALLS
from config.settings import Settings
from dashboards.access.contract import Role, public
from dashboards.figures import PARTS
from dashboards.server import build_app
from tests.support.alerts import START_US
from tests.support.patience import until
from tests.support.signed_in import access, client

S = 1_000_000


@pytest.fixture
def http(store: AlertStore) -> Iterator[TestClient]:
    app: FastAPI = build_app(store, Settings(), access=access(), now_us=lambda: START_US, build="test")

    @app.get("/api/v1/broken", dependencies=[Depends(public())])
    async def broken() -> None:
        msg = "a defect"
        raise ValueError(msg)

    asking = client(app, Role.VIEWER)
    with TestClient(
        app, base_url=str(asking.base_url), headers=dict(asking.headers), raise_server_exceptions=False
    ) as http:
        until(lambda: app.state.makegood.mirror.complete, "the alerts")
        yield http


def figures(http: TestClient, name: str, label: str) -> dict[str, float]:
    """Return the samples of a metric by the value of a label."""
    found = {}
    for line in http.get("/metrics").text.splitlines():
        if line.startswith(f"{name}{{"):
            labels, _, value = line.rpartition(" ")
            found[labels.partition(f'{label}="')[2].partition('"')[0]] = float(value)
    return found


def test_requests_are_timed_by_part_and_our_failures_are_counted(http: TestClient) -> None:
    before = figures(http, "makegood_console_request_seconds_count", "part")
    assert set(before) == set(PARTS), "none is a figure too"
    for path in ("/api/v2/alerts", "/am/api/v2/silences", "/api/v1/alerts", "/wall", "/wall/now", "/nothing"):
        http.get(path)
    assert http.get("/api/v1/broken").status_code == 500
    after = figures(http, "makegood_console_request_seconds_count", "part")
    more = {part: after[part] - before[part] for part in PARTS}
    assert more == {"alertmanager": 3, "api": 2, "console": 1, "wall": 2}  # and /metrics itself
    assert figures(http, "makegood_console_requests_failed_total", "part") == {
        "alertmanager": 0, "api": 1, "console": 0, "wall": 0
    }  # fmt: skip


def test_it_is_said_when_the_store_answered_last_and_when_each_wall_asked(http: TestClient, store: AlertStore) -> None:
    said = [("lobby", START_US - 9 * S, True), ("noc", START_US - 400 * S, False)]
    for name, at_us, well in said:
        Statuses(store).say(Status(kind="wall", name=name, at_us=at_us, every_us=10 * S, well=well, report={}))
    mirror = http.app.state.makegood.mirror  # type: ignore[attr-defined]
    mirror.take_statuses(Statuses(store).all(START_US), START_US)
    asked = figures(http, "makegood_wall_last_asked_timestamp_seconds", "wall")
    assert asked == {"lobby": START_US / S - 9, "noc": START_US / S - 400}
    assert figures(http, "makegood_wall_live", "wall") == {"lobby": 1, "noc": 0}
    (read,) = (
        float(line.split()[1])
        for line in http.get("/metrics").text.splitlines()
        if line.startswith("makegood_console_store_read_timestamp_seconds ")
    )
    assert read == START_US / S


def test_walls_beyond_the_most_that_are_told_of_are_those_that_asked_longest_ago(
    http: TestClient, store: AlertStore
) -> None:
    statuses = Statuses(store)
    for number in range(MOST_WALLS + 5):
        at_us = START_US - number * S
        statuses.say(Status(kind="wall", name=f"w{number}", at_us=at_us, every_us=S, well=True, report={}))
    http.app.state.makegood.mirror.take_statuses(statuses.all(START_US), START_US)  # type: ignore[attr-defined]
    asked = figures(http, "makegood_wall_live", "wall")
    assert set(asked) == {f"w{number}" for number in range(MOST_WALLS)}
