"""One alert lives any life, over a real Redis, beside a model of it that fits on a page."""

import itertools
import os
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from alerts.responses import Responses, Said
from detectors.contract import AlertChange
from tests.support.alerts import START_US, change
from tests.support.redis import fresh_store

SECOND_US = 1_000_000
PEOPLE = st.sampled_from(["ann", "bob"])
IDS = st.integers(0, 30)


class Life(RuleBasedStateMachine):
    """What an operator knows of an alert, against what the store says.

    The model: which episode there is, whether it fires by its detector, whether a person closed it, who has taken it
    on until when, and which ids of responses were taken.
    """

    client: "redis.Redis"

    def __init__(self) -> None:
        super().__init__()
        self.store = fresh_store(self.client)
        self.responses = Responses(self.store)
        self.now_us = START_US
        self.episode_us: int | None = None
        self.fires = False
        self.closed = False
        self.steps = itertools.count(1)
        self.taken_on: tuple[str, int | None] | None = None
        self.given_to = ""
        self.said: list[str] = []
        self.waiting: list[AlertChange] = []

    # --- what the detector says

    @precondition(lambda self: self.episode_us is None or not self.fires)
    @rule()
    def fire(self) -> None:
        self.now_us += SECOND_US
        self.episode_us = self.now_us
        self.fires, self.closed, self.taken_on, self.given_to = True, False, None, ""
        self.store.apply([change(at_us=self.now_us, starts_at_us=self.now_us)])

    @precondition(lambda self: self.fires)
    @rule(late=st.booleans())
    def update(self, late: bool) -> None:
        assert self.episode_us is not None
        self.now_us += SECOND_US
        one = change(step=f"updated:{next(self.steps)}", at_us=self.now_us, starts_at_us=self.episode_us)
        if late:
            self.waiting.append(one)
        else:
            self.store.apply([one])

    @precondition(lambda self: self.fires)
    @rule()
    def end(self) -> None:
        assert self.episode_us is not None
        self.now_us += SECOND_US
        self.fires = False
        self.store.apply([change(step="resolved", at_us=self.now_us, starts_at_us=self.episode_us)])

    @precondition(lambda self: self.waiting)
    @rule(again=st.booleans())
    def what_was_late_comes(self, again: bool) -> None:
        self.store.apply([self.waiting[0]])
        if not again:
            self.waiting.pop(0)

    @rule(seconds=st.integers(1, 5000))
    def time_passes(self, seconds: int) -> None:
        self.now_us += seconds * SECOND_US

    # --- what people say

    def say(self, number: int, by: str) -> Said:
        return Said(id=f"r{number}", by=by, via="sms", at_us=self.now_us)

    def expected(self, number: int, otherwise: str) -> str:
        if self.episode_us is None:
            return "unknown"
        return "repeated" if f"r{number}" in self.said else otherwise

    @rule(number=IDS, by=PEOPLE, lasts=st.none() | st.integers(1, 4000))
    def acknowledge(self, number: int, by: str, lasts: int | None) -> None:
        until_us = None if lasts is None else self.now_us + lasts * SECOND_US
        expected = self.expected(number, "done" if self.fires and not self.closed else "resolved")
        answer = self.responses.acknowledge(change().fingerprint, self.say(number, by), until_us=until_us)
        assert answer.result == expected
        if expected == "done":
            self.taken_on = (by, until_us)
            self.said.append(f"r{number}")

    @rule(number=IDS, by=PEOPLE)
    def unacknowledge(self, number: int, by: str) -> None:
        expected = self.expected(number, "done" if self.taken_on is not None else "not_acknowledged")
        answer = self.responses.unacknowledge(change().fingerprint, self.say(number, by))
        assert answer.result == expected
        if expected == "done":
            self.taken_on = None
            self.said.append(f"r{number}")

    @rule(number=IDS, by=PEOPLE)
    def resolve(self, number: int, by: str) -> None:
        expected = self.expected(number, "done" if self.fires and not self.closed else "resolved")
        assert self.responses.resolve(change().fingerprint, self.say(number, by)).result == expected
        if expected == "done":
            self.closed, self.taken_on = True, None
            self.said.append(f"r{number}")

    @rule(number=IDS, to=PEOPLE)
    def reassign(self, number: int, to: str) -> None:
        expected = self.expected(number, "done")
        assert self.responses.reassign(change().fingerprint, self.say(number, "ann"), to).result == expected
        if expected == "done":
            self.given_to = to
            self.said.append(f"r{number}")

    # --- what must hold

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        standing = self.responses.of(change().fingerprint)
        if self.episode_us is None:
            assert standing is None
            return
        assert standing is not None
        firing = self.fires and not self.closed
        assert standing.current.starts_at_us == self.episode_us
        assert (standing.current.status == "firing") == firing
        held = self.taken_on is not None and firing
        if self.taken_on is not None and self.taken_on[1] is not None:
            held = held and self.now_us < self.taken_on[1]
        assert standing.acknowledged(self.now_us) == held
        told = self.responses.acknowledgements([standing.current]).get(standing.current.fingerprint)
        assert told == standing.acknowledgement
        assert (None if told is None else (told.by, told.until_us)) == self.taken_on
        assert ("" if standing.assignment is None else standing.assignment.to) == self.given_to
        given = self.responses.assignments([standing.current]).get(standing.current.fingerprint)
        assert given == standing.assignment
        assert [one.id for one in standing.responses] == self.said
        assert self.store.counts()["firing"] == int(firing)


def _run(client: "redis.Redis", examples: int, steps: int) -> None:
    machine: Any = type("LifeHere", (Life,), {"client": client})
    quiet = list(HealthCheck)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=quiet, database=None
        ),
    )


def test_an_alert_and_its_responses_behave_as_the_model(client: "redis.Redis") -> None:
    _run(client, 60, 30)


@pytest.mark.slow
def test_an_alert_and_its_responses_behave_as_the_model_in_many_long_lives(client: "redis.Redis") -> None:
    _run(client, int(os.environ.get("MAKEGOOD_LIVES", "1500")), 60)
