"""Spans without a library: what takes them in tests of what is told."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from alerts.traces.counts import Part
from alerts.traces.model import Ids, Span
from alerts.traces.opening import open_traces
from alerts.traces.tracing import Tracing
from config.settings import Settings


class Kept:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.defects = 0

    def wants(self, trace: int) -> bool:
        return trace > 0

    def send(self, span: Span) -> None:
        self.spans.append(span)

    def spoiled(self) -> None:
        self.defects += 1

    def names(self) -> list[str]:
        return [span.name for span in self.spans]


def kept() -> tuple[Tracing, Kept]:
    """Return what spans are handed to, and where they are then."""
    out = Kept()
    return Tracing(Ids("test"), out), out


class Opened:
    """Traces of a process, and what became of their spans."""

    def __init__(self, tracing: Tracing, registry: CollectorRegistry, part: Part) -> None:
        self.tracing = tracing
        self._registry = registry
        self._part = part

    def fate(self, fate: str) -> float:
        value = self._registry.get_sample_value(f"makegood_{self._part}_trace_spans_total", {"fate": fate})
        assert value is not None, fate
        return value


@contextmanager
def opened(settings: Settings, part: Part = "notifier") -> Iterator[Opened]:
    """Give traces as the settings say; at the end what is there is sent."""
    registry = CollectorRegistry()
    with open_traces(settings, part, registry=registry) as tracing:
        assert tracing is not None
        yield Opened(tracing, registry, part)
