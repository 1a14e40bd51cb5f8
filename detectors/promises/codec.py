"""Snapshots of a shard: its facts and what it has told, as versioned plain data.

The state of a case follows from its facts, so nothing else is kept; a restored case is built anew when it is first
looked at. The bytes of a case are kept and used again until the case changes, so that a snapshot costs what has
changed since the last.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from detectors.contract import SnapshotVersionError
from detectors.promises.episodes import Episode, Identity
from detectors.promises.facts import Fact
from detectors.promises.plan import ShardCase
from detectors.promises.sleeper import Sleeper
from detectors.promises.spec import Spec

VERSION = 1


class EpisodeImage(NamedTuple):
    """An episode, as plain data."""

    identity: Identity
    labels: dict[str, str]
    fingerprint: str
    state: str
    ends_us: int | None
    updates: int
    round: int
    corrections: int


class CaseImage(NamedTuple):
    """A case, as plain data. ``wake_us``: when it must be looked at again."""

    family: str
    key: str
    wake_us: int
    facts: list[Fact]
    episodes: list[EpisodeImage]


class ShardImage(NamedTuple):
    """A shard, as plain data."""

    version: int
    watermark_us: int
    clock_us: int
    counts: dict[str, int]
    cases: list[msgspec.Raw]


_ENCODER = msgspec.msgpack.Encoder()
_CASE = msgspec.msgpack.Decoder(CaseImage)
_SHARD = msgspec.msgpack.Decoder(ShardImage)
_HEAD = msgspec.msgpack.Decoder(list[msgspec.Raw])


def encode_case(image: CaseImage) -> bytes:
    """Return the bytes of a case."""
    return _ENCODER.encode(image)


def decode_case(raw: bytes | msgspec.Raw) -> CaseImage:
    """Return a case from its bytes."""
    return _CASE.decode(raw)


def encode_shard(watermark_us: int, clock_us: int, counts: dict[str, int], cases: list[bytes]) -> bytes:
    """Return the bytes of a shard, from those of its cases."""
    return _ENCODER.encode(ShardImage(VERSION, watermark_us, clock_us, counts, [msgspec.Raw(case) for case in cases]))


def decode_shard(state: bytes) -> ShardImage:
    """Return a shard from its bytes.

    Raises:
        SnapshotVersionError: for bytes that another version wrote, or that are no snapshot at all.
    """
    try:
        version = msgspec.msgpack.decode(_HEAD.decode(state)[0])
        if version == VERSION:
            return _SHARD.decode(state)
    except (msgspec.MsgspecError, IndexError) as error:
        msg = f"not a snapshot of sla_breach: {error}; start with an empty recovery folder"
        raise SnapshotVersionError(msg) from error
    msg = f"a snapshot of sla_breach in version {version!r}; this code reads version {VERSION}"
    raise SnapshotVersionError(msg)


def image_of(family: str, case: ShardCase | Sleeper) -> CaseImage:
    """Return a case as plain data."""
    if isinstance(case, Sleeper):
        return CaseImage(family, case.key, case.wake_us, case.facts, [])
    episodes = [] if case.episodes is None else [episode_image(episode) for episode in case.episodes.values()]
    return CaseImage(family, case.key, min(case.wake_us, case.held_us), case.facts, episodes)


def case_of(image: CaseImage, specs: Sequence[Spec]) -> ShardCase:
    """Return a case from plain data; it is built when it is first looked at."""
    case = ShardCase(specs, image.family, image.key)
    case.facts = image.facts
    case.revised = any(fact.rev for fact in image.facts)
    case.stale = True
    case.wake_us = image.wake_us
    if image.episodes:
        case.episodes = {episode.identity: episode_of(episode) for episode in image.episodes}
    return case


def episode_image(episode: Episode) -> EpisodeImage:
    """Return an episode as plain data."""
    return EpisodeImage(
        episode.identity,
        episode.labels,
        episode.fingerprint,
        episode.state,
        episode.ends_us,
        episode.updates,
        episode.round,
        episode.corrections,
    )


def episode_of(image: EpisodeImage) -> Episode:
    """Return an episode from plain data."""
    episode = Episode(image.identity, image.labels, image.fingerprint)
    episode.state, episode.ends_us, episode.updates = image.state, image.ends_us, image.updates
    episode.round, episode.corrections = image.round, image.corrections
    return episode
