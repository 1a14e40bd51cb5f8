"""What receivers have heard, and whether they should have: the second half of the model of an alert's life."""

import re
from collections.abc import Hashable
from typing import Any

from detectors.contract import AlertChange
from tests.support.deciding import Said
from tests.support.life_model import (
    INTERVAL_S,
    RECEIVERS,
    REPEAT_S,
    ROUTES,
    SECOND_US,
    STEP_S,
    STEPS,
    WAIT_S,
    Moment,
    Place,
    Truth,
    places,
)

SLACK_S = 3
_STEP = re.compile(r"Step (\d) of 2 of the escalation(?:, round (\d))?\.|Last resort of the escalation\.")
ENDED = 2 * len(STEPS) + 1
"""Steps of all rounds, and the last resort."""
PAGED = {"last", *(name for step in STEPS for name in step)}
"""Who hears of steps, and of the end, of several groups."""


def step_of(said: Said) -> int:
    """Return which step of the escalation a notification is, over all rounds, from 1; 0: none."""
    found = _STEP.match(said.draft.notes[0]) if said.draft.notes else None
    if found is None:
        return 0
    return ENDED if found[1] is None else int(found[1]) + len(STEPS) * (int(found[2] or 1) - 1)


def token(step: str) -> str:
    return step if step.partition(":")[0] == "suspected" else "firing"


class Heard:
    """What one place was told."""

    def __init__(self) -> None:
        self.firing: dict[str, str] = {}
        self.resolved: set[str] = set()
        self.knows: dict[str, str] = {}
        self.at_us = 0
        self.step = 0
        self.step_at_us = 0
        self.ended: set[str] = set()


class Hearing:
    """Judges each notification as it is said, and what is missing.

    Args:
        truth: what is true.

    ``steady_us`` is the time that has really passed; ``now_us`` what the clock shows, which may jump.
    """

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self.places: dict[Place, Heard] = {}
        self.lines: dict[str, dict[str, tuple[int, str]]] = {}
        self.keys: set[str] = set()
        self.since_us: dict[tuple[str, Place], int] = {}
        self.over_us: dict[tuple[str, Place], int] = {}
        self.open_us: dict[Place, int] = {}
        self.may_begin: set[Place] = set()
        self.put_right: set[str] = set()
        self.unattended: set[str] = set()  # what may have missed its tick, because nobody was there
        self.steady_us = 0

    def hear(self, said: Said, before: Moment, after: Moment, now_us: int) -> None:
        """Judge a notification: between the two moments it was decided."""
        draft = said.draft
        assert said.key not in self.keys, "one key, two notifications"
        self.keys.add(said.key)
        assert draft.alerts
        self._in_line(said)
        for change in draft.alerts:
            name = change.labels["alertname"]
            fires = change.status == "firing"
            assert fires in {before.fires[name], after.fires[name]}, f"{name} is told as what it is not"
            if fires:
                assert "" in {before.hidden[name], after.hidden[name]}, f"{name} is told while {after.hidden[name]}"
        place = self._place(said, before, after)
        if said.receiver not in PAGED:
            self._joined(said, place)
        if draft.kind == "escalation" or step_of(said):
            self._escalated(said, place, before, after, now_us)
        if draft.kind in {"group", "repeat"} and said.receiver == place.receiver and said.receiver not in PAGED:
            self._told(said, place, now_us)

    def _place(self, said: Said, before: Moment, after: Moment) -> Place:
        labels = tuple(sorted(said.draft.group_labels.items()))
        names = [change.labels["alertname"] for change in said.draft.alerts if change.status == "firing"]
        if not names:  # the end, also by routes of before
            return Place(said.receiver, labels)
        for moment in (before, after):
            found = [place for place in places(moment.routes, names[0]) if place.labels == labels]
            mine = [place for place in found if place.receiver == said.receiver] or found
            if mine and all(mine[0] in places(moment.routes, name) for name in names):
                if said.draft.kind == "escalation":
                    mine = [place for place in found if _key(said) == _route(place)] or mine
                return mine[0]
        msg = f"the routes do not lead {names} to {said.receiver} {labels}"
        raise AssertionError(msg)

    def _in_line(self, said: Said) -> None:
        line = self.lines.setdefault(said.line, {})
        for change in said.draft.alerts:
            now = (change.starts_at_us, change.status)
            last = line.get(change.fingerprint, (0, ""))
            assert now >= last or now[0] < last[0], f"{change.labels} fires after it has resolved"
            line[change.fingerprint] = max(now, last)

    def _joined(self, said: Said, place: Place) -> None:
        """Note who is told for the first time: an escalation that has ended begins again for him."""
        heard = self.places.setdefault(place, Heard())
        names = {_name(change) for change in said.draft.alerts if change.status == "firing"}
        new = any(heard.knows.get(name) != "firing" for name in names)
        if new and heard.step == ENDED and said.receiver == place.receiver:
            self.may_begin.add(place)

    def _told(self, said: Said, place: Place, now_us: int) -> None:
        heard = self.places.setdefault(place, Heard())
        firing = {_name(change): token(change.step) for change in said.draft.alerts if change.status == "firing"}
        resolved = {_name(change) for change in said.draft.alerts if change.status == "resolved"}
        if said.draft.kind == "repeat":
            assert now_us > heard.at_us + REPEAT_S * SECOND_US, "repeated too early"
        else:
            news = {name for name, now in firing.items() if _is_news(heard.firing.get(name), now)}
            news |= resolved - heard.resolved
            news |= resolved & (self.put_right | self.unattended)
            if not RECEIVERS[place.receiver].get("send_resolved", True):
                news |= heard.ended & firing.keys()
            assert news, f"{place} is told what it knows"
        heard.firing, heard.resolved, heard.at_us = firing, resolved, now_us
        heard.knows |= dict.fromkeys(firing, "firing") | dict.fromkeys(resolved, "resolved")
        heard.ended.clear()
        self.put_right -= resolved
        self.unattended -= resolved

    def _escalated(self, said: Said, place: Place, before: Moment, after: Moment, now_us: int) -> None:
        step = step_of(said)
        assert step, said.draft.notes
        names = [_name(change) for change in said.draft.alerts if change.status == "firing"]
        open_ = [name for name in names if False in {before.in_hand[name], after.in_hand[name]}]
        assert open_, f"step {step} is told although all of {names} is acknowledged"
        to = ("last",) if step == ENDED else STEPS[(step - 1) % len(STEPS)]
        assert said.receiver in {*to, place.receiver}
        heard = self.places.setdefault(place, Heard())
        if step == heard.step and now_us == heard.step_at_us:
            return  # the same step, to the next of several
        expected = {heard.step + 1} if heard.step < ENDED else set()
        if place in self.may_begin:
            expected.add(1)
        assert step in expected, f"step {step} of {place} after step {heard.step}"
        self.may_begin.discard(place)
        heard.step, heard.step_at_us = step, now_us
        self.open_us[place] = self.steady_us

    def has_ended(self, name: str) -> None:
        """Note that an alert has resolved: who is not told of that, is told when it fires again."""
        for heard in self.places.values():
            heard.ended.add(name)

    # --- what is missing

    def look(self, now_us: int) -> None:
        """Note what is true now, and judge what should have been heard since."""
        truth, steady_us = self._truth, self.steady_us
        for name, alert in truth.alerts.items():
            waited = {place for one, place in self.since_us if one == name}  # by routes of before, too
            for place in {*places(truth.routes, name), *self.places, *waited}:
                here = alert.fires and place in places(truth.routes, name) and not truth.hidden(name, now_us)
                self._since(self.since_us, (name, place), here)
                known = place in self.places and self.places[place].knows.get(name) == "firing"
                wants = RECEIVERS[place.receiver].get("send_resolved", True)
                self._since(self.over_us, (name, place), known and not alert.fires and wants)
                if here and not known:
                    longest_us = (WAIT_S + INTERVAL_S + SLACK_S) * SECOND_US
                    late_us = steady_us - self.since_us[name, place]
                    assert late_us <= longest_us, f"{name} fires, and {place} was not told"
                if (name, place) in self.over_us:
                    late_us = steady_us - self.over_us[name, place]
                    assert late_us <= (INTERVAL_S + SLACK_S) * SECOND_US, f"{place} was not told that {name} resolved"
        for place in {
            place for name in truth.alerts for routes in range(len(ROUTES)) for place in places(routes, name)
        }:
            self._look_at_escalation(place, now_us)

    def _look_at_escalation(self, place: Place, now_us: int) -> None:
        truth = self._truth
        if all(truth.alerts[name].in_hand(now_us) for name in truth.members(place)):
            self.may_begin.add(place)
        open_ = truth.open(place, now_us)
        self._since(self.open_us, place, open_)
        heard = self.places.get(place)
        step = 0 if heard is None else heard.step
        if open_ and step < ENDED:
            longest_us = (max(STEP_S, WAIT_S) + INTERVAL_S + SLACK_S) * SECOND_US
            assert self.steady_us - self.open_us[place] <= longest_us, f"no step of {place} after {step}"

    def excuse(self) -> None:
        """Count everything anew: nobody was there, or the clock has jumped."""
        counted: tuple[dict[Any, int], ...] = (self.since_us, self.over_us, self.open_us)
        for found in counted:
            for key in found:
                found[key] = self.steady_us

    def _since(self, found: dict[Any, int], key: Hashable, holds: object) -> None:
        if holds:
            found.setdefault(key, self.steady_us)
        else:
            found.pop(key, None)


def _is_news(before: str | None, now: str) -> bool:
    return before is None or (before != now and (now != "firing" or before.startswith("suspected")))


def _name(change: AlertChange) -> str:
    return change.labels["alertname"]


def _key(said: Said) -> str:
    return said.draft.group.rpartition(":{")[0]


def _route(place: Place) -> str:
    return {
        "ops": "{}",
        "urgent": '{}/{severity="critical"}',
    }.get(place.receiver, '{}/{team="t"}')
