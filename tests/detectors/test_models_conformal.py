"""Adaptive alarm levels and conformal p-values."""

import math
import random

import msgspec
import pytest

from detectors.models.conformal import AdaptiveLevel, ConformalScores


@pytest.mark.parametrize("power", [0.3, 1.0, 3.0])
def test_the_share_of_alarms_comes_to_the_target_whatever_the_p_values_are_like(power: float) -> None:
    rng = random.Random(1)
    level = AdaptiveLevel(target=0.02)
    alarms, late, tests = 0, 0, 30_000
    for at in range(tests):
        alarmed = rng.random() ** power <= level.level()
        alarms += alarmed
        late += alarmed and at >= tests // 2
        level.record(alarmed)
    assert abs(alarms / tests - 0.02) <= (1 + level.step) / (tests * level.step)
    assert late / (tests // 2) == pytest.approx(0.02, rel=0.15)


def test_it_follows_a_change_of_the_p_values() -> None:
    rng = random.Random(2)
    level = AdaptiveLevel(target=0.05)
    shares = []
    for power in (1.0, 4.0, 0.5):
        alarms = 0
        for at in range(20_000):
            alarmed = rng.random() ** power <= level.level()
            level.record(alarmed)
            alarms += alarmed and at >= 5_000
        shares.append(alarms / 15_000)
    assert shares == pytest.approx([0.05] * 3, rel=0.15)


def test_a_level_stays_between_never_and_always_and_comes_back() -> None:
    level = AdaptiveLevel(target=0.1, step=0.5)
    for _ in range(50):
        level.record(level.level() > 0.0)
        assert 0.0 <= level.level() <= 1.0
    for _ in range(100):
        level.record(False)
    assert level.level() == 1.0
    level.record(True)
    assert level.raw < 6.0


def test_a_decoded_level_has_the_same_future() -> None:
    level = AdaptiveLevel(target=0.05)
    for at in range(40):
        level.record(at % 7 == 0)
    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(level), type=AdaptiveLevel)
    assert decoded == level
    decoded.record(True)
    level.record(True)
    assert decoded.level() == level.level()


def exact(score: float, recent: list[float]) -> float:
    return (1 + sum(other >= score for other in recent)) / (1 + len(recent))


def test_p_values_are_ranks_among_the_recent_scores() -> None:
    rng = random.Random(3)
    scores = ConformalScores(size=50)
    learned: list[float] = []
    assert scores.p_value(9.0) == 1.0
    for _ in range(300):
        score = float(rng.randrange(20))
        assert scores.p_value(score) == exact(score, learned[-50:])
        scores.learn(score)
        learned.append(score)


@pytest.mark.parametrize("level", [0.1, 0.01])
def test_p_values_of_exchangeable_scores_are_at_or_below_a_level_as_often_as_it_says(level: float) -> None:
    rng = random.Random(4)
    scores = ConformalScores(size=999)
    below = tests = 0
    for at in range(40_000):
        score = rng.lognormvariate(0, 2)
        if at >= 999:
            tests += 1
            below += scores.p_value(score) <= level
        scores.learn(score)
    assert below / tests == pytest.approx(level, rel=0.2)


def test_any_rising_function_of_the_scores_gives_the_same_p_values() -> None:
    rng = random.Random(5)
    plain, bent = ConformalScores(size=40), ConformalScores(size=40)
    for _ in range(200):
        score = rng.gauss(0, 1)
        assert plain.p_value(score) == bent.p_value(math.exp(3 * score))
        plain.learn(score)
        bent.learn(math.exp(3 * score))


def test_what_is_no_number_is_neither_anomalous_nor_learned() -> None:
    scores = ConformalScores(size=5)
    for score in (1.0, math.nan, math.inf, -math.inf):
        scores.learn(score)
    assert scores.state() == [1.0, math.inf, -math.inf]
    assert scores.p_value(math.nan) == 1.0
    assert scores.p_value(math.inf) == 0.5


def test_restored_scores_have_the_same_future() -> None:
    rng = random.Random(6)
    scores, restored = ConformalScores(size=30), ConformalScores(size=30)
    for _ in range(100):
        scores.learn(rng.random())
    restored.restore(scores.state())
    for _ in range(60):
        score = rng.random()
        assert restored.p_value(score) == scores.p_value(score)
        scores.learn(score)
        restored.learn(score)
