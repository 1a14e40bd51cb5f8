"""Where parts of the program hand over spans. Whatever goes wrong here stops, and delays, nothing."""

import traceback
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from alerts.traces.model import Ids, Span

_log = structlog.get_logger("makegood.traces")


class Out(Protocol):
    """Where spans go. Never waits, raises nothing that is not a defect."""

    def wants(self, trace: int) -> bool:
        """Return whether a trace is sampled: the same in every process."""
        ...

    def send(self, span: Span) -> None:
        """Take a span, or drop and count it."""
        ...

    def spoiled(self) -> None:
        """Count spans that could not be made."""
        ...


class Tracing:
    """Tells of alerts' ways.

    Args:
        ids: of this installation.
        out: takes the spans.
    """

    def __init__(self, ids: Ids, out: Out) -> None:
        self.ids = ids
        self._out = out

    def tell(self, change_id: str, make: Callable[[], Iterable[Span]]) -> None:
        """Make spans of a change's trace and send them, where it is sampled."""
        try:
            if self._out.wants(self.ids.root(change_id).trace):
                for span in make():
                    self._out.send(span)
        except Exception as error:  # a defect here must not keep an alert from being told
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("traces_defect", error=type(error).__name__, where=where)
            self._out.spoiled()
