"""What people read about a life: spans, counts, who it is about."""

from config.calendars import CalendarSettings
from detectors.lives.facts import Who
from detectors.promises import wording
from detectors.promises.openhours import OpenHours

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_UTC = OpenHours("UTC", CalendarSettings(always_open=True))
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def span(amount_us: int) -> str:
    """Return an amount of elapsed time as people say it, to two figures.

    >>> span(3 * 86_400_000_000 + 7_200_000_000), span(5_400_000_000), span(604_800_000_000)
    ('3 d 2 h', '1 h 30', '7 d')
    """
    if amount_us < _DAY_US:
        return wording.span(amount_us // 1_000_000 * 1_000_000)
    days, rest_us = divmod(amount_us, _DAY_US)
    hours = rest_us // _HOUR_US
    return f"{days} d {hours} h" if hours else f"{days} d"


def moment(at_us: int, hours: OpenHours = _UTC) -> str:
    """Return an instant: ``Mon 2 Feb 2026 14:00 UTC``."""
    return wording.moment(hours, at_us)


def ordinal(count: int) -> str:
    """Return which one it is.

    >>> ordinal(3), ordinal(12), ordinal(22)
    ('third', '12th', '22nd')
    """
    if count <= len(_ORDINALS):
        return _ORDINALS[count - 1]
    ending = "th" if 10 <= count % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"


def customer(who: Who) -> str:
    """Return who it is about: ``gold customer anna (contract enterprise, worth 12,000)``."""
    name = f"{who.tier} customer {who.customer}".strip()
    if not who.customer:
        name = f"a {who.tier} customer" if who.tier else "an unknown customer"
    details = [f"contract {who.contract}"] if who.contract else []
    if who.value is not None:
        details.append(f"worth {who.value:,.0f}")
    return f"{name} ({', '.join(details)})" if details else name


def number(value: float) -> str:
    """Return a number without needless digits.

    >>> number(3.0), number(2.5)
    ('3', '2.5')
    """
    return f"{value:g}"


def capital(text: str) -> str:
    """Return a text that begins with a capital."""
    return text[:1].upper() + text[1:]


def about(who: Who) -> dict[str, str]:
    """Return the annotations that say who it is about."""
    value = "" if who.value is None else number(who.value)
    return {"customer": who.customer, "customer_value": value, "tier": who.tier}
