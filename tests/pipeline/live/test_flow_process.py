"""The live flow as a process of its own: its store goes away, it is killed, it is asked to stop."""

import contextlib
import itertools
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alerts.model import rfc3339, to_json
from alerts.store import AlertStore
from config.delivery import StoreSettings
from detectors.contract import AlertChange
from pipeline.assembly import load_settings
from pipeline.replay import replay
from tests.faults.portions import Portions
from tests.support.forked import Forked
from tests.support.own_redis import OwnRedis
from tests.support.patience import PATIENCE_S
from tests.support.recording import LATENESS_US, make_recording, write_config, write_lines
from tests.support.undisturbed import undisturbed

CRM, SOCIAL = make_recording(20260302)
STORE = """
store: {dir: var}
metrics: {listen: "127.0.0.1:0"}
"""
Changes = Counter[tuple[str, str, str]]
_numbers = itertools.count()
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path / "redis")
    server.start()
    yield server
    server.resume()
    server.kill()


def write_live_config(folder: Path) -> Path:
    """Feeds that are read to their end and then stay quiet, without the clock moving event time on."""
    config = write_config(
        folder,
        write_lines(folder / "crm.jsonl", CRM),
        write_lines(folder / "social.jsonl", SOCIAL),
        batch_size=20,
        epoch="100ms",
    )
    text = config.read_text(encoding="utf-8").replace("  lateness: 10m\n", "  lateness: 10m\n  idle_after: 5000d\n")
    text = text.replace("format: jsonl}", "format: jsonl, follow: true}")
    config.write_text(text + STORE, encoding="utf-8")
    return config


class Flow:
    """``makegood flow`` in a process."""

    def __init__(self, config: Path, url: str) -> None:
        environment = {**os.environ, "MAKEGOOD_REDIS_URL": url, "MAKEGOOD_LOG_LEVEL": "warning"}
        self._log = config.parent / f"flow-{next(_numbers)}.log"
        command = ["flow", "--config", str(config)]
        self.process = Forked(command, environment=environment, cwd=config.parent, stdout=self._log, stderr=self._log)

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, self.said()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def running(config: Path, server: OwnRedis) -> Iterator[Flow]:
    flow = Flow(config, server.url)
    try:
        yield flow
    finally:
        if flow.process.poll() is None:
            flow.kill()


def history(server: OwnRedis) -> list[AlertChange]:
    """Return every change in the store's history."""
    with server.client() as client:
        store = AlertStore(client, StoreSettings())
        details = [store.get(record.current.fingerprint) for record in store.list_alerts()]
    return [change for detail in details if detail is not None for change in detail.history]


def stored(server: OwnRedis) -> Changes:
    """Return every change in the store's history, with how often it stands there."""
    return Counter((change.change_id, change.step, change.status) for change in history(server))


def notified(server: OwnRedis) -> int:
    with server.client() as client:
        return AlertStore(client, StoreSettings()).counts()["pending"]


def until(condition: Callable[[], bool], flow: Flow, seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert flow.process.poll() is None, flow.said()
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def quiet_run(tmp_path_factory: pytest.TempPathFactory) -> list[AlertChange]:
    """What a flow stores when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("quiet")
    server = OwnRedis(folder / "redis")
    server.start()
    try:
        config = write_live_config(folder)
        wanted = undisturbed(config, [(CRM, SOCIAL)]).counted
        with running(config, server) as flow:
            settle(server, flow, wanted.total())
            flow.stop()
        assert stored(server) == wanted
        return history(server)
    finally:
        server.kill()


@pytest.fixture(scope="module")
def expected(quiet_run: list[AlertChange]) -> Changes:
    return Counter((change.change_id, change.step, change.status) for change in quiet_run)


def settle(server: OwnRedis, flow: Flow, total: int) -> None:
    """Wait until so much is written, and for some looks nothing more."""
    seen: list[int] = []

    def steady() -> bool:
        time.sleep(0.2)
        seen.append(stored(server).total())
        return seen[-1] >= total and len(seen) > 10 and len(set(seen[-10:])) == 1

    until(steady, flow)


def test_everything_is_stored_once_with_one_notification_each(expected: Changes) -> None:
    assert len(expected) > 400
    assert set(expected.values()) == {1}


def test_a_replay_gives_the_changes_of_the_live_run_with_their_ids_and_times(
    tmp_path: Path, quiet_run: list[AlertChange]
) -> None:
    config = write_config(
        tmp_path, write_lines(tmp_path / "crm.jsonl", CRM), write_lines(tmp_path / "social.jsonl", SOCIAL)
    )
    replay(load_settings(config).settings, tmp_path / "alerts.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_bytes().splitlines()]
    # The live run still waits for what may come late; the recording has ended.
    until_us = min(CRM[-1][0], SOCIAL[-1][0]) - LATENESS_US
    live = [to_json(one) for one in quiet_run if one.step != "suspected" and one.at_us < until_us]
    assert len(live) > 300
    told = [json.dumps(row, sort_keys=True) for row in rows]
    assert {json.dumps(row, sort_keys=True) for row in live} <= set(told)
    early = [row for row in rows if (row["endsAt"] or row["startsAt"]) < rfc3339(until_us)]
    assert len(early) == len(live)


@pytest.mark.parametrize("seconds", [0, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_store_that_is_away_loses_and_doubles_nothing(
    tmp_path: Path, redis_server: OwnRedis, how: str, seconds: float
) -> None:
    config = write_live_config(tmp_path)
    posts = Portions(config, recording=(CRM, SOCIAL))
    with running(config, redis_server) as flow:
        posts.more()
        until(lambda: stored(redis_server).total() > 0, flow)
        if how == "killed":
            redis_server.kill()
        else:
            redis_server.pause()
        posts.more()  # or nothing would miss the store, where all is in it already
        until(lambda: "store.away" in flow.said(), flow)
        time.sleep(seconds)
        assert flow.process.poll() is None, "the flow waits for its store"
        if how == "killed":
            redis_server.start()
        else:
            redis_server.resume()
        posts.rest()
        settle(redis_server, flow, posts.expected.total())
        flow.stop()
    assert stored(redis_server) == posts.expected
    assert notified(redis_server) == posts.expected.total()


def test_a_flow_that_is_killed_and_started_again_loses_and_doubles_nothing(
    tmp_path: Path, redis_server: OwnRedis, expected: Changes
) -> None:
    config = write_live_config(tmp_path)
    for kills in range(1, 4):
        with running(config, redis_server) as flow:
            until(lambda goal=kills * 60: stored(redis_server).total() > goal, flow)  # type: ignore[misc]
            flow.kill()
    with running(config, redis_server) as flow:
        settle(redis_server, flow, expected.total())
        flow.stop()
    assert stored(redis_server) == expected
    assert notified(redis_server) == expected.total()


def test_a_flow_that_is_stopped_in_the_middle_goes_on_where_it_was(
    tmp_path: Path, redis_server: OwnRedis, expected: Changes
) -> None:
    config = write_live_config(tmp_path)
    with running(config, redis_server) as flow:
        until(lambda: stored(redis_server).total() > 20, flow)
        flow.stop()
    with running(config, redis_server) as flow:
        settle(redis_server, flow, expected.total())
        flow.stop()
    assert stored(redis_server) == expected


def test_two_flows_on_one_folder_are_refused(tmp_path: Path, redis_server: OwnRedis) -> None:
    config = write_live_config(tmp_path)
    with running(config, redis_server) as flow:
        until(lambda: stored(redis_server).total() > 0, flow)
        with running(config, redis_server) as second:
            assert second.process.wait(PATIENCE_S) == 1
            assert "in use by another process" in second.said()
        flow.stop()
