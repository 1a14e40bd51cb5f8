"""The log of a shard's state: pipeline/state_log.py."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.contract import Delta, Detector, Outcome, Progress
from detectors.events import Event
from pipeline import state_log
from pipeline.engine.logic import DetectLogic
from pipeline.frames import StateLogDamagedError
from pipeline.state_log import LogState, StateLog


class Shard:
    """A shard whose state is a number by key."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.changed: set[str] = set()
        self.time = 0

    def put(self, key: str, value: int) -> None:
        self.values[key] = value
        self.changed.add(key)

    def remove(self, key: str) -> None:
        self.values.pop(key, None)
        self.changed.add(key)

    def __len__(self) -> int:
        return len(self.values)

    def keys(self) -> list[str]:
        return list(self.values)

    def update(self, events: Sequence[Event], progress: Progress) -> Outcome:
        raise NotImplementedError

    def snapshot(self) -> bytes:
        return msgspec.json.encode(self.values)

    def restore(self, state: bytes) -> None:
        self.values = msgspec.json.decode(state, type=dict[str, int])
        self.changed = set()

    def delta(self, also: Iterable[str] = ()) -> Delta:
        wanted = sorted(self.changed.union(also))
        self.changed = set()
        images = [(key, str(self.values[key]).encode()) for key in wanted if key in self.values]
        return Delta(str(self.time).encode(), images, [key for key in wanted if key not in self.values])

    def rebuild(self, head: bytes, images: Iterable[bytes]) -> None:
        self.values = dict.fromkeys(map(bytes.decode, images), 0)


class Detecting:
    """A case detector of such shards."""

    name = "numbers"
    event_types: frozenset[str] = frozenset()

    def key(self, event: Event) -> str | None:
        raise NotImplementedError

    def shard(self) -> Shard:
        return Shard()


def read(folder: Path, state: LogState) -> dict[str, int]:
    _, images = StateLog(folder, "a.0").read(state)
    return {key: int(image) for key, image in images.items()}


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_a_log_holds_the_newest_of_every_key_and_nothing_that_is_gone(tmp_path: Path) -> None:
    shard, log = Shard(), StateLog(tmp_path, "a.0")
    shard.put("x", 1)
    shard.put("y", 1)
    log.write(shard)
    shard.put("x", 2)
    shard.remove("y")
    shard.time = 7
    state = log.write(shard)
    assert StateLog(tmp_path, "a.0").read(state) == (b"7", {"x": b"2"})


def test_what_came_after_the_snapshot_that_counts_is_cut_off(tmp_path: Path) -> None:
    shard, log = Shard(), StateLog(tmp_path, "a.0")
    shard.put("x", 1)
    committed = log.write(shard)
    shard.put("x", 2)
    log.write(shard)  # killed before the engine committed this one
    resumed = StateLog(tmp_path, "a.0")
    assert resumed.read(committed)[1] == {"x": b"1"}
    again = Shard()
    again.put("z", 3)
    assert read(tmp_path, resumed.write(again)) == {"x": 1, "z": 3}


def test_a_whole_state_of_before_there_were_logs_is_whole_in_the_log_too(tmp_path: Path) -> None:
    detectors: dict[str, Detector] = {"numbers": Detecting()}
    old = Shard()
    for key in "abc":
        old.put(key, ord(key))
    name, shard, inner, *_ = DetectLogic(detectors, tmp_path, ("numbers", 3, old.snapshot())).snapshot()
    marks = msgspec.msgpack.decode(inner.removeprefix(b"\x00log1"), type=LogState)
    _, images = StateLog(tmp_path, "numbers.3").read(marks)
    assert (name, shard, images) == ("numbers", 3, {key: str(ord(key)).encode() for key in "abc"})


def test_a_shard_leaves_the_logs_of_a_detector_alone_whose_name_begins_like_its_own(tmp_path: Path) -> None:
    shard = Shard()
    shard.put("x", 1)
    logs = [StateLog(tmp_path, name) for name in ("a.1", "a.1.2")]  # detector "a", shard 1; detector "a.1", shard 2
    states = []
    for log in logs:
        shard.put("x", 1)
        states.append(log.write(shard))
    for name, state in zip(("a.1", "a.1.2"), states, strict=True):
        assert StateLog(tmp_path, name).read(state)[1] == {"x": b"1"}


def test_a_log_that_is_begun_anew_leaves_what_the_snapshot_before_names_until_that_is_out_of_date(
    tmp_path: Path,
) -> None:
    shard, log = Shard(), StateLog(tmp_path, "a.0")
    shard.put("x", 1)
    committed = log.write(shard)
    anew, fresh = StateLog(tmp_path, "a.0"), Shard()  # a version that could not read the images
    fresh.put("y", 2)
    newer = anew.write(fresh)  # killed before the engine committed this one
    assert read(tmp_path, committed) == {"x": 1}
    anew, fresh = StateLog(tmp_path, "a.0"), Shard()
    for number in range(state_log.SNAPSHOTS_KEPT + 1):
        fresh.put("y", number)
        newer = anew.write(fresh)
    assert len(list(tmp_path.iterdir())) == 1, "the old log goes in the end"
    assert read(tmp_path, newer) == {"y": number}


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from("abcdefgh"),
            st.integers(0, 9),
            st.sampled_from(["put", "remove", "prepare", "write", "kill"]),
        ),
        max_size=120,
    )
)
def test_any_of_the_last_snapshots_can_be_resumed_from_while_the_log_is_written_anew(
    steps: list[tuple[str, int, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(state_log, "LEAST_BYTES", 60)
        patched.setattr(state_log, "LEAST_SHARE_BYTES", 1)
        shard, log = Shard(), StateLog(folder, "a.0")
        taken: list[tuple[LogState, dict[str, int]]] = []
        for key, value, what in steps:
            if what == "put":
                shard.put(key, value)
            elif what == "remove":
                shard.remove(key)
            elif what == "prepare":
                log.prepare(shard)
            elif what == "write":
                taken.append((log.write(shard), dict(shard.values)))
            elif taken:
                committed, values = taken[-2:][0]
                log = StateLog(folder, "a.0")
                images = log.read(committed)[1]
                assert {name: int(image) for name, image in images.items()} == values
                shard = Shard()
                shard.values = dict(values)
                taken = [(committed, values)]


def test_a_log_of_a_state_that_changes_for_ever_does_not_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_log, "LEAST_BYTES", 400)
    monkeypatch.setattr(state_log, "LEAST_SHARE_BYTES", 80)
    shard, log = Shard(), StateLog(tmp_path, "a.0")
    sizes = []
    for step in range(600):
        for key in range(20):
            shard.put(str(key), step)
        log.write(shard)
        sizes.append(bytes_in(tmp_path))
    assert max(sizes[300:]) <= max(sizes[:300])


def test_a_log_with_a_few_large_images_out_of_date_among_many_small_ones_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_log, "LEAST_BYTES", 50_000)
    shard, log = Shard(), StateLog(tmp_path, "a.0")
    for key in range(1_000):
        shard.put(str(key), key)
    sizes = []
    for step in range(100):
        shard.put("large", 10**4_000 + step)
        shard.time = step
        state = log.write(shard)
        sizes.append(bytes_in(tmp_path))
        if step % 7 == 0:  # how long it was then is known after a restart
            log = StateLog(tmp_path, "a.0")
            log.read(state)
    assert max(sizes) < 200_000  # half of what was written
    assert len(StateLog(tmp_path, "a.0").read(state)[1]) == 1_001


def test_to_write_a_log_anew_costs_a_snapshot_little_and_all_of_them_a_few_times_what_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_log, "LEAST_BYTES", 10_000)
    monkeypatch.setattr(state_log, "LEAST_SHARE_BYTES", 5_000)
    shard, log = Shard(), StateLog(tmp_path, "a.0")
    for key in range(2_000):
        shard.put(str(key), key)
    for key in range(100):
        shard.put(f"large {key}", 10**4_000)  # together 400,000 bytes, at the end, where carrying begins
    log.write(shard)
    whole = written = bytes_in(tmp_path)
    most = 0
    for step in range(400):
        for key in range(100):
            shard.put(str(key), step)
        before = {path: path.stat().st_size for path in tmp_path.iterdir()}
        state = log.write(shard)
        grown = sum(
            path.stat().st_size - before.get(path, 0)
            for path in tmp_path.iterdir()
            if path.stat().st_size > before.get(path, 0)
        )
        most, written = max(most, grown), written + grown
    changed = 400 * 100 * 10
    assert most < 0.2 * whole
    assert written < 4 * (whole + changed)
    assert len(StateLog(tmp_path, "a.0").read(state)[1]) == 2_100


def test_what_was_prepared_is_in_the_log_with_the_snapshot_and_not_before(tmp_path: Path) -> None:
    shard, log = Shard(), StateLog(tmp_path, "a.0")
    for key in range(1_000):
        shard.put(str(key), key)
    before = bytes_in(tmp_path)
    log.prepare(shard)
    shard.put("5", 7)
    shard.remove("6")
    log.prepare(shard)
    assert bytes_in(tmp_path) == before
    shard.put("8", 1)
    assert shard.changed == {"8"}, "what is left for the snapshot"
    expected = dict(shard.values)
    state = log.write(shard)
    assert read(tmp_path, state) == expected
    whole = bytes_in(tmp_path)
    log.write(shard)
    assert bytes_in(tmp_path) - whole < 100, "nothing is written twice"


def test_preparing_carries_over_some_of_what_a_snapshot_would_have_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_log, "LEAST_BYTES", 1_000)
    monkeypatch.setattr(state_log, "LEAST_SHARE_BYTES", 8_000)
    grown = []
    for prepared in (0, 6):
        folder = tmp_path / str(prepared)
        shard, log = Shard(), StateLog(folder, "a.0")
        for _ in range(4):
            for key in range(5_000):
                shard.put(str(key), key)
            log.write(shard)
        for _ in range(prepared):
            log.prepare(shard)
        left = len(log._to_carry)
        state = log.write(shard)
        grown.append(left - len(log._to_carry))
        assert read(folder, state) == dict(shard.values)
    assert 0 < grown[1] < 0.5 * grown[0]


def test_what_is_prepared_is_bounded_however_often_and_much_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_log, "LEAST_BYTES", 1_000)
    monkeypatch.setattr(state_log, "LEAST_SHARE_BYTES", 4_000)
    monkeypatch.setattr(state_log, "MOST_PREPARED_BYTES", 20_000)
    shard, log = Shard(), StateLog(tmp_path, "a.0")
    for _ in range(4):
        for key in range(20_000):
            shard.put(str(key), key)
        log.write(shard)
    share = log._share()
    assert len(log._to_carry) > 10_000
    held = []
    for step in range(60):
        shard.put("5", step)
        log.prepare(shard)
        held.append(sum(map(len, log._prepared)))
    assert held[-1] < 1.3 * share + 60 * 60, "what changes, and no more than the share of what is carried over"
    for step in range(20):
        for key in range(1_000):
            shard.put(str(key), step)
        log.prepare(shard)
    assert sum(map(len, log._prepared)) < held[-1] + 40_000
    assert len(shard.changed) == 1_000, "the rest is for the snapshot"
    assert read(tmp_path, log.write(shard)) == shard.values


def test_a_damaged_log_is_refused_and_says_which_file(tmp_path: Path) -> None:
    shard, log = Shard(), StateLog(tmp_path, "a.0")
    shard.put("x", 1)
    state = log.write(shard)
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StateLogDamagedError, match=path.name):
        read(tmp_path, state)
    path.unlink()
    with pytest.raises(StateLogDamagedError, match=path.name):
        read(tmp_path, state)
