"""Figures of false alarms for Prometheus."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from config.metrics import build, flow
from pipeline.control.verdicts import Judged


def judged_metrics(judged: Judged) -> Iterator[Metric]:
    """Return the figures of the detectors that this process decides for."""
    given = build.counters(flow.VERDICTS)
    for detector, counts in sorted(judged.verdicts.items()):
        for verdict, count in sorted(counts.items()):
            given.add_metric([detector, verdict], count)
    yield given
    rates = build.gauges(flow.FALSE_ALARMS)
    for source, found in (("p_values", judged.by_p_values), ("verdicts", judged.by_verdicts)):
        for detector, rate in sorted(found.items()):
            for bound, value in (("estimate", rate.estimate), ("low", rate.low), ("high", rate.high)):
                rates.add_metric([detector, source, bound], value)
    yield rates
