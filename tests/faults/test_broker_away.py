"""The Kafka broker stops answering, or is killed, and comes back: nobody has to do anything, and nothing changes."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.flowing import (
    RECORDING,
    Changes,
    Health,
    Process,
    pending,
    running,
    settle,
    stored,
    write_files,
    write_live,
)
from tests.pipeline.feeds_kafka.reading import SMALL_BATCHES, SMALL_QUEUE
from tests.support.kafka import Broker
from tests.support.own_redis import OwnRedis
from tests.support.stopping import stop_in_its_tracks

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]
FIVE_MINUTES_S = 300.0


@pytest.fixture
def config(tmp_path: Path, broker: Broker) -> Path:
    """The recording in Kafka, read in small pieces, so that much of it is still in the broker when that goes away."""
    topics = {"crm": broker.create_topic(partitions=1), "social": broker.create_topic(partitions=2)}
    for name, events in zip(topics, RECORDING, strict=True):
        parts = 1 + (name == "social")
        records = [(number % parts, raw) for number, (_, raw) in enumerate(events)]
        broker.produce(topics[name], records, **SMALL_BATCHES)
    write_files(tmp_path)
    path = write_live(tmp_path)
    text = path.read_text(encoding="utf-8")
    for name, topic in topics.items():
        line = next(line for line in text.splitlines() if line.startswith(f"  {name}: "))
        properties = str(SMALL_QUEUE["properties"]).replace("'", "")
        kafka = f"{{type: kafka, bootstrap: {broker.bootstrap}, topics: [{topic}], properties: {properties}}}"
        text = text.replace(line, f"  {name}: {kafka}")
    path.write_text(text, encoding="utf-8")
    return path


def away(flow: Process) -> None:
    """Wait until the flow says that no partition can be reached, and why."""

    def said(told: Health) -> bool:
        whys = [row.get("why") for name, row in told.get("feeds", {}).items() if "requeue" not in name]
        return len(told.get("unreachable", [])) == 3 and all(whys) and told["unhealthy"].keys() == {"crm", "social"}

    told = flow.until_health(said)
    assert told["status"] == "unhealthy"
    assert "unreachable" in told["unhealthy"]["crm"]


def in_the_middle(flow: Process, stop: Callable[[], None]) -> None:
    """Take the broker away when a tenth has been read: the flow stands still meanwhile, and so much is still there."""
    flow.until_health(lambda told: told.get("events", 0) > 450)
    stop_in_its_tracks(flow.process.pid)
    stop()
    flow.process.send_signal(signal.SIGCONT)


def outage(
    config: Path,
    server: OwnRedis,
    expected: Changes,
    stop: Callable[[], None],
    go_on: Callable[[], object],
    seconds: float,
) -> None:
    with running(config, server.url) as flow:
        in_the_middle(flow, stop)
        away(flow)
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            assert flow.runs
            if flow.health().get("status", "unhealthy") != "unhealthy":
                away(flow)  # the broker's last answer came behind the news that it is gone
            time.sleep(0.5)
        go_on()
        flow.until_health(lambda told: told["status"] == "healthy")
        settle(flow, server.url, expected.total())
        flow.stop()
    assert stored(server.url) == expected
    assert pending(server.url) == expected.total()


@pytest.mark.parametrize("seconds", [2.0, pytest.param(FIVE_MINUTES_S, marks=pytest.mark.slow)])
def test_a_broker_that_was_killed_is_read_on_when_it_is_back(
    config: Path, broker: Broker, own_redis: OwnRedis, expected: Changes, seconds: float
) -> None:
    outage(config, own_redis, expected, broker.kill, broker.start, seconds)


@pytest.mark.parametrize("seconds", [2.0, pytest.param(FIVE_MINUTES_S, marks=pytest.mark.slow)])
def test_a_broker_that_hangs_is_read_on_when_it_answers_again(
    config: Path, broker: Broker, own_redis: OwnRedis, expected: Changes, seconds: float
) -> None:
    outage(config, own_redis, expected, broker.pause, broker.resume, seconds)


@pytest.mark.parametrize("how", ["killed", "hangs"])
def test_with_the_broker_away_the_flow_saves_and_ends_in_time(
    config: Path, broker: Broker, own_redis: OwnRedis, expected: Changes, how: str
) -> None:
    with running(config, own_redis.url) as flow:
        in_the_middle(flow, broker.kill if how == "killed" else broker.pause)
        away(flow)
        flow.ask_to_stop(signal.SIGTERM)
        assert flow.ended() == 0
    with running(config, own_redis.url) as flow:  # started while the broker is away
        away(flow)
        broker.ensure_running()
        settle(flow, own_redis.url, expected.total())
        flow.stop()
    assert stored(own_redis.url) == expected


def test_a_folder_that_is_lost_is_made_anew_from_the_topics_and_nobody_is_told_twice(
    config: Path, own_redis: OwnRedis, expected: Changes
) -> None:
    with running(config, own_redis.url) as flow:
        flow.until(lambda: stored(own_redis.url).total() > 60)
        flow.kill()
    (config.parent / "var" / "flow").rename(config.parent / "var" / "flow.lost")
    with running(config, own_redis.url) as flow:
        settle(flow, own_redis.url, expected.total())
        flow.stop()
    assert stored(own_redis.url) == expected
    assert pending(own_redis.url) == expected.total()
