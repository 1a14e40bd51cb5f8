"""Inhibition by Alertmanager's rules: its own test cases, and its API asked about the same alerts."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.inhibition import Inhibitor
from config.inhibition import InhibitRuleSettings
from tests.support.alertmanager import Alertmanager, alertmanager, needs_alertmanager
from tests.support.patience import until

Labels = Mapping[str, str]


def inhibitor(*rules: Mapping[str, object]) -> Inhibitor:
    return Inhibitor([InhibitRuleSettings.model_validate(rule) for rule in rules])


def rule(source: str, target: str, *equal: str) -> dict[str, Any]:
    return {"source_matchers": [source], "target_matchers": [target], "equal": list(equal)}


@pytest.mark.parametrize(
    ("equal", "firing", "target", "expected"),
    [
        ((), [], {"a": "b"}, False),
        ((), [{}], {"a": "b"}, True),
        (("a",), [{"a": "b", "c": "f"}], {"a": "b"}, True),
        (("a",), [{"a": "c", "c": "d"}, {"a": "c", "c": "f"}], {"a": "b"}, False),
        (("a", "b"), [{"a": "b", "b": "f"}], {"a": "b", "b": "c"}, False),
        (("a", "b"), [{"a": "b", "b": "f"}, {"a": "b", "b": "c"}], {"a": "b", "b": "c"}, True),
        (("a",), [{"c": "d"}], {"e": "f"}, True),  # both lack it
        (("a",), [{"a": ""}], {"e": "f"}, True),
        (("a",), [{"c": "d"}], {"a": "x"}, False),
    ],
)
def test_equal_labels_are_compared_as_alertmanager_does(
    equal: tuple[str, ...], firing: list[Labels], target: dict[str, str], expected: bool
) -> None:
    rules = inhibitor(rule("s=1", "t=1", *equal))
    sources = [{**labels, "s": "1"} for labels in firing]
    assert (rules.mute({**target, "t": "1"}, sources) is not None) is expected


SOURCE_1 = {"s1": "1", "t1": "2", "e": "1"}
SOURCE_2 = {"s2": "1", "t2": "1", "e": "1"}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"t1": "1", "e": "1"}, True),
        ({"t2": "1", "e": "1"}, True),
        ({"t1": "1", "t3": "1", "e": "1"}, True),
        ({"t1": "1", "t2": "1", "e": "1"}, True),
        ({"t1": "0", "e": "1"}, False),
        ({"s1": "1", "t1": "1", "e": "1"}, True),  # on both sides, but the first source is not
        ({"s2": "1", "t2": "1", "e": "1"}, False),  # on both sides, and so is the second source
        ({"t1": "1", "e": "0"}, False),
    ],
)
def test_sides_are_matched_as_alertmanager_does(target: Labels, expected: bool) -> None:
    rules = inhibitor(rule("s1=1", "t1=1", "e"), rule("s2=1", "t2=1", "e"))
    assert (rules.mute(target, [SOURCE_1, SOURCE_2]) is not None) is expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"t1": "1", "e": "1"}, False),
        ({"t2": "1", "e": "1"}, True),
        ({"t1": "1", "t2": "1", "e": "1"}, True),
        ({"t1": "0", "e": "1"}, True),
        ({"s1": "1", "t1": "1", "e": "1"}, False),
        ({"s2": "1", "t2": "1", "e": "1"}, True),
        ({"t1": "1", "e": "0"}, False),
    ],
)
def test_sides_with_negative_matchers_are_matched_as_alertmanager_does(target: Labels, expected: bool) -> None:
    rules = inhibitor(rule("s1=1", "t1!=1", "e"), rule("s2=1", "t2=1", "e"))
    assert (rules.mute(target, [SOURCE_1, SOURCE_2]) is not None) is expected


def test_no_alert_inhibits_itself_nor_do_two_of_both_sides_inhibit_each_other() -> None:
    rules = inhibitor(rule('severity=~"critical|warning"', 'severity=~"warning|critical"', "service"))
    one, other = {"severity": "critical", "service": "a", "x": "1"}, {"severity": "warning", "service": "a"}
    assert rules.mute(one, [one, other]) is None
    assert rules.mute(other, [one, other]) is None


def test_a_mute_names_the_first_rule_and_a_source_whoever_fired_first() -> None:
    rules = inhibitor(rule("s=9", "t=1"), rule("s=1", "t=1", "region"), rule("s=1", "t=1"))
    sources = [{"alertname": name, "s": "1", "region": "eu"} for name in ("B", "A", "C")]
    for order in (sources, sources[::-1]):
        muted = rules.mute({"t": "1", "region": "eu"}, order)
        assert muted is not None
        assert (muted.kind, muted.by, muted.until_us) == ("inhibited", "2", None)
        assert muted.detail == 'alertname="A", region="eu", s="1" fires (rule 2)'


def test_a_source_that_fires_no_more_inhibits_no_more() -> None:
    firing = inhibitor(rule("s=1", "t=1", "e")).firing([("one", {"s": "1", "e": "x"}), ("two", {"s": "1", "e": "x"})])
    target = {"t": "1", "e": "x"}
    firing.remove("one")
    firing.remove("never there")
    assert firing.mute(target) is not None
    firing.add("two", {"s": "1", "e": "y"})  # an alert has one set of labels: this replaces it
    assert firing.mute(target) is None
    firing.add("three", {"s": "1", "e": "x"})
    assert firing.mute(target) is not None
    firing.remove("three")
    assert firing.mute(target) is None


class Watched(dict[str, str]):
    """Labels that count how often they are looked at."""

    looked = 0

    def get(self, *arguments: Any) -> Any:
        Watched.looked += 1
        return super().get(*arguments)

    def items(self) -> Any:
        Watched.looked += 1
        return super().items()


def test_who_asks_looks_at_no_alerts_but_those_with_equal_labels() -> None:
    rules = inhibitor(rule("kind=down", "kind=slow", "host"), rule("kind=never", "kind=slow"))
    firing = rules.firing((str(n), Watched(kind="down", host=f"h{n}")) for n in range(10_000))
    Watched.looked = 0
    assert firing.mute({"kind": "slow", "host": "h5"}) is not None
    assert firing.mute({"kind": "slow", "host": "h10000"}) is None
    assert Watched.looked < 5


def test_a_rule_without_any_matcher_is_refused() -> None:
    with pytest.raises(ValidationError, match="neither source_matchers nor target_matchers"):
        InhibitRuleSettings.model_validate({"equal": ["a"]})


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager")) as server:
        yield server


label_sets = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), min_size=1)
values = st.sampled_from(["x", "y", "", "x|z"])
sides = st.lists(
    st.builds("{}{}{}".format, st.sampled_from("abc"), st.sampled_from(["=", "!=", "=~"]), values), max_size=2
)
equal_labels = st.lists(st.sampled_from("abc"), unique=True, max_size=2)
rules_of = st.fixed_dictionaries({"source_matchers": sides, "target_matchers": sides, "equal": equal_labels}).filter(
    lambda one: bool(one["source_matchers"] or one["target_matchers"])
)
runs: list[str] = []


@needs_alertmanager
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(chosen=st.lists(rules_of, min_size=1, max_size=3), fired=st.lists(label_sets, min_size=2, max_size=12))
def test_the_same_alerts_are_inhibited_as_by_alertmanager(
    chosen: list[dict[str, Any]], fired: list[dict[str, str]], reference: Alertmanager
) -> None:
    # The server remembers the alerts of earlier examples. Those of this one have a label of their own.
    run = str(len(runs))
    runs.append(run)
    marks = [{"mark": f"{side}-{mark}"} for mark in "pq" for side in ("target", "source")]
    told = [{**labels, "run": run} for labels in [*fired, *marks]]
    theirs = [rule(f"mark=source-{mark}", f"mark=target-{mark}", "run") for mark in "pq"]
    theirs += [{**one, "equal": [*one["equal"], "run"]} for one in chosen]
    reference.configure({"route": {"receiver": "none"}, "receivers": [{"name": "none"}], "inhibit_rules": theirs})

    def statuses() -> dict[tuple[tuple[str, str], ...], dict[str, Any]]:
        alerts = reference.ask(f"/api/v2/alerts?filter=run%3D%22{run}%22")
        return {tuple(sorted(alert["labels"].items())): alert for alert in alerts}

    def works(mark: str) -> bool:
        found = statuses()
        source, target = (found[("mark", f"{side}-{mark}"), ("run", run)] for side in ("source", "target"))
        return source["fingerprint"] in target["status"]["inhibitedBy"]

    # It takes alerts in when it comes to it: once the first mark works it listens, and at the second it has heard all.
    reference.fire(told[:-2])
    until(lambda: works("p"))
    reference.fire(told[-2:])
    until(lambda: works("q"))
    ours = inhibitor(*theirs)
    firing = ours.firing((str(sorted(labels.items())), labels) for labels in told)
    assert {labels: bool(alert["status"]["inhibitedBy"]) for labels, alert in statuses().items()} == {
        tuple(sorted(labels.items())): firing.mute(labels) is not None for labels in told
    }
