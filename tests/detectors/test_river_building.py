"""Models by name, and the pieces that wrapped models are made of: statistics, scale, forecaster."""

import math
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from river import stats

from config.anomaly_settings import HoltWintersSettings, LODASettings
from config.base import ComponentSettings
from config.drift_settings import ADWINSettings
from config.loader import validate
from config.models import ANOMALY_NAMES, DRIFT_NAMES, AnomalyModel, DriftModel
from config.problems import SettingsError
from config.yamlfile import parse_yaml
from detectors.models.river_safe import (
    ModelNameError,
    StateError,
    build_drift_detector,
    build_model,
)
from detectors.models.river_safe.gaussian import tail_score
from detectors.models.river_safe.holt_winters import HoltWintersState, SafeHoltWinters
from detectors.models.river_safe.running import Running
from detectors.models.river_safe.scaling import Scaling
from detectors.models.river_safe.statistics import SafeEWMean, SafeEWVar, SafeQuantile, SafeRollingQuantile


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("anomaly.HalfSpaceTree", "there is no anomaly model 'anomaly.HalfSpaceTree'. Did you mean"),
        ({}, "the key 'class' is missing. There are: anomaly.HalfSpaceTrees, anomaly.LODA"),
        (7, "must be the name of one anomaly model"),
        (
            {"class": "anomaly.LODA", "bins": 3},
            "anomaly.LODA has no parameter 'bins'. Did you mean 'n_bins'? It takes: ",
        ),
        ({"class": "anomaly.LODA", "n_bins": 0}, "n_bins: "),
        ({"class": "anomaly.OneClassSVM", "nu": math.nan}, "nu: "),
        ({"class": "anomaly.QuantileFilter"}, "anomaly_detector: "),
        (
            {"class": "anomaly.QuantileFilter", "anomaly_detector": "anomaly.ThresholdFilter"},
            "anomaly_detector: there is no anomaly model 'anomaly.ThresholdFilter'",
        ),
        ({"class": "anomaly.HalfSpaceTrees", "limits": {"a": [1, 1]}}, "limits of a: 1.0 is not below 1.0"),
        ({"class": "anomaly.LocalOutlierFactor", "n_neighbors": 20, "window_size": 20}, "must be below window_size"),
        (
            {"class": "anomaly.PredictiveAnomalyDetection", "predictive_model": {"seasonality": 7}},
            "predictive_model: a season needs beta and gamma",
        ),
    ],
)
def test_a_name_or_parameter_that_is_not_known_is_told_with_those_that_are(named: Any, told: str) -> None:
    with pytest.raises(ModelNameError) as caught:
        build_model(named)
    assert told in str(caught.value)


REPO = Path(__file__).parents[2]


class Component(ComponentSettings):
    """Settings that name models.

    Attributes:
        model: an anomaly model.
        drift: a drift detector.
    """

    model: AnomalyModel | None = None
    drift: DriftModel | None = None


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            "model: anomaly.LODDA",
            "f:1: model: there is no anomaly model 'anomaly.LODDA'. Did you mean 'anomaly.LODA'? ",
        ),
        ("model: {class: anomaly.LODA, cuts: 3}", "f:1: model: anomaly.LODA has no parameter 'cuts'. "),
        (
            "model:\n  class: anomaly.QuantileFilter\n  anomaly_detector: {class: anomaly.LODA,\n    n_bins: 0}",
            "f:4: model.anomaly_detector.n_bins: 0: must be greater than or equal to 2; most bins of a histogram",
        ),
        ("drift: {class: drift.DDM}", "f:1: drift: there is no drift detector 'drift.DDM'. "),
    ],
)
def test_a_settings_file_that_names_a_model_wrongly_is_told_where_and_how(written: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        validate(parse_yaml(f"{written}\ntype: x\n", "f"), Component)
    assert str(caught.value).startswith(told)


def test_a_settings_file_names_models() -> None:
    written = "model: {class: anomaly.LODA, n_bins: 7}\ndrift: drift.ADWIN\ntype: x\n"
    settings = validate(parse_yaml(written, "f"), Component)
    assert settings.model is not None
    assert build_model(settings.model).settings == LODASettings(n_bins=7)
    assert settings.drift is not None
    assert build_drift_detector(settings.drift).settings == ADWINSettings()


def test_every_model_can_be_named_without_parameters_but_filters() -> None:
    for name in ANOMALY_NAMES:
        if name not in ("anomaly.QuantileFilter", "anomaly.ThresholdFilter"):
            assert build_model(name).score_one({"a": 1.0}) == 0.0
    for name in DRIFT_NAMES:
        assert not build_drift_detector(name).drift_detected


HASHED = """
import hashlib, random
from config.models import ANOMALY_NAMES
from detectors.models.river_safe import build_model
inside = {"anomaly_detector": "anomaly.HalfSpaceTrees"}
filters = {"anomaly.QuantileFilter": inside, "anomaly.ThresholdFilter": inside | {"threshold": 0.9}}
rng, digest = random.Random(1), hashlib.sha256()
data = [{name: rng.gauss(0, 1) for name in ("latency", "share", "count")} for _ in range(300)]
for name in ANOMALY_NAMES:
    model = build_model({"class": name} | filters.get(name, {}))
    for x in data:
        model.learn_one(x)
    digest.update(model.state() + repr(model.score_one(data[0])).encode())
print(digest.hexdigest())
"""


def test_scores_and_states_do_not_depend_on_how_python_hashes() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", HASHED],
            cwd=REPO,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(REPO)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_features_that_settings_name_are_the_ones_looked_at() -> None:
    model = build_model({"class": "anomaly.StandardAbsoluteDeviation", "features": ["a"]})
    for value in range(50):
        model.learn_one({"a": value % 5, "b": math.nan})
    assert model.ignored == 0
    assert model.score_one({"a": 2.0, "b": 1e9}) < 1.0


STATISTICS: list[Callable[[], Any]] = [
    lambda: SafeEWMean(0.1),
    lambda: SafeEWVar(0.1),
    lambda: SafeQuantile(0.9),
    lambda: SafeRollingQuantile(0.9, 20),
]


@pytest.mark.parametrize("make", STATISTICS)
@pytest.mark.parametrize("learned", [0, 1, 3, 100])
def test_a_restored_statistic_has_the_same_future(make: Callable[[], Any], learned: int) -> None:
    rng = random.Random(1)
    statistic, restored = make(), make()
    assert statistic.get() == 0.0
    for _ in range(learned):
        statistic.update(rng.gauss(0, 1))
    statistic.update(None)
    restored.restore(statistic.state())
    for _ in range(50):
        assert statistic.get() == restored.get()
        value = rng.gauss(0, 1)
        statistic.update(value)
        restored.update(value)
    assert statistic.state() == restored.state()
    assert restored.ignored == 1


@pytest.mark.parametrize("make", STATISTICS)
@pytest.mark.parametrize("state", [b"", b"\x92\x01\xc0", b"\x92\x07\xc0"])
def test_what_is_no_state_of_a_statistic_is_refused(make: Callable[[], Any], state: bytes) -> None:
    with pytest.raises(StateError):
        make().restore(state)


@pytest.mark.parametrize(
    "settings",
    [
        HoltWintersSettings(),
        HoltWintersSettings(beta=0.1),
        HoltWintersSettings(beta=0.1, gamma=0.2, seasonality=5),
        HoltWintersSettings(beta=0.1, gamma=0.2, seasonality=5, multiplicative=True),
    ],
)
@pytest.mark.parametrize("learned", [0, 1, 4, 5, 40])
def test_a_restored_forecaster_has_the_same_future(settings: HoltWintersSettings, learned: int) -> None:
    rng = random.Random(2)
    model = SafeHoltWinters(settings)
    for value in [*(abs(rng.gauss(10, 1)) for _ in range(learned)), math.nan]:
        model.learn_one(value)
    restored = pickle.loads(pickle.dumps(model))  # noqa: S301
    for _ in range(30):
        assert restored.forecast(7) == model.forecast(7)
        value = abs(rng.gauss(10, 1))
        model.learn_one(value)
        restored.learn_one(value)
    assert restored.state() == model.state()
    assert restored.ignored == 1


def test_a_forecaster_that_runs_out_of_the_floats_or_meets_a_zero_begins_anew() -> None:
    model = SafeHoltWinters(HoltWintersSettings(beta=0.9, gamma=0.9, alpha=0.9, seasonality=2, multiplicative=True))
    for value in [1e-100, 1e100, 1e-100, 1e100] * 20:
        model.learn_one(value)
        assert all(map(math.isfinite, model.forecast(4)))
    level_of_zero = HoltWintersState([0.0, 1.0], [0.0, -1.0], [1.0, 0.0, 0.0], [], True, 1.0, 0, 0)
    model.take(level_of_zero)
    for value in [3.0, 4.0] * 3:
        model.learn_one(value)
    assert model.restarts == 1
    assert model.forecast(1)[0] == pytest.approx(3.0, abs=0.5)


def test_a_windowed_spread_is_that_of_the_window_whatever_went_through_it() -> None:
    rng = random.Random(4)
    running = Running(50)
    learned = []
    for at in range(3_000):
        level = 1e9 if at > 1_000 else 0.0
        value = {500: 1e12, 1_500: -1e15}.get(at, level + (rng.gauss(0, 1) if at % 400 < 300 else 0.5))
        learned.append(running.learn(value))
        window = learned[-50:]
        if at % 25 == 0 and at > 100:
            exact = stats.Var()
            for one in window:
                exact.update(one - window[0])
            assert running.mean == pytest.approx(math.fsum(window) / len(window), rel=1e-12, abs=1e-9)
            assert running.spread == pytest.approx(math.sqrt(exact.get()), rel=1e-4, abs=abs(running.mean) * 2e-9)


def test_the_second_giant_of_a_size_is_believed_and_rare_ones_are_learned() -> None:
    scaling = Scaling(memory=1_000.0)
    for at in range(2_000):
        scaling.learn(1.0 if at % 100 == 50 else 0.0)
    assert scaling.mean == pytest.approx(0.01, rel=0.3)
    assert scaling.spread == pytest.approx(math.sqrt(0.01 * 0.99), rel=0.3)


def test_tail_scores_are_those_of_the_normal_distribution_and_have_no_seam() -> None:
    assert tail_score(3.0) == pytest.approx(-math.log10(math.erfc(3.0 / math.sqrt(2.0))))
    assert tail_score(25.9999) == pytest.approx(tail_score(26.0001), rel=1e-4)
    assert math.isfinite(tail_score(1e300))
    scores = [tail_score(size / 10) for size in range(500)]
    assert scores == sorted(scores)
