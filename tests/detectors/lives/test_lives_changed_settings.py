"""Lives go on through a restart with other settings: what was told is brought into line, and nothing fires for ever."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from detectors.contract import DETECTORS, AlertChange, Context, Progress, SnapshotVersionError
from detectors.events import Event
from detectors.lives.shard import LivesShard
from tests.detectors.lives.test_lives_asleep import SETTINGS, stream
from tests.detectors.sampling import HOUR_US, START_US

DAY_US = 24 * HOUR_US
CHANGES: dict[str, list[dict[str, Any]]] = {
    "negative_survey": [
        {"urgency": {"severity": "info", "not_below": "info"}},
        {"edit_window": "1h", "open_for": "1d"},
        {"labels": {"team": "care"}},
    ],
    "repeat_contact": [{"window": "20d"}, {"window": "1h"}, {"alert_from": 3}, {"labels": {"team": "care"}}],
    "residual_dissatisfaction": [{"angry": -0.1}, {"angry": -0.9}, {"window": "6h"}, {"labels": {"team": "care"}}],
    "stalled_recovery": [{"idle_limit": 2, "unowned_limit": 1}, {"idle_limit": 40}, {"labels": {"team": "care"}}],
}
"""By type, settings that differ from those of before."""
CASES = [(name, change) for name, changes in CHANGES.items() for change in changes]


def shard_of(name: str, entry: str = "", **more: Any) -> LivesShard:
    settings = DETECTORS.settings(name).model_validate({"type": name, **SETTINGS[name], **more})
    shard = DETECTORS.factory(name)(entry or name, settings, Context()).shard()  # type: ignore[union-attr]
    assert isinstance(shard, LivesShard)
    return shard


def restarted(shard: LivesShard, again: LivesShard, images: dict[str, bytes]) -> LivesShard:
    """Give a new shard what another one has written."""
    delta = shard.delta()
    images.update(delta.images)
    for gone in delta.gone:
        images.pop(gone, None)
    again.rebuild(delta.head, images.values())
    return again


def feed(shard: LivesShard, events: Sequence[Event], rng: random.Random) -> list[AlertChange]:
    told = []
    at = 0
    while at < len(events):
        part = events[at : at + rng.randrange(1, 30)]
        at += len(part)
        now_us = part[-1].time_us
        told += shard.update(part, Progress(now_us, now_us)).changes
    return told


def still_firing(told: Sequence[AlertChange]) -> set[tuple[str, int]]:
    """Return what fires after all that; a resolution of what does not fire is none."""
    firing: set[tuple[str, int]] = set()
    for change in told:
        episode = change.fingerprint, change.starts_at_us
        if change.status == "firing":
            firing.add(episode)
        else:
            firing.discard(episode)
    return firing


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("name", "change"), CASES)
def test_with_other_settings_the_flow_goes_on_and_everything_ends(name: str, change: dict[str, Any], seed: int) -> None:
    rng = random.Random(seed)
    events = stream(seed)
    images: dict[str, bytes] = {}
    shard, changed, told = shard_of(name), False, []
    cuts = sorted(rng.sample(range(len(events)), 6))
    for begin, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        told += feed(shard, events[begin:end], rng)
        changed = not changed  # there, and back again
        shard = restarted(shard, shard_of(name, **change if changed else {}), images)
    assert told
    for days in (40, 400):
        end_us = events[-1].time_us + days * DAY_US
        told += shard.update([], Progress(end_us, end_us)).changes
    assert still_firing(told) == set()
    assert len({one.change_id for one in told}) == len(told), "each change is told once"


def test_what_other_settings_would_not_have_said_is_taken_back_at_once_and_what_they_say_is_told() -> None:
    events = sorted(stream(1), key=lambda event: event.time_us)[:250]
    now_us = events[-1].time_us + 1
    images: dict[str, bytes] = {}
    shard = shard_of("repeat_contact", window="2d", retention="30d", case_retention="30d")
    told = feed(shard, events, random.Random(1)) + shard.update([], Progress(now_us, now_us)).changes
    before = still_firing(told)
    assert before
    strict = shard_of("repeat_contact", window="1h", retention="30d", case_retention="30d")
    shard = restarted(shard, strict, images)
    told += shard.update([], Progress(now_us + 1, now_us + 1)).changes
    after = still_firing(told)
    assert after < before
    fresh = shard_of("repeat_contact", window="1h", retention="30d", case_retention="30d")
    alone = feed(fresh, events, random.Random(1)) + fresh.update([], Progress(now_us + 1, now_us + 1)).changes
    assert after == still_firing(alone)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_restart_with_the_same_settings_says_nothing(name: str) -> None:
    events = stream(2)
    now_us = events[-1].time_us
    shard = shard_of(name)
    assert feed(shard, events, random.Random(2))
    shard = restarted(shard, shard_of(name), {})
    assert shard.update([], Progress(now_us, now_us)).changes == []
    assert not any(life.wake_us < now_us for life in shard._kept.lives.values()), "nothing is looked at anew"


def test_an_entry_that_became_another_detector_cannot_go_on() -> None:
    shard = shard_of("repeat_contact", entry="watch")
    feed(shard, stream(3), random.Random(3))
    delta = shard.delta()
    again = shard_of("stalled_recovery", entry="watch")
    with pytest.raises(SnapshotVersionError, match="of type repeat_contact wrote this"):
        again.rebuild(delta.head, dict(delta.images).values())
    with pytest.raises(SnapshotVersionError, match="of type repeat_contact wrote this"):
        again.restore(shard.snapshot())
    assert again.update([], Progress(START_US, START_US)).changes == []
