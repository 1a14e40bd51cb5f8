"""The model of one series: detectors/models/series.py."""

import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from river import anomaly, preprocessing

from detectors.models.novelty import RangeNovelty
from detectors.models.series import COOL_DOWN, FADES, LEAST_NOVELTY, Scorer, SeriesModel, SeriesScore
from detectors.models.series_flat import FlatLine


def noise(points: int, seed: int = 1) -> list[float]:
    random = np.random.default_rng(seed)
    level = 10.0 * np.sin(2 * np.pi * np.arange(points) / 288)
    rounded: list[float] = (level + random.normal(size=points)).round(3).tolist()
    return rounded


def watch(model: SeriesModel, values: list[float], start: int = 0) -> list[SeriesScore]:
    found = []
    for i, value in enumerate(values, start=start):
        score = model.score(300.0 * i, value)
        found.append(score)
        model.learn(300.0 * i, value, score)
    return found


def test_a_value_far_from_all_others_opens_one_alert_and_its_repeats_none() -> None:
    model = SeriesModel()
    watch(model, noise(3000))
    found = watch(model, [60.0, *noise(3288)[3001:], 60.0], start=3000)
    assert [i for i, score in enumerate(found) if score.alert] == [0]
    assert found[0].p_value < 1e-3
    assert found[0].views["value"] > 1.0


def test_a_young_group_alerts_only_for_what_is_overwhelming() -> None:
    found = watch(SeriesModel(), [1.0, 1.1, 0.9, 50.0, 1.0, 1000.0, *noise(94)])
    assert not any(score.alert for score in found)
    assert min(score.p_value for score in found) > 0.004
    model = SeriesModel()
    watch(model, noise(60))
    assert not model.score(18_000.0, 12.0).alert
    assert model.score(18_000.0, 1e6).alert


def test_noise_of_many_kinds_alerts_seldom_and_its_p_values_hold() -> None:
    random = np.random.default_rng(6)
    kinds = [
        random.normal(size=4000),
        random.lognormal(size=4000),
        random.poisson(3.0, size=4000).astype(float),
        random.binomial(40, 0.1, size=4000) / 40,
        random.standard_t(3, size=4000),
    ]
    alerts, p_values = 0, []
    for values in kinds:
        found = watch(SeriesModel(), values.tolist())
        alerts += sum(score.alert for score in found)
        p_values += [score.p_value for score in found]
    assert alerts <= 30
    assert 0.5 <= np.mean(np.array(p_values) <= 1e-2) / 1e-2 <= 1.5


def test_scoring_twice_says_the_same_and_changes_nothing() -> None:
    model = SeriesModel()
    watch(model, noise(500))
    before = model.state()
    assert model.score(150_000.0, 99.0) == model.score(150_000.0, 99.0)
    assert model.state() == before


def test_learning_needs_no_score_at_hand() -> None:
    one, other = SeriesModel(), SeriesModel()
    watch(one, noise(300))
    for i, value in enumerate(noise(300)):
        other.learn(300.0 * i, value)
    assert one.state() == other.state()


@pytest.mark.parametrize("count", [0, 1, 60, 2500])
def test_a_restored_series_continues_bit_for_bit(count: int) -> None:
    values = noise(count + 300, seed=4)
    model, other = SeriesModel(), SeriesModel()
    watch(model, values[:count])
    other.restore(model.state())
    assert other.state() == model.state()
    assert watch(other, values[count:], count) == watch(model, values[count:], count)


def test_the_state_of_a_group_takes_at_most_64_kb() -> None:
    model = SeriesModel()
    random = np.random.default_rng(1)
    for i, value in enumerate(random.lognormal(size=9000).tolist()):
        model.learn(300.0 * i, value, SeriesScore(0.0, 1.0, False, 0.0, {}, raw=value))
    assert len(model.state()) <= 64_000


def test_states_of_others_are_refused() -> None:
    model = SeriesModel()
    watch(model, noise(50))
    for state in (b"", model.state()[:-1], b"x" * 500, SeriesModel(anomaly.LODA(seed=1)).state()):
        with pytest.raises(ValueError, match="state"):
            SeriesModel().restore(state)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_no_evidence(value: float) -> None:
    model = SeriesModel()
    watch(model, noise(100))
    before = model.state()
    score = model.score(30_000.0, value)
    assert (score.novelty, score.p_value, score.alert) == (0.0, 1.0, False)
    model.learn(30_000.0, value)
    assert model.state() == before


def test_a_constant_series_never_alerts_and_its_p_value_is_one() -> None:
    found = watch(SeriesModel(), [3.0] * 1500)
    assert not any(score.alert for score in found)
    assert {score.novelty for score in found} == {0.0}
    assert found[-1].p_value == 1.0


def test_a_flat_line_at_a_known_level_is_told_of_once() -> None:
    model = SeriesModel()
    values = noise(2000)
    watch(model, values)
    found = watch(model, [values[-1]] * 80, start=2000)
    flat = [i for i, score in enumerate(found) if "flat" in score.views]
    assert len(flat) == 1
    assert 25 <= flat[0] <= 30
    assert found[flat[0]].alert
    assert found[flat[0]].novelty >= LEAST_NOVELTY


def test_a_series_that_often_stands_still_has_no_flat_line_until_it_stands_much_longer() -> None:
    flat = FlatLine()
    told: list[bool] = []
    for number, run in enumerate([40] * 30 + [100, 400]):
        for _ in range(run):
            told.append(flat.begins(float(number)))
            flat.learn(float(number))
    assert sum(told) == 1
    assert flat.p_value() < 0.1
    with pytest.raises(ValueError, match="expected"):
        flat.restore(flat.state() + b"x")


def test_counts_that_are_nearly_always_zero_do_not_alert_for_each_that_is_not() -> None:
    random = np.random.default_rng(12)
    values = np.where(random.uniform(size=6000) < 0.03, random.poisson(2.0, size=6000) + 1.0, 0.0).tolist()
    found = watch(SeriesModel(), values)
    assert sum(score.alert for score in found[1000:]) <= 10


def test_a_second_alert_needs_more_than_all_of_the_cool_down() -> None:
    model = SeriesModel()
    watch(model, noise(3000))
    found = watch(model, [60.0, 200.0, 90.0, *noise(COOL_DOWN, seed=3), -90.0], start=3000)
    opened = [i for i, score in enumerate(found) if score.alert]
    assert opened == [0, 1, 3 + COOL_DOWN]
    assert [found[i].fresh for i in (0, 1)] == [found[i].novelty for i in (0, 1)]
    assert found[2].fresh == 0.0 < found[2].novelty


def test_a_point_less_new_than_one_shortly_before_is_no_onset_until_that_has_faded() -> None:
    found = []
    for quiet in (0, round(2 * FADES)):
        model = SeriesModel()
        watch(model, noise(3000))
        found.append(watch(model, [60.0, 200.0, *noise(quiet, seed=3), -70.0], start=3000))
        assert [score.onset for score in found[-1][:2]] == [score.novelty for score in found[-1][:2]]
    echo, other = found[0][-1], found[1][-1]
    assert echo.onset == 0.0 < echo.novelty
    assert other.onset == other.novelty > LEAST_NOVELTY
    assert other.fresh == 0.0


class NotAlwaysFinite:
    """A model whose score is not always finite."""

    def score_one(self, x: dict[str, float]) -> float:
        return math.nan if x["value"] > 0 else x["value"]

    def learn_one(self, x: dict[str, float]) -> None:
        pass


def half_space_trees() -> Scorer:
    scorer: Scorer = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1, n_trees=5)
    return scorer


@pytest.mark.parametrize("make", [half_space_trees, lambda: anomaly.LODA(seed=1, n_bins=5), NotAlwaysFinite])
def test_any_river_model_can_stand_in(make: Callable[[], Scorer]) -> None:
    model, other = SeriesModel(make()), SeriesModel(make())
    found = watch(model, noise(300))
    assert all(0.0 < score.p_value <= 1.0 for score in found)
    other.restore(model.state())
    assert watch(other, noise(50, seed=2), 300) == watch(model, noise(50, seed=2), 300)


def test_range_novelty_with_other_arguments_is_no_stand_in() -> None:
    model = SeriesModel(RangeNovelty(memory=300))
    assert model.least_novelty == LEAST_NOVELTY
    watch(model, noise(700))
    assert pickle.loads(pickle.dumps(model)).state() == model.state()  # noqa: S301
