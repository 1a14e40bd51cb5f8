"""The same alerts, routes, groups, inhibition and silences through Debian's Alertmanager and through ours.

What is meant to differ is in ``INTENDED``, each with what either tells; all else is told alike.
"""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from alerts.store import AlertStore
from tests.support.alertmanager import needs_alertmanager
from tests.support.alike import GroupKey, Scenario, Silencing, Step, Told, ours, theirs
from tests.support.alike_drawn import drawn

A, B, C, D = {"a": "x", "n": "1"}, {"a": "x", "n": "2"}, {"a": "y", "n": "3"}, {"b": "z", "n": "4"}
FOUR = {"A": A, "B": B, "C": C, "D": D}
PLAIN = {"receiver": "r"}
QUIET = Silencing("q", ('n="1"',), 3)

ALIKE = [
    Scenario("one", PLAIN, FOUR, (Step(0, fire=("A",)), Step(2, resolve=("A",)))),
    Scenario("together", PLAIN, FOUR, (Step(0, fire=("A", "B")), Step(3, resolve=("A",)), Step(5, resolve=("B",)))),
    Scenario("joins", PLAIN, FOUR, (Step(0, fire=("A",)), Step(1, fire=("B",)), Step(2, fire=("C",)))),
    Scenario("updates", PLAIN, FOUR, tuple(Step(slot, fire=("A",)) for slot in range(5))),
    Scenario("wait", {**PLAIN, "wait": 2.5}, FOUR, (Step(0, fire=("A",)), Step(2, fire=("B",)), Step(4, fire=("C",)))),
    Scenario(
        "interval", {**PLAIN, "interval": 3}, FOUR, (Step(0, fire=("A",)), Step(1, fire=("B",)), Step(3, fire=("C",)))
    ),
    Scenario("before it is told", {**PLAIN, "wait": 2.5}, FOUR, (Step(0, fire=("A",)), Step(1, resolve=("A",)))),
    Scenario(
        "before it is told, beside another",
        {**PLAIN, "interval": 3},
        FOUR,
        (Step(0, fire=("A",)), Step(1, fire=("B",)), Step(2, resolve=("B",)), Step(5, fire=("C",))),
    ),
    Scenario(
        "comes and goes beside another that is news",
        {**PLAIN, "interval": 3},
        FOUR,
        (Step(0, fire=("A",)), Step(1, fire=("B",)), Step(2, resolve=("B",), fire=("C",))),
    ),
    Scenario(
        "back before it is told",
        {**PLAIN, "interval": 3},
        FOUR,
        (Step(0, fire=("A", "B")), Step(1, resolve=("A",)), Step(2, fire=("A",))),
    ),
    Scenario("back", PLAIN, FOUR, (Step(0, fire=("A",)), Step(2, resolve=("A",)), Step(5, fire=("A",)))),
    Scenario("back at once", PLAIN, FOUR, (Step(0, fire=("A",)), Step(1, resolve=("A",)), Step(2, fire=("A",)))),
    Scenario("repeat", {**PLAIN, "repeat": 2.5}, FOUR, (Step(0, fire=("A", "B")), Step(4, resolve=("B",)))),
    Scenario("repeat of many", {**PLAIN, "interval": 2, "repeat": 3}, FOUR, (Step(0, fire=("A",)), Step(9))),
    Scenario("all", {**PLAIN, "group_by": ["..."]}, FOUR, (Step(0, fire=tuple(FOUR)), Step(3, resolve=tuple(FOUR)))),
    Scenario("by a", {**PLAIN, "group_by": ["a"]}, FOUR, (Step(0, fire=tuple(FOUR)), Step(3, resolve=("A", "C")))),
    Scenario("by b and a", {**PLAIN, "group_by": ["b", "a"]}, FOUR, (Step(0, fire=("A", "D")), Step(2, fire=("B",)))),
    Scenario("by what none has", {**PLAIN, "group_by": ["missing"]}, FOUR, (Step(0, fire=tuple(FOUR)),)),
    Scenario(
        "continue",
        {
            **PLAIN,
            "routes": [
                {"matchers": ['a="x"'], "receiver": "first", "continue": True},
                {"matchers": ['n=~"1|3"'], "receiver": "second", "continue": True, "group_by": ["n"]},
                {"matchers": ['n!="4"'], "receiver": "third"},
                {"matchers": ['n=~".*"'], "receiver": "never"},
            ],
        },
        FOUR,
        (Step(0, fire=tuple(FOUR)), Step(3, resolve=("A", "D")), Step(5, resolve=("B", "C"))),
    ),
    Scenario(
        "nested",
        {
            **PLAIN,
            "group_by": ["a"],
            "routes": [
                {
                    "matchers": ['a=~"x|y"'],
                    "group_by": ["n"],
                    "wait": 1.5,
                    "routes": [{"matchers": ['n="2"'], "receiver": "deep", "interval": 2}, {"matchers": ['n="3"']}],
                }
            ],
        },
        FOUR,
        (Step(0, fire=tuple(FOUR)), Step(4, resolve=tuple(FOUR))),
    ),
    Scenario(
        "no resolves",
        PLAIN,
        FOUR,
        (Step(0, fire=("A", "B")), Step(2, resolve=("A",)), Step(4, fire=("C",)), Step(6, resolve=("B", "C"))),
        {"r": {"send_resolved": False}},
    ),
    Scenario(
        "no resolves, and back",
        PLAIN,
        FOUR,
        (
            *(Step(0, fire=("A", "B")), Step(2, resolve=("A",)), Step(4, fire=("A",))),
            *(Step(6, resolve=("A", "B")), Step(8, fire=("A",))),
        ),
        {"r": {"send_resolved": False}},
    ),
    Scenario(
        "at most two",
        PLAIN,
        FOUR,
        (Step(0, fire=("A", "B")), Step(2, fire=("C", "D")), Step(4, resolve=("A", "B", "C")), Step(6, resolve=("D",))),
        {"r": {"max_alerts": 10}},
    ),
    Scenario(
        "inhibited by an equal one",
        {**PLAIN, "group_by": ["n"]},
        FOUR,
        (Step(0, fire=("B",)), Step(1, fire=("A", "C")), Step(3, resolve=("B",)), Step(6, resolve=("A", "C"))),
        inhibit=({"source_matchers": ['n="2"'], "target_matchers": ['n=~"1|3"'], "equal": ["a"]},),
    ),
    Scenario(
        "inhibited after it was told",
        {**PLAIN, "group_by": ["n"], "repeat": 2.5},
        FOUR,
        (Step(0, fire=("A",)), Step(1, fire=("B",)), Step(6, resolve=("B",)), Step(8, resolve=("A",))),
        inhibit=({"source_matchers": ['n="2"'], "target_matchers": ['n="1"'], "equal": ["a", "b"]},),
    ),
    Scenario(
        "inhibited and over",
        PLAIN,
        FOUR,
        (Step(0, fire=("A", "B")), Step(2, resolve=("A",)), Step(4, resolve=("B",))),
        inhibit=({"source_matchers": ['n="2"'], "target_matchers": ['n="1"'], "equal": ["a"]},),
    ),
    Scenario(
        "both sides",
        {**PLAIN, "group_by": ["n"]},
        FOUR,
        (Step(0, fire=("A", "B")), Step(1, fire=("C",)), Step(3, fire=("D",)), Step(5, resolve=("D",))),
        inhibit=({"source_matchers": ['n=~"1|2|4"'], "target_matchers": ['n=~"1|2|3"'], "equal": []},),
    ),
    Scenario("silenced from the first", PLAIN, FOUR, (Step(0, silence=(QUIET,)), Step(1, fire=("A", "B")))),
    Scenario("silenced after it was told", PLAIN, FOUR, (Step(0, fire=("A",)), Step(1, silence=(QUIET,)))),
    Scenario(
        "silenced while another is told",
        PLAIN,
        FOUR,
        (Step(0, fire=("A",)), Step(1, silence=(QUIET,)), Step(2, fire=("B",)), Step(6, resolve=("A",))),
    ),
    Scenario(
        "a silence expires",
        PLAIN,
        FOUR,
        (Step(0, silence=(QUIET._replace(slots=20),)), Step(1, fire=("A",)), Step(4, expire=("q",))),
    ),
    Scenario(
        "silenced and over before it was told",
        PLAIN,
        FOUR,
        (Step(0, silence=(QUIET,)), Step(1, fire=("A",)), Step(2, resolve=("A",)), Step(4, fire=("B",))),
    ),
    Scenario(
        "silenced and repeated",
        {**PLAIN, "repeat": 1.5},
        FOUR,
        (Step(0, fire=("A", "B")), Step(1, silence=(QUIET,)), Step(9, resolve=("A", "B"))),
    ),
]


class Difference(NamedTuple):
    """A scenario, and what each tells of its one group: names of alerts, small when they are resolved."""

    scenario: Scenario
    ours: list[str]
    theirs: list[str]


INTENDED = [
    Difference(
        Scenario("a resolve passes a silence", PLAIN, FOUR, (
            Step(0, fire=("A",)), Step(1, silence=(QUIET,)), Step(2, resolve=("A",)), Step(6),
        )),
        ours=["A", "a"], theirs=["A"],
    ),
    Difference(
        Scenario("a resolve passes inhibition", PLAIN, FOUR, (
            Step(0, fire=("A",)), Step(1, fire=("B",)), Step(2, resolve=("A",)), Step(4, resolve=("B",)),
        ), inhibit=({"source_matchers": ['n="2"'], "target_matchers": ['n="1"']},)),
        ours=["A", "B", "Ba", "b"], theirs=["A", "B", "b"],
    ),
    Difference(
        Scenario("a resolve of what was told long ago, and has been silenced since", PLAIN, FOUR, (
            Step(0, fire=("A",)), Step(1, silence=(QUIET._replace(slots=6),)), Step(2, fire=("B",)),
            Step(3, resolve=("B",)), Step(5, resolve=("A",)),
        )),
        ours=["A", "B", "b", "a"], theirs=["A", "B", "b"],
    ),
    Difference(
        Scenario("a group of which nothing is left is new again", {**PLAIN, "wait": 2.5}, FOUR, (
            Step(0, fire=("A",)), Step(3, resolve=("A",)), Step(5, fire=("A",)), Step(6, resolve=("A",)),
        )),
        ours=["A", "a"], theirs=["A", "a", "A", "a"],
    ),
]  # fmt: skip


def of(found: Mapping[GroupKey, Told], scenario: Scenario) -> dict[GroupKey, Told]:
    names = {scenario.receiver(name) for name in scenario.names()}
    return {key: told for key, told in found.items() if key[0] in names}


def in_short(found: Mapping[GroupKey, Told], scenario: Scenario) -> list[str]:
    names = {tuple(sorted(scenario.labels(name).items())): name for name in scenario.alerts}
    told = [one for group in of(found, scenario).values() for one in group]
    said = [sorted((status, names[labels]) for labels, status in one) for one in told]
    return ["".join(name if status == "firing" else name.lower() for status, name in one) for one in said]


@pytest.mark.parametrize("seed", [20150221, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 9))])
@needs_alertmanager
def test_the_same_is_told_as_by_alertmanager(seed: int, store: AlertStore, tmp_path: Path) -> None:
    rng = random.Random(seed)
    alike = [*ALIKE, *(drawn(rng, f"drawn {number}") for number in range(40))]
    scenarios = [*alike, *(one.scenario for one in INTENDED)]
    found = ours(scenarios, store)
    wrong: list[str] = []
    for expected in theirs(scenarios, tmp_path):
        wrong = list(_differences(alike, found, expected))
        if not wrong:
            assert sum(len(told) for told in expected.values()) > 300
            break
    assert wrong == [], f"seed {seed}"


def _differences(
    alike: list[Scenario], found: Mapping[GroupKey, Told], expected: Mapping[GroupKey, Told]
) -> Iterator[str]:
    for one in alike:
        if of(found, one) != of(expected, one):
            yield f"ours and theirs differ in {one}: {of(found, one)}; {of(expected, one)}"
    for case in INTENDED:
        told = [in_short(each, case.scenario) for each in (found, expected)]
        if told != [case.ours, case.theirs]:
            yield f"ours and theirs do not differ as intended in {case}: {told}"
