"""The figures of ``makegood ingest`` for Prometheus. Names and labels are public."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from config.metrics import build, ingest
from pipeline.ingest.commit import Commits, GroupCommit
from pipeline.ingest.endpoint import Endpoint
from pipeline.ingest.reader import SpoolReader

_S = 1e-6


class SpoolFigures(Protocol):
    """What the metrics want to know of a spool."""

    def total_bytes(self) -> int: ...  # noqa: D102
    def waiting_bytes(self) -> int: ...  # noqa: D102
    def unread(self) -> tuple[int, int | None]: ...  # noqa: D102
    def commits(self) -> Commits: ...  # noqa: D102


class SpoolView:
    """A spool as the metrics see it.

    Args:
        commit: what writes to it.
        reader: to look at what is unread; it is moved to where the flow stands.
    """

    def __init__(self, commit: GroupCommit, reader: SpoolReader) -> None:
        self.commit = commit
        self._reader = reader

    def total_bytes(self) -> int:
        """Return its size on disk."""
        return self.commit.file.total_bytes

    def waiting_bytes(self) -> int:
        """Return how much waits to be written."""
        return self.commit.waiting_bytes

    def commits(self) -> Commits:
        """Return how long commits took."""
        return self.commit.commits

    def unread(self) -> tuple[int, int | None]:
        """Return how many bytes the flow has not read yet, and when the oldest of it was received (None: nothing)."""
        read = self.commit.file.read_mark().read
        self._reader.position = max(self._reader.position, read)
        return max(0, self.commit.file.end - read), self._reader.oldest_unread_us()

    def close(self) -> None:
        """Close everything: what waits is written first."""
        self.commit.close()
        self._reader.close()


class IngestCollector(Collector):
    """Reads the counts at each scrape.

    Args:
        endpoints: of all feeds.
        spools: by feed; those that write to Kafka have none.
    """

    def __init__(self, endpoints: Sequence[Endpoint], spools: Mapping[str, SpoolFigures]) -> None:
        self._endpoints = endpoints
        self._spools = spools

    def describe(self) -> Iterator[Metric]:
        """Return nothing: the figures are read when they are asked for."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Return the figures of now."""
        requests = build.counters(ingest.REQUESTS)
        refused = build.counters(ingest.REFUSED)
        records = build.counters(ingest.RECORDS)
        repeats = build.counters(ingest.REPEATS)
        for endpoint in self._endpoints:
            for status, count in sorted(endpoint.answered.items()):
                requests.add_metric([endpoint.name, str(status)], count)
            for reason, count in sorted(endpoint.refused.items()):
                refused.add_metric([endpoint.name, reason.value], count)
            records.add_metric([endpoint.name], endpoint.once.records)
            repeats.add_metric([endpoint.name], endpoint.once.repeats)
        yield from (requests, refused, records, repeats)
        yield from self._of_spools()

    def _of_spools(self) -> Iterator[Metric]:
        size = build.gauges(ingest.SPOOL)
        waiting = build.gauges(ingest.WAITING)
        unread = build.gauges(ingest.UNREAD)
        oldest = build.gauges(ingest.OLDEST_UNREAD)
        commit = build.histograms(ingest.COMMIT)
        for feed, view in sorted(self._spools.items()):
            size.add_metric([feed], view.total_bytes())
            waiting.add_metric([feed], view.waiting_bytes())
            unread_bytes, oldest_us = view.unread()
            unread.add_metric([feed], unread_bytes)
            if oldest_us is not None:
                oldest.add_metric([feed], oldest_us * _S)
            commits = view.commits()
            commit.add([feed], commits.counts, commits.seconds)
        yield from (size, waiting, unread, oldest, commit)
