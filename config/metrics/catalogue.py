"""All metrics that are declared."""

from collections.abc import Iterable

from config.metrics import console, flow, ingest, notifier
from config.metrics.model import Metric

FOREIGN = ("python_", "process_")
"""Beginnings of the names of what the client library of Prometheus says of a process; declared by it."""


class TwiceDeclaredError(Exception):
    """Two metrics would be exposed under one name."""


def by_name(metrics: Iterable[Metric]) -> dict[str, Metric]:
    """Return metrics by the names under which their samples are exposed.

    Raises:
        TwiceDeclaredError: when two have one name.
    """
    found: dict[str, Metric] = {}
    for metric in metrics:
        for name in metric.exposed:
            if name in found:
                msg = f"{name} is declared twice"
                raise TwiceDeclaredError(msg)
            found[name] = metric
    return found


ALL: tuple[Metric, ...] = (*flow.ALL, *ingest.ALL, *notifier.ALL, *console.ALL)
BY_EXPOSED_NAME = by_name(ALL)
