"""Alerts at a pace, how long each takes, and waiting for what must come."""

import time
from collections.abc import Callable, Sequence

from benchmarks.delivery.receiver import Arrival
from benchmarks.services import BenchmarkError
from detectors.contract import AlertChange, alert_change

AT_ONCE = {"group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
"""Timing of a route: every alert is a group of its own, told at once."""
_WAIT_S = 120.0


def numbered(number: int, name: str = "Benchmark") -> AlertChange:
    """Return a firing change of an alert of its own."""
    now_us = time.time_ns() // 1000
    return alert_change(
        step="firing",
        at_us=now_us,
        status="firing",
        labels={"alertname": name, "detector": "benchmark", "severity": "warning", "n": str(number)},
        annotations={"summary": f"Alert {number}", "description": "Something is wrong with the service, in words."},
        starts_at_us=now_us,
    )


def until(done: Callable[[], bool], what: str, wait_s: float = _WAIT_S) -> None:
    """Wait for something.

    Raises:
        BenchmarkError: it did not come.
    """
    end_s = time.monotonic() + wait_s
    while not done():
        if time.monotonic() > end_s:
            msg = f"{what} did not come within {wait_s:.0f} s"
            raise BenchmarkError(msg)
        time.sleep(0.02)


def paced(count: int, per_s: float, send: Callable[[int], None]) -> dict[int, int]:
    """Call ``send`` so many times at a pace; return when each call began, by number, ``time.monotonic_ns``."""
    began: dict[int, int] = {}
    start_s = time.monotonic()
    for number in range(count):
        wait_s = start_s + number / per_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        began[number] = time.monotonic_ns()
        send(number)
    return began


def delays_ms(began: dict[int, int], arrivals: Sequence[Arrival], place: int) -> list[float]:
    """Return how long each alert took to its first arrival at an address, milliseconds."""
    first: dict[int, int] = {}
    for arrival in arrivals:
        if arrival.place == place:
            for number in arrival.numbers:
                first.setdefault(number, arrival.at_ns)
    return [(first[number] - at_ns) / 1e6 for number, at_ns in began.items() if number in first]
