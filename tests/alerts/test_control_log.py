"""The log of controls and what shadows decided, in a real Redis."""

import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from alerts.connection import StoreUnavailableError
from alerts.control_log import MOST_BACKTEST_BYTES, ControlLog, FlowSeen
from alerts.shadow_log import MOST_DECISIONS, ShadowLog
from alerts.store import AlertStore
from detectors.contract import ControlTaken, ShadowDecision
from detectors.control import ChangeError, Control, VerdictGiven
from tests.support.controls import threshold
from tests.support.own_redis import OwnRedis
from tests.support.redis import fresh_store, redis_client, redis_server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as address:
        yield address


@pytest.fixture
def store(url: str) -> Iterator[AlertStore]:
    with redis_client(url) as client:
        yield fresh_store(client)


VERDICT = VerdictGiven(
    fingerprint="0" * 16, starts_at_us=5, detector="d", verdict="noise", by="ada", at_us=7, note="a campaign"
)


def one(version: int = 1, **changes: Any) -> Control:
    return msgspec.structs.replace(threshold("d", version, "shadow", 1, {"confirm": "2 of 3"}, number=0), **changes)


def test_controls_are_numbered_in_their_order_and_read_from_a_number_on(store: AlertStore) -> None:
    log = ControlLog(store)
    assert (log.read().log, log.read().controls) == ("", [])
    written = [log.append(lambda _, each=each: each) for each in (one(1), VERDICT, one(2))]  # type: ignore[misc]
    assert [each.number for each in written] == [1, 2, 3]
    page = log.read()
    assert page.controls == written
    assert page.length == 3
    assert log.read(2).controls == written[2:]
    assert log.read(3).controls == []
    assert len({each.log for each in written}) == 1


def test_what_is_written_follows_from_the_log_as_it_is_whoever_writes_beside(store: AlertStore) -> None:
    log = ControlLog(store)

    def write() -> None:
        for _ in range(10):
            log.append(lambda known: one(1 + max((each.version for each in known), default=0)))  # type: ignore[union-attr]

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.version for each in log.read().controls] == list(range(1, 21))  # type: ignore[union-attr]


@pytest.mark.parametrize(("change", "told"), [({"by": " "}, "--by"), ({"why": ""}, "--why")])
def test_who_and_why_must_be_said(change: dict[str, Any], told: str, store: AlertStore) -> None:
    log = ControlLog(store)
    with pytest.raises(ChangeError, match=told):
        log.append(lambda _: one(**change))
    assert log.read().length == 0


def test_what_a_newer_program_wrote_is_left_out_and_told(store: AlertStore) -> None:
    log = ControlLog(store)
    log.append(lambda _: one(1))
    store.client.rpush(store.keys.named("control"), '{"kind":"something_new","detector":"d"}')
    log.append(lambda _: one(2))
    page = log.read()
    assert [each.number for each in page.controls] == [1, 3]
    assert (page.unreadable, page.length) == ([2], 3)


def test_a_log_that_is_begun_anew_has_another_id(store: AlertStore) -> None:
    log = ControlLog(store)
    first = log.append(lambda _: one())
    store.client.delete(store.keys.named("control"), store.keys.named("control:log"))
    second = log.append(lambda _: one())
    assert (first.number, second.number) == (1, 1)
    assert first.log != second.log


def test_a_backtest_is_kept_with_its_name_by_what_it_says(store: AlertStore) -> None:
    log = ControlLog(store)
    digest = log.attach("backtest.json", '{"precision": 0.9}')
    assert log.attach("backtest.json", '{"precision": 0.9}') == digest
    found = log.attached(digest)
    assert found is not None
    assert (found.name, found.text) == ("backtest.json", '{"precision": 0.9}')
    assert log.attached("other") is None
    with pytest.raises(ChangeError, match="attach the summary"):
        log.attach("large.json", "x" * (MOST_BACKTEST_BYTES + 1))


def test_what_flows_say_is_kept_by_share(store: AlertStore) -> None:
    log = ControlLog(store)
    first, second = (FlowSeen(f"{share}/2", 5, 6, 1.0, "l", 3) for share in (0, 1))
    for flow in (second, first, msgspec.structs.replace(first, number=4)):
        log.see(flow)
    assert [(flow.share, flow.number) for flow in log.seen()] == [("0/2", 4), ("1/2", 3)]


def test_a_redis_that_is_away_is_told_as_such(tmp_path: Any) -> None:
    server = OwnRedis(tmp_path / "redis")
    server.start()
    with redis_client(server.url) as client:
        log = ControlLog(fresh_store(client))
        log.append(lambda _: one())
        server.kill()
        with pytest.raises(StoreUnavailableError):
            log.read()
        with pytest.raises(StoreUnavailableError):
            log.append(lambda _: one())
        server.start()
        assert log.read().length == 1
    server.kill()


def decision(end_us: int, version: int = 1, group: str = "app") -> ShadowDecision:
    return ShadowDecision(
        detector="d",
        version=version,
        live_version=0,
        group={"service": group},
        start_us=end_us - 10,
        end_us=end_us,
        p_value=0.01,
        verdict="fires",
        step="firing",
        starts_at_us=end_us,
        level=0.02,
        live_verdict="quiet",
        live_step=None,
        live_starts_at_us=0,
    )


def test_what_is_written_again_after_a_crash_stands_there_once(store: AlertStore) -> None:
    log = ShadowLog(store)
    told = [decision(20), decision(10), decision(10, group="tv"), decision(10, version=2)]
    taken = ControlTaken(
        detector="d", log="l", number=3, version=1, mode="live", effective_us=5, end_us=10, late=True, problem=""
    )
    for _ in range(2):
        log.write([*told, taken])
    assert log.decisions("d", 1) == [told[1], told[2], told[0]]
    assert log.decisions("d", 2) == [told[3]]
    assert log.decisions("d", 3) == []
    assert log.taken() == {("l", 3): taken}


def test_only_the_newest_decisions_are_kept(store: AlertStore) -> None:
    log = ShadowLog(store)
    for start in range(0, MOST_DECISIONS + 50, 1000):
        log.write([decision(end_us) for end_us in range(start, min(start + 1000, MOST_DECISIONS + 50))])
    kept = log.decisions("d", 1)
    assert (len(kept), kept[0].end_us) == (MOST_DECISIONS, 50)
