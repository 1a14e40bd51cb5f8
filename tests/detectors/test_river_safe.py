"""The contract of every wrapped anomaly model and drift detector of River."""

import math
import pickle
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.models import ANOMALY_NAMES, DRIFT_NAMES
from detectors.models.river_safe import SafeAnomalyDetector, StateError, build_drift_detector, build_model

SMALL: dict[str, dict[str, Any]] = {
    "anomaly.HalfSpaceTrees": {"n_trees": 25, "height": 6, "window_size": 60},
    "anomaly.LODA": {"n_random_cuts": 20},
    "anomaly.LocalOutlierFactor": {"n_neighbors": 5, "window_size": 40},
    "anomaly.OneClassSVM": {"n_components": 20},
    "anomaly.GaussianScorer": {"window_size": 50, "grace_period": 10},
    "anomaly.StandardAbsoluteDeviation": {},
    "anomaly.PredictiveAnomalyDetection": {"warmup_period": 10},
    "anomaly.QuantileFilter": {"anomaly_detector": {"class": "anomaly.GaussianScorer", "grace_period": 10}, "q": 0.9},
    "anomaly.ThresholdFilter": {
        "anomaly_detector": {"class": "anomaly.GaussianScorer", "grace_period": 10},
        "threshold": 6,
    },
}
VARIANTS: dict[str, dict[str, Any]] = {
    **{name: {"class": name, **parameters} for name, parameters in SMALL.items()},
    "all history": {"class": "anomaly.GaussianScorer", "grace_period": 10},
    "median": {"class": "anomaly.StandardAbsoluteDeviation", "sub_stat": "median"},
    "limits": {"class": "anomaly.HalfSpaceTrees", "window_size": 50, "limits": {"b": [-20, 20]}},
    "season": {
        "class": "anomaly.PredictiveAnomalyDetection",
        "predictive_model": {
            "alpha": 0.3,
            "beta": 0.1,
            "gamma": 0.3,
            "seasonality": 6,
            "class": "time_series.HoltWinters",
        },
    },
    "multiplicative": {
        "class": "anomaly.PredictiveAnomalyDetection",
        "predictive_model": {
            "class": "time_series.HoltWinters",
            "beta": 0.1,
            "gamma": 0.3,
            "seasonality": 6,
            "multiplicative": True,
        },
    },
    "filtered trees": {
        "class": "anomaly.ThresholdFilter",
        "anomaly_detector": {"class": "anomaly.HalfSpaceTrees", "window_size": 50},
        "threshold": 0.99,
        "patience": 5,
    },
}
RISING = [name for name in VARIANTS if name not in ("filtered trees", "limits")]
"""Ten trees of limited range rank what is far out only by and large."""
QUIET = {"anomaly.OneClassSVM": 0.1}
"""Highest score of a constant; 0 where it is not here."""
Model = SafeAnomalyDetector[Any]


@pytest.fixture(params=VARIANTS, name="variant")
def _variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(name="make")
def _make(variant: str) -> Callable[[], Model]:
    return lambda: build_model(VARIANTS[variant])


@pytest.fixture(name="model")
def _model(make: Callable[[], Model]) -> Model:
    return make()


def noise(count: int, seed: int = 7, level: float = 0.0, spread: float = 1.0) -> list[dict[str, float]]:
    rng = random.Random(seed)
    return [{"a": level + rng.gauss(0, spread), "b": level + rng.gauss(0, spread)} for _ in range(count)]


def taught(model: Model, observations: list[dict[str, float]]) -> Model:
    for x in observations:
        model.learn_one(x)
    return model


def future(model: Model, observations: list[dict[str, float]]) -> list[float]:
    scores = []
    for x in observations:
        scores.append(model.score_one(x))
        model.learn_one(x)
    return scores


def test_every_name_that_settings_know_is_covered() -> None:
    assert set(ANOMALY_NAMES) == set(SMALL)
    assert set(DRIFT_NAMES) == set(DRIFT)


def test_nothing_is_anomalous_before_anything_was_learned(model: Model) -> None:
    assert model.score_one({"a": 1e9, "b": 3.0}) == 0.0


@pytest.mark.parametrize("level", [0.0, 0.1, 1e3 + 0.1, 1e8 + 0.1, -5.0])
def test_a_constant_series_is_not_anomalous(model: Model, variant: str, level: float) -> None:
    scores = future(model, [{"a": level, "b": level}] * 200)
    assert max(scores[10:]) <= QUIET.get(variant, 0.0)


@pytest.mark.parametrize("offset", [1e3, 1e6, 1e8])
def test_a_series_that_turns_constant_is_survived_and_not_anomalous(model: Model, offset: float) -> None:
    varying = future(model, noise(120, level=offset))
    constant = future(model, [{"a": offset + 0.5, "b": offset - 0.5}] * 200)
    assert all(map(math.isfinite, constant))
    assert max(constant[1:]) <= max(varying)
    assert model.score_one({"a": offset + 0.5, "b": offset - 0.5}) < model.score_one({"a": offset + 500, "b": offset})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, None, "12", 1j, [], {}])
def test_what_is_not_a_number_is_counted_and_changes_nothing_else(
    make: Callable[[], Model], variant: str, bad: object
) -> None:
    clean, dirty = taught(make(), noise(120)), taught(make(), noise(120))
    for x in ({"a": bad, "b": 0.0}, {"a": bad, "b": bad}):
        assert math.isfinite(dirty.score_one(x))
        dirty.learn_one(x)
    assert dirty.ignored == 2
    assert future(dirty, noise(60, seed=8)) == future(clean, noise(60, seed=8))


@pytest.mark.parametrize("x", [{}, {"a": 1.0}, {"z": 1.0}, None, {3: 1.0}])
def test_missing_features_are_counted_and_change_nothing_else(make: Callable[[], Model], x: Any) -> None:
    clean, dirty = taught(make(), noise(120)), taught(make(), noise(120))
    assert math.isfinite(dirty.score_one(x))
    dirty.learn_one(x)
    assert dirty.ignored == 1
    assert future(dirty, noise(60, seed=8)) == future(clean, noise(60, seed=8))


def test_only_bad_observations_leave_a_model_as_new(make: Callable[[], Model]) -> None:
    model = make()
    for x in ({}, {"a": math.nan}, {"a": None, "b": 1.0}):
        model.learn_one(x)
    assert model.score_one({"a": 1.0, "b": 2.0}) == 0.0
    assert future(model, noise(150)) == future(make(), noise(150))


def test_features_that_appear_later_are_not_looked_at(make: Callable[[], Model]) -> None:
    with_more, without = taught(make(), noise(120)), taught(make(), noise(120))
    more = [x | {"c": 1e6} for x in noise(60, seed=8)]
    assert future(with_more, more) == future(without, noise(60, seed=8))


def test_the_order_of_features_does_not_matter(make: Callable[[], Model]) -> None:
    turned = [{"b": x["b"], "a": x["a"]} for x in noise(150)]
    assert future(make(), turned) == future(make(), noise(150))


def test_scoring_changes_nothing(make: Callable[[], Model]) -> None:
    once, often = make(), make()
    for x in noise(150):
        before = often.state()
        scores = {often.score_one(x) for _ in range(3)} | {once.score_one(x)}
        often.score_one({"a": 1e6, "b": math.nan})
        assert often.state() == before
        assert len(scores) == 1
        once.learn_one(x)
        often.learn_one(x)


@pytest.mark.parametrize("learned", [0, 1, 49, 130])
def test_pickled_and_restored_models_have_the_same_future(make: Callable[[], Model], learned: int) -> None:
    model = taught(make(), [*noise(learned), {"a": math.nan}])
    state = model.state()
    restored = make()
    restored.restore(state)
    pickled = pickle.loads(pickle.dumps(model))  # noqa: S301
    assert restored.state() == pickled.state() == state
    assert restored.ignored == 1
    observations = [*noise(100, seed=9), {"a": 50.0, "b": 0.0}, {"a": math.nan, "b": 0.0}]
    assert future(model, observations) == future(restored, observations) == future(pickled, observations)
    assert model.state() == restored.state() == pickled.state()


def test_a_state_of_other_settings_or_of_nothing_is_refused_and_changes_nothing(model: Model, variant: str) -> None:
    taught(model, noise(60))
    before = model.state()
    other = build_model({"class": "anomaly.GaussianScorer", "grace_period": 77})
    for state in (other.state(), b"", b"\xc1", before[:-3]):
        with pytest.raises(StateError, match="learn anew"):
            model.restore(state)
    assert model.state() == before


def test_the_same_events_give_the_same_scores(make: Callable[[], Model]) -> None:
    assert future(make(), noise(200)) == future(make(), noise(200))


def test_river_clones_make_a_model_that_has_learned_nothing(model: Model) -> None:
    clone = taught(model, noise(100)).clone()
    assert clone.score_one({"a": 50.0, "b": 0.0}) == 0.0


@pytest.mark.parametrize("giant", [1e12, 1e300, -1e300, pytest.param(10**400, id="integer"), 1.7e308])
def test_one_giant_is_the_most_anomalous_and_does_not_hide_what_follows(
    model: Model, variant: str, giant: float
) -> None:
    normal = future(model, noise(300))[100:]
    assert math.isfinite(model.score_one({"a": giant, "b": 0.0}))
    if variant in RISING and giant > 0:
        assert model.score_one({"a": giant, "b": 0.0}) >= max(normal)
    model.learn_one({"a": giant, "b": 0.0})
    after = future(model, noise(200, seed=11))
    assert all(map(math.isfinite, after))
    if variant in RISING:
        assert model.score_one({"a": 12.0, "b": 0.0}) > sorted(after)[190]


def test_a_new_level_is_learned(model: Model, variant: str) -> None:
    before = future(model, noise(300))[100:]
    jumped = future(model, noise(1500, seed=5, level=1_000.0))
    assert all(map(math.isfinite, jumped))
    if variant in RISING:
        assert jumped[0] > max(before[-50:])
        median = sorted(jumped[-200:])[100]
        assert median <= max(before)


def test_an_outlier_scores_above_what_is_normal(model: Model, variant: str) -> None:
    future(model, noise(300))
    normal = sorted(model.score_one(x) for x in noise(100, seed=12))
    for x in ({"a": 15.0, "b": 0.0}, {"a": 0.0, "b": -15.0}):
        assert model.score_one(x) >= normal[95]


@settings(max_examples=15, deadline=None)
@given(
    data=st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b", "c"]),
            st.one_of(st.floats(), st.integers(), st.none(), st.booleans(), st.text(max_size=2)),
            max_size=3,
        ),
        max_size=40,
    )
)
@pytest.mark.parametrize("name", VARIANTS)
def test_nothing_that_comes_raises_or_gives_a_score_that_is_not_finite(name: str, data: list[dict[str, Any]]) -> None:
    model = build_model(VARIANTS[name])
    for x in data * 3:
        assert math.isfinite(model.score_one(x))
        model.learn_one(x)
    copy: Model = pickle.loads(pickle.dumps(model))  # noqa: S301
    assert copy.state() == model.state()


DRIFT: dict[str, dict[str, Any]] = {
    "drift.ADWIN": {"clock": 1},
    "drift.PageHinkley": {"threshold": 30.0, "delta": 0.5},
    "drift.KSWIN": {"alpha": 0.0001},
}


def drifts(name: str, values: list[Any]) -> list[int]:
    detector = build_drift_detector({"class": name, **DRIFT[name]})
    found = []
    for at, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            found.append(at)
    return found


def series(count: int, level: float = 0.0, seed: int = 3) -> list[float]:
    rng = random.Random(seed)
    return [level + rng.gauss(0, 1) for _ in range(count)]


@pytest.mark.parametrize("name", DRIFT)
class TestDriftDetectors:
    @pytest.mark.parametrize("level", [0.0, 0.1, 1e8 + 0.1])
    def test_a_constant_does_not_drift(self, name: str, level: float) -> None:
        assert drifts(name, [level] * 500) == []

    @pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, 1e8])
    def test_a_new_level_is_found_at_any_offset(self, name: str, offset: float) -> None:
        found = drifts(name, series(300, offset) + series(200, offset + 5.0))
        assert [at for at in found if at < 300] == []
        assert min(found) < 350

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, None, "x"])
    def test_what_is_not_a_number_changes_nothing(self, name: str, bad: object) -> None:
        values = series(300) + series(200, 5.0)
        assert [at - (at > 100) for at in drifts(name, [*values[:100], bad, *values[100:]])] == drifts(name, values)

    @pytest.mark.parametrize("giant", [1e12, 1e300, -1e308])
    def test_a_giant_does_not_make_it_blind(self, name: str, giant: float) -> None:
        found = drifts(name, [*series(300), giant, *series(300, seed=4), *series(200, 5.0)])
        assert any(600 < at < 660 for at in found)

    @pytest.mark.parametrize("learned", [0, 50, 304, 310])
    def test_restored_and_pickled_it_has_the_same_future(self, name: str, learned: int) -> None:
        values = [*series(300), *series(300, 4.0), *series(300, -4.0)]
        detector = build_drift_detector({"class": name, **DRIFT[name]})
        for value in values[:learned]:
            detector.update(value)
        detector.update(math.nan)
        restored = build_drift_detector({"class": name, **DRIFT[name]})
        restored.restore(detector.state())
        pickled = pickle.loads(pickle.dumps(detector))  # noqa: S301
        assert restored.ignored == pickled.ignored == 1
        for value in values[learned:]:
            for one in (detector, restored, pickled):
                one.update(value)
            assert detector.drift_detected == restored.drift_detected == pickled.drift_detected
        assert detector.state() == restored.state() == pickled.state()

    def test_a_state_of_other_settings_is_refused(self, name: str) -> None:
        detector = build_drift_detector({"class": name, **DRIFT[name]})
        with pytest.raises(StateError, match="learn anew"):
            detector.restore(build_drift_detector("drift.ADWIN").state())
        with pytest.raises(StateError, match="learn anew"):
            detector.restore(b"nothing")
