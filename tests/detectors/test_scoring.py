"""Several views made one p-value, and what happens to it: detectors/scoring.py and window_state.py."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from detectors.assembler import ClosedWindow
from detectors.contract import Context, Outcome, Progress, SnapshotVersionError
from detectors.models.rhythm import Memory
from detectors.models.share import ShareView
from detectors.scoring import JOINT, SHIFT, ViewsScorer
from detectors.sentiment_drop import SentimentDropSettings, build
from detectors.windowed import Windowed

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
START_US = 1_772_409_600_000_000  # 2026-03-02T00:00:00Z, a Monday
MEMORY = Memory(HOUR_US, 28 * DAY_US, "none")
MICRO = 1_000_000


def two_views(**knobs: Any) -> ViewsScorer:
    views = [ShareView(name, part=part, count=0, min_count=5, memory=MEMORY) for name, part in (("a", 1), ("b", 2))]
    return ViewsScorer(views, **{"warm_up": 6.0} | knobs)


def window(hour: int, *vector: int, group: str = "g") -> ClosedWindow:
    return ClosedWindow(START_US + hour * HOUR_US, START_US + (hour + 1) * HOUR_US, (group,), list(vector))


def teach(of: ViewsScorer, hours: int, seed: int = 1, *, pooled: bool = True) -> None:
    rng = np.random.default_rng(seed)
    for hour in range(hours):
        one = window(hour, 50, int(rng.binomial(50, 0.2)), int(rng.binomial(50, 0.3)))
        of.begin([one])
        score = of.score(one)
        of.learn(one, score.expected, 1.0, pooled=pooled)


def test_the_findings_tell_of_every_view() -> None:
    of = two_views(joint=True)
    teach(of, 30)
    score = of.score(window(30, 50, 40, 15))
    assert score.ready
    assert score.value == 0.8
    for view in ("a", "b", SHIFT, JOINT):
        assert 0.0 < float(score.details[f"{view}_p_value"]) <= 1.0
    assert score.details["history"] == 30.0
    assert score.p_value is not None
    assert score.p_value < 1e-3 < float(score.details["b_p_value"])


def test_to_score_changes_nothing() -> None:
    of = two_views(joint=True)
    teach(of, 30)
    before = of.state()
    first, second = of.score(window(30, 50, 40, 15)), of.score(window(30, 50, 40, 15))
    assert first == second
    assert of.state() == before


def test_a_window_with_too_little_says_nothing() -> None:
    of = two_views()
    score = of.score(window(0, 4, 4, 4))
    assert (score.p_value, score.value, score.baseline, score.ready) == (None, None, None, False)
    of.learn(window(0, 4, 4, 4), score.expected, 1.0, pooled=True)


def test_what_is_a_little_worse_for_long_is_seen_by_the_shift() -> None:
    of = two_views()
    teach(of, 24 * 40)
    alone = of.score(window(24 * 40, 50, 15, 15))
    for hour in range(24 * 40, 24 * 40 + 8):
        one = window(hour, 50, 15, 15)
        score = of.score(one)
        of.learn(one, score.expected, 0.1, pooled=False)
    with_shift = of.score(window(24 * 40 + 8, 50, 15, 15))
    assert SHIFT in {key.removesuffix("_p_value") for key in with_shift.details}
    assert alone.p_value is not None
    assert with_shift.p_value is not None
    assert float(with_shift.details[f"{SHIFT}_p_value"]) < float(alone.details[f"{SHIFT}_p_value"])
    of.unsettle(("g",), 0.5)
    calm = of.score(window(24 * 40 + 9, 50, 10, 15))
    assert float(calm.details[f"{SHIFT}_p_value"]) > float(with_shift.details[f"{SHIFT}_p_value"])


def test_two_views_that_are_both_a_little_off_are_more_than_one() -> None:
    of = two_views(joint=True)
    teach(of, 24 * 40)
    one, both = of.score(window(24 * 40, 50, 17, 15)), of.score(window(24 * 40, 50, 17, 22))
    assert float(both.details[f"{JOINT}_p_value"]) < float(one.details[f"{JOINT}_p_value"])


def test_what_is_not_bad_enough_is_harmless_and_still_has_its_p_value() -> None:
    of = two_views(may_fire=lambda _window, told, _expected: told["a"].value > 0.9)
    teach(of, 30)
    harmless, harmful = of.score(window(30, 50, 40, 15)), of.score(window(30, 50, 48, 15))
    assert (harmless.harmless, harmful.harmless) == (True, False)
    assert harmless.p_value is not None
    assert harmless.p_value < 1e-3


def test_whoever_is_patient_waits_for_the_warm_up_whatever_comes() -> None:
    for patient in (True, False):
        of = two_views(patient=patient)
        teach(of, 5)
        early = of.score(window(5, 10**6, 10**6, 0))
        assert (early.ready, early.harmless) == (False, patient)
        teach(of, 8)
        assert not of.score(window(9, 10**6, 10**6, 0)).harmless


def test_scores_that_are_not_pooled_do_not_change_how_others_are_read() -> None:
    pooled, own = two_views(), two_views()
    teach(pooled, 400)
    teach(own, 400, pooled=False)
    bad = window(400, 50, 25, 15)
    assert pooled.score(bad).baseline == own.score(bad).baseline
    assert pooled.score(bad).p_value != own.score(bad).p_value


def test_a_stop_changes_nothing() -> None:
    straight, resumed = two_views(joint=True), two_views(joint=True)
    teach(straight, 100)
    teach(resumed, 100)
    kept = resumed.state()
    resumed = two_views(joint=True)
    resumed.restore(kept)
    assert resumed.state() == kept
    for of in (straight, resumed):
        teach(of, 40, seed=2)
    assert resumed.state() == straight.state()
    assert resumed.score(window(41, 50, 30, 20)) == straight.score(window(41, 50, 30, 20))


def test_the_state_of_other_views_is_refused() -> None:
    one = ViewsScorer([ShareView("a", part=1, count=0, min_count=5, memory=MEMORY)], warm_up=6.0)
    swapped = ViewsScorer(
        [ShareView(name, part=1, count=0, min_count=5, memory=MEMORY) for name in ("b", "a")], warm_up=6.0
    )
    for other in (one, swapped, two_views(joint=True)):
        with pytest.raises(ValueError, match="expected"):
            other.restore(two_views().state())


def mood(**settings: Any) -> Windowed:
    built = build("mood", SentimentDropSettings.model_validate({"type": "sentiment_drop", **settings}), Context())
    assert isinstance(built, Windowed)
    return built


@pytest.mark.parametrize(
    "other",
    [
        {"group_by": ["service", "region"]},
        {"group_by": ["region"]},
        {"window": "2h"},
        {"hop": "30m"},
        {"baseline": {"rhythm": "hour_of_day"}},
        {"views": ["mean"]},
        {"views": ["mean", "negative_share"]},
    ],
)
def test_the_state_of_other_settings_is_refused_and_says_why(other: dict[str, Any]) -> None:
    state = mood().state()
    play(state, lambda _hour: 0.3, 0, 30)
    with pytest.raises(SnapshotVersionError, match=r"detector 'mood' is of other .*: the settings changed"):
        mood(**other).state().restore(state.snapshot())


def test_the_state_of_other_knobs_is_taken_over() -> None:
    state = mood().state()
    play(state, lambda _hour: 0.3, 0, 30)
    for knobs in ({"alert_budget": "1 per day"}, {"min_count": 50}, {"cool_down": "1d"}, {"baseline": {"warm_up": 12}}):
        mood(**knobs).state().restore(state.snapshot())


def play(state: Any, share: Callable[[int], float], first: int, after: int, seed: int = 3) -> list[Outcome]:
    """Let hours pass in which so large a share of 60 posts of one service was negative."""
    rng = np.random.default_rng([seed, first])
    found = []
    for hour in range(first, after):
        negative = int(rng.binomial(60, share(hour)))
        positive = 60 - negative
        vector = [60, negative, (positive - negative) * MICRO // 2, 60 * MICRO // 4]
        now_us = START_US + (hour + 1) * HOUR_US
        found.append(state.update([(now_us // HOUR_US - 1, ("app",), vector)], Progress(now_us, now_us)))
    return found


def test_what_an_alert_tells_of_becomes_normal_when_it_has_been_open_for_long() -> None:
    state = mood(baseline={"rhythm": "none", "new_normal": "2d"}).state()
    found = play(state, lambda hour: 0.2 if hour < 240 else 0.7, 0, 240 + 7 * 24)
    changes = [change for outcome in found for change in outcome.changes]
    fired, resolved = [change for change in changes if change.at_us > START_US + 240 * HOUR_US][:2]
    assert fired.at_us == START_US + 241 * HOUR_US
    assert fired.at_us + 2 * DAY_US <= resolved.at_us <= fired.at_us + 6 * DAY_US
    assert "app: now taken for normal: " in resolved.annotations["summary"]
    last = found[-1].findings[0]
    assert last.verdict == "quiet"
    assert last.baseline is not None
    assert 0.55 < last.baseline < 0.85


def test_a_failure_is_not_learned_away_while_its_alert_is_open() -> None:
    state = mood(baseline={"rhythm": "none"}).state()
    found = play(state, lambda hour: 0.2 if hour < 240 else 0.7, 0, 240 + 36)
    assert [change.status for outcome in found[240:] for change in outcome.changes] == ["firing"]
    last = found[-1].findings[0]
    assert last.verdict == "still_firing"
    assert last.baseline is not None
    assert last.baseline < 0.4
