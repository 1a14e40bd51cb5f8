"""The real flow, live, under a clock that the test turns: what is said of a broken promise as knowledge comes in.

The flow asks for the time at every look for records; the script answers, and goes on when the store shows what it
waits for. Nothing sleeps, and no result hangs on how fast the machine is.
"""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alerts.store import AlertStore
from pipeline.assembly import load_settings
from pipeline.engine.source import Drain
from pipeline.run import run_flow
from tests.support.events import HOUR_US, MINUTE_US, START_US, raw_event
from tests.support.redis import fresh_store, redis_client, redis_server

LOOKS_AT_MOST = 600
LOOK_US = 25_000
"""How far the clock goes on from one look to the next: the flow carries time on only now and then."""
SECOND_US = 1_000_000
SETTINGS = """
time: {{lateness: 10m, idle_after: 30m}}
feeds:
  crm: {{type: file, path: crm.jsonl, format: jsonl, follow: true}}
detectors:
  sla_breach:
    type: sla_breach
    promises:
      - {{name: first_reply, kind: first_reply, target: 60, unit: minutes, at_risk: []}}
flow: {{epoch: 50ms}}
store: {{dir: {var}}}
"""
OPENED_US = START_US + 8 * HOUR_US
DUE_US = OPENED_US + HOUR_US
Script = Iterator[tuple[int, Callable[[], bool]]]


class Desk:
    """The feed, and what the store says of case ``c-1``."""

    def __init__(self, folder: Path, store: AlertStore) -> None:
        self.file = folder / "crm.jsonl"
        self.store = store
        self.written = 0

    def write(self, step: str, at_us: int, case_id: str = "c-1") -> None:
        self.written += 1
        raw = raw_event(f"crm.case.{step}", f"e-{self.written}", at_us, {"case_id": case_id})
        with self.file.open("ab") as file:
            file.write(raw + b"\n")

    def story(self) -> list[tuple[str, str, int]]:
        """Return the steps of the alert with its status, and when each was, in minutes after the due time."""
        for record in self.store.list_alerts():
            if record.current.labels["case_id"] == "c-1":
                detail = self.store.get(record.current.fingerprint)
                history = [] if detail is None else detail.history
                return [(one.step, one.status, (one.at_us - DUE_US) // MINUTE_US) for one in history]
        return []

    def steps(self) -> list[str]:
        return [step for step, _, _ in self.story()]


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with redis_server() as url, redis_client(url) as client:
        yield Desk(tmp_path, fresh_store(client))


def play(desk: Desk, script: Script) -> None:
    """Run the flow until the script ends: each of its entries is a time, and what to wait for from then on."""
    config = desk.file.parent / "makegood.yaml"
    config.write_text(SETTINGS.format(var=desk.file.parent / "var"), encoding="utf-8")
    drain = Drain()
    from_us, reached = next(script)
    looks = 0

    def clock_us() -> int:
        nonlocal from_us, reached, looks
        looks += 1
        if looks > LOOKS_AT_MOST:
            drain.request()
        elif reached():
            looks = 0
            try:
                from_us, reached = next(script)
            except StopIteration:
                drain.request()
        return from_us + looks * LOOK_US

    run_flow(load_settings(config).settings, desk.store, clock_us=clock_us, drain=drain)
    assert looks <= LOOKS_AT_MOST, f"it did not happen: {desk.story()}"


def after(looks: int) -> Callable[[], bool]:
    """Return a condition that holds at its ``looks``-th question: the flow has looked that often in between."""
    left = iter(range(looks - 1, -1, -1))
    return lambda: next(left, 0) == 0


def test_a_breach_is_suspected_by_the_clock_and_confirmed_when_the_feed_has_passed_it(desk: Desk) -> None:
    def script() -> Script:
        desk.write("opened", OPENED_US)
        yield OPENED_US, after(20)
        assert desk.steps() == []
        yield DUE_US - SECOND_US, after(20)
        assert desk.steps() == [], "the clock has not passed the due time"
        yield DUE_US + SECOND_US, lambda: desk.steps() == ["suspected"]
        yield DUE_US + 5 * MINUTE_US, after(20)
        desk.write("opened", DUE_US + 11 * MINUTE_US, "c-2")
        yield DUE_US + 11 * MINUTE_US, lambda: desk.steps() == ["suspected", "confirmed"]

    play(desk, script())
    assert desk.story() == [("suspected", "firing", 0), ("confirmed", "firing", 0)]
    assert desk.store.counts()["firing"] == 1
    assert desk.store.counts()["pending"] == 2


def test_a_suspicion_is_retracted_by_a_reply_that_was_in_time_and_came_late(desk: Desk) -> None:
    def script() -> Script:
        desk.write("opened", OPENED_US)
        yield DUE_US + MINUTE_US, lambda: desk.steps() == ["suspected"]
        desk.write("agent_reply", DUE_US - MINUTE_US)
        yield DUE_US + 2 * MINUTE_US, lambda: desk.steps() == ["suspected", "retracted"]
        yield DUE_US + 3 * HOUR_US, after(20)

    play(desk, script())
    assert [(step, status) for step, status, _ in desk.story()] == [("suspected", "firing"), ("retracted", "resolved")]
    assert desk.store.counts()["firing"] == 0


def test_quiet_is_knowledge_only_after_idle_after(desk: Desk) -> None:
    def script() -> Script:
        desk.write("opened", OPENED_US)
        yield DUE_US - 20 * MINUTE_US, after(20)
        desk.write("internal_note", DUE_US - 20 * MINUTE_US)
        yield DUE_US - 20 * MINUTE_US, after(20)
        yield DUE_US + 9 * MINUTE_US, lambda: desk.steps() == ["suspected"]
        yield DUE_US + 10 * MINUTE_US - SECOND_US, after(20)
        assert desk.steps() == ["suspected"], "the lateness has not passed"
        yield DUE_US + 11 * MINUTE_US, lambda: desk.steps() == ["suspected", "confirmed"]

    play(desk, script())


def test_while_a_feed_cannot_be_read_nothing_is_suspected(desk: Desk) -> None:
    def script() -> Script:
        desk.write("opened", OPENED_US)
        yield OPENED_US, after(20)
        desk.file.rename(desk.file.with_suffix(".away"))
        yield OPENED_US + MINUTE_US, after(20)
        yield DUE_US + 5 * HOUR_US, after(50)
        assert desk.steps() == []
        desk.file.with_suffix(".away").rename(desk.file)
        desk.write("agent_reply", DUE_US - MINUTE_US)
        yield DUE_US + 5 * HOUR_US + MINUTE_US, after(50)
        yield DUE_US + 9 * HOUR_US, after(50)

    play(desk, script())
    assert desk.steps() == []


def test_a_suspicion_outlives_a_restart_and_is_confirmed_once(desk: Desk) -> None:
    def before() -> Script:
        desk.write("opened", OPENED_US)
        yield DUE_US + MINUTE_US, lambda: desk.steps() == ["suspected"]

    def afterwards() -> Script:
        yield DUE_US + 2 * MINUTE_US, after(50)
        assert desk.steps() == ["suspected"]
        yield DUE_US + 2 * HOUR_US, lambda: desk.steps() == ["suspected", "confirmed"]
        yield DUE_US + 3 * HOUR_US, after(50)

    play(desk, before())
    play(desk, afterwards())
    assert desk.steps() == ["suspected", "confirmed"]
