"""A recovery folder that was damaged from outside: which file, and what to do; begun anew, nobody is told twice."""

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from alerts.store import AlertStore
from config.delivery import StoreSettings
from detectors.contract import SnapshotVersionError
from pipeline.assembly import load_settings
from pipeline.failures import RecoveryDamagedError, RecoveryVersionError, explained
from pipeline.run import run_flow
from pipeline.supervise import UNUSABLE_INPUT
from tests.faults.flowing import Changes, pending, running, settle, stored, write_files, write_live
from tests.pipeline.test_prepare import make_prepare
from tests.support.own_redis import OwnRedis

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def halfway(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a flow that was stopped halfway, with its settings; and the store as it was then is gone."""
    folder = tmp_path_factory.mktemp("halfway")
    write_files(folder)
    config = write_live(folder)
    server = OwnRedis(folder / "redis")
    server.start()
    try:
        with running(config, server.url) as flow:
            flow.until(lambda: stored(server.url).total() > 50)
            flow.stop()
    finally:
        server.kill()
    return folder


@pytest.fixture
def config(tmp_path: Path, halfway: Path) -> Path:
    write_files(tmp_path)
    shutil.copytree(halfway / "var", tmp_path / "var")
    return write_live(tmp_path)


def _flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


def _ruin_page(folder: Path) -> None:
    path = folder / "state" / "part-0.sqlite3"
    content = bytearray(path.read_bytes())
    content[4096 : 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)


def _no_database(folder: Path) -> None:
    (folder / "state" / "part-0.sqlite3").write_bytes(b"what is this? " * 1000)


def _largest(folder: Path) -> Path:
    """Return the largest file: a flow that was stopped later has begun more of them, and the last may be empty."""
    return max(folder.glob("*.log"), key=lambda path: path.stat().st_size)


def _cut_ids(folder: Path) -> None:
    path = _largest(folder / "seen")
    path.write_bytes(path.read_bytes()[:-10])


def _other_ids(folder: Path) -> None:
    _flip(_largest(folder / "seen"), 40)


def _no_cases(folder: Path) -> None:
    shutil.rmtree(folder / "cases")


def _other_case(folder: Path) -> None:
    _flip(_largest(folder / "cases"), 30)


def _no_snapshots(folder: Path) -> None:
    shutil.rmtree(folder / "state")


def _half_identity(folder: Path) -> None:
    (folder / "identity.json").write_bytes(b"[1,")


DAMAGES = [
    (_ruin_page, "part-0.sqlite3"),
    (_no_database, "part-0.sqlite3"),
    (_no_snapshots, "flow/state"),
    (_half_identity, "identity.json"),
    (_cut_ids, "seen-0000000"),
    (_other_ids, "seen-0000000"),
    (_no_cases, "sla_breach."),
    (_other_case, "sla_breach."),
]


@pytest.mark.parametrize(("damage", "file"), DAMAGES)
def test_damage_is_told_with_the_file_and_what_to_do(
    config: Path, own_redis: OwnRedis, damage: Callable[[Path], None], file: str
) -> None:
    damage(config.parent / "var" / "flow")
    with own_redis.client() as client, pytest.raises(RecoveryDamagedError) as caught:
        run_flow(load_settings(config).settings, AlertStore(client, StoreSettings()))
    assert file in str(caught.value)
    assert "put the whole folder back from a copy, or move it away to begin anew" in str(caught.value)
    assert not stored(own_redis.url)


def test_the_process_ends_so_that_no_supervisor_tries_again(config: Path, own_redis: OwnRedis) -> None:
    _other_case(config.parent / "var" / "flow")
    with running(config, own_redis.url) as flow:
        assert flow.ended() == UNUSABLE_INPUT, flow.log()
        (told,) = [line for line in flow.log().splitlines() if line.startswith("makegood: ")]
    assert "sla_breach." in told


def test_a_journal_of_the_engine_that_was_torn_in_its_middle_costs_nothing(
    config: Path, own_redis: OwnRedis, expected: Changes
) -> None:
    with running(config, own_redis.url) as flow:
        flow.until(lambda: stored(own_redis.url).total() > 20)
        flow.kill()
    wal = config.parent / "var" / "flow" / "state" / "part-0.sqlite3-wal"
    wal.write_bytes(wal.read_bytes()[:-1000] + bytes(500))
    with running(config, own_redis.url) as flow:
        settle(flow, own_redis.url)
        flow.stop()
    assert set(stored(own_redis.url)) <= set(expected)
    assert set(stored(own_redis.url).values()) == {1}


def test_a_folder_moved_away_is_begun_anew_and_nobody_is_told_twice(
    tmp_path: Path, own_redis: OwnRedis, expected: Changes
) -> None:
    write_files(tmp_path)
    config = write_live(tmp_path)
    with running(config, own_redis.url) as flow:
        settle(flow, own_redis.url, expected.total())
        flow.stop()
    (tmp_path / "var" / "flow").rename(tmp_path / "var" / "flow.away")
    with running(config, own_redis.url) as flow:
        total = flow.until_health(lambda told: told.get("feeds", {}).get("crm/crm.jsonl", {}).get("events"))
        assert total
        settle(flow, own_redis.url, expected.total())
        flow.stop()
    assert stored(own_redis.url) == expected
    assert pending(own_redis.url) == expected.total()


def test_state_of_a_later_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    prepare, _ = make_prepare()
    with pytest.raises(SnapshotVersionError) as caught:
        prepare.restore(msgspec.msgpack.encode([99, None, None, None]))
    told = explained(caught.value, tmp_path)
    assert isinstance(told, RecoveryVersionError)
    assert f"the state in {tmp_path} cannot be read: " in str(told)
    assert "is of version 99, this program reads 2 and 3; start the version that wrote it, or put" in str(told)
