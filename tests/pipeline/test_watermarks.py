import numpy as np
import pytest

from detectors.contract import NEVER_US, Progress
from pipeline.feeds.contract import Status
from pipeline.watermarks import PartitionTime, Watermarks

LATENESS_US = 10
IDLE_US = 100


def two_partitions() -> tuple[Watermarks, PartitionTime, PartitionTime]:
    watermarks = Watermarks(LATENESS_US, IDLE_US)
    return watermarks, watermarks.partition("crm", "a"), watermarks.partition("crm", "b")


def test_the_flow_is_as_far_as_its_slowest_partition() -> None:
    watermarks, a, b = two_partitions()
    a.saw(1000, None)
    assert watermarks.advance(None).watermark_us == NEVER_US
    b.saw(500, None)
    assert watermarks.advance(None) == Progress(490, 490)


def test_time_never_goes_back() -> None:
    watermarks, a, b = two_partitions()
    a.saw(1000, None)
    b.saw(1000, None)
    before = watermarks.advance(None)
    watermarks.partition("crm", "c").saw(5, None)
    assert watermarks.advance(None) == before


def test_in_a_replay_an_ended_partition_stops_holding_time_back() -> None:
    watermarks, a, b = two_partitions()
    a.saw(1000, None)
    b.saw(50, None)
    b.status = Status.ENDED
    assert watermarks.advance(None).watermark_us == 990


def test_a_recording_ends_one_microsecond_after_its_last_event() -> None:
    watermarks, a, b = two_partitions()
    a.saw(1000, None)
    b.saw(2000, None)
    a.status = b.status = Status.ENDED
    assert watermarks.advance(None) == Progress(2001, 2001)


def test_a_recording_without_events_has_no_time() -> None:
    watermarks, a, b = two_partitions()
    a.status = b.status = Status.ENDED
    assert watermarks.advance(None).watermark_us == NEVER_US


def test_live_a_quiet_partition_follows_the_clock_only_after_idle_after() -> None:
    watermarks, a, b = two_partitions()
    for part in (a, b):
        part.saw(1000, 1000)
        part.status = Status.CAUGHT_UP
    assert watermarks.advance(1000 + IDLE_US - 1).watermark_us == 990
    assert watermarks.advance(1000 + IDLE_US).watermark_us == 1000 + IDLE_US - LATENESS_US


def test_live_quiet_is_counted_from_when_we_began_to_listen() -> None:
    watermarks, a, b = two_partitions()
    a.saw(1000, 5000)
    a.status = b.status = Status.CAUGHT_UP
    watermarks.advance(5000)
    restored = Watermarks(LATENESS_US, IDLE_US)
    restored.restore(watermarks.snapshot())
    assert restored.advance(9000).watermark_us == NEVER_US
    assert restored.advance(9000 + IDLE_US).watermark_us == 9000 + IDLE_US - LATENESS_US


@pytest.mark.parametrize("status", [Status.UNREACHABLE, Status.READING])
def test_live_silence_of_a_source_that_is_not_read_to_its_end_is_not_knowledge(status: Status) -> None:
    watermarks, a, b = two_partitions()
    for part in (a, b):
        part.saw(1000, 1000)
        part.status = Status.CAUGHT_UP
    b.status = status
    progress = watermarks.advance(10_000)
    assert progress == Progress(990, 990)


def test_live_the_clock_runs_ahead_of_the_watermark_while_all_sources_are_read_to_their_end() -> None:
    watermarks, a, b = two_partitions()
    for part in (a, b):
        part.saw(1000, 1000)
        part.status = Status.CAUGHT_UP
    assert watermarks.advance(1050) == Progress(990, 1050)


def test_lateness_is_judged_one_by_one_in_order_of_arrival() -> None:
    part = PartitionTime(LATENESS_US, IDLE_US)
    assert part.late_indices(np.array([100, 90, 89, 120, 109, 110])) == [2, 4]


def test_the_first_event_of_a_partition_is_never_late() -> None:
    part = PartitionTime(LATENESS_US, IDLE_US)
    assert part.late_indices(np.array([5])) == []


@pytest.mark.parametrize("cut", range(7))
def test_lateness_does_not_depend_on_how_batches_are_cut(cut: int) -> None:
    times = [100, 90, 89, 120, 109, 110]
    part = PartitionTime(LATENESS_US, IDLE_US)
    late: list[int] = []
    for offset, piece in ((0, times[:cut]), (cut, times[cut:])):
        if piece:
            late.extend(offset + index for index in part.late_indices(np.array(piece, dtype=np.int64)))
            part.saw(max(piece), None)
    assert late == [2, 4]


def test_a_snapshot_restores_times_and_progress() -> None:
    watermarks, a, b = two_partitions()
    a.saw(1000, None)
    b.saw(2000, None)
    b.status = Status.ENDED
    watermarks.advance(None)
    restored = Watermarks(LATENESS_US, IDLE_US)
    restored.restore(watermarks.snapshot())
    assert restored.progress == watermarks.progress
    assert restored.partitions == watermarks.partitions
