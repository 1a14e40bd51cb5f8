import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.models.text.labels import label_of
from detectors.models.text.skill import Figures, Judged, Record, confusion_of, f1_of, kappa_of, right_of


@pytest.mark.parametrize(
    ("scale", "scores"),
    [
        ("nps", {0: 0, 6: 0, 7: 1, 8: 1, 9: 2, 10: 2}),
        ("csat", {1: 0, 2: 0, 3: 1, 4: 2, 5: 2}),
        ("stars", {1: 0, 2: 0, 2.5: 1, 3: 1, 4: 2, 5: 2}),
        ("ces", {1: 0, 3: 0, 4: 1, 5: 2, 7: 2}),
        ("NPS", {3: 0}),
    ],
)
def test_scores_are_classes_by_their_scale(scale: str, scores: dict[float, int]) -> None:
    assert {score: label_of(score, scale) for score in scores} == scores


@pytest.mark.parametrize(
    ("score", "scale"),
    [(None, "nps"), (5, None), (5, "percent"), (11, "nps"), (-1, "nps"), (0, "csat"), (6, "stars"), (8, "ces"),
     (float("nan"), "nps"), (float("inf"), "ces")],
)  # fmt: skip
def test_what_is_on_no_known_scale_is_no_label(score: float | None, scale: str | None) -> None:
    assert label_of(score, scale) is None


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60))
def test_macro_f1_agrees_with_its_definition(pairs: list[tuple[int, int]]) -> None:
    truth, told = zip(*pairs, strict=True)
    expected = []
    for label in sorted(set(truth)):
        hits = sum(true == found == label for true, found in pairs)
        precision = hits / max(1, told.count(label))
        recall = hits / truth.count(label)
        expected.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    confusion = confusion_of(truth, told)
    assert f1_of(confusion) == pytest.approx(sum(expected) / len(expected))
    assert right_of(confusion) == pytest.approx(sum(true == found for true, found in pairs) / len(pairs))
    assert -1 <= kappa_of(confusion) <= 1


def test_neither_a_constant_nor_a_guess_agrees_beyond_chance() -> None:
    chance = random.Random(7)
    truth = [chance.randrange(3) for _ in range(6_000)]
    assert kappa_of(confusion_of(truth, [0] * len(truth))) == 0
    assert abs(kappa_of(confusion_of(truth, [chance.randrange(3) for _ in truth]))) < 0.03
    assert kappa_of(confusion_of(truth, truth)) == 1
    assert kappa_of(confusion_of([], [])) == kappa_of(confusion_of([1, 1], [1, 1])) == 0


def test_figures_are_of_the_last_labels_only() -> None:
    record = Record(100)
    for _ in range(300):
        record.add(Judged(0, 2, 2, 9_000, 9_000))
    for _ in range(100):
        record.add(Judged(0, 2, 0, 9_000, -5_000))
    figures = record.figures()
    assert figures.labels == (100, 0, 0)
    assert (figures.model_right, figures.prior_right) == (1.0, 0.0)
    assert (figures.model_mean, figures.prior_mean) == (-0.5, 0.9)
    assert not figures.telling


def test_two_classes_with_a_few_labels_each_tell_something() -> None:
    assert Figures(labels=(100, 5, 0)).telling
    assert not Figures(labels=(100, 4, 4)).telling


def test_a_record_goes_on_where_another_was() -> None:
    chance = random.Random(3)
    judged = [Judged(chance.randrange(3), chance.randrange(3), chance.randrange(3), 0, 0) for _ in range(50)]
    whole, first = Record(20), Record(20)
    for one in judged:
        whole.add(one)
    for one in judged[:30]:
        first.add(one)
    second = Record(20, first.state())
    for one in judged[30:]:
        second.add(one)
    assert second.figures() == whole.figures()


def test_nothing_judged_is_no_skill() -> None:
    assert Record(5).figures() == Figures()
    assert Record(5).usual() == 0
