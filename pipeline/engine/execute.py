"""Runs a dataflow to its end in this process, with recovery."""

from datetime import timedelta
from pathlib import Path

import structlog
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main

from pipeline import recovery
from pipeline.snapshots import drop_unfinished

log = structlog.get_logger(__name__)


def execute(flow: Dataflow, *, epoch_us: int, folder: Path, identity: object) -> None:
    """Run the flow with one worker until its source ends or drains.

    Args:
        flow: the dataflow.
        epoch_us: microseconds between two snapshots.
        folder: the recovery folder, held by this process.
        identity: what the folder's state is bound to.

    Raises:
        sqlite3.Error: when the folder's snapshots cannot be opened.
    """
    config = recovery.recovery_config(folder, identity)
    left = drop_unfinished(folder / recovery.STATE)
    if left:
        log.info("flow.unfinished_epoch_dropped", snapshots=left, folder=str(folder))
    cli_main(  # type: ignore[no-untyped-call]
        flow, epoch_interval=timedelta(microseconds=epoch_us), recovery_config=config
    )
