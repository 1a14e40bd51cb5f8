"""Where to read on: positions out of a snapshot against what is ours and what the cluster still has.

Beside each offset, under the partition's name and :data:`ID`, stands which topic it is of: a topic that is deleted and
made anew while nobody reads has the same name, and other records at the same offsets.
"""

from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any

from pipeline.feeds.contract import Share
from pipeline.feeds.kafka_probe import Span

ID = "\tid"
"""Behind a partition's name: the number of its topic's id. Positions of before there were any have none."""
_ID_BYTES = 7


def number_of(topic_id: str) -> int:
    """Return the id of a topic as a number."""
    return int.from_bytes(blake2b(topic_id.encode(), digest_size=_ID_BYTES).digest(), "big")


def split_ids(positions: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the offsets, and the numbers of the ids of their topics, both by partition.

    >>> split_ids({"cases/3": 7, "cases/3" + ID: 99})
    ({'cases/3': 7}, {'cases/3': 99})
    """
    offsets = {name: at for name, at in positions.items() if not name.endswith(ID)}
    return offsets, {name.removesuffix(ID): at for name, at in positions.items() if name.endswith(ID)}


def with_ids(offsets: Mapping[str, int], kept: Mapping[str, int], now: Mapping[str, str]) -> dict[str, int]:
    """Return positions: offsets, each with the id of its topic (``now``, by topic), or the one kept with it."""
    found = dict(offsets)
    for name in offsets:
        identity = now.get(name.rpartition("/")[0])
        number = kept.get(name) if identity is None else number_of(identity)
        if number is not None:
            found[name + ID] = number
    return found


def of_another(topic: str, topic_id: str, waiting: Collection[str], kept: Mapping[str, int]) -> bool:
    """Return whether a partition waits to be read on that was kept with another id than its topic has now."""
    number = number_of(topic_id)
    return any(name.rpartition("/")[0] == topic and kept.get(name, number) != number for name in waiting)


def own_positions(positions: Mapping[str, int], topics: Collection[str], share: Share, log: Any) -> dict[str, int]:
    """Return the positions of partitions that are ours; say which are not, and why."""
    own = {}
    for name, at in sorted(positions.items()):
        topic, _, number = name.rpartition("/")
        if topic not in topics:
            why = "the settings name no such topic"
        elif not share.has(int(number)):
            why = f"another process reads it: this one has share {share.index} of {share.of}"
        else:
            own[name] = at
            continue
        log.warning("kafka_position_dropped", partition=name, position=at, reason=why)
    return own


def available(name: str, position: int, span: Span, log: Any) -> tuple[int, int]:
    """Return where to read on from a position, and how many offsets were deleted; say loudly if it is elsewhere."""
    if span.low <= position <= span.end:
        return position, 0
    missed = max(0, span.low - position)
    log.error(
        "kafka_offset_out_of_range",
        partition=name,
        wanted=position,
        available=[span.low, span.end],
        missed=missed,
        reason="deleted by retention" if missed else "the topic was truncated or made anew",
        action="reading on from the earliest record",
    )
    return span.low, missed
