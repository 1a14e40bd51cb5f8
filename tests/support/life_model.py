"""What an operator expects of alerts that fire, are silenced, acknowledged, escalated and resolve: a simple model.

It knows nothing of ticks, leases and scripts. It knows who fires, what hides whom, where the routes lead, and what each
receiver has heard; and says what must never be heard, and what must have been heard after a while.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from alerts.silencing import Silence
from config.escalations import EscalationSettings
from config.inhibition import InhibitRuleSettings
from config.maintenance import MaintenanceSettings
from detectors.contract import AlertChange, alert_change

SECOND_US = 1_000_000
WAIT_S, INTERVAL_S, REPEAT_S, STEP_S = 10, 60, 900, 240
ZONE = "Europe/Berlin"
ALERTS: dict[str, dict[str, str]] = {
    "a": {"alertname": "a", "service": "web", "severity": "warning"},
    "b": {"alertname": "b", "service": "web", "severity": "critical"},
    "c": {"alertname": "c", "service": "db", "severity": "warning"},
    "d": {"alertname": "d", "service": "db", "severity": "warning", "team": "t"},
}
RECEIVERS: dict[str, dict[str, Any]] = {
    "ops": {}, "quiet": {"send_resolved": False}, "other": {}, "urgent": {}, "first": {}, "second": {}, "last": {},
}  # fmt: skip
TIMES = {
    "group_wait": f"{WAIT_S}s", "group_interval": f"{INTERVAL_S}s", "repeat_interval": f"{REPEAT_S}s",
    "group_by": ["service"], "receiver": "ops", "escalation": "page",
}  # fmt: skip
ROUTES: list[dict[str, Any]] = [
    {**TIMES, "routes": [{"matchers": ["team=t"], "receiver": "quiet"}]},
    {**TIMES},
    {
        **TIMES,
        "routes": [
            {"matchers": ["severity=critical"], "receiver": "urgent", "continue": True},
            {"matchers": ["team=t"], "receiver": "other", "group_by": ["..."]},
        ],
    },
]
STEPS = (("first",), ("first", "second"))
SETTINGS: dict[str, Any] = {
    "escalations": {
        "page": EscalationSettings.model_validate(
            {
                "steps": [
                    {"notify": [{"receiver": name} for name in step], "wait": f"{STEP_S}s"} for step in STEPS
                ],
                "repeat": 1,
                "then": "last",
            }
        )
    },
    "inhibit_rules": [
        InhibitRuleSettings.model_validate(
            {
                "source_matchers": ["severity=critical"],
                "target_matchers": ["severity=warning"],
                "equal": ["service"],
            }
        )
    ],
    "maintenance_windows": {
        "night": MaintenanceSettings.model_validate(
            {
                "matchers": ["alertname=c"], "zone": ZONE, "start": "2026-01-01T02:30", "duration": "1h",
                "rrule": "FREQ=DAILY", "comment": "x", "owner": "x",
            }
        )
    },
}  # fmt: skip


class Place(NamedTuple):
    """A group: its receiver, and its labels."""

    receiver: str
    labels: tuple[tuple[str, str], ...]


def places(routes: int, name: str) -> list[Place]:
    """Return where an alert belongs, by the routes in use."""
    labels = ALERTS[name]
    by_service = (("service", labels["service"]),)
    found = []
    if routes == 0 and "team" in labels:
        found.append(Place("quiet", by_service))
    if routes == 2 and labels["severity"] == "critical":
        found.append(Place("urgent", by_service))
    if routes == 2 and "team" in labels:
        found.append(Place("other", tuple(sorted(labels.items()))))
    return found or [Place("ops", by_service)]


def windows(now_us: int) -> Iterator[tuple[int, int]]:
    """Yield when the window takes place, around a time: from 02:30 of the wall on, for an hour that passes."""
    today = datetime.fromtimestamp(now_us / SECOND_US, UTC).date()
    for day in range(-2, 3):
        begin = local_us(today + timedelta(days=day))
        yield begin, begin + 3600 * SECOND_US


def local_us(day: date) -> int:
    """Return 02:30 of the wall: the first of two; where there is none, what it would be without the change."""
    local = datetime(day.year, day.month, day.day, 2, 30, tzinfo=ZoneInfo(ZONE))
    return round(local.timestamp()) * SECOND_US


class Alert:
    """What is true of one alert."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fires = False
        self.began_us = 0
        self.step = "resolved"
        self.acknowledged: tuple[int | None] | None = None
        self.episodes = 0

    def in_hand(self, now_us: int) -> bool:
        """Whether somebody has acknowledged it."""
        held = self.acknowledged
        return held is not None and (held[0] is None or now_us < held[0])

    def change(self, step: str, now_us: int) -> AlertChange:
        """Take a step, and return it as a change."""
        ends = step in {"resolved", "retracted"}
        if not ends and not self.fires:
            self.began_us, self.acknowledged = now_us, None
            self.episodes += 1
        self.fires, self.step = not ends, step
        return alert_change(
            step=step,
            at_us=now_us,
            status="resolved" if ends else "firing",
            labels=ALERTS[self.name],
            annotations={},
            starts_at_us=self.began_us,
            ends_at_us=now_us if ends else None,
        )


class Truth:
    """What is true now, of all alerts."""

    def __init__(self) -> None:
        self.alerts = {name: Alert(name) for name in ALERTS}
        self.silences: dict[str, tuple[str, Silence]] = {}
        self.routes = 0

    def hidden(self, name: str, now_us: int) -> str:
        """Return what hides an alert, if it fires; empty: nothing."""
        labels = ALERTS[name]
        if labels["severity"] == "warning" and labels["service"] == "web" and self.alerts["b"].fires:
            return "inhibited"
        if name == "c" and any(begin <= now_us < end for begin, end in windows(now_us)):
            return "maintenance"
        for about, silence in self.silences.values():
            if silence.starts_us <= now_us < silence.ends_us and about in labels.values():
                return "silenced"
        return ""

    def next_us(self, now_us: int) -> int:
        """Return when the clock alone changes what is true."""
        times = [time for span in windows(now_us) for time in span]
        times += [time for _, silence in self.silences.values() for time in (silence.starts_us, silence.ends_us)]
        times += [held[0] for held in (one.acknowledged for one in self.alerts.values()) if held and held[0]]
        return min(time for time in times if time > now_us)

    def members(self, place: Place) -> list[str]:
        """Return who fires and belongs to a place."""
        return [name for name, one in self.alerts.items() if one.fires and place in places(self.routes, name)]

    def open(self, place: Place, now_us: int) -> list[str]:
        """Return who of these nobody has in hand, and nothing hides."""
        return [
            name for name in self.members(place)
            if not self.hidden(name, now_us) and not self.alerts[name].in_hand(now_us)
        ]  # fmt: skip

    def snapshot(self, now_us: int) -> "Moment":
        """Return what may be heard at this moment."""
        return Moment(
            fires={name: one.fires for name, one in self.alerts.items()},
            hidden={name: self.hidden(name, now_us) for name in self.alerts},
            in_hand={name: one.in_hand(now_us) for name, one in self.alerts.items()},
            routes=self.routes,
        )


class Moment(NamedTuple):
    """What was true at a moment."""

    fires: Mapping[str, bool]
    hidden: Mapping[str, str]
    in_hand: Mapping[str, bool]
    routes: int
