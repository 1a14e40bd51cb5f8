import random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.frames import MARK, OVERHEAD_BYTES, Cut, cut, end_of_frames, find_frame, frame

RECORDS = st.lists(st.one_of(st.binary(max_size=60), st.just(MARK), st.just(frame(b"inner", 1))), max_size=12)


def joined(records: list[bytes]) -> bytes:
    return b"".join(frame(record, number) for number, record in enumerate(records))


def all_frames(buffer: bytes) -> list[bytes]:
    """Read over any damage."""
    found: list[bytes] = []
    at = 0
    while at < len(buffer):
        part = cut(buffer, len(buffer), at)
        found += part.records
        at = find_frame(buffer, part.end + 1)
    return found


@given(RECORDS)
def test_what_was_framed_is_found_as_it_was(records: list[bytes]) -> None:
    buffer = joined(records)
    found = cut(buffer, 1000)
    assert found.records == records
    assert found.received_us == list(range(len(records)))
    assert (found.end, found.damaged) == (len(buffer), False)
    assert [buffer[offset : offset + 4] for offset in found.offsets] == [MARK] * len(records)
    assert end_of_frames(buffer) == len(buffer)


@given(RECORDS, st.data())
def test_a_torn_end_is_recognised_wherever_it_is_torn(records: list[bytes], data: st.DataObject) -> None:
    buffer = joined(records)
    size = data.draw(st.integers(0, len(buffer)))
    ends = [0]
    for record in records:
        ends.append(ends[-1] + len(record) + OVERHEAD_BYTES)
    whole = max(end for end in ends if end <= size)
    found = cut(buffer[:size], 1000)
    assert found.records == records[: ends.index(whole)]
    assert (found.end, found.damaged) == (whole, False)
    assert end_of_frames(buffer[:size]) == whole


@given(RECORDS.filter(bool), st.data())
def test_a_changed_byte_costs_its_own_frame_only(records: list[bytes], data: st.DataObject) -> None:
    buffer = bytearray(joined(records))
    at = data.draw(st.integers(0, len(buffer) - 1))
    buffer[at] ^= data.draw(st.integers(1, 255))
    found = all_frames(bytes(buffer))
    hit = next(
        number for number in range(len(records)) if at < sum(len(r) + OVERHEAD_BYTES for r in records[: number + 1])
    )
    outside = records[:hit] + records[hit + 1 :]
    # A damaged frame may hold whole frames as its record: these are found in it; all the others must be there.
    rest = list(found)
    for record in outside:
        assert record in rest
        rest.remove(record)
    assert all(frame(record, 1) in frame(records[hit], 0) or record == b"inner" for record in rest)


@given(st.binary(max_size=300), st.integers(1, 5))
def test_any_bytes_are_read_without_an_error(buffer: bytes, most: int) -> None:
    found = cut(buffer, most)
    assert isinstance(found, Cut)
    assert 0 <= found.end <= len(buffer)
    assert find_frame(buffer, 0) <= len(buffer)
    assert end_of_frames(buffer) <= len(buffer)


def test_a_length_that_is_damaged_asks_for_no_memory() -> None:
    buffer = bytearray(frame(b"x", 1))
    buffer[8:12] = b"\xff\xff\xff\xff"
    assert cut(bytes(buffer), 1).damaged


def test_as_many_frames_are_cut_as_are_asked_for() -> None:
    rng = random.Random(1)
    records = [rng.randbytes(rng.randrange(40)) for _ in range(50)]
    buffer = joined(records)
    found: list[bytes] = []
    at = 0
    while at < len(buffer):
        part = cut(buffer, 7, at)
        assert len(part.records) <= 7
        found += part.records
        at = part.end
    assert found == records
