"""What the scanner is certain of is what the row path says; what it is not certain of is nobody's loss."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutate import TIMES, VALUES, Mutator
from tests.fuzz.subjects import CANONICAL, seeds_of
from tests.pipeline.columns.records import Records

pytest.importorskip("numba")

from pipeline.columns.fields import data_kinds
from tests.pipeline.columns import holding

SCANNER = holding.scanner()
PLAIN = (
    b'{"specversion":"1.0","type":"social.post","source":"s","id":"%d","time":"2026-03-02T00:00:00Z",'
    b'"data":{"service":"tv","sentiment":%s}}'
)


def check(records: list[bytes]) -> int:
    """Hold the columns of records against their events; return how many the scanner was certain of."""
    return holding.check(records, SCANNER)


def test_plain_records_of_every_type_are_certain() -> None:
    records = [
        msgspec.json.encode(
            {key: value for key, value in plain.items() if key not in {"rev", "sequence", "recordedtime"}}
        )
        for plain in map(msgspec.json.decode, seeds_of(CANONICAL))
    ]
    for plain in records:
        data = msgspec.json.decode(plain)["data"]
        if not {"labels", "deadline"} & data.keys() and not ("text" in data and "sentiment" not in data):
            assert check([plain]) == 1, plain


@pytest.mark.parametrize("seed", range(8))
def test_what_is_certain_is_what_the_row_path_says(seed: int) -> None:
    records = Records(seed, 0.5, extreme=True)
    certain = sum(check(records.batch(records.rng.choice((1, 7, 300)))) for _ in range(30))
    assert certain > 500


@pytest.mark.parametrize("seed", range(4))
def test_changed_records_are_certain_only_where_they_are_events(seed: int) -> None:
    mutator, rng = Mutator([*seeds_of(CANONICAL), *Records(seed, 0.0, extreme=True).batch(60)]), random.Random(seed)
    certain = sum(check(mutator.records(rng, 200)) for _ in range(15))
    assert certain > 100


@given(st.binary(max_size=300))
def test_no_bytes_are_certain_that_are_no_event(raw: bytes) -> None:
    check([raw])


@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-2, 2, allow_nan=False).map(float))
def test_numbers_are_those_of_the_row_path_to_the_last_bit(number: float) -> None:
    text = repr(number).encode()
    for field in ("score", "sentiment"):
        check([PLAIN.replace(b"social.post", b"survey.response").replace(b"sentiment", field.encode()) % (1, text)])


@pytest.mark.parametrize("value", [*VALUES, *(b'"%s"' % time for time in TIMES)])
def test_each_awkward_value_in_each_place(value: bytes) -> None:
    plain = msgspec.json.decode(PLAIN % (1, b"0.5"))
    records = []
    for name in [*plain, "rev", "subject", "extra"]:
        marked = msgspec.json.encode({**plain, name: "@@"})
        records.append(marked.replace(b'"@@"', value))
    for name in data_kinds():
        for kind in ("social.post", "survey.response", "crm.case.opened", "transaction.payment"):
            data = {"case_id": "c", "order_id": "o", name: "@@"}
            marked = msgspec.json.encode({**plain, "type": kind, "data": data})
            records.append(marked.replace(b'"@@"', value))
    for record in records:
        check([record])
    check(records)


def test_a_text_without_a_place_in_the_pool_is_left_to_the_rows() -> None:
    for start in range(0, 12_000, 500):
        records = [(PLAIN % (number, b"0.5")).replace(b"tv", b"tv-%d" % number) for number in range(start, start + 500)]
        check(records)


def test_a_broken_record_does_not_spoil_its_neighbours() -> None:
    good = PLAIN % (1, b"0.25")
    for cut in range(len(good)):
        records = [good, good[:cut] + b"X", good]
        columns = SCANNER.scan(records)
        assert {0, 2}.isdisjoint(columns.uncertain())
        check(records)
