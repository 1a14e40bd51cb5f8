"""Metrics of the notifier."""

from config.metrics.labels import CHANNEL, PRIORITY, RECEIVER, SERVICE, SEVERITY, SPAN_FATE, TYPE
from config.metrics.model import Kind, Label, Metric, Unit

_DELAYS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
ACKNOWLEDGED_S = (15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 86400.0)


def _notifier(name: str, kind: Kind, unit: Unit, text: str, *labels: Label, buckets: tuple[float, ...] = ()) -> Metric:
    return Metric(name=name, kind=kind, part="notifier", unit=unit, help=text, labels=labels, buckets=buckets)


TRIES = _notifier(
    "makegood_tries",
    "counter",
    "number",
    "Tries to tell somebody, by outcome",
    CHANNEL,
    Label(name="outcome", values=("delivered", "accepted", "partly", "failed")),
)
FAILURES = _notifier(
    "makegood_try_failures",
    "counter",
    "number",
    "Tries that failed, by reason",
    CHANNEL,
    Label(name="reason", of=("sinks.contract:Reason",), told="why"),
)
DELIVERED = _notifier("makegood_notifications_delivered", "counter", "number", "Notifications delivered", RECEIVER)
RECEIPTS = _notifier(
    "makegood_receipts",
    "counter",
    "number",
    "What far sides said later of messages that they had accepted",
    CHANNEL,
    Label(name="outcome", values=("accepted", "delivered", "failed")),
)
DIGESTED = _notifier(
    "makegood_notifications_digested", "counter", "number", "Notifications that a digest stands for", RECEIVER
)
FAILOVERS = _notifier(
    "makegood_failovers", "counter", "number", "Notifications that a tier below the first delivered", RECEIVER
)
REPEATS = _notifier(
    "makegood_notifications_possibly_repeated",
    "counter",
    "number",
    "Notifications sent again after an earlier send whose end is not known",
    RECEIVER,
)
DELAY = _notifier(
    "makegood_notification_delay_seconds",
    "histogram",
    "seconds",
    "From the store's taking a change to its delivery",
    RECEIVER,
    buckets=_DELAYS_S,
)
PENDING = _notifier("makegood_notifications_pending", "gauge", "number", "Notifications not yet delivered")
UNDELIVERED = _notifier(
    "makegood_notifications_undelivered", "gauge", "number", "Of the pending ones: every tier has failed"
)
OLDEST_PENDING = _notifier(
    "makegood_notification_oldest_pending_seconds", "gauge", "seconds", "Age of the oldest pending notification"
)
CHANNEL_FAILING = _notifier(
    "makegood_channel_failing", "gauge", "bool", "1 while a channel's last tier use failed", CHANNEL
)
BREAKER_OPEN = _notifier(
    "makegood_breaker_open", "gauge", "bool", "1 while a channel is left alone because it keeps failing", CHANNEL
)
DEFECTS = _notifier("makegood_notifier_defects", "counter", "number", "Unexpected errors in the notifier")
CALLBACKS = _notifier(
    "makegood_callbacks",
    "counter",
    "number",
    "What far sides and people said to us over HTTP",
    Label(name="kind", of=("sinks.callbacks.metrics:Kind",), told="what it is about"),
    Label(name="result", of=("sinks.callbacks.metrics:Result",), told="what became of it"),
)
AUDIT_MISSING = _notifier(
    "makegood_audit_missing",
    "counter",
    "number",
    "Notifications and changes that were missing, found by audits of this notifier, and sent",
)
AUDIT_RATIO = _notifier(
    "makegood_audit_success_ratio", "gauge", "ratio", "Part of what was to be told that was not missing"
)
AUDIT_LAST = _notifier("makegood_audit_last_run_timestamp_seconds", "gauge", "seconds", "When the last audit began")
AUDIT_OVERDUE = _notifier(
    "makegood_audit_overdue", "gauge", "number", "What was on its way for too long, in the last audit"
)
AUDIT_WELL = _notifier("makegood_audit_well", "gauge", "bool", "1 when the last audit found all well")
DRILL_REACHED = _notifier(
    "makegood_drill_reached",
    "gauge",
    "bool",
    "1 when the receiver's last drill reached somebody in every case",
    RECEIVER,
)
DRILL_LAST = _notifier(
    "makegood_drill_last_run_timestamp_seconds", "gauge", "seconds", "When the receiver's last drill began", RECEIVER
)
CANARY_WORKING = _notifier(
    "makegood_canary_working", "gauge", "bool", "1 when the channel's last canary came through", CHANNEL
)
CANARY_LAST = _notifier(
    "makegood_canary_last_run_timestamp_seconds", "gauge", "seconds", "When the channel's last canary began", CHANNEL
)

# Read from the store, so that every notifier shows the same: take the maximum over them, not the sum.
FIRING = _notifier(
    "makegood_alerts_firing",
    "gauge",
    "number",
    "Alerts that fire now, by whether somebody has acknowledged them; the same in every notifier",
    TYPE,
    SEVERITY,
    Label(name="acknowledged", values=("yes", "no")),
)
SERVICE_FIRING = _notifier(
    "makegood_service_alerts_firing",
    "gauge",
    "number",
    "Alerts that fire now, by the service that they are about; the same in every notifier",
    SERVICE,
    SEVERITY,
)
PROMISES_OPEN = _notifier(
    "makegood_promises_in_danger",
    "gauge",
    "number",
    "Promises to customers that are at risk, or broken and not yet made good; the same in every notifier",
    SERVICE,
    Label(name="state", values=("at_risk", "broken")),
)
OLDEST_UNACKNOWLEDGED = _notifier(
    "makegood_alerts_oldest_unacknowledged_seconds",
    "gauge",
    "seconds",
    "How long the store has known of the alert that has waited longest for somebody; the same in every notifier",
    SEVERITY,
)
OPEN = _notifier(
    "makegood_alerts_open",
    "gauge",
    "number",
    "Alerts that fire now, by their priority in the console and on the wall; the same in every notifier",
    PRIORITY,
    Label(name="acknowledged", values=("yes", "no")),
)
OPEN_OLDEST = _notifier(
    "makegood_alerts_open_oldest_unacknowledged_seconds",
    "gauge",
    "seconds",
    "How long the store has known of the alert of a priority that has waited longest for somebody; the same in every "
    "notifier",
    PRIORITY,
)
SERVICE_URGENCY = _notifier(
    "makegood_service_urgency",
    "gauge",
    "number",
    "The most urgent alert about a service as a whole, not about one customer: 3 is P1, 2 is P2, 1 is P3, 0 is none; "
    "the same in every notifier",
    SERVICE,
)
ACKNOWLEDGED = _notifier(
    "makegood_time_to_acknowledge_seconds",
    "histogram",
    "seconds",
    "From the store's taking an alert to its first acknowledgement; the same in every notifier",
    buckets=ACKNOWLEDGED_S,
)
STORE_READ = _notifier(
    "makegood_store_read_timestamp_seconds",
    "gauge",
    "seconds",
    "When this notifier last read the alerts of the store, for these figures",
)

TRACE_SPANS = _notifier(
    "makegood_notifier_trace_spans",
    "counter",
    "number",
    "Spans of traces, sent and dropped; none without `traces`",
    SPAN_FATE,
)

ALL = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
