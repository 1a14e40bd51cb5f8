"""Where to read on: positions out of a snapshot against what is ours and what the cluster still has."""

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.feeds.contract import Share
from pipeline.feeds.kafka_probe import Span


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
