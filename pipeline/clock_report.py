"""Computed values of clock cases beside the expected ones: what differs, as text and as JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one case.

    Attributes:
        outcome: ``passed``, ``differs`` or ``skipped``.
        reason: why it was skipped; empty otherwise.
        computed: the values, in the shape of the expected ones.
        expected: as the file says.
        differences: one line each; empty when all expected values are met.
    """

    name: str
    outcome: Literal["passed", "differs", "skipped"]
    reason: str = ""
    computed: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    differences: list[str] = []

    @property
    def differs(self) -> bool:
        """Whether a computed value is not the expected one."""
        return self.outcome == "differs"


def percent(fraction: str) -> str:
    """Return a fraction as the key of a threshold: ``75%``."""
    return f"{float(fraction) * 100:.6g}%"


def compare(expected: Mapping[str, Any], computed: Mapping[str, Any], where: str = "") -> list[str]:
    """Return a line for each expected value that is not the computed one. Instants are compared as instants."""
    found = []
    for name, want in expected.items():
        have = computed.get(name)
        here = f"{where}{name}"
        if name == "instances" and isinstance(want, list):
            if not isinstance(have, list) or len(have) != len(want):
                found.append(f"{here}: expected {len(want)}, computed {len(have or ())}")
                continue
            for number, (one, other) in enumerate(zip(want, have, strict=True), 1):
                found += compare(one, other, f"{here}[{number}].")
        elif name == "thresholds" and isinstance(want, dict):
            found += _thresholds(want, have or {}, here)
        elif name == "retracts":
            if bool(want) != bool(have):
                found.append(f"{here}: expected {want!r}, computed {have!r}")
        elif name == "quarantined" and isinstance(want, bool):
            if want != bool(have):
                found.append(f"{here}: expected {want!r}, computed {have!r}")
        elif name not in computed and "instances" in computed and name not in {"quarantined"}:
            found.append(f"{here}: expected one instance, computed {len(computed['instances'])}")
        elif not _same(want, have):
            found.append(f"{here}: expected {plain(want)!r}, computed {have!r}")
    return found


def _thresholds(want: Mapping[str, Any], have: Mapping[str, Any], where: str) -> list[str]:
    return [
        f"{where}.{name}: expected {plain(at)!r}, computed {have.get(percent(str(float(name.rstrip('%')) / 100)))!r}"
        for name, at in want.items()
        if not _same(at, have.get(percent(str(float(name.rstrip("%")) / 100))))
    ]


def _same(want: Any, have: Any) -> bool:
    if (want is None or want is False) and (have is None or have is False):
        return True  # "is not so" and "is not said"
    if want == have or (
        isinstance(want, list) and isinstance(have, list) and list(map(str, want)) == list(map(str, have))
    ):
        return True
    first, second = _instant(want), _instant(have)
    return first is not None and first == second


def _instant(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else None
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo is not None else None


def plain(value: Any) -> Any:
    """Return a value with its instants as text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def render_text(results: Sequence[CaseResult]) -> str:
    """Return the results for people: one line a case, the values below, the differences named, and a count."""
    lines = []
    for result in results:
        mark = {"passed": "ok  ", "differs": "FAIL", "skipped": "skip"}[result.outcome]
        lines.append(f"{mark} {result.name}" + (f": skipped: {result.reason}" if result.reason else ""))
        instances = result.computed.get("instances", [result.computed] if result.computed else [])
        lines += [f"       {_line(instance)}" for instance in instances]
        if result.computed.get("quarantined"):
            lines.append(f"       quarantined {', '.join(result.computed['quarantined'])}")
        lines += [f"     ! {difference}" for difference in result.differences]
    count = {name: sum(result.outcome == name for result in results) for name in ("passed", "differs", "skipped")}
    lines.append(f"{count['passed']} equal, {count['differs']} differ, {count['skipped']} skipped")
    return "\n".join(lines)


def _line(instance: Mapping[str, Any]) -> str:
    if "due_at" not in instance:  # no clock
        return ", ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in instance.items())
    parts = [f"{instance.get('state')}", f"due {instance.get('due_at') or '-'}"]
    if instance.get("breached"):
        parts.append(f"broken {instance['breach_at']}")
    if instance.get("fulfilled_at"):
        parts.append(f"fulfilled {instance['fulfilled_at']}")
    parts.append(f"elapsed {instance.get('elapsed_seconds')} s")
    return ", ".join(parts)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_shown(item)}" for name, item in value.items()) or "-"
    if isinstance(value, list):
        return "; ".join(map(_shown, value)) or "-"
    return "-" if value is None else str(value)


def render_json(results: Sequence[CaseResult]) -> str:
    """Return the results for machines: one JSON object."""
    count = {name: sum(result.outcome == name for result in results) for name in ("passed", "differs", "skipped")}
    return msgspec.json.encode({**count, "cases": results}).decode()
