"""The finite-window tail: detectors/models/evt.py."""

import math

import numpy as np
import pytest

from detectors.models.evt import EvtTail, TailFit, TailPrior, coded, decoded, fitted


def realised(numbers: np.ndarray, tail: EvtTail) -> np.ndarray:
    p_values = []
    for number in numbers.tolist():
        p_values.append(tail.p_value(number))
        tail.learn(number)
    return np.array(p_values)


@pytest.mark.parametrize("name", ["normal", "lognormal", "exponential", "student"])
def test_p_values_are_reached_as_often_as_they_say_on_stationary_noise(name: str) -> None:
    random = np.random.default_rng(7)
    draws = {
        "normal": random.normal(size=30_000),
        "lognormal": random.lognormal(size=30_000),
        "exponential": random.exponential(size=30_000),
        "student": np.abs(random.standard_t(3, size=30_000)),
    }
    found = realised(draws[name], EvtTail(window=2000))
    assert 0.75 <= (found <= 1e-2).mean() / 1e-2 <= 1.25
    assert 0.5 <= (found <= 1e-3).mean() / 1e-3 <= 1.6


def test_with_few_numbers_the_p_value_is_conformal_and_never_below_one_in_the_numbers_seen() -> None:
    tail = EvtTail()
    assert tail.p_value(1e9) == 1.0
    for number in range(30):
        tail.learn(float(number))
    assert tail.p_value(1e9) == 1 / 31
    assert tail.p_value(29.0) == 2 / 31


def test_a_constant_series_gives_one_for_its_constant_and_less_only_for_what_is_larger() -> None:
    tail = EvtTail(window=500)
    for _ in range(1200):
        tail.learn(4.25)
    assert tail.p_value(4.25) == 1.0
    assert tail.p_value(4.0) == 1.0
    assert tail.p_value(4.5) == 1 / 501


def test_ties_count_as_larger() -> None:
    tail = EvtTail(window=1000)
    for number in range(1000):
        tail.learn(float(number % 3))
    assert tail.p_value(2.0) == pytest.approx(334 / 1001)


def test_what_is_flagged_is_learned_too_so_that_a_new_level_stops_being_rare() -> None:
    tail = EvtTail(window=500)
    random = np.random.default_rng(1)
    realised(random.normal(size=1000), tail)
    found = realised(8.0 + random.normal(size=500), tail)
    assert found[0] < 1e-3
    assert found[100:].min() > 1e-4
    assert tail.p_value(8.0) > 0.1


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_no_evidence_and_is_not_learned(number: float) -> None:
    tail = EvtTail()
    tail.learn(1.0)
    before = tail.state()
    assert tail.p_value(number) == 1.0
    tail.learn(number)
    assert tail.state() == before


def test_numbers_beyond_float32_do_not_break_it() -> None:
    tail = EvtTail(window=100)
    for number in range(200):
        tail.learn(1e300 if number % 10 == 0 else 1e-300)
    assert 0.0 < tail.p_value(1.7e308) <= 1.0
    assert tail.p_value(-1.7e308) == 1.0


@pytest.mark.parametrize("learned", [0, 7, 49, 50, 130, 399, 400, 1234])
def test_a_restored_tail_continues_bit_for_bit(learned: int) -> None:
    random = np.random.default_rng(3)
    prior = TailPrior(100.0, 0.1, 0.5)
    tail, other = EvtTail(window=400, prior=prior), EvtTail(window=400, prior=prior)
    realised(random.lognormal(size=learned), tail)
    other.restore(tail.state())
    assert other.state() == tail.state()
    rest = random.lognormal(size=700)
    assert realised(rest, other).tolist() == realised(rest, tail).tolist()
    assert other.state() == tail.state()


def test_states_of_other_tails_are_refused() -> None:
    tail = EvtTail(window=400)
    for state in (b"", b"xxxx" * 20, EvtTail(window=300).state(), tail.state() + b"1234"):
        with pytest.raises(ValueError, match=r"tail|bytes"):
            EvtTail(window=400).restore(state)


def test_arguments_out_of_range_are_refused() -> None:
    for arguments in ({"window": 5}, {"quantile": 1.0}, {"refit_every": 0}):
        with pytest.raises(ValueError, match="expected"):
            EvtTail(**arguments)


def test_what_tops_the_last_numbers_is_found_across_the_seam_of_the_ring() -> None:
    tail = EvtTail(window=20)
    numbers = np.random.default_rng(5).permutation(57).astype(float).tolist()
    assert tail.tops(-1e9, 5)
    for i, number in enumerate(numbers):
        tail.learn(number)
        for count in (1, 5, 20, 50):
            largest = max(numbers[max(0, i + 1 - min(count, 20)) : i + 1])
            assert not tail.tops(largest, count)
            assert tail.tops(largest + 1.0, count)


def test_numbers_are_remembered_to_eight_significant_bits_and_in_their_order() -> None:
    random = np.random.default_rng(9)
    numbers = np.sort(np.concatenate([random.normal(size=500), random.lognormal(0.0, 20.0, 500), [0.0, -1e30, 1e300]]))
    codes = [coded(number) for number in numbers.tolist()]
    assert codes == sorted(codes)
    assert 0 <= min(codes) <= max(codes) < 2**16
    kept = np.clip(numbers, -1e30, 1e30)
    assert np.abs(decoded(codes) - kept).max() <= 1e30 / 256
    assert np.all(np.abs(decoded(codes) - kept) <= np.abs(kept) / 256 + 1e-38)


def test_a_prior_holds_until_there_are_numbers_and_fades() -> None:
    prior = TailPrior(weight=200.0, scale=1.0, shape=0.5)
    tail = EvtTail(window=1000, prior=prior)
    assert tail.p_value(9.0) == pytest.approx((1 + 200 * 0.01) / 201)
    random = np.random.default_rng(2)
    realised(random.exponential(size=3000), tail)
    bare = EvtTail(window=1000)
    realised(np.random.default_rng(2).exponential(size=3000), bare)
    assert tail.p_value(9.0) == bare.p_value(9.0)


def test_the_fit_recovers_the_tail_that_the_numbers_have() -> None:
    numbers = np.random.default_rng(11).exponential(2.0, size=20_000).astype(np.float32)
    fit = fitted(numbers, 0.95)
    assert fit is not None
    assert fit.shape == pytest.approx(0.0, abs=0.08)
    assert fit.beyond(20.0) == pytest.approx(math.exp(-10.0), rel=0.6)
    assert fitted(np.ones(1000, dtype=np.float32), 0.95) is None
    assert fitted(numbers[:100], 0.95) is None


def test_p_values_fall_as_numbers_rise_and_stay_above_zero() -> None:
    for shape in (-0.4, 0.0, 0.5):
        fit = TailFit(1.0, 0.05, shape, 1.0)
        values = [fit.beyond(1.0 + 10.0**power) for power in range(-3, 12)]
        assert values == sorted(values, reverse=True)
        assert min(values) > 0.0
