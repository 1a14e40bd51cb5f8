"""Snapshots of a shard: its facts and what it has told, as versioned plain data.

The state of a case follows from its facts, so nothing else is kept; a restored case is built anew when it is first
looked at.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import msgspec

from detectors.contract import SnapshotVersionError
from detectors.promises.block_images import Terms
from detectors.promises.episodes import Episode, Identity
from detectors.promises.facts import Fact, list_header
from detectors.promises.plan import Plan, ShardCase
from detectors.promises.sleeper import Sleeper, SleepRules
from detectors.promises.spec import Spec

VERSION = 1
BLOCKS_VERSION = 2
"""Of a head, where there are blocks of strays (:mod:`detectors.promises.blocks`), which version 1 did not know."""
_READ_VERSIONS = (VERSION, BLOCKS_VERSION)


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


class AsleepImage(NamedTuple):
    """What a sleeper knows besides its facts, as plain data.

    ``plan``: which promises it was found out for. ``facts``: how many there are.
    """

    plan: int
    facts: int
    last_us: int
    safe_until_us: int
    over_us: int
    begun: int
    ended: int
    settled: bool
    checked: bool


class CaseImage(NamedTuple):
    """A case, as plain data.

    Attributes:
        wake_us: when it must be looked at again.
        facts: packed as a list.
        asleep: of a case that has not been built, what else is known of it.
    """

    family: str
    key: str
    wake_us: int
    facts: msgspec.Raw
    episodes: list[EpisodeImage]
    asleep: AsleepImage | None = None


class HeadImage(NamedTuple):
    """What is not about any one case, as plain data."""

    version: int
    watermark_us: int
    clock_us: int
    counts: dict[str, int]


class ShardImage(NamedTuple):
    """A shard, as plain data."""

    version: int
    watermark_us: int
    clock_us: int
    counts: dict[str, int]
    cases: list[msgspec.Raw]


ImageT = TypeVar("ImageT")
_ENCODER = msgspec.msgpack.Encoder()
_FACTS = msgspec.msgpack.Decoder(list[Fact])
_CASE = msgspec.msgpack.Decoder(CaseImage)
_SHARD = msgspec.msgpack.Decoder(ShardImage)
_PARTS = msgspec.msgpack.Decoder(list[msgspec.Raw])
_HEAD = msgspec.msgpack.Decoder(HeadImage)


def encode_case(image: CaseImage) -> bytes:
    """Return the bytes of a case."""
    return _ENCODER.encode(image)


def decode_case(raw: bytes | msgspec.Raw) -> CaseImage:
    """Return a case from its bytes."""
    return _CASE.decode(raw)


def encode_shard(watermark_us: int, clock_us: int, counts: dict[str, int], cases: list[bytes]) -> bytes:
    """Return the bytes of a shard, from those of its cases."""
    return _ENCODER.encode(ShardImage(VERSION, watermark_us, clock_us, counts, [msgspec.Raw(case) for case in cases]))


def encode_head(watermark_us: int, clock_us: int, counts: dict[str, int], *, blocks: bool = False) -> bytes:
    """Return the bytes of what is not about any one case; ``blocks``: some of the images that go with it are blocks."""
    return _ENCODER.encode(HeadImage(BLOCKS_VERSION if blocks else VERSION, watermark_us, clock_us, counts))


def decode_shard(state: bytes) -> ShardImage:
    """Return a shard from its bytes.

    Raises:
        SnapshotVersionError: for bytes that another version wrote, or that are no snapshot at all.
    """
    return _decoded(_SHARD, state)


def decode_head(state: bytes) -> HeadImage:
    """Return what :func:`encode_head` encoded.

    Raises:
        SnapshotVersionError: for bytes that another version wrote, or that are no snapshot at all.
    """
    return _decoded(_HEAD, state)


def _decoded(decoder: msgspec.msgpack.Decoder[ImageT], state: bytes) -> ImageT:
    try:
        version = msgspec.msgpack.decode(_PARTS.decode(state)[0])
        if version in _READ_VERSIONS:
            return decoder.decode(state)
    except (msgspec.MsgspecError, IndexError) as error:
        msg = f"not a snapshot of sla_breach: {error}; start with an empty recovery folder"
        raise SnapshotVersionError(msg) from error
    known = " and ".join(map(str, _READ_VERSIONS))
    msg = f"a snapshot of sla_breach in version {version!r}; this code reads {known}"
    raise SnapshotVersionError(msg)


def encode_sleeper(family: str, case: Sleeper, plan: int) -> bytes:
    """Return the bytes of a :class:`CaseImage`; ``plan`` is the fingerprint of the promises that the case is about."""
    asleep = (
        plan, case.count, case.last_us, case.safe_until_us, case.over_us, case.begun, case.ended, case.settled,
        case.checked,
    )  # fmt: skip
    facts = msgspec.Raw(list_header(case.count) + case.packed)
    return _ENCODER.encode((family, case.key, case.wake_us, facts, (), asleep))


def encode_stray(terms: Terms, key: str, fact: Fact, ended: int = 0, *, settled: bool = False) -> bytes:
    """Return the bytes of a :class:`CaseImage` of one fact that begins nothing; the rest as in :class:`Sleeper`."""
    safe_until_us = fact.at_us + terms.earliest_us
    asleep = (terms.plan, 1, fact.at_us, safe_until_us, 0, 0, ended, settled, False)
    return _ENCODER.encode((terms.family, key, safe_until_us, (fact,), (), asleep))


def asleep_of(image: CaseImage) -> AsleepImage:
    """Return what the image of a stray knows besides its fact."""
    if image.asleep is None:
        msg = f"{image.key} is no stray: it does not sleep"
        raise ValueError(msg)
    return image.asleep


def is_stray(asleep: AsleepImage, plan: Plan) -> bool:
    """Say whether a case that sleeps by these promises is no more than one fact that begins none of them."""
    return asleep.plan == plan.fingerprint and asleep.facts == 1 and asleep.begun == 0


def image_of(family: str, case: ShardCase) -> CaseImage:
    """Return a case that was built as plain data."""
    episodes = [] if case.episodes is None else [episode_image(episode) for episode in case.episodes.values()]
    return CaseImage(
        family, case.key, min(case.wake_us, case.held_us), msgspec.Raw(_ENCODER.encode(case.facts)), episodes
    )


def sleeper_of(image: CaseImage, asleep: AsleepImage, rules: SleepRules, plan: Plan) -> Sleeper:
    """Return a sleeper from plain data; what was found out for other promises is found out anew."""
    if asleep.plan != plan.fingerprint:
        facts = _FACTS.decode(image.facts)
        sleeper = Sleeper.until(facts[0].at_us + rules.earliest_us, image.key)
        for fact in facts:
            sleeper.add(fact, rules, plan.retention_us)
        sleeper.wake_us = min(image.wake_us, sleeper.safe_until_us)
        return sleeper
    sleeper = Sleeper.until(asleep.safe_until_us, image.key)
    sleeper.packed = bytes(image.facts)[len(list_header(asleep.facts)) :]
    sleeper.count, sleeper.last_us, sleeper.over_us = asleep.facts, asleep.last_us, asleep.over_us
    sleeper.begun, sleeper.ended, sleeper.settled = asleep.begun, asleep.ended, asleep.settled
    sleeper.wake_us, sleeper.checked = image.wake_us, asleep.checked
    return sleeper


def case_of(image: CaseImage, specs: Sequence[Spec]) -> ShardCase:
    """Return a case from plain data; it is built when it is first looked at."""
    case = ShardCase(specs, image.family, image.key)
    case.facts = _FACTS.decode(image.facts)
    case.revised = any(fact.rev for fact in case.facts)
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
