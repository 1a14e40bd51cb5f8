"""Metrics of the web application."""

from config.metrics.model import Label, Metric

ALERTMANAGER = Metric(
    name="alertmanager_build_info",
    kind="gauge",
    part="console",
    unit="bool",
    help="Which release of Alertmanager the API is like, and which of Makegood this is; always 1",
    labels=tuple(
        Label(name=name, most=1, told="of this program") for name in ("branch", "goversion", "revision", "version")
    ),
)
"""Under Alertmanager's name, because its clients (karma) decide by it what to ask for."""
MOST_WALLS = 100
_PART = Label(name="part", of=("dashboards.figures:Part",), told="of the web application")
_WALL = Label(name="wall", most=MOST_WALLS, told="names of walls")
REQUEST = Metric(
    name="makegood_console_request_seconds",
    kind="histogram",
    part="console",
    unit="seconds",
    help="How long requests took until they were answered, those for streams apart",
    labels=(_PART,),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 10.0),
)
FAILED = Metric(
    name="makegood_console_requests_failed",
    kind="counter",
    part="console",
    unit="number",
    help="Requests that were answered with a failure of ours (status 500 and above)",
    labels=(_PART,),
)
READ = Metric(
    name="makegood_console_store_read_timestamp_seconds",
    kind="gauge",
    part="console",
    unit="seconds",
    help="When the store answered this console last: what its screens show is as old",
)
WALL_ASKED = Metric(
    name="makegood_wall_last_asked_timestamp_seconds",
    kind="gauge",
    part="console",
    unit="seconds",
    help="When a wall asked last; the same in every console, of the last week",
    labels=(_WALL,),
)
WALL_LIVE = Metric(
    name="makegood_wall_live",
    kind="gauge",
    part="console",
    unit="bool",
    help="1 when a wall said last that what it shows is live; the same in every console",
    labels=(_WALL,),
)

ALL = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
