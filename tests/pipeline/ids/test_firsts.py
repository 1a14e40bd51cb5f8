"""Which ids of a batch are repeats."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.ids.firsts import repeats

IDS = st.sampled_from("abcdef")


@given(st.lists(IDS), st.frozensets(IDS))
def test_repeats_are_what_a_look_at_one_after_another_finds(ids: list[str], again: frozenset[str]) -> None:
    seen = set(again)
    expected = []
    for place, key in enumerate(ids):
        if key in seen:
            expected.append(place)
        seen.add(key)
    assert repeats(ids, again) == expected
