"""PyFlink's Table API: JSON lines from the file system, a watermark, a tumbling window TVF, CSV to the file system.

Everything runs in the JVM: Python only submits the statements. The window is written as a window table-valued function
because Flink's documentation prefers it to the older ``Tumble`` of the Table API: it is planned with local and global
aggregation and works in mini-batches.
"""

import os
from pathlib import Path

# The JVM that PyFlink starts is the whole cluster: give it a heap that nothing in this job comes near to.
os.environ["JVM_ARGS"] = "-Xms2g -Xmx2g"

from pyflink.common import Configuration
from pyflink.table import EnvironmentSettings, TableEnvironment

from benchmarks.peers.jobs.arguments import arguments

SOURCE = """
    CREATE TABLE events (
        `time` TIMESTAMP_LTZ(3),
        `data` ROW<status STRING, service STRING, region STRING, sentiment DOUBLE>,
        -- A line without a time would stop the job at the watermark, so it gets one, and is left out below.
        event_time AS COALESCE(`time`, TO_TIMESTAMP_LTZ(0, 3)){watermark}
    ) WITH (
        'connector' = 'filesystem', 'path' = '{path}', 'format' = 'json',
        'json.ignore-parse-errors' = 'true', 'json.timestamp-format.standard' = 'ISO-8601'
    )"""
WATERMARK = ",\n        WATERMARK FOR event_time AS event_time - INTERVAL '10' SECOND"
SINK = """
    CREATE TABLE windows (
        `minute` TIMESTAMP(3), service STRING, region STRING,
        `count` BIGINT, breach_share DOUBLE, mean_sentiment DOUBLE
    ) WITH ('connector' = 'filesystem', 'path' = '{path}', 'format' = 'csv')"""
JOB = """
    INSERT INTO windows
    SELECT window_start, service, region, COUNT(*), AVG(breached), AVG(sentiment)
    FROM TABLE(TUMBLE(DATA => TABLE closed, TIMECOL => DESCRIPTOR(event_time), SIZE => INTERVAL '1' MINUTE))
    GROUP BY window_start, window_end, service, region"""
CLOSED = """
    CREATE TEMPORARY VIEW closed AS
    SELECT event_time, `data`.service AS service, `data`.region AS region, `data`.sentiment AS sentiment,
           CASE WHEN `data`.status = 'breached' THEN 1.0E0 ELSE 0.0E0 END AS breached
    FROM events
    WHERE `time` IS NOT NULL AND `data`.service IS NOT NULL"""


def settings(cores: int, mode: str) -> EnvironmentSettings:
    """Return Flink's settings, tuned as its documentation advises for throughput."""
    configuration = Configuration()
    for key, value in {
        "parallelism.default": str(cores),
        "taskmanager.numberOfTaskSlots": str(cores),
        "pipeline.object-reuse": "true",
        "state.backend.type": "hashmap",
        "table.local-time-zone": "UTC",
        "table.exec.mini-batch.enabled": "true",
        "table.exec.mini-batch.allow-latency": "5 s",
        "table.exec.mini-batch.size": "5000",
        "table.optimizer.agg-phase-strategy": "AUTO",
        # Batch mode gives a part of this to its sort and hash operators; streaming with a heap backend needs none.
        "taskmanager.memory.managed.size": "512m",
    }.items():
        configuration.set_string(key, value)
    builder = EnvironmentSettings.new_instance().with_configuration(configuration)
    return (builder.in_batch_mode() if mode == "batch" else builder.in_streaming_mode()).build()


def main(mode: str) -> None:
    """Run the job to its end."""
    options = arguments()
    folder: Path = options.input[0]
    environment = TableEnvironment.create(settings(options.cores, mode))
    environment.execute_sql(SOURCE.format(path=folder.absolute(), watermark="" if mode == "batch" else WATERMARK))
    environment.execute_sql(SINK.format(path=options.output.absolute()))
    environment.execute_sql(CLOSED)
    environment.execute_sql(JOB).wait()


if __name__ == "__main__":
    main(os.environ.get("PEERS_FLINK_MODE", "streaming"))
