"""Whether events flow, from feeds to detectors: for whoever runs it."""

from dashboards.grafana import pipeline_parts as parts
from dashboards.grafana.board import Board
from dashboards.grafana.looks import OK_OR_NOT, Query, Step
from dashboards.grafana.palette import P1, P2
from dashboards.grafana.queries import EVENT_TIME_BEHIND

_RATE = "[$__rate_interval]"
_JOBS = '{job=~"makegood.*"}'


def build() -> Board:
    """Return the board."""
    board = Board(
        "makegood-pipeline",
        "Makegood: pipeline",
        "Whether events flow from the feeds to the detectors, what does not become one, and what it costs.",
    )
    board.row("Now")
    board.stat("Processes", "Parts that answer Prometheus", f"sum(up{_JOBS})", "short")
    board.stat("Flow", "Whether the flow says that all is well", "min(makegood_flow_healthy)", "short", says=OK_OR_NOT)
    board.stat(
        "Event time behind",
        "How far what is judged is behind the clock of events: the lateness that is waited for, and any lag",
        EVENT_TIME_BEHIND,
        "s",
        steps=(Step(900, P2), Step(3600, P1)),
    )
    board.stat(
        "Clock off",
        "How far the system's clock is ahead of the flow's since it jumped",
        "max(abs(makegood_clock_off_seconds))",
        "s",
        steps=(Step(5, P2),),
    )
    board.stat(
        "Room left",
        "On the disk that has the least of what the flow needs: 1 is just enough, below it stops reading",
        "min(makegood_disk_free_bytes / makegood_disk_needed_bytes)",
        "none",
        decimals=1,
    )
    board.stat(
        "Wait for an upgrade",
        "Partitions of the topic of panes that a flow process cannot read on",
        "sum(makegood_panes_held_partitions)",
        "short",
        steps=(Step(1, P1),),
    )
    board.row("Events")
    board.series(
        "Throughput",
        "A second: records read, events given to the detectors",
        [
            Query(f"sum(rate(makegood_records_total{_RATE}))", "records"),
            Query(f"sum(rate(makegood_events_total{_RATE}))", "events"),
        ],
        "short",
        low=0,
    )
    board.series(
        "Left out",
        "A second: repeats, events that came late, records that a filter left out",
        [
            Query(f"sum(rate(makegood_duplicate_events_total{_RATE}))", "repeats"),
            Query(f"sum(rate(makegood_late_events_total{_RATE}))", "late"),
            Query(f"sum(rate(makegood_filtered_records_total{_RATE}))", "filtered"),
        ],
        "short",
        low=0,
    )
    board.series(
        "Events by feed",
        "A second, repeats apart",
        [Query(f"sum by (feed) (rate(makegood_partition_events_total{_RATE}))", "{{feed}}")],
        "short",
        low=0,
    )
    board.series(
        "Age of the newest event",
        "By the clock of events, for the partition of each feed that is furthest behind",
        [
            Query(
                "max(makegood_event_clock_seconds) - on () group_right ()"
                " min by (feed) (makegood_partition_newest_event_timestamp_seconds)",
                "{{feed}}",
            )
        ],
        "s",
        low=0,
    )
    board.row("Feeds")
    board.timeline(
        "Feeds",
        "Whether a feed can be reached and few enough of its records are bad",
        Query("min by (feed) (makegood_feed_healthy)", "{{feed}}"),
        OK_OR_NOT,
        width=12,
    )
    board.series(
        "What partitions do",
        "How many are being read, have been read to their end, cannot be reached",
        [Query("sum by (status) (makegood_partition_status)", "{{status}}")],
        "short",
        low=0,
    )
    board.series(
        "Dead letters",
        "A minute, by feed and reason",
        [Query(f"sum by (feed, reason) (rate(makegood_dead_letters_total{_RATE})) * 60", "{{feed}} {{reason}}")],
        "short",
        low=0,
    )
    board.row("Bad records", needs="bad records")
    board.series(
        "Bad share",
        "Of a feed's last records",
        [Query("max by (feed) (makegood_feed_bad_share)", "{{feed}}")],
        "percentunit",
        width=8,
        low=0,
        high=1,
    )
    board.series(
        "Fields of another shape",
        "1 while records of a feed have a field of another shape than expected",
        [Query("max by (feed, field, reason) (makegood_schema_changes)", "{{feed}} {{field}} {{reason}}")],
        "short",
        width=8,
        low=0,
    )
    board.series(
        "Dead letters deleted",
        "An hour, for their age or for want of room",
        [Query("sum by (feed, reason) (increase(makegood_dead_letters_pruned_total[1h]))", "{{feed}} {{reason}}")],
        "short",
        width=8,
        low=0,
    )
    board.row("Detectors")
    board.series(
        "Findings",
        "A second, by detector",
        [Query(f"sum by (detector) (rate(makegood_findings_total{_RATE}))", "{{detector}}")],
        "short",
        low=0,
    )
    board.series(
        "Alerts",
        "A minute, by detector",
        [Query(f"sum by (type) (rate(makegood_alerts_fired_total{_RATE})) * 60", "{{type}}")],
        "short",
        low=0,
    )
    board.row("Machine")
    board.series(
        "Memory",
        "Of each process",
        [Query(f"process_resident_memory_bytes{_JOBS}", "{{job}} {{instance}}")],
        "bytes",
        width=8,
        low=0,
    )
    board.series(
        "Processor",
        "Cores that each process is busy with",
        [Query(f"rate(process_cpu_seconds_total{_JOBS}{_RATE})", "{{job}} {{instance}}")],
        "short",
        width=8,
        low=0,
    )
    board.series(
        "Disk",
        "Room on the disk of each folder; dashed: below it the flow stops reading",
        [
            Query("min by (folder) (makegood_disk_free_bytes)", "{{folder}}"),
            Query("max by (folder) (makegood_disk_needed_bytes)", "{{folder}} needed", limit=True),
        ],
        "bytes",
        width=8,
        low=0,
    )
    parts.screens(board)
    parts.several(board)
    parts.kafka(board)
    parts.webhooks(board)
    parts.traces(board)
    return board
