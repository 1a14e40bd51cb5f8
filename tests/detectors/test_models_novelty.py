"""Range-normalised novelty: detectors/models/novelty.py, with its memories."""

import math
import pickle
from collections.abc import Hashable

import numpy as np
import pytest
from river import base

from detectors.models.novelty import HIGHEST, RangeNovelty
from detectors.models.series_past import Extent, LongPast
from detectors.models.series_ring import Ring

DAY_S = 86_400.0


def wave(points: int, seed: int = 1, noise: float = 0.05) -> list[tuple[float, float]]:
    random = np.random.default_rng(seed)
    times = np.arange(points) * 300.0
    values = np.sin(2 * np.pi * times / DAY_S) + noise * random.normal(size=points)
    return list(zip(values.tolist(), times.tolist(), strict=True))


def learned(points: list[tuple[float, float]], **arguments: float) -> RangeNovelty:
    model = RangeNovelty(**arguments)  # type: ignore[arg-type]
    for value, time in points:
        model.learn_one({"value": value, "time": time})
    return model


def scores(model: RangeNovelty, points: list[tuple[float, float]]) -> list[float]:
    found = []
    for value, time in points:
        found.append(model.score_one({"value": value, "time": time}))
        model.learn_one({"value": value, "time": time})
    return found


def plain(points: list[tuple[float, float]], memory: int, trim: float) -> list[float]:
    """The definition, written out point by point in float64, without the long past and the jump view."""
    values: list[float] = []
    contexts: list[list[float]] = []
    residuals: list[float] = []
    hours: dict[tuple[bool, int], float] = {}
    means = [0.0, 0.0, 0.0]
    found = []
    for n, (value, time) in enumerate(points, start=1):
        means = [e + max(2 / (span + 1), 1 / n) * (value - e) for e, span in zip(means, (4, 16, 64), strict=True)]
        key = ((int(time // DAY_S) + 3) % 7 >= 5, int(time // 3600) % 24)
        residual = value - hours[key] if key in hours else 0.0
        context = [value, *means]
        if len(values) < 20:
            found.append(0.0)
        else:
            past, ordered = values[-memory:], sorted(values[-memory:])
            cut = int(trim * len(ordered))
            unit = ordered[len(ordered) - 1 - cut] - ordered[cut] + 1e-9 * (1 + abs(value))
            d1 = min(abs(value - other) for other in past)
            d2 = min(math.dist(context, other) / 2 for other in contexts[-memory:])
            d3 = min(abs(residual - other) for other in residuals[-memory:])
            found.append(min(10.0, (d1 + d2 + d3) / unit) * n / (n + 600))
        values.append(value)
        contexts.append(context)
        residuals.append(residual)
        hours[key] = hours[key] + 0.01 * residual if key in hours else value
    return found


def test_the_scores_are_those_of_the_definition() -> None:
    points = wave(500)
    points[400] = (2.5, points[400][1])
    model = RangeNovelty(memory=1000)
    for (value, time), expected in zip(points, plain(points, 1000, 0.0005), strict=True):
        views = model.views(value, time)
        summed = min(HIGHEST, views.value + views.context + views.hour)
        seen = model._seen + 1
        assert summed * seen / (seen + 600) == pytest.approx(expected, rel=1e-3, abs=1e-5)
        assert expected - 1e-5 <= views.score <= 3 * expected + 1e-5
        model.learn_one({"value": value, "time": time})


def test_scoring_changes_nothing() -> None:
    model = learned(wave(700))
    before = model.state()
    first = [model.score_one({"value": value, "time": 210_000.0}) for value in (0.0, 5.0, math.nan)]
    assert [model.score_one({"value": value, "time": 210_000.0}) for value in (0.0, 5.0, math.nan)] == first
    assert model.state() == before


def test_what_was_seen_once_is_not_new_again() -> None:
    points = wave(2000)
    spike = [(6.0, 600_000.0)]
    model = learned(points)
    first = scores(model, spike)[0]
    scores(model, [(value, 600_000.0 + time) for value, time in wave(300, seed=2)])
    assert first > 0.5
    assert scores(model, spike)[0] < first / 3


def test_the_score_does_not_depend_on_the_unit_or_the_origin() -> None:
    points = wave(900)
    points[800] = (1.7, points[800][1])
    once = scores(RangeNovelty(), points)
    for factor, offset in ((1000.0, 0.0), (1e-3, 0.0), (1.0, 5e5), (1e12, -1e15)):
        again = scores(RangeNovelty(), [(factor * value + offset, time) for value, time in points])
        assert np.abs(np.array(once) - again).max() < 2e-3, (factor, offset)


def test_a_constant_series_scores_nothing_and_a_first_other_value_scores_high() -> None:
    points = [(7.5, 300.0 * i) for i in range(1000)]
    model = RangeNovelty()
    assert set(scores(model, points)) == {0.0}
    assert model.score_one({"value": 7.6, "time": 300_000.0}) > 1.0


def test_without_a_time_the_hour_view_is_left_out() -> None:
    model = RangeNovelty()
    for value, _ in wave(600):
        model.learn_one({"value": value})
    views = model.views(3.0)
    assert views.hour == 0.0
    assert views.value > 0.1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_scores_nothing_and_is_not_learned(value: float) -> None:
    model = learned(wave(100))
    before = model.state()
    assert model.score_one({"value": value, "time": 1.0}) == 0.0
    model.learn_one({"value": value, "time": 1.0})
    assert model.state() == before


def test_the_largest_and_smallest_floats_do_not_break_it() -> None:
    model = RangeNovelty(memory=50)
    random = np.random.default_rng(4)
    extremes = [1.7e308, -1.7e308, 5e-324, 0.0, 1.0]
    for i in range(300):
        value = extremes[int(random.integers(5))]
        score = model.score_one({"value": value, "time": 300.0 * i})
        assert 0.0 <= score <= HIGHEST
        model.learn_one({"value": value, "time": 300.0 * i})


@pytest.mark.parametrize("count", [0, 3, 19, 64, 65, 200, 333, 1700])
def test_a_restored_model_continues_bit_for_bit(count: int) -> None:
    points = wave(count + 600, seed=9)
    model, other = RangeNovelty(memory=200), RangeNovelty(memory=200)
    scores(model, points[:count])
    other.restore(model.state())
    assert other.state() == model.state()
    assert scores(other, points[count:]) == scores(model, points[count:])
    assert other.state() == model.state()


def test_the_state_of_a_group_is_small() -> None:
    model = learned(wave(25_000, noise=1.0))
    assert len(model.state()) <= 56_000
    assert len(learned(wave(10)).state()) < 1_000


def test_states_of_other_models_are_refused() -> None:
    for state in (b"", b"NOV2", b"xxxx" * 300, learned(wave(300), memory=300).state()):
        with pytest.raises(ValueError, match="expected"):
            RangeNovelty(memory=100).restore(state)


def test_values_that_left_the_memory_are_known_for_ten_times_as_long() -> None:
    points = wave(200)
    model = learned([*points, (9.0, 60_000.0)], memory=200)
    scores(model, [(value, 60_000.0 + time) for value, time in wave(1500, seed=2)])
    assert model.views(9.0, 510_000.0).value < 0.01
    scores(model, [(value, 510_000.0 + time) for value, time in wave(900, seed=3)])
    assert model.views(9.0, 780_000.0).value > 1.0


def test_a_giant_outlier_does_not_hide_what_comes_after_it() -> None:
    points = wave(1500)
    giant = [(1e6, 450_000.0)]
    after = [(value, 450_300.0 + time) for value, time in wave(100, seed=5)]
    plain_model, struck = learned(points + after), learned(points + giant + after)
    spike: dict[Hashable, float] = {"value": 4.0, "time": 490_000.0}
    assert plain_model.score_one(spike) > 0.3
    assert struck.score_one(spike) > plain_model.score_one(spike) / 30
    assert learned(points + giant, memory=2000)._widest < 100.0


def test_a_small_step_on_a_smooth_series_is_raised_at_most_threefold() -> None:
    smooth = [(math.sin(2 * math.pi * i / 1000), 300.0 * i) for i in range(1500)]
    model = learned(smooth)
    views = model.views(smooth[-1][0] - 0.05, 450_000.0)
    total = views.value + views.context + views.hour
    assert views.jump > total
    assert views.score == pytest.approx(min(views.jump, 3 * total) * 1501 / 2101)


def test_it_is_a_river_anomaly_detector() -> None:
    model = RangeNovelty()
    assert isinstance(model, base.AnomalyDetector)
    assert isinstance(model.clone(), RangeNovelty)
    assert model._get_params() == {"memory": 2000, "trim": 0.0005, "warm_up": 600.0, "hour_rate": 0.01}
    copy = pickle.loads(pickle.dumps(learned(wave(300))))  # noqa: S301
    assert copy.state() == learned(wave(300)).state()


def test_arguments_out_of_range_are_refused() -> None:
    for arguments in ({"memory": 5}, {"trim": 0.5}, {"warm_up": -1.0}, {"hour_rate": 0.0}):
        with pytest.raises(ValueError, match="expected"):
            RangeNovelty(**arguments)


def test_a_ring_remembers_the_last_columns_in_order() -> None:
    ring = Ring(2, 100)
    for i in range(257):
        gone = ring.append([float(i), -float(i)])
        assert (None if gone is None else gone.tolist()) == (None if i < 100 else [i - 100, 100 - i])
    assert ring.in_order()[0].tolist() == [float(i) for i in range(157, 257)]
    other = Ring(2, 100)
    other.fill(ring.to_bytes(), 100)
    assert other.in_order().tolist() == ring.in_order().tolist()
    with pytest.raises(ValueError, match="expected"):
        other.fill(ring.to_bytes(), 99)


def test_the_long_past_forgets_what_was_not_visited_for_its_horizon_and_first_what_is_oldest() -> None:
    past = LongPast(capacity=4, horizon=100)
    for i in range(6):
        past.learn(float(i), alike=0.1, at=i + 1)
    assert past.count == 4
    assert [past.nearest(float(i)) for i in range(6)] == [2.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    past.learn(5.0, alike=0.1, at=90)
    past.learn(9.0, alike=0.1, at=128)
    assert past.nearest(3.0) == 2.0
    with pytest.raises(ValueError, match="expected"):
        past.fill(b"123", 1)


def test_the_extent_of_a_ring_is_that_of_sorting_it_each_time() -> None:
    random = np.random.default_rng(8)
    ring = Ring(1, 300)
    extent = Extent(ring, 0, 0.01)
    numbers: list[float] = []
    for number in random.standard_t(2, size=2000).astype(np.float32).tolist():
        gone = ring.append([number])
        extent.changed(number, None if gone is None else float(gone[0]))
        numbers = [*numbers, number][-300:]
        cut = int(0.01 * len(numbers))
        ordered = sorted(numbers)
        assert extent.ends() == (ordered[cut], ordered[len(ordered) - 1 - cut])
