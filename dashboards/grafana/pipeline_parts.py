"""Parts of the pipeline: what people look at, and what not every installation has."""

from dashboards.grafana.board import Board
from dashboards.grafana.looks import OK_OR_NOT, Query, Step
from dashboards.grafana.palette import P1, P2
from dashboards.grafana.queries import quantile

_RATE = "[$__rate_interval]"


def screens(board: Board) -> None:
    """Add how well the console serves, and the walls that ask it."""
    board.row("Screens")
    board.stat(
        "Age of what is shown",
        "How long ago the store answered the console that has not heard of it for longest",
        "time() - min(makegood_console_store_read_timestamp_seconds)",
        "s",
        steps=(Step(5, P2), Step(30, P1)),
        width=6,
    )
    board.stat(
        "Requests that failed",
        "Answered with a failure of ours, in the last hour",
        "sum(increase(makegood_console_requests_failed_total[1h]))",
        "short",
        steps=(Step(1, P2),),
        width=6,
        decimals=0,
    )
    board.series(
        "Time to answer",
        "95 % of requests took no longer, by part of the web application",
        [Query(quantile(0.95, "makegood_console_request_seconds", "part", "5m"), "{{part}}")],
        "s",
        low=0,
    )
    board.row("Walls", needs="a wall")
    board.timeline(
        "Walls",
        "Whether a wall says that what it shows is live",
        Query("max by (wall) (makegood_wall_live)", "{{wall}}"),
        OK_OR_NOT,
        width=12,
    )
    board.series(
        "Since a wall has asked",
        "Each asks every two seconds, which is noted every ten; of the last week",
        [Query("time() - max by (wall) (makegood_wall_last_asked_timestamp_seconds)", "{{wall}}")],
        "s",
        low=0,
    )


def traces(board: Board) -> None:
    """Add what becomes of spans."""
    board.row("Traces", needs="traces")
    for part in ("flow", "notifier"):
        board.series(
            f"Spans of the {part}",
            "A minute, by what became of them: dropped ones are missing in traces, and nothing else is",
            [Query(f"sum by (fate) (rate(makegood_{part}_trace_spans_total{_RATE})) * 60", "{{fate}}")],
            "short",
            low=0,
        )


def several(board: Board) -> None:
    """Add what there is to see where several flow processes share the work."""
    board.row("Several flow processes", needs="several flow processes")
    board.series(
        "Windows judged until",
        "How far each detector's windows are behind the clock of events",
        [
            Query(
                "max(makegood_event_clock_seconds) - on () group_right ()"
                " max by (detector) (makegood_windows_watermark_timestamp_seconds)",
                "{{detector}}",
            )
        ],
        "s",
        width=8,
        low=0,
    )
    board.series(
        "Windows held back",
        "How far the partition that holds a detector's windows open is behind the foremost; +Inf: it is silent",
        [Query("max by (detector) (makegood_windows_held_back_seconds)", "{{detector}}")],
        "s",
        width=8,
        low=0,
    )
    board.series(
        "Messages not used",
        "Between processes, an hour, by reason",
        [Query("sum by (reason) (increase(makegood_panes_refused_total[1h]))", "{{reason}}")],
        "short",
        width=8,
        low=0,
    )


def kafka(board: Board) -> None:
    """Add what there is to see of feeds of Kafka."""
    board.row("Kafka", needs="a feed of Kafka")
    board.series(
        "Lag",
        "Records between the last one read and the end of each feed's partitions",
        [Query("sum by (feed) (makegood_kafka_consumer_lag_records)", "{{feed}}")],
        "short",
        low=0,
    )
    board.series(
        "Lost to retention",
        "Records an hour that were deleted before they were read",
        [Query("sum by (feed) (increase(makegood_kafka_skipped_records_total[1h]))", "{{feed}}")],
        "short",
        low=0,
    )


def webhooks(board: Board) -> None:
    """Add what there is to see of ``makegood ingest``."""
    board.row("Webhooks", needs="a feed of webhooks")
    board.series(
        "Requests",
        "A second, by feed and HTTP status",
        [Query(f"sum by (feed, status) (rate(makegood_ingest_requests_total{_RATE}))", "{{feed}} {{status}}")],
        "short",
        width=8,
        low=0,
    )
    board.series(
        "Not believed",
        "Requests an hour, by reason",
        [Query("sum by (feed, reason) (increase(makegood_ingest_refused_total[1h]))", "{{feed}} {{reason}}")],
        "short",
        width=8,
        low=0,
    )
    board.series(
        "Records",
        "A second: made durable; left out because they were kept already",
        [
            Query(f"sum by (feed) (rate(makegood_ingest_records_total{_RATE}))", "{{feed}}"),
            Query(f"sum by (feed) (rate(makegood_ingest_repeats_total{_RATE}))", "{{feed}} repeats"),
        ],
        "short",
        width=8,
        low=0,
    )
    board.series(
        "Spool",
        "Its size; what the flow has not read; what waits to be written",
        [
            Query("sum by (feed) (makegood_ingest_spool_bytes)", "{{feed}}"),
            Query("sum by (feed) (makegood_ingest_unread_bytes)", "{{feed}} not read"),
            Query("sum by (feed) (makegood_ingest_waiting_bytes)", "{{feed}} waits"),
        ],
        "bytes",
        width=8,
        low=0,
    )
    board.series(
        "Oldest record not read",
        "By the time of day; no line: all is read",
        [Query("time() - min by (feed) (makegood_ingest_oldest_unread_timestamp_seconds)", "{{feed}}")],
        "s",
        width=8,
        low=0,
    )
    board.series(
        "Making durable",
        "95 % of writes to the disk took no longer",
        [Query(quantile(0.95, "makegood_ingest_commit_seconds", "feed"), "{{feed}}")],
        "s",
        width=8,
        low=0,
    )
