"""A change of a detector's decision, as one would make it: as a command, and in the settings file."""

import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from pipeline.control.history import flat

_LEVELS = ("alert_budget", "false_discovery_rate", "p_value.fire")
_WIDE = 10_000


def _by_name(changes: Mapping[str, Any]) -> dict[str, str]:
    """Return changes by dotted name; numbers as short as a person writes them.

    >>> _by_name({"p_value": {"fire": 0.001}, "confirm": "2 of 3"})
    {'p_value.fire': '0.001', 'confirm': '2 of 3'}
    """
    return flat(changes, lambda value: f"{value:g}" if isinstance(value, float) else str(value))


def shadow_command(detector: str, changes: Mapping[str, Any], config: str, backtest: str | None) -> str:
    """Return the command that lets the change decide in the shadow, whole: it can be given as it is."""
    words = ["makegood", "shadow", detector, "--config", config]
    for name, text in _by_name(changes).items():
        words += ["--set", f"{name}={text}"]
    words += ["--why", "proposed by makegood tune"]
    if backtest is not None:
        words += ["--backtest", backtest]
    return shlex.join(words)


def snippet(detector: str, changes: Mapping[str, Any]) -> list[str]:
    """Return the lines of the settings file that make the change for good."""
    told = {name: value for name, value in _by_name(changes).items() if "." not in name}
    nested: dict[str, Any] = dict(told)
    for name, value in changes.items():
        if isinstance(value, Mapping):
            nested[name] = dict(value)
    text = yaml.safe_dump({"detectors": {detector: nested}}, sort_keys=False, width=_WIDE)
    replaced = [name for name in _LEVELS if name in _by_name(changes)]
    lines = text.rstrip("\n").split("\n")
    if replaced:
        others = ", ".join(name for name in _LEVELS if name not in replaced)
        lines.append(f"    # in place of {others}, where one of these is written")
    return lines
