"""Alerts live any life, from firing to what is put into the outbox, over a real Redis, beside a simple model."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from alerts.dispatch import Dispatcher
from alerts.responses import Responses, Said
from alerts.silences import SilenceBook, Wanted
from config.delivery import ReceiverSettings, RootRouteSettings
from config.settings import Settings
from detectors.contract import AlertChange
from sinks.service import build_dispatcher
from tests.support.deciding import World, work
from tests.support.dispatch import LEASE_US
from tests.support.life_heard import Hearing
from tests.support.life_model import (
    ALERTS,
    INTERVAL_S,
    RECEIVERS,
    ROUTES,
    SECOND_US,
    SETTINGS,
    WAIT_S,
    Truth,
    places,
)
from tests.support.notifier import Clock
from tests.support.redis import fresh_store

NAMES = st.sampled_from(sorted(ALERTS))
THEN_S = st.sampled_from([0, 5, 75, 130, 280])
SPANS_S = st.sampled_from([1, 7, 30, 61, 130, 400, 1500, 3600])
EVENINGS = ["2026-03-28T22:00", "2026-10-24T22:00", "2026-06-01T12:00"]
"""Before clocks go forward, before they go back, and far from both."""
DEATHS = ["looked", "routed", "decided", "written"]


@cache
def settings_by(routes: int) -> Settings:
    receivers = {
        name: ReceiverSettings.model_validate({"tiers": [{"channel": "web"}], **entry})
        for name, entry in RECEIVERS.items()
    }
    return Settings(receivers=receivers, route=RootRouteSettings.model_validate(ROUTES[routes]), **SETTINGS)


class Killed(Exception):
    """A notifier ends here."""


class Life(RuleBasedStateMachine):
    """What happens to four alerts and their notifiers."""

    client: "redis.Redis"

    def __init__(self) -> None:
        super().__init__()
        self.store = fresh_store(self.client)
        self.clock = Clock()
        self.steady_us = 0
        self.world = World(self.store, self.clock)
        self.book = SilenceBook(self.store)
        self.responses = Responses(self.store)
        self.truth = Truth()
        self.hearing = Hearing(self.truth)
        self.at_step: dict[str, Callable[[], None]] = {}
        self.applied: list[tuple[AlertChange, set[str]]] = []
        self.count = 0
        self.defects = 0
        self.notifiers: list[Dispatcher] = []
        self.turn = 0

    # --- the notifiers

    def notifier(self) -> Dispatcher:
        chosen = settings_by(self.truth.routes)
        return build_dispatcher(
            self.store, chosen, clock_us=self.clock, on_defect=self._defect, on_step=lambda step, _key: self._at(step)
        )

    def _defect(self) -> None:
        self.defects += 1

    def _at(self, step: str) -> None:
        todo = self.at_step.pop(step, None)
        if todo is not None:
            todo()

    def work(self) -> None:
        """Let one of the notifiers do what is due; judge what it says."""
        before = self.truth.snapshot(self.clock.now_us)
        self.turn += 1
        place = self.turn % len(self.notifiers)
        try:
            work(self.notifiers[place])
        except Killed:
            self.notifiers[place] = self.notifier()
            self.hearing.excuse()
            self.hearing.unattended |= {name for name, alert in self.truth.alerts.items() if alert.fires}
            self.late()
            work(self.notifiers[place])
        assert self.defects == 0, "see the log"
        after = self.truth.snapshot(self.clock.now_us)
        self.hearing.steady_us = self.steady_us
        for said in self.world.said():
            self.hearing.hear(said, before, after, self.clock.now_us)
        self.hearing.look(self.clock.now_us)

    def late(self) -> None:
        """What somebody has leased waits until the lease ends."""
        self.steady_us += LEASE_US
        self.clock.now_us += LEASE_US
        self.hearing.steady_us = self.steady_us

    def pass_time(self, span_us: int) -> None:
        """Let time pass, and the notifiers work whenever there is something to do."""
        self.work()
        end_us = self.clock.now_us + span_us
        while self.clock.now_us < end_us:
            next_us = min(self.world.next_us() or end_us, self.truth.next_us(self.clock.now_us), end_us)
            next_us = max(next_us, self.clock.now_us + SECOND_US // 10)
            self.steady_us += next_us - self.clock.now_us
            self.clock.now_us = next_us
            self.work()

    # --- what happens

    @initialize(
        evening=st.sampled_from(EVENINGS), notifiers=st.integers(1, 2), routes=st.integers(0, 2), first=st.sets(NAMES)
    )
    def begin(self, evening: str, notifiers: int, routes: int, first: set[str]) -> None:
        self.clock.now_us = round(datetime.fromisoformat(evening).replace(tzinfo=UTC).timestamp()) * SECOND_US
        self.truth.routes = routes
        self.notifiers = [self.notifier() for _ in range(notifiers)]
        for name in sorted(first):
            self.change(name, "firing")
        self.pass_time((WAIT_S + 1) * SECOND_US)

    def change(self, name: str, step: str) -> None:
        alert = self.truth.alerts[name]
        self.count += 1
        # Event time follows the order of what happens, whatever the clock shows.
        change = alert.change(step, 1_700_000_000_000_000 + self.count * SECOND_US)
        if not alert.fires:
            self.hearing.has_ended(name)
        self.world.apply([change])
        self.applied.append((change, {place.receiver for place in places(self.truth.routes, name)}))

    @rule(name=NAMES, suspected=st.booleans(), then_s=THEN_S)
    def fire(self, name: str, suspected: bool, then_s: int) -> None:
        if self.truth.alerts[name].fires:
            self.change(name, f"updated:{self.count}")
        else:
            self.change(name, "suspected" if suspected else "firing")
        self.pass_time(then_s * SECOND_US)

    @rule(name=NAMES)
    def confirm(self, name: str) -> None:
        if self.truth.alerts[name].step == "suspected":
            self.change(name, "confirmed")
            self.work()

    @rule(name=NAMES, then_s=THEN_S)
    def resolve(self, name: str, then_s: int) -> None:
        if self.truth.alerts[name].fires:
            self.change(name, "resolved")
            self.pass_time(then_s * SECOND_US)

    @rule(name=NAMES)
    def retract(self, name: str) -> None:
        alert = self.truth.alerts[name]
        if not alert.fires and alert.step == "resolved" and alert.episodes:
            self.hearing.put_right.add(name)
            self.change(name, "retracted")
            self.work()

    def said(self) -> Said:
        self.count += 1
        return Said(id=f"r{self.count}", by="ann", via="sms", at_us=self.clock.now_us)

    def print_of(self, name: str) -> str:
        return next(change.fingerprint for change, _ in self.applied if change.labels["alertname"] == name)

    @rule(name=NAMES, span_s=st.none() | SPANS_S, then_s=THEN_S)
    def acknowledge(self, name: str, span_s: int | None, then_s: int) -> None:
        alert = self.truth.alerts[name]
        if alert.fires:
            until_us = None if span_s is None else self.clock.now_us + span_s * SECOND_US
            assert self.responses.acknowledge(self.print_of(name), self.said(), until_us=until_us).result == "done"
            alert.acknowledged = (until_us,)
            self.pass_time(then_s * SECOND_US)

    @rule(name=NAMES, then_s=THEN_S)
    def unacknowledge(self, name: str, then_s: int) -> None:
        alert = self.truth.alerts[name]
        if alert.fires and alert.acknowledged is not None:
            assert self.responses.unacknowledge(self.print_of(name), self.said()).result == "done"
            alert.acknowledged = None
            self.pass_time(then_s * SECOND_US)

    @rule(
        about=st.sampled_from(["alertname=a", "service=db", "alertname=b", "alertname=d"]),
        span_s=SPANS_S,
        after_s=st.sampled_from([0, 0, 30, 400]),
        then_s=THEN_S,
    )
    def silence(self, about: str, span_s: int, after_s: int, then_s: int) -> None:
        now_us = self.clock.now_us
        starts_us = now_us + after_s * SECOND_US
        ends_us = starts_us + span_s * SECOND_US
        made = self.book.add([about], starts_us=starts_us, ends_us=ends_us, author="ann", comment="x", now_us=now_us)
        self.truth.silences[made.id] = (about.partition("=")[2], made)
        self.pass_time(then_s * SECOND_US)

    def silences(self) -> list[str]:
        """Return those that are not over, those that hide somebody now first."""
        now_us = self.clock.now_us
        found = [one for _, one in self.truth.silences.values() if one.state(now_us) != "expired"]
        return [one.id for one in sorted(found, key=lambda one: (one.starts_us > now_us, one.starts_us, one.id))]

    @precondition(lambda self: self.silences())
    @rule(which=st.integers(0, 2), span_s=SPANS_S, then_s=THEN_S)
    def edit_silence(self, which: int, span_s: int, then_s: int) -> None:
        chosen = (self.silences() * 3)[which]
        about, silence = self.truth.silences[chosen]
        ends_us = max(self.clock.now_us, silence.starts_us) + span_s * SECOND_US
        made = self.book.edit(chosen, Wanted(ends_us=ends_us), by="ann", now_us=self.clock.now_us)
        self.truth.silences[made.silence.id] = (about, made.silence)
        self.pass_time(then_s * SECOND_US)

    @precondition(lambda self: self.silences())
    @rule(which=st.integers(0, 2), then_s=THEN_S)
    def expire_silence(self, which: int, then_s: int) -> None:
        chosen = (self.silences() * 3)[which]
        about, _ = self.truth.silences[chosen]
        self.truth.silences[chosen] = (about, self.book.expire(chosen, by="ann", now_us=self.clock.now_us))
        self.pass_time(then_s * SECOND_US)

    @rule(span_s=SPANS_S)
    def time_passes(self, span_s: int) -> None:
        self.pass_time(span_s * SECOND_US)

    @rule(hour=st.integers(0, 4))
    def it_is_night(self, hour: int) -> None:
        """Go on until the hour in which clocks change, and windows open."""
        now = datetime.fromtimestamp(self.clock.now_us / SECOND_US, UTC)
        left_s = ((hour - now.hour) % 24) * 3600 - now.minute * 60
        if 0 < left_s < 8 * 3600:
            self.pass_time(left_s * SECOND_US)

    @rule(jump_s=st.sampled_from([-3600, -90, -5, -1, 1, 5, 90, 3600]), name=st.none() | NAMES, then_s=THEN_S)
    def the_clock_jumps(self, jump_s: int, name: str | None, then_s: int) -> None:
        """Something may have come or gone just before."""
        if name is not None:
            self.change(name, "resolved" if self.truth.alerts[name].fires else "firing")
        self.work()
        self.clock.forward(jump_s)
        self.hearing.excuse()
        self.work()
        self.hearing.excuse()
        self.pass_time(then_s * SECOND_US)

    @rule(span_s=SPANS_S, name=NAMES)
    def nobody_is_there(self, span_s: int, name: str) -> None:
        """Meanwhile, one alert goes and comes."""
        if self.truth.alerts[name].fires:
            self.change(name, "resolved")
        for step in (1, 2):
            self.steady_us += span_s * SECOND_US // step
            self.clock.now_us += span_s * SECOND_US // step
            if step == 1:
                self.change(name, "firing")
        self.hearing.steady_us = self.steady_us
        self.hearing.excuse()
        self.hearing.unattended.add(name)
        self.notifiers = [self.notifier() for _ in self.notifiers]
        self.work()
        self.hearing.excuse()

    @rule(step=st.sampled_from(DEATHS))
    def a_notifier_will_die(self, step: str) -> None:
        def die() -> None:
            raise Killed

        self.at_step = {step: die}

    @rule(step=st.sampled_from(DEATHS[:3]), name=NAMES)
    def something_will_change_while_it_is_decided(self, step: str, name: str) -> None:
        def happens() -> None:
            self.change(name, "resolved" if self.truth.alerts[name].fires else "firing")

        self.at_step = {step: happens}

    @rule(step=st.sampled_from(DEATHS[:3]))
    def another_will_decide_meanwhile(self, step: str) -> None:
        def decides() -> None:
            self.notifiers[0].turn(100, LEASE_US)

        self.at_step = {step: decides}

    @rule(routes=st.integers(0, 2), then_s=THEN_S)
    def routes_change(self, routes: int, then_s: int) -> None:
        self.work()
        self.truth.routes = routes
        self.notifiers = [self.notifier() for _ in self.notifiers]
        self.pass_time(then_s * SECOND_US)

    # --- in the end

    def teardown(self) -> None:
        if not self.notifiers:
            return
        self.at_step = {}
        self.pass_time((2 * INTERVAL_S + WAIT_S) * SECOND_US + LEASE_US)
        assert self.world.unsettled() == []
        accounts = {
            name: self.world.accounts(self.print_of(name))
            for name in {one.labels["alertname"] for one, _ in self.applied}
        }
        for change, receivers in self.applied:
            mine = [one for one in accounts[change.labels["alertname"]] if one.change_id == change.change_id]
            # One, and one more for each notification that tells it after all, when what hid it has ended.
            known = {(one.receiver, one.group, one.by if one.verdict == "told" else "") for one in mine}
            assert len(known) == len(mine), f"two accounts of {change.step}: {mine}"
            assert {one.receiver for one in mine} >= receivers, f"{change.labels} {change.step}: {mine}"
            assert all(one.by in self.hearing.keys for one in mine if one.verdict in {"told", "replaced"} and one.by)


def _run(client: "redis.Redis", examples: int, steps: int) -> None:
    machine: Any = type("LifeHere", (Life,), {"client": client})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None,
            suppress_health_check=list(HealthCheck), database=None, derandomize=True,
        ),
    )  # fmt: skip


def test_alerts_and_what_is_said_of_them_behave_as_the_model(client: "redis.Redis") -> None:
    _run(client, 40, 35)


@pytest.mark.slow
def test_alerts_and_what_is_said_of_them_behave_as_the_model_in_many_long_lives(client: "redis.Redis") -> None:
    _run(client, int(os.environ.get("MAKEGOOD_LIVES", "1500")), 80)
