"""Figures of false alarms for Prometheus."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pipeline.control.verdicts import Judged


def judged_metrics(judged: Judged) -> Iterator[Metric]:
    """Return the figures of the detectors that this process decides for."""
    given = CounterMetricFamily(
        "makegood_detector_verdicts",
        "Verdicts that people gave on alerts of a detector: useful, or noise",
        labels=["detector", "verdict"],
    )
    for detector, counts in sorted(judged.verdicts.items()):
        for verdict, count in sorted(counts.items()):
            given.add_metric([detector, verdict], count)
    yield given
    rates = GaugeMetricFamily(
        "makegood_detector_false_alarms_per_week",
        "False alarms of a detector a week, with the bounds of a 95 % interval: those that people called noise in the "
        "last four weeks (verdicts), and those that open by chance as p-values are (p_values)",
        labels=["detector", "source", "bound"],
    )
    for source, found in (("p_values", judged.by_p_values), ("verdicts", judged.by_verdicts)):
        for detector, rate in sorted(found.items()):
            for bound, value in (("estimate", rate.estimate), ("low", rate.low), ("high", rate.high)):
                rates.add_metric([detector, source, bound], value)
    yield rates
