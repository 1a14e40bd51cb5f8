"""Whether people are told: for whoever answers for that."""

from dashboards.grafana.board import Board
from dashboards.grafana.looks import OK_OR_NOT, YES_IS_BAD, Query, Step
from dashboards.grafana.palette import P1, P2, QUIET
from dashboards.grafana.queries import quantile

_RATE = "[$__rate_interval]"
_ACKNOWLEDGED = "histogram_quantile({share}, max by (le) (rate(makegood_time_to_acknowledge_seconds_bucket[{over}])))"


def build() -> Board:
    """Return the board."""
    board = Board(
        "makegood-delivery",
        "Makegood: delivery",
        "Whether people are told, how fast, by which way, and what is known of the ways that are not in use.",
        since="now-24h",
    )
    board.row("Now")
    board.stat("Pending", "Notifications not yet delivered", "max(makegood_notifications_pending)", "short")
    board.stat(
        "Every tier failed",
        "Notifications that nobody could be told of yet; they are tried on",
        "max(makegood_notifications_undelivered)",
        "short",
        steps=(Step(1, P1),),
    )
    board.stat(
        "Oldest pending",
        "Age of the oldest notification that is not delivered",
        "max(makegood_notification_oldest_pending_seconds)",
        "s",
        steps=(Step(60, P2), Step(600, P1)),
    )
    board.stat("Last audit", "Whether it found all well", "min(makegood_audit_well)", "short", says=OK_OR_NOT)
    board.stat(
        "Nothing missing",
        "Part of what was to be told that was not missing, in the last audit",
        "min(makegood_audit_success_ratio)",
        "percentunit",
        decimals=2,
    )
    board.stat(
        "Overdue",
        "What was on its way for too long, in the last audit",
        "max(makegood_audit_overdue)",
        "short",
        steps=(Step(1, P2),),
    )
    board.row("How fast")
    board.series(
        "From the store to a person",
        "Half, 95 %, and 99 % of notifications were delivered within",
        [Query(quantile(part, "makegood_notification_delay_seconds"), f"{part:.0%}") for part in (0.5, 0.95, 0.99)],
        "s",
        low=0,
    )
    board.series(
        "Until somebody has it in hand",
        "From the store's taking an alert to its first acknowledgement: half, and nine in ten, of the last six hours",
        [Query(_ACKNOWLEDGED.format(share=part, over="6h"), f"{part:.0%}") for part in (0.5, 0.9)],
        "s",
        low=0,
    )
    board.series(
        "Delivered",
        "Notifications a minute, by receiver",
        [Query(f"sum by (receiver) (rate(makegood_notifications_delivered_total{_RATE})) * 60", "{{receiver}}")],
        "short",
        low=0,
    )
    board.series(
        "Nobody has them",
        "Alerts that fire, by whether somebody has acknowledged them",
        [
            Query(
                "max by (acknowledged) (sum by (instance, acknowledged) (makegood_alerts_firing))",
                "acknowledged: {{acknowledged}}",
            )
        ],
        "short",
        low=0,
    )
    board.series(
        "Longest without an answer",
        "How long the store has known of the oldest alert that nobody has acknowledged, by severity",
        [Query("max by (severity) (makegood_alerts_oldest_unacknowledged_seconds)", "{{severity}}")],
        "s",
        low=0,
    )
    board.row("Ways")
    board.timeline(
        "Channels that fail",
        "Whether a channel's last use failed",
        Query("max by (channel) (makegood_channel_failing)", "{{channel}}"),
        YES_IS_BAD,
        width=12,
    )
    board.timeline(
        "Left alone",
        "Channels that are not tried for a while, because they keep failing (circuit breaker)",
        Query("max by (channel) (makegood_breaker_open)", "{{channel}}"),
        {"0": ("in use", QUIET), "1": ("left alone", P2)},
        width=12,
    )
    board.series(
        "Tries",
        "A minute, by channel and outcome",
        [Query(f"sum by (channel, outcome) (rate(makegood_tries_total{_RATE})) * 60", "{{channel}} {{outcome}}")],
        "short",
        low=0,
    )
    board.series(
        "Why tries failed",
        "A minute, by channel and reason",
        [Query(f"sum by (channel, reason) (rate(makegood_try_failures_total{_RATE})) * 60 ", "{{channel}} {{reason}}")],
        "short",
        low=0,
    )
    board.series(
        "By a lower tier, again, in a digest",
        "An hour: delivered by a tier below the first; perhaps a second time; told by a digest",
        [
            Query("sum by (receiver) (increase(makegood_failovers_total[1h]))", "{{receiver}} by a lower tier"),
            Query(
                "sum by (receiver) (increase(makegood_notifications_possibly_repeated_total[1h]))", "{{receiver}} again"
            ),
            Query(
                "sum by (receiver) (increase(makegood_notifications_digested_total[1h]))", "{{receiver}} in a digest"
            ),
        ],
        "short",
        low=0,
    )
    board.series(
        "What far sides said later",
        "Receipts an hour, by channel and outcome",
        [Query("sum by (channel, outcome) (increase(makegood_receipts_total[1h]))", "{{channel}} {{outcome}}")],
        "short",
        low=0,
    )
    board.row("Found by looking")
    board.series(
        "Missing, and defects",
        "An hour: what audits found missing, and sent; unexpected errors in the notifier",
        [
            Query("sum(increase(makegood_audit_missing_total[1h]))", "missing"),
            Query("sum(increase(makegood_notifier_defects_total[1h]))", "defects"),
        ],
        "short",
        low=0,
    )
    board.timeline(
        "Drills",
        "Whether the last drill reached somebody in every case; NO DATA: there was none",
        Query("min by (receiver) (makegood_drill_reached)", "{{receiver}}"),
        OK_OR_NOT,
        width=12,
    )
    board.bars(
        "Since the last drill",
        "Age of each receiver's last drill",
        Query("time() - max by (receiver) (makegood_drill_last_run_timestamp_seconds > 0)", "{{receiver}}"),
        "s",
    )
    board.row("Canaries", needs="canaries")
    board.timeline(
        "Canaries",
        "Whether the last try of a channel by the clock came through",
        Query("min by (channel) (makegood_canary_working)", "{{channel}}"),
        OK_OR_NOT,
        width=12,
    )
    board.bars(
        "Since the last canary",
        "Age of each channel's last canary",
        Query("time() - max by (channel) (makegood_canary_last_run_timestamp_seconds > 0)", "{{channel}}"),
        "s",
        width=12,
    )
    board.row("What people and far sides say over HTTP", needs="callbacks")
    board.series(
        "Callbacks",
        "Requests an hour, by what they are about and what became of them",
        [Query("sum by (kind, result) (increase(makegood_callbacks_total[1h]))", "{{kind}} {{result}}")],
        "short",
        width=24,
        low=0,
    )
    return board
