"""What goes into a backtest, told so that the same can be given again: hashes of settings and files, and the span."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from alerts.model import rfc3339
from config.durations import format_duration_us
from config.settings import Settings
from pipeline.backtest.matching import Span
from pipeline.backtest.result import Source
from pipeline.compose import feed_settings
from pipeline.feeds.file import FileSettings
from pipeline.records.discovery import find_files

_BLOCK_BYTES = 1 << 20
_HOUR_US = 3_600_000_000
MOST_WARM_UP_US = 7 * 86_400_000_000
_FEED_FIELDS = {"type", "mapping", "lateness", "max_record_bytes"}


class SpanError(Exception):
    """There is nothing to judge between the times that were given."""


class Asked(NamedTuple):
    """Which part of a recording somebody wants judged. Times in microseconds UTC; None: not said."""

    from_us: int | None = None
    to_us: int | None = None
    warm_up_us: int | None = None


def span_of(first_us: int, last_us: int, asked: Asked) -> Span:
    """Return what is judged of a recording.

    It begins when everything has warmed up: ``warm_up_us`` after the first event, and not before ``from_us``. Where
    neither is given, with the hour a week later, or a quarter of the recording later where that is less.

    Args:
        first_us: the earliest event.
        last_us: the latest event.
        asked: what somebody wants.

    Raises:
        SpanError: when nothing is left.
    """
    end_us = last_us + 1
    if asked.from_us is None and asked.warm_up_us is None:
        warm_us = first_us + min(MOST_WARM_UP_US, (end_us - first_us) // 4)
        from_us = max(first_us, warm_us - warm_us % _HOUR_US)
    else:
        from_us = max(first_us + (asked.warm_up_us or 0), first_us if asked.from_us is None else asked.from_us)
    to_us = end_us if asked.to_us is None else min(end_us, asked.to_us)
    if from_us >= to_us:
        msg = (
            f"nothing is left to judge: the recording goes from {rfc3339(first_us)} to {rfc3339(last_us)} "
            f"({format_duration_us((end_us - first_us) // 1_000_000 * 1_000_000)}), and judging would begin at "
            f"{rfc3339(from_us)} and end at {rfc3339(to_us)}; give another --from, --to or --warm-up"
        )
        raise SpanError(msg)
    return Span(from_us, to_us, end_us)


def settings_hash(settings: Settings) -> str:
    """Return the hash of everything in the settings that bears on which alerts are raised, folders left out."""
    told = {
        "detectors": {name: entry.model_dump() for name, entry in sorted(settings.detectors.items())},
        "calendars": {name: entry.model_dump() for name, entry in sorted(settings.calendars.items())},
        "feeds": {name: entry.model_dump(include=_FEED_FIELDS) for name, entry in feed_settings(settings).items()},
        "profiles": None if settings.profiles is None else settings.profiles.model_dump(),
        "sentiment": settings.sentiment.model_dump(),
        "time": settings.time.model_dump(),
    }
    plain = msgspec.json.encode(_portable(told), order="sorted", enc_hook=str)
    return hashlib.sha256(plain).hexdigest()


def _portable(value: Any) -> Any:
    """Return plain data in which files go by their names."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): _portable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(map(_portable, value))
    return value


def source(path: Path) -> Source:
    """Return what a file is."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return Source(name=path.name, bytes=size, sha256=digest.hexdigest())


def feed_sources(settings: Settings) -> dict[str, list[Source]]:
    """Return the files of each feed that reads files; others have none."""
    return {
        name: [source(path) for _, path in sorted(find_files(entry.path, follow=False).items())]
        if isinstance(entry, FileSettings)
        else []
        for name, entry in feed_settings(settings).items()
    }
