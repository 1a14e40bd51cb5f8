"""What became of spans, for Prometheus. Its values are there from the start at zero."""

from typing import Literal, get_args

from prometheus_client import REGISTRY, CollectorRegistry

from config.metrics import build, flow, notifier

Fate = Literal["sent", "queue_full", "refused", "defect"]
"""``sent``; dropped because too many were waiting; because the collector could not be reached or refused them; because
they could not be made."""
Part = Literal["flow", "notifier"]
_METRICS = {"flow": flow.TRACE_SPANS, "notifier": notifier.TRACE_SPANS}


class SpanCounts:
    """Counts spans of one process.

    Args:
        part: which it is.
        registry: of ``prometheus_client``.
    """

    def __init__(self, part: Part, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        self._counter = build.counter(_METRICS[part], registry)
        for fate in get_args(Fate):
            self._counter.labels(fate)

    def count(self, fate: Fate, spans: int = 1) -> None:
        """Count spans."""
        self._counter.labels(fate).inc(spans)

    def close(self) -> None:
        """Leave the registry."""
        self._registry.unregister(self._counter)
