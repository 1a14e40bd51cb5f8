import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.contract import SnapshotVersionError
from detectors.models.text import learner as module
from detectors.models.text.learner import Labelled, Learner
from detectors.models.text.linear import Prior, class_of
from detectors.models.text.version import MAX_BYTES, Version, VersionError, unpack
from tests.detectors.text_samples import DAY_US, HOUR_US, MONDAY_US, cut, dull_prior, labelled, no_prior, quick

ENOUGH = labelled(300)
END_US = MONDAY_US + 11 * DAY_US


def learned(items: list[Labelled] = ENOUGH, **changes: object) -> list[Version]:
    return Learner(quick(**changes), dull_prior).take(items, END_US)


REFERENCE = [version.digest for version in learned()]


def test_a_version_is_made_at_every_boundary_that_has_new_labels() -> None:
    versions = [version.header for version in learned()]
    assert [header.number for header in versions] == list(range(1, 11))
    assert [header.learned_to_us for header in versions] == [MONDAY_US + day * DAY_US for day in range(1, 11)]
    assert all(header.in_force_us == header.learned_to_us + HOUR_US for header in versions)
    assert [header.labels for header in versions] == [30 * number for number in range(1, 11)]


@given(st.integers(0, 2**32), st.lists(st.integers(0, 120), max_size=6))
@settings(max_examples=8, deadline=None)
def test_the_same_labels_make_the_same_versions_however_they_come(seed: int, sizes: list[int]) -> None:
    """In any order within the lateness, in any batches, with the watermark in any steps, with a restart anywhere."""
    chance = random.Random(seed)
    lateness_us = 6 * HOUR_US
    arrivals = sorted(ENOUGH, key=lambda one: one.time_us + chance.randrange(lateness_us))
    learner = Learner(quick(), dull_prior)
    digests, newest_us = [], MONDAY_US
    for part in cut(arrivals, sizes):
        newest_us = max([newest_us, *(one.time_us for one in part)])
        digests += learner.take(part, newest_us - lateness_us)
        if chance.random() < 0.5:
            state = learner.snapshot()
            learner = Learner(quick(), dull_prior)
            learner.restore(state)
            assert learner.snapshot() == state
    digests += learner.take([], END_US)
    assert [version.digest for version in digests] == REFERENCE
    assert learner.late == 0


def test_a_label_behind_the_watermark_is_counted_and_not_learned() -> None:
    learner = Learner(quick(), dull_prior)
    learner.take(ENOUGH[:100], END_US)
    assert learner.take(ENOUGH[100:110], END_US + DAY_US) == []
    assert (learner.late, learner.labels) == (10, 100)


def test_a_label_waits_until_the_watermark_has_passed_it() -> None:
    learner = Learner(quick(), dull_prior)
    one = ENOUGH[0]
    learner.take([one], one.time_us)
    assert learner.labels == 0
    learner.take([], one.time_us + 1)
    assert learner.labels == 1


def test_a_repeat_counts_once_and_the_highest_revision_wins_in_any_order() -> None:
    revised = [msgspec.structs.replace(one, rev=1, label=2) for one in ENOUGH]
    assert [v.digest for v in learned(revised)] == [v.digest for v in learned(ENOUGH + revised)]
    assert [v.digest for v in learned(revised)] == [v.digest for v in learned(revised + ENOUGH + ENOUGH)]


def test_a_period_without_labels_makes_no_version() -> None:
    gap = [one for one in ENOUGH if not 2 * DAY_US <= one.time_us - MONDAY_US < 5 * DAY_US]
    headers = [version.header for version in learned(gap)]
    assert [(header.learned_to_us - MONDAY_US) // DAY_US for header in headers] == [1, 2, 6, 7, 8, 9, 10]
    assert [header.number for header in headers] == list(range(1, 8))


def test_the_model_is_used_when_it_is_better_than_the_prior_and_not_before() -> None:
    uses = [version.share("en") for version in learned()]
    assert uses[0] == 0
    assert uses[-1] > 0
    last = learned()[-1].header.languages[0]
    assert last.figures.model_f1 > last.figures.prior_f1 + 0.3


def test_the_score_goes_over_step_by_step_and_never_beyond_the_two() -> None:
    shares = [version.share("en") for version in learned(hand_over_us=4 * DAY_US)]
    begun = [share for share in shares if share]
    assert begun[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    version = learned(hand_over_us=4 * DAY_US)[shares.index(0.25)]
    prior = Prior(0.9, 0.5, 0.0)
    told = version.tell("stranded, no crew", prior)
    assert told is not None
    assert version.score("stranded, no crew", "en", prior) == round(0.75 * 0.9 + 0.25 * told.score, 4)
    assert version.score("stranded, no crew", "fr", prior) == 0.9
    assert version.score("stranded, no crew", "fr", None) is None
    assert version.score("", "en", prior) == 0.9


def test_a_language_without_a_prior_goes_over_at_once() -> None:
    version = Learner(quick(), no_prior).take(labelled(300, language="de"), END_US)[-1]
    told = version.tell("stranded", None)
    assert told is not None
    assert version.score("stranded", "de", None) == told.score


def test_a_model_that_does_worse_than_the_prior_is_not_used() -> None:
    chance = random.Random(5)
    texts = {one.text: one.label for one in labelled(400, noise=0)}

    def knows(text: str, language: str) -> Prior | None:
        del language
        return Prior((-0.8, 0.0, 0.8)[texts[text]], 0.0, 0.0)

    noisy = [msgspec.structs.replace(one, label=chance.randrange(3)) for one in labelled(400, noise=0)]
    assert not any(
        v.share("en") for v in Learner(quick(), knows).take(noisy[:200] + labelled(400, noise=0)[200:], END_US)
    )


def test_labels_that_contradict_each_other_do_not_bring_the_model_into_use() -> None:
    chance = random.Random(5)
    noise = [msgspec.structs.replace(one, label=chance.randrange(3), text="same text") for one in ENOUGH]
    assert not any(version.share("en") for version in Learner(quick(), dull_prior).take(noise, END_US))


def test_labels_of_one_class_do_not_bring_the_model_into_use() -> None:
    angry = [msgspec.structs.replace(one, label=0) for one in labelled(1_000)]
    assert not any(version.share("en") for version in learned(angry))


def test_a_language_that_nobody_reads_comes_into_use_when_the_model_beats_always_saying_the_same() -> None:
    german = labelled(300, language="de")
    versions = Learner(quick(), no_prior).take(german, END_US)
    assert versions[-1].share("de")
    assert not versions[-1].share("en")
    told = versions[-1].tell("stranded, no crew", None)
    assert told is not None
    assert class_of(told.score) == 0


def test_every_language_is_judged_by_its_own_labels_and_their_number_is_bounded() -> None:
    many = [msgspec.structs.replace(one, language=f"l{number % 40:02d}") for number, one in enumerate(ENOUGH)]
    languages = learned(many)[-1].header.languages
    assert len(languages) == module.MAX_LANGUAGES + 1
    assert sum(language.figures.count for language in languages) == 300
    assert languages[0].name == "*"


def test_labels_beyond_a_bound_are_turned_away_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 50)
    learner = Learner(quick(), dull_prior)
    learner.take(ENOUGH, MONDAY_US)
    assert learner.turned_away == 250
    learner.take([], END_US)
    assert learner.labels == 50


def test_no_version_comes_into_force_before_the_time_that_was_asked_for() -> None:
    learner = Learner(quick(), dull_prior)
    learner.not_before_us = MONDAY_US + 5 * DAY_US
    times = [version.header.in_force_us for version in learner.take(ENOUGH, END_US)]
    assert min(times) == times[3] == MONDAY_US + 5 * DAY_US
    assert times == sorted(times)
    assert times[-1] == MONDAY_US + 10 * DAY_US + HOUR_US


def test_a_version_packed_and_unpacked_is_the_same_and_small() -> None:
    version = learned()[-1]
    data = version.pack()
    again = unpack(data)
    assert len(data) < MAX_BYTES
    assert (again.header, again.digest, again.learned) == (version.header, version.digest, version.learned)
    assert all(again.tell(one.text, None) == version.tell(one.text, None) for one in ENOUGH[:50])
    assert again.pack() == data


def test_a_version_tells_what_the_learner_would() -> None:
    learner = Learner(quick(), dull_prior)
    version = learner.take(ENOUGH, MONDAY_US + 10 * DAY_US)[-1]
    told = version.tell("stranded, no crew", None)
    assert told is not None
    assert dict(zip(("negative", "neutral", "positive"), told.chances, strict=True)) == (
        learner._model.predict_proba_one("stranded, no crew")
    )


def test_the_words_that_weigh_most_are_told() -> None:
    words = dict(learned()[-1].reasons("the kind crew was stranded at the gate"))
    assert words["stranded"] < 0 < words["kind crew"]
    assert learned()[-1].reasons("") == []


@given(st.binary(max_size=200))
def test_bytes_that_are_no_version_are_refused(data: bytes) -> None:
    with pytest.raises(VersionError):
        unpack(data)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_version_is_refused(data: st.DataObject) -> None:
    good = bytearray(PACKED)
    place = data.draw(st.integers(0, len(good) - 1))
    good[place] ^= data.draw(st.integers(1, 255))
    try:
        found = unpack(bytes(good))
    except VersionError:
        return
    assert found.digest == unpack(PACKED).digest, "another content under the old hash"


PACKED = learned()[-1].pack()


def test_too_much_is_not_even_read() -> None:
    with pytest.raises(VersionError, match="at most"):
        unpack(bytes(MAX_BYTES + 1))


def test_a_version_of_another_format_is_refused() -> None:
    parts = msgspec.msgpack.decode(PACKED)
    parts[0] = 99
    with pytest.raises(VersionError, match="format 99"):
        unpack(msgspec.msgpack.encode(parts))


def test_a_snapshot_of_another_version_is_refused() -> None:
    parts = msgspec.msgpack.decode(Learner(quick(), dull_prior).snapshot())
    parts[0] = 99
    with pytest.raises(SnapshotVersionError, match="99"):
        Learner(quick(), dull_prior).restore(msgspec.msgpack.encode(parts))


@pytest.mark.parametrize("text", ["", "   ", "\U0001f621\U0001f44d", "\x00\xff\x01", "z" * 2_000_000, "\ud800"])
def test_texts_without_sense_are_learned_without_harm(text: str) -> None:
    odd = [msgspec.structs.replace(one, text=text) if number % 3 else one for number, one in enumerate(ENOUGH)]
    version = learned(odd)[-1]
    told = version.tell(text, None)
    assert told is None or -1 <= told.score <= 1
