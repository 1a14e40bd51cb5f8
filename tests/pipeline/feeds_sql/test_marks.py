from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.feeds.sql_marks import MarkError, Marks
from tests.pipeline.feeds_sql.reading import NOW_US

BERLIN = ZoneInfo("Europe/Berlin")
NAIVE = datetime(2024, 5, 1, 9, 30)  # noqa: DTZ001 - as a database gives it


@pytest.mark.parametrize(
    ("value", "zone", "number"),
    [
        (7, None, 7),
        (-(2**70), None, -(2**70)),
        (Decimal("12"), None, 12),
        (datetime(2024, 5, 1, tzinfo=UTC), None, 1_714_521_600_000_000),
        (datetime(2024, 5, 1, 2, tzinfo=timezone(timedelta(hours=2))), None, 1_714_521_600_000_000),
        (datetime(2024, 5, 1, 2), BERLIN, 1_714_521_600_000_000),  # noqa: DTZ001
        (date(2024, 5, 1), None, 1_714_521_600_000_000),
        (date(2024, 5, 1), BERLIN, 1_714_514_400_000_000),
        ("2024-05-01 00:00:00", ZoneInfo("UTC"), 1_714_521_600_000_000),
        ("2024-05-01T00:00:00.000001Z", None, 1_714_521_600_000_001),
    ],
)
def test_marks_are_whole_numbers_and_bounds_are_not_above_them(
    value: object, zone: ZoneInfo | None, number: int
) -> None:
    marks = Marks(value, zone, text_times=True)
    assert marks.number(value) == number
    assert marks.bound(number) <= value  # type: ignore[operator]
    assert marks.are_times == (not isinstance(value, int | Decimal))


@pytest.mark.parametrize("value", ["abc", "2024-05-01T00:00:00+02:00", 1.5, Decimal("1.5"), True, None, b"x", NAIVE])
def test_what_cannot_be_a_mark_is_refused_with_what_to_do(value: object) -> None:
    with pytest.raises(MarkError, match=r"CAST|not a time like|convert them in a query|zone: Europe/London"):
        Marks(value, None, text_times=isinstance(value, str))


def test_text_is_refused_where_the_database_has_times() -> None:
    with pytest.raises(MarkError, match="CAST"):
        Marks("2024-05-01 00:00:00", None, text_times=False)


@pytest.mark.parametrize("style", [lambda wall: wall, str, lambda wall: wall.isoformat()])
@given(low_us=st.integers(1_729_900_000_000_000, 1_730_000_000_000_000), after_us=st.integers(0, 40_000_000_000))
def test_no_local_time_from_an_instant_on_is_below_its_bound_also_when_clocks_are_set_back(
    style: object, low_us: int, after_us: int
) -> None:
    # Berlin set its clocks back at 1729990800000000.
    made = style(datetime.fromtimestamp((low_us + after_us) / 1e6, BERLIN).replace(tzinfo=None))  # type: ignore[operator]
    marks = Marks(made, BERLIN, text_times=True)
    assert marks.bound(low_us) <= made


@pytest.mark.parametrize("number", [-(10**30), 10**30, -(10**17)])
def test_bounds_out_of_the_calendar_are_its_beginning(number: int) -> None:
    for sample in (datetime(2024, 5, 1, tzinfo=UTC), "2024-05-01", date(2024, 5, 1)):
        marks = Marks(sample, BERLIN, text_times=True)
        assert marks.bound(number) <= sample  # type: ignore[operator]
    assert marks.number(NAIVE) < NOW_US
