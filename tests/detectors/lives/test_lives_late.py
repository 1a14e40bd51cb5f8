"""What was told is brought into line with late knowledge: in the end as if everything had come in time."""

import random
from collections.abc import Sequence

import pytest

from detectors import catalogue
from detectors.contract import NEVER_US, AlertChange, Progress
from detectors.events import Event
from detectors.lives.life import SEED, STRAY
from detectors.lives.shard import LivesShard
from tests.detectors.samples import SAMPLES, Sample

del catalogue  # imported so that every detector is registered
NAMES = ["negative_survey", "repeat_contact", "residual_dissatisfaction", "stalled_recovery"]
DAY_US = 86_400_000_000


def shard_of(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> LivesShard:
    """Return a shard that forgets nothing within two months."""
    detector = Sample({**sample.settings, "retention": "60d"}, sample.events).detector()
    shard = detector.shard()  # type: ignore[union-attr]
    assert isinstance(shard, LivesShard)
    life = type(shard._life)
    use_of = life.use_of
    monkeypatch.setattr(life, "is_seed", lambda self, fact: True)
    monkeypatch.setattr(
        life, "use_of", lambda self, event: SEED if use_of(self, event) == STRAY else use_of(self, event)
    )
    return shard


def standing(changes: Sequence[AlertChange]) -> set[tuple[str, int, int | None]]:
    """Return the episodes that were told and not taken back."""
    found: dict[tuple[str, int], tuple[int | None, bool]] = {}
    for change in changes:
        withdrawn = "late knowledge" in change.annotations.get("reason", "") and change.status == "resolved"
        found[change.fingerprint, change.starts_at_us] = (change.ends_at_us, withdrawn)
    return {(print_, starts_us, ends_us) for (print_, starts_us), (ends_us, gone) in found.items() if not gone}


def told(shard: LivesShard, events: Sequence[Event], end_us: int, batch: int) -> list[AlertChange]:
    """Give events in their order of arrival, with a watermark that waits for none of them."""
    newest_us = NEVER_US
    changes: list[AlertChange] = []
    for start in range(0, len(events), batch):
        part = events[start : start + batch]
        newest_us = max([newest_us, *(event.time_us for event in part)])
        changes += shard.update(part, Progress(newest_us, newest_us)).changes
    return changes + shard.update([], Progress(end_us, end_us)).changes


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", NAMES)
def test_in_the_end_late_events_make_no_difference(name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = SAMPLES[name]()
    end_us = sample.events[-1].time_us + 1
    in_time = told(shard_of(sample, monkeypatch), sample.events, end_us, 1)
    rng = random.Random(seed)
    late_us = rng.choice([1, 5, 40]) * DAY_US
    keyed = sorted(
        (event.time_us + rng.randrange(late_us) * (rng.random() < 0.3), n) for n, event in enumerate(sample.events)
    )
    late = told(shard_of(sample, monkeypatch), [sample.events[n] for _, n in keyed], end_us, rng.choice([1, 7, 50]))
    assert len(late) > len(in_time)
    assert standing(late) == standing(in_time)


@pytest.mark.parametrize("name", NAMES)
def test_changes_have_ids_of_their_own_even_when_they_are_corrections(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = SAMPLES[name]()
    events = list(sample.events)
    random.Random(3).shuffle(events)
    changes = told(shard_of(sample, monkeypatch), events, sample.events[-1].time_us + 1, 20)
    assert len({change.change_id for change in changes}) == len(changes)
