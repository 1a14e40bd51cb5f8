"""The reference page of the metrics, from their declarations."""

from collections.abc import Iterable, Iterator

from config.metrics.catalogue import ALL
from config.metrics.model import Metric

_HEAD = """Served in Prometheus' format under `/metrics` of `metrics.listen` (flow) and of
`metrics.notifier_listen` (notifier), beside the feeds by `makegood ingest`, and by the console, there for those who may
look. `/healthz` beside it answers 200 while
the part is healthy and 503 when not, with the evidence as JSON: a feed that cannot be reached, a store that is away.
`/livez` answers 503 only when a new process could help (the loop neither goes on nor waits for anything), `/readyz`
answers 200 once the part has begun its work and nothing holds it up. Names and labels are public.

Every label has few values: they are a closed set, names in the settings, or are cut off at a most; what is beyond it
counts as `other`, or is left out and counted by `makegood_series_left_out`. What Prometheus' client library says of a
process (`process_*`, `python_*`) is there as well. [Dashboards](dashboards.md) and rules are made from these figures:
see [Prometheus and Grafana](../how-to/prometheus-and-grafana.md)."""
_TITLES = (("flow", "Flow"), ("ingest", "Ingest"), ("notifier", "Notifier"), ("console", "Console"))
_UNITS = {"number": "", "bool": "0 or 1", "own": "its detector's"}
_KPIS = """## Figures of service recovery

| what one wants to know | metric |
|---|---|
| how long customers wait until it is solved (resolution lag) | `makegood_case_resolution_seconds` |
| first response: kept, how fast | `makegood_promises_total`, `makegood_promise_met_seconds`, of kind `first_reply` |
| repeat contacts | `makegood_findings_total`, verdicts `repeat` and `no_repeat` |
| sentiment | `makegood_sentiment_mean`, `makegood_sentiment_negative_share` |
| promises at risk, and broken | `makegood_promises_in_danger` |
| detection latency: from event time to the store | `makegood_detection_delay_seconds` |
| delivery latency: from the store to a person | `makegood_notification_delay_seconds` |
| time to acknowledge | `makegood_time_to_acknowledge_seconds` |"""


def metrics_page(note: str) -> str:
    """Return the page; ``note`` says that it is generated."""
    parts = ["# Metrics", note, _HEAD, _KPIS]
    for part, title in _TITLES:
        parts += [f"## {title}", "\n".join(_rows(metric for metric in ALL if metric.part == part))]
    return "\n\n".join(parts) + "\n"


def _rows(metrics: Iterable[Metric]) -> Iterator[str]:
    yield "| metric | type | unit | labels | meaning |"
    yield "|---|---|---|---|---|"
    for metric in sorted(metrics, key=lambda metric: metric.name):
        name = metric.exposed[0] if metric.kind == "counter" else metric.name
        labels = "; ".join(f"`{label.name}` ({label.bound()})" for label in metric.labels)
        yield f"| `{name}` | {metric.kind} | {_UNITS.get(metric.unit, metric.unit)} | {labels} | {metric.help} |"
