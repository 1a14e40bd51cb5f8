"""Numbers of mapped events: read from JSON numbers or from text, put onto another range, divided."""

import math
import re
from collections.abc import Callable
from typing import Any

from config.values import ValueSettings
from pipeline.reasons import Reason, RecordError, shown

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def number_reader(settings: ValueSettings) -> Callable[[Any], float]:
    """Return what reads a number, from a JSON number or from text in the given notation."""
    thousands, decimal = settings.thousands, settings.decimal
    line = settings.rescale

    def read(value: Any) -> float:
        if value.__class__ is str:
            text = value.strip()
            if thousands is not None:
                text = text.replace(thousands, "")
            if decimal != ".":
                text = text.replace(decimal, ".")
            number = float(text) if len(text) < 400 and _NUMBER.fullmatch(text) else math.nan
        elif value.__class__ is float or value.__class__ is int:
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
        else:
            raise RecordError(Reason.WRONG_TYPE, f"expected a number, got {shown(value)}")
        if not math.isfinite(number):
            raise RecordError(Reason.INVALID_VALUE, f"expected a number, got {shown(value)}")
        return number

    if line is None:
        return read
    (low, high), (to_low, to_high) = line.from_, line.to

    def rescaled(value: Any) -> float:
        share = min(1.0, max(0.0, (read(value) - low) / (high - low)))
        return to_low + share * (to_high - to_low)

    return rescaled


def integer_reader(settings: ValueSettings) -> Callable[[Any], int]:
    """Return what reads a whole number of at most 64 bits."""
    read = number_reader(settings)

    def read_integer(value: Any) -> int:
        number = value if value.__class__ is int else read(value)
        if number != int(number) or not -(2**63) <= number < 2**63:
            raise RecordError(Reason.INVALID_VALUE, f"expected a whole number of at most 64 bits, got {shown(value)}")
        return int(number)

    return read_integer


def divided(
    read: Callable[[Any], float | None], divisor_of: Callable[[Any], float], where: str
) -> Callable[[Any], Any]:
    """Return what reads a number of a record and divides it; ``where`` is what an error calls the divisor."""

    def read_divided(record: Any) -> float | None:
        number = read(record)
        if number is None:
            return None
        divisor = divisor_of(record)
        if divisor > 0 and math.isfinite(quotient := number / divisor):
            return quotient
        raise RecordError(Reason.INVALID_VALUE, f"{where}: expected a divisor above 0, got {shown(divisor)}")

    return read_divided
