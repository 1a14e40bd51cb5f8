from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from alerts.inhibition import Inhibitor
from alerts.maintenance import Maintenance
from alerts.model import rfc3339, to_json
from alerts.routing import DEFAULT_TIMING, RouteMatch, Router, matching_routes
from alerts.silencing import create
from alerts.whereto import whereto
from config.delivery import ReceiverSettings, RootRouteSettings, RouteSettings
from config.durations import US_PER_SECOND as S
from config.inhibition import InhibitRuleSettings
from config.maintenance import MaintenanceSettings
from config.matchers import parse_matcher
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.routes import label_sets, tree

ROOT = RootRouteSettings.model_validate(
    {
        "receiver": "ops",
        "routes": [
            {"matchers": ["team=audit"], "receiver": "audit", "continue": True},
            {
                "matchers": ['severity="critical"'],
                "receiver": "oncall",
                "routes": [{"matchers": ["service=~pay.*"], "receiver": "payments"}, {"matchers": ["region=eu"]}],
            },
            {"matchers": ["service!="], "receiver": "service"},
        ],
    }
)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, ["ops"]),
        ({"service": "web"}, ["service"]),
        ({"severity": "critical"}, ["oncall"]),
        ({"severity": "critical", "service": "payments"}, ["payments"]),
        ({"severity": "critical", "region": "eu"}, ["oncall"]),
        ({"team": "audit", "severity": "critical"}, ["audit", "oncall"]),
        ({"team": "audit"}, ["audit"]),
    ],
)
def test_the_tree_is_walked_as_alertmanager_does(labels: dict[str, str], expected: list[str]) -> None:
    assert [match.receiver for match in matching_routes(labels, ROOT)] == expected


GROUPED = RootRouteSettings.model_validate(
    {
        "receiver": "ops",
        "group_by": ["service", "region"],
        "group_wait": "10s",
        "escalation": "slow",
        "routes": [
            {
                "matchers": ["{severity=critical, team=~web|app}"],
                "receiver": "on-call",
                "group_by": ["..."],
                "repeat_interval": "1h",
                "routes": [
                    {"matchers": ["x=1"], "group_by": []},
                    {"matchers": ["x=2"], "group_by": ["team"], "escalation": "fast", "group_interval": "1m"},
                ],
            },
            {"matchers": ["team=web"], "continue": True},
            {"matchers": ["team=web"], "receiver": "record"},
        ],
    }
)


def only(labels: dict[str, str]) -> RouteMatch:
    (found,) = matching_routes(labels, GROUPED)
    return found


def test_a_child_takes_from_its_parent_what_it_does_not_say() -> None:
    critical = {"severity": "critical", "team": "web"}
    top = only({"severity": "info"})
    assert (top.receiver, top.group_by, top.escalation) == ("ops", ("region", "service"), "slow")
    assert (top.timing.wait_us, top.timing.interval_us, top.timing.repeat_us) == (10 * S, 300 * S, 14_400 * S)
    alone = only(critical)
    assert (alone.receiver, alone.group_by, alone.timing.repeat_us) == ("on-call", ("...",), 3600 * S)
    empty = only({**critical, "x": "1"})  # an empty list says nothing, as in Alertmanager
    assert (empty.group_by, empty.receiver) == (("...",), "on-call")
    own = only({**critical, "x": "2"})
    assert (own.group_by, own.escalation, own.timing.interval_us) == (("team",), "fast", 60 * S)
    assert (own.timing.wait_us, own.timing.repeat_us) == (10 * S, 3600 * S)


def test_without_a_word_alertmanagers_times_hold() -> None:
    (found,) = matching_routes({}, ROOT)
    assert (found.group_by, found.timing, found.escalation) == ((), DEFAULT_TIMING, None)


def test_a_route_is_named_as_alertmanager_names_it_and_each_by_a_name_of_its_own() -> None:
    ids = [node.match.route for _depth, node in Router(GROUPED).nodes()]
    assert ids == [
        "{}",
        '{}/{severity="critical",team=~"web|app"}',
        '{}/{severity="critical",team=~"web|app"}/{x="1"}',
        '{}/{severity="critical",team=~"web|app"}/{x="2"}',
        '{}/{team="web"}',
        '{}/{team="web"}#2',
    ]
    assert [match.route for match in matching_routes({"team": "web"}, GROUPED)] == ids[-2:]
    router = Router(GROUPED)
    assert router.route(ids[-1]) is router.match({"team": "web"})[1]
    assert router.route("{}/{gone}") is None


def test_matchers_are_named_in_the_same_order_however_they_are_written() -> None:
    ways = [('b="1"', "a=~x", 'a="x"'), ("{a=x,b=1,a=~x}",), ("a=~x,a=x", "b=1")]
    trees = [RootRouteSettings(receiver="r", routes=(RouteSettings(matchers=one),)) for one in ways]
    names = {match.route for root in trees for match in matching_routes({"a": "x", "b": "1"}, root)}
    assert names == {'{}/{a="x",a=~"x",b="1"}'}


def test_alerts_are_in_one_group_when_the_labels_of_group_by_are_equal() -> None:
    top = only({"service": "shop"})
    assert top.group_key({"service": "shop", "x": "1"}) == '{}:{service="shop"}'  # what is missing is left out
    assert top.group_key({"service": "shop", "region": ""}) == '{}:{service="shop"}'
    assert top.group_key({"service": 'a"b', "region": "eu"}) == '{}:{region="eu", service="a\\"b"}'
    alone = only({"severity": "critical", "team": "web"})
    assert alone.group_labels({"team": "web", "b": "2", "a": "1"}) == {"a": "1", "b": "2", "team": "web"}


def test_every_route_is_explained() -> None:
    told = [(one.depth, one.outcome, one.why) for one in Router(ROOT).explain({"severity": "critical", "region": "us"})]
    assert told == [
        (0, "passed", ""),
        (1, "no_match", 'team="audit" does not match: there is no team'),
        (1, "taken", ""),
        (2, "no_match", 'service=~"pay.*" does not match: there is no service'),
        (2, "no_match", 'region="eu" does not match: region is "us"'),
        (1, "not_tried", '{severity="critical"} matched before it, without continue'),
    ]


@given(tree(), label_sets)
def test_what_is_explained_is_what_happens(route: dict[str, Any], alerts: list[dict[str, str]]) -> None:
    router = Router(RootRouteSettings.model_validate(route))
    for labels in alerts:
        told = router.explain(labels)
        assert [one.node.match for one in told if one.outcome == "taken"] == router.match(labels)
        assert [(one.depth, one.node) for one in told] == list(router.nodes())


def test_everything_that_hides_an_alert_is_named() -> None:
    silences = [
        create(
            f"aaaa000{number}",
            matchers=["service=shop"],
            ends_us=START_US + number * MINUTE_US,
            author="kim",
            comment="x",
            now_us=START_US,
        )
        for number in (1, 2)
    ]
    rules = [InhibitRuleSettings.model_validate({"source_matchers": [f"down={n}"]}) for n in (1, 2, 1)]
    window = MaintenanceSettings.model_validate(
        {"matchers": ["service=shop"], "zone": "UTC", "start": "2015-02-21T11:00:00", "duration": "2h"}
    )

    def hidden(minute: int) -> list[tuple[str, str]]:
        found = whereto(
            {"service": "shop", "empty": ""},
            START_US + minute * MINUTE_US,
            router=Router(ROOT),
            firing=Inhibitor(rules).firing([("one", {"down": "1"})]),
            maintenance=Maintenance({"patches": window}),
            silences=silences,
        )
        assert found.labels == {"service": "shop"}
        assert [one.match.receiver for one in found.destinations] == ["service"]
        return [(mute.kind, mute.by) for mute in found.mutes]

    always = [("inhibited", "1"), ("inhibited", "3"), ("maintenance", "patches")]
    assert hidden(0) == [*always, ("silenced", "aaaa0001"), ("silenced", "aaaa0002")]
    assert hidden(1) == [*always, ("silenced", "aaaa0002")]
    assert hidden(60) == always[:2]
    assert whereto({}, 0, router=Router(ROOT)).mutes == ()


@pytest.mark.parametrize("text", ["", "severity", "=x", "a b=c", "a=~[", "a=b, c=d"])
def test_a_text_that_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"matcher|expression"):
        parse_matcher(text)


def test_a_quoted_value_may_hold_anything() -> None:
    assert parse_matcher(r'a="x \"y\", z"').value == 'x "y", z'
    assert not parse_matcher("a=~b").matches({"a": "abc"})


@pytest.mark.parametrize(
    "wrong", [{}, {"receiver": "x", "matchers": ["a=b"]}, {"receiver": "x", "routes": [{"matchers": ["nonsense"]}]}]
)
def test_a_root_that_does_not_take_everything_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RootRouteSettings.model_validate(wrong)


def test_a_receiver_has_tiers_each_with_a_channel_of_its_own() -> None:
    wrongs: list[dict[str, list[dict[str, str]]]] = [{"tiers": []}, {"tiers": [{"channel": "a"}, {"channel": "a"}]}]
    for wrong in wrongs:
        with pytest.raises(ValidationError, match="tiers"):
            ReceiverSettings.model_validate(wrong)


def test_the_json_form_is_exact_to_the_microsecond_and_null_while_firing() -> None:
    firing = to_json(change(at_us=START_US + 1, starts_at_us=START_US + 1))
    assert list(firing) == ["status", "labels", "annotations", "startsAt", "endsAt", "fingerprint"]
    assert (firing["startsAt"], firing["endsAt"]) == ("2015-02-21T12:00:00.000001Z", None)
    ended = to_json(change(step="retracted", at_us=START_US + 2))
    assert (ended["status"], ended["endsAt"]) == ("resolved", "2015-02-21T12:00:00.000002Z")


def test_times_of_all_years_have_the_same_width() -> None:
    assert rfc3339(-62_135_596_800_000_000) == "0001-01-01T00:00:00.000000Z"
    assert rfc3339(253_402_300_799_999_999) == "9999-12-31T23:59:59.999999Z"
    with pytest.raises(OverflowError):
        rfc3339(2**62)
