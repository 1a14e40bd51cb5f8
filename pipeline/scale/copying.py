"""Copies what stands beside the engine's snapshots to the folders of the processes that it will belong to."""

import shutil
from pathlib import Path

from pipeline import recovery
from pipeline.scale.keys import home_of


def copy_files(folder: Path, staged: Path, partitions: int, to: int) -> None:
    """Copy the memories of ids and the logs of cases of each task, and the models of each detector.

    Args:
        folder: of a process.
        staged: where the new folders are made.
        partitions: of the topic of panes.
        to: how many processes there will be.
    """
    for task in _files(folder / recovery.SEEN):
        shutil.copytree(task, staged / f"flow-{int(task.name) % to}" / recovery.SEEN / task.name)
    for log in _files(folder / recovery.CASES):
        shard = int(log.name.split(".")[-3])  # detector.shard.generation.log
        _copy(log, staged / f"flow-{shard % to}" / recovery.CASES)
    for models in _files(folder / recovery.MODELS):
        detector = models.name.rsplit(".", 2)[0]  # detector.number.models
        _copy(models, staged / f"flow-{home_of(detector, partitions) % to}" / recovery.MODELS)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, folder / path.name)
