"""A window detector that counts broken promises by queue, and programs that have it among their detectors.

It is registered nowhere: ``python -m tests.support.listening ARGUMENTS`` is ``makegood ARGUMENTS`` with it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from config.settings import Settings
from detectors.contract import NEVER_US, Detector, Finding, Outcome, Progress, WindowDetector, alert_change
from detectors.control import Control
from detectors.events import Event
from detectors.grouping import group_reader
from detectors.panes import Group, Pane, PaneLayout, Panes, Vector
from pipeline import compose
from tests.support.events import HOUR_US
from tests.support.recording import Timed

HOP_US = HOUR_US // 2
SIZE_US = HOUR_US


class Adding:
    """Adds up breaches and the time they took, by queue."""

    def __init__(self, pane_us: int = HOP_US) -> None:
        self._pane_us = pane_us
        self._sums: dict[tuple[int, Group], Vector] = {}
        self._group = group_reader(("queue",))

    def add(self, events: Sequence[Event]) -> None:
        for event in events:
            sums = self._sums.setdefault((event.time_us // self._pane_us, self._group(event)), [0, 0])
            sums[0] += 1
            sums[1] += event.data.real_us  # type: ignore[union-attr]

    def take(self) -> Panes:
        sums, self._sums = self._sums, {}
        return [(pane, group, vector) for (pane, group), vector in sums.items()]


class Counted:
    """Windows of an hour, every half hour: a finding of each that had any, an alert of each that had two."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._panes: dict[tuple[int, Group], Vector] = {}
        self._closed_us = NEVER_US

    def update(self, panes: Panes, progress: Progress) -> Outcome:
        for pane, group, vector in panes:
            assert (pane + 1) * HOP_US > self._closed_us, "a window that is over must not change"
            known = self._panes.get((pane, group), [0, 0])
            self._panes[pane, group] = [old + new for old, new in zip(known, vector, strict=True)]
        outcome = Outcome([], [])
        last_us = progress.watermark_us // HOP_US * HOP_US
        while self._closed_us < last_us and self._panes:
            first_us = (min(pane for pane, _ in self._panes) + 1) * HOP_US
            end_us = max(self._closed_us + HOP_US, first_us)
            if end_us > last_us:
                break
            self._close(end_us, outcome)
        self._closed_us = max(self._closed_us, last_us)
        return outcome

    def _close(self, end_us: int, outcome: Outcome) -> None:
        after, first = end_us // HOP_US, (end_us - SIZE_US) // HOP_US
        sums: dict[Group, Vector] = {}
        for (pane, group), vector in self._panes.items():
            if first <= pane < after:
                sums[group] = [old + new for old, new in zip(sums.get(group, [0, 0]), vector, strict=True)]
        self._panes = {key: vector for key, vector in self._panes.items() if key[0] > first}
        self._closed_us = end_us
        for group, (count, took_us) in sorted(sums.items()):
            labels = {"queue": group[0]}
            found = Finding(
                detector=self._name,
                group=labels,
                start_us=end_us - SIZE_US,
                end_us=end_us,
                count=count,
                value=took_us / count,
                baseline=None,
                p_value=None,
                verdict="fires" if count > 1 else "quiet",
            )
            outcome.findings.append(found)
            if count > 1:
                named = {"alertname": "Breaches", "detector": self._name, "severity": "info", **labels}
                told = {"summary": f"{count} promises were broken", "description": f"{took_us} us"}
                for step in ("firing", "resolved"):
                    outcome.changes.append(
                        alert_change(
                            step=step,
                            at_us=end_us,
                            status="firing" if step == "firing" else "resolved",
                            labels=named,
                            annotations=told,
                            starts_at_us=end_us - SIZE_US,
                            ends_at_us=None if step == "firing" else end_us,
                        )
                    )

    def control(self, controls: Sequence[Control]) -> None:
        del controls

    def snapshot(self) -> bytes:
        rows = [(pane, group, vector) for (pane, group), vector in sorted(self._panes.items())]
        return msgspec.msgpack.encode((self._closed_us, rows))

    def restore(self, state: bytes) -> None:
        self._closed_us, rows = msgspec.msgpack.decode(state, type=tuple[int, list[Pane]])
        self._panes = {(pane, group): vector for pane, group, vector in rows}


class Breaches:
    """Counts ``promise.broken`` by queue."""

    event_types = frozenset({"promise.broken"})
    layout = PaneLayout(HOP_US, 2, HOP_US)

    def __init__(self, name: str = "breaches") -> None:
        self.name = name

    def combiner(self) -> Adding:
        return Adding()

    def state(self) -> Counted:
        return Counted(self.name)


LISTENER: WindowDetector = Breaches()


def in_queues(events: Sequence[Timed]) -> list[Timed]:
    """Return events of cases, each case in the queue of its service."""
    found = []
    for at_us, raw in events:
        event = json.loads(raw)
        event["data"]["queue"] = f"{event['data']['service']} desk"
        found.append((at_us, json.dumps(event).encode()))
    return found


def without_others(config: Path) -> Path:
    """Take the other window detector out of the settings of the recording; return their file."""
    before, _, rest = config.read_text(encoding="utf-8").partition("  sentiment_drop:\n")
    config.write_text(before + "flow:" + rest.partition("\nflow:")[2], encoding="utf-8")
    return config


_build = compose.build_detectors


def with_listener(settings: Settings) -> Mapping[str, Detector]:
    """Return the detectors that the settings name, and the one that listens."""
    return {**_build(settings), LISTENER.name: LISTENER}


def main() -> None:
    """Run ``makegood`` with the listener."""
    from pipeline.cli import app  # noqa: PLC0415

    compose.build_detectors = with_listener  # type: ignore[assignment]
    app()


if __name__ == "__main__":
    main()
