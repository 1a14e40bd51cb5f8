"""The disk of the recovery folder has no room: the flow reads nothing, says so, and loses and doubles nothing."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.flowing import (
    RECORDING,
    Changes,
    Process,
    running,
    settle,
    stored,
    until,
    write_files,
    write_live,
)
from tests.faults.portions import Portions
from tests.faults.volumes import Filler, small_disk
from tests.support.own_redis import OwnRedis
from tests.support.stopping import stop_in_its_tracks

pytestmark = pytest.mark.timeout(900)
DISK_BYTES = 48_000_000
LEAST_BYTES = 8_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", DISK_BYTES) as folder:
        yield folder


@pytest.fixture
def config(tmp_path: Path, disk: Path) -> Path:
    write_files(tmp_path)
    path = write_live(tmp_path, var=disk / "var")
    text = path.read_text(encoding="utf-8").replace("flow:\n", f"flow:\n  min_free_bytes: {LEAST_BYTES}\n")
    path.write_text(text, encoding="utf-8")
    return path


def test_below_the_reserve_nothing_is_read_and_it_goes_on_by_itself(
    config: Path, disk: Path, own_redis: OwnRedis, expected: Changes
) -> None:
    filler = Filler(disk)
    with running(config, own_redis.url) as flow:
        flow.until(lambda: stored(own_redis.url).total() > 20)
        filler.leave(LEAST_BYTES // 2)
        why = flow.until_waits("disk")
        assert why.startswith(f"disk full on {disk}/var/flow/state: ")
        assert " bytes free, " in why
        assert " needed; make room there" in why
        told = flow.health()
        assert (told["status"], told["flow"]) == ("unhealthy", "running")
        (room,) = told["disks"]
        assert room["free_bytes"] < room["needed_bytes"]
        assert f'makegood_disk_free_bytes{{folder="{disk}/var/flow/state"}}' in flow.get("/metrics")
        looks: list[int] = []

        def stands() -> bool:
            looks.append(flow.health()["events"])  # what was read before is still on its way when it says so
            return len(looks) > 20 and len(set(looks[-20:])) == 1

        flow.until(stands)
        with (config.parent / "social.jsonl").open("ab") as file:
            file.write(RECORDING[1][-1][1] + b"\n")  # once more: it changes nothing but this count
        for _ in range(20):  # several epochs
            assert flow.health()["duplicates"] == 0
        assert flow.runs
        filler.release()
        flow.until_health(lambda told: not told["waits"] and told["duplicates"] == 1)
        settle(flow, own_redis.url, expected.total())
        flow.stop()
        assert len(flow.logged("disk.full")) == len(flow.logged("disk.room")) == 1
    assert stored(own_redis.url) == expected


def test_a_flow_that_starts_without_room_waits_before_it_touches_anything(
    config: Path, disk: Path, own_redis: OwnRedis, expected: Changes
) -> None:
    filler = Filler(disk)
    filler.leave(0)
    with running(config, own_redis.url) as flow:
        assert flow.until_waits("disk")
        assert not (disk / "var").exists()
        filler.release()
        settle(flow, own_redis.url, expected.total())
        flow.stop()
    assert stored(own_redis.url) == expected


def test_room_taken_away_at_once_ends_the_flow_and_the_next_start_goes_on_exactly(
    config: Path, disk: Path, own_redis: OwnRedis
) -> None:
    filler = Filler(disk)
    posts = Portions(config, 10)
    ended = before = 0
    for _ in range(4):
        with running(config, own_redis.url) as flow:
            posts.more()
            flow.until(lambda before=before: stored(own_redis.url).total() > before)  # type: ignore[misc]
            # At once for the flow: what it is in the middle of it cannot save.
            stop_in_its_tracks(flow.process.pid)
            filler.leave(0)
            before = posts.more()
            flow.process.send_signal(signal.SIGCONT)
            if it_ends(flow):
                assert flow.process.returncode == 1
                assert "the state cannot be written" in flow.log()
                ended += 1
        filler.release()
    posts.rest()
    with running(config, own_redis.url) as flow:
        settle(flow, own_redis.url, posts.expected.total())
        flow.stop()
    assert ended > 0
    assert stored(own_redis.url) == posts.expected


def it_ends(flow: Process) -> bool:
    """Wait until a flow without room has ended (True), or has long said that it waits and goes on saying so."""
    said = 0

    def ended_or_waits() -> bool:
        nonlocal said
        said += bool(flow.health().get("waits"))
        return not flow.runs or said > 60

    until(ended_or_waits)
    return not flow.runs


def test_a_supervised_flow_comes_back_by_itself_when_there_is_room_again(
    config: Path, disk: Path, own_redis: OwnRedis, expected: Changes
) -> None:
    text = config.read_text(encoding="utf-8")
    config.write_text(text + CHANNEL.format(folder=config.parent), encoding="utf-8")
    filler = Filler(disk)
    with running(config, own_redis.url, command="run") as everything:
        everything.until(lambda: stored(own_redis.url).total() > 20)
        filler.leave(0)
        everything.until(lambda: everything.logged("part.crashed") or everything.health().get("waits"))
        everything.until_waits("disk")
        filler.release()
        settle(everything, own_redis.url, expected.total())
        everything.stop()
    assert stored(own_redis.url) == expected


CHANNEL = """
console: {{listen: "127.0.0.1:0"}}
channels: {{page: {{type: file, path: {folder}/told.jsonl}}}}
receivers: {{ops: {{tiers: [{{channel: page}}]}}}}
route: {{receiver: ops, group_by: ["..."], group_wait: 0s, group_interval: 1ms}}
"""
