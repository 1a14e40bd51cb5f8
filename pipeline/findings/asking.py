"""How a window is asked for in text: groups and times, on the command line and in the address of a request."""

import re

import msgspec

from alerts.model import rfc3339
from config.durations import format_duration_us, parse_duration_us
from pipeline.findings.query import NEWEST, Moment
from pipeline.timeparse import compile_times

_RELATIVE = re.compile(r"(?:now)?\s*([+-])\s*(\w+)")
_parse_time = compile_times(["rfc3339", "iso8601"], "UTC")
EVERYTHING = ("", "all", "-")


def parse_group(text: str) -> dict[str, str]:
    """Return the labels in ``service=checkout,region=north``; ``all`` for a detector without groups.

    A JSON object is understood too, for values with a comma in them.

    Raises:
        ValueError: when it is neither.

    >>> parse_group("service=checkout,region=north")
    {'service': 'checkout', 'region': 'north'}
    """
    if text in EVERYTHING:
        return {}
    if text.startswith("{"):
        try:
            return msgspec.json.decode(text, type=dict[str, str])
        except msgspec.DecodeError as error:
            msg = f"{text!r} is not a JSON object of labels: {error}"
            raise ValueError(msg) from error
    group: dict[str, str] = {}
    for part in text.split(","):
        name, separator, value = part.partition("=")
        if not (name.strip() and separator):
            msg = f"{text!r} is not a group: write its labels like service=checkout,region=north, or all"
            raise ValueError(msg)
        group[name.strip()] = value.strip()
    return group


def parse_moment(text: str) -> Moment:
    """Return a time: RFC 3339 (without an offset: UTC), ``now`` (the newest window), or ``-2h`` (so long before it).

    Raises:
        ValueError: when it is none of these.

    >>> parse_moment("-2h")
    Moment(at_us=-7200000000, relative=True)
    """
    if text == "now":
        return NEWEST
    found = _RELATIVE.fullmatch(text)
    try:
        if found is not None:
            offset_us = parse_duration_us(found[2])
            return Moment(-offset_us if found[1] == "-" else offset_us, relative=True)
        return Moment(_parse_time(text))
    except ValueError as error:
        msg = f"{text!r} is not a time: write 2026-03-02T14:00:00Z, now, or -2h for two hours before the newest window"
        raise ValueError(msg) from error


def moment_text(moment: Moment) -> str:
    """Return a time as :func:`parse_moment` reads it.

    >>> moment_text(parse_moment("-2h30m"))
    '-2h30m'
    """
    if not moment.relative:
        return rfc3339(moment.at_us)
    sign = "-" if moment.at_us < 0 else "+"
    return f"{sign}{format_duration_us(abs(moment.at_us))}" if moment.at_us else "now"
