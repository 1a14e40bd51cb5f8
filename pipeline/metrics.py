"""The flow's figures for Prometheus. Names and labels are public: a change of one is a line in the changelog."""

import math
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from detectors.contract import NEVER_US
from pipeline.control.metrics import judged_metrics
from pipeline.feeds.contract import Status
from pipeline.findings.counts import finding_metrics
from pipeline.health import FlowHealth
from pipeline.reasons import Reason
from pipeline.sentiment_metrics import sentiment_metrics
from pipeline.tallies import Tallies

_S = 1e-6


class FlowCollector(Collector):
    """Reads the flow's counts at each scrape. Dead letters are there at zero for every reason of every feed.

    Args:
        health: of the flow in this process.
        feeds: names of the feeds of the settings.
    """

    def __init__(self, health: FlowHealth, feeds: list[str]) -> None:
        self._health = health
        self._feeds = sorted(feeds)

    def describe(self) -> Iterator[Metric]:
        """Return nothing: there are no figures before the flow has started."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Return the figures of now."""
        tallies = self._health.tallies
        if tallies is not None:
            yield from _counts(tallies)
            yield _dead_letters(tallies, self._feeds)
            yield _pruned(self._health.pruned())
            yield _schema_changes(tallies)
            watermark_us = tallies.progress.watermark_us
            if watermark_us != NEVER_US:
                text = "Event time up to which everything that is not late has been seen"
                yield GaugeMetricFamily("makegood_watermark_timestamp_seconds", text, value=watermark_us * _S)
            yield from self._machine()
            yield from self._panes()
            yield from finding_metrics(self._health.findings())
            yield from sentiment_metrics(self._health.sentiment())
            yield from judged_metrics(self._health.judged())
        yield from self._partitions()
        yield from self._windows()
        yield from self._feeds_health()

    def _partitions(self) -> Iterator[Metric]:
        newest = GaugeMetricFamily(
            "makegood_partition_newest_event_timestamp_seconds",
            "Event time of the newest event of a partition",
            labels=["feed", "partition"],
        )
        status = GaugeMetricFamily(
            "makegood_partition_status",
            "1 for what a partition is: reading, caught_up, ended, unreachable",
            labels=["feed", "partition", "status"],
        )
        events = CounterMetricFamily(
            "makegood_partition_events",
            "Events that a partition gave since this process started, repeats apart",
            labels=["feed", "partition"],
        )
        for (feed, partition), time in sorted(self._health.partitions().items()):
            if time.newest_us != NEVER_US:
                newest.add_metric([feed, partition], time.newest_us * _S)
            for kind in Status:
                status.add_metric([feed, partition, kind.value], float(time.status is kind))
            events.add_metric([feed, partition], time.events)
        yield newest
        yield status
        yield events

    def _windows(self) -> Iterator[Metric]:
        until = GaugeMetricFamily(
            "makegood_windows_watermark_timestamp_seconds",
            "Event time up to which a detector's windows are judged, where several processes share the work",
            labels=["detector"],
        )
        held = GaugeMetricFamily(
            "makegood_windows_held_back_seconds",
            "How far the partition that holds a detector's windows open is behind the foremost; +Inf: it is silent",
            labels=["detector"],
        )
        for detector, time in sorted(self._health.windows().items()):
            if time.watermark_us != NEVER_US:
                until.add_metric([detector], time.watermark_us * _S)
            held.add_metric([detector], math.inf if time.held_back_us is None else time.held_back_us * _S)
        yield until
        yield held

    def _panes(self) -> Iterator[Metric]:
        panes = self._health.panes()
        refused = CounterMetricFamily(
            "makegood_panes_refused",
            "Messages between processes that could not be used, since this process started",
            labels=["reason"],
        )
        for reason, count in sorted(panes.refused.items()):
            refused.add_metric([reason], count)
        yield refused
        text = "Partitions of the topic of panes that wait for this process to be upgraded"
        yield GaugeMetricFamily("makegood_panes_held_partitions", text, value=len(panes.held))

    def _machine(self) -> Iterator[Metric]:
        free = GaugeMetricFamily(
            "makegood_disk_free_bytes", "Room on the disk of a folder that the flow writes to", labels=["folder"]
        )
        needed = GaugeMetricFamily(
            "makegood_disk_needed_bytes",
            "Room below which the flow reads nothing, so that it can still save its state",
            labels=["folder"],
        )
        for room in self._health.rooms():
            free.add_metric([str(room.folder)], room.free_bytes)
            needed.add_metric([str(room.folder)], room.needed_bytes)
        yield free
        yield needed
        text = "Seconds that the system's clock is ahead of the flow's since it jumped; 0 while they agree"
        yield GaugeMetricFamily("makegood_clock_off_seconds", text, value=self._health.clock_off_us() * _S)

    def _feeds_health(self) -> Iterator[Metric]:
        lag = GaugeMetricFamily(
            "makegood_kafka_consumer_lag_records",
            "Records between the last one read of a partition and its end, when the cluster last answered",
            labels=["feed", "partition"],
        )
        skipped = CounterMetricFamily(
            "makegood_kafka_skipped_records",
            "Records that retention deleted before they were read, since this process started",
            labels=["feed", "partition"],
        )
        for family, figures in ((lag, self._health.lag()), (skipped, self._health.skipped())):
            for (feed, partition), value in sorted(figures.items()):
                family.add_metric([feed, partition], value)
            yield family
        healthy = GaugeMetricFamily(
            "makegood_feed_healthy",
            "1 while a feed can be reached and few enough of its records are bad; /healthz has the reason",
            labels=["feed"],
        )
        bad = GaugeMetricFamily(
            "makegood_feed_bad_share", "Share of a feed's last records that became dead letters", labels=["feed"]
        )
        for feed, state in sorted(self._health.feeds().items()):
            healthy.add_metric([feed], float(not state.why))
            if state.bad_share is not None:
                bad.add_metric([feed], state.bad_share)
        yield healthy
        yield bad


def _counts(tallies: Tallies) -> Iterator[Metric]:
    for name, text, value in (
        ("makegood_records", "Records read from feeds", tallies.records),
        ("makegood_filtered_records", "Records that a mapping's filters left out", tallies.filtered),
        ("makegood_events", "Events given to the detectors", tallies.events),
        ("makegood_duplicate_events", "Repeats of events, dropped", tallies.duplicates),
        ("makegood_late_events", "Events older than the lateness allows, given to the detectors as late", tallies.late),
    ):
        yield CounterMetricFamily(name, text, value=value)


def _dead_letters(tallies: Tallies, feeds: list[str]) -> Metric:
    family = CounterMetricFamily(
        "makegood_dead_letters", "Records that could not become events", labels=["feed", "reason"]
    )
    for feed in sorted({*feeds, *tallies.dead_letters}):
        counted = tallies.dead_letters.get(feed, {})
        for reason in sorted({*(kind.value for kind in Reason), *counted}):
            family.add_metric([feed, reason], counted.get(reason, 0))
    return family


def _pruned(pruned: Mapping[str, Mapping[str, int]]) -> Metric:
    text = "Dead letters that were deleted for their age or for want of room"
    family = CounterMetricFamily("makegood_dead_letters_pruned", text, labels=["feed", "reason"])
    for feed, counted in sorted(pruned.items()):
        for reason, count in sorted(counted.items()):
            family.add_metric([feed, reason], count)
    return family


def _schema_changes(tallies: Tallies) -> Metric:
    text = "1 while records of a feed have a field of another shape than expected, 0 when that is over"
    family = GaugeMetricFamily("makegood_schema_changes", text, labels=["feed", "field", "reason"])
    for key, goes_on in sorted(tallies.schema_changes.states().items()):
        family.add_metric(key, float(goes_on))
    return family
