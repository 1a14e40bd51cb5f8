"""Asked to stop, the flow ends in time whatever is the matter, and the next start loses and doubles nothing."""

import signal
import time
from pathlib import Path

import pytest

from tests.faults.flowing import Changes, Process, pending, running, settle, stored, write_files, write_live
from tests.faults.portions import Portions
from tests.support.own_redis import OwnRedis

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Half an hour between two snapshots: who waits for the next one is too late."""
    write_files(tmp_path)
    return write_live(tmp_path, epoch="30m", batch_size=5)


def ends(flow: Process, number: signal.Signals = signal.SIGTERM) -> int:
    flow.ask_to_stop(number)
    return flow.ended()


def the_rest(config: Path, server: OwnRedis, expected: Changes) -> None:
    """Let another flow do the rest, and see that all is as if nothing had been."""
    with running(config, server.url) as flow:
        settle(flow, server.url, expected.total())
        flow.stop()
    assert stored(server.url) == expected
    assert pending(server.url) == expected.total()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_under_load_it_saves_and_ends_without_waiting_for_the_epoch(
    config: Path, own_redis: OwnRedis, expected: Changes, number: signal.Signals
) -> None:
    seen = 0
    for goal in (10, 60, 110):
        with running(config, own_redis.url) as flow:
            flow.until(flow.health)  # the one before may have got past the goal: this one is to be there as well
            flow.until(lambda goal=goal: stored(own_redis.url).total() > goal)  # type: ignore[misc]
            assert ends(flow, number) == 0
            (stopped,) = flow.logged("flow.stopped")[-1:]
            assert stopped["events"] >= seen, "what was read before is saved"
            seen = stopped["events"]
    the_rest(config, own_redis, expected)


def test_a_second_request_from_a_supervisor_hurries_nothing(
    config: Path, own_redis: OwnRedis, expected: Changes
) -> None:
    with running(config, own_redis.url) as flow:
        flow.until(lambda: stored(own_redis.url).total() > 20)
        for _ in range(3):
            flow.ask_to_stop()
        assert flow.ended() == 0
    the_rest(config, own_redis, expected)


def test_with_the_store_away_it_ends_and_says_that_not_everything_is_saved(config: Path, own_redis: OwnRedis) -> None:
    posts = Portions(config)
    with running(config, own_redis.url) as flow:
        posts.more()
        flow.until(lambda: stored(own_redis.url).total() > 0)
        own_redis.kill()
        posts.more()  # there is something to store, whatever was stored by then
        assert "cannot be used now" in flow.until_waits("store")
        assert ends(flow) == 1
        assert "the store (Redis) cannot be used now" in flow.log()
    own_redis.start()
    posts.rest()
    the_rest(config, own_redis, posts.expected)


def test_with_a_store_that_hangs_it_ends_in_time_and_a_second_interrupt_ends_it_at_once(
    config: Path, own_redis: OwnRedis
) -> None:
    posts = Portions(config)
    before = 0
    for impatient in (False, True):
        with running(config, own_redis.url) as flow:
            posts.more()
            flow.until(lambda before=before: stored(own_redis.url).total() > before)  # type: ignore[misc]
            own_redis.pause()
            before = posts.more()
            flow.until_waits("store")
            if impatient:
                flow.ask_to_stop(signal.SIGINT)
                time.sleep(0.2)  # two signals at once are one
                assert ends(flow, signal.SIGINT) in {1, 130}
            else:
                assert ends(flow) == 1
            own_redis.resume()
    posts.rest()
    the_rest(config, own_redis, posts.expected)


def test_while_it_starts_it_ends_as_well_and_nothing_is_lost(
    config: Path, own_redis: OwnRedis, expected: Changes
) -> None:
    with running(config, own_redis.url) as flow:
        flow.until(lambda: stored(own_redis.url).total() > 20)
        assert ends(flow) == 0
    asked = 0
    for delay_s in (0.0, 0.4, 0.8, 1.2):
        with running(config, own_redis.url, anew=True) as flow:
            time.sleep(delay_s)
            # Before the program is there the system ends it.
            assert ends(flow) in {0, -signal.SIGTERM}
            asked += flow.process.returncode == 0
    with running(config, own_redis.url) as flow:
        flow.until(flow.health)  # it listens, and reads its state
        assert ends(flow) == 0
    the_rest(config, own_redis, expected)
