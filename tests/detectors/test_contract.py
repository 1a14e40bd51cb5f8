"""The contract of detectors/contract.py, over everything that is registered."""

import ast
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest

import detectors
from detectors import catalogue
from detectors.contract import (
    DETECTORS,
    NEVER_US,
    AlertChange,
    CaseShard,
    Deriving,
    Detector,
    Finding,
    Outcome,
    Progress,
    SnapshotVersionError,
    WindowDetector,
    WindowState,
)
from detectors.events import ALL_CLASSES, Event
from detectors.fingerprint import alert_change_id, fingerprint
from tests.detectors.samples import SAMPLES, Sample
from tests.support.combine import combined

del catalogue  # imported so that every detector is registered
NAMES = DETECTORS.names()
_SAMPLES: dict[str, Sample] = {}


def sample_of(name: str) -> Sample:
    if name not in _SAMPLES:
        _SAMPLES[name] = SAMPLES[name]()
    return _SAMPLES[name]


class Feeder:
    """Gives batches to a detector and keeps its answers. The watermark trails the newest event by the lateness."""

    def __init__(self, detector: Detector, lateness_us: int, shards: int = 1) -> None:
        self.detector = detector
        self.lateness_us = lateness_us
        self.newest_us = NEVER_US
        self.states: list[CaseShard | WindowState] = (
            [detector.state()] if isinstance(detector, WindowDetector) else [detector.shard() for _ in range(shards)]
        )
        self.outcomes: list[list[Outcome]] = [[] for _ in self.states]

    def feed(self, events: Sequence[Event], watermark_us: int | None = None) -> None:
        for event in events:
            self.newest_us = max(self.newest_us, event.time_us)
        if watermark_us is None:
            watermark_us = self.newest_us - self.lateness_us
        progress = Progress(watermark_us, watermark_us)
        classes = tuple(ALL_CLASSES[name] for name in sorted(self.detector.event_types))
        wanted = [event for event in events if isinstance(event, classes)]
        if isinstance(self.detector, WindowDetector):
            batch = combined(self.detector, wanted)
            self.outcomes[0].append(self.states[0].update(batch, progress))  # type: ignore[arg-type]
            return
        parts: list[list[Event]] = [[] for _ in self.states]
        for event in wanted:
            key = self.detector.key(event)
            if key is not None:
                parts[crc32(key.encode()) % len(parts)].append(event)
        for index, (state, part) in enumerate(zip(self.states, parts, strict=True)):
            self.outcomes[index].append(state.update(part, progress))  # type: ignore[arg-type]

    def finish(self) -> "Feeder":
        self.feed([], self.newest_us + 1)
        return self

    def crash_and_resume(self) -> None:
        saved = [state.snapshot() for state in self.states]
        fresh = Feeder(self.detector, self.lateness_us, len(self.states))
        for state, snapshot in zip(fresh.states, saved, strict=True):
            state.restore(snapshot)
        self.states = fresh.states

    @property
    def changes(self) -> list[AlertChange]:
        found = [change for shard in self.outcomes for outcome in shard for change in outcome.changes]
        return sorted(found, key=lambda change: (change.at_us, change.fingerprint, change.starts_at_us, change.step))

    @property
    def findings(self) -> list[Finding]:
        found = [finding for shard in self.outcomes for outcome in shard for finding in outcome.findings]
        return sorted(found, key=lambda finding: (finding.end_us, sorted(finding.group.items())))

    @property
    def answer(self) -> bytes:
        return msgspec.json.encode([self.changes, self.findings], order="sorted")


def run(sample: Sample, events: Sequence[Event], *, batch: int, shards: int = 1) -> Feeder:
    feeder = Feeder(sample.detector(), sample.lateness_us, shards)
    for start in range(0, len(events), batch):
        feeder.feed(events[start : start + batch])
    return feeder.finish()


def shuffled(sample: Sample, seed: int) -> list[Event]:
    """Return the events in another order in which none is late: each is delayed by less than the lateness."""
    rng = random.Random(seed)
    arrivals = [(event.time_us + rng.randrange(sample.lateness_us), event) for event in sample.events]
    return [event for _, event in sorted(arrivals, key=lambda arrival: arrival[0])]


@pytest.fixture(scope="module")
def reference() -> Callable[[str], Feeder]:
    known: dict[str, Feeder] = {}

    def of(name: str) -> Feeder:
        if name not in known:
            known[name] = run(sample_of(name), sample_of(name).events, batch=100)
        return known[name]

    return of


Reference = Callable[[str], Feeder]
every_detector = pytest.mark.parametrize("name", NAMES)


def test_there_are_detectors() -> None:
    assert NAMES


def test_every_detector_has_a_sample_and_every_sample_a_detector() -> None:
    assert set(NAMES) - set(SAMPLES) == set(), "add a function to tests/detectors/samples.py"


@every_detector
def test_the_sample_fires_and_resolves(name: str, reference: Reference) -> None:
    assert {change.status for change in reference(name).changes} == {"firing", "resolved"}


@every_detector
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_arrival_order_within_the_lateness_changes_nothing(name: str, seed: int, reference: Reference) -> None:
    sample = sample_of(name)
    assert run(sample, shuffled(sample, seed), batch=100).answer == reference(name).answer


@every_detector
@pytest.mark.parametrize("batch", [1, 7, 1000, 10**9])
def test_the_cut_into_batches_changes_nothing(name: str, batch: int, reference: Reference) -> None:
    sample = sample_of(name)
    assert run(sample, sample.events, batch=batch).answer == reference(name).answer


@every_detector
def test_the_number_of_shards_changes_nothing(name: str, reference: Reference) -> None:
    sample = sample_of(name)
    assert run(sample, sample.events, batch=50, shards=3).answer == reference(name).answer


@every_detector
def test_a_stop_and_a_resume_between_any_two_batches_changes_nothing(name: str, reference: Reference) -> None:
    sample = sample_of(name)
    feeder = Feeder(sample.detector(), sample.lateness_us)
    for start in range(0, len(sample.events), 40):
        feeder.feed(sample.events[start : start + 40])
        feeder.crash_and_resume()
    assert feeder.finish().answer == reference(name).answer


@pytest.mark.parametrize("every", [1, 3])
@every_detector
def test_deltas_add_up_to_the_state_of_a_case_detector(name: str, every: int, reference: Reference) -> None:
    sample = sample_of(name)
    detector = sample.detector()
    if isinstance(detector, WindowDetector):
        return
    feeder = Feeder(detector, sample.lateness_us)
    shard = detector.shard()
    feeder.states = [shard]
    logs: dict[str, bytes] = {}
    for turn, start in enumerate(range(0, len(sample.events), 40)):
        feeder.feed(sample.events[start : start + 40])
        if turn % every == 0:
            delta = shard.delta(also=shard.keys()[:2])
            logs.update(delta.images)
            for key in delta.gone:
                logs.pop(key, None)
            assert len(shard) == len(logs)
            assert set(shard.keys()) == logs.keys()
            shard = detector.shard()
            shard.rebuild(delta.head, logs.values())
            feeder.states = [shard]
    assert feeder.finish().answer == reference(name).answer


class Listened:
    """A case detector whose shards derive."""

    def __init__(self, detector: Any) -> None:
        self.name, self.event_types, self.key = detector.name, detector.event_types, detector.key
        self.shard = detector.deriving_shard


def derived(feeder: Feeder) -> list[Event]:
    found = [event for shard in feeder.outcomes for outcome in shard for event in outcome.derived]
    return sorted(found, key=lambda event: (event.time_us, event.id))


@every_detector
def test_what_a_detector_derives_does_not_depend_on_cuts_order_shards_or_stops(name: str, reference: Reference) -> None:
    sample = sample_of(name)
    detector = sample.detector()
    if not isinstance(detector, Deriving):
        return

    def listened(events: Sequence[Event], *, batch: int, shards: int = 1, stops: bool = False) -> Feeder:
        feeder = Feeder(Listened(sample.detector()), sample.lateness_us, shards)
        for start in range(0, len(events), batch):
            known_us = feeder.newest_us - sample.lateness_us
            feeder.feed(events[start : start + batch])
            told = [event.time_us for outcomes in feeder.outcomes for event in outcomes[-1].derived]
            assert all(known_us <= time_us < feeder.newest_us - sample.lateness_us for time_us in told)
            if stops:
                feeder.crash_and_resume()
        return feeder.finish()

    expected = listened(sample.events, batch=100)
    assert expected.answer == reference(name).answer
    events = derived(expected)
    assert {event.type for event in events} == detector.derived_types
    assert len({event.id for event in events}) == len(events)
    assert derived(listened(sample.events, batch=7, shards=3)) == events
    assert derived(listened(sample.events, batch=40, stops=True)) == events
    assert derived(listened(shuffled(sample, 1), batch=1000)) == events


@every_detector
def test_a_snapshot_is_not_changed_by_what_comes_after(name: str) -> None:
    sample = sample_of(name)
    half = len(sample.events) // 2
    feeder = Feeder(sample.detector(), sample.lateness_us)
    feeder.feed(sample.events[:half])
    taken = feeder.states[0].snapshot()
    assert isinstance(taken, bytes)
    assert feeder.states[0].snapshot() == taken
    feeder.feed(sample.events[half:])
    assert feeder.states[0].snapshot() != taken
    feeder.states[0].restore(taken)
    assert feeder.states[0].snapshot() == taken


@every_detector
@pytest.mark.parametrize("state", [b"", b"\xc1", b"{}", b"\x91\xcd\x27\x0f", b"not a snapshot"])
def test_a_snapshot_that_cannot_be_read_is_refused(name: str, state: bytes) -> None:
    feeder = Feeder(sample_of(name).detector(), 0)
    with pytest.raises(SnapshotVersionError):
        feeder.states[0].restore(state)


@every_detector
def test_two_states_of_one_detector_share_nothing(name: str, reference: Reference) -> None:
    sample = sample_of(name)
    detector = sample.detector()
    first, second = Feeder(detector, sample.lateness_us), Feeder(detector, sample.lateness_us)
    for start in range(0, len(sample.events), 100):
        first.feed(sample.events[start : start + 100])
        second.feed(sample.events[start : start + 100])
    assert first.finish().answer == second.finish().answer == reference(name).answer


@every_detector
def test_answers_come_in_event_time_and_none_before_the_watermark_allows_it(name: str) -> None:
    sample = sample_of(name)
    feeder = Feeder(sample.detector(), sample.lateness_us)
    last_us = NEVER_US
    for start in range(0, len(sample.events), 25):
        feeder.feed(sample.events[start : start + 25])
        for change in feeder.outcomes[0][-1].changes:
            assert last_us <= change.at_us <= feeder.newest_us - sample.lateness_us
            last_us = change.at_us


@every_detector
def test_no_event_means_no_answer(name: str) -> None:
    sample = sample_of(name)
    feeder = Feeder(sample.detector(), sample.lateness_us)
    for watermark_us in (NEVER_US, sample.events[0].time_us, sample.events[-1].time_us):
        feeder.feed([], watermark_us)
    assert feeder.changes == []
    assert feeder.findings == []


@every_detector
def test_changes_are_whole(name: str, reference: Reference) -> None:
    changes = reference(name).changes
    assert len({change.change_id for change in changes}) == len(changes)
    for change in changes:
        assert {"alertname", "detector", "severity"} <= set(change.labels)
        assert change.labels["severity"] in {"critical", "warning", "info"}
        for label, value in change.labels.items():
            assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", label)
            assert value
        assert change.annotations["summary"]
        assert "\n" not in change.annotations["summary"]
        assert change.annotations["description"]
        assert change.fingerprint == fingerprint(change.labels)
        assert change.change_id == alert_change_id(change.fingerprint, change.starts_at_us, change.step)
        assert (change.ends_at_us is None) == (change.status == "firing")


@every_detector
def test_an_episode_begins_before_it_ends_and_only_once(name: str, reference: Reference) -> None:
    open_episodes: set[tuple[str, int]] = set()
    begun: set[tuple[str, int]] = set()
    for change in reference(name).changes:
        episode = (change.fingerprint, change.starts_at_us)
        if change.status == "resolved":
            assert episode in open_episodes
            open_episodes.discard(episode)
        elif episode not in begun:
            assert not any(print_ == change.fingerprint for print_, _ in open_episodes)
            begun.add(episode)
            open_episodes.add(episode)


@every_detector
def test_findings_are_in_range(name: str, reference: Reference) -> None:
    for finding in reference(name).findings:
        assert finding.start_us < finding.end_us
        assert finding.count >= 0
        assert finding.p_value is None or 0.0 < finding.p_value <= 1.0
        assert finding.verdict


@every_detector
def test_event_types_exist(name: str) -> None:
    detector = sample_of(name).detector()
    assert detector.event_types
    assert detector.event_types <= set(ALL_CLASSES)
    assert detector.name == f"my_{name}"


IMPURE = {"time", "random", "secrets", "uuid", "os"}
FILES = sorted(Path(detectors.__path__[0]).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_detector_reads_a_clock_chance_or_the_salted_hash(path: Path) -> None:
    """But for a table that is found anew in each process, and where equal hashes are not taken for equal keys."""
    impure_calls = {"hash", "open", "input", "print"} - ({"hash"} if path.name == "positions.py" else set())
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"now", "utcnow", "today", "monotonic", "perf_counter"}, f"{path}:{node.lineno}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in impure_calls, f"{path}:{node.lineno}"
        elif isinstance(node, ast.Import):
            assert not {alias.name for alias in node.names} & IMPURE, f"{path}:{node.lineno}"
        elif isinstance(node, ast.ImportFrom):
            assert node.module not in IMPURE, f"{path}:{node.lineno}"
