"""Detectors over the API: a change is tried on what was kept, decides in the shadow, goes live, and is taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from starlette.testclient import TestClient

from alerts.control_log import ControlLog
from alerts.store import AlertStore
from alerts.trail import Trail
from dashboards.access.contract import Role
from dashboards.server import build_app
from detectors.contract import Finding
from pipeline.assembly import load_settings
from pipeline.findings.store import FindingStore
from tests.support import signed_in
from tests.support.alerts import START_US
from tests.support.patience import until

HOUR_US = 3_600_000_000
DROP = {"type": "sentiment_drop", "group_by": ["service"], "window": "1h", "alert_budget": "2 per week"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "makegood.yaml"
    plain = {
        "feeds": {"posts": {"type": "file", "path": "posts.jsonl"}},
        "detectors": {"drop": DROP, "breach": {"type": "negative_survey"}},
        "channels": {"log": {"type": "console"}},
        "receivers": {"ops": {"tiers": [{"channel": "log"}]}},
        "route": {"receiver": "ops"},
        "store": {"dir": str(tmp_path / "var")},
    }
    path.write_text(yaml.safe_dump(plain))
    return path


@pytest.fixture
def api(store: AlertStore, config: Path) -> Iterator[TestClient]:
    settings = load_settings(config).settings
    app = build_app(store, settings, access=signed_in.access(), now_us=lambda: START_US, build="1", config=config)
    with signed_in.client(app, Role.TUNER) as client:
        until(lambda: app.state.makegood.mirror.complete)
        yield client


def keep(folder: Path, p_values: list[float]) -> None:
    """Keep windows of one group, an hour each."""
    folder.mkdir(exist_ok=True)
    store = FindingStore(folder / "findings.db")
    store.add(
        [
            Finding(
                detector="drop",
                group={"service": "pay"},
                start_us=START_US + (number - 1) * HOUR_US,
                end_us=START_US + number * HOUR_US,
                count=50,
                value=0.1,
                baseline=0.1,
                p_value=p_value,
                verdict="quiet",
            )
            for number, p_value in enumerate(p_values, start=1)
        ]
    )
    store.close()


def test_detectors_are_listed_with_what_can_be_changed(api: TestClient) -> None:
    found = {one["name"]: one for one in api.get("/api/v1/detectors").json()["items"]}
    assert (found["drop"]["tunable"], found["breach"]["tunable"]) == (True, False)
    assert (found["drop"]["live"], found["drop"]["shadows"]) == (0, [])


def test_a_change_is_tried_on_the_windows_that_the_flow_has_kept(api: TestClient, tmp_path: Path) -> None:
    quiet = [0.5] * 30
    keep(tmp_path / "var", [*quiet, 0.002, *quiet, 1e-9, *quiet])
    strict = api.post("/api/v1/detectors/drop/try", json={"changes": {"p_value": {"fire": 1e-6}}}).json()
    loose = api.post("/api/v1/detectors/drop/try", json={"changes": {"p_value": {"fire": 0.01}}}).json()
    assert strict["tried"]["alerts"] == 1
    assert loose["tried"]["alerts"] == 2
    assert loose["tried"]["alerts"] == loose["live"]["alerts"] + loose["gained_count"] - loose["lost_count"]
    assert (strict["windows"], strict["groups"]) == (92, 1)


def test_without_windows_it_says_why(api: TestClient) -> None:
    refused = api.post("/api/v1/detectors/drop/try", json={"changes": {"confirm": "2 of 3"}})
    assert refused.status_code == 409
    assert "no windows of drop" in refused.json()["detail"]


def test_a_change_goes_the_whole_way_and_back(api: TestClient, store: AlertStore) -> None:
    path = "/api/v1/detectors/drop"
    shadow = api.post(f"{path}/shadow", json={"changes": {"alert_budget": "1 per week"}, "why": "too many"})
    assert (shadow.status_code, shadow.json()["mode"]) == (200, "shadow")
    assert api.get(f"{path}/shadows/1").json() == {"version": 1, "gained": [], "lost": [], "both": 0}
    live = api.post(f"{path}/promote", json={"why": "nothing lost"}).json()
    assert (live["version"], live["mode"], live["by"]) == (1, "live", "test-tuner")
    assert api.get(path).json()["live_changes"] == {"alert_budget": "1 per week"}
    back = api.post(f"{path}/rollback", json={"why": "missed one"}).json()
    assert back["version"] == 0
    told = api.get(path).json()
    assert (told["live"], [one["mode"] for one in told["history"]]) == (0, ["live", "live", "shadow"])
    actions = [kept.entry.action for kept in Trail(store).newest_first()]
    assert actions == ["detector.rollback", "detector.promote", "detector.shadow"]


def test_what_cannot_be_is_refused_with_what_can(api: TestClient, store: AlertStore) -> None:
    unknown = api.post("/api/v1/detectors/drop/shadow", json={"changes": {"colour": "red"}, "why": "x"})
    assert unknown.status_code == 422
    fixed = api.post("/api/v1/detectors/breach/shadow", json={"changes": {"confirm": "1 of 1"}, "why": "x"})
    assert fixed.status_code == 422
    assert "drop" in fixed.json()["detail"]
    assert api.post("/api/v1/detectors/nobody/promote", json={"why": "x"}).status_code == 404
    assert ControlLog(store).read().controls == []


def test_the_same_change_sent_twice_with_a_key_is_one(api: TestClient, store: AlertStore) -> None:
    body = {"changes": {"confirm": "2 of 3"}, "why": "calmer"}
    for _ in range(2):
        assert api.post("/api/v1/detectors/drop/shadow", json=body, headers={"Idempotency-Key": "k"}).is_success
    assert len(ControlLog(store).read().controls) == 1


def test_viewers_try_and_only_tuners_change(store: AlertStore, config: Path) -> None:
    settings = load_settings(config).settings
    app = build_app(store, settings, access=signed_in.access(), now_us=lambda: START_US, build="1", config=config)
    with signed_in.client(app, Role.RESPONDER) as client:
        assert client.post("/api/v1/detectors/drop/try", json={"changes": {"confirm": "2 of 3"}}).status_code == 409
        assert client.post("/api/v1/detectors/drop/promote", json={"why": "x"}).status_code == 403
