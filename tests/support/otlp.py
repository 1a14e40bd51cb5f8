"""A collector of OpenTelemetry: takes OTLP over HTTP, and fails the test on anything that is not in order."""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.support.http import Answer, HttpServer, Request

PATH = "/v1/traces"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
_KNOWN = ("makegood.", "messaging.", "db.")
ERROR = 2


class Seen(NamedTuple):
    """A span, as it came."""

    trace: str
    id: str
    parent: str
    name: str
    start_us: int
    end_us: int
    kind: int
    about: dict[str, Any]
    events: list[tuple[str, int, dict[str, Any]]]
    links: list[tuple[str, str]]
    error: str
    resource: dict[str, Any]


class Collector(HttpServer):
    """Keeps every span. ``override``: answered in place of taking what is in order."""

    def __init__(self) -> None:
        super().__init__()
        self.unexpected: list[str] = []
        self.spans: list[Seen] = []
        self.override: Answer | None = None

    def answer(self, request: Request) -> Answer:
        """Take spans."""
        body = request.body
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        message = ExportTraceServiceRequest()
        try:
            message.ParseFromString(body)
        except DecodeError as error:
            self.unexpected.append(f"no request of OTLP: {error}")
            return Answer(400, PROTOBUF, b"")
        if (request.method, request.path) != ("POST", PATH):
            self.unexpected.append(f"{request.method} {request.path}")
            return Answer(404, PROTOBUF, b"")
        if request.headers.get("content-type") != "application/x-protobuf":
            self.unexpected.append(f"Content-Type {request.headers.get('content-type')}")
            return Answer(415, PROTOBUF, b"")
        if self.override is not None:
            return self.override
        self.spans += list(self._read(message))
        return Answer(200, PROTOBUF, ExportTraceServiceResponse().SerializeToString())

    def _read(self, message: Any) -> Iterator[Seen]:
        for resource in message.resource_spans:
            of = _values(resource.resource.attributes)
            for scope in resource.scope_spans:
                if scope.scope.name != "makegood":
                    self.unexpected.append(f"spans of {scope.scope.name}")
                for span in scope.spans:
                    seen = _seen(span, of)
                    self.unexpected += _wrong_with(span, seen)
                    yield seen

    def trace(self, root: str) -> list[Seen]:
        """Return the spans of the one trace whose root has this name."""
        (trace,) = [span.trace for span in self.spans if span.name == root and not span.parent]
        return [span for span in self.spans if span.trace == trace]


def tree(spans: Sequence[Seen]) -> Any:
    """Return a trace as its root with what is below it, by name; it must have one root, and nothing beside it."""
    known = {span.id for span in spans}
    assert len(known) == len(spans), "a span came twice"
    (root,) = [span for span in spans if not span.parent]
    assert [span.name for span in spans if span.parent and span.parent not in known] == []

    def below(span: Seen) -> Any:
        inner = sorted((one for one in spans if one.parent == span.id), key=lambda one: one.name)
        return (span.name, [below(one) for one in inner]) if inner else span.name

    return below(root)


def named(spans: Sequence[Seen], name: str) -> Seen:
    """Return the one span of this name."""
    (found,) = [span for span in spans if span.name == name]
    return found


@contextmanager
def collector() -> Iterator[Collector]:
    """Serve, and fail the test at the end on anything unexpected."""
    found = Collector()
    with found.serving():
        yield found
    assert found.unexpected == []


def _seen(span: Any, resource: dict[str, Any]) -> Seen:
    return Seen(
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        name=span.name,
        start_us=span.start_time_unix_nano // 1000,
        end_us=span.end_time_unix_nano // 1000,
        kind=span.kind,
        about=_values(span.attributes),
        events=[(one.name, one.time_unix_nano // 1000, _values(one.attributes)) for one in span.events],
        links=[(one.trace_id.hex(), one.span_id.hex()) for one in span.links],
        error=span.status.message if span.status.code == ERROR else "",
        resource=resource,
    )


def _wrong_with(span: Any, seen: Seen) -> Iterator[str]:
    if (len(span.trace_id), len(span.span_id), len(span.parent_span_id)) not in {(16, 8, 8), (16, 8, 0)}:
        yield f"{seen.name}: ids of other sizes"
    if seen.end_us < seen.start_us:
        yield f"{seen.name}: ends before it starts"
    if span.dropped_attributes_count or span.dropped_events_count or span.dropped_links_count:
        yield f"{seen.name}: something of it was dropped"
    for about in (seen.about, *(event[2] for event in seen.events)):
        for name in about:
            if not name.startswith(_KNOWN) and name != "error.type":
                yield f"{seen.name}: attribute {name}"


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
