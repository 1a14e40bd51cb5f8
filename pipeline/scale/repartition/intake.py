"""The intake: reads upstream partitions, writes their events where they belong, and tells how far they have come."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from pipeline.feeds.contract import Status
from pipeline.lane import PartitionKey
from pipeline.letters import DeadLetter
from pipeline.scale.keys import partition_number
from pipeline.scale.repartition.splitter import Splitter
from pipeline.scale.repartition.state import Place, Places
from pipeline.scale.repartition.upstream import Upstream
from pipeline.scale.repartition.wire import Mark, StatusName, encode
from pipeline.watermarks import SETTLE_US, PartitionTime, Watermarks

_NAMES: dict[Status, StatusName] = {
    Status.READING: "reading",
    Status.CAUGHT_UP: "caught_up",
    Status.UNREACHABLE: "unreachable",
}


class Writer(Protocol):
    """Where messages go."""

    def write(self, topic: str, number: int, message: bytes) -> None:
        """Send a message to a partition of a topic."""
        ...


class Sorting:
    """One feed on its way into the topic of its events."""

    def __init__(self, upstream: Upstream, splitter: Splitter, topic: str) -> None:
        self.upstream = upstream
        self.splitter = splitter
        self.topic = topic
        self.told: Mapping[str, int] = {}


class Intake:
    """Passes on the events of several feeds.

    Args:
        feeds: by name.
        partitions: of the topics of events.
        batch_size: records asked for at a time.
        times: how far each upstream partition has come.
        writer: where messages go.
        bury: keeps dead letters, durably.
    """

    def __init__(
        self,
        feeds: Mapping[str, Sorting],
        *,
        partitions: int,
        batch_size: int,
        times: Watermarks,
        writer: Writer,
        bury: Callable[[Sequence[DeadLetter]], None],
    ) -> None:
        self._feeds = feeds
        self._partitions = partitions
        self._batch_size = batch_size
        self._times = times
        self._writer = writer
        self._bury = bury
        self._settled_us = 0

    def partitions(self) -> Mapping[PartitionKey, PartitionTime]:
        """Return how far each upstream partition has come."""
        return self._times.partitions

    def restore(self, places: Places) -> None:
        """Take over how far upstream partitions had come. Their feeds are opened at the offsets."""
        for feed, by_partition in places.items():
            if feed in self._feeds:
                for partition, place in by_partition.items():
                    self._times.partition(feed, partition).newest_us = place.newest_us

    def listen_anew(self, now_us: int) -> None:
        """Count silence from ``now_us``: before it nobody has listened, and what feeds say may be as old."""
        self._times.listen_anew(now_us)
        self._settled_us = now_us + SETTLE_US

    def step(self, now_us: int, latest_us: int) -> bool:
        """Pass on what is there now; return whether there was anything.

        Args:
            now_us: the clock, microseconds UTC.
            latest_us: the latest time that may be right.
        """
        busy = False
        for name, feed in self._feeds.items():
            batches = feed.upstream.poll(self._batch_size)
            if feed.upstream.counts() != feed.told:
                # Before any event: whoever gets events must know of all partitions that may hold time back.
                self._tell(name, feed, now_us, looked=False)
            for batch in batches:
                topic = batch.partition.rpartition("/")[0]
                part = self._times.partition(name, batch.partition)
                feed.splitter.take(batch, feed.upstream.topic_id(topic), part, now_us, latest_us)
            self._bury(feed.splitter.letters())
            for number, message in feed.splitter.messages():
                self._writer.write(feed.topic, number, message)
            busy = busy or bool(batches)
        return busy

    def tell(self, now_us: int) -> None:
        """Tell everybody how far the upstream partitions have come by ``now_us``, behind everything passed on."""
        for name, feed in self._feeds.items():
            self._tell(name, feed, now_us, looked=True)
        self._times.advance(now_us)

    def _tell(self, name: str, feed: Sorting, now_us: int, *, looked: bool) -> None:
        counts = feed.told = dict(feed.upstream.counts())
        marks = []
        for partition, status in feed.upstream.partitions().items():
            topic = partition.rpartition("/")[0]
            if partition_number(partition) < counts.get(topic, 0):
                part = self._times.partition(name, partition)
                if not looked or (status is Status.CAUGHT_UP and now_us < self._settled_us):
                    status = Status.READING  # noqa: PLW2901
                part.status = status
                marks.append(_mark(partition, feed.upstream.topic_id(topic), part, now_us))
        if marks:
            message = encode(name, [], marks, counts)
            for number in range(self._partitions):
                self._writer.write(feed.topic, number, message)

    def places(self, saved_us: int) -> Places:
        """Return where each feed is. All that was written must have settled; ``saved_us``: the wall clock."""
        return {
            name: {
                partition: Place(
                    offset,
                    self._times.partition(name, partition).newest_us,
                    feed.upstream.topic_id(partition.rpartition("/")[0]),
                    saved_us,
                )
                for partition, offset in feed.upstream.positions().items()
            }
            for name, feed in self._feeds.items()
        }


def _mark(partition: str, topic_id: str, part: PartitionTime, now_us: int) -> Mark:
    if part.busy_at_us < 0:
        part.busy_at_us = now_us  # quiet is counted from when we began to listen
    silent = part.status is Status.CAUGHT_UP and now_us - part.busy_at_us >= part.idle_after_us
    return Mark(partition, topic_id, part.newest_us, now_us, _NAMES[part.status], silent)
