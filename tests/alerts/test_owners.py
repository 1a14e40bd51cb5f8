from datetime import date
from typing import Any

from alerts.owners import Owners, overdue, review_changes
from config.settings import Settings
from detectors.contract import AlertChange
from pipeline.assembly import settings_model
from tests.support.alerts import change

DAY_US = 86_400_000_000
JULY_US = 1_782_864_000_000_000  # 2026-07-01T00:00Z


def settings(owners: list[dict[str, Any]]) -> Settings:
    return settings_model().model_validate(
        {
            "detectors": {
                "mood": {"type": "sentiment_drop", "group_by": ["service"], "labels": {"team": "web"}},
                "quiet": {"type": "feed_silence"},
            },
            "people": {"ana": {"receiver": "x"}},
            "owners": owners,
        }
    )


def test_an_owner_answers_for_what_meets_all_that_is_given() -> None:
    found = Owners(
        settings(
            [
                {"detector": "mood", "service": "shop", "owner": "ana"},
                {"detector": "quiet", "owner": "ben"},
                {"matchers": ["severity=critical"], "owner": "boss"},
            ]
        )
    )
    mood = {"detector": "sentiment_drop", "team": "web", "service": "shop", "severity": "critical"}
    assert found.of(mood) == ["ana", "boss"]
    assert found.of({**mood, "team": "other", "severity": "info"}) == []
    assert found.of({"detector": "feed_silence"}) == ["ben"]


def test_a_detector_that_is_owned_for_one_service_only_counts_as_without_owner() -> None:
    assert Owners(settings([{"detector": "mood", "service": "shop", "owner": "ana"}])).without() == ["mood", "quiet"]
    assert Owners(settings([{"matchers": ["team=web"], "owner": "ana"}])).without() == ["quiet"]
    assert Owners(settings([{"matchers": ['alertname=~".+"'], "owner": "ana"}])).without() == []


def test_a_review_is_overdue_from_the_day_after_its_date() -> None:
    owners = settings([{"service": "a", "owner": "ana", "review_by": "2026-06-30"}, {"service": "b", "owner": "ana"}])
    assert list(overdue(owners.owners, date(2026, 6, 30))) == []
    assert [place for place, _ in overdue(owners.owners, date(2026, 7, 1))] == [0]


def test_an_overdue_review_is_raised_once_however_often_it_is_asked_for() -> None:
    owners = settings([{"service": "shop", "owner": "ana", "review_by": "2026-06-30"}]).owners
    assert review_changes(owners, [], JULY_US - 1) == []
    (first,) = review_changes(owners, [], JULY_US)
    (later,) = review_changes(owners, [first], JULY_US + 5 * DAY_US)
    assert first == later
    assert first.labels == {
        "alertname": "OwnerReviewOverdue",
        "detector": "notifier",
        "owned": "service shop",
        "owner": "ana",
        "severity": "warning",
    }
    assert first.annotations["summary"] == "Is ana still the owner of service shop?"


def test_a_warning_ends_when_a_new_date_is_set_and_other_alerts_are_left_alone() -> None:
    entry = {"service": "shop", "owner": "ana", "review_by": "2026-06-30"}
    (raised,) = review_changes(settings([entry]).owners, [], JULY_US)
    firing: list[AlertChange] = [change(), raised]
    (ended,) = review_changes(settings([{**entry, "review_by": "2027-01-01"}]).owners, firing, JULY_US + 7)
    assert (ended.status, ended.fingerprint, ended.starts_at_us) == (
        "resolved",
        raised.fingerprint,
        raised.starts_at_us,
    )
    assert ended.ends_at_us == JULY_US + 7
