"""Backtests over the API: begun, looked at, cancelled; what they find is what the command line finds."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
import schemathesis
from fastapi import FastAPI
from starlette.testclient import TestClient

from alerts.control_log import ControlLog
from alerts.job_book import GONE
from alerts.store import AlertStore
from alerts.trail import Trail
from alerts.verdicts import give_verdict
from dashboards.access.contract import Role
from dashboards.api.v1.parts import openapi
from dashboards.server import build_app
from detectors.control import Verdict
from pipeline.assembly import load_settings
from pipeline.compose import build_detectors
from pipeline.control.writing import Writer
from tests.cli.support import makegood
from tests.support import signed_in
from tests.support.alerts import START_US, change
from tests.support.backtests import write_recordings, write_settings
from tests.support.patience import until
from tests.support.redis import fresh_store

LOOSE = "p_value: {fire: 0.03}"
TRY = {"detector": "sentiment_drop", "changes": {"p_value": {"fire": 0.0005}}, "recording": "march"}
PATH = "/api/v1/backtests"

pytestmark = pytest.mark.usefixtures("leases_hold")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_recordings(tmp_path, LOOSE)


def app_of(store: AlertStore, config: Path | None, **more: Any) -> FastAPI:
    settings = load_settings(config or more["settings"]).settings
    return build_app(store, settings, access=signed_in.access(), now_us=lambda: START_US, build="1", config=config)


@pytest.fixture
def app(store: AlertStore, config: Path) -> FastAPI:
    return app_of(store, config)


@pytest.fixture
def api(app: FastAPI) -> Iterator[TestClient]:
    with signed_in.client(app, Role.TUNER) as client:
        yield client


def begin(api: TestClient, **more: Any) -> str:
    answer = api.post(PATH, json={**TRY, **more})
    assert answer.status_code == 202, answer.text
    made: str = answer.json()["id"]
    assert answer.headers["location"] == f"{PATH}/{made}"
    return made


def look(api: TestClient, backtest: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"{PATH}/{backtest}").json()
    return found


def ended(app: FastAPI, api: TestClient, backtest: str) -> dict[str, Any]:
    # Not by asking the API all the time: the backtest lets others go first.
    until(lambda: app.state.makegood.jobs.get(backtest).ended, "the end of the backtest")
    return look(api, backtest)


@dataclass(frozen=True)
class Done:
    """A backtest that is done, and where."""

    api: TestClient
    store: AlertStore
    config: Path
    id: str


@pytest.fixture(scope="module")
def done(client: "redis.Redis", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    store, config = fresh_store(client), write_recordings(tmp_path_factory.mktemp("done"), LOOSE)
    app = app_of(store, config)
    with signed_in.client(app, Role.TUNER) as api:
        made = begin(api)
        ended(app, api, made)
        yield Done(api, store, config, made)


def test_it_finds_what_the_command_line_finds(done: Done) -> None:
    found = look(done.api, done.id)
    assert (found["state"], found["error"], found["progress"]) == ("done", "", 1.0)
    march = done.config.parent / "recordings" / "march"
    feed, labels = f"social={march / 'social.jsonl'}", march / "labels.yaml"
    changed = ("--set", "sentiment_drop.p_value.fire=0.0005")
    line = makegood("backtest", "-c", done.config, "--feed", feed, "--labels", labels, *changed, "--json").stdout
    told, result = json.loads(line), found["result"]
    assert [row["fingerprint"] for row in result["lost"]] == [row["fingerprint"] for row in told["difference"]["lost"]]
    assert result["lost_count"] == told["difference"]["lost_count"] > 0
    assert result["kept"] + result["lost_count"] == result["running"]["alerts"] == told["a"]["total"]["alerts"]
    assert result["kept"] + result["gained_count"] == result["tried"]["alerts"]
    for ours, theirs in (("running", "a"), ("tried", "b")):
        assert result[ours]["precision"] == told[theirs]["detectors"][0]["precision"]
        assert result[ours]["recall"] == told[theirs]["detectors"][0]["recall"]
    assert result["labels"] == "labels.yaml"
    (kept,) = Trail(done.store).newest_first()
    assert (kept.entry.action, kept.entry.object) == ("backtest.start", f"backtest:{done.id}")
    assert (kept.entry.who, found["by"]) == ("test-tuner", "test-tuner")


def test_what_has_not_changed_is_not_sent_again(done: Done) -> None:
    first = done.api.get(f"{PATH}/{done.id}")
    again = done.api.get(f"{PATH}/{done.id}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_one_that_is_done_cannot_be_cancelled(done: Done) -> None:
    assert done.api.delete(f"{PATH}/{done.id}").json() == look(done.api, done.id)


def test_what_was_found_is_kept_for_other_servers(done: Done) -> None:
    with signed_in.client(app_of(done.store, done.config), Role.VIEWER) as other:
        until(lambda: look(other, done.id)["state"] == "done")
        assert look(other, done.id) == look(done.api, done.id)


def test_its_answers_are_as_documented(done: Done) -> None:
    schema = schemathesis.openapi.from_dict(openapi(FastAPI(version="1")))
    begun = done.api.post(PATH, json={**TRY, "recording": "stuck"})
    schema[PATH]["POST"].validate_response(begun)
    schema[PATH]["POST"].validate_response(done.api.post(PATH, json={**TRY, "recording": "nothing"}))
    one = schema[f"{PATH}/{{backtest_id}}"]
    one["GET"].validate_response(done.api.get(f"{PATH}/{begun.json()['id']}"))
    one["GET"].validate_response(done.api.get(f"{PATH}/{done.id}"))
    one["DELETE"].validate_response(done.api.delete(f"{PATH}/{begun.json()['id']}"))
    schema[PATH]["GET"].validate_response(done.api.get(PATH))
    schema["/api/v1/recordings"]["GET"].validate_response(done.api.get("/api/v1/recordings"))


def test_it_is_held_against_what_alerts_go_by_now(api: TestClient, app: FastAPI, store: AlertStore) -> None:
    settings = app.state.makegood.settings
    writer = Writer(
        *(ControlLog(store), "sentiment_drop", build_detectors(settings)),
        by="ann",
        why="x",
        now_us=START_US,
        delay_us=0,
    )
    writer.shadow({"p_value": {"fire": 0.0005}})
    writer.promote(None)
    found = ended(app, api, begin(api))
    assert (found["version"], found["result"]["lost_count"], found["result"]["gained_count"]) == (1, 0, 0)


@pytest.mark.slow
def test_without_labels_what_people_said_of_alerts_counts(api: TestClient, app: FastAPI, store: AlertStore) -> None:
    first = ended(app, api, begin(api, recording="unlabelled"))["result"]
    assert (first["labels"], first["running"]["precision"], first["running"]["true"]) == (None, None, None)
    verdicts: tuple[Verdict, ...] = ("noise", "useful")
    for row, said in zip(first["lost"], verdicts, strict=False):
        alert = msgspec.structs.replace(
            change(), fingerprint=row["fingerprint"], starts_at_us=us(row["starts_at"]), labels=row["labels"]
        )
        give_verdict(ControlLog(store), alert, said, by="ann", note="", now_us=START_US)
    second = ended(app, api, begin(api, recording="unlabelled"))["result"]
    assert second["labels"] == "verdicts.jsonl"
    assert (second["running"]["true"], second["running"]["false"]) == (1, 1)


def us(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1_000_000)


def test_the_same_sent_again_with_its_key_is_one(api: TestClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first = api.post(PATH, json={**TRY, "recording": "stuck"}, headers=headers)
    again = api.post(PATH, json={**TRY, "recording": "stuck"}, headers=headers)
    assert first.json() == again.json()
    assert first.headers["location"] == again.headers["location"]
    assert len(api.get(PATH).json()["items"]) == 1


def test_one_runs_one_waits_a_third_is_refused_and_cancelling_makes_room(api: TestClient, store: AlertStore) -> None:
    first, second = begin(api, recording="stuck"), begin(api)
    assert [look(api, one)["state"] for one in (first, second)] == ["running", "queued"]
    refused = api.post(PATH, json=TRY)
    assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
    assert refused.headers["retry-after"] == "10"
    assert api.delete(f"{PATH}/{first}").json()["state"] == "cancelled"
    until(lambda: look(api, second)["state"] == "running")
    begin(api)
    actions = [kept.entry.action for kept in Trail(store).newest_first()]
    assert actions == ["backtest.start", "backtest.cancel", "backtest.start", "backtest.start"]


def test_one_that_waits_can_be_cancelled(api: TestClient) -> None:
    first, second = begin(api, recording="stuck"), begin(api)
    assert api.delete(f"{PATH}/{second}").json()["state"] == "cancelled"
    assert look(api, first)["state"] == "running"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"recording": "april"}, "there is no recording"),
        ({"recording": "../recordings/march"}, "recording"),
        ({"recording": "/etc"}, "recording"),
        ({"recording": ".."}, "recording"),
        ({"recording": "march/../march"}, "recording"),
        ({"recording": ""}, "recording"),
        ({"detector": "nobody"}, "nobody is no window detector of the settings; these are: sentiment_drop"),
        ({"changes": {}}, "changes"),
        ({"changes": {"window": "2h"}}, "window cannot be changed"),
        ({"changes": {"confirm": "3 of 2"}}, "3 of 2 can never be"),
        ({"changes": {"confirm": "--labels=/etc/passwd"}}, "confirm"),
        ({"warm_up": "soon"}, "warm_up"),
        ({"from_at": "yesterday"}, "from_at"),
        ({"path": "/etc/passwd"}, "path"),
    ],
)
def test_what_cannot_be_tried_is_refused_with_why(api: TestClient, more: dict[str, Any], told: str) -> None:
    refused = api.post(PATH, json={**TRY, **more})
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert told in refused.json()["detail"]
    assert api.get(PATH).json()["items"] == []


def test_a_recording_in_which_nothing_is_left_to_judge_fails_and_says_so(api: TestClient, app: FastAPI) -> None:
    found = ended(app, api, begin(api, to_at="2020-01-01T00:00:00Z"))
    assert found["state"] == "failed"
    assert "nothing is left to judge" in found["error"]


def test_recordings_are_listed_by_name(api: TestClient) -> None:
    found = api.get("/api/v1/recordings").json()
    assert found["configured"] is True
    assert [(one["name"], one["labelled"]) for one in found["items"]] == [
        *(("march", True), ("stuck", True), ("unlabelled", False))
    ]
    assert found["items"][0]["feeds"] == ["social"]
    assert found["items"][0]["bytes"] > 100_000


def test_without_a_folder_of_recordings_it_says_where_to_name_one(store: AlertStore, tmp_path: Path) -> None:
    bare = write_settings(tmp_path / "bare.yaml", LOOSE)
    with signed_in.client(app_of(store, bare), Role.TUNER) as client:
        assert client.get("/api/v1/recordings").json() == {"configured": False, "items": []}
        refused = client.post(PATH, json=TRY)
        assert refused.status_code == 409
        assert "console: backtests: recordings" in refused.json()["detail"]
    with signed_in.client(app_of(store, None, settings=bare), Role.TUNER) as client:
        assert client.post(PATH, json=TRY).status_code == 409


def test_after_a_stop_it_says_that_it_was_not_done(store: AlertStore, config: Path) -> None:
    with signed_in.client(app_of(store, config), Role.TUNER) as client:
        made, waits = begin(client, recording="stuck"), begin(client)
    with signed_in.client(app_of(store, config), Role.VIEWER) as client:
        for one in (made, waits):
            found = look(client, one)
            assert found["state"] == "failed"
            # A server on a busy machine may be gone before it has said so.
            assert found["error"] in {"the server was stopped before it was done: ask again", GONE}


def test_after_a_crash_it_says_that_it_was_not_done(
    api: TestClient, app: FastAPI, config: Path, store: AlertStore
) -> None:
    made = begin(api, recording="stuck")
    other = app_of(store, config)
    with signed_in.client(other, Role.VIEWER) as client:
        assert look(client, made)["state"] == "running"  # of another server, that is there
        book = app.state.makegood.backtests._book
        until(lambda: book.leave() or look(client, made)["state"] == "failed")  # as if it were not
        assert look(client, made)["error"] == GONE


def test_another_server_cancels_it_too(api: TestClient, app: FastAPI, config: Path, store: AlertStore) -> None:
    made = begin(api, recording="stuck")
    with signed_in.client(app_of(store, config), Role.TUNER) as client:
        assert client.delete(f"{PATH}/{made}").status_code == 200
        assert ended(app, client, made)["state"] == "cancelled"


def test_viewers_look_and_only_tuners_begin_and_cancel(api: TestClient, app: FastAPI) -> None:
    made = begin(api, recording="stuck")
    for role, status in ((Role.VIEWER, 403), (Role.RESPONDER, 403), (None, 401)):
        client = TestClient(app, base_url=signed_in.BASE_URL, headers=signed_in.headers(role))
        assert client.post(PATH, json=TRY).status_code == status
        assert client.delete(f"{PATH}/{made}").status_code == status
        assert client.get(f"{PATH}/{made}").status_code == (401 if role is None else 200)
