"""The spool between one writer and one reader: what a crash, damage and a failing disk leave of it."""

import errno
import os
import random
from pathlib import Path

import pytest

from pipeline.ingest import folder as place
from pipeline.ingest.folder import SpoolInUseError
from pipeline.ingest.frames import OVERHEAD_BYTES, frame
from tests.pipeline.ingest.spools import DAY_US, NOW_US, Spool, drained, failing, numbers, record

FRAME = 20 + OVERHEAD_BYTES


def test_records_go_through_many_segments_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(0, 100)
    found, bad = spool.read()
    assert (numbers(found), bad) == (list(range(100)), [])
    assert found[7] == record(7)
    bases = [segment.base for segment in spool.segments()]
    assert len(bases) > 5
    ends = [segment.base + segment.path.stat().st_size for segment in spool.segments()]
    assert bases[1:] == ends[:-1]


def test_a_second_writer_is_turned_away(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with spool.writing(), pytest.raises(SpoolInUseError, match="another process writes to the spool"), spool.writing():
        pass
    with spool.writing():
        pass


@pytest.mark.parametrize("torn", range(1, FRAME))
def test_a_torn_end_is_cut_off_and_writing_goes_on(tmp_path: Path, torn: int) -> None:
    spool = Spool(tmp_path, segment_bytes=10_000)
    spool.write(0, 5)
    path = spool.segments()[-1].path
    with path.open("ab") as file:
        file.write(frame(record(99), 1)[:torn])
    assert numbers(spool.read()[0]) == list(range(5))
    spool.write(5, 8)
    found, bad = spool.read()
    assert (numbers(found), bad) == (list(range(8)), [])


def test_whole_frames_behind_the_confirmed_end_are_kept(tmp_path: Path) -> None:
    """A crash between write and answer: the sender comes again, and the flow drops the repeat."""
    spool = Spool(tmp_path, segment_bytes=10_000)
    spool.write(0, 3)
    with spool.segments()[-1].path.open("ab") as file:
        file.write(frame(record(3), 1))
    live = spool.feed(recording=False)
    assert numbers(live.poll(100)[0].records) == [0, 1, 2]
    with spool.writing():
        assert numbers(live.poll(100)[0].records) == [3]
    live.close()


def test_damage_in_the_middle_is_a_dead_letter_with_its_bytes_and_the_rest_is_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=10_000)
    spool.write(0, 10)
    path = spool.segments()[0].path
    content = bytearray(path.read_bytes())
    content[3 * FRAME + 25] ^= 1
    content[6 * FRAME : 8 * FRAME] = b"\0" * (2 * FRAME)
    path.write_bytes(content)
    for recording in (True, False):
        found, bad = spool.read(recording=recording)
        assert numbers(found) == [0, 1, 2, 4, 5, 8, 9]
        assert [(one.offset, one.raw, one.reason) for one in bad] == [
            (3 * FRAME, bytes(content[3 * FRAME : 4 * FRAME]), "unreadable"),
            (6 * FRAME, b"\0" * (2 * FRAME), "unreadable"),
        ]
        assert f"{2 * FRAME} bytes of the spool are damaged" in bad[1].detail


@pytest.mark.parametrize("head_only", [False, True])
def test_damage_at_the_confirmed_end_is_a_dead_letter_too_and_survives_a_restart(
    tmp_path: Path, head_only: bool
) -> None:
    spool = Spool(tmp_path, segment_bytes=10_000)
    spool.write(0, 4)
    path = spool.segments()[0].path
    content = bytearray(path.read_bytes())
    at = 3 * FRAME + (9 if head_only else 25)
    content[at] ^= 0x40
    path.write_bytes(content)
    spool.write(4, 6)
    for recording in (True, False):
        found, bad = spool.read(recording=recording)
        assert numbers(found) == [0, 1, 2, 4, 5]
        assert [(one.offset, len(one.raw)) for one in bad] == [(3 * FRAME, FRAME)]


def test_any_damage_costs_only_what_it_hits(tmp_path: Path) -> None:
    rng = random.Random(5)
    for number in range(40):
        spool = Spool(tmp_path / str(number), segment_bytes=rng.choice([300, 10_000]))
        spool.write(0, 30)
        segment = rng.choice(spool.segments())
        content = bytearray(segment.path.read_bytes())
        first = rng.randrange(len(content))
        last = min(len(content), first + rng.randrange(1, 120))
        content[first:last] = rng.randbytes(last - first)
        segment.path.write_bytes(content)
        hit = range((segment.base + first) // FRAME, (segment.base + last - 1) // FRAME + 1)
        found, bad = spool.read()
        assert set(range(30)) - set(numbers(found)) <= set(hit)
        if len(found) < 30:
            assert bad


def test_what_the_disk_has_lost_is_told_and_offsets_go_on_rising(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=10_000)
    spool.write(0, 5)
    os.truncate(spool.segments()[0].path, 2 * FRAME)
    spool.write(5, 7)
    assert [segment.base for segment in spool.segments()] == [0, 5 * FRAME]
    assert numbers(spool.read()[0]) == [0, 1, 5, 6]
    assert numbers(spool.read(recording=False)[0]) == [0, 1, 5, 6]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_after_a_failed_append_nothing_of_it_counts_and_the_next_one_succeeds(
    tmp_path: Path, call: str, number: int
) -> None:
    spool = Spool(tmp_path, segment_bytes=10_000)
    with spool.writing() as file:
        file.append([frame(record(0), 1)])
        with failing(call, number), pytest.raises(OSError, match=os.strerror(number)):
            file.append([frame(record(8), 1), frame(record(9), 1)])
        assert file.end == FRAME
        file.append([frame(record(1), 1)])
    found, bad = spool.read()
    assert (numbers(found), bad) == ([0, 1], [])


def test_after_a_failed_fsync_the_file_is_not_trusted_any_more_even_if_it_cannot_be_cut(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=10_000)
    live = spool.feed(recording=False)
    with spool.writing() as file:
        file.append([frame(record(0), 1)])
        with failing("fdatasync"), failing("ftruncate"), pytest.raises(OSError, match=os.strerror(errno.EIO)):
            file.append([frame(record(8, 200), 1)])
        assert spool.segments()[0].path.stat().st_size > FRAME
        assert numbers(live.poll(10)[0].records) == [0]
        file.append([frame(record(1), 1)])
        assert [segment.base for segment in spool.segments()] == [0, FRAME]
        assert numbers(live.poll(10)[0].records) == [1]
    live.close()
    spool.write(2, 4)
    found, bad = spool.read()
    assert (numbers(found), bad) == ([0, 1, 2, 3], [])


def test_a_failed_first_append_leaves_nothing_behind(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with spool.writing() as file:
        with failing("fdatasync"), failing("ftruncate"), pytest.raises(OSError, match=os.strerror(errno.EIO)):
            file.append([frame(record(8), 1)])
        file.append([frame(record(0), 1)])
    assert numbers(spool.read()[0]) == [0]


def test_a_reader_gets_nothing_that_is_not_durable_yet(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=10_000)
    live = spool.feed(recording=False)
    with spool.writing() as file:
        file.append([frame(record(0), 1)])
        assert numbers(live.poll(10)[0].records) == [0]
        with spool.segments()[-1].path.open("ab") as unconfirmed:
            unconfirmed.write(frame(record(1), 1))
        assert live.poll(10) == []
    live.close()


# ---- what is deleted, and when ----


def filled(tmp_path: Path, *, saved: int, keep_us: int = DAY_US, max_bytes: int = 1 << 20) -> Spool:
    """A spool of ten segments whose reader has saved up to segment ``saved``."""
    spool = Spool(tmp_path, segment_bytes=400, keep_us=keep_us, max_bytes=max_bytes)
    spool.write(0, 100)
    for segment in spool.segments():
        os.utime(segment.path, ns=(NOW_US * 1000, NOW_US * 1000))
    at = spool.segments()[saved].base
    mark = place.reader_mark(spool.folder)
    mark.write(at, at)
    mark.close()
    return spool


def test_segments_that_were_read_are_kept_for_a_time_and_unread_ones_for_ever(tmp_path: Path) -> None:
    spool = filled(tmp_path, saved=4)
    with spool.writing() as file:
        before = [segment.base for segment in spool.segments()]
        file.tidy()
        assert [segment.base for segment in spool.segments()] == before
        spool.now_us = NOW_US + DAY_US + 1
        file.tidy()
        assert [segment.base for segment in spool.segments()] == before[4:]
        assert file.total_bytes == sum(segment.path.stat().st_size for segment in spool.segments())


def test_segments_that_were_read_go_early_when_room_is_short(tmp_path: Path) -> None:
    spool = filled(tmp_path, saved=6, max_bytes=3000)
    with spool.writing() as file:
        count = len(spool.segments())
        file.tidy()
        assert 0 < count - len(spool.segments()) < 6
        assert file.total_bytes <= 0.9 * 3000


def test_without_a_word_of_a_reader_nothing_is_deleted(tmp_path: Path) -> None:
    spool = filled(tmp_path, saved=9, keep_us=0, max_bytes=500)
    (spool.folder / "reader").write_bytes(b"torn")
    with spool.writing() as file:
        count = len(spool.segments())
        file.tidy()
        assert len(spool.segments()) == count


def test_recent_records_are_given_back_for_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(0, 50)
    with spool.writing() as file:
        assert numbers(list(file.recent(0, 1000))) == list(range(50))
        assert numbers(list(file.recent(NOW_US + 30, 1000))) == list(range(30, 50))
        assert numbers(list(file.recent(0, 10))) == list(range(40, 50))


def test_segments_that_are_deleted_while_they_are_read_are_passed_over(tmp_path: Path) -> None:
    """A flow that has lost its state reads from the beginning while what was read before is tidied away."""
    spool = Spool(tmp_path)
    spool.write(0, 100)
    feed = spool.feed(recording=False)
    found = numbers(feed.poll(3)[0].records)
    second, third = spool.segments()[1:3]
    second.path.unlink()
    found += numbers(drained(feed)[0])
    feed.close()
    lost = range((second.base // FRAME), (third.base // FRAME))
    assert found == [number for number in range(100) if number not in lost]
