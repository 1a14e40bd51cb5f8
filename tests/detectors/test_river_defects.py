"""Every defect of River 0.26.1 that a wrapper guards against: River itself shows it, the wrapper beside it is immune.

A test that fails with "River has fixed this" is good news: take the guard out, and the test with it.
"""

# mypy: disable-error-code="no-untyped-call"

import math
import pickle
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from river import anomaly, drift, feature_extraction, preprocessing, stats, time_series

from config.anomaly_settings import HoltWintersSettings
from detectors.models.river_safe import build_drift_detector, build_model
from detectors.models.river_safe.holt_winters import SafeHoltWinters
from detectors.models.river_safe.statistics import SafeEWMean, SafeEWVar, SafeQuantile, SafeRollingQuantile

FIXED = "River has fixed this: the guard and this test can go"
SEASON = HoltWintersSettings(alpha=0.01, beta=0.01, gamma=0.1, seasonality=144)
River = Any
"""Much of River has no types."""


def gauss(count: int, level: float = 0.0, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [level + rng.gauss(0, 1) for _ in range(count)]


def must_raise(call: Callable[[], object]) -> None:
    call()
    pytest.fail(FIXED)


def scored(river: Any, values: Iterable[float]) -> list[float]:
    """Return River's scores; what it forecasts with needs two values first."""
    scores = []
    for at, value in enumerate(values):
        river.learn_one(None, value)
        scores.append(river.score_one(None, value) if at else 0.0)
    return scores


def area_under_curve(score: Callable[[dict[str, float]], float]) -> float:
    rng = random.Random(3)
    normal = [score({"a": rng.gauss(0, 1), "b": rng.gauss(0, 1)}) for _ in range(100)]
    outside = [score({"a": sign * 6 + rng.gauss(0, 1), "b": rng.gauss(0, 1)}) for sign in (-1, 1) for _ in range(50)]
    return sum(high > low for high in outside for low in normal) / 1e4


def named(name: str, values: Iterable[float], **parameters: Any) -> Any:
    model = build_model({"class": name, **parameters})
    for value in values:
        model.learn_one({"value": value})
    return model


@pytest.mark.parametrize("offset", [1e3, 1e6, 1e8])
def test_gaussian_scorer_raises_where_a_window_turns_constant(offset: float) -> None:
    river: River = anomaly.GaussianScorer(window_size=50, grace_period=10)
    values = [*gauss(100, offset), *[offset + 0.5] * 200]

    def through() -> None:
        for value in values:
            river.score_one(None, value)
            river.learn_one(None, value)

    with pytest.raises(TypeError, match="complex"):
        must_raise(through)
    ours = named("anomaly.GaussianScorer", values, window_size=50, grace_period=10)
    assert ours.score_one({"value": offset + 0.5}) == 0.0


def test_gaussian_scorer_finds_a_constant_anomalous() -> None:
    river: River = anomaly.GaussianScorer(grace_period=10)
    for _ in range(50):
        river.learn_one(None, 5.0)
    assert river.score_one(None, 5.0) == 1.0, FIXED
    assert named("anomaly.GaussianScorer", [5.0] * 50, grace_period=10).score_one({"value": 5.0}) == 0.0


def test_gaussian_scorer_cannot_rank_beyond_eight_sigma() -> None:
    river: River = anomaly.GaussianScorer()
    for value in gauss(500):
        river.learn_one(None, value)
    assert river.score_one(None, 9.0) == river.score_one(None, 900.0) == 1.0, FIXED
    ours = named("anomaly.GaussianScorer", gauss(500))
    scores = [ours.score_one({"value": value}) for value in (9.0, 30.0, 900.0, 1e9, 1e30)]
    assert scores == sorted(set(scores))


def test_gaussian_scorer_never_speaks_where_the_window_is_shorter_than_the_grace_period() -> None:
    river: River = anomaly.GaussianScorer(window_size=50)
    for value in gauss(500):
        river.learn_one(None, value)
    assert river.score_one(None, 1e9) == 0, FIXED
    with pytest.raises(ValueError, match="never reaches grace_period"):
        build_model({"class": "anomaly.GaussianScorer", "window_size": 50})


def test_predictive_detection_learns_while_it_scores() -> None:
    river: River = anomaly.PredictiveAnomalyDetection(time_series.HoltWinters(alpha=0.3))
    scored(river, gauss(50))
    before = pickle.dumps(river)
    river.score_one(None, 3.0)
    assert pickle.dumps(river) != before, FIXED
    ours = named("anomaly.PredictiveAnomalyDetection", gauss(50))
    state = ours.state()
    ours.score_one({"value": 3.0})
    assert ours.state() == state


def test_predictive_detection_ends_at_one() -> None:
    river: River = anomaly.PredictiveAnomalyDetection(time_series.HoltWinters(alpha=0.3), warmup_period=10)
    scored(river, gauss(100))
    assert river.score_one(None, 30.0) == river.score_one(None, 300.0) == 1.0, FIXED
    ours = named("anomaly.PredictiveAnomalyDetection", gauss(100))
    assert 1.0 < ours.score_one({"value": 30.0}) < ours.score_one({"value": 300.0})


def test_predictive_detection_finds_every_point_of_a_constant_anomalous() -> None:
    river: River = anomaly.PredictiveAnomalyDetection(time_series.HoltWinters(alpha=0.3), warmup_period=10)
    assert set(scored(river, [5.0] * 100)[20:]) == {1.0}, FIXED
    assert named("anomaly.PredictiveAnomalyDetection", [5.0] * 100).score_one({"value": 5.0}) == 0.0


def test_predictive_detection_raises_before_the_first_season_is_over() -> None:
    model: River = time_series.HoltWinters(alpha=0.3, beta=0.1, gamma=0.3, seasonality=12)
    river: River = anomaly.PredictiveAnomalyDetection(model, warmup_period=100)
    river.learn_one(None, 1.0)
    with pytest.raises(IndexError):
        must_raise(lambda: river.score_one(None, 1.0))
    ours = named("anomaly.PredictiveAnomalyDetection", [1.0], predictive_model=SEASON, warmup_period=0)
    assert ours.score_one({"value": 1.0}) == 0.0


def test_predictive_detection_never_recovers_from_a_nan() -> None:
    river: River = anomaly.PredictiveAnomalyDetection(time_series.HoltWinters(alpha=0.3))
    scored(river, [*gauss(50), math.nan, *gauss(50)])
    assert math.isnan(river.score_one(None, 1e9)), FIXED
    assert named("anomaly.PredictiveAnomalyDetection", [*gauss(50), math.nan, *gauss(50)]).score_one({"value": 9.0}) > 1


def test_additive_seasons_begin_with_ratios() -> None:
    wave = [1000 + 100 * math.sin(2 * math.pi * at / 144) for at in range(144 * 20)]
    river: River = time_series.HoltWinters(alpha=0.01, beta=0.01, gamma=0.1, seasonality=144)
    ours = SafeHoltWinters(SEASON)
    errors: dict[str, list[float]] = {"river": [], "ours": []}
    for value in wave:
        if ours.ready:
            errors["river"].append(abs(river.forecast(1)[0] - value))
            errors["ours"].append(abs(ours.forecast(1)[0] - value))
        river.learn_one(value)
        ours.learn_one(value)
    assert sum(errors["river"][:144]) / 144 > 50, FIXED
    assert max(errors["ours"][:144]) < 1.0
    assert max(errors["ours"][-144:]) < 1.0


def test_a_multiplicative_season_raises_on_a_zero() -> None:
    river: River = time_series.HoltWinters(alpha=0.3, beta=0.1, gamma=0.3, seasonality=2, multiplicative=True)
    settings = SEASON.model_copy(update={"seasonality": 2, "multiplicative": True})
    ours = SafeHoltWinters(settings)

    def through() -> None:
        for value in [0.0, 0.0, 0.0, 1.0]:
            river.learn_one(value)

    with pytest.raises(ZeroDivisionError):
        must_raise(through)
    for value in [0.0, 3.0, 0.0, 2.0, 3.0, 2.0]:
        ours.learn_one(value)
    assert ours.ignored == 2
    assert ours.ready


def test_the_drift_module_cannot_be_imported_by_star() -> None:
    with pytest.raises(AttributeError, match="PeriodicTrigger"):
        must_raise(lambda: exec("from river.drift import *", {}))  # noqa: S102
    names: dict[str, Any] = {}
    exec("from detectors.models.river_safe.drift_models import *", names)  # noqa: S102
    assert "SafeADWIN" in names


class _Echo:
    """A model whose score is the value itself."""

    def score_one(self, x: dict[str, float]) -> float:
        return x["value"]

    def learn_one(self, x: dict[str, float]) -> None:
        pass


def test_quantile_filter_counts_ties_as_anomalous() -> None:
    river: River = anomaly.QuantileFilter(_Echo(), q=0.99, protect_anomaly_detector=False)
    for _ in range(200):
        river.learn_one({"value": 7.0})
    assert river.classify(7.0), FIXED
    ours = named("anomaly.QuantileFilter", [7.0] * 200, anomaly_detector="anomaly.StandardAbsoluteDeviation")
    assert not ours.classify(ours.score_one({"value": 7.0}))


def test_quantile_filter_takes_a_quantile_of_zero_for_none() -> None:
    river: River = anomaly.QuantileFilter(_Echo(), q=0.99, protect_anomaly_detector=False)
    for _ in range(200):
        river.learn_one({"value": 0.0})
    assert not river.classify(5.0), FIXED
    ours = named("anomaly.QuantileFilter", [7.0] * 200, anomaly_detector="anomaly.StandardAbsoluteDeviation")
    assert ours.classify(5.0)


def test_quantile_filter_remembers_all_scores_for_ever() -> None:
    river: River = anomaly.QuantileFilter(_Echo(), q=0.9, protect_anomaly_detector=False)
    ours = SafeRollingQuantile(0.9, 1_000)
    for value in [abs(value) for value in gauss(20_000)] + [abs(value) / 100 for value in gauss(2_000, seed=2)]:
        river.learn_one({"value": value})
        ours.update(value)
    assert not river.classify(0.1), FIXED
    assert ours.get() < 0.1


def test_threshold_filter_never_lets_its_model_learn_a_new_level() -> None:
    river: River = anomaly.ThresholdFilter(anomaly.HalfSpaceTrees(seed=1, window_size=50), threshold=0.9)
    for value in [*gauss(200), *gauss(2_000, 30.0)]:
        river.learn_one({"value": 0.3 + 0.02 * value})
    assert river.score_one({"value": 0.9}) > 0.9, FIXED
    ours = named(
        "anomaly.ThresholdFilter",
        [*gauss(200), *gauss(1000, 500.0)],
        anomaly_detector={"class": "anomaly.GaussianScorer", "window_size": 100},
        threshold=5.0,
    )
    assert ours.score_one({"value": 500.0}) < 5.0


def test_threshold_filter_without_protection_never_lets_its_model_learn() -> None:
    river: River = anomaly.ThresholdFilter(anomaly.OneClassSVM(), threshold=1e9, protect_anomaly_detector=False)
    for _ in range(50):
        river.learn_one({"value": 1.0})
    assert river.anomaly_detector.weights == {}, FIXED
    inside = {"class": "anomaly.GaussianScorer", "grace_period": 10}
    for protect in (True, False):
        parameters = {"anomaly_detector": inside, "threshold": 5.0, "protect_anomaly_detector": protect}
        assert named("anomaly.ThresholdFilter", gauss(50), **parameters).score_one({"value": 50.0}) > 5.0


def test_half_space_trees_want_features_between_0_and_1() -> None:
    river: River = anomaly.HalfSpaceTrees(seed=1)
    for value in gauss(500, 1_000.0):
        river.learn_one({"value": value})
    assert river.score_one({"value": 1_000.0}) == river.score_one({"value": 5_000.0}), FIXED
    ours = named("anomaly.HalfSpaceTrees", gauss(500, 1_000.0))
    assert ours.score_one({"value": 1_000.0}) < ours.score_one({"value": 5_000.0})


def test_a_scaler_before_half_space_trees_belongs_to_the_first_giant() -> None:
    values = [*gauss(300), 1e6, *gauss(600, seed=2)]
    river: River = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1)
    for value in values:
        river.learn_one({"value": value})
    assert river.score_one({"value": 0.0}) == river.score_one({"value": 100.0}), FIXED
    ours = named("anomaly.HalfSpaceTrees", values)
    assert ours.score_one({"value": 0.0}) < ours.score_one({"value": 100.0})


def test_half_space_trees_without_a_seed_score_otherwise_in_every_run() -> None:
    def scores(make: Callable[[], River]) -> list[float]:
        model = make()
        for value in gauss(300):
            model.learn_one({"value": value})
        return [model.score_one({"value": value}) for value in gauss(50)]

    assert scores(anomaly.HalfSpaceTrees) != scores(anomaly.HalfSpaceTrees), FIXED
    assert scores(lambda: build_model("anomaly.HalfSpaceTrees")) == scores(
        lambda: build_model("anomaly.HalfSpaceTrees")
    )


def test_standard_absolute_deviation_finds_rounding_errors_anomalous() -> None:
    level = 1e8 + 0.1
    river: River = anomaly.StandardAbsoluteDeviation()
    for _ in range(100):
        river.learn_one(None, level)
    assert river.score_one(None, math.nextafter(level, math.inf)) > 100, FIXED
    ours = named("anomaly.StandardAbsoluteDeviation", [level] * 100)
    assert ours.score_one({"value": math.nextafter(level, math.inf)}) < 1e-3


def test_loda_has_holes_in_the_midst_of_what_is_normal() -> None:
    river: River = anomaly.LODA(seed=1, n_random_cuts=20)
    ours = build_model({"class": "anomaly.LODA", "seed": 1, "n_random_cuts": 20})
    for value in gauss(2_000):
        river.learn_one({"value": value})
        ours.learn_one({"value": value})
    middle = [at / 500 for at in range(-1_000, 1_000)]
    assert max(river.score_one({"value": value}) for value in middle) > 10.0, FIXED
    assert max(ours.score_one({"value": value}) for value in middle) < ours.score_one({"value": 5.0})
    assert ours.score_one({"value": 8.0}) < ours.score_one({"value": 80.0})


def test_local_outlier_factor_takes_all_but_the_commonest_value_for_outliers() -> None:
    values = [0.0, 0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0] * 20
    river: River = anomaly.LocalOutlierFactor(n_neighbors=10)
    for value in values:
        river.learn_one({"value": value})
    assert river.score_one({"value": 0.5}) > 1e8, FIXED
    assert named("anomaly.LocalOutlierFactor", values).score_one({"value": 0.5}) < 100


def test_one_class_svm_scores_upside_down() -> None:
    river: River = (
        preprocessing.StandardScaler()
        | feature_extraction.RBFSampler(gamma=0.5, n_components=30, seed=1)
        | anomaly.OneClassSVM(nu=0.1)
    )
    ours = build_model("anomaly.OneClassSVM")
    rng = random.Random(1)
    for _ in range(1_000):
        x = {"a": rng.gauss(0, 1), "b": rng.gauss(0, 1)}
        river.learn_one(x)
        ours.learn_one(x)
    assert area_under_curve(river.score_one) < 0.2, FIXED
    assert area_under_curve(ours.score_one) > 0.9


@pytest.mark.parametrize("offset", [1e6, 1e8])
def test_exponentially_weighted_variance_goes_below_zero(offset: float) -> None:
    river, ours = stats.EWVar(0.1), SafeEWVar(0.1)
    lowest, our_lowest = 0.0, 0.0
    for value in [*gauss(100, offset), *[offset] * 200]:
        river.update(value)
        ours.update(value)
        lowest, our_lowest = min(lowest, river.get()), min(our_lowest, ours.get())
    assert lowest < 0, FIXED
    assert our_lowest == 0.0
    assert 0.0 <= ours.get() < 1e-6


def test_exponentially_weighted_variance_agrees_with_river_where_rounding_is_no_matter() -> None:
    river, ours = stats.EWVar(0.1), SafeEWVar(0.1)
    for value in gauss(100):
        river.update(value)
        ours.update(value)
        assert ours.get() == pytest.approx(river.get(), abs=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_statistics_never_recover_from_what_is_not_a_number(bad: float) -> None:
    pairs: list[tuple[Any, Any]] = [(stats.EWMean(0.1), SafeEWMean(0.1)), (stats.EWVar(0.1), SafeEWVar(0.1))]
    if math.isnan(bad):
        pairs.append((stats.Quantile(0.5), SafeQuantile(0.5)))
    for river, ours in pairs:
        for value in [1.0, 2.0, bad, *gauss(50)]:
            river.update(value)
            ours.update(value)
        assert not math.isfinite(river.get()), FIXED
        assert math.isfinite(ours.get())
        assert ours.ignored == 1


def test_a_rolling_quantile_panics_on_a_nan(capfd: pytest.CaptureFixture[str]) -> None:
    river, ours = stats.RollingQuantile(0.5, 5), SafeRollingQuantile(0.5, 5)

    def through() -> None:
        for value in [1.0, math.nan, 2.0]:
            river.update(value)

    with pytest.raises(BaseException, match="NaN") as caught:
        must_raise(through)
    assert not isinstance(caught.value, Exception)
    capfd.readouterr()
    for value in [1.0, math.nan, 2.0, 3.0]:
        ours.update(value)
    assert ours.get() == 2.0


@pytest.mark.parametrize("name", ["drift.ADWIN", "drift.PageHinkley"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_drift_detectors_are_blind_after_what_is_not_a_number(name: str, bad: float) -> None:
    river: River = drift.ADWIN() if name == "drift.ADWIN" else drift.PageHinkley()
    ours = build_drift_detector(name)
    found = {"river": False, "ours": False}
    for value in [*gauss(100), bad, *gauss(500), *gauss(1_000, 5.0)]:
        river.update(value)
        ours.update(value)
        found["river"] |= bool(river.drift_detected) and value == value  # noqa: PLR0124
        found["ours"] |= ours.drift_detected
    if name == "drift.ADWIN" or math.isnan(bad):
        assert not found["river"], FIXED
    assert found["ours"]


def test_adwin_is_blind_after_a_giant() -> None:
    river: River = drift.ADWIN()
    ours = build_drift_detector("drift.ADWIN")
    found = {"river": False, "ours": False}
    for value in [*gauss(100), 1e300, *gauss(500), *gauss(1_000, 5.0)]:
        river.update(value)
        ours.update(value)
        found["river"] |= bool(river.drift_detected)
        found["ours"] |= ours.drift_detected
    assert not found["river"], FIXED
    assert found["ours"]


def test_kswin_without_a_seed_finds_other_drifts_in_every_run() -> None:
    def found(detector: River) -> list[int]:
        drifts = []
        for at, value in enumerate(gauss(1_500)):
            detector.update(value)
            if detector.drift_detected:
                drifts.append(at)
        return drifts

    assert len({tuple(found(drift.KSWIN(alpha=0.05))) for _ in range(3)}) > 1, FIXED
    ours = {tuple(found(build_drift_detector({"class": "drift.KSWIN", "alpha": 0.05}))) for _ in range(2)}
    assert len(ours) == 1
