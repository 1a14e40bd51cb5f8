"""What intakes have written for one partition, as batches of the upstream partitions."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping

import msgspec

from pipeline.feeds.contract import RawBatch, Status, Told
from pipeline.scale.keys import partition_number
from pipeline.scale.repartition import wire
from pipeline.scale.repartition.names import shown

STALE_AFTER_S = 10.0
"""An upstream partition that no intake has told of for this long cannot be reached."""
_UNKNOWN = ("?",)
_NOT_TOLD = "no intake has told of it yet: does `makegood repartition` run, with every share?"
_NO_MORE = "its intake tells nothing any more: does `makegood repartition` run, with every share?"
_NOT_THERE = "its intake cannot reach it: ask the intake's /healthz"


class _Upstream(msgspec.Struct):
    """What one upstream partition has given to this partition.

    Attributes:
        topic_id: of its topic. ``place``: of the last event that was taken of it.
        heard_at_s: when an intake last told of it, by the monotonic clock of this process; None: not yet.
    """

    topic_id: str
    place: int = -1
    status: Status = Status.READING
    heard_at_s: float | None = None


class Sorted:
    """One partition of a feed's events.

    Args:
        feed: its name.
        number: of the partition.
        topics: upstream.
    """

    def __init__(self, feed: str, number: int, topics: Iterable[str]) -> None:
        self._feed = feed
        self._number = number
        self._counts: dict[str, tuple[str, int]] = dict.fromkeys(topics, ("", 0))
        self._upstream: dict[str, _Upstream] = {}
        self._names = self._named()

    def restore(self, places: Mapping[tuple[str, str], int]) -> None:
        """Go on behind what was taken: places by upstream partition and the id of its topic."""
        for (partition, topic_id), place in places.items():
            topic = partition.rpartition("/")[0]
            if topic in self._counts:
                self._upstream[partition] = _Upstream(topic_id, place)
                self._count(topic, topic_id, partition_number(partition) + 1)

    def places(self) -> dict[tuple[str, str], int]:
        """Return the place of the last event taken, by upstream partition and the id of its topic."""
        return {(partition, part.topic_id): part.place for partition, part in self._upstream.items()}

    def take(self, raw: bytes, offset: int, now_s: float) -> list[RawBatch]:
        """Return the batches of a message, without what has come before.

        Args:
            raw: the message.
            offset: of it; that of all that came in it.
            now_s: by the monotonic clock of this process.

        Raises:
            BadMessageError: when it cannot be used.
        """
        message = wire.decode(raw, self._feed)
        batches = [batch for run in message.runs if (batch := self._run(run, offset)) is not None]
        for mark in message.marks:
            topic = mark.partition.rpartition("/")[0]
            if topic in self._counts:
                if topic in message.counts:
                    self._count(topic, mark.topic_id, message.counts[topic])
                batches.append(self._mark(mark, offset, now_s))
        return batches

    def _count(self, topic: str, topic_id: str, count: int) -> None:
        known_id, known = self._counts[topic]
        now = topic_id, max(known, count) if known_id in {"", topic_id} else count
        if now != (known_id, known):
            self._counts[topic] = now
            self._names = self._named()

    def _of(self, partition: str, topic_id: str) -> _Upstream:
        known = self._upstream.get(partition)
        if known is None:
            known = self._upstream[partition] = _Upstream(topic_id)
        elif known.topic_id != topic_id:  # made anew: its places mean other events now
            known.topic_id, known.place = topic_id, -1
        return known

    def _run(self, run: wire.Run, offset: int) -> RawBatch | None:
        if run.partition.rpartition("/")[0] not in self._counts:
            return None  # of a topic that the settings no longer name
        known = self._of(run.partition, run.topic_id)
        first = bisect_right(run.places, known.place)
        if first == len(run.places):
            return None
        known.place = run.places[-1]
        offsets = [offset] * (len(run.places) - first)
        name = shown(run.partition, self._number)
        return RawBatch(self._feed, name, offsets, run.events[first:], mapped=True, told=Told(run.before_us))

    def _mark(self, mark: wire.Mark, offset: int, now_s: float) -> RawBatch:
        known = self._of(mark.partition, mark.topic_id)
        if mark.heard_us is not None:
            known.status, known.heard_at_s = Status(mark.status), now_s
        told = Told(mark.newest_us, mark.heard_us, mark.silent)
        return RawBatch(self._feed, shown(mark.partition, self._number), [offset], [], told=told)

    def statuses(self, now_s: float) -> dict[str, Status]:
        """Return the upstream partitions, by the names that batches have, with their status."""
        return {ours: self._status(name, now_s) for name, ours in self._names.items()}

    def why_unreachable(self, now_s: float) -> dict[str, str]:
        """Return why upstream partitions are unreachable."""
        return {
            ours: self._why(name)
            for name, ours in self._names.items()
            if self._status(name, now_s) is Status.UNREACHABLE
        }

    def _named(self) -> dict[str, str]:
        """Return the upstream partitions, each with the name that batches have."""
        # As long as nobody has told how many there are, one that is not known holds time back.
        names = [
            f"{topic}/{number}"
            for topic, (_, count) in self._counts.items()
            for number in (range(count) if count else _UNKNOWN)
        ]
        return {name: shown(name, self._number) for name in names}

    def _status(self, name: str, now_s: float) -> Status:
        known = self._upstream.get(name)
        if known is None or known.heard_at_s is None or now_s - known.heard_at_s > STALE_AFTER_S:
            return Status.UNREACHABLE
        return known.status

    def _why(self, name: str) -> str:
        known = self._upstream.get(name)
        if known is None or known.heard_at_s is None:
            return _NOT_TOLD
        return _NOT_THERE if known.status is Status.UNREACHABLE else _NO_MORE
