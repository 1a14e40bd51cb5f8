"""``makegood ack`` and its like, and ``makegood incidents``, over a real Redis."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.codes import ShortCodes
from alerts.incidents import Incidents
from alerts.responses import Responses
from alerts.store import AlertStore
from config.incidents import IncidentSettings
from detectors.contract import AlertChange, alert_change
from tests.cli.support import Finished, makegood
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.redis import fresh_store, redis_client, redis_server

PEOPLE = """
people:
  ann: {receiver: desk}
  bob: {receiver: desk}
receivers: {desk: {tiers: [{channel: screen}]}}
channels: {screen: {type: console}}
"""
CASE = change("SlaBreach", case_id="c1", summary="Case c1 waits")
FAILS = change("TransactionFailure", service="checkout", severity="critical", summary="checkout fails")
MOOD = change("SentimentDrop", service="checkout", at_us=START_US + MINUTE_US, summary="checkout is cursed")
OVER = change("SentimentDrop", service="app", summary="app is cursed")
SILENT = change("FeedSilence", source="shop", summary="shop is silent")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as address:
        yield address


@pytest.fixture
def store(url: str) -> Iterator[AlertStore]:
    """Two incidents, a case and a resolved alert."""
    with redis_client(url) as client:
        store = fresh_store(client)
        silent = silence(SILENT)
        changes = [CASE, FAILS, MOOD, OVER, change("SentimentDrop", step="resolved", at_us=START_US + 9, service="app")]
        store.apply([*changes, silent])
        Incidents(store, IncidentSettings()).assign_many([FAILS, MOOD, CASE, silent])
        yield store


def silence(alert: AlertChange) -> AlertChange:
    labels = {**alert.labels, "detector": "feed_silence"}
    return alert_change(
        step="firing",
        at_us=START_US,
        status="firing",
        labels=labels,
        annotations=alert.annotations,
        starts_at_us=START_US,
    )


@pytest.fixture
def config(url: str, store: AlertStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAKEGOOD_REDIS_URL", url)
    path = tmp_path / "m.yaml"
    path.write_text(f"store: {{prefix: '{store.settings.prefix}'}}\n{PEOPLE}")
    return path


def run(config: Path, *arguments: str, status: int = 0) -> Finished:
    done = makegood(*arguments, "--config", config)
    assert (done.returncode, done.defect) == (status, None), done.stderr
    return done


def kinds(store: AlertStore, alert: AlertChange) -> list[tuple[str, str]]:
    standing = Responses(store).of(alert.fingerprint)
    assert standing is not None
    return [(one.kind, one.by) for one in standing.responses]


def test_an_alert_is_acknowledged_by_how_its_fingerprint_begins(config: Path, store: AlertStore) -> None:
    done = run(config, "ack", CASE.fingerprint[:10], "--by", "ann")
    assert done.stdout == f"{CASE.fingerprint}  acknowledged  Case c1 waits\n"
    assert kinds(store, CASE) == [("acknowledge", "ann")]
    assert kinds(store, FAILS) == []


def test_an_alert_is_acknowledged_by_its_code_for_a_time(config: Path, store: AlertStore) -> None:
    code = ShortCodes(store).short_code(CASE.fingerprint)
    (told,) = json.loads(run(config, "ack", code.lower(), "--for", "2h", "--json").stdout)
    assert (told["result"], told["response"]["via"], told["status"]) == ("done", "cli", "firing")
    assert told["response"]["until"] > told["response"]["at"]
    shown = run(config, "alerts", code).stdout
    assert f"code {code}, incident INC-2" in shown
    assert "acknowledged by" in shown
    assert " until " in shown


def test_an_incident_is_answered_by_answering_its_alerts_that_fire(config: Path, store: AlertStore) -> None:
    run(config, "ack", "inc-1", CASE.fingerprint, "--until", "2099-01-01T00:00:00+01:00", "--by", "bob")
    for alert in (FAILS, MOOD, CASE):
        assert kinds(store, alert) == [("acknowledge", "bob")]
    run(config, "resolve", "INC-1", "--by", "bob", "--note", "rolled back")
    assert {record.current.fingerprint for record in store.list_alerts(status="firing")} == {
        CASE.fingerprint,
        silence(SILENT).fingerprint,
    }


def test_a_notification_is_answered_by_answering_what_it_told(config: Path, store: AlertStore) -> None:
    body = {"kind": "group", "alerts": [{"fingerprint": FAILS.fingerprint, "more": 1}], "truncated": {"checkout": 1}}
    store.client.hset(store.keys.note("mg-0123"), mapping={"body": json.dumps(body), "group": "g1"})
    store.client.hset(store.keys.note("mg-0199"), mapping={"body": json.dumps(body), "group": "g1"})
    store.client.sadd(store.keys.named("members:g1"), MOOD.fingerprint)
    run(config, "ack", "mg-012", "--by", "ann")
    assert kinds(store, FAILS) == kinds(store, MOOD) == [("acknowledge", "ann")]
    assert "2 notifications begin so" in run(config, "ack", "mg-01", status=1).stderr
    assert "no such notification" in run(config, "ack", "mg-ff", status=1).stderr


def test_what_was_answered_is_shown_with_the_alert_in_order(config: Path) -> None:
    run(config, "ack", CASE.fingerprint, "--by", "ann", "--note", "looking")
    run(config, "comment", CASE.fingerprint, "--text", "the vendor knows", "--by", "bob")
    run(config, "reassign", CASE.fingerprint, "--to", "bob", "--by", "ann")
    run(config, "unack", CASE.fingerprint, "--by", "ann")
    shown = run(config, "alerts", CASE.fingerprint).stdout
    lines = shown[shown.index("responses") : shown.index("history")].splitlines()[1:]
    assert [line.split("  ")[-1] for line in lines] == [
        "ann, by cli: acknowledge: looking",
        "bob, by cli: comment: the vendor knows",
        "ann, by cli: reassign to bob",
        "ann, by cli: unacknowledge",
    ]
    assert "assigned to bob" in shown
    plain = json.loads(run(config, "alerts", CASE.fingerprint, "--json").stdout)
    assert [one["number"] for one in plain["responses"]] == [1, 2, 3, 4]
    assert (plain["acknowledged"], plain["assigned"]) == (None, "bob")


def test_what_could_not_be_done_is_said_with_status_1(config: Path) -> None:
    done = run(config, "ack", OVER.fingerprint, CASE.fingerprint, status=1)
    assert f"{OVER.fingerprint}  not acknowledged: it has resolved already" in done.stdout
    assert f"{CASE.fingerprint}  acknowledged" in done.stdout
    assert "nobody has acknowledged it" in run(config, "unack", FAILS.fingerprint, status=1).stdout
    run(config, "resolve", "INC-1")
    assert run(config, "resolve", "INC-1", status=1).stdout == "none of its alerts fires: nothing to do\n"


def test_an_unknown_alert_is_told_with_the_nearest(config: Path, store: AlertStore) -> None:
    slip = CASE.fingerprint[:6] + ("0" if CASE.fingerprint[6] != "0" else "1") + CASE.fingerprint[7:]
    for wrong, near in ((slip, CASE), ("checkout", FAILS), ("cursed", MOOD)):
        done = run(config, "ack", CASE.fingerprint, wrong, status=1)
        assert "Is it one of these?" in done.stderr
        assert f"{near.fingerprint}  firing  {near.annotations['summary']}" in done.stderr
    # Nothing was done: a slip in one name must not leave the others answered.
    assert kinds(store, CASE) == []
    done = run(config, "ack", "zzz", status=1)
    assert "`makegood alerts --status all` lists those there are" in done.stderr
    assert "one of these" not in done.stderr
    assert "INC-9" in run(config, "ack", "INC-9", status=1).stderr


def test_a_beginning_of_several_is_refused_and_they_are_named(config: Path, store: AlertStore) -> None:
    more = [change("SlaBreach", case_id=f"m{number}", summary=f"Case m{number}") for number in range(40)]
    store.apply(more)
    prints = [one.fingerprint for one in more]
    shared = next(print_[0] for print_ in prints if sum(other[0] == print_[0] for other in prints) > 1)
    done = run(config, "ack", shared, status=1)
    assert "alerts begin so; give more of the fingerprint" in done.stderr
    assert f"\nmakegood:   {shared}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["ack", "{}", "--for", "2"], "is not a duration"),
        (["ack", "{}", "--for", "0s"], "how long"),
        (["ack", "{}", "--until", "noon"], "expected a time with its offset"),
        (["ack", "{}", "--until", "2099-01-01T00:00:00"], "expected a time with its offset"),
        (["ack", "{}", "--until", "2015-01-01T00:00:00Z"], "give a later time"),
        (["ack", "{}", "--for", "1h", "--until", "2099-01-01T00:00:00Z"], "give one of them"),
        (["ack", "{}", "--by", " "], "who responds"),
        (["comment", "{}", "--text", " "], "needs a text"),
        (["reassign", "{}", "--to", "anne"], "Did you mean 'ann'? There are: ann, bob"),
        (["incidents", "list", "--status", "firing"], "expected one of open, ended, all"),
    ],
)
def test_input_that_cannot_be_used_is_named_with_status_2(arguments: list[str], why: str, config: Path) -> None:
    done = run(config, *[text.format(CASE.fingerprint) for text in arguments], status=2)
    assert why in done.stderr


def test_incidents_are_listed_and_shown_with_evidence_and_blindness(config: Path) -> None:
    lines = run(config, "incidents", "list").stdout.splitlines()
    assert lines[0].split() == ["incident", "status", "severity", "since", "alerts", "customers", "feeds", "title"]
    (row,) = [line for line in lines if line.startswith("INC-1 ")]
    assert "critical" in row
    assert "2/2" in row
    assert "(shop silent)" in row
    assert "checkout: SentimentDrop, TransactionFailure" in row
    run(config, "ack", MOOD.fingerprint, "--by", "ann")
    for name in ("INC-1", "1", FAILS.fingerprint):
        shown = run(config, "incidents", "show", name).stdout
        assert shown.startswith("INC-1  open  critical  checkout: SentimentDrop, TransactionFailure\n")
        assert "evidence\n  test: 2 alerts: checkout is cursed\n" in shown
        assert "cannot be seen\n  shop is silent, so it shows nothing: shop is silent\n" in shown
        assert f"{MOOD.fingerprint}  firing  2015-02-21 12:00:00Z  checkout is cursed  (acknowledged by ann)\n" in shown
        assert f"{FAILS.fingerprint}  firing  2015-02-21 12:00:00Z  checkout fails\n" in shown


def test_incidents_are_told_to_machines(config: Path) -> None:
    found: list[dict[str, Any]] = json.loads(run(config, "incidents", "list", "--json", "--status", "all").stdout)
    assert sorted(one["incident"] for one in found) == ["INC-1", "INC-2", "INC-3"]
    one = json.loads(run(config, "incidents", "show", "INC-1", "--json").stdout)
    assert (one["number"], one["severity"], one["firing"], one["about"]) == (1, "critical", 2, {"service": "checkout"})
    assert [blind["feed"] for blind in one["blind"]] == ["shop"]
    assert [member["acknowledged_by"] for member in one["members"]] == [None, None]


def test_one_alert_is_shown_at_a_time(config: Path) -> None:
    several = run(config, "alerts", "INC-1", status=2).stderr
    assert "name one of them:" in several
    assert f"\nmakegood:   {FAILS.fingerprint}" in several
    assert run(config, "alerts", "INC-2").stdout.startswith("firing  Case c1 waits")


def test_no_incident_is_said(config: Path) -> None:
    assert run(config, "incidents", "list", "--status", "ended").stdout == "no incidents that are ended\n"
    assert "there is no incident INC-77" in run(config, "incidents", "show", "77", status=1).stderr
    assert "is in no incident" in run(config, "incidents", "show", OVER.fingerprint, status=1).stderr


def test_an_incident_is_explained_by_the_one_alert_of_it_that_fires_or_lists_them(config: Path) -> None:
    done = run(config, "explain", "inc-1", status=2)
    assert "inc-1 is about several alerts; name one of them:" in done.stderr
    assert f"{FAILS.fingerprint}  firing  checkout fails" in done.stderr
    run(config, "resolve", FAILS.fingerprint)
    assert run(config, "explain", "INC-1").stdout.startswith(f"alert {MOOD.fingerprint}: firing, checkout is cursed\n")
    assert "there is no incident INC-9" in run(config, "explain", "INC-9", status=1).stderr
