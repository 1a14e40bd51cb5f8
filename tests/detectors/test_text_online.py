import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import base

from detectors.models.text.features import features
from detectors.models.text.linear import CLASSES, MAX_WEIGHT, Prior, class_of, score_of
from detectors.models.text.online import OnlineText, Text
from tests.detectors.text_samples import labelled

LABELS = st.sampled_from(CLASSES)
PRIORS = st.none() | st.builds(Prior, st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1))
WILD = st.text(st.characters(), max_size=60) | st.sampled_from(["", " ", "\U0001f621", "\x00\xff", "a" * 6_000])


def taught(count: int = 400) -> OnlineText:
    model = OnlineText()
    for one in labelled(count):
        model.learn_one(one.text, CLASSES[one.label])
    return model


def same(first: OnlineText, second: OnlineText) -> bool:
    return first.snapshot() == second.snapshot()


def test_it_is_a_classifier_of_river_and_learns_jargon() -> None:
    model = taught()
    assert isinstance(model, base.Classifier)
    assert model.predict_one("stranded, no crew, on hold") == "negative"  # type: ignore[arg-type]
    assert model.predict_one("upgraded, kind crew") == "positive"  # type: ignore[arg-type]
    assert model.predict_one("which form for the seat") == "neutral"  # type: ignore[arg-type]


def test_knowing_nothing_every_class_is_as_likely() -> None:
    assert set(OnlineText().predict_proba_one("stranded").values()) == {1 / 3}


def test_a_prior_alone_is_learned_to_be_trusted() -> None:
    model = OnlineText()
    for _ in range(200):
        model.learn_one(Text("", Prior(0.6, 0.5, 0.0)), "positive")
        model.learn_one(Text("", Prior(-0.6, 0.0, 0.5)), "negative")
    assert model.predict_proba_one(Text("", Prior(0.6, 0.5, 0.0)))["positive"] > 0.8
    assert model.predict_proba_one(Text("", Prior(-0.6, 0.0, 0.5)))["negative"] > 0.8


def test_telling_changes_nothing() -> None:
    model = taught(50)
    before = model.snapshot()
    first = model.predict_proba_one("stranded again")
    assert model.predict_proba_one("stranded again") == first
    assert model.snapshot() == before


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(ValueError, match="'angry' is not a class"):
        OnlineText().learn_one("x", "angry")


@given(st.lists(st.tuples(WILD, LABELS, PRIORS), max_size=12), WILD, PRIORS)
@settings(max_examples=60, deadline=None)
def test_whatever_is_learned_probabilities_are_probabilities(
    lessons: list[tuple[str, str, Prior | None]], text: str, prior: Prior | None
) -> None:
    model = OnlineText()
    for lesson, label, told in lessons:
        model.learn_one(Text(lesson, told), label)
    chances = list(model.predict_proba_one(Text(text, prior)).values())
    assert all(0 <= chance <= 1 for chance in chances)
    assert math.isclose(sum(chances), 1)
    assert -1 <= score_of((chances[0], chances[1], chances[2])) <= 1


@pytest.mark.parametrize("rate", [0.1, 50.0])
def test_weights_stay_bounded_with_one_class_and_with_labels_that_contradict(rate: float) -> None:
    model = OnlineText(rate)
    for number in range(1_500):
        model.learn_one(
            Text("no crew again", Prior(-0.3, 0, 0.3)), "negative" if number < 1_000 else CLASSES[number % 3]
        )
    assert np.isfinite(model._weights).all()
    assert np.abs(model._weights).max() <= MAX_WEIGHT
    assert max(abs(weight) for row in model.dense for weight in row) <= MAX_WEIGHT
    assert np.abs(model.quantised()).max() <= 32_767
    assert all(math.isfinite(chance) for chance in model.predict_proba_one("no crew again").values())


def test_snapshot_pickle_and_restore_are_exact_and_go_on_alike() -> None:
    model = taught(120)
    restored, pickled = OnlineText(), pickle.loads(pickle.dumps(model))  # noqa: S301
    restored.restore(model.snapshot())
    rest = labelled(60, seed=2)
    for one in rest:
        for other in (model, restored, pickled):
            other.learn_one(one.text, CLASSES[one.label])
    assert same(model, restored)
    assert same(model, pickled)


def test_river_clones_it_unlearned() -> None:
    clone = taught(20).clone()
    assert isinstance(clone, OnlineText)
    assert same(clone, OnlineText())


@pytest.mark.parametrize("state", [b"", b"junk", pickle.dumps(1)])
def test_a_state_that_is_none_is_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match="not a state of a text model"):
        OnlineText().restore(state)


def test_forgetting_makes_new_labels_weigh_more() -> None:
    kept, forgot = taught(300), taught(300)
    for _ in range(20):
        forgot.forget(0.5)
    for model in (kept, forgot):
        for _ in range(5):
            model.learn_one("stranded", "positive")
    assert forgot.predict_proba_one("stranded")["positive"] > kept.predict_proba_one("stranded")["positive"]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 1))
def test_the_class_of_a_score_is_the_most_likely_class(first: float, second: float, third: float) -> None:
    total = first + second + third
    chances = (first / total, second / total, third / total)
    score = score_of(chances)
    assert -1 <= score <= 1
    best = max(chances)
    if sorted(chances)[1] < best:  # no tie
        assert class_of(score) == chances.index(best)


def test_learning_what_has_no_word_moves_only_the_rest() -> None:
    model = OnlineText()
    model.learn_one("", "negative")
    assert not model._weights.any()
    assert len(features("").words) == 0
    assert model.predict_proba_one("anything")["negative"] > 1 / 3
