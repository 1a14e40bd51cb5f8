"""The door to traces. Only what goes through it with settings loads the libraries of OpenTelemetry."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY, CollectorRegistry

from alerts.traces.counts import Part, SpanCounts
from alerts.traces.model import Ids
from alerts.traces.tracing import Tracing
from config.settings import Settings
from config.traces import DEFAULT_NAME


@contextmanager
def open_traces(settings: Settings, part: Part, *, registry: CollectorRegistry = REGISTRY) -> Iterator[Tracing | None]:
    """Give what spans are handed to for the time of a ``with`` block; None where the settings want no traces.

    Args:
        settings: the whole file.
        part: which process this is.
        registry: for the metrics.
    """
    wanted = settings.traces
    if wanted is None:
        yield None
        return
    from alerts.traces.otlp import OtlpOut  # noqa: PLC0415 - an extra, and slow to load

    counts = SpanCounts(part, registry)
    out = OtlpOut(wanted, part, counts)
    try:
        yield Tracing(ids_of(settings), out)
    finally:
        out.close()
        counts.close()


def ids_of(settings: Settings) -> Ids:
    """Return the ids of an installation: by what all its processes find in their one settings file."""
    name = DEFAULT_NAME if settings.traces is None else settings.traces.service_name or DEFAULT_NAME
    return Ids(f"{name}|{settings.store.prefix}")
