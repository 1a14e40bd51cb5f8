"""Backtests on the page of a detector: begun from the knob, followed, cancelled, and told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from alerts.store import AlertStore
from alerts.trail import Trail
from dashboards.access.contract import Role
from dashboards.server import build_app
from pipeline.assembly import load_settings
from tests.support.backtests import write_recordings, write_settings
from tests.support.patience import until
from tests.support.web import TOKEN, Somebody

PATH = "/detectors/sentiment_drop"
KNOB = {"budget": "0.1", "confirm": "3 of 4"}

pytestmark = pytest.mark.usefixtures("leases_hold")


def client_of(store: AlertStore, config: Path, role: Role = Role.TUNER) -> TestClient:
    settings = load_settings(config).settings
    app = build_app(store, settings, access=Somebody(role=role), now_us=lambda: 1, build="1", config=config)
    return TestClient(app, headers={"X-CSRF-Token": TOKEN}, follow_redirects=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_recordings(tmp_path, "p_value: {fire: 0.03}")


@pytest.fixture
def web(store: AlertStore, config: Path) -> Iterator[TestClient]:
    with client_of(store, config) as client:
        yield client


def begin(web: TestClient, recording: str) -> None:
    begun = web.post(f"{PATH}/backtests", data={**KNOB, "recording": recording})
    assert (begun.status_code, begun.headers["location"].partition("?")[0]) == (303, PATH), begun.text


def test_what_the_knob_says_is_tried_on_a_recording(web: TestClient, store: AlertStore) -> None:
    page = web.get(PATH, params=KNOB).text
    assert 'action="/detectors/sentiment_drop/backtests"' in page
    assert "march, with labels" in page
    begin(web, "march")
    jobs = web.app.state.makegood.jobs  # type: ignore[attr-defined]
    until(lambda: all(job.ended for job in jobs.list()), "the end of the backtest")
    told = web.get(f"{PATH}/backtests").text
    assert "confirm: 3 of 4" in told
    assert "precision" in told
    assert "lost: " in web.get(PATH).text
    (kept,) = Trail(store).newest_first()
    assert (kept.entry.action, kept.entry.who) == ("backtest.start", "anna")


def test_one_that_runs_is_cancelled(web: TestClient) -> None:
    begin(web, "stuck")
    begin(web, "march")
    told = web.get(f"{PATH}/backtests").text
    assert "<progress" in told
    assert "waits for its turn" in told
    running = next(one for one in web.get("/api/v1/backtests").json()["items"] if one["recording"] == "stuck")
    assert web.post(f"{PATH}/backtests/{running['id']}/cancel").status_code == 303
    assert "Cancelled." in web.get(f"{PATH}/backtests").text


def test_without_a_folder_of_recordings_it_says_where_to_name_one(store: AlertStore, tmp_path: Path) -> None:
    with client_of(store, write_settings(tmp_path / "bare.yaml")) as web:
        page = web.get(PATH, params=KNOB).text
    assert "console: backtests: recordings" in page
    assert 'name="recording"' not in page


def test_whoever_may_not_tune_looks_and_begins_none(store: AlertStore, config: Path) -> None:
    with client_of(store, config, Role.RESPONDER) as web:
        assert 'name="recording"' not in web.get(PATH, params=KNOB).text
        assert web.get(f"{PATH}/backtests").status_code == 200
        assert web.post(f"{PATH}/backtests", data={**KNOB, "recording": "march"}).status_code == 403


def test_a_name_that_is_a_path_is_refused(web: TestClient) -> None:
    for name in ("../recordings/march", "/etc", "..", "no such"):
        assert web.post(f"{PATH}/backtests", data={**KNOB, "recording": name}).status_code == 422
    assert web.get("/api/v1/backtests").json()["items"] == []
