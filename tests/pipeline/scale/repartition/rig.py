"""Intakes and readers in one process, with lists in place of topics, and everything cut and killed at random."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from detectors.contract import NEVER_US, Progress
from detectors.events import Event
from pipeline.decode import Decoder
from pipeline.dedup import Deduplicator
from pipeline.feeds.contract import RawBatch, Share, Status
from pipeline.lane import LaneItem, Pace, PartitionKey
from pipeline.letters import DeadLetter
from pipeline.prepare import Prepare, TimeRules
from pipeline.routing import Routed
from pipeline.scale.repartition import state
from pipeline.scale.repartition.intake import Intake, Sorting
from pipeline.scale.repartition.sorted import Sorted
from pipeline.scale.repartition.splitter import Splitter
from pipeline.tallies import Tallies
from pipeline.watermarks import Watermarks
from tests.support.events import HOUR_US, MINUTE_US, START_US

FEED, TOPIC = "crm", "t"
LATENESS_US = 10 * MINUTE_US
IDLE_AFTER_US = 5 * MINUTE_US
RULES = TimeRules(LATENESS_US, IDLE_AFTER_US, 1000 * HOUR_US, 5 * MINUTE_US)
Log = dict[int, list[bytes]]
Letter = tuple[str, int, bytes]
NOW_US = START_US + 1000 * HOUR_US


class Scripted:
    """Upstream partitions out of lists (the protocol is ``Upstream``)."""

    def __init__(
        self, records: Mapping[str, Sequence[bytes]], share: Share, positions: Mapping[str, int], rng: random.Random
    ) -> None:
        self.records = records
        self.id = "first"
        self.away: set[str] = set()
        self._rng = rng
        self._at = {name: positions.get(name, 0) for name in sorted(records) if share.has(int(name.rpartition("/")[2]))}

    def counts(self) -> dict[str, int]:
        return {TOPIC: len(self.records)}

    def topic_id(self, topic: str) -> str:
        assert topic == TOPIC
        return self.id

    def positions(self) -> dict[str, int]:
        return dict(self._at)

    def partitions(self) -> dict[str, Status]:
        return {name: self._status(name) for name in self._at}

    def _status(self, name: str) -> Status:
        if name in self.away:
            return Status.UNREACHABLE
        return Status.CAUGHT_UP if self._at[name] == len(self.records[name]) else Status.READING

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        del partition
        batches = []
        for name in self._rng.sample(sorted(self._at), self._rng.randint(0, len(self._at))):
            if name in self.away:
                continue
            first = self._at[name]
            after = min(len(self.records[name]), first + self._rng.randint(1, max_records))
            if after > first:
                self._at[name] = after
                offsets = list(range(first, after))
                batches.append(RawBatch(FEED, name, offsets, list(self.records[name][first:after])))
        return batches

    @property
    def done(self) -> bool:
        return all(at == len(self.records[name]) for name, at in self._at.items())


class Buffer:
    """A writer of which a crash keeps what had arrived: of each partition's messages the first ones."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._waiting: list[tuple[int, bytes]] = []

    def write(self, topic: str, number: int, message: bytes) -> None:
        assert topic == "events"
        self._waiting.append((number, message))

    def settle(self) -> None:
        for number, message in self._waiting:
            self._log[number].append(message)
        self._waiting = []

    def crash(self, rng: random.Random) -> None:
        for number in self._log:
            ours = [message for to, message in self._waiting if to == number]
            self._log[number] += ours[: rng.randint(0, len(ours))]
        self._waiting = []


class RunningIntake:
    """An intake over lists; its state is a real file."""

    def __init__(
        self, records: Mapping[str, Sequence[bytes]], share: Share, log: Log, root: Path, rng: random.Random
    ) -> None:
        self._root = root
        self._share = share
        self.tallies = Tallies()
        begun = state.load(root, share)
        if begun.tallies:
            self.tallies.restore(begun.tallies)
        places = begun.places.get(FEED, {})
        self.upstream = Scripted(records, share, {name: place.offset for name, place in places.items()}, rng)
        self.writer = Buffer(log)
        self.letters: list[DeadLetter] = []
        splitter = Splitter(
            FEED,
            partitions=len(log),
            mapped=False,
            decoder=Decoder({FEED: None}),
            future_skew_us=RULES.future_skew_us,
            largest_bytes=10_000,
            tallies=self.tallies,
        )
        self.intake = Intake(
            {FEED: Sorting(self.upstream, splitter, "events")},
            partitions=len(log),
            batch_size=rng.randint(1, 40),
            times=Watermarks(LATENESS_US, IDLE_AFTER_US),
            writer=self.writer,
            bury=self.letters.extend,
        )
        self.intake.restore(begun.places)

    def save(self, saved_us: int) -> None:
        self.writer.settle()
        folder = state.folder_of(self._root, self._share.index)
        folder.mkdir(exist_ok=True)
        state.save(folder, self.intake.places(saved_us), self.tallies.snapshot())


class Seen(NamedTuple):
    """An event as a router gets it; ``reached_us``: how far its upstream partition was when time was last carried."""

    id: str
    source: PartitionKey
    time_us: int
    reached_us: int


class Recorder:
    """A router that writes down what it gets."""

    by_partition = True

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._reached: dict[PartitionKey, int] = {}

    def add(self, events: Sequence[Event], source: PartitionKey) -> None:
        reached_us = self._reached.get(source, NEVER_US)
        self.seen += [Seen(event.id, source, event.time_us, reached_us) for event in events]

    def hand_out(self, progress: Progress, times: Watermarks, now_us: int | None, out: list[Routed]) -> None:
        del progress, out
        self._reached = {source: times.partition_us(source, now_us) for source in times.partitions}

    def snapshot(self) -> None:
        return

    def restore(self, state: object) -> None:
        """Nothing is kept."""


class Reader:
    """What a flow process does with one partition of the events: read, drop what came before, judge."""

    def __init__(self, number: int, log: Log, folder: Path, rng: random.Random) -> None:
        self.number = number
        self._log = log
        self._folder = folder
        self._rng = rng
        self._saved: tuple[int, dict[tuple[str, str], int], bytes | None, int] = (0, {}, None, 0)
        self._seen: list[Seen] = []
        self._begin()

    def _begin(self) -> None:
        self.at, places, prepared, seen = self._saved
        self.sorted = Sorted(FEED, self.number, [TOPIC])
        self.sorted.restore(places)
        self.recorder = Recorder()
        self.recorder.seen = self._seen[:seen]
        self.tallies = Tallies()
        self.prepare = Prepare(
            decoder=Decoder({FEED: None}),
            enrich=lambda events: None,
            rules=RULES,
            feed_times={},
            router=self.recorder,
            dedup=Deduplicator(RULES.dedup_horizon_us, self._folder),
            tallies=self.tallies,
            pace=Pace(),
        )
        if prepared is not None:
            self.prepare.restore(prepared)

    def crash(self) -> None:
        self._begin()

    def save(self) -> None:
        self._seen = list(self.recorder.seen)
        self._saved = (self.at, self.sorted.places(), self.prepare.snapshot(), len(self._seen))

    def read(self, now_us: int = NOW_US, most: int = 5) -> None:
        messages = self._log[self.number][self.at : self.at + self._rng.randint(0, most)]
        batches = []
        for message in messages:
            batches += self.sorted.take(message, self.at, 0.0)
            self.at += 1
        statuses = {(FEED, name): status for name, status in self.sorted.statuses(0.0).items()}
        self.prepare.take(LaneItem(batches, statuses, now_us))

    @property
    def done(self) -> bool:
        return self.at == len(self._log[self.number])


class World:
    """Intakes and readers that are killed as it comes.

    Attributes:
        buried: the dead letters, each once.
    """

    def __init__(self, records: Mapping[str, Sequence[bytes]], numbers: int, root: Path, rng: random.Random) -> None:
        self._records = records
        self._root = root
        self._rng = rng
        self._log: Log = {number: [] for number in range(numbers)}
        self._saved_us = 0
        self.buried: set[Letter] = set()
        self.ghosts: list[RunningIntake] = []
        self.intakes: list[RunningIntake] = []
        self._start()
        self.readers = [Reader(number, self._log, root / f"seen-{number}", rng) for number in range(numbers)]

    def _start(self) -> None:
        of = self._rng.randint(1, 3)
        shares = [Share(index, of) for index in range(of)]
        self.intakes = [RunningIntake(self._records, share, self._log, self._root, self._rng) for share in shares]

    def run(self) -> None:
        """Let everything happen, until all is read."""
        acts = [self._takeover, self._crash_reader, self._save_reader, self._save, self._tell, self._haunt]
        while not all(intake.upstream.done for intake in self.intakes):
            self._rng.choices([*acts, self._step, self._read], [5, 5, 10, 10, 10, 10, 30, 20])[0]()
        for intake in self.intakes:
            intake.intake.tell(NOW_US)
            intake.writer.settle()
            self._note(intake)
        for reader in self.readers:
            while not reader.done:
                reader.read()

    def _takeover(self) -> None:
        """Kill all intakes but some that others take for dead. Others take over, perhaps another number of them."""
        before, self.ghosts = [*self.intakes, *self.ghosts], []
        for intake in before:
            if self._rng.random() < 0.3:
                self.ghosts.append(intake)
            else:
                intake.writer.crash(self._rng)
        self._start()

    def _haunt(self) -> None:
        for ghost in self.ghosts:
            ghost.intake.step(NOW_US, NOW_US)
            ghost.intake.tell(NOW_US)
            ghost.writer.settle()

    def _crash_reader(self) -> None:
        self._rng.choice(self.readers).crash()

    def _save_reader(self) -> None:
        self._rng.choice(self.readers).save()

    def _read(self) -> None:
        self._rng.choice(self.readers).read()

    def _save(self) -> None:
        self._saved_us += 1
        self._rng.choice(self.intakes).save(self._saved_us)

    def _tell(self) -> None:
        self._rng.choice(self.intakes).intake.tell(NOW_US)

    def _step(self) -> None:
        intake = self._rng.choice(self.intakes)
        intake.intake.step(NOW_US, NOW_US)
        self._note(intake)
        if self._rng.random() < 0.5:
            intake.writer.settle()

    def _note(self, intake: RunningIntake) -> None:
        self.buried |= {(letter.partition, letter.offset, letter.raw) for letter in intake.letters}
