import json
from pathlib import Path
from typing import Any

import pytest

from alerts.dispatch import idempotency_key
from alerts.store import AlertStore
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.http import Answer, black_hole, http_server, refused_port
from tests.support.notifier import Rig


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _webhook(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": url, "timeout": "1m", **more}


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return tmp_path / "second.jsonl"


def _rig(store: AlertStore, tmp_path: Path, url: str, *, silent: bool = False, **more: Any) -> Rig:
    """What never answers is given up sooner, but not before a busy machine has sent it: an answer may take its time."""
    first = _webhook(url, timeout="5s") if silent else _webhook(url)
    tiers = {"first": first, "second": {"type": "file", "path": tmp_path / "second.jsonl"}}
    return Rig(store, tmp_path, tiers, **more)


FAULTS = {
    "answers_500": (Answer(500), "server_error", 3),
    "answers_429_with_a_long_wait": (Answer(429, {"Retry-After": "600"}), "rate_limited", 1),
    "answers_429_until_a_far_date": (Answer(429, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}), "rate_limited", 1),
    "answers_404": (Answer(404), "bad_recipient", 1),
    "answers_401": (Answer(401), "auth", 1),
    "redirects": (Answer(302, {"Location": "http://127.0.0.1:9/"}), "rejected", 1),
    "never_answers": (Answer(hold=True), "timeout", 1),
    "breaks_off": (Answer(drop=True), "unreachable", 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_failover_delivers_once_with_the_cause_in_the_record_when_the_primary(
    fault: str, store: AlertStore, tmp_path: Path, second: Path
) -> None:
    answer, reason, tries = FAULTS[fault]
    with http_server(answer) as server:
        rig = _rig(store, tmp_path, server.url, silent=reason == "timeout")
        alert = change()
        store.apply([alert])
        rig.run()
        asked = len(server.requests)
    delivered = _lines(second)
    assert len(delivered) == 1
    assert asked == tries
    assert rig.tries(alert.fingerprint) == [("first", "failed", reason)] * tries + [("second", "delivered", "")]
    assert rig.status(alert.fingerprint) == ["delivered"]
    assert reason in delivered[0]["notes"][0]
    assert {request.headers["idempotency-key"] for request in server.requests} == {delivered[0]["idempotencyKey"]}


def test_the_failover_delivers_when_the_primary_refuses_the_connection(
    store: AlertStore, tmp_path: Path, second: Path
) -> None:
    with refused_port() as port:
        rig = _rig(store, tmp_path, f"http://127.0.0.1:{port}")
        alert = change()
        store.apply([alert])
        rig.run()
    assert len(_lines(second)) == 1
    assert rig.tries(alert.fingerprint) == [("first", "failed", "unreachable")] * 3 + [("second", "delivered", "")]


def test_the_failover_delivers_when_the_primary_swallows(store: AlertStore, tmp_path: Path, second: Path) -> None:
    with black_hole() as port:
        rig = _rig(store, tmp_path, f"http://127.0.0.1:{port}", silent=True)
        alert = change()
        store.apply([alert])
        rig.run()
    (line,) = _lines(second)
    assert rig.tries(alert.fingerprint) == [("first", "failed", "timeout"), ("second", "delivered", "")]
    assert any("may have reached you already by tier 1 (first)" in note for note in line["notes"])


def test_a_primary_that_works_is_the_only_one_used(store: AlertStore, tmp_path: Path, second: Path) -> None:
    with http_server() as server:
        rig = _rig(store, tmp_path, server.url)
        store.apply([change(case_id=str(number)) for number in range(5)])
        rig.run(5)
        assert len(server.requests) == 5
        assert len({request.headers["idempotency-key"] for request in server.requests}) == 5
    assert _lines(second) == []


def test_a_failure_that_passes_is_tried_again_on_the_same_tier(store: AlertStore, tmp_path: Path, second: Path) -> None:
    with http_server(Answer(503), Answer(200)) as server:
        rig = _rig(store, tmp_path, server.url)
        alert = change()
        store.apply([alert])
        rig.run(5)
    assert rig.tries(alert.fingerprint) == [("first", "failed", "server_error"), ("first", "delivered", "")]
    assert _lines(second) == []


@pytest.mark.parametrize("header", ["4", "Sat, 21 Feb 2015 12:00:04 GMT"])
def test_a_retry_after_within_the_budget_is_waited_for(
    header: str, store: AlertStore, tmp_path: Path, second: Path
) -> None:
    headers = {"Retry-After": header, "Date": "Sat, 21 Feb 2015 12:00:00 GMT"}
    with http_server(Answer(429, headers), Answer(200)) as server:
        rig = _rig(store, tmp_path, server.url)
        store.apply([change()])
        rig.run(3.75)
        assert len(server.requests) == 1
        rig.run(0.5)
        assert len(server.requests) == 2
    assert _lines(second) == []


def test_a_resolve_waits_for_the_notice_that_it_resolves(store: AlertStore, tmp_path: Path) -> None:
    with http_server(Answer(503), Answer(503), Answer(200)) as server:
        rig = Rig(store, tmp_path, {"first": _webhook(server.url)})
        store.apply([change()])
        rig.drain()
        store.apply([change(step="resolved", at_us=START_US + MINUTE_US)])
        rig.run(10)
        assert [request.json["status"] for request in server.requests] == ["firing", "firing", "firing", "resolved"]


def test_when_every_tier_fails_it_is_tried_again_for_ever_and_seen_as_undelivered(
    store: AlertStore, tmp_path: Path
) -> None:
    with http_server(Answer(500)) as server:
        rig = Rig(store, tmp_path, {"first": _webhook(server.url)}, tier={"max_tries": 1})
        alert = change()
        store.apply([alert])
        rig.run(3600, step_s=15)
        assert store.counts()["undelivered"] == 1
        assert rig.status(alert.fingerprint) == ["pending"]
        failed = len(server.requests)
        assert 8 <= failed <= 14  # 15 s doubled to 10 min, for an hour
        server.script = [Answer(200)]
        rig.run(660, step_s=15)
        assert len(server.requests) == failed + 1
    assert store.counts()["undelivered"] == 0
    assert rig.status(alert.fingerprint) == ["delivered"]


def test_a_failing_channel_is_raised_once_and_resolved_when_it_works(store: AlertStore, tmp_path: Path) -> None:
    with http_server(Answer(404), Answer(404), Answer(404), Answer(200)) as server:
        rig = _rig(store, tmp_path, server.url)
        for number in range(5):
            store.apply([change(case_id=str(number))])
            rig.run(1)
    own = [(line["status"], line["alerts"][0]["labels"]["channel"], line["title"]) for line in _lines(rig.file)]
    assert own == [
        ("firing", "first", "[NORMAL, warning] Channel first fails (bad_recipient)"),
        ("resolved", "first", "[RESOLVED, warning] Channel first works again"),
    ]


def test_an_open_breaker_sends_everything_to_the_next_tier_at_once_and_probes(
    store: AlertStore, tmp_path: Path, second: Path
) -> None:
    with http_server(Answer(500)) as server:
        tiers = {
            "first": _webhook(server.url, breaker_failures=2, breaker_open_for="30s"),
            "second": {"type": "file", "path": second},
        }
        rig = Rig(store, tmp_path, tiers, tier={"max_tries": 1})
        alerts = [change(case_id=str(number)) for number in range(6)]
        store.apply(alerts[:4])
        rig.drain()
        assert len(server.requests) == 2
        reasons = sorted(rig.tries(alert.fingerprint)[0][2] for alert in alerts[:4])
        assert reasons == ["breaker_open", "breaker_open", "server_error", "server_error"]
        server.script = [Answer(200)]
        rig.clock.forward(31)
        store.apply(alerts[4:])
        rig.drain()
        assert len(server.requests) == 4
    assert len(_lines(second)) == 4


def test_a_template_that_does_not_render_goes_out_plain_and_by_the_next_tier(
    store: AlertStore, tmp_path: Path, second: Path
) -> None:
    with http_server() as server:
        tiers = {
            "first": _webhook(server.url, text="{{ labels.servcie }} is down"),
            "second": {"type": "file", "path": second},
        }
        rig = Rig(store, tmp_path, tiers)
        alert = change(service="pay")
        store.apply([alert])
        rig.run(5)
        (request,) = server.requests
    assert "Something is wrong, in more words." in request.json["text"]
    assert "servcie" in request.json["text"]
    assert len(_lines(second)) == 1
    assert rig.tries(alert.fingerprint) == [("first", "failed", "template"), ("second", "delivered", "")]


def test_with_no_other_tier_the_plain_words_count_as_delivered(store: AlertStore, tmp_path: Path) -> None:
    with http_server() as server:
        rig = Rig(store, tmp_path, {"first": _webhook(server.url, text="{{ labels.nothing }}")})
        alert = change()
        store.apply([alert])
        rig.run(60)
        assert len(server.requests) == 1
    assert rig.status(alert.fingerprint) == ["delivered"]


def test_a_receiver_that_wants_no_resolves_gets_none_and_the_record_says_so(store: AlertStore, tmp_path: Path) -> None:
    with http_server() as server:
        rig = Rig(store, tmp_path, {"first": _webhook(server.url)}, receiver={"send_resolved": False})
        alert = change()
        store.apply([alert])
        rig.run(1)
        store.apply([change(step="resolved", at_us=START_US + 1)])
        rig.run(1)
        assert len(server.requests) == 1
    assert rig.status(alert.fingerprint) == ["delivered"]
    assert rig.accounts(alert.fingerprint) == ["told", "unwanted"]


def test_the_key_is_the_same_whoever_computes_it() -> None:
    assert idempotency_key("abc", "ops") == "mg-79bd090da552a385a59c26f6770e1ea0"


def test_the_most_urgent_goes_first(store: AlertStore, tmp_path: Path) -> None:
    with http_server() as server:
        rig = Rig(store, tmp_path, {"first": _webhook(server.url)})
        store.apply([change(severity=severity) for severity in ("info", "warning", "critical", "info", "critical")])
        rig.drain()
        seen = [request.json["commonLabels"]["severity"] for request in server.requests]
    assert seen == ["critical", "warning", "info"]


def test_metrics_count_tries_failures_and_failovers_from_zero(store: AlertStore, tmp_path: Path) -> None:
    with http_server(Answer(404)) as server:
        rig = _rig(store, tmp_path, server.url)
        value = rig.registry.get_sample_value
        assert value("makegood_try_failures_total", {"channel": "first", "reason": "no_receipt"}) == 0
        store.apply([change()])
        rig.run(1)
    assert value("makegood_try_failures_total", {"channel": "first", "reason": "bad_recipient"}) == 1
    assert value("makegood_tries_total", {"channel": "second", "outcome": "delivered"}) == 1
    assert value("makegood_failovers_total", {"receiver": "ops"}) == 1
    assert value("makegood_channel_failing", {"channel": "first"}) == 1
