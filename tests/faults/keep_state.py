"""Keeps the state of a release as a fixture: ``python -m tests.faults.keep_state 0.1.0 CHECKOUT``.

CHECKOUT is a working tree of the release (``git worktree add FOLDER COMMIT``). Its flow reads a small recording of both
detectors twice: undisturbed, for what must come out, and halfway, until it is killed. ``tests/fixtures/state`` gets an
archive of the recording, the settings, the recovery folder, and of the changes that were in the store by then and at
the end.
"""

import re
import sys
import tarfile
import tempfile
from pathlib import Path

from alerts.store import AlertStore
from config.delivery import StoreSettings
from detectors.contract import AlertChange
from pipeline.journal import Journal
from tests.faults.flowing import RECORDING, history, running, settle, stored, write_files, write_live
from tests.support.own_redis import OwnRedis
from tests.support.ports import free_port

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "state"
TOLD, EXPECTED = "told.journal", "expected.journal"
_HALFWAY = 60
_ANY_PORT = "127.0.0.1:PORT"


def keep(release: str, checkout: Path) -> Path:
    """Run the flow of ``checkout`` and keep its state; return the archive."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        config = write_live(folder, batch_size=5, var=Path("var"))
        settings = config.read_text(encoding="utf-8").replace(f"{folder}/", "")
        config.write_text(settings, encoding="utf-8")
        _keep_changes(folder / EXPECTED, _run(folder, checkout, halfway=False))
        (folder / "var").rename(folder / "undisturbed")
        _keep_changes(folder / TOLD, _run(folder, checkout, halfway=True))
        config.write_text(re.sub(r"127\.0\.0\.1:\d+", _ANY_PORT, settings), encoding="utf-8")
        archive = FOLDER / f"{release}.tar.xz"
        with tarfile.open(archive, "w:xz") as tar:
            for part in ("crm.jsonl", "social.jsonl", config.name, TOLD, EXPECTED, "var/flow"):
                tar.add(folder / part, part, filter=_plain)
        return archive


def unpack(release: str, folder: Path) -> Path:
    """Lay out what was kept of a release; return its settings file."""
    with tarfile.open(FOLDER / f"{release}.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    config = folder / "makegood.yaml"
    text = config.read_text(encoding="utf-8")
    while _ANY_PORT in text:
        text = text.replace(_ANY_PORT, f"127.0.0.1:{free_port()}", 1)
    config.write_text(text, encoding="utf-8")
    return config


def changes(path: Path) -> list[AlertChange]:
    """Return the changes of a journal."""
    return list(Journal(path, AlertChange).read())


def give(url: str, told: list[AlertChange]) -> None:
    """Put changes into a store, as the flow that made them had."""
    with OwnRedis.client_of(url) as client:
        AlertStore(client, StoreSettings()).apply(told)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out who made it and when, and what SQLite makes anew."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return None if entry.name.endswith(("-shm", "/lock")) else entry


def _keep_changes(path: Path, made: list[AlertChange]) -> None:
    journal = Journal(path, AlertChange)
    journal.open(0)
    journal.append(made)
    journal.flush()


def _run(folder: Path, checkout: Path, *, halfway: bool) -> list[AlertChange]:
    server = OwnRedis(folder / f"redis-{halfway}")
    server.start()
    try:
        with running(folder / "makegood.yaml", server.url, checkout=checkout) as flow:
            if halfway:
                flow.until(lambda: stored(server.url).total() > _HALFWAY)
                flow.kill()
            else:
                settle(flow, server.url)
                flow.stop()
        return history(server.url)
    finally:
        server.kill()


if __name__ == "__main__":
    kept = keep(sys.argv[1], Path(sys.argv[2]).resolve())
    sys.stdout.write(f"{kept}: {kept.stat().st_size} bytes, of {len(RECORDING[0]) + len(RECORDING[1])} records\n")
