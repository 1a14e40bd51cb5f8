"""What readers get of events that intakes have sorted: all of them once, each judged as upstream."""

import random
import tempfile
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.contract import NEVER_US
from pipeline.events import decode_event
from pipeline.scale.repartition.names import key_of
from tests.pipeline.scale.repartition.rig import FEED, LATENESS_US, TOPIC, Seen, World
from tests.support.events import MINUTE_US, START_US, raw_event

Upstream = dict[str, list[bytes]]


def upstream_of(rng: random.Random) -> Upstream:
    """Return partitions of events of a few cases: out of order, some late, some repeated, some records bad."""
    made: Upstream = {}
    for number in range(rng.randint(1, 3)):
        time_us, records = START_US, []
        for index in range(rng.randint(1, 120)):
            time_us += rng.randrange(3 * MINUTE_US)
            back_us = rng.choice([0, rng.randrange(LATENESS_US), rng.randrange(3 * LATENESS_US)])
            case = f"c-{rng.randrange(12)}"
            records.append(raw_event("crm.case.updated", f"{number}-{index}", time_us - back_us, {"case_id": case}))
            if rng.random() < 0.1:
                records.append(rng.choice(records))
            if rng.random() < 0.05:
                records.append(b"no event %d" % index)
        made[f"{TOPIC}/{number}"] = records
    return made


class Expected(NamedTuple):
    """Of an event: where it is upstream, and what its partition had reached before it."""

    partition: str
    time_us: int
    reached_us: int
    case: str


def expected_of(records: Upstream) -> tuple[dict[str, Expected], dict[str, int]]:
    """Return what is so of each event, and what each partition reached at last."""
    events: dict[str, Expected] = {}
    last: dict[str, int] = {}
    for name, raws in records.items():
        newest_us = NEVER_US
        for raw in raws:
            if raw.startswith(b"{"):
                event = decode_event(raw)
                reached_us = NEVER_US if newest_us == NEVER_US else newest_us - LATENESS_US
                events.setdefault(event.id, Expected(name, event.time_us, reached_us, key_of(event)))
                newest_us = max(newest_us, event.time_us)
        last[name] = NEVER_US if newest_us == NEVER_US else newest_us - LATENESS_US
    return events, last


def is_late(seen: Seen) -> bool:
    return seen.time_us < seen.reached_us


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_however_intakes_and_readers_are_killed_each_event_comes_once_and_is_late_exactly_as_upstream(
    seed: int,
) -> None:
    rng = random.Random(seed)
    records = upstream_of(rng)
    with tempfile.TemporaryDirectory() as folder:
        world = World(records, rng.randint(1, 4), Path(folder), rng)
        world.run()
    events, last = expected_of(records)
    all_seen = [(seen, reader.number) for reader in world.readers for seen in reader.recorder.seen]
    assert sorted(seen.id for seen, _ in all_seen) == sorted(events)
    homes: dict[str, set[int]] = {}
    for seen, number in all_seen:
        expected = events[seen.id]
        assert seen.source == (FEED, f"{expected.partition}/{number}")
        assert is_late(seen) == (expected.time_us < expected.reached_us)
        assert not is_late(seen) or seen.reached_us == expected.reached_us
        homes.setdefault(expected.case, set()).add(number)
    assert all(len(numbers) == 1 for numbers in homes.values())
    late = sum(expected.time_us < expected.reached_us for expected in events.values())
    assert sum(reader.tallies.late for reader in world.readers) == late
    for reader in world.readers:
        found = {name.rpartition("/")[0]: part.watermark_us for (_, name), part in reader.prepare.partitions().items()}
        assert found == last
    bad = {
        (partition, offset, raw)
        for partition, raws in records.items()
        for offset, raw in enumerate(raws)
        if not raw.startswith(b"{")
    }
    assert world.buried == bad
