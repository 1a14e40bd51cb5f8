import pytest
from pydantic import ValidationError

from alerts.model import rfc3339, to_json
from alerts.routing import receivers_for
from config.delivery import ReceiverSettings, RootRouteSettings
from config.matchers import parse_matcher
from tests.support.alerts import START_US, change

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
    assert receivers_for(labels, ROOT) == expected


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
