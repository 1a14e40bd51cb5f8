"""Spans as OpenTelemetry's own library sends them: OTLP over HTTP, in batches, from a thread of its own.

Nothing waits for it. What is not sent yet is bounded; what comes when there is no room is dropped and counted, and so
is what the collector does not take. Ids are ours (:class:`alerts.traces.model.Ids`): whether a trace is sampled is
decided by its id, so that every process decides alike.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import requests
import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_BSP_MAX_QUEUE_SIZE
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from alerts.traces.counts import Part, SpanCounts
from alerts.traces.model import Place, Span
from config.secret import SecretRef
from config.traces import DEFAULT_NAME, TraceSettings

CLOSE_S = 3.0
"""How long the end of a process may be held up by spans that are still to be sent."""
_ROOM = 2048
_NS = 1000
_KINDS = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT, "consumer": SpanKind.CONSUMER}
_UNKNOWN = "unknown_service"
_log = structlog.get_logger("makegood.traces")


class OtlpOut:
    """Sends spans. Used by several threads.

    Args:
        settings: where to.
        part: which process this is.
        counts: what became of spans.
    """

    def __init__(self, settings: TraceSettings, part: Part, counts: SpanCounts) -> None:
        # It says the same at every batch, with texts of the far side; we say when it begins and when it is over.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._counts = counts
        self._room = int(os.environ.get(OTEL_BSP_MAX_QUEUE_SIZE, _ROOM))
        self._waiting = 0
        self._lock = threading.Lock()
        self._ids = _GivenIds()
        self._exporter = exporter = _Told(_exporter(settings), self._ended)
        self._provider = TracerProvider(
            sampler=None if settings.sampling is None else TraceIdRatioBased(settings.sampling),
            resource=_resource(settings, part),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=self._room))
        self._tracer = self._provider.get_tracer("makegood", version("makegood"))

    def wants(self, trace: int) -> bool:
        """Return whether a trace is sampled: by its id alone."""
        decided = self._provider.sampler.should_sample(Context(), trace, "alert").decision
        return decided is Decision.RECORD_AND_SAMPLE

    def send(self, span: Span) -> None:
        """Put a span among those that are to be sent; drop it where there is no room. Its trace is sampled."""
        with self._lock:
            has_room = self._waiting < self._room
            self._waiting += has_room
        if not has_room:
            self._counts.count("queue_full")
            return
        if not self._give(span):
            self._leave(1)

    def spoiled(self) -> None:
        """Count spans that could not be made."""
        self._counts.count("defect")

    def close(self) -> None:
        """Send what there is, for a few seconds at most."""
        ending = threading.Thread(target=self._provider.shutdown, name="traces_end", daemon=True)
        ending.start()
        ending.join(CLOSE_S)
        self._exporter.is_over = True

    def _give(self, span: Span) -> bool:
        above = Context()
        if span.parent is not None:
            above = set_span_in_context(NonRecordingSpan(_context(Place(span.place.trace, span.parent))), above)
        self._ids.give(span.place)
        made = self._tracer.start_span(
            span.name,
            context=above,
            kind=_KINDS[span.kind],
            attributes=dict(span.about),
            links=[Link(_context(place)) for place in span.links],
            start_time=span.start_us * _NS,
            record_exception=False,
            set_status_on_exception=False,
        )
        if not made.is_recording():  # switched off by the environment
            return False
        for mark in span.marks:
            made.add_event(mark.name, dict(mark.about), mark.at_us * _NS)
        if span.failed:
            made.set_status(Status(StatusCode.ERROR, span.failed))
        made.end(max(span.start_us, span.end_us) * _NS)
        return True

    def _ended(self, spans: int, *, taken: bool) -> None:
        self._leave(spans)
        self._counts.count("sent" if taken else "refused", spans)

    def _leave(self, spans: int) -> None:
        with self._lock:
            self._waiting -= spans


class _GivenIds(IdGenerator):
    """Gives the ids that the thread was told last."""

    def __init__(self) -> None:
        self._given = threading.local()

    def give(self, place: Place) -> None:
        """Use these ids for the next span of this thread."""
        self._given.place = place

    def generate_trace_id(self) -> int:
        """Return the id of the trace."""
        return int(self._given.place.trace)

    def generate_span_id(self) -> int:
        """Return the id of the span."""
        return int(self._given.place.span)


class _Told(SpanExporter):
    """An exporter that somebody counts, and that says when it begins to fail, and when it no longer does.

    Attributes:
        is_over: nobody waits for it any more; what a thread of it still finds out is not said.
    """

    def __init__(self, inner: SpanExporter, ended: Callable[..., None]) -> None:
        self._inner = inner
        self._ended = ended
        self._fails = False
        self.is_over = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        why = "the collector did not take them, or could not be reached"
        try:
            result = self._inner.export(spans)
        except Exception as error:  # of the network, or a secret that is not there
            result, why = SpanExportResult.FAILURE, type(error).__name__
        taken = result is SpanExportResult.SUCCESS
        if not taken and not self._fails and not self.is_over:
            _log.warning("traces_not_taken", why=why, action="alerts go on; spans are dropped and counted")
        if taken and self._fails:
            _log.info("traces_taken_again")
        self._fails = not taken
        self._ended(len(spans), taken=taken)
        return result

    def shutdown(self) -> None:
        """Close connections."""
        self._inner.shutdown()


class _Headers(requests.auth.AuthBase):
    """Adds headers whose values are secrets, read anew for each request: a file may have a new one."""

    def __init__(self, headers: Mapping[str, SecretRef]) -> None:
        self._headers = headers

    def __call__(self, request: Any) -> Any:
        for name, ref in self._headers.items():
            request.headers[name] = ref.resolve().get_secret_value()
        return request


def _exporter(settings: TraceSettings) -> OTLPSpanExporter:
    session = requests.Session()
    session.max_redirects = 0  # headers would go along, to whoever is named
    if settings.headers:
        session.auth = _Headers(settings.headers)
    return OTLPSpanExporter(endpoint=settings.url(), session=session)


def _resource(settings: TraceSettings, part: Part) -> Resource:
    known = Resource.create()
    named = str(known.attributes.get(SERVICE_NAME, _UNKNOWN))
    name = settings.service_name or (DEFAULT_NAME if named.startswith(_UNKNOWN) else named)
    own = {
        SERVICE_NAME: name,
        "service.version": version("makegood"),
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        "makegood.part": part,
    }
    return known.merge(Resource(own))


def _context(place: Place) -> SpanContext:
    return SpanContext(place.trace, place.span, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
