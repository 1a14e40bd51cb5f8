"""The same alerts through Debian's Alertmanager and through ours, for many scenarios at once.

Time is in slots. Alerts come, and silences begin and end, on whole slots; groups are looked at on halves, because each
``group_wait`` is some slots and a half and each ``group_interval`` whole slots. So Alertmanager, which needs real time,
has half a slot for each; where the machine was slower than that, or may have been, all is done again with longer slots.
"""

import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from alerts.model import rfc3339
from alerts.silences import SilenceBook
from alerts.store import AlertStore
from config.inhibition import InhibitRuleSettings
from config.matchers import parse_matcher
from detectors.contract import AlertChange, alert_change
from tests.support.alertmanager import Alertmanager, alertmanager
from tests.support.alerts import START_US
from tests.support.deciding import World, work
from tests.support.dispatch import dispatcher
from tests.support.http import Answer, HttpServer, Request
from tests.support.notifier import Clock

Labels = Mapping[str, str]
Route = dict[str, Any]
GroupKey = tuple[str, str, tuple[tuple[str, str], ...]]
"""Receiver, key of the group, its labels."""
Told = list[tuple[tuple[tuple[tuple[str, str], ...], str], ...]]
"""Of a group, its notifications: of each alert, sorted, its labels and status."""
TAIL = 4
_TRIES = 5
_TIMES = {"wait": "group_wait", "interval": "group_interval", "repeat": "repeat_interval"}


class Silencing(NamedTuple):
    """A silence, from the slot of its step on. ``name`` is to expire it by."""

    name: str
    matchers: tuple[str, ...]
    slots: int


class Step(NamedTuple):
    """What happens on a slot; alerts by their names. Who fires already and fires again is an update."""

    slot: int
    fire: tuple[str, ...] = ()
    resolve: tuple[str, ...] = ()
    silence: tuple[Silencing, ...] = ()
    expire: tuple[str, ...] = ()


class Scenario(NamedTuple):
    """Alerts, a tree and steps. Names of receivers are the scenario's own.

    Attributes:
        route: as in the settings, with ``wait``, ``interval`` and ``repeat`` in slots in place of the three times.
        receivers: what differs from the default: ``send_resolved``, ``max_alerts``.
        inhibit: rules, as in the settings.
    """

    name: str
    route: Route
    alerts: Mapping[str, Labels]
    steps: tuple[Step, ...]
    receivers: Mapping[str, Mapping[str, Any]] = {}
    inhibit: tuple[Mapping[str, Any], ...] = ()

    def labels(self, alert: str) -> dict[str, str]:
        return {**self.alerts[alert], "scenario": self.name}

    @property
    def mine(self) -> str:
        return f'scenario="{self.name}"'

    def receiver(self, name: str) -> str:
        """Return the name of a receiver among those of all scenarios."""
        return f"{re.sub('[^a-z0-9]', '_', self.name)[:40]}-{name}"

    def tree(self, slot_ms: int) -> Route:
        def node(route: Route) -> Route:
            made = {key: value for key, value in route.items() if key not in _TIMES}
            made |= {_TIMES[key]: f"{round(route[key] * slot_ms)}ms" for key in _TIMES if key in route}
            if "receiver" in route:
                made["receiver"] = self.receiver(route["receiver"])
            return {**made, "routes": [node(child) for child in route.get("routes", [])]}

        return {**node({"wait": 0.5, "interval": 1, "repeat": 1000, **self.route}), "matchers": [self.mine]}

    def rules(self) -> list[dict[str, Any]]:
        sides = ("source_matchers", "target_matchers")
        return [{**rule, **{side: [*rule[side], self.mine] for side in sides}} for rule in self.inhibit]

    def names(self) -> set[str]:
        def below(route: Route) -> set[str]:
            own = {str(route["receiver"])} if "receiver" in route else set()
            return own.union(*(below(child) for child in route.get("routes", [])))

        return below(self.route)


def _tree(scenarios: Sequence[Scenario], slot_ms: int) -> Route:
    return {"receiver": "nobody", "routes": [one.tree(slot_ms) for one in scenarios]}


def _slots(scenarios: Sequence[Scenario]) -> int:
    return max(step.slot for one in scenarios for step in one.steps) + TAIL


# --- ours


def ours(scenarios: Sequence[Scenario], store: AlertStore) -> dict[GroupKey, Told]:
    """Return what ours tells, by group."""
    clock = Clock()
    receivers = {
        one.receiver(name): dict(one.receivers.get(name, {})) for one in scenarios for name in sorted(one.names())
    }
    one = dispatcher(
        store,
        clock,
        _tree(scenarios, 1000),
        {"nobody": {}, **receivers},
        inhibit_rules=[InhibitRuleSettings.model_validate(rule) for each in scenarios for rule in each.rules()],
    )
    world, book = World(store, clock), SilenceBook(store)
    running = [_Ours(scenario, book) for scenario in scenarios]
    for slot in range(_slots(scenarios)):
        clock.now_us = START_US + slot * 1_000_000
        world.apply([change for each in running for change in each.step(slot, clock.now_us)])
        work(one)
        clock.forward(0.5)
        work(one)
    found: dict[GroupKey, Told] = {}
    for said in world.said():
        draft = said.draft
        key = (said.receiver, draft.group, tuple(sorted(draft.group_labels.items())))
        alerts = sorted((tuple(sorted(change.labels.items())), change.status) for change in draft.alerts)
        left_out = [((("left out", ""),), str(sum(draft.truncated.values())))] if draft.truncated else []
        found.setdefault(key, []).append((*alerts, *left_out))
    return found


class _Ours:
    """One scenario, as changes and silences of ours."""

    def __init__(self, scenario: Scenario, book: SilenceBook) -> None:
        self._scenario = scenario
        self._book = book
        self._since: dict[str, int] = {}
        self._updates = 0
        self._silences: dict[str, str] = {}

    def step(self, slot: int, now_us: int) -> list[AlertChange]:
        found = []
        for step in self._scenario.steps:
            if step.slot != slot:
                continue
            for one in step.silence:
                ends_us = now_us + one.slots * 1_000_000
                matchers = (*one.matchers, self._scenario.mine)
                made = self._book.add(matchers, ends_us=ends_us, author="a", comment="c", now_us=now_us)
                self._silences[one.name] = made.id
            for name in step.expire:
                self._book.expire(self._silences[name], by="a", now_us=now_us)
            for name in step.fire:
                self._updates += 1
                again = name in self._since
                began_us = self._since.setdefault(name, now_us)
                found.append(self._change(name, f"updated:{self._updates}" if again else "firing", now_us, began_us))
            found += [self._change(name, "resolved", now_us, self._since.pop(name)) for name in step.resolve]
        return found

    def _change(self, name: str, step: str, now_us: int, began_us: int) -> AlertChange:
        return alert_change(
            step=step,
            at_us=now_us,
            status="resolved" if step == "resolved" else "firing",
            labels=self._scenario.labels(name),
            annotations={},
            starts_at_us=began_us,
            ends_at_us=now_us if step == "resolved" else None,
        )


# --- Alertmanager's


class _Hook(HttpServer):
    """Notes when requests came."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[tuple[float, Any]] = []

    def answer(self, request: Request) -> Answer:
        self.came.append((time.monotonic(), request.json))
        return super().answer(request)


class _TooSlowError(Exception):
    """The machine did not keep the times."""


def theirs(scenarios: Sequence[Scenario], folder: Path) -> Iterator[dict[GroupKey, Told]]:
    """Yield what Alertmanager tells, by group, with ever longer slots: what differs with all of them does differ.

    That it was in time is seen from outside. On a busy machine it may have looked at a group before it had put an alert
    there that it had taken already.
    """
    slot_s, reasons, any_told = 0.5, [], False
    for number in range(_TRIES):
        try:
            told = _theirs(scenarios, folder / str(number), slot_s)
        except _TooSlowError as error:
            reasons.append(f"{slot_s} s: {error}")
        else:
            any_told = True
            yield told
        slot_s *= 2
    assert any_told, f"the machine was too slow: {reasons}"


def _theirs(scenarios: Sequence[Scenario], folder: Path, slot_s: float) -> dict[GroupKey, Told]:
    hook = _Hook()
    with hook.serving(), alertmanager(folder) as server:
        _configure(server, scenarios, hook.url, round(slot_s * 1000))
        begin_s = time.monotonic() + 0.2
        silences: dict[tuple[str, str], str] = {}
        for slot in range(_slots(scenarios)):
            _wait_until(begin_s + slot * slot_s)
            for one in scenarios:
                _silence(server, one, slot, slot_s, silences)
            _post(server, scenarios, slot)
            late = (time.monotonic() - begin_s) / slot_s - slot
            if late > 0.4:
                msg = f"the alerts of slot {slot} were given {late:.2f} slots late"
                raise _TooSlowError(msg)
        _wait_until(begin_s + _slots(scenarios) * slot_s)
        for came_s, told in list(hook.came):
            place = (came_s - begin_s) / slot_s
            if not 0.45 < place % 1 < 0.95:
                msg = f"{told['groupKey']} was told at {place:.2f} slots"
                raise _TooSlowError(msg)
    found: dict[GroupKey, Told] = {}
    for _, told in list(hook.came):
        key = (told["receiver"], told["groupKey"], tuple(sorted(told["groupLabels"].items())))
        alerts = sorted((tuple(sorted(one["labels"].items())), str(one["status"])) for one in told["alerts"])
        left_out = [((("left out", ""),), str(told["truncatedAlerts"]))] if told["truncatedAlerts"] else []
        found.setdefault(key, []).append((*alerts, *left_out))
    return found


def _wait_until(time_s: float) -> None:
    left_s = time_s - time.monotonic()
    if left_s > 0:
        threading.Event().wait(left_s)


def _configure(server: Alertmanager, scenarios: Sequence[Scenario], url: str, slot_ms: int) -> None:
    receivers: list[dict[str, Any]] = [{"name": "nobody"}]
    for one in scenarios:
        for name in sorted(one.names()):
            hook = {"url": url, "send_resolved": True, **one.receivers.get(name, {})}
            receivers.append({"name": one.receiver(name), "webhook_configs": [hook]})
    rules = [rule for one in scenarios for rule in one.rules()]
    server.configure({"route": _tree(scenarios, slot_ms), "receivers": receivers, "inhibit_rules": rules})


def _silence(
    server: Alertmanager, scenario: Scenario, slot: int, slot_s: float, silences: dict[tuple[str, str], str]
) -> None:
    for step in scenario.steps:
        if step.slot != slot:
            continue
        for one in step.silence:
            matchers = [parse_matcher(text) for text in (*one.matchers, scenario.mine)]
            now_us = time.time_ns() // 1000
            body = {
                "matchers": [
                    {
                        "name": matcher.label,
                        "value": matcher.value,
                        "isRegex": matcher.operator.endswith("~"),
                        "isEqual": matcher.operator.startswith("="),
                    }
                    for matcher in matchers
                ],
                "startsAt": rfc3339(now_us),
                "endsAt": rfc3339(now_us + round(one.slots * slot_s * 1_000_000)),
                "createdBy": "a",
                "comment": "c",
            }
            silences[scenario.name, one.name] = server.ask("/api/v2/silences", body)["silenceID"]
        for name in step.expire:
            server.ask(f"/api/v2/silence/{silences[scenario.name, name]}", method="DELETE")


def _post(server: Alertmanager, scenarios: Sequence[Scenario], slot: int) -> None:
    ended = rfc3339(time.time_ns() // 1000 - 1000)
    body: list[dict[str, object]] = []
    for one in scenarios:
        for step in one.steps:
            if step.slot == slot:
                body += [{"labels": one.labels(name)} for name in step.fire]
                body += [{"labels": one.labels(name), "endsAt": ended} for name in step.resolve]
    if body:
        server.ask("/api/v2/alerts", body)
