"""Metrics of the flow, and of what sorts events for it (``makegood repartition``)."""

from config.metrics.labels import (
    DETECTOR,
    FEED,
    GROUP,
    GROUP_REGION,
    GROUP_SERVICE,
    PARTITION,
    SERVICE,
    SEVERITY,
    SPAN_FATE,
    TYPE,
)
from config.metrics.model import Kind, Label, Metric, Unit

_BY = Label(name="by", values=("model", "prior"))
_LANGUAGE = Label(name="language", most=50, told="of texts")
_KIND = Label(name="kind", of=("detectors.promises.kinds:Kind",), told="what is promised")
_DELAYS_S = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0)
_SPANS_S = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0, 172800.0, 604800.0)


def _flow(name: str, kind: Kind, unit: Unit, text: str, *labels: Label, buckets: tuple[float, ...] = ()) -> Metric:
    return Metric(name=name, kind=kind, part="flow", unit=unit, help=text, labels=labels, buckets=buckets)


RECORDS = _flow("makegood_records", "counter", "number", "Records read from feeds")
FILTERED = _flow("makegood_filtered_records", "counter", "number", "Records that a mapping's filters left out")
EVENTS = _flow("makegood_events", "counter", "number", "Events given to the detectors")
DUPLICATES = _flow("makegood_duplicate_events", "counter", "number", "Repeats of events, dropped")
LATE = _flow(
    "makegood_late_events",
    "counter",
    "number",
    "Events older than the lateness allows, given to the detectors as late",
)
DEAD_LETTERS = _flow(
    "makegood_dead_letters",
    "counter",
    "number",
    "Records that could not become events",
    FEED,
    Label(name="reason", of=("pipeline.reasons:Reason",), told="see the reference of dead letters"),
)
DEAD_LETTERS_PRUNED = _flow(
    "makegood_dead_letters_pruned",
    "counter",
    "number",
    "Dead letters that were deleted for their age or for want of room",
    FEED,
    Label(name="reason", of=("pipeline.reasons:Reason",), told="see the reference of dead letters"),
)
SCHEMA_CHANGES = _flow(
    "makegood_schema_changes",
    "gauge",
    "bool",
    "1 while records of a feed have a field of another shape than expected, 0 when that is over",
    FEED,
    Label(name="field", most=50, also=("other",), told="paths of fields of a feed"),
    Label(name="reason", of=("pipeline.reasons:Reason",), told="see the reference of dead letters"),
)
WATERMARK = _flow(
    "makegood_watermark_timestamp_seconds",
    "gauge",
    "seconds",
    "Event time up to which everything that is not late has been seen",
)
HEALTHY = _flow(
    "makegood_flow_healthy", "gauge", "bool", "1 while the flow says that all is well; /healthz has the reason"
)
EVENT_CLOCK = _flow(
    "makegood_event_clock_seconds",
    "gauge",
    "seconds",
    "What the clock of events shows: the time of day, or the simulated one of a demo feed",
)
PARTITION_NEWEST = _flow(
    "makegood_partition_newest_event_timestamp_seconds",
    "gauge",
    "seconds",
    "Event time of the newest event of a partition",
    FEED,
    PARTITION,
)
PARTITION_STATUS = _flow(
    "makegood_partition_status",
    "gauge",
    "bool",
    "1 for what a partition is: reading, caught_up, ended, unreachable",
    FEED,
    PARTITION,
    Label(name="status", of=("pipeline.feeds.contract:Status",), told="what a partition can be"),
)
PARTITION_EVENTS = _flow(
    "makegood_partition_events",
    "counter",
    "number",
    "Events that a partition gave since this process started, repeats apart",
    FEED,
    PARTITION,
)
WINDOWS_WATERMARK = _flow(
    "makegood_windows_watermark_timestamp_seconds",
    "gauge",
    "seconds",
    "Event time up to which a detector's windows are judged, where several processes share the work",
    DETECTOR,
)
WINDOWS_HELD_BACK = _flow(
    "makegood_windows_held_back_seconds",
    "gauge",
    "seconds",
    "How far the partition that holds a detector's windows open is behind the foremost; +Inf: it is silent",
    DETECTOR,
)
PANES_REFUSED = _flow(
    "makegood_panes_refused",
    "counter",
    "number",
    "Messages between processes that could not be used, since this process started",
    Label(name="reason", of=("pipeline.scale.inbox:Refused",), told="why"),
)
PANES_HELD = _flow(
    "makegood_panes_held_partitions",
    "gauge",
    "number",
    "Partitions of the topic of panes that wait for this process to be upgraded",
)
_FOLDER = Label(name="folder", most=8, told="folders that the flow writes to")
DISK_FREE = _flow(
    "makegood_disk_free_bytes", "gauge", "bytes", "Room on the disk of a folder that the flow writes to", _FOLDER
)
DISK_NEEDED = _flow(
    "makegood_disk_needed_bytes",
    "gauge",
    "bytes",
    "Room below which the flow reads nothing, so that it can still save its state",
    _FOLDER,
)
CLOCK_OFF = _flow(
    "makegood_clock_off_seconds",
    "gauge",
    "seconds",
    "Seconds that the system's clock is ahead of the flow's since it jumped; 0 while they agree",
)
KAFKA_LAG = _flow(
    "makegood_kafka_consumer_lag_records",
    "gauge",
    "number",
    "Records between the last one read of a partition and its end, when the cluster last answered",
    FEED,
    PARTITION,
)
KAFKA_SKIPPED = _flow(
    "makegood_kafka_skipped_records",
    "counter",
    "number",
    "Records that retention deleted before they were read, since this process started",
    FEED,
    PARTITION,
)
FEED_HEALTHY = _flow(
    "makegood_feed_healthy",
    "gauge",
    "bool",
    "1 while a feed can be reached and few enough of its records are bad; /healthz has the reason",
    FEED,
)
FEED_BAD_SHARE = _flow(
    "makegood_feed_bad_share", "gauge", "ratio", "Share of a feed's last records that became dead letters", FEED
)
FINDINGS = _flow(
    "makegood_findings",
    "counter",
    "number",
    "Windows (and what case detectors saw), by verdict, since this process started",
    DETECTOR,
    Label(name="verdict", of=("pipeline.findings.counts:VERDICTS",), told="what a detector says of what it saw"),
)
WINDOWS = _flow(
    "makegood_detector_windows",
    "counter",
    "number",
    "Windows with a p-value, of groups that had warmed up and had no alert open",
    DETECTOR,
)
P_VALUES = _flow(
    "makegood_detector_p_values",
    "counter",
    "number",
    "Of these windows, the ones whose p-value was at or below a level: divided by them, the realised rate",
    DETECTOR,
    Label(name="at_or_below", values=("0.1", "0.01", "0.001", "0.0001")),
)
FINDINGS_DROPPED = _flow(
    "makegood_findings_dropped", "counter", "number", "Findings that could not be kept for `makegood explain`"
)
VERDICTS = _flow(
    "makegood_detector_verdicts",
    "counter",
    "number",
    "Verdicts that people gave on alerts of a detector: useful, or noise",
    DETECTOR,
    Label(name="verdict", of=("detectors.control:Verdict",), told="what people say"),
)
FALSE_ALARMS = _flow(
    "makegood_detector_false_alarms_per_week",
    "gauge",
    "number",
    "False alarms of a detector a week, with the bounds of a 95 % interval: those that people called noise in the "
    "last four weeks (verdicts), and those that open by chance as p-values are (p_values)",
    DETECTOR,
    Label(name="source", values=("p_values", "verdicts")),
    Label(name="bound", values=("estimate", "low", "high")),
)
SENTIMENT_VERSION = _flow(
    "makegood_sentiment_version", "gauge", "number", "Number of the version of the text model that is in force"
)
SENTIMENT_LABELS = _flow(
    "makegood_sentiment_labels", "gauge", "number", "Comments of surveys that this version has learned"
)
SENTIMENT_SHARE = _flow(
    "makegood_sentiment_model_share",
    "gauge",
    "ratio",
    "How much of the score of a text is the model's, 0 to 1; the rest is VADER's",
    _LANGUAGE,
)
SENTIMENT_ACCURACY = _flow(
    "makegood_sentiment_accuracy",
    "gauge",
    "ratio",
    "Share of the last labels that were told right before they were learned: by the model, and by what was before",
    _LANGUAGE,
    _BY,
)
SENTIMENT_F1 = _flow(
    "makegood_sentiment_macro_f1",
    "gauge",
    "ratio",
    "Macro-F1 of the same labels over three classes",
    _LANGUAGE,
    _BY,
)

# What customers live through, and how fast it is seen.
_GROUPS = (DETECTOR, TYPE, GROUP_SERVICE, GROUP_REGION, GROUP)
WINDOW_VALUE = _flow(
    "makegood_window_value", "gauge", "own", "What a group's newest window held, in its detector's unit", *_GROUPS
)
WINDOW_BASELINE = _flow(
    "makegood_window_baseline", "gauge", "own", "What was expected of a group's newest window", *_GROUPS
)
WINDOW_P_VALUE = _flow(
    "makegood_window_p_value",
    "gauge",
    "ratio",
    "Probability of a newest window at least as bad as a group's, if nothing were wrong",
    *_GROUPS,
)
WINDOW_EVENTS = _flow("makegood_window_events", "gauge", "number", "Events in a group's newest window", *_GROUPS)
WINDOW_END = _flow(
    "makegood_window_end_timestamp_seconds",
    "gauge",
    "seconds",
    "Event time at which the newest window of a detector ended",
    DETECTOR,
    TYPE,
)
SENTIMENT_MEAN = _flow(
    "makegood_sentiment_mean", "gauge", "own", "Mean sentiment of a group's newest window, -1 to 1", *_GROUPS
)
SENTIMENT_NEGATIVE = _flow(
    "makegood_sentiment_negative_share",
    "gauge",
    "ratio",
    "Share of negative texts in a group's newest window",
    *_GROUPS,
)
SERIES_LEFT_OUT = _flow(
    "makegood_series_left_out",
    "gauge",
    "number",
    "Groups, and partitions, that have no series because there are too many",
    Label(name="what", values=("groups", "partitions")),
)
PROMISES = _flow(
    "makegood_promises",
    "counter",
    "number",
    "Promises to customers that were met and broken, where a window detector listens to them",
    _KIND,
    SERVICE,
    Label(name="outcome", values=("met", "broken")),
)
PROMISE_SPENT = _flow(
    "makegood_promise_met_seconds",
    "histogram",
    "seconds",
    "Time that promises took that were met, as they count it; first replies are those of kind first_reply",
    _KIND,
    SERVICE,
    buckets=_SPANS_S,
)
RESOLUTION = _flow(
    "makegood_case_resolution_seconds",
    "histogram",
    "seconds",
    "From a case's beginning to its resolution, all the time that passed, in time or not",
    SERVICE,
    buckets=_SPANS_S,
)
DETECTION = _flow(
    "makegood_detection_delay_seconds",
    "histogram",
    "seconds",
    "From the event time at which an alert fires to the store's having it, by the clock of events",
    TYPE,
    buckets=_DELAYS_S,
)
ALERTS = _flow(
    "makegood_alerts_fired",
    "counter",
    "number",
    "Alerts that began to fire, since this process started",
    TYPE,
    SEVERITY,
)

TRACE_SPANS = _flow(
    "makegood_flow_trace_spans",
    "counter",
    "number",
    "Spans of traces, sent and dropped; none without `traces`",
    SPAN_FATE,
)

ALL = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
