"""Quiet events, taken many at a time: what comes of them is what comes of the same events one by one."""

from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.contract import Delta, Progress, SnapshotVersionError
from detectors.events import Event
from detectors.promises import blocks, positions
from detectors.promises.block_images import is_name_of_blocks, is_of_blocks
from detectors.promises.codec import decode_head, decode_shard
from detectors.promises.shard import SlaShard
from tests.detectors.promises.bulk import How, few_cases, give, told
from tests.detectors.promises.test_strays import SHORT, TIMED, begun_elsewhere
from tests.support.promises import (
    DAY_US,
    EVERYDAY,
    HOUR_US,
    MINUTE_US,
    at,
    detector,
    event,
    everyday_events,
    random_events,
    shard,
    shuffled_within,
)

PLAIN = [item for item in TIMED if item["kind"] != "handoff"]
NONE = {"retention": "0s", "idle_retention": "0s"}
TEN = at("02-02T10:00")


@pytest.fixture
def small_blocks() -> Iterator[None]:
    with mock.patch.object(blocks, "_LEAST_ROWS", 1):
        yield


hows = st.builds(
    How,
    size=st.integers(1, 40),
    lateness_us=st.sampled_from([0, 20 * MINUTE_US, 5 * HOUR_US]),
    every=st.integers(1, 3),
    crash=st.integers(0, 3),
    back=st.integers(0, 2),
    anew=st.sampled_from([0, 2, 5]),
    derives=st.booleans(),
)


@pytest.mark.parametrize("promises", [EVERYDAY, PLAIN], ids=["everyday", "of all sorts"])
@given(
    seed=st.integers(0, 10_000),
    how=hows,
    late_us=st.sampled_from([0, 10 * MINUTE_US, 3 * HOUR_US, 2 * DAY_US]),
    settings=st.sampled_from([{}, SHORT, NONE]),
    least=st.sampled_from([1, 1, 4, 16]),
    hash_bits=st.sampled_from([63, 6]),
)
def test_a_shard_answers_to_many_at_a_time_as_to_one_by_one(
    promises: list[dict[str, Any]],
    seed: int,
    how: How,
    late_us: int,
    settings: dict[str, str],
    least: int,
    hash_bits: int,
) -> None:
    if seed % 3 == 0:
        events = shuffled_within(few_cases(seed), how.lateness_us, seed)
    else:
        made = everyday_events(seed, 12) if seed % 3 == 1 else random_events(seed)
        made = [one for one in made if hasattr(one.data, "case_id")]
        events = begun_elsewhere(shuffled_within(made, how.lateness_us, seed), late_us)
    if not events:
        return
    made_for = detector(*promises, **settings)
    one_by_one = told(made_for, events, how, many=False)
    with mock.patch.object(blocks, "_LEAST_ROWS", least), mock.patch.object(positions, "_HASH_BITS", hash_bits):
        assert told(made_for, events, how, many=True) == one_by_one
    if settings != NONE:
        in_order = told(made_for, events, how, many=False, in_order=True)
        assert [answer[:2] for answer in in_order] == [answer[:2] for answer in one_by_one]


def ends(*keys: str, at_us: int = TEN, **data: Any) -> list[Event]:
    return [event("closed", at_us, key, **data) for key in keys]


def many(count: int, first: int = 0, at_us: int = TEN) -> list[Event]:
    return ends(*(f"c{number}" for number in range(first, first + count)), at_us=at_us)


def pass_time(state: SlaShard, until_us: int, *events: Event) -> None:
    assert state.update(events, Progress(until_us, until_us)).changes == []


def begun(*events: Event, until_us: int = TEN - HOUR_US, settings: Mapping[str, str] = {}) -> SlaShard:
    state = shard(*EVERYDAY, **settings)
    assert give(state, events) == []
    pass_time(state, until_us)
    return state


def strays(state: SlaShard) -> set[str]:
    return {f"c{number}" for number in range(200) if f"c{number}" in state._strays["case"]}


def resumed(*deltas: Delta, **settings: Any) -> SlaShard:
    state, images = shard(*EVERYDAY, **settings), dict[str, bytes]()
    for delta in deltas:
        for name in delta.gone:
            images.pop(name, None)
        images |= dict(delta.images)
    state.rebuild(deltas[-1].head, list(images.values()))
    return state


def cases_of(snapshot: bytes) -> list[bytes]:
    return sorted(map(bytes, decode_shard(snapshot).cases))


def names(delta: Delta) -> list[str]:
    return [name for name, _ in delta.images]


def test_a_block_is_written_once_and_asked_for_by_its_name() -> None:
    state = begun(*many(40))
    first = state.delta()
    assert (names(first), state.keys(), len(state)) == (["\x00case/0"], ["\x00case/0"], 1)
    assert is_of_blocks(first.images[0][1])
    assert len(first.images[0][1]) < 40 * 80
    assert state.delta().images == []
    assert give(state, many(40, 40)) == []
    second = state.delta()
    assert names(second) == ["\x00case/1"]
    assert state.delta(["\x00case/0", "\x00case/7", "\x00order/0", "\x00case/1/3"]).images == first.images
    assert (strays(state), strays(resumed(first, second))) == ({f"c{number}" for number in range(80)},) * 2
    assert resumed(first, second).delta().images == []


def test_what_has_left_a_block_stays_away_after_a_restart() -> None:
    state = begun(*many(40))
    deltas = [state.delta()]
    for key in ("c3", "c5"):
        pass_time(state, TEN - MINUTE_US, event("updated", TEN, key, status="open"))
        deltas.append(state.delta())
    assert [names(delta) for delta in deltas[1:]] == [["\x00case/0/1", "case/c3"], ["\x00case/0/2", "case/c5"]]
    assert max(len(image) for delta in deltas[1:] for name, image in delta.images if is_name_of_blocks(name)) < 20
    assert state.delta(["\x00case/0/1"]).images == deltas[1].images[:1]
    assert state.delta(["\x00case/0", "\x00case/0/2"]).images == [deltas[0].images[0], deltas[2].images[0]]
    assert (len(state), len(state.keys())) == (5, 5)
    for until, gone in ((1, set[str]()), (2, {"c3"}), (3, {"c3", "c5"})):
        again = resumed(*deltas[:until])
        assert strays(again) == {f"c{number}" for number in range(40)} - gone
        assert len(again) == 1 + 2 * len(gone)
    again = shard(*EVERYDAY)
    again.rebuild(deltas[-1].head, [image for delta in reversed(deltas) for _, image in reversed(delta.images)])
    pass_time(again, TEN - MINUTE_US, event("updated", TEN, "c9", status="open"))
    assert names(again.delta()) == ["\x00case/0/3", "case/c9"]
    assert again.delta(["\x00case/0/1", "\x00case/0/2"]).images == [deltas[1].images[0], deltas[2].images[0]]


def test_what_left_before_it_was_written_is_no_piece() -> None:
    state = begun(*many(40))
    pass_time(state, TEN - MINUTE_US, event("updated", TEN, "c3", status="open"))
    delta = state.delta()
    assert names(delta) == ["\x00case/0", "case/c3"]
    assert strays(resumed(delta)) == {f"c{number}" for number in range(40)} - {"c3"}


def test_known_and_late_and_second_ones_are_given_back(small_blocks: None) -> None:
    state = begun(*many(2))
    pass_time(state, TEN, event("opened", TEN, "c2"), event("closed", TEN, "c3", rev=1), *ends("c4"))
    late = ends("c6", at_us=TEN - 1)
    more = many(10, at_us=TEN + 1)
    back = give(state, [*more, *ends("c5", "c9", at_us=TEN + 2), *late])
    assert [(one.data.case_id, one.time_us - TEN) for one in back] == [  # type: ignore[union-attr]
        ("c0", 1), ("c1", 1), ("c2", 1), ("c3", 1), ("c4", 1), ("c6", 1), ("c5", 2), ("c9", 2), ("c6", -1),
    ]  # fmt: skip
    assert strays(state) == {"c0", "c1", "c4", "c5", "c7", "c8", "c9"}
    assert state._strays["case"].take("c5", TEN).last_us == TEN + 1  # type: ignore[union-attr]
    assert strays(resumed(state.delta())) == {"c0", "c1", "c4", "c7", "c8", "c9"}


def test_of_a_batch_of_which_most_is_known_no_more_is_kept_than_the_rest() -> None:
    state = begun(*many(60))
    assert len(give(state, many(80, at_us=TEN + 1))) == 60
    assert sorted(map(len, (block.rows for block in state._strays["case"].blocks._blocks.values()))) == [20, 60]
    assert strays(resumed(state.delta())) == strays(state) == {f"c{number}" for number in range(80)}


def test_few_are_kept_one_by_one() -> None:
    state = begun(*many(3))
    assert (strays(state), names(state.delta())) == ({"c0", "c1", "c2"}, ["case/c0", "case/c1", "case/c2"])


def test_a_block_of_which_little_is_left_is_written_anew() -> None:
    state = begun(*many(100))
    deltas = [state.delta()]
    taken = [event("updated", TEN, f"c{number}", status="open") for number in range(75)]
    pass_time(state, TEN - MINUTE_US, *taken[:70])
    deltas.append(state.delta())
    assert (names(deltas[-1])[0], len(deltas[-1].images)) == ("\x00case/0/1", 71)
    pass_time(state, TEN - MINUTE_US, *taken[70:], event("updated", TEN, "c99", status="open"))
    deltas.append(state.delta())
    assert [name for name in names(deltas[-1]) if is_name_of_blocks(name)] == ["\x00case/1"]
    assert deltas[-1].gone == ["\x00case/0", "\x00case/0/1"]
    left = {f"c{number}" for number in range(75, 99)}
    assert strays(state) == strays(resumed(*deltas)) == left
    more = [event("updated", TEN, f"c{number}", status="open") for number in range(75, 94)]
    pass_time(state, TEN - MINUTE_US, *more)
    deltas.append(state.delta())
    assert deltas[-1].gone == ["\x00case/1"]
    assert {"case/c94", "case/c98"} < set(names(deltas[-1]))
    assert strays(state) == strays(resumed(*deltas)) == {f"c{number}" for number in range(94, 99)}
    assert decode_head(deltas[-1].head).version == 1


def test_a_block_is_forgotten_span_by_span() -> None:
    two_hours = [*many(20), *many(20, 20, TEN + HOUR_US)]
    state = begun(*two_hours, settings=SHORT)
    deltas = [state.delta()]
    pass_time(state, TEN + DAY_US + 70 * MINUTE_US)
    assert (state.counts["closed"], strays(state)) == (20, {f"c{number}" for number in range(20, 40)})
    deltas.append(state.delta())
    assert (deltas[1].images, deltas[1].gone) == ([], [])
    again = resumed(*deltas, **SHORT)
    for one in (state, again):
        assert give(one, many(20, at_us=TEN + DAY_US + 80 * MINUTE_US)) == []
        pass_time(one, TEN + DAY_US + 80 * MINUTE_US)
        assert (one.counts["closed"], len(strays(one))) == (20, 40)
        pass_time(one, TEN + DAY_US + 2 * HOUR_US)
        delta = one.delta()
        assert (one.counts["closed"], delta.gone, names(delta)) == (40, ["\x00case/0"], ["\x00case/1"])
        assert strays(resumed(*deltas, delta, **SHORT)) == {f"c{number}" for number in range(20)}


def test_a_block_that_goes_before_it_was_written_leaves_nothing() -> None:
    state = begun(*many(20), settings=SHORT)
    pass_time(state, TEN + 2 * DAY_US)
    assert (state.delta().gone, state.delta().images, len(state), state.counts["closed"]) == ([], [], 0, 20)


def test_pieces_go_with_their_block() -> None:
    state = begun(*many(40), settings=SHORT)
    state.delta()
    pass_time(state, TEN - MINUTE_US, event("updated", TEN, "c3", status="open"))
    state.delta()
    pass_time(state, TEN + 2 * DAY_US)
    assert state.delta().gone == ["\x00case/0", "\x00case/0/1", "case/c3"]
    assert len(state) == 0


def test_the_image_of_a_case_goes_when_it_is_a_stray_of_a_block_later() -> None:
    state = begun(*ends("c1"), until_us=TEN, settings=NONE)
    pass_time(state, TEN, event("updated", TEN, "c1", status="closed"))
    deltas = [state.delta()]
    assert names(deltas[0]) == ["case/c1"]
    pass_time(state, TEN + DAY_US)
    assert give(state, many(20, at_us=TEN + DAY_US)) == []
    deltas.append(state.delta())
    assert (deltas[1].gone, names(deltas[1])) == (["case/c1"], ["\x00case/0"])
    assert strays(resumed(*deltas, **NONE)) == {f"c{number}" for number in range(20)}


def test_a_key_that_is_to_be_carried_over_and_is_in_a_block_by_now_has_no_image_of_its_own() -> None:
    state = begun(*many(20))
    delta = state.delta(["case/c1"])
    assert (names(delta), delta.gone) == (["\x00case/0"], ["case/c1"])


def test_the_whole_state_has_a_case_for_each() -> None:
    state, other = begun(*many(40)), shard(*EVERYDAY)
    pass_time(other, TEN - HOUR_US, *many(40))
    assert cases_of(state.snapshot()) == cases_of(other.snapshot())
    state.delta()
    assert cases_of(state.snapshot()) == cases_of(other.snapshot())
    again = shard(*EVERYDAY)
    again.restore(state.snapshot())
    assert (strays(again), len(again)) == (strays(state), 40)


def test_a_stray_that_should_be_forgotten_by_now_says_nothing_of_what_comes() -> None:
    state = begun(*many(20, at_us=TEN + 50 * MINUTE_US), settings=SHORT)
    state.delta()
    pass_time(state, TEN + DAY_US + 55 * MINUTE_US)  # of their hour more are still held
    assert len(give(state, ends("c1", at_us=TEN + DAY_US + HOUR_US))) == 1
    pass_time(state, TEN + DAY_US + 56 * MINUTE_US, *ends("c1", at_us=TEN + DAY_US + HOUR_US))
    assert (state.counts["closed"], len(state._cases["case"])) == (1, 0)
    assert names(state.delta()) == ["case/c1", "\x00case/0/1"]


@pytest.mark.parametrize(
    "promises",
    [
        [*EVERYDAY, {"name": "more", "kind": "agent_work", "target": 20, "unit": "hours"}],
        [{"kind": "agent_work", "start": {"step": ["closed"]}, "stop": {"step": ["reopened"]}, "target": 1,
          "unit": "hours", "where": {"tier": ["vip"]}}],
        [{"name": "legal", "kind": "deadline", "target": 1, "unit": "business_days", "due": "close", "calendar": "uk"}],
        [{"kind": "delivery"}],
    ],
    ids=["one more", "began with it", "of days", "of orders"],
)  # fmt: skip
def test_other_promises_find_what_they_would_have_found_of_cases_one_by_one(promises: list[dict[str, Any]]) -> None:
    states = begun(*many(40)), shard(*EVERYDAY)
    pass_time(states[1], TEN - HOUR_US, *many(40))
    images_of, found = [], []
    for state in states:
        deltas = [state.delta()]
        pass_time(state, TEN - MINUTE_US, event("updated", TEN, "c3", status="open"))
        deltas.append(state.delta())
        again = shard(*promises)
        images = dict(deltas[0].images) | dict(deltas[1].images)
        again.rebuild(deltas[1].head, list(images.values()))
        images_of.append(cases_of(again.snapshot()))
        first = again.delta()
        if promises[0]["kind"] != "delivery":
            assert (len(first.images), len(first.gone)) == ((39, 2) if state is states[0] else (0, 0))
        found.append([again.update([], Progress(TEN + DAY_US, TEN + DAY_US)), again.counts])
    assert images_of[0] == images_of[1]
    assert found[0] == found[1]


def test_a_state_with_blocks_is_none_for_those_who_do_not_know_them() -> None:
    state = begun(*many(40))
    assert decode_head(state.delta().head).version == 2
    assert decode_head(begun(*many(2)).delta().head).version == 1
    head = bytearray(state.delta().head)
    head[1] = 3
    with pytest.raises(SnapshotVersionError, match="in version 3; this code reads 1 and 2"):
        shard(*EVERYDAY).rebuild(bytes(head), [])


@pytest.mark.parametrize(
    "image", [b"\xc1\x90", b"\xc1\xc1\x90", b"\xc1\x97\xa4case\x00\x00\x00\x00\xc4\x00\xc4\x01\x90"]
)
def test_a_block_that_cannot_be_read_is_refused(image: bytes) -> None:
    with pytest.raises(SnapshotVersionError, match="cannot be read"):
        shard(*EVERYDAY).rebuild(begun(*many(20)).delta().head, [image])
