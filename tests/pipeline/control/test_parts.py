"""Parts of the control feed without an engine: times of writing, reading a log, rates, who decides for whom."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from alerts.control_log import ControlLog, FlowSeen
from alerts.store import AlertStore
from detectors.contract import NEVER_US
from detectors.control import Control, VerdictGiven
from pipeline.control.reader import ControlReader
from pipeline.control.steering import Steering, is_control
from pipeline.control.verdicts import WEEK_US, Verdicts, poisson_rate
from pipeline.control.writing import FRESH_US, effective_us
from pipeline.lane import CONTROLS, Lane, LaneItem, Pace
from tests.support.controls import threshold
from tests.support.patience import PATIENCE_S
from tests.support.redis import fresh_store, redis_client, redis_server

NOW_US = 1_772_409_600_000_000
SECOND_US = 1_000_000


@pytest.fixture
def store() -> Iterator[AlertStore]:
    with redis_server() as url, redis_client(url) as client:
        yield fresh_store(client)


def seen(event_us: int, *, ago_us: int = 0, speed: float = 1.0, share: str = "0/1") -> FlowSeen:
    return FlowSeen(share, NOW_US - ago_us, event_us, speed, "l", 1)


@pytest.mark.parametrize(
    ("flows", "expected"),
    [
        ([], NOW_US + 5 * SECOND_US),
        ([seen(NOW_US)], NOW_US + 5 * SECOND_US),
        ([seen(NOW_US - SECOND_US, ago_us=SECOND_US)], NOW_US + 5 * SECOND_US),
        ([seen(0, speed=60.0)], 300 * SECOND_US),
        ([seen(0, ago_us=2 * SECOND_US, speed=60.0)], 420 * SECOND_US),
        ([seen(0, share="0/2"), seen(SECOND_US, share="1/2")], 6 * SECOND_US),
        ([seen(0, ago_us=FRESH_US)], NOW_US + 5 * SECOND_US),
    ],
)
def test_a_change_takes_effect_ahead_of_the_time_of_events_of_all_flows(flows: list[FlowSeen], expected: int) -> None:
    assert effective_us(flows, NOW_US, 5 * SECOND_US) == expected


class Reading:
    """A reader, and what it told."""

    def __init__(self, log: ControlLog, *, clock: Iterator[float] | None = None) -> None:
        self.whys: list[str | None] = []
        self.reader = ControlReader(
            log,
            poll_s=0.01,
            share="0/1",
            looked_at=lambda: (NOW_US, NOW_US),
            speed=1.0,
            tell=self.whys.append,
            clock_s=(lambda: 0.0) if clock is None else clock.__next__,
        )


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def taken(reader: ControlReader) -> list[Control]:
    """Wait for the next controls."""
    found: list[Control] = []

    def came() -> bool:
        found.extend(reader.take())
        return bool(found)

    until(came)
    return found


def test_what_is_known_at_the_beginning_is_not_given_again(store: AlertStore) -> None:
    log = ControlLog(store)
    log.append(lambda _: threshold("d", 1, "shadow", 1, number=0))
    reading = Reading(log)
    reading.reader.start(lambda _: False)
    try:
        assert [one.number for one in reading.reader.begin()] == [1]
        log.append(lambda _: threshold("d", 1, "live", 2, number=0))
        assert [one.number for one in taken(reading.reader)] == [2]
        until(lambda: [flow.number for flow in log.seen()] == [2])
        assert [one.number for one in reading.reader.begin()] == [1, 2]
    finally:
        reading.reader.stop()


def test_a_log_that_was_begun_anew_is_read_from_its_beginning(store: AlertStore) -> None:
    log = ControlLog(store)
    for version in (1, 2):
        log.append(lambda _, v=version: threshold("d", v, "shadow", 1, number=0))  # type: ignore[misc]
    reading = Reading(log)
    reading.reader.start(lambda _: False)
    try:
        assert len(reading.reader.begin()) == 2
        store.client.flushdb()
        written = log.append(lambda _: threshold("d", 1, "live", 2, number=0))
        assert taken(reading.reader) == [written]
    finally:
        reading.reader.stop()


def test_a_flow_that_begins_while_the_log_is_away_waits_a_little_and_goes_on() -> None:
    with redis_server() as url, redis_client(url) as client:
        log = ControlLog(fresh_store(client))
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    reading = Reading(log, clock=iter([0.0, 1.0, 4.0, 5.0]))
    reading.reader.start(wait)
    try:
        assert reading.reader.begin() == []
        assert len(waits) == 2
        assert "cannot be read" in str(reading.whys[0])
    finally:
        reading.reader.stop()


def verdict(number: int, said: Any, starts_at_us: int, detector: str = "d") -> VerdictGiven:
    return VerdictGiven(
        fingerprint=f"{number:016x}", starts_at_us=starts_at_us, detector=detector, verdict=said, by="a", at_us=0
    )


def test_of_an_alert_the_last_verdict_counts_and_old_alerts_do_not() -> None:
    verdicts = Verdicts()
    now_us = 100 * WEEK_US
    verdicts.add(verdict(1, "noise", now_us - 5 * WEEK_US))
    verdicts.add(verdict(2, "noise", now_us - 3 * WEEK_US))
    verdicts.add(verdict(3, "noise", now_us - 2 * WEEK_US))
    verdicts.add(verdict(3, "useful", now_us - 2 * WEEK_US))
    verdicts.add(verdict(4, "noise", now_us - WEEK_US, "other"))
    assert verdicts.given() == {"d": {"useful": 1, "noise": 3}, "other": {"useful": 0, "noise": 1}}
    rates = verdicts.false_alarms(now_us)
    assert rates["d"] == poisson_rate(1, 4.0)
    assert rates["other"].estimate == 0.0, "a week ago or earlier: it is over"
    assert verdicts.false_alarms(now_us - WEEK_US // 2)["other"] == poisson_rate(1, 1.0)


def test_the_interval_covers_what_it_should() -> None:
    """Garwood's 95 % bounds, as in tables of Poisson confidence limits."""
    for count, low, high in ((0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39), (100, 81.36, 121.63)):
        rate = poisson_rate(count, 1.0)
        assert (rate.low, rate.high) == pytest.approx((low, high), rel=1e-3)


def test_a_lane_gives_controls_as_items_of_their_own() -> None:
    waiting: list[list[Control]] = [[threshold("d", 1, "live", 1, number=1)], []]
    lane = Lane({}, batch_size=1, clock_us=lambda: 5, tick_us=1, pace=Pace(), controls=lambda: waiting.pop(0))
    (item,), (tick,) = lane.next(), lane.next()
    assert (item.key, item.batches, item.statuses, item.now_us) == (CONTROLS, [], {}, None)
    assert is_control((item.key, item))
    assert not is_control((tick.key, tick))


def test_a_process_takes_only_what_is_for_its_own_detectors() -> None:
    controls: list[Control] = [
        threshold(name, 1, "live", NEVER_US, number=number) for number, name in enumerate("abca", 1)
    ]
    steering = Steering(["a", "c"])
    items = [(CONTROLS, LaneItem([], {}, None, CONTROLS, controls=controls))]
    found = [(name, [one.number for one in batch.controls]) for name, batch in steering.by_detector(items)]
    assert found == [("a", [1, 4]), ("c", [3])]
