"""A flow that starts with other detectors than before: no alert of an entry that is gone stays open for ever."""

import contextlib
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from alerts.push_model import Given
from alerts.pushing import Pushes
from alerts.store import AlertStore
from config.delivery import StoreSettings
from detectors.contract import AlertChange
from detectors.window_state import OTHER_WINDOWS
from tests.faults.flowing import Process, running, write_files, write_live
from tests.support.events import HOUR_US, START_US
from tests.support.own_redis import OwnRedis
from tests.support.recording import make_recording, posts

HOURS = 40
MOOD = """  sentiment_drop:
    type: sentiment_drop
    group_by: [service]
    window: 1h
    hop: 15m
    min_count: 10
"""
Alerts = Mapping[str, AlertChange]
"""Current changes by fingerprint."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the settings of a flow over cases, and posts about one service that turn bad and stay so."""
    write_files(tmp_path, make_recording(20260302, cases=40, hours=HOURS))
    return write_live(tmp_path)


@pytest.fixture
def more(tmp_path: Path) -> Callable[[], None]:
    """Return what adds three hours of bad posts to the feed."""

    def add() -> None:
        made = sorted(posts(random.Random(7), HOURS + 4))
        with (tmp_path / "social.jsonl").open("ab") as file:
            file.writelines(raw + b"\n" for at_us, raw in made if at_us > START_US + (HOURS + 1) * HOUR_US)

    return add


def change_mood(config: Path, mood: str) -> None:
    """Give a settings file another entry for ``sentiment_drop``."""
    text = config.read_text(encoding="utf-8")
    assert MOOD in text
    config.write_text(text.replace(MOOD, mood), encoding="utf-8")


def alerts(server: OwnRedis, detector: str, *, status: str = "") -> Alerts:
    with contextlib.closing(OwnRedis.client_of(server.url)) as client:
        current = [record.current for record in AlertStore(client, StoreSettings()).list_alerts()]
    return {
        one.fingerprint: one for one in current if one.labels["detector"] == detector and status in {"", one.status}
    }


def run_until(config: Path, server: OwnRedis, holds: Callable[[], object]) -> Process:
    """Run a flow until something holds, and stop it."""
    with running(config, server.url) as flow:
        flow.until(holds)
        flow.stop()
    return flow


def both_fire(config: Path, server: OwnRedis) -> tuple[str, Alerts]:
    """Run a flow until it tells of a mood and of a breach; return the mood's fingerprint, and all moods that fire."""

    def moods() -> Alerts:
        return alerts(server, "sentiment_drop", status="firing")

    run_until(
        config,
        server,
        lambda: (
            any(one.labels["service"] == "mobile" for one in moods().values())
            and alerts(server, "sla_breach", status="firing")
        ),
    )
    found = moods()
    return next(name for name, one in found.items() if one.labels["service"] == "mobile"), found


def test_alerts_of_an_entry_that_is_taken_out_are_ended_and_those_of_no_other(
    config: Path, own_redis: OwnRedis, more: Callable[[], None]
) -> None:
    mobile, moods = both_fire(config, own_redis)
    with contextlib.closing(OwnRedis.client_of(own_redis.url)) as client:
        theirs = {"alertname": "Theirs", "detector": "sentiment_drop", "severity": "info"}
        (sent,) = Pushes(AlertStore(client, StoreSettings()), HOUR_US).put([Given(labels=theirs)], START_US)
    with_mood = config.read_text(encoding="utf-8")
    change_mood(config, "")
    with running(config, own_redis.url) as flow:
        flow.until(lambda: flow.logged("detector.gone"))  # its state has been read, too
        flow.stop()
    (gone,) = flow.logged("detectors.gone")
    assert (gone["detectors"], gone["alerts_ended"]) == (["sentiment_drop"], len(moods))
    assert alerts(own_redis, "sentiment_drop", status="firing").keys() == {sent}
    after = alerts(own_redis, "sentiment_drop")
    assert {after[one].step for one in moods} == {"closed"}
    assert all("no longer in the settings" in after[one].annotations["reason"] for one in moods)
    assert "closed" not in {change.step for change in alerts(own_redis, "sla_breach").values()}
    # Named again it takes none for open: what still lasts fires anew.
    config.write_text(with_mood, encoding="utf-8")
    more()
    run_until(config, own_redis, lambda: alerts(own_redis, "sentiment_drop", status="firing").keys() - {sent})
    anew = alerts(own_redis, "sentiment_drop")[mobile]
    assert anew.step == "firing"
    assert anew.starts_at_us > moods[mobile].starts_at_us
    assert len(flow.logged("detectors.gone")) == 1  # of both runs


def test_with_other_windows_open_alerts_are_ended(config: Path, own_redis: OwnRedis, more: Callable[[], None]) -> None:
    mobile, moods = both_fire(config, own_redis)
    change_mood(config, MOOD.replace("window: 1h", "window: 2h"))
    more()
    flow = run_until(
        config, own_redis, lambda: alerts(own_redis, "sentiment_drop")[mobile].annotations.get("reason", "")
    )
    assert [line["detector"] for line in flow.logged("detector.fresh_start")] == ["sentiment_drop"]
    after = alerts(own_redis, "sentiment_drop")
    assert {after[one].annotations.get("reason") for one in moods} == {OTHER_WINDOWS}
    assert {after[one].step for one in moods} == {"resolved"}
