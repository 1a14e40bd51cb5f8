"""The figures of ``makegood ingest`` for Prometheus. Names and labels are public."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.ingest.commit import BUCKETS_S, Commits, GroupCommit
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
        requests = CounterMetricFamily(
            "makegood_ingest_requests", "Requests answered, by HTTP status", labels=["feed", "status"]
        )
        refused = CounterMetricFamily(
            "makegood_ingest_refused", "Requests that were not believed (401)", labels=["feed", "reason"]
        )
        records = CounterMetricFamily("makegood_ingest_records", "Records made durable", labels=["feed"])
        repeats = CounterMetricFamily(
            "makegood_ingest_repeats", "Records left out: kept already, byte for byte the same", labels=["feed"]
        )
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
        size = GaugeMetricFamily("makegood_ingest_spool_bytes", "Size of the spool on disk", labels=["feed"])
        waiting = GaugeMetricFamily(
            "makegood_ingest_waiting_bytes", "Records that wait to be written to the spool", labels=["feed"]
        )
        unread = GaugeMetricFamily(
            "makegood_ingest_unread_bytes", "What of the spool the flow has not read yet", labels=["feed"]
        )
        oldest = GaugeMetricFamily(
            "makegood_ingest_oldest_unread_timestamp_seconds",
            "When the oldest record was received that the flow has not read yet; absent when all is read",
            labels=["feed"],
        )
        commit = HistogramMetricFamily(
            "makegood_ingest_commit_seconds", "One write and fsync of all records that waited", labels=["feed"]
        )
        for feed, view in sorted(self._spools.items()):
            size.add_metric([feed], view.total_bytes())
            waiting.add_metric([feed], view.waiting_bytes())
            unread_bytes, oldest_us = view.unread()
            unread.add_metric([feed], unread_bytes)
            if oldest_us is not None:
                oldest.add_metric([feed], oldest_us * _S)
            commits = view.commits()
            counts = list(accumulate(commits.counts))
            bounds = [*(str(bound) for bound in BUCKETS_S), "+Inf"]
            commit.add_metric([feed], list(zip(bounds, counts, strict=True)), sum_value=commits.seconds)
        yield from (size, waiting, unread, oldest, commit)
