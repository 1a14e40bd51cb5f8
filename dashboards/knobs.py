"""Asks what a change of a detector would have done, in a process of its own: it takes a second of a whole core."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_process

from config.settings import Settings
from detectors.control import VerdictGiven
from pipeline.assembly import load_settings
from pipeline.backtest.knob import Kept, Knob, NoWindowsError
from pipeline.findings.places import findings_paths

_one = CapacityLimiter(1)
"""One process: it remembers the windows that it has read."""


async def ask(
    config: Path,
    detector: str,
    live: Mapping[str, Any],
    changes: Mapping[str, Any],
    verdicts: Sequence[VerdictGiven] = (),
) -> Knob:
    """Return what a change would have done to the windows that the flow has kept. See :class:`Kept`.

    Raises:
        NotTunableError, NoWindowsError, UnreadableError, ChangeError: see there.
    """
    arguments = str(config), detector, dict(live), dict(changes), tuple(verdicts)
    return await to_process.run_sync(_asked, *arguments, cancellable=True, limiter=_one)


def _asked(
    config: str, detector: str, live: dict[str, Any], changes: dict[str, Any], verdicts: tuple[VerdictGiven, ...]
) -> Knob:
    settings = _settings(config)
    paths = findings_paths(settings)
    if not paths:
        msg = f"no windows of {detector} are kept where this program can see them: {settings.store.dir} has no findings"
        raise NoWindowsError(msg)
    return _kept(config, detector, tuple(_stamp(path) for path in paths)).tried(live, changes, verdicts)


@lru_cache(maxsize=1)
def _settings(config: str) -> Settings:
    return load_settings(Path(config)).settings


@lru_cache(maxsize=4)
def _kept(config: str, detector: str, _stamps: tuple[tuple[str, int], ...]) -> Kept:
    settings = _settings(config)
    return Kept(settings, detector, findings_paths(settings))


def _stamp(path: Path) -> tuple[str, int]:
    """Return what tells a file from how it was a minute ago: what is newer makes no difference to a person."""
    return str(path), int(path.stat().st_mtime) // 60
