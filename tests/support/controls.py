"""Controls for tests."""

from typing import Any

from detectors.control import Mode, ThresholdVersion


def threshold(
    detector: str,
    version: int,
    mode: Mode,
    effective_us: int,
    decision: dict[str, Any] | None = None,
    *,
    number: int,
    log: str = "log",
) -> ThresholdVersion:
    return ThresholdVersion(
        detector=detector,
        version=version,
        decision={} if decision is None else decision,
        mode=mode,
        effective_us=effective_us,
        by="ada",
        why="a test",
        at_us=effective_us,
        number=number,
        log=log,
    )
