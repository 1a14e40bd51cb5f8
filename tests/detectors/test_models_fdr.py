"""Rules of online false discovery rate: their formulas, what they promise, and their state."""

import itertools
import math
import random
from collections.abc import Callable

import msgspec
import pytest

from benchmarks.fdr import STREAMS, Fixed, Outcome, run, stream, together
from detectors.models.fdr import (
    KEEP,
    Addis,
    Lord,
    MemoryLord,
    Rule,
    Saffron,
    decide,
    memory_for,
)
from detectors.models.fdr_spending import fast_gamma, slow_gamma

ALPHA = 0.1
MAKERS: dict[str, Callable[[], Rule]] = {
    "lord": lambda: Lord(alpha=ALPHA),
    "saffron": lambda: Saffron(alpha=ALPHA),
    "addis": lambda: Addis(alpha=ALPHA),
    "memory": lambda: MemoryLord(alpha=ALPHA, memory=0.999),
    "memory with lag": lambda: MemoryLord(alpha=ALPHA, memory=0.99, lag=5),
}


@pytest.fixture(params=MAKERS, name="make")
def _make(request: pytest.FixtureRequest) -> Callable[[], Rule]:
    return MAKERS[request.param]


def mixed(count: int, seed: int = 1, share: float = 0.05) -> list[float]:
    rng = random.Random(seed)
    return [10 ** rng.uniform(-8, -3) if rng.random() < share else rng.random() for _ in range(count)]


def by_formula(rule: Rule, p_values: list[float]) -> list[float]:
    """Return the levels that the published sums give, over all tests every time."""
    levels: list[float] = []
    hits: list[int] = []  # tests that were rejected, from 1
    for t in range(1, len(p_values) + 1):
        before = p_values[: t - 1]
        if isinstance(rule, MemoryLord):
            d, lag = rule.memory, rule.lag
            level = ALPHA * max(slow_gamma(t), 1 - d)
            level += ALPHA * sum(d ** (t - rho - lag) * slow_gamma(t - rho - lag) for rho in hits if rho + lag < t)
        elif isinstance(rule, Lord):
            level = ALPHA / 2 * slow_gamma(t)
            level += sum((ALPHA / 2 if j == 0 else ALPHA) * slow_gamma(t - tau) for j, tau in enumerate(hits))
        elif isinstance(rule, Saffron):
            candidates = [p <= 0.5 for p in before]
            total = ALPHA / 2 * fast_gamma(t - sum(candidates))
            for j, tau in enumerate(hits):
                total += (ALPHA / 2 if j == 0 else ALPHA) * fast_gamma(t - tau - sum(candidates[tau:]))
            level = min(0.5, 0.5 * total)
        else:
            kept = [p <= 0.5 for p in before]
            candidates = [p <= 0.25 for p in before]
            total = ALPHA / 2 * fast_gamma(sum(kept) - sum(candidates) + 1)
            for j, tau in enumerate(hits):
                index = sum(kept) - sum(kept[:tau]) - sum(candidates[tau:]) + 1
                total += (ALPHA / 2 if j == 0 else ALPHA) * fast_gamma(index)
            level = min(0.25, 0.25 * total)
        levels.append(level)
        if p_values[t - 1] <= level:
            hits.append(t)
    return levels


def test_levels_are_those_of_the_published_formulas(make: Callable[[], Rule]) -> None:
    p_values = mixed(600)
    rule = make()
    levels = []
    for p_value in p_values:
        levels.append(rule.level())
        decide(rule, p_value)
    assert levels == pytest.approx(by_formula(make(), p_values), rel=1e-9)


def test_no_more_than_the_whole_wealth_is_spent_on_all_tests() -> None:
    assert sum(fast_gamma(age) for age in range(1, 200_000)) == pytest.approx(1.0, abs=2e-3)
    # The slow one ends so slowly that its tail is an integral: with u = log(age), of u * exp(-sqrt(u)).
    head = sum(slow_gamma(age) for age in range(1, 100_001))
    root = math.sqrt(math.log(100_000.5))
    tail = 0.07720838 * 2 * math.exp(-root) * (root**3 + 3 * root**2 + 6 * root + 6)
    assert head + tail == pytest.approx(0.9763, abs=1e-4)
    for gamma in (slow_gamma, fast_gamma):
        spent = [gamma(age) for age in range(1, 5_000)]
        assert all(later <= before for before, later in itertools.pairwise(spent))


def test_no_level_is_above_the_target_before_anything_was_rejected(make: Callable[[], Rule]) -> None:
    rule = make()
    spent = []
    for p_value in mixed(2_000, share=0.0):
        spent.append(rule.level())
        rule.record(False, p_value)
    assert max(spent) < ALPHA
    if isinstance(rule, Lord):
        assert sum(spent) <= ALPHA / 2


def test_asking_for_the_level_changes_nothing(make: Callable[[], Rule]) -> None:
    rule = make()
    for p_value in mixed(100):
        decide(rule, p_value)
    before = msgspec.msgpack.encode(rule)
    assert rule.level() == rule.level()
    assert msgspec.msgpack.encode(rule) == before


@pytest.mark.parametrize("tests", [0, 1, 50, 700])
def test_a_decoded_rule_has_the_same_future(make: Callable[[], Rule], tests: int) -> None:
    rule = make()
    for p_value in mixed(tests, share=0.5):
        decide(rule, p_value)
    decoded = msgspec.msgpack.decode(msgspec.msgpack.encode(rule), type=Rule)
    assert decoded == rule
    for p_value in mixed(300, seed=2):
        assert decide(decoded, p_value) == decide(rule, p_value)
        assert decoded.level() == rule.level()


def test_lower_p_values_never_reject_less_and_lord_sees_nothing_but_rejections() -> None:
    p_values = mixed(2_000)
    for rule_of in (MAKERS["lord"], MAKERS["memory"]):
        rejections = []
        for scale in (1.0, 0.5):
            rule = rule_of()
            rejections.append(sum(decide(rule, p_value * scale) for p_value in p_values))
        assert rejections[0] <= rejections[1]
    # LORD++ and mem-LORD see nothing of a p-value but whether it was rejected.
    one, other = Lord(alpha=ALPHA), Lord(alpha=ALPHA)
    for p_value in p_values:
        rejected = decide(one, p_value)
        other.record(rejected)
        assert one.level() == other.level()


def test_what_is_no_number_is_not_rejected(make: Callable[[], Rule]) -> None:
    rule = make()
    assert not decide(rule, math.nan)
    assert math.isfinite(rule.level())


def test_memory_and_work_are_bounded_and_forgetting_only_lowers_levels(make: Callable[[], Rule]) -> None:
    rule = make()
    for _ in range(3 * KEEP):
        rule.record(True, 1e-9)
    assert len(msgspec.msgpack.encode(rule)) < 4_096
    assert 0.0 < rule.level() <= 0.5


def test_memory_lord_drops_what_no_longer_counts() -> None:
    rule = MemoryLord(alpha=ALPHA, memory=0.99)
    rule.record(True)
    for _ in range(3_000):
        rule.record(False)
    assert rule.rejections == []
    assert rule.level() == pytest.approx(ALPHA * 0.01)


def test_memory_lord_never_falls_silent_where_others_do() -> None:
    levels = {name: make() for name, make in MAKERS.items()}
    for rule in levels.values():
        for p_value in mixed(30_000, share=0.0):
            rule.record(False, p_value)
    assert levels["memory"].level() == pytest.approx(ALPHA * 0.001, rel=0.05)
    assert levels["lord"].level() < 1e-6
    assert levels["saffron"].level() < 1e-7
    assert levels["addis"].level() < 1e-7


# (false discovery proportion, recall, late recall) in ranges: means of a few seeds, so wide ones.
PROMISED = {
    ("lord", 0): ((0.0, 0.15), (0.45, 0.75)),
    ("memory", 0): ((0.04, 0.3), (0.7, 0.95)),
    ("lord", 2): ((0.0, 0.1), (0.9, 1.0)),
    ("memory", 2): ((0.02, 0.15), (0.93, 1.0)),
    ("saffron", 2): ((0.03, 0.2), (0.5, 0.9)),
    ("addis", 2): ((0.03, 0.2), (0.5, 0.9)),
}


@pytest.mark.parametrize(("name", "kind"), PROMISED)
def test_false_discoveries_and_recall_are_what_was_measured(name: str, kind: int) -> None:
    found = together([run(MAKERS[name](), stream(STREAMS[kind], 30_000, seed)) for seed in range(2)])
    (least_fdp, most_fdp), (least_recall, most_recall) = PROMISED[name, kind]
    assert least_fdp <= found["fdp"] <= most_fdp
    assert least_recall <= found["recall"] <= most_recall


def test_where_anomalies_are_rarer_than_the_floor_most_alarms_of_memory_lord_may_be_false() -> None:
    rare = [run(MemoryLord(alpha=ALPHA, memory=0.99), stream(STREAMS[1], 20_000, seed)) for seed in range(2)]
    assert together(rare)["fdp"] > 5 * ALPHA
    assert together(rare)["late_recall"] == 1.0


def test_memory_for_keeps_a_budget_where_nothing_is_wrong() -> None:
    budget = 2e-3
    rule = MemoryLord(alpha=ALPHA, memory=memory_for(budget, alpha=ALPHA))
    tests = 100_000
    outcome: Outcome = run(rule, stream(STREAMS[3], tests, 1))
    expected = budget * tests
    assert 0.8 * expected < outcome.false < expected + 3 * math.sqrt(expected)


@pytest.mark.parametrize("budget", [0.0, -1.0, 0.2, math.nan])
def test_a_budget_that_no_memory_keeps_is_refused(budget: float) -> None:
    with pytest.raises(ValueError, match="must be above 0 and below 0"):
        memory_for(budget, alpha=ALPHA)


def test_a_fixed_level_is_what_rules_are_compared_with() -> None:
    outcome = run(Fixed(1e-3), stream(STREAMS[3], 20_000, 1))
    assert 5 <= outcome.false <= 40
