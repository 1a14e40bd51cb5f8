"""Pathway: JSON lines in static mode, ``windowby`` with a tumbling window, built-in reducers, CSV."""

import os
from datetime import timedelta

import pathway as pw

from benchmarks.peers.jobs.arguments import arguments


class Closed(pw.Schema):  # type: ignore[misc]
    """The fields that the job needs. A line without one of them becomes an error row, which is logged and left out."""

    time: str
    status: str
    service: str
    region: str
    sentiment: float


PATHS = {name: f"/data/{name}" for name in ("status", "service", "region", "sentiment")}


def main() -> None:
    """Run the job to its end."""
    options = arguments()
    lines = pw.io.jsonlines.read(options.input[0], schema=Closed, mode="static", json_field_paths=PATHS)
    events = lines.remove_errors().select(
        pw.this.service,
        pw.this.region,
        pw.this.sentiment,
        # Pathway's own reading of times from JSON does not take the Z of RFC 3339.
        time=pw.this.time.dt.strptime("%Y-%m-%dT%H:%M:%S.%fZ"),
        breached=pw.if_else(pw.this.status == "breached", 1.0, 0.0),
    )
    if os.environ.get("PEERS_PATHWAY") == "groupby":
        windows = (
            events.with_columns(minute=pw.this.time.dt.floor(timedelta(minutes=1)))
            .groupby(pw.this.minute, pw.this.service, pw.this.region)
            .reduce(
                pw.this.minute,
                pw.this.service,
                pw.this.region,
                count=pw.reducers.count(),
                breach_share=pw.reducers.avg(pw.this.breached),
                mean_sentiment=pw.reducers.avg(pw.this.sentiment),
            )
        )
    else:
        windows = events.windowby(
            events.time,
            window=pw.temporal.tumbling(duration=timedelta(minutes=1)),
            instance=(events.service, events.region),
        ).reduce(
            minute=pw.this["_pw_window_start"],
            service=pw.this["_pw_instance"][0],
            region=pw.this["_pw_instance"][1],
            count=pw.reducers.count(),
            breach_share=pw.reducers.avg(pw.this.breached),
            mean_sentiment=pw.reducers.avg(pw.this.sentiment),
        )
    pw.io.csv.write(windows, str(options.output))
    pw.run(monitoring_level=pw.MonitoringLevel.NONE, terminate_on_error=False)


if __name__ == "__main__":
    main()
