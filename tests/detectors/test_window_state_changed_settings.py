"""Open alerts of a window detector whose settings have changed: none stays open for ever, none that lasts is lost."""

from typing import Any

import pytest

from detectors.contract import AlertChange, Context, Outcome, Progress, SnapshotVersionError
from detectors.sentiment_drop import SentimentDropSettings, build
from detectors.window_image import without_alerts
from detectors.window_state import OTHER_LABELS, OTHER_WINDOWS, ScoredWindows
from detectors.windowed import Windowed
from pipeline.model_files import ModelFiles
from tests.detectors.samples import HOUR_US, START_US, post
from tests.support.combine import combined

CALM_HOURS = 30
BROKE_US = START_US + CALM_HOURS * HOUR_US
FIRED_US = BROKE_US + HOUR_US


def detector(**settings: Any) -> Windowed:
    known = {"type": "sentiment_drop", "labels": {"team": "care"}, **settings}
    built = build("mood", SentimentDropSettings.model_validate(known), Context())
    assert isinstance(built, Windowed)
    return built


def hours(of: Windowed, state: ScoredWindows, first: int, last: int, level: float) -> Outcome:
    """Give a state the posts of some hours about two services; only the first one is at ``level``."""
    posts = [
        post(
            hour * 1000 + number,
            START_US + hour * HOUR_US + number * 60_000_000,
            max(-1.0, min(1.0, (level if number % 2 else 0.3) + (number % 5 - 2) * 0.3)),
            service="app" if number % 2 else "shop",
        )
        for hour in range(first, last)
        for number in range(60)
    ]
    end_us = START_US + last * HOUR_US
    return state.update(combined(of, posts), Progress(end_us, end_us))


def fired() -> tuple[bytes, AlertChange]:
    """Return the state in which an alert has just opened, and its change."""
    of = detector()
    state = of.state()
    assert hours(of, state, 0, CALM_HOURS, 0.3).changes == []
    (change,) = hours(of, state, CALM_HOURS, CALM_HOURS + 1, -0.8).changes
    assert (change.step, change.at_us, change.labels["service"]) == ("firing", FIRED_US, "app")
    return state.snapshot(), change


def again(of: Windowed, snapshot: bytes) -> ScoredWindows:
    """Return what goes on from a snapshot, as a flow makes it."""
    state, files = of.state(), ModelFiles(None, "mood")
    try:
        files.restore(state, snapshot)
    except SnapshotVersionError:
        state = of.state()
        files.inherit(state, snapshot)
    return state


def assert_ended(change: AlertChange, of: AlertChange, why: str) -> None:
    assert (change.fingerprint, change.starts_at_us) == (of.fingerprint, of.starts_at_us)
    assert (change.step, change.status, change.at_us, change.ends_at_us) == ("resolved", "resolved", FIRED_US, FIRED_US)
    assert change.annotations["reason"] == why
    assert "app" in change.annotations["summary"]
    assert change.annotations["description"]


@pytest.mark.parametrize("settings", [{"window": "2h"}, {"hop": "30m"}, {"group_by": ["service", "region"]}])
@pytest.mark.parametrize("killed", [False, True])
def test_of_other_windows_or_groups_open_alerts_end_once_under_their_old_labels(
    settings: dict[str, Any], *, killed: bool
) -> None:
    snapshot, change = fired()
    of = detector(**settings)
    state = again(of, snapshot)
    if killed:  # before it was given anything
        state = again(of, state.snapshot())
    first = hours(of, state, CALM_HOURS + 1, CALM_HOURS + 2, 0.3)
    assert_ended(first.changes[0], change, OTHER_WINDOWS)
    assert len(first.changes) == 1
    state = again(of, state.snapshot())
    assert hours(of, state, CALM_HOURS + 2, CALM_HOURS + 3, 0.3).changes == []


@pytest.mark.parametrize(
    ("settings", "labels"),
    [({"severity": "critical"}, {"severity": "critical"}), ({"labels": {"team": "web"}}, {"team": "web"})],
)
def test_under_other_labels_what_lasts_fires_anew_and_what_does_not_has_ended(
    settings: dict[str, Any], labels: dict[str, str]
) -> None:
    snapshot, change = fired()
    of = detector(**settings)
    ended, fires = hours(of, again(of, snapshot), CALM_HOURS + 1, CALM_HOURS + 2, -0.8).changes
    assert_ended(ended, change, OTHER_LABELS)
    assert (fires.step, fires.starts_at_us) == ("firing", FIRED_US + HOUR_US)
    assert fires.labels == {**change.labels, **labels}
    (ended,) = hours(of, again(of, snapshot), CALM_HOURS + 1, CALM_HOURS + 2, 0.3).changes
    assert_ended(ended, change, OTHER_LABELS)


def test_with_the_same_labels_an_alert_goes_on_without_a_word() -> None:
    snapshot, change = fired()
    of = detector(annotations={"runbook": "https://wiki/mood"}, min_count=20)
    state = again(of, snapshot)
    assert hours(of, state, CALM_HOURS + 1, CALM_HOURS + 2, -0.8).changes == []
    (ended,) = hours(of, state, CALM_HOURS + 2, CALM_HOURS + 4, 0.3).changes
    assert (ended.fingerprint, ended.starts_at_us, ended.step) == (change.fingerprint, change.starts_at_us, "resolved")
    assert "reason" not in ended.annotations


def test_of_other_models_an_alert_goes_on_and_ends_when_it_is_over() -> None:
    snapshot, change = fired()
    of = detector(model="novelty")
    with pytest.raises(SnapshotVersionError, match="other models"):
        of.state().restore(snapshot)
    state = again(of, snapshot)
    assert state.decider.is_firing(("app",))
    (ended,) = hours(of, state, CALM_HOURS + 1, CALM_HOURS + 3, 0.3).changes
    assert (ended.fingerprint, ended.starts_at_us, ended.step) == (change.fingerprint, change.starts_at_us, "resolved")


def test_what_cannot_be_read_leaves_nothing() -> None:
    state = detector().state()
    state.inherit(b"\xc1 no state")
    assert state.update([], Progress(BROKE_US, BROKE_US)) == Outcome([], [])


def test_what_an_entry_that_is_gone_leaves_knows_what_is_normal_and_no_alert() -> None:
    snapshot, change = fired()
    left = without_alerts(snapshot)
    assert left is not None
    of = detector()
    state = again(of, left)
    assert not state.decider.is_firing(("app",))
    (fires,) = hours(of, state, CALM_HOURS + 1, CALM_HOURS + 2, -0.8).changes  # no warm-up again
    assert (fires.step, fires.starts_at_us, fires.fingerprint) == ("firing", FIRED_US + HOUR_US, change.fingerprint)
