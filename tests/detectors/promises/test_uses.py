"""What plain steps are to a case of which nothing is known: what the shard itself would do with each."""

from collections.abc import Sequence
from typing import Any

import pytest

from detectors.contract import Progress
from detectors.events import CASE_STEPS, Event
from detectors.promises.plan import Plan
from detectors.promises.shard import SlaShard
from detectors.quiet import NO_USE, SEED, STRAY, Quieting, TakesQuiet
from tests.detectors.promises.bulk import EventColumns, give, uses
from tests.detectors.promises.test_strays import TIMED
from tests.support.promises import EVERYDAY, MANY_PROMISES, MONDAY_US, detector, event

HANDOFF = [{"kind": "handoff", "target": 90, "unit": "minutes"}]
BY_STATUS = [{"kind": "agent_work", "start": {"step": ["reopened"], "status": ["open"]}, "target": 1, "unit": "hours"}]
FROM_REPLY = [{"kind": "agent_work", "start": {"step": ["agent_reply"]}, "stop": {"step": ["closed"]}, "target": 1,
               "unit": "hours"}]  # fmt: skip
DELIVERY = [{"kind": "delivery"}]
STATUSES = (None, "open", "Closed", "pending", "solved", "cancelled", "spam", "my own")


def steps() -> list[Event]:
    """Return each step with each status, with and without what a shard must know of."""
    more: tuple[dict[str, Any], ...] = ({}, {"priority": "high"}, {"queue": "one"}, {"channel": "mail", "to": "low"})
    return [
        event(step, MONDAY_US, f"c{number}", status=status, **each)
        for number, (step, status, each) in enumerate(
            (step, status, each) for step in sorted(CASE_STEPS) for status in STATUSES for each in more
        )
    ]


def done_with(one: Event, *, derives: bool, promises: Sequence[dict[str, Any]]) -> int:
    """Return what a shard does with an event about a case that it does not know."""
    made = detector(*promises)
    state = made.deriving_shard() if derives else made.shard()
    assert isinstance(state, SlaShard)
    state.update([one], Progress(one.time_us, one.time_us))
    if not len(state):
        return NO_USE
    keeps = state._plan.infos[type(one)].keeps_about
    return STRAY if not keeps and "case" in state._strays and state._strays["case"].held else SEED


@pytest.mark.parametrize("derives", [False, True])
@pytest.mark.parametrize(
    "promises",
    [EVERYDAY, TIMED, MANY_PROMISES, HANDOFF, BY_STATUS, FROM_REPLY, DELIVERY],
    ids=["everyday", "timed", "many", "handoff", "by status", "from a reply", "delivery"],
)
def test_uses_are_what_a_shard_does(promises: list[dict[str, Any]], derives: bool) -> None:
    made = detector(*promises)
    wanted = [one for one in steps() if one.type in made.event_types]
    found = uses(made, wanted)
    assert found == [done_with(one, derives=derives, promises=promises) for one in wanted]
    assert {one.type for one, use in zip(wanted, found, strict=True) if use != SEED} == made.quiet_types


def test_everyday_promises_make_quiet_what_begins_nothing() -> None:
    made = detector(*EVERYDAY)
    assert isinstance(made, Quieting)
    assert isinstance(made.shard(), TakesQuiet)
    assert isinstance(made.deriving_shard(), TakesQuiet)
    assert made.quiet_types == {f"crm.case.{step}" for step in CASE_STEPS} - {"crm.case.opened", "crm.case.split"} - {
        f"crm.case.{step}" for step in ("reopened", "merged")
    }


def test_shards_that_derive_and_others_are_of_one_mind() -> None:
    made = detector(*MANY_PROMISES)

    def told(plan: Plan) -> list[tuple[Any, ...]]:
        rules = plan.rules.get("case")
        return [
            (info.step, info.keeps_about, relevant, None if rules is None else rules.begins_nothing(info.step, status))
            for info, relevant, _ in plan.kinds.values()
            for status in STATUSES
        ]

    assert told(made._make_plan(derives=False)) == told(made._make_plan(derives=True))


def test_without_rules_everything_comes_back() -> None:
    state = detector(*MANY_PROMISES).shard()
    assert isinstance(state, SlaShard)
    ends = [event("closed", MONDAY_US, f"c{number}") for number in range(40)]
    assert [one.id for one in give(state, ends)] == [one.id for one in ends]
    assert len(state) == 0


def test_texts_that_come_later_have_their_uses() -> None:
    made, texts = detector(*EVERYDAY), dict[str, list[str]]()

    def found(generation: int, *events: Event) -> list[int]:
        columns = EventColumns(events, texts, generation)
        for field in ("type", "status"):
            columns.codes(field)
        return [int(use) for use in made.uses(columns)]

    def one(step: str, **data: Any) -> Event:
        return event(step, MONDAY_US, **data)

    assert found(1, one("closed"), one("updated")) == [STRAY, NO_USE]
    assert found(1, one("updated", status="spam"), one("opened"), one("opened", status="spam")) == [STRAY, SEED, SEED]
    assert found(1, one("updated", status="cancelled"), one("updated", queue="a")) == [STRAY, STRAY]
    texts.clear()
    assert found(2, one("opened", status="a"), one("updated"), one("closed", status="b")) == [SEED, NO_USE, STRAY]
    assert found(2, one("customer_message", status="c"), one("closed")) == [STRAY, STRAY]
    assert found(2) == []


class _Asked:
    def __init__(self, found: Any) -> None:
        self.found, self.times = found, 0

    def __call__(self, *given: Any) -> Any:
        self.times += 1
        return self.found(*given)


def test_each_type_and_status_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made, texts = detector(*EVERYDAY), dict[str, list[str]]()
    asked = _Asked(made._uses._use)
    monkeypatch.setattr(made._uses, "_use", asked)
    for number in range(30):
        columns = EventColumns([event("closed", MONDAY_US, status=f"s{number % 10}"), event("closed", 0)], texts)
        columns.codes("type")
        columns.codes("status")
        made.uses(columns)
    assert asked.times == 11
