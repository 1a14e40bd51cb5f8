"""Changed records in bulk. At night ten million through the decoder, and ten million through the mappings."""

import random
import resource
import sys
from collections.abc import Iterator

import pytest
import structlog

from config.shipped import shipped_names
from detectors.events import EVENT_CLASSES
from pipeline.decode import Decoded, Decoder
from pipeline.feeds.contract import RawBatch
from pipeline.reasons import Reason
from tests.fuzz.bulk import BATCH, FuzzFailureError, fuzz
from tests.fuzz.mutate import Mutator, seed_of
from tests.fuzz.shrink import smallest
from tests.fuzz.subjects import CANONICAL, OWN, Subject, names, seeds_of, subject

TEN_MILLION = pytest.param(10_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(7_200)])
OF_A_FEED = {
    Reason.TOO_LARGE,
    Reason.FROM_FUTURE,
    Reason.TOO_LATE,
    Reason.INVALID_CSV,
    Reason.UNREADABLE,
    Reason.UNDECODABLE,
}
"""Reasons that the bytes of a record alone cannot be given."""
GROWS_BYTES = 200 << 20


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("records", [4_000, TEN_MILLION])
def test_no_record_stops_the_flow_and_none_vanishes(records: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = fuzz(records, seed=records)
    sys.stdout.write(f"{figures}\n")
    assert figures.records[CANONICAL] == records
    assert figures.records.total() >= 2 * records
    assert figures.outcomes["events"] > records // 4
    assert figures.outcomes["filtered"] > records // 20
    assert set(Reason) - OF_A_FEED <= set(figures.outcomes)
    assert figures.peak_bytes - before < GROWS_BYTES, "something keeps what it has seen"


def test_everything_that_is_shipped_is_fuzzed() -> None:
    assert set(names()) == {CANONICAL, OWN, *shipped_names()}
    assert {event.type for event in subject(CANONICAL).decoder.decode(good(CANONICAL)).events} == set(EVENT_CLASSES)


def good(name: str) -> RawBatch:
    seeds = seeds_of(name)
    return RawBatch(name, "0", list(range(len(seeds))), seeds)


@pytest.mark.parametrize("name", [CANONICAL, OWN, *shipped_names()])
def test_fuzzing_begins_with_records_that_are_good(name: str) -> None:
    decoded = subject(name).decoder.decode(good(name))
    assert len(decoded.dead) <= len(seeds_of(name)) // 2
    assert decoded.events


def test_the_same_seed_makes_the_same_records() -> None:
    mutator = Mutator(seeds_of(CANONICAL))
    first, second = (mutator.records(random.Random("7/canonical/3"), 500) for _ in range(2))
    assert first == second
    assert first != mutator.records(random.Random("8/canonical/3"), 500)
    assert len(set(first) & set(seeds_of(CANONICAL))) + first.count(first[0]) > 50 or len(set(first)) > 200


def test_a_seed_knows_where_its_values_and_keys_are() -> None:
    raw = b'{"a":{"b":[1,"x:,"],"c":null},"d":-1.5e3}'
    seed = seed_of(raw)
    assert {raw[start:end] for start, end in seed.keys} == {b'"a"', b'"b"', b'"c"', b'"d"'}
    assert {raw[start:end] for start, end in seed.values} == {
        raw, b'{"b":[1,"x:,"],"c":null}', b'[1,"x:,"]', b"1", b'"x:,"', b"null", b"-1.5e3",
    }  # fmt: skip
    assert {raw[start:end] for start, end in seed.pairs} == {
        b'"a":{"b":[1,"x:,"],"c":null}', b'"b":[1,"x:,"]', b'"c":null', b'"d":-1.5e3',
    }  # fmt: skip


class Stumbling(Decoder):
    """A decoder with a defect: it cannot bear one word."""

    def decode(self, batch: RawBatch) -> Decoded:
        if any(b'"broadband"' in raw for raw in batch.records):
            1 / 0  # noqa: B018 - the defect
        return super().decode(batch)


class Losing(Decoder):
    """A decoder with a defect: it loses records with a word in them."""

    def decode(self, batch: RawBatch) -> Decoded:
        decoded = super().decode(batch)
        return Decoded([event for event in decoded.events if event.rev != 2], decoded.dead, decoded.filtered)


@pytest.mark.parametrize(
    ("defective", "told"),
    [(Stumbling({OWN: None}), "ZeroDivisionError"), (Losing({OWN: None}), "events + dead letters = records")],
)
def test_a_defect_is_found_and_the_smallest_record_is_shown(
    defective: Decoder, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Subject(OWN, defective, None, Mutator(seeds_of(CANONICAL)))
    monkeypatch.setattr("tests.fuzz.bulk.subject", lambda _: chosen)
    monkeypatch.setattr("tests.fuzz.bulk._Flow.take", lambda _, made, __: checked(defective, made))
    with pytest.raises(FuzzFailureError) as caught:
        fuzz(3 * BATCH, seed=5, only=[OWN])
    text = str(caught.value)
    assert told in text
    assert "seed 5, own, batch 0" in text
    assert "--seed 5 --subject own --first 0" in text
    if isinstance(defective, Stumbling):
        assert "smallest record: b'\"broadband\"'" in text


def checked(decoder: Decoder, made: list[bytes]) -> Decoded:
    from tests.fuzz.bulk import batch_of  # noqa: PLC0415
    from tests.fuzz.checks import check_decoded  # noqa: PLC0415

    batch = batch_of(OWN, made)
    decoded = decoder.decode(batch)
    check_decoded(batch, decoded)
    return decoded


def test_what_is_cut_out_of_a_record_leaves_the_least_that_fails() -> None:
    assert smallest(b"aaaaXbbbbbYccc", lambda raw: b"X" in raw and b"Y" in raw) == b"XY"
