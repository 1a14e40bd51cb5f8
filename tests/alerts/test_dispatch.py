"""From changes to what stands in the outbox, over a real Redis, on a clock that is moved."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from alerts.dispatch import Dispatcher
from alerts.responses import Responses
from alerts.responses import Said as Person
from alerts.silences import SilenceBook, Wanted
from alerts.store import AlertStore
from config.escalations import EscalationSettings
from config.inhibition import InhibitRuleSettings
from detectors.contract import AlertChange, alert_change
from tests.support.alerts import START_US, change
from tests.support.deciding import Said, World, work
from tests.support.dispatch import LEASE_US, dispatcher
from tests.support.notifier import Clock

SECOND_US = 1_000_000
ROUTE = {"receiver": "ops", "group_wait": "10s", "group_interval": "60s", "repeat_interval": "10m"}
WAIT_S, INTERVAL_S, REPEAT_S = 10, 60, 600
PAGE = EscalationSettings.model_validate(
    {
        "steps": [
            {"notify": [{"receiver": "first"}], "wait": "100s"},
            {"notify": [{"receiver": "second"}], "wait": "100s"},
        ],
        "then": "last",
    }
)
PAGED: dict[str, Any] = {
    "receivers": {"first": {}, "second": {}, "last": {}},
    "escalations": {"page": PAGE},
}


class Rig:
    """One store, a clock, and dispatchers over it."""

    def __init__(self, store: AlertStore, route: Mapping[str, Any] = ROUTE, **more: Any) -> None:
        self.store, self.clock = store, Clock()
        self.world = World(store, self.clock)
        self.book, self.responses = SilenceBook(store), Responses(store)
        self.more = more
        self.hooks: dict[str, Callable[[], None]] = {}
        self.one = self.dispatcher(route)

    def dispatcher(self, route: Mapping[str, Any] = ROUTE) -> Dispatcher:
        return dispatcher(self.store, self.clock, route, on_step=self._step, **self.more)

    def _step(self, step: str) -> None:
        hook = self.hooks.pop(step, None)
        if hook is not None:
            hook()

    def apply(self, *changes: AlertChange) -> None:
        self.world.apply(changes)
        work(self.one)

    def run(self, seconds: float) -> list[str]:
        """Let time pass; return what was said, and when: ``10 ops A b``: at second 10 to ops, A fires, B resolved."""
        end_us = self.clock.now_us + round(seconds * SECOND_US)
        found = []
        while True:
            work(self.one)
            at_s = (self.clock.now_us - START_US) / SECOND_US
            found += [f"{at_s:g} {in_short(said)}" for said in self.world.said()]
            if self.clock.now_us >= end_us:
                return found
            next_us = self.world.next_us() or end_us
            self.clock.now_us = min(max(next_us, self.clock.now_us + SECOND_US // 10), end_us)

    def silence(self, matcher: str, seconds: int) -> str:
        ends_us = self.clock.now_us + seconds * SECOND_US
        return self.book.add([matcher], ends_us=ends_us, author="a", comment="c", now_us=self.clock.now_us).id

    def person(self, number: int = 1) -> Person:
        return Person(id=f"r{number}", by="ann", via="sms", at_us=self.clock.now_us)

    def verdicts(self, one: AlertChange) -> list[str]:
        return [account.verdict for account in self.world.accounts(one.fingerprint)]


def in_short(said: Said) -> str:
    names = [
        one.labels["alertname"] if one.status == "firing" else one.labels["alertname"].lower()
        for one in said.draft.alerts
    ]
    kind = "" if said.draft.kind == "group" else f" {said.draft.kind}"
    return f"{said.receiver}{kind} {' '.join(sorted(names, key=str.lower))}"


def over(one: AlertChange, seconds: float = 1, step: str = "resolved") -> AlertChange:
    at_us = START_US + round(seconds * SECOND_US)
    return alert_change(
        step=step,
        at_us=at_us,
        status="resolved",
        labels=one.labels,
        annotations=one.annotations,
        starts_at_us=one.starts_at_us,
        ends_at_us=at_us,
    )


A, B, C = change("A"), change("B"), change("C")


# --- ticks


def test_a_group_is_told_after_group_wait_then_every_group_interval_and_repeated(store: AlertStore) -> None:
    rig = Rig(store)
    rig.apply(A)
    assert rig.run(5) == []
    rig.apply(B)
    assert rig.run(15) == ["10 ops A B"]
    rig.apply(C)
    assert rig.run(40) == []
    assert rig.run(20) == ["70 ops A B C"]
    assert rig.run(REPEAT_S + INTERVAL_S) == ["730 ops repeat A B C"]  # the first tick that is later than 670
    rig.apply(over(A))
    assert rig.run(INTERVAL_S) == ["790 ops a B C"]


def test_a_group_of_which_nothing_is_left_is_gone_and_new_when_something_comes(store: AlertStore) -> None:
    rig = Rig(store)
    rig.apply(A)
    rig.run(20)
    (group,) = rig.world.groups()
    rig.apply(over(A))
    assert rig.run(60) == ["70 ops a"]
    assert rig.world.groups() == set()
    assert store.client.keys(f"{store.keys.prefix}news:*") == []
    assert rig.world.next_us() is None
    rig.apply(change("A", at_us=START_US + 2, starts_at_us=START_US + 2))
    assert rig.run(20) == ["90 ops A"]
    assert rig.world.groups() == {group}
    assert rig.verdicts(A) == ["told", "told", "told"]


def test_what_was_told_is_remembered_as_long_as_something_fires(store: AlertStore) -> None:
    rig = Rig(store)
    rig.apply(A)
    rig.run(20)
    (group,) = rig.world.groups()
    name = store.keys.named(f"told:{group}")
    assert store.client.pttl(name) == -1
    rig.apply(over(A))
    rig.run(60)
    assert store.client.pttl(name) > 4 * 86_400_000


@pytest.mark.parametrize("edit", ["expired", "shortened"])
def test_a_silence_that_ends_early_is_noticed_on_the_next_tick(edit: str, store: AlertStore) -> None:
    rig = Rig(store)
    silence = rig.silence("alertname=A", 100_000)
    rig.apply(A)
    assert rig.run(100) == []
    if edit == "expired":
        rig.book.expire(silence, by="a", now_us=rig.clock.now_us)
    else:
        rig.book.edit(silence, Wanted(ends_us=rig.clock.now_us + SECOND_US), by="a", now_us=rig.clock.now_us)
    assert rig.run(60) == ["130 ops A"]


def test_what_inhibited_an_alert_may_end_in_another_group(store: AlertStore) -> None:
    rule = {"source_matchers": ["alertname=A"], "target_matchers": ["alertname=B"]}
    route = {**ROUTE, "group_by": ["alertname"]}
    rig = Rig(store, route, inhibit_rules=[InhibitRuleSettings.model_validate(rule)])
    rig.apply(A, B)
    assert rig.run(200) == ["10 ops A"]
    rig.apply(over(A))
    assert sorted(rig.run(70)) == ["250 ops B", "250 ops a"]


def test_what_was_told_before_it_was_hidden_is_told_as_over_although_others_were_told_since(store: AlertStore) -> None:
    rig = Rig(store)
    rig.apply(A)
    rig.run(20)
    rig.silence("alertname=A", 1000)
    rig.apply(B)
    assert rig.run(60) == ["70 ops B"]
    rig.apply(over(B))
    assert rig.run(60) == ["130 ops b"]
    rig.apply(over(A))
    assert rig.run(60) == ["190 ops a"]
    assert rig.world.groups() == set()


def test_messages_about_a_group_are_one_thread_until_all_is_over(store: AlertStore) -> None:
    rig = Rig(store)
    threads = []
    for step in (A, B, over(A), over(B), change("A", at_us=START_US + 9, starts_at_us=START_US + 9)):
        rig.world.apply([step])
        for _ in range(2):
            work(rig.one)
            rig.clock.forward(INTERVAL_S)
        work(rig.one)
        threads += [said.draft.thread for said in rig.world.said()]
    assert len(threads) == 5
    assert threads[0] == threads[1] == threads[2] == threads[3] != threads[4]


def test_of_many_alerts_those_that_are_not_listed_are_counted(store: AlertStore) -> None:
    rig = Rig(store, receivers={"ops": {"max_alerts": 3}})
    many = [change(f"N{number}", service="shop" if number % 2 else "pay", case_id=str(number)) for number in range(10)]
    rig.apply(*many, over(many[0]))
    rig.clock.forward(WAIT_S)
    work(rig.one)
    (said,) = rig.world.said()
    assert [one.status for one in said.draft.alerts] == ["firing"] * 3
    assert sum(said.draft.truncated.values()) == 7
    assert set(said.draft.truncated) == {"shop", "pay"}
    assert all(rig.verdicts(one) == ["told"] for one in many[1:])
    assert rig.verdicts(many[0]) == ["replaced", "told"]


# --- several at work, and who dies


def test_whose_lease_has_ended_writes_nothing_and_another_takes_over(store: AlertStore) -> None:
    rig = Rig(store)
    other = rig.dispatcher()
    rig.apply(A)
    rig.clock.forward(WAIT_S)

    def takes_over() -> None:
        assert other.turn(100, LEASE_US) == 0  # it is leased
        rig.clock.now_us += LEASE_US
        work(other)

    rig.hooks["decided"] = takes_over
    work(rig.one)
    assert [in_short(said) for said in rig.world.said()] == ["ops A"]
    assert rig.verdicts(A) == ["told"]


@pytest.mark.parametrize("step", ["looked", "decided"])
def test_a_change_that_comes_while_a_group_is_decided_is_told_and_accounted_for(step: str, store: AlertStore) -> None:
    rig = Rig(store)
    rig.apply(A, B)
    rig.run(20)
    rig.apply(over(A))
    rig.clock.forward(INTERVAL_S)
    back = change("A", at_us=START_US + 5 * SECOND_US, starts_at_us=START_US + 5 * SECOND_US)
    rig.hooks[step] = lambda: rig.world.apply([back, over(B, 2)])
    found = rig.run(2 * INTERVAL_S)
    assert [text.partition(" ")[2] for text in found] == ["ops a B", "ops A b"]
    assert Counter(account.change_id for account in rig.world.accounts(A.fingerprint)) == {
        one.change_id: 1 for one in (A, over(A), back)
    }
    assert rig.world.unsettled() == []


@pytest.mark.parametrize("step", ["looked", "decided"])
def test_a_correction_that_comes_while_its_group_is_decided_is_told(step: str, store: AlertStore) -> None:
    rig = Rig(store)
    rig.apply(A, B)
    rig.run(20)
    rig.apply(over(A))
    rig.clock.forward(INTERVAL_S)
    rig.hooks[step] = lambda: rig.world.apply([over(A, 1, "retracted")])
    found = rig.run(3 * INTERVAL_S)
    assert [text.partition(" ")[2] for text in found] == ["ops a B", "ops a B"]
    assert rig.verdicts(A) == ["told", "told", "told"]


def test_a_change_that_was_told_before_it_was_routed_is_accounted_for_as_known(store: AlertStore) -> None:
    rig = Rig(store)
    rig.apply(A, B)
    rig.run(20)
    rig.apply(C)
    rig.clock.forward(INTERVAL_S)
    rig.world.apply([over(A)])  # and the group is due
    assert [text.partition(" ")[2] for text in rig.run(3 * INTERVAL_S)] == ["ops a B C"]
    assert rig.verdicts(A) == ["told", "known"]


def test_many_changes_by_two_that_work_at_once_are_told_in_order_each_accounted_for_once(store: AlertStore) -> None:
    rng = random.Random(20150221)
    low = {"matchers": ['n=~"[0-4]"'], "receiver": "low", "continue": True}
    route = {**ROUTE, "group_by": ["service"], "routes": [low, {"matchers": ['service=~".+"']}]}
    rig = Rig(store, route, receivers={"low": {"send_resolved": False}})
    other = rig.dispatcher(route)

    def joins() -> None:
        other.turn(rng.randint(1, 9), LEASE_US)

    said: list[Said] = []
    changes: list[AlertChange] = []
    since: dict[int, int] = {}
    for at_s in range(1, 400):
        if rng.random() < 0.5:
            number, at_us = rng.randrange(10), START_US + at_s * SECOND_US
            known = number in since
            step = rng.choice([f"updated:{at_s}", "resolved"]) if known else "firing"
            labels = {"service": f"s{number % 3}", "n": str(number)}
            one = change(step=step, at_us=at_us, starts_at_us=since.setdefault(number, at_us), **labels)
            if step == "resolved":
                del since[number]
            rig.world.apply([one])
            changes.append(one)
        rig.clock.forward(1)
        for step_name in ("looked", "routed", "decided"):
            if rng.random() < 0.3:
                rig.hooks[step_name] = joins
        rng.choice([rig.one, other]).turn(rng.randint(1, 9), LEASE_US)
        rig.hooks.clear()
        said += rig.world.said()
    for _ in range(4):
        rig.clock.forward(INTERVAL_S)
        work(rig.one)
        said += rig.world.said()
    assert rig.world.unsettled() == []
    accounts = [one for print_ in {one.fingerprint for one in changes} for one in rig.world.accounts(print_)]
    expected = {
        (one.change_id, name) for one in changes for name in ("ops", *(("low",) if int(one.labels["n"]) < 5 else ()))
    }
    assert Counter((one.change_id, one.receiver) for one in accounts) == dict.fromkeys(expected, 1)
    keys = {one.key: one for one in said}
    assert len(keys) == len(said)
    for account in accounts:
        if account.verdict == "told":
            assert account.change_id in keys[account.by].draft.changes
            assert keys[account.by].receiver == account.receiver
    last: dict[tuple[str, str], tuple[int, str]] = {}
    for note in said:
        for one in note.draft.alerts:
            now = (one.starts_at_us, one.status)
            assert now >= last.get((note.line, one.fingerprint), now)
            last[note.line, one.fingerprint] = now


# --- clocks


@pytest.mark.parametrize("back_s", [3, 3600, 86_400])
def test_a_clock_that_is_set_back_makes_nobody_wait_longer(back_s: int, store: AlertStore) -> None:
    rig = Rig(store)
    rig.apply(A)
    rig.run(7)
    rig.clock.forward(-back_s)
    rig.apply(B)
    assert [text.partition(" ")[2] for text in rig.run(4.5)] == ["ops A B"]
    rig.apply(C)
    assert [text.partition(" ")[2] for text in rig.run(INTERVAL_S + 1)] == ["ops A B C"]


def test_a_clock_that_is_set_back_while_a_group_is_decided_makes_it_wait_no_longer(store: AlertStore) -> None:
    rule = {"source_matchers": ["alertname=B"], "target_matchers": ["alertname=A"]}
    rules = [InhibitRuleSettings.model_validate(rule)]
    rig = Rig(store, {**ROUTE, "group_by": ["alertname"]}, inhibit_rules=rules)
    other = rig.dispatcher({**ROUTE, "group_by": ["alertname"]})
    rig.apply(A, B)
    assert rig.run(20) == ["10 ops B"]

    def jumps() -> None:
        rig.clock.forward(-3600)
        other.turn(1, LEASE_US)

    rig.hooks["decided"] = jumps
    rig.clock.forward(50)  # A is looked at again, and still hidden
    work(rig.one)
    rig.apply(over(B))
    assert sorted(text.partition(" ")[2] for text in rig.run(INTERVAL_S)) == ["ops A", "ops b"]


def test_a_clock_that_is_set_back_to_before_a_silence_began_is_noticed_on_the_next_tick(store: AlertStore) -> None:
    rig = Rig(store)
    rig.run(1)
    rig.silence("alertname=A", 3600)
    rig.apply(A)
    assert rig.run(100) == []
    rig.clock.forward(-1000)
    assert [text.partition(" ")[2] for text in rig.run(INTERVAL_S + 1)] == ["ops A"]


def test_a_clock_that_is_set_forward_makes_ticks_come_sooner_and_none_is_told_twice(store: AlertStore) -> None:
    rig = Rig(store)
    rig.apply(A)
    rig.clock.forward(3600)
    assert [text.partition(" ")[2] for text in rig.run(60)] == ["ops A"]
    rig.clock.forward(-3600)
    rig.apply(B)
    assert [text.partition(" ")[2] for text in rig.run(61)] == ["ops A B"]


def test_the_same_time_again_has_other_keys(store: AlertStore) -> None:
    rig = Rig(store, {**ROUTE, "repeat_interval": "1s"})
    rig.apply(A)
    rig.run(75)
    keys = []
    for _ in range(3):
        rig.clock.now_us = START_US + 10 * SECOND_US  # always the same instants
        work(rig.one)
        rig.run(200)
    found = store.get(A.fingerprint)
    assert found is not None
    keys = [note.key for note in found.notifications]
    assert len(keys) == len(set(keys)) > 3


# --- routes that change


@pytest.mark.parametrize(
    "after",
    [
        pytest.param({**ROUTE, "receiver": "new"}, id="another receiver"),
        pytest.param({**ROUTE, "routes": [{"matchers": ["alertname=A"], "receiver": "new"}]}, id="a route before it"),
    ],
)
def test_when_routes_change_who_fires_is_told_where_they_lead_and_the_end_to_both(
    after: dict[str, Any], store: AlertStore
) -> None:
    rig = Rig(store, receivers={"new": {}})
    rig.apply(A)
    assert rig.run(20) == ["10 ops A"]
    rig.one = rig.dispatcher(after)
    assert rig.run(1000) == ["30 new A", "690 new repeat A"]
    rig.apply(over(A))
    assert sorted(text.partition(" ")[2] for text in rig.run(INTERVAL_S)) == ["new a", "ops a"]
    assert rig.verdicts(A) == ["told", "told", "told", "told"]
    assert rig.world.groups() == set()


def test_routes_that_stay_as_they_are_tell_nobody_anew(store: AlertStore) -> None:
    rig = Rig(store)
    rig.apply(A)
    rig.run(20)
    rig.one = rig.dispatcher()
    assert rig.run(300) == []


def test_a_window_that_the_settings_no_longer_have_hides_no_longer(store: AlertStore) -> None:
    rule = {"source_matchers": ["alertname=B"], "target_matchers": ["alertname=A"]}
    rig = Rig(store, inhibit_rules=[InhibitRuleSettings.model_validate(rule)])
    rig.apply(A, B)
    assert rig.run(20) == ["10 ops B"]
    rig.more = {}
    rig.one = rig.dispatcher()
    assert rig.run(INTERVAL_S) == ["70 ops A B"]


# --- escalations


def test_a_step_is_told_in_the_thread_of_its_group_and_never_before_it(store: AlertStore) -> None:
    rig = Rig(store, {**ROUTE, "escalation": "page"}, **PAGED)
    silence = rig.silence("alertname=A", 100_000)
    rig.apply(A)
    rig.run(30)
    rig.book.expire(silence, by="a", now_us=rig.clock.now_us)
    for _ in range(40):
        rig.clock.forward(1)
        work(rig.one)
    told, step = rig.world.said()
    assert (in_short(told), in_short(step)) == ("ops A", "first escalation A")
    assert told.draft.thread == step.draft.thread


def test_who_joins_when_an_escalation_has_ended_makes_it_begin_again_also_after_a_silence(store: AlertStore) -> None:
    rig = Rig(store, {**ROUTE, "escalation": "page", "repeat_interval": "4h"}, **PAGED)
    rig.apply(A)
    steps = ["first escalation A", "second escalation A", "last escalation A"]
    assert [text.partition(" ")[2] for text in rig.run(400)] == ["ops A", *steps]
    rig.silence("alertname=B", 300)
    rig.apply(B)
    assert rig.run(200) == []
    assert [text.partition(" ")[2] for text in rig.run(160)] == ["ops A B", "first escalation A B"]


def test_an_acknowledgement_that_ends_is_noticed_although_the_clock_went_forward_and_back(store: AlertStore) -> None:
    rig = Rig(store, {**ROUTE, "escalation": "page", "repeat_interval": "4h"}, **PAGED)
    rig.apply(A)
    rig.run(20)
    until_us = rig.clock.now_us + 500 * SECOND_US
    rig.responses.acknowledge(A.fingerprint, rig.person(), until_us=until_us)
    rig.run(1)
    rig.clock.forward(600)  # it has ended: that is noticed
    assert [text.partition(" ")[2] for text in rig.run(1)] == ["first escalation A"]
    rig.clock.forward(-600)  # it has not
    assert rig.run(400) == []
    assert [text.partition(" ")[2] for text in rig.run(120)] == ["first escalation A"]


def test_who_was_told_by_a_policy_that_is_gone_hears_of_the_end(store: AlertStore) -> None:
    rig = Rig(store, {**ROUTE, "escalation": "page", "repeat_interval": "4h"}, **PAGED)
    rig.apply(A)
    assert len(rig.run(20)) == 2
    rig.one = rig.dispatcher({**ROUTE, "repeat_interval": "4h"})
    assert rig.run(300) == []
    rig.responses.acknowledge(A.fingerprint, rig.person())  # wakes it between two ticks
    assert rig.run(30) == []
    rig.apply(over(A))
    assert sorted(text.partition(" ")[2] for text in rig.run(INTERVAL_S)) == ["first a", "ops a"]
