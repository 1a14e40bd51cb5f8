"""Metrics of ``makegood ingest``, which takes webhooks."""

from config.metrics.labels import FEED
from config.metrics.model import Kind, Label, Metric, Unit


def _ingest(name: str, kind: Kind, unit: Unit, text: str, *labels: Label, buckets: tuple[float, ...] = ()) -> Metric:
    return Metric(name=name, kind=kind, part="ingest", unit=unit, help=text, labels=(FEED, *labels), buckets=buckets)


REQUESTS = _ingest(
    "makegood_ingest_requests",
    "counter",
    "number",
    "Requests answered, by HTTP status",
    Label(name="status", most=40, told="statuses that we answer"),
)
REFUSED = _ingest(
    "makegood_ingest_refused",
    "counter",
    "number",
    "Requests that were not believed (401)",
    Label(name="reason", of=("pipeline.ingest.signatures:Refused",), told="why"),
)
RECORDS = _ingest("makegood_ingest_records", "counter", "number", "Records made durable")
REPEATS = _ingest(
    "makegood_ingest_repeats", "counter", "number", "Records left out: kept already, byte for byte the same"
)
SPOOL = _ingest("makegood_ingest_spool_bytes", "gauge", "bytes", "Size of the spool on disk")
WAITING = _ingest("makegood_ingest_waiting_bytes", "gauge", "bytes", "Records that wait to be written to the spool")
UNREAD = _ingest("makegood_ingest_unread_bytes", "gauge", "bytes", "What of the spool the flow has not read yet")
OLDEST_UNREAD = _ingest(
    "makegood_ingest_oldest_unread_timestamp_seconds",
    "gauge",
    "seconds",
    "When the oldest record was received that the flow has not read yet; absent when all is read",
)
COMMIT = _ingest(
    "makegood_ingest_commit_seconds",
    "histogram",
    "seconds",
    "One write and fsync of all records that waited",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)

ALL = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
