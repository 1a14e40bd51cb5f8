"""Scenarios drawn at random, in which Alertmanager and ours are meant to tell the same.

Kept out is what is meant to differ: nobody resolves while he is hidden, nor within a tick after that; and where the
times of the groups are drawn too, nobody comes after somebody has resolved (see :mod:`alerts.grouping`).
"""

import random
from collections.abc import Sequence
from typing import Any

from alerts.inhibition import Inhibitor
from config.inhibition import InhibitRuleSettings
from config.matchers import condition, matchers_of
from tests.support.alike import Scenario, Silencing, Step

_VALUES = {"a": ["x", "y"], "b": ["1", "2"], "sev": ["crit", "warn"]}
_GROUPS: list[list[str]] = [[], ["..."], ["a"], ["a", "b"], ["b", "missing"], ["sev"]]
_SLOTS = 12


def drawn(rng: random.Random, name: str) -> Scenario:
    """Return a scenario; the same for the same state of ``rng``."""
    free = rng.random() < 0.6
    alerts = {f"A{n}": _labels(rng, n) for n in range(rng.randint(2, 6))}
    receivers: list[str] = []
    route = _route(rng, receivers, depth=0, free=free)
    wants = {one: {"send_resolved": rng.random() < 0.75} for one in receivers}
    inhibit = tuple(_rule(rng) for _ in range(rng.choice([0, 0, 1, 2])))
    made = Scenario(name, route, alerts, (), wants, inhibit)
    both = any(_is(made, one, "source_matchers") and _is(made, one, "target_matchers") for one in alerts)
    if both and not free:
        made = made._replace(inhibit=())
    return made._replace(steps=tuple(_free(rng, made) if free else _in_order(rng, made)))


def _labels(rng: random.Random, number: int) -> dict[str, str]:
    chosen = {label: rng.choice(values) for label, values in _VALUES.items() if rng.random() < 0.8}
    return {**chosen, "n": str(number)}


def _matcher(rng: random.Random) -> str:
    label = rng.choice(list(_VALUES))
    operator = rng.choice(["=", "=", "!=", "=~", "!~"])
    value = rng.choice(_VALUES[label])
    return f'{label}{operator}"{value}|none"' if "~" in operator else f'{label}{operator}"{value}"'


def _route(rng: random.Random, receivers: list[str], depth: int, *, free: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if depth == 0 or rng.random() < 0.7:
        receivers.append(f"r{len(receivers)}")
        made["receiver"] = receivers[-1]
    if depth == 0 or rng.random() < 0.5:
        made["group_by"] = rng.choice(_GROUPS)
    if rng.random() < 0.3:
        made["repeat"] = rng.choice([1.5, 2.5, 4.5])
    if not free:
        made |= {"wait": rng.choice([0.5, 1.5, 2.5]), "interval": rng.choice([1, 2, 3])}
    if depth:
        made |= {"matchers": sorted({_matcher(rng) for _ in range(rng.randint(1, 2))}), "continue": rng.random() < 0.5}
    if depth < 2:
        children = [_route(rng, receivers, depth + 1, free=free) for _ in range(rng.randint(0, 3 - depth))]
        # Two of one name would share what Alertmanager remembers of them.
        made["routes"] = list({str(child["matchers"]): child for child in children}.values())
    return made


def _rule(rng: random.Random) -> dict[str, Any]:
    equal = rng.sample(list(_VALUES), rng.randint(0, 2))
    return {"source_matchers": [_matcher(rng)], "target_matchers": [_matcher(rng)], "equal": equal}


class _Hidden:
    """Who is hidden on the half after a slot."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._rules = Inhibitor([InhibitRuleSettings.model_validate(rule) for rule in scenario.rules()])
        self.silences: list[tuple[int, Silencing]] = []

    def among(self, firing: Sequence[str], asked: Sequence[str], slot: int) -> set[str]:
        sources = [self._scenario.labels(name) for name in firing]
        return {
            name for name in asked
            if self._rules.mute(self._scenario.labels(name), sources) is not None
            or any(
                since <= slot < since + one.slots
                and condition(matchers_of(one.matchers))(self._scenario.labels(name))
                for since, one in self.silences
            )
        }  # fmt: skip


def _silencing(rng: random.Random, name: str, slots: int) -> Silencing:
    return Silencing(name, (rng.choice([_matcher(rng), f'n="{rng.randint(0, 5)}"']),), slots)


def _free(rng: random.Random, scenario: Scenario) -> list[Step]:
    """Anything at any time."""
    hidden = _Hidden(scenario)
    firing: list[str] = []
    steps = []
    just_hidden: set[str] = set()
    for slot in range(_SLOTS):
        silence = (_silencing(rng, f"q{slot}", rng.randint(1, 4)),) if rng.random() < 0.15 else ()
        hidden.silences += [(slot, one) for one in silence]
        comes = [name for name in scenario.alerts if rng.random() < 0.25]
        goes = [name for name in firing if name not in comes and name not in just_hidden and rng.random() < 0.35]
        while True:
            after = sorted({*firing, *comes} - set(goes))
            wrong = hidden.among(after, goes, slot)
            if not wrong:
                break
            goes = [name for name in goes if name not in wrong]
        firing = after
        just_hidden = hidden.among(firing, firing, slot)
        steps.append(Step(slot, tuple(comes), tuple(goes), silence))
    return steps


def _in_order(rng: random.Random, scenario: Scenario) -> list[Step]:
    """Fires and silences first; then the sources of inhibition end, then the others."""
    names = list(scenario.alerts)
    comes = {name: rng.randint(0, 3) for name in names}
    sources = {name for name in names if _is(scenario, name, "source_matchers")}
    resolved = [name for name in names if name in sources or rng.random() < 0.7]
    goes = {name: 9 if name in sources else rng.randint(14, 15) for name in resolved}
    silences = [(slot, _silencing(rng, f"q{slot}", 4 - slot)) for slot in (0, 2) if rng.random() < 0.3]
    again = [(rng.randint(4, 8), name) for name in names if rng.random() < 0.3]
    return [
        Step(
            slot,
            tuple(name for name in names if comes[name] == slot or (slot, name) in again),
            tuple(name for name in names if goes.get(name) == slot),
            tuple(one for since, one in silences if since == slot),
        )
        for slot in range(16)
    ]


def _is(scenario: Scenario, name: str, side: str) -> bool:
    return any(condition(matchers_of(rule[side]))(scenario.alerts[name]) for rule in scenario.inhibit)
