"""The way of an alert as plain data: everything that is known, times in RFC 3339."""

from typing import Any

import msgspec

from alerts.model import rfc3339, to_json
from detectors.contract import AlertChange
from pipeline.explaining.story import Story

_SPANS = frozenset({"took_us", "left_us", "wait_us", "interval_us"})
_SPAN_OF_TIMING = frozenset({"repeat_us"})


def plain(story: Story) -> dict[str, Any]:
    """Return all of a story. Members named ``..._us`` are spans; times have lost that ending, and are RFC 3339."""
    told: dict[str, Any] = {name: value(getattr(story, name)) for name in story.__struct_fields__ if name != "detail"}
    told["now"] = rfc3339(told.pop("now_us"))
    told["audited"] = _time(told.pop("audited_us"))
    told["failing"] = {name: rfc3339(since_us) for name, since_us in story.failing.items()}
    told["accounts"] = value(story.detail.accounts)
    return told


def value(one: Any) -> Any:
    """Return something out of a story as plain data."""
    if isinstance(one, AlertChange):
        return {**to_json(one), "id": one.change_id, "step": one.step, "at": rfc3339(one.at_us)}
    if isinstance(one, msgspec.Struct):
        timing = hasattr(one, "wait_us") and hasattr(one, "interval_us")
        return dict(_member(name, getattr(one, name), timing=timing) for name in one.__struct_fields__)
    if isinstance(one, (list, tuple)):
        return [value(item) for item in one]
    if isinstance(one, dict):
        return {str(name): value(item) for name, item in one.items()}
    return one


def _member(name: str, found: Any, *, timing: bool) -> tuple[str, Any]:
    if name.endswith("_us") and name not in _SPANS and not (timing and name in _SPAN_OF_TIMING):
        return name.removesuffix("_us"), _time(found)
    return name, value(found)


def _time(time_us: int | None) -> str | None:
    return None if time_us is None else rfc3339(time_us)
