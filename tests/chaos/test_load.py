"""More alerts than anybody can be told of: the urgent ones first and in time, of the others each is told or counted."""

import pytest

from tests.chaos.load import DEADLINE_S, PER_MINUTE, Figures, flood

MEMORY_MB = 48
"""The notifier may grow by so much, however long the backlog: caches of routes and breakers, free lists, threads."""


def _holds(figures: Figures, urgent: int) -> None:
    assert figures.unaccounted == []
    assert figures.alone + figures.digested == figures.alerts
    assert figures.counted == figures.digested > (figures.alerts / 2 if figures.slower < 4 else 0)
    assert len(figures.urgent_s) == urgent
    assert max(figures.urgent_s) < DEADLINE_S * figures.slower
    assert figures.most_a_minute <= PER_MINUTE
    assert figures.grown_mb < MEMORY_MB


def test_in_a_flood_what_is_urgent_is_told_in_time_and_all_else_is_told_or_counted() -> None:
    _holds(flood(1_000, 3.0, urgent=20), urgent=20)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_thousand_alerts_in_a_minute_are_told_or_counted() -> None:
    _holds(flood(10_000, 60.0, urgent=100), urgent=100)
