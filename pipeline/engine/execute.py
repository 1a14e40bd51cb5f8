"""Runs a dataflow to its end in this process, with recovery."""

from datetime import timedelta
from pathlib import Path

from bytewax.dataflow import Dataflow
from bytewax.run import cli_main

from pipeline import recovery


def execute(flow: Dataflow, *, epoch_us: int, folder: Path, identity: object) -> None:
    """Run the flow with one worker until its source ends or drains.

    Args:
        flow: the dataflow.
        epoch_us: microseconds between two snapshots.
        folder: the recovery folder, held by this process.
        identity: what the folder's state is bound to.
    """
    cli_main(  # type: ignore[no-untyped-call]
        flow,
        epoch_interval=timedelta(microseconds=epoch_us),
        recovery_config=recovery.recovery_config(folder, identity),
    )
