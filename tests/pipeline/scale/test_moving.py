"""Moving state between flow processes that is broken off half-way: pipeline/scale/moving.py."""

import pickle
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from alerts.store import AlertStore
from config.settings import Settings
from pipeline import durable, recovery
from pipeline.assembly import load_settings
from pipeline.feeds.contract import Share
from pipeline.lane import LANE
from pipeline.run import run_flow
from pipeline.scale import moving
from pipeline.scale.keys import ScaleError, home_of
from pipeline.scale.moving import identity_of, rescale
from pipeline.snapshots import Row, read_rows, write_rows

PARTITIONS = 4


class Killed(BaseException):
    """In the place of a power cut."""


@pytest.fixture(params=["", " #1?mode=rw"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    folder = tmp_path / f"here{request.param}"
    folder.mkdir()
    path = folder / "makegood.yaml"
    path.write_text(
        f"scale: {{bootstrap: 'kafka:9092', partitions: {PARTITIONS}}}\n"
        "feeds: {crm: {type: kafka, bootstrap: 'kafka:9092', topics: [cases]}}\n"
        f"store: {{dir: '{folder / 'var'}'}}\n",
        encoding="utf-8",
    )
    made = load_settings(path).settings
    for index in range(2):
        own = range(index, PARTITIONS, 2)
        rows = [Row("makegood.feeds", LANE, pickle.dumps({"crm": {f"cases/{number}": 7 for number in own}}))]
        rows += [Row("makegood.prepare", f"task/{number}", b"prepared %d" % number) for number in own]
        target = moving.folder_of(made, index)
        write_rows(target / recovery.STATE, rows)
        recovery.write_identity(target, identity_of(PARTITIONS, Share(index, 2)))
    return made


def tasks(settings: Settings, index: int) -> list[str]:
    rows = read_rows(moving.folder_of(settings, index) / recovery.STATE)
    return sorted(row.key for row in rows if row.step == "makegood.prepare")


def dies_at(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process die at the ``count``-th rename of a folder."""
    done = 0
    rename: Callable[[Path, Path], Path] = Path.rename

    def renaming(path: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done == count:
            raise Killed
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renaming)


@pytest.mark.parametrize("count", range(1, 6))
def test_a_flow_does_not_start_between_folders_that_are_half_moved_and_a_second_try_finishes(
    settings: Settings, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        dies_at(count, patched)
        with pytest.raises(Killed):
            rescale(settings, 3)
    with pytest.raises(ScaleError, match="makegood rescale --to 3"):
        run_flow(settings, AlertStore.__new__(AlertStore), share=Share(0, 3))
    assert rescale(settings, 3).after == 3
    assert [tasks(settings, index) for index in range(3)] == [["task/0", "task/3"], ["task/1"], ["task/2"]]


def test_everything_that_was_staged_is_on_the_disk_before_the_old_folders_go(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = moving.folder_of(settings, 0) / recovery.CASES / "sla.2.00000000.log"
    log.parent.mkdir()
    log.write_bytes(b"log")
    synced: set[str] = set()
    sync = durable.sync

    def noted(path: Path) -> None:
        synced.add(str(path.relative_to(settings.store.dir)))
        sync(path)

    monkeypatch.setattr(durable, "sync", noted)
    dies_at(1, monkeypatch)
    with pytest.raises(Killed):
        rescale(settings, 1)
    assert {"rescale.staged/flow-0/cases/sla.2.00000000.log", "rescale.staged/flow-0/state/part-0.sqlite3"} <= synced


def test_state_that_appeared_since_is_not_deleted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        dies_at(3, patched)
        with pytest.raises(Killed):
            rescale(settings, 1)
    stranger = moving.folder_of(settings, 0)
    write_rows(stranger / recovery.STATE, [])
    recovery.write_identity(stranger, identity_of(PARTITIONS, Share(0, 1)))
    # It holds state, so it is locked like the others, and stays what it is.
    with pytest.raises(ScaleError, match="holds state that was not there when the move began"):
        rescale(settings, 1)
    with sqlite3.connect(stranger / recovery.STATE / "part-0.sqlite3") as base:
        assert base.execute("SELECT count(*) FROM exs").fetchone() == (1,)


def test_state_of_a_process_alone_is_told_of_and_stays(settings: Settings) -> None:
    alone = moving.folder_alone(settings)
    with capture_logs() as told:
        moving.check_whole(settings)
        assert told == []
        alone.mkdir()
        recovery.write_identity(alone, ["a flow"])
        moving.check_whole(settings)
    assert [(line["event"], line["folder"]) for line in told] == [("flow.state_left_behind", str(alone))]


def test_models_go_with_their_detector(settings: Settings) -> None:
    home = home_of("drop.de", PARTITIONS)
    models = moving.folder_of(settings, home % 2) / recovery.MODELS
    models.mkdir()
    (models / "drop.de.00000003.models").write_bytes(b"models")
    rescale(settings, 3)
    moved = moving.folder_of(settings, home % 3) / recovery.MODELS / "drop.de.00000003.models"
    assert moved.read_bytes() == b"models"
