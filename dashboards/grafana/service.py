"""How customers of each service fare, over hours and days."""

from dashboards.grafana.board import Board
from dashboards.grafana.looks import Query
from dashboards.grafana.queries import quantile, share

_OF = 'service=~"$service"'


def build() -> Board:
    """Return the board."""
    board = Board(
        "makegood-service",
        "Makegood: service health",
        "How the customers of each service fare: sentiment, promises, how long it takes until they are helped.",
        since="now-24h",
        choose={"service": "label_values(makegood_window_events, service)"},
    )
    board.row("What customers say")
    board.series(
        "Sentiment",
        "Mean sentiment of each group's newest window, -1 to 1",
        [Query(f"makegood_sentiment_mean{{{_OF}}}", "{{service}} {{region}} {{group}}")],
        "none",
        low=-1,
        high=1,
    )
    board.series(
        "Negative share",
        "Share of negative texts in each group's newest window",
        [Query(f"makegood_sentiment_negative_share{{{_OF}}}", "{{service}} {{region}} {{group}}")],
        "percentunit",
        low=0,
        high=1,
    )
    board.row("What they were promised")
    board.series(
        "First replies in time",
        "Share of the promises of a first reply that were met",
        [
            Query(
                share(
                    "makegood_promises_total",
                    f'kind="first_reply", outcome="met", {_OF}',
                    f'kind="first_reply", {_OF}',
                    "service",
                    "1h",
                ),
                "{{service}}",
            )
        ],
        "percentunit",
        low=0,
        high=1,
    )
    board.series(
        "Time to a first reply",
        "Median of those that came in time, as the promise counts time",
        [
            Query(
                quantile(0.5, "makegood_promise_met_seconds", "service", "1h", f'kind="first_reply", {_OF}'),
                "{{service}}",
            )
        ],
        "s",
        low=0,
    )
    board.series(
        "Promises broken",
        "An hour, by what was promised",
        [Query(f'sum by (kind) (rate(makegood_promises_total{{outcome="broken", {_OF}}}[1h])) * 3600', "{{kind}}")],
        "short",
        low=0,
    )
    board.series(
        "Promises in danger",
        "At risk, or broken and not yet made good",
        [Query("max by (state) (sum by (instance, state) (makegood_promises_in_danger))", "{{state}}")],
        "short",
        low=0,
    )
    board.row("How long until they are helped")
    board.series(
        "Time to resolution",
        "Of cases that were resolved in the last hour, all the time that passed: half, and nine in ten, took no longer",
        [
            Query(quantile(0.5, "makegood_case_resolution_seconds", "service", "1h", _OF), "{{service}} half"),
            Query(quantile(0.9, "makegood_case_resolution_seconds", "service", "1h", _OF), "{{service}} nine in ten"),
        ],
        "s",
        low=0,
    )
    board.series(
        "Customers who came back",
        "Share of contacts that were repeats of an earlier one",
        [
            Query(
                share("makegood_findings_total", 'verdict="repeat"', 'verdict=~"repeat|no_repeat"', "detector", "1h"),
                "{{detector}}",
            )
        ],
        "percentunit",
        low=0,
        high=1,
    )
    board.row("What is raised about them")
    board.series(
        "Open alerts",
        "By the service that they are about; those about none apart",
        [
            Query(
                f"max by (service) (sum by (instance, service) (makegood_service_alerts_firing{{{_OF}}}))",
                "{{service}}",
            )
        ],
        "short",
        low=0,
    )
    board.series(
        "Events in a window",
        "How much there is to go by",
        [Query(f"sum by (detector, service) (makegood_window_events{{{_OF}}})", "{{detector}} {{service}}")],
        "short",
        low=0,
    )
    return board
