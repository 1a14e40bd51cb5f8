import threading
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.connection import StoreUnavailableError
from alerts.store import AlertStore
from sinks.breakers import BreakerState, OwnBreakers, SharedBreakers, What
from sinks.contract import Failure, Reason, Receipt
from sinks.stages.breaker import Breaker
from sinks.stages.contract import Attempt, Outcome
from tests.support.alerts import change
from tests.support.http import Answer, http_server
from tests.support.notifier import Clock, Rig, channel_settings
from tests.support.patience import PATIENCE_S
from tests.support.redis import fresh_store, redis_client

LIMITS: dict[str, int] = {"failures": 3, "open_for_us": 30_000_000, "probe_us": 20_000_000}


def _tiers(url: str, tmp_path: Path, **more: Any) -> dict[str, Any]:
    first = {
        "type": "webhook",
        "url": url,
        "timeout": f"{PATIENCE_S:g}s",
        "breaker_failures": 3,
        "breaker_open_for": "30s",
        **more,
    }
    return {"first": first, "second": {"type": "file", "path": tmp_path / "second.jsonl"}}


def _two(store: AlertStore, tmp_path: Path, url: str) -> tuple[Rig, Rig]:
    """Return two notifiers on one store and one clock."""
    clock = Clock()
    one = Rig(store, tmp_path, _tiers(url, tmp_path), tier={"max_tries": 1}, clock=clock)
    other = Rig(store, tmp_path, _tiers(url, tmp_path), tier={"max_tries": 1}, clock=clock)
    return one, other


def _tell(rig: Rig, *numbers: int) -> list[tuple[str, str, str]]:
    """Have a notifier tell of new alerts; return its first tries."""
    alerts = [change(case_id=str(number)) for number in numbers]
    rig.store.apply(alerts)
    rig.drain()
    return [rig.tries(alert.fingerprint)[0] for alert in alerts]


def _open(rig: Rig) -> float | None:
    return rig.registry.get_sample_value("makegood_breaker_open", {"channel": "first"})


def test_failures_of_all_notifiers_count_together_and_all_leave_the_channel_alone(
    store: AlertStore, tmp_path: Path
) -> None:
    with http_server(Answer(500)) as server:
        one, other = _two(store, tmp_path, server.url)
        _tell(one, 1, 2)
        assert (_open(one), _open(other)) == (0, 0)
        one.clock.forward(0.3)
        _tell(other, 3)
        assert len(server.requests) == 3
        one.clock.forward(0.3)
        assert [try_[2] for try_ in _tell(one, 4, 5) + _tell(other, 6)] == ["breaker_open"] * 3
        assert len(server.requests) == 3
        assert (_open(one), _open(other)) == (1, 1)


def test_half_open_one_message_of_one_notifier_probes(store: AlertStore, tmp_path: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()

    with http_server(Answer(500)) as server:
        one, other = _two(store, tmp_path, server.url)
        _tell(one, 1, 2, 3)
        one.clock.forward(31)
        answer = server.answer

        def held(request: Any) -> Answer:
            inside.set()
            assert go_on.wait(PATIENCE_S)
            return Answer(200)

        server.answer = held  # type: ignore[method-assign]
        thread = threading.Thread(target=_tell, args=(one, 4))
        thread.start()
        assert inside.wait(PATIENCE_S)
        assert [try_[2] for try_ in _tell(other, 5, 6)] == ["breaker_open"] * 2  # while one probes
        go_on.set()
        thread.join()
        server.answer = answer  # type: ignore[method-assign]
        server.script = [Answer(200)]
        one.clock.forward(0.3)
        assert _tell(other, 7) == [("first", "delivered", "")]
        assert (_open(one), _open(other)) == (0, 0)
        assert len(server.requests) == 5


def test_a_probe_that_fails_keeps_it_open_for_all(store: AlertStore, tmp_path: Path) -> None:
    with http_server(Answer(500)) as server:
        one, other = _two(store, tmp_path, server.url)
        _tell(one, 1, 2, 3)
        one.clock.forward(31)
        assert _tell(other, 4) == [("first", "failed", "server_error")]
        one.clock.forward(29)
        assert _tell(one, 5) == [("first", "failed", "breaker_open")]
        one.clock.forward(2)
        server.script = [Answer(200)]
        assert _tell(one, 6) == [("first", "delivered", "")]


def test_a_probe_of_a_notifier_that_died_is_made_by_another(store: AlertStore) -> None:
    clock = Clock()
    breakers = SharedBreakers(store, clock_us=clock)
    for _ in range(3):
        breakers.say("web", "failed", "a", **LIMITS)
    clock.forward(30)
    assert breakers.say("web", "enter", "a", **LIMITS).granted
    assert not breakers.say("web", "enter", "b", **LIMITS).granted
    clock.forward(20)
    assert breakers.say("web", "enter", "b", **LIMITS).granted


class Counting(OwnBreakers):
    """Counts what it is asked; ``away``: as a store that does not answer."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.asked: list[str] = []
        self.away = False

    def say(self, channel: str, what: What, token: str, **limits: int) -> BreakerState:
        self.asked.append(what)
        if self.away:
            msg = "away"
            raise StoreUnavailableError(msg)
        return super().say(channel, what, token, **limits)


class Stage:
    """A breaker over a channel that does what it is told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.kept = Counting(self.clock)
        self.outcome = _WORKED
        self.sent = 0
        entry = {"type": "webhook", "url": "http://127.0.0.1:1", "breaker_failures": 3, "breaker_open_for": "30s"}
        self.breaker = Breaker(self._next, self.clock, self.kept, "web", channel_settings({"web": entry})["web"])

    def _next(self, _attempt: Attempt) -> Outcome:
        self.sent += 1
        return self.outcome

    def send(self, times: int = 1) -> str:
        for _ in range(times):
            outcome = self.breaker(cast("Attempt", None))
        return outcome.kind if outcome.failure is None else str(outcome.failure.reason)


def _failed(reason: Reason, *, sent: bool = True) -> Outcome:
    failure = Failure(reason=reason, permanent=False, detail="x")
    receipts = (Receipt(recipient="web", outcome="failed", failure=failure),) if sent else ()
    return Outcome(kind="failed", failure=failure, receipts=receipts)


_WORKED = Outcome(kind="done", receipts=(Receipt(recipient="web", outcome="delivered"),))


def test_a_message_through_a_closed_breaker_costs_no_round_trip() -> None:
    stage = Stage()
    stage.send(1000)
    assert stage.kept.asked == ["enter"]
    stage.clock.forward(0.25)
    stage.send(1000)
    assert stage.kept.asked == ["enter", "enter"]


def test_a_success_is_said_only_while_a_failure_is_counted() -> None:
    stage = Stage()
    stage.outcome = _failed(Reason.SERVER_ERROR)
    stage.send(2)
    stage.outcome = _WORKED
    stage.send(3)
    assert stage.kept.asked == ["enter", "failed", "failed", "worked"]
    stage.outcome = _failed(Reason.SERVER_ERROR)
    stage.send(2)
    assert not stage.breaker.is_open


@pytest.mark.parametrize(
    "outcome",
    [
        _failed(Reason.BAD_RECIPIENT),
        _failed(Reason.REJECTED),
        _failed(Reason.TEMPLATE),
        _failed(Reason.TIMEOUT, sent=False),
        _failed(Reason.RATE_LIMITED, sent=False),
        Outcome(kind="later", delay_us=1),
    ],
)
def test_what_says_nothing_about_the_channel_does_not_open_it(outcome: Outcome) -> None:
    stage = Stage()
    stage.outcome = outcome
    stage.send(10)
    assert not stage.breaker.is_open


def test_a_probe_that_teaches_nothing_is_given_back() -> None:
    stage = Stage()
    stage.outcome = _failed(Reason.TIMEOUT)
    stage.send(3)
    assert stage.send() == "breaker_open"
    stage.clock.forward(30)
    stage.outcome = Outcome(kind="later", delay_us=1)
    assert stage.send() == "later"
    stage.clock.forward(0.25)
    stage.outcome = _WORKED
    assert stage.send() == "done"
    assert not stage.breaker.is_open


def test_while_the_store_is_away_it_goes_by_what_is_known() -> None:
    stage = Stage()
    stage.kept.away = True
    assert stage.send(5) == "done"
    assert len(stage.kept.asked) == 1
    stage.outcome = _failed(Reason.SERVER_ERROR)
    assert stage.send(5) == "server_error"
    stage.kept.away = False
    stage.clock.forward(6)
    stage.send(3)
    assert stage.send() == "breaker_open"
    stage.kept.away = True
    stage.clock.forward(10)
    assert stage.send() == "breaker_open"


OPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["look", "enter", "failed", "worked", "nothing"]), st.sampled_from("ab")),
        st.tuples(st.just("pass"), st.sampled_from([1, 5, 19, 20, 21, 29, 30, 31, -40])),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(ops=OPS)
def test_the_script_and_the_rules_in_memory_are_the_same(redis_url: str, ops: list[tuple[Any, Any]]) -> None:
    clock = Clock()
    with redis_client(redis_url) as client:
        shared, own = SharedBreakers(fresh_store(client), clock_us=clock), OwnBreakers(clock)
        for what, who in ops:
            if what == "pass":
                clock.forward(who)
                continue
            said: What = what
            assert shared.say("web", said, who, **LIMITS) == own.say("web", said, who, **LIMITS)
