"""The real flow learns from the surveys that it reads, and publishes what the command makes of the same recording."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.assembly import load_settings
from pipeline.engine.source import Drain
from pipeline.run import run_flow
from pipeline.sentiment_learning import learn
from pipeline.sentiment_versions import FolderBlobs, VersionStore
from tests.detectors.text_samples import DAY_US, MONDAY_US
from tests.pipeline.test_sentiment_learning import EVENTS, write
from tests.support.redis import fresh_store, redis_client, redis_server

LOOKS_AT_MOST = 2_000
SETTINGS = """
time: {{lateness: 10m, idle_after: 30m}}
feeds:
  surveys: {{type: file, path: surveys.jsonl, format: jsonl, follow: true}}
sentiment:
  learn: {{versions: {versions}, min_labels: 50, window: 300}}
detectors:
  drop: {{type: sentiment_drop}}
flow: {{epoch: 50ms, batch_size: 40}}
store: {{dir: {var}}}
"""


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def learned_in(folder: Path) -> list[str]:
    store = VersionStore(FolderBlobs(folder), str(folder))
    return [store.load(entry).learned for entry in store.entries()]


def run_until(config: Path, versions: Path, count: int) -> None:
    drain, looks = Drain(), 0

    def clock_us() -> int:
        nonlocal looks
        looks += 1
        if looks > LOOKS_AT_MOST or (looks % 10 == 0 and len(list(versions.glob("*.sentiment"))) >= count):
            drain.request()
        return MONDAY_US + 11 * DAY_US + looks * 25_000

    with redis_server() as url, redis_client(url) as client:
        run_flow(load_settings(config).settings, fresh_store(client), clock_us=clock_us, drain=drain)


def test_the_flow_and_the_command_make_the_same_versions_also_in_two_runs(tmp_path: Path) -> None:
    config = tmp_path / "makegood.yaml"
    config.write_text(SETTINGS.format(versions="versions", var=tmp_path / "var"), encoding="utf-8")
    recording = write(tmp_path / "surveys.jsonl", EVENTS[:100])
    run_until(config, tmp_path / "versions", 3)
    assert len(learned_in(tmp_path / "versions")) >= 3
    write(recording, EVENTS)
    run_until(config, tmp_path / "versions", 9)

    other = tmp_path / "other.yaml"
    other.write_text(SETTINGS.format(versions="command", var=tmp_path / "other"), encoding="utf-8")
    learn(load_settings(other).settings)
    by_command = learned_in(tmp_path / "command")
    assert len(by_command) == 9, "the tenth day is not over for a recording"
    assert learned_in(tmp_path / "versions")[:9] == by_command
