"""Reads numbers and times, as machine code."""

import numpy as np

from pipeline.columns.machine import byte, compiled

_LEAP_DAYS = 719_468
_DAY_US, _HOUR_US, _MINUTE_US, _SECOND_US = 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000


@compiled
def behind_spaces(base: int, at: int) -> int:
    """Return where the next byte stands that is no space."""
    while byte(base, at) == 32:
        at += 1
    return at


@compiled
def digits_at(base: int, at: int, before: int) -> tuple[int, int]:
    """Return where digits end that begin at ``at``, and what they are as a whole number behind the digits ``before``.

    The number is of no use when there are more digits than fit.
    """
    whole = np.int64(before)
    digit = byte(base, at) - 48
    while digit >= 0 and digit <= 9:
        whole = whole * 10 + digit
        at += 1
        digit = byte(base, at) - 48
    return at, int(whole)


@compiled
def number_at(base: int, at: int) -> tuple[int, int, int, int]:
    """Read a number, without its sign, as far as it has no exponent.

    Returns:
        Where it ends, -1 where it is none; how many digits it has before and behind the point; all of them as a whole
        number, of no use when there are more than fit.
    """
    end, whole = digits_at(base, at, 0)
    before = end - at
    if before == 0 or (before > 1 and byte(base, at) == 48):
        return -1, 0, 0, 0
    behind = 0
    if byte(base, end) == 46:
        first = end + 1
        end, whole = digits_at(base, first, whole)
        behind = end - first
        if behind == 0:
            return -1, 0, 0, 0
    after = byte(base, end)
    if after not in (44, 125, 32):
        return -1, 0, 0, 0
    return end, before, behind, whole


@compiled
def two_digits(base: int, at: int) -> int:
    """Return the number that two digits are; something far below zero where they are none."""
    tens = byte(base, at) - 48
    ones = byte(base, at + 1) - 48
    if tens < 0 or tens > 9 or ones < 0 or ones > 9:
        return -1_000_000
    return tens * 10 + ones


@compiled
def time_us(base: int, at: int, size: int) -> int:  # noqa: PLR0911, PLR0912 - one form, part by part
    """Return a time as microseconds since 1970; -1 where it is none, or is not written ``2024-05-01T09:30:00[.5]Z``.

    Instead of ``Z`` an offset like ``+01:00`` may stand. Rarer forms (a space, small letters, a leap second, more than
    six digits) are not told from wrong ones here.
    """
    last = at + size - 1
    offset = 0
    if byte(base, last) == 90:
        end = last
    else:
        end = at + size - 6
        sign = byte(base, end)
        hours, minutes = two_digits(base, end + 1), two_digits(base, end + 4)
        if size < 25 or sign not in (43, 45) or byte(base, end + 3) != 58:
            return -1
        if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
            return -1
        offset = hours * _HOUR_US + minutes * _MINUTE_US
        if sign == 45:
            offset = -offset
    digits = end - at - 20
    if (digits != -1 and digits < 1) or digits > 6:
        return -1
    if byte(base, at + 4) != 45 or byte(base, at + 7) != 45 or byte(base, at + 10) != 84:
        return -1
    if byte(base, at + 13) != 58 or byte(base, at + 16) != 58:
        return -1
    year = two_digits(base, at) * 100 + two_digits(base, at + 2)
    month, day = two_digits(base, at + 5), two_digits(base, at + 8)
    hour, minute, second = two_digits(base, at + 11), two_digits(base, at + 14), two_digits(base, at + 17)
    if year < 1900 or month < 1 or month > 12 or day < 1:
        return -1
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return -1
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    days = 31
    if month in (4, 6, 9, 11):
        days = 30
    elif month == 2:
        days = 29 if leap else 28
    if day > days:
        return -1
    fraction = 0
    if digits >= 1:
        if byte(base, at + 19) != 46:
            return -1
        for place in range(at + 20, end):
            digit = byte(base, place) - 48
            if digit < 0 or digit > 9:
                return -1
            fraction = fraction * 10 + digit
        for _ in range(digits, 6):
            fraction *= 10
    # The days since 1970 of a date of the Gregorian calendar, counted in years that begin in March.
    shifted = year - 1 if month <= 2 else year
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    since = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _LEAP_DAYS
    return since * _DAY_US + hour * _HOUR_US + minute * _MINUTE_US + second * _SECOND_US + fraction - offset
