"""Quix Streams: a topic of JSON values, ``tumbling_window`` with built-in aggregators, final results, CSV.

The last records of a topic are sentinels, one for each key, five minutes after the last event: they close the windows
that are still open, and the last of them ends the run. A live topic has no end, so without them the last windows would
never come.
"""

import csv
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from quixstreams import Application
from quixstreams.dataframe.windows import Count, Mean
from quixstreams.sinks import BatchingSink, SinkBatch

from benchmarks.peers.jobs.arguments import arguments, run_each

MINUTE_MS = 60_000
LATENESS_MS = 10_000
COLUMNS = ("minute", "service", "region", "count", "breach_share", "mean_sentiment")
LAST = "last"


class Windows(BatchingSink):  # type: ignore[misc]
    """Writes closed windows to a CSV file whenever Quix Streams commits."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def setup(self) -> None:
        """Begin the file."""
        with self._path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(COLUMNS)

    def write(self, batch: SinkBatch) -> None:
        """Append the windows of a batch."""
        with self._path.open("a", encoding="utf-8", newline="") as file:
            out = csv.writer(file)
            for item in batch:
                window = item.value
                figures = (window["count"], window["breached"], window["sentiment"])
                out.writerow((window["start"] // 1000, *item.key.split("|"), *figures))


def main() -> None:
    """Run the job until the last sentinel comes; several topics in a process each."""
    options = arguments()
    if len(options.input) > 1:
        run_each(options)
        return
    topic_name = options.input[0].name
    app = Application(
        broker_address=os.environ["PEERS_KAFKA"],
        consumer_group=f"{topic_name}-{os.getpid()}",
        auto_offset_reset="earliest",
        state_dir=options.work / "state",
        use_changelog_topics=False,
        auto_create_topics=False,
        loglevel="WARNING",
        on_consumer_error=skip_broken,
        consumer_extra_config={"fetch.queue.backoff.ms": 5, "queued.min.messages": 1_000_000},
    )

    def event_time_ms(value: Any, _headers: Any, kafka_ms: int, _type: Any) -> int:
        text = value.get("time")
        if text is None:
            return kafka_ms  # such a record is left out below, before it comes to a window
        if value["id"] == LAST:
            app.stop()
        return int(datetime.fromisoformat(text).timestamp() * 1000)

    topic = app.topic(topic_name, key_deserializer="str", value_deserializer="json", timestamp_extractor=event_time_ms)
    closed = app.dataframe(topic).filter(lambda event: "time" in event and "data" in event)
    figures = closed.apply(
        lambda event: {
            "breached": 1.0 if event["data"]["status"] == "breached" else 0.0,
            "sentiment": event["data"]["sentiment"],
        }
    )
    windows = figures.tumbling_window(MINUTE_MS, grace_ms=LATENESS_MS).agg(
        count=Count(), breached=Mean("breached"), sentiment=Mean("sentiment")
    )
    windows.final(closing_strategy="key").sink(Windows(options.output))
    app.run()


def skip_broken(error: Exception, _message: Any, _logger: Any) -> bool:
    """Leave out what is not JSON; stop for everything else."""
    return type(error).__name__ == "SerializationError"


if __name__ == "__main__":
    main()
