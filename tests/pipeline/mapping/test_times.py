import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.events import to_us
from pipeline.localtime import NoOffsetError
from pipeline.timeparse import compile_times

EXACT_US = to_us(datetime(2017, 10, 2, 9, 5, 7, 250_000, tzinfo=UTC))


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ("rfc3339", "2017-10-02T09:05:07.25Z"),
        ("rfc3339", "2017-10-02t11:05:07.250000+02:00"),
        ("rfc3339", "2017-10-02 09:05:07.2500001z"),
        ("iso8601", "2017-10-02T09:05:07.250"),
        ("iso8601", "20171002T090507.25Z"),
        ("epoch_s", 1506935107.25),
        ("epoch_s", " 1506935107.25 "),
        ("epoch_ms", 1506935107250),
        ("epoch_ms", "1506935107250"),
        ("epoch_us", 1506935107250000),
        ("%m/%d/%Y %H:%M:%S.%f", "10/2/2017 9:05:07.25"),
        ("%d.%m.%y %H:%M:%S.%f", "2.10.17 9:5:7.250"),
        ("%Y-%m-%d %H:%M:%S.%f %z", "2017-10-02 01:05:07.25 -0800"),
        ("%Y-%m-%d %H:%M:%S.%f%z", "2017-10-02 09:05:07.25Z"),
        ("%d %b %Y %I:%M:%S.%f %p", "02 oct 2017 09:05:07.25 AM"),
        ("%B %d, %Y  %T.%f", "October 2, 2017 09:05:07.25"),
        ("%Y/%j %H:%M:%S.%f", "2017/275 09:05:07.25"),
        ("%F %T.%f", " 2017-10-02 09:05:07.25 "),
    ],
)
def test_each_format_reads_the_same_instant(format_: str, text: object) -> None:
    assert compile_times([format_], "UTC")(text) == EXACT_US


@pytest.mark.parametrize(
    ("formats", "value"),
    [
        (["rfc3339"], "2017-02-30T00:00:00Z"),
        (["rfc3339"], "2017-10-02 at noon"),
        (["rfc3339"], 1506935107),
        (["epoch_s"], "soon"),
        (["epoch_s"], "nan"),
        (["epoch_s"], float("inf")),
        (["epoch_s"], True),
        (["epoch_s"], "9" * 9_000),
        (["epoch_s"], None),
        (["%d/%m/%Y"], "31/2/2017"),
        (["%d/%m/%Y"], "1/13/2017"),
        (["%d/%m/%Y"], "1/1/0000"),
        (["%d/%m/%Y"], "1/1/0001"),
        (["%d/%m/%Y"], "31/12/9999"),
        (["%d/%m/%Y %H:%M"], "1/1/2017 24:00"),
        (["%d/%m/%Y %H:%M"], "1/1/2017 10:60"),
        (["%d/%m/%Y %I %p"], "1/1/2017 13 pm"),
        (["%d/%m/%Y"], "1/1/2017 and more"),
        (["%d/%m/%Y"], "٣/1/2017"),
        (["%Y/%j"], "2017/366"),
        (["%d %b %Y"], "1 Okt 2017"),
        (["%Y-%m-%d %z"], "2017-01-01 +2460"),
        (["%d/%m/%Y", "rfc3339"], {}),
    ],
)
def test_what_is_no_time_is_a_value_error_that_says_what_was_expected(formats: list[str], value: object) -> None:
    with pytest.raises(ValueError, match="expected a time as"):
        compile_times(formats, "Asia/Tokyo")(value)


def test_formats_are_tried_in_order() -> None:
    parse = compile_times(["%d/%m/%Y", "%m/%d/%Y", "epoch_s"], "UTC")
    assert parse("2/1/2017") == to_us(datetime(2017, 1, 2, tzinfo=UTC))
    assert parse("1/31/2017") == to_us(datetime(2017, 1, 31, tzinfo=UTC))
    assert parse(0) == 0
    assert compile_times(["rfc3339", "%Y-%m-%d"], "UTC")("1970-01-02") == 86_400_000_000


@pytest.mark.parametrize("format_", ["%d/%m/%Y %H:%M", "iso8601", "rfc3339"])
def test_a_time_without_offset_or_zone_is_refused_and_the_error_says_so(format_: str) -> None:
    text = "1/7/2024 09:05" if "%" in format_ else "2024-07-01T09:05:00"
    with pytest.raises(NoOffsetError, match="no offset"):
        compile_times([format_], None)(text)


@pytest.mark.parametrize("pattern", ["%H:%M", "%d/%m", "%d/%m/%Y %d", "%d/%m/%Y %I", "%b %m %d %Y %B"])
def test_a_pattern_must_give_one_date(pattern: str) -> None:
    with pytest.raises(ValueError, match="needs year, month and day"):
        compile_times([pattern], "UTC")


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        # A skipped hour counts with the offset before the gap; of an hour that comes twice, the first counts.
        ("America/New_York", "2026-03-08 02:30", "2026-03-08 07:30"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01 05:30"),
        ("America/New_York", "2026-11-01 02:30", "2026-11-01 07:30"),
        ("America/Sao_Paulo", "2017-10-15 00:30", "2017-10-15 03:30"),
        ("America/Sao_Paulo", "2018-02-17 23:30", "2018-02-18 01:30"),
        ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45"),
        ("Pacific/Apia", "2011-12-30 12:00", "2011-12-30 22:00"),
    ],
)
def test_changes_of_clocks_follow_rfc_5545(zone: str, text: str, expected: str) -> None:
    wanted = to_us(datetime.fromisoformat(expected).replace(tzinfo=UTC))
    for format_ in ("%Y-%m-%d %H:%M", "iso8601"):
        assert compile_times([format_], zone)(text) == wanted


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Europe/London", "Australia/Lord_Howe", "Africa/Casablanca"])
def test_local_times_equal_those_of_zoneinfo_in_any_order_of_asking(zone: str) -> None:
    rng = random.Random(7)
    parse = compile_times(["%d/%m/%Y %H:%M"], zone)
    start = datetime(2017, 1, 1)  # noqa: DTZ001 - local times
    for _ in range(4_000):
        local = start + timedelta(minutes=30 * rng.randrange(2 * 24 * 730))
        text = f"{local.day}/{local.month:0{rng.choice([1, 2])}}/{local.year} {local.hour}:{local.minute:02}"
        assert parse(text) == to_us(local.replace(tzinfo=ZoneInfo(zone))), text


def test_blanks_around_a_time_do_not_leak_into_the_next_one() -> None:
    parse = compile_times(["%d/%m/%Y %H:%M"], "UTC")
    for text in (" 1/2/2017 9:05", "1/2/2017  9:05", "1/2/2017 9:05 ", "1/2/2017 9:05"):
        assert parse(text) == to_us(datetime(2017, 2, 1, 9, 5, tzinfo=UTC))
    with pytest.raises(ValueError, match="expected a time"):
        parse("1/2/2017")
    with pytest.raises(ValueError, match="expected a time"):
        parse(" 9:05")
