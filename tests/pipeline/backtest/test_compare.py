"""Alerts gained and lost: by fingerprint and overlapping time, each alert once."""

import math

from scipy.stats import poisson

from pipeline.backtest.compare import difference, pair
from pipeline.backtest.intervals import rate, share
from pipeline.backtest.matching import Span
from pipeline.backtest.measure import Measure
from pipeline.backtest.result import Difference, Side
from tests.pipeline.backtest.made import HOUR_US, alert

SPAN = Span(10 * HOUR_US, 100 * HOUR_US, 100 * HOUR_US)


def measured(*alerts: object) -> tuple[Measure, Side]:
    measure = Measure({}, list(alerts), lambda *_: (0, 0), SPAN, None)  # type: ignore[arg-type]
    return measure, Side(config="x", settings="", total=measure.total(), detectors=[], incidents=[])


def held(before: list[object], after: list[object]) -> Difference:
    return difference(measured(*before), measured(*after), SPAN.end_us)


def test_the_same_alert_is_neither_gained_nor_lost() -> None:
    found = held([alert(20, 22)], [alert(20, 25)])
    assert (found.same, found.gained_count, found.lost_count, found.earlier, found.later) == (1, 0, 0, 0, 0)


def test_an_alert_that_overlaps_is_earlier_or_later() -> None:
    found = held([alert(20, 22), alert(30, 32)], [alert(21, 25), alert(29.5, 31)])
    assert (found.same, found.earlier, found.later) == (0, 1, 1)
    assert [moved.later_s for moved in found.moved] == [3600.0, -1800.0]


def test_alerts_of_other_groups_or_times_are_gained_and_lost() -> None:
    found = held([alert(20, 22), alert(40, 41)], [alert(20, 22, labels={"service": "app"}), alert(42, 43)])
    assert (found.same, found.gained_count, found.lost_count) == (0, 2, 2)
    assert [row.starts_at[:13] for row in found.lost] == ["1970-01-01T20", "1970-01-02T16"]


def test_an_alert_that_is_cut_in_two_is_one_gained() -> None:
    pairs = pair([alert(20, 30)], [alert(20, 22), alert(25, 28)], SPAN.end_us)
    assert (len(pairs.both), len(pairs.lost), [one.starts_at_us for one in pairs.gained]) == (1, 0, [25 * HOUR_US])


def test_an_alert_that_is_open_at_the_end_goes_on_to_the_end() -> None:
    assert len(pair([alert(20)], [alert(90, 91)], SPAN.end_us).both) == 1


def test_what_begins_outside_of_the_span_in_one_of_two_is_not_gained() -> None:
    found = held([alert(9, 20)], [alert(11, 20)])
    assert (found.gained_count, found.lost_count, found.later) == (0, 0, 1)
    assert held([alert(5, 6)], [alert(7, 8)]).gained_count == 0


def test_the_share_of_time_with_an_open_alert_counts_overlaps_once() -> None:
    measure, _ = measured(alert(5, 19), alert(15, 28), alert(82))
    assert math.isclose(measure.total().open_share, (18 + 18) / 90, abs_tol=1e-4)


def test_intervals_are_those_of_the_exact_tests() -> None:
    four = rate(4, 2.0)
    assert four is not None
    assert math.isclose(poisson.sf(3, four.low * 2.0), 0.025, abs_tol=1e-4)
    assert math.isclose(poisson.cdf(4, four.high * 2.0), 0.025, abs_tol=1e-4)
    assert (share(0, 0), rate(1, 0.0)) == (None, None)
    nothing = share(0, 8)
    assert nothing is not None
    assert (nothing.low, nothing.high) == (0.0, 0.3694)
