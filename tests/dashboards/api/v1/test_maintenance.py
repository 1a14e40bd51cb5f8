"""Maintenance windows over the API: when they are, and what they hide now and next."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from alerts.model import rfc3339
from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.contract import Role
from dashboards.server import build_app
from tests.support import signed_in
from tests.support.alerts import START_US, change
from tests.support.patience import until

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
BEFORE_US = START_US - 60_000_000


def local(time_us: int) -> str:
    return rfc3339(time_us)[:19]


SETTINGS = Settings.model_validate(
    {
        "route": {"receiver": "ops"},
        "receivers": {"ops": {"tiers": [{"channel": "log"}]}},
        "channels": {"log": {"type": "console"}},
        "urgency": {"by_severity": {"critical": "urgent", "warning": "normal"}},
        "maintenance_windows": {
            "patches": {
                "matchers": ['service=~"shop|billing"'],
                "zone": "UTC",
                "start": local(START_US - 7 * DAY_US - HOUR_US),
                "duration": 2 * HOUR_US,
                "rrule": "FREQ=DAILY",
                "comment": "operating system patches",
            },
            "move": {
                "matchers": ["service=erp"],
                "zone": "UTC",
                "start": local(START_US + 2 * DAY_US),
                "duration": 3 * HOUR_US,
            },
            "over": {
                "matchers": ["service=erp"],
                "zone": "UTC",
                "start": local(START_US - 2 * DAY_US),
                "duration": 3 * HOUR_US,
            },
        },
    }
)
PATH = "/api/v1/maintenance-windows"


@pytest.fixture
def api(store: AlertStore) -> Iterator[TestClient]:
    app = build_app(store, SETTINGS, access=signed_in.access(), now_us=lambda: START_US, build="1")
    with signed_in.client(app, Role.VIEWER) as client:
        until(lambda: app.state.makegood.mirror.complete)
        store.apply(
            [
                change(service="shop", at_us=BEFORE_US),
                change(service="billing", severity="critical", at_us=BEFORE_US),
                change(service="erp", at_us=BEFORE_US),
                change(service="web", at_us=BEFORE_US),
            ]
        )
        until(lambda: len(app.state.makegood.mirror.alerts) == 4)
        yield client


def test_open_ones_come_first_then_those_to_come_then_those_that_never_do(api: TestClient) -> None:
    items = api.get(PATH).json()["items"]
    assert [one["name"] for one in items] == ["patches", "move", "over"]
    assert [one["next_at"] is None for one in items] == [False, False, True]


def test_what_it_hides_now_and_next_is_counted(api: TestClient) -> None:
    patches, move, over = api.get(PATH).json()["items"]
    assert patches["open_until"] == rfc3339(START_US + HOUR_US)
    assert patches["next_at"] == rfc3339(START_US + 23 * HOUR_US)
    assert (patches["hides_now"], patches["hides_next"], patches["hides_next_urgent"]) == (2, 2, 1)
    assert (move["open_until"], move["hides_now"], move["hides_next"]) == (None, 0, 1)
    assert (over["hides_now"], over["hides_next"], over["occurrences"]) == (0, 0, [])
    assert len(patches["fingerprints"]) == 2


def test_occurrences_are_told_as_far_ahead_as_is_asked(api: TestClient) -> None:
    found = api.get(f"{PATH}/patches", params={"days": 3}).json()["occurrences"]
    assert found[0] == {"starts_at": rfc3339(START_US - HOUR_US), "ends_at": rfc3339(START_US + HOUR_US)}
    assert len(found) == 4
    assert len(api.get(f"{PATH}/patches", params={"days": 366}).json()["occurrences"]) == 100


def test_a_preview_tells_what_it_has_hidden(api: TestClient) -> None:
    found = api.get(f"{PATH}/patches/preview").json()
    # They began to fire while it was open, and still do.
    assert (found["past"], found["late"]) == (2, 0)
    assert found["past_total"] == 4


def test_there_is_no_way_to_write_one(api: TestClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in (PATH, f"{PATH}/patches"):
            refused = api.request(method, path, json={})
            assert (refused.status_code, refused.headers["content-type"]) == (405, "application/problem+json")
    document = api.get("/api/v1/openapi.json").json()
    assert set(document["paths"][PATH]) == {"get"}
    assert "settings file" in document["paths"][PATH]["get"]["description"]


def test_one_that_there_is_not_is_not_found(api: TestClient) -> None:
    refused = api.get(f"{PATH}/nothing")
    assert refused.status_code == 404
    assert "move, over, patches" in refused.json()["detail"]
    assert api.get(f"{PATH}/nothing/preview").status_code == 404
