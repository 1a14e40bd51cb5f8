"""Builds what counts, and what is exposed, out of declarations."""

from collections.abc import Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from config.metrics.model import OTHER, Kind, Metric


class WrongKindError(TypeError):
    """A metric is built as another kind than it is declared."""


class WrongLabelsError(ValueError):
    """A sample has not as many values as its metric has labels."""


class Counters(CounterMetricFamily):
    """A family of counters whose samples must fit the declaration."""

    def add_metric(self, labels: Sequence[str], value: float, *rest: object) -> None:
        """Add a sample.

        Raises:
            WrongLabelsError: as many values as labels were expected.
        """
        _fits(self, self._labelnames, labels)
        super().add_metric(labels, value, *rest)  # type: ignore[arg-type]


class Gauges(GaugeMetricFamily):
    """A family of gauges whose samples must fit the declaration."""

    def add_metric(self, labels: Sequence[str], value: float, *rest: object) -> None:
        """Add a sample.

        Raises:
            WrongLabelsError: as many values as labels were expected.
        """
        _fits(self, self._labelnames, labels)
        super().add_metric(labels, value, *rest)  # type: ignore[arg-type]


def counters(metric: Metric) -> Counters:
    """Return the family of a counter, to be filled at a scrape."""
    _is(metric, "counter")
    return Counters(metric.name, metric.help, labels=metric.label_names)


def gauges(metric: Metric) -> Gauges:
    """Return the family of a gauge, to be filled at a scrape."""
    _is(metric, "gauge")
    return Gauges(metric.name, metric.help, labels=metric.label_names)


def single(metric: Metric, value: float) -> Counters | Gauges:
    """Return the family of a counter or gauge without labels, with its value."""
    family = counters(metric) if metric.kind == "counter" else gauges(metric)
    family.add_metric([], value)
    return family


def histograms(metric: Metric) -> "Histograms":
    """Return the family of a histogram, to be filled at a scrape."""
    _is(metric, "histogram")
    return Histograms(metric)


class Histograms(HistogramMetricFamily):
    """A family of histograms, filled from plain counts."""

    def __init__(self, metric: Metric) -> None:
        super().__init__(metric.name, metric.help, labels=metric.label_names)
        self._bounds = [*(str(float(bound)) for bound in metric.buckets), "+Inf"]

    def add(self, labels: Sequence[str], counts: Sequence[float], total: float) -> None:
        """Add a sample.

        Args:
            labels: values of the labels.
            counts: what was in each bucket, not added up; the last is beyond the last bound.
            total: sum of what was observed.

        Raises:
            WrongLabelsError: as many values as labels, and counts as buckets, were expected.
        """
        _fits(self, self._labelnames, labels)
        if len(counts) != len(self._bounds):
            msg = f"{self.name}: expected {len(self._bounds)} counts, got {len(counts)}"
            raise WrongLabelsError(msg)
        self.add_metric(labels, list(zip(self._bounds, accumulate(counts), strict=True)), sum_value=total)


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """Return a counter to count with."""
    _is(metric, "counter")
    return Counter(metric.name, metric.help, metric.label_names, registry=registry)


def gauge(metric: Metric, registry: CollectorRegistry) -> Gauge:
    """Return a gauge to set."""
    _is(metric, "gauge")
    return Gauge(metric.name, metric.help, metric.label_names, registry=registry)


def histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    """Return a histogram to observe with."""
    _is(metric, "histogram")
    return Histogram(metric.name, metric.help, metric.label_names, buckets=metric.buckets, registry=registry)


class Capped:
    """Keeps the values of a label few: those that come first are kept, what comes later is ``other``.

    >>> service = Capped(2)
    >>> [service(name) for name in ("app", "shop", "mail", "app")]
    ['app', 'shop', 'other', 'app']
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """Return the value, or :data:`~config.metrics.model.OTHER`."""
        if value in self._known:
            return value
        if len(self._known) >= self._most:
            return OTHER
        self._known.add(value)
        return value


class Buckets:
    """What a histogram has seen, for families that are filled at a scrape.

    Args:
        metric: the declaration.
    """

    def __init__(self, metric: Metric) -> None:
        self._bounds = metric.buckets
        self.counts = [0] * (len(metric.buckets) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        index = next((number for number, bound in enumerate(self._bounds) if value <= bound), len(self._bounds))
        self.counts[index] += 1
        self.total += value


def _is(metric: Metric, kind: Kind) -> None:
    if metric.kind != kind:
        msg = f"{metric.name} is declared as a {metric.kind}, not as a {kind}"
        raise WrongKindError(msg)


def _fits(
    family: CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily, names: object, given: Sequence[str]
) -> None:
    expected = tuple(names) if isinstance(names, (tuple, list)) else ()
    if len(given) != len(expected):
        msg = f"{family.name}: expected values of {expected}, got {tuple(given)}"
        raise WrongLabelsError(msg)
