"""The flow's figures for Prometheus. Names and labels are public: a change of one is a line in the changelog."""

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from config.metrics import build, flow
from config.metrics.labels import MOST_PARTITIONS
from detectors.contract import NEVER_US
from pipeline.clock import steady_clock_us
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
        steady_us: the clock of the flow's beats, microseconds.
    """

    def __init__(self, health: FlowHealth, feeds: list[str], steady_us: Callable[[], int] = steady_clock_us) -> None:
        self._health = health
        self._feeds = sorted(feeds)
        self._steady_us = steady_us

    def describe(self) -> Iterator[Metric]:
        """Return nothing: there are no figures before the flow has started."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Return the figures of now."""
        tallies = self._health.tallies
        yield build.single(flow.HEALTHY, float(self._health.report(self._steady_us())[0]))
        if tallies is not None:
            yield from _counts(tallies)
            yield _dead_letters(tallies, self._feeds)
            yield _pruned(self._health.pruned())
            yield _schema_changes(tallies)
            watermark_us = tallies.progress.watermark_us
            if watermark_us != NEVER_US:
                yield build.single(flow.WATERMARK, watermark_us * _S)
            yield from self._machine()
            yield from self._panes()
            yield from finding_metrics(self._health.findings())
            yield from sentiment_metrics(self._health.sentiment())
            yield from judged_metrics(self._health.judged())
            if tallies.progress.clock_us != NEVER_US:
                yield build.single(flow.EVENT_CLOCK, tallies.progress.clock_us * _S)
            yield from self._kpis()
        yield from self._partitions()
        yield from self._windows()
        yield from self._feeds_health()

    def _kpis(self) -> Iterator[Metric]:
        kpis = self._health.kpis()
        if kpis is not None:
            yield from kpis.metrics()
        left_out = build.gauges(flow.SERIES_LEFT_OUT)
        left_out.add_metric(["groups"], 0 if kpis is None else kpis.latest.left_out())
        left_out.add_metric(["partitions"], max(0, len(self._health.partitions()) - MOST_PARTITIONS))
        yield left_out

    def _partitions(self) -> Iterator[Metric]:
        newest = build.gauges(flow.PARTITION_NEWEST)
        status = build.gauges(flow.PARTITION_STATUS)
        events = build.counters(flow.PARTITION_EVENTS)
        for (feed, partition), time in islice(sorted(self._health.partitions().items()), MOST_PARTITIONS):
            if time.newest_us != NEVER_US:
                newest.add_metric([feed, partition], time.newest_us * _S)
            for kind in Status:
                status.add_metric([feed, partition, kind.value], float(time.status is kind))
            events.add_metric([feed, partition], time.events)
        yield newest
        yield status
        yield events

    def _windows(self) -> Iterator[Metric]:
        until = build.gauges(flow.WINDOWS_WATERMARK)
        held = build.gauges(flow.WINDOWS_HELD_BACK)
        for detector, time in sorted(self._health.windows().items()):
            if time.watermark_us != NEVER_US:
                until.add_metric([detector], time.watermark_us * _S)
            held.add_metric([detector], math.inf if time.held_back_us is None else time.held_back_us * _S)
        yield until
        yield held

    def _panes(self) -> Iterator[Metric]:
        panes = self._health.panes()
        refused = build.counters(flow.PANES_REFUSED)
        for reason, count in sorted(panes.refused.items()):
            refused.add_metric([reason], count)
        yield refused
        yield build.single(flow.PANES_HELD, len(panes.held))

    def _machine(self) -> Iterator[Metric]:
        free = build.gauges(flow.DISK_FREE)
        needed = build.gauges(flow.DISK_NEEDED)
        for room in self._health.rooms():
            free.add_metric([str(room.folder)], room.free_bytes)
            needed.add_metric([str(room.folder)], room.needed_bytes)
        yield free
        yield needed
        yield build.single(flow.CLOCK_OFF, self._health.clock_off_us() * _S)

    def _feeds_health(self) -> Iterator[Metric]:
        lag = build.gauges(flow.KAFKA_LAG)
        skipped = build.counters(flow.KAFKA_SKIPPED)
        for family, figures in ((lag, self._health.lag()), (skipped, self._health.skipped())):
            for (feed, partition), value in islice(sorted(figures.items()), MOST_PARTITIONS):
                family.add_metric([feed, partition], value)
            yield family
        healthy = build.gauges(flow.FEED_HEALTHY)
        bad = build.gauges(flow.FEED_BAD_SHARE)
        for feed, state in sorted(self._health.feeds().items()):
            healthy.add_metric([feed], float(not state.why))
            if state.bad_share is not None:
                bad.add_metric([feed], state.bad_share)
        yield healthy
        yield bad


def _counts(tallies: Tallies) -> Iterator[Metric]:
    for metric, value in (
        (flow.RECORDS, tallies.records),
        (flow.FILTERED, tallies.filtered),
        (flow.EVENTS, tallies.events),
        (flow.DUPLICATES, tallies.duplicates),
        (flow.LATE, tallies.late),
    ):
        yield build.single(metric, value)


def _dead_letters(tallies: Tallies, feeds: list[str]) -> Metric:
    family = build.counters(flow.DEAD_LETTERS)
    for feed in sorted({*feeds, *tallies.dead_letters}):
        counted = tallies.dead_letters.get(feed, {})
        for reason in sorted({*(kind.value for kind in Reason), *counted}):
            family.add_metric([feed, reason], counted.get(reason, 0))
    return family


def _pruned(pruned: Mapping[str, Mapping[str, int]]) -> Metric:
    family = build.counters(flow.DEAD_LETTERS_PRUNED)
    for feed, counted in sorted(pruned.items()):
        for reason, count in sorted(counted.items()):
            family.add_metric([feed, reason], count)
    return family


def _schema_changes(tallies: Tallies) -> Metric:
    family = build.gauges(flow.SCHEMA_CHANGES)
    for key, goes_on in sorted(tallies.schema_changes.states().items()):
        family.add_metric(key, float(goes_on))
    return family
