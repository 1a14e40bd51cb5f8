"""What is wrong now, and whether what is seen can be trusted: for a screen that everybody sees."""

from dashboards.grafana.board import Board
from dashboards.grafana.looks import OK_OR_NOT, Query, Step
from dashboards.grafana.palette import P1, P2, P3, QUIET
from dashboards.grafana.queries import (
    DELIVERY_P95,
    DETECTION_P95,
    EVENT_TIME_BEHIND,
    FIRST_REPLY_KEPT,
    OLDEST_FEED,
    REPEAT_SHARE,
    RESOLUTION_MEDIAN,
    SENTIMENT_NOW,
    every_notifier,
)

_STATES = {"0": ("ok", QUIET), "1": ("P3", P3), "2": ("P2", P2), "3": ("P1", P1)}
_SERVICE_STATE = (
    'max by (service) (makegood_service_urgency{service!=""})'
    ' or on (service) (0 * max by (service) (makegood_window_events{service!=""})'
    " and on () (max(makegood_flow_healthy) == 1))"
)


def build() -> Board:
    """Return the board."""
    board = Board(
        "makegood-now",
        "Makegood: now",
        "What is wrong now, how bad, and can this screen be trusted. Grey is calm only while the first row is whole.",
        since="now-3h",
    )
    board.row("Can this be trusted?")
    board.stat("Flow", "Whether the flow says that all is well", "min(makegood_flow_healthy)", "short", says=OK_OR_NOT)
    board.stat(
        "Event time behind",
        "How far what is judged is behind the clock of events: the lateness that is waited for, and any lag",
        EVENT_TIME_BEHIND,
        "s",
        steps=(Step(900, P2), Step(3600, P1)),
    )
    board.stat(
        "Oldest feed",
        "Age of the newest event of the feed that has been quiet for longest",
        OLDEST_FEED,
        "s",
        steps=(Step(1800, P2), Step(7200, P1)),
    )
    board.stat(
        "Feeds not well",
        "Feeds that cannot be reached, or of which too many records are bad",
        "count(makegood_feed_healthy) - sum(makegood_feed_healthy)",
        "short",
        steps=(Step(1, P1),),
    )
    board.stat(
        "Alerts read",
        "How long ago the alerts of the store were read for this screen",
        "time() - max(makegood_store_read_timestamp_seconds)",
        "s",
        steps=(Step(60, P2), Step(300, P1)),
    )
    board.stat(
        "Last audit",
        "How long ago it was last looked whether everybody was told; NO DATA: never",
        "time() - max(makegood_audit_last_run_timestamp_seconds > 0)",
        "s",
        steps=(Step(900, P2), Step(3600, P1)),
    )
    board.row("What fires")
    for word, color in (("P1", P1), ("P2", P2), ("P3", P3)):
        board.stat(
            f"{word} open",
            f"Alerts that fire whose priority is {word}, as in the console and on the wall; silenced ones too",
            every_notifier(f'makegood_alerts_open{{priority="{word}"}}'),
            "short",
            steps=(Step(1, color),),
            width=3,
        )
    board.stat(
        "Nobody has them",
        "Alerts that nobody has acknowledged",
        every_notifier('makegood_alerts_open{acknowledged="no"}'),
        "short",
        width=3,
    )
    board.stat(
        "Longest alone",
        "How long the oldest P1 has been waiting for somebody to acknowledge it",
        'max(makegood_alerts_open_oldest_unacknowledged_seconds{priority="P1"})',
        "s",
        steps=(Step(300, P2), Step(900, P1)),
        width=3,
    )
    for state, title, color in (("at_risk", "Promises at risk", P2), ("broken", "Promises broken", P1)):
        board.stat(
            title,
            f"Promises to customers that are {state.replace('_', ' ')} now",
            every_notifier(f'makegood_promises_in_danger{{state="{state}"}}'),
            "short",
            steps=(Step(1, color),),
            width=3,
        )
    board.stat(
        "Not delivered",
        "Notifications of which every tier has failed",
        "max(makegood_notifications_undelivered)",
        "short",
        steps=(Step(1, P1),),
        width=3,
    )
    board.timeline(
        "Services",
        "The most urgent alert about each service as a whole. ok: none; and the flow, which is well, sees its events",
        Query(_SERVICE_STATE, "{{service}}"),
        _STATES,
        height=10,
    )
    board.row("How customers fare")
    board.stat("Sentiment", "Mean of the newest windows, -1 to 1", SENTIMENT_NOW, "none", decimals=2)
    board.stat("Until resolved", "Median time to resolve a case, last hour", RESOLUTION_MEDIAN, "s")
    board.stat(
        "First replies in time", "Share of promises of a first reply kept, last hour", FIRST_REPLY_KEPT, "percentunit"
    )
    board.stat("Came back", "Share of contacts that were repeats, last hour", REPEAT_SHARE, "percentunit")
    board.stat(
        "Seen within", "95 % of alerts were stored so long after what they tell of, last hour", DETECTION_P95, "s"
    )
    board.stat("Told within", "95 % of notifications were delivered so long after, last hour", DELIVERY_P95, "s")
    return board
