"""Words of the wall: how old something is, what an alert is called, what stands for a customer."""

import hmac
import re
from collections.abc import Mapping

from detectors.contract import AlertChange

_P_VALUE = re.compile(r" \(p = [^)]*\)$")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UPPER = frozenset({"sla", "dns", "api", "nps", "csat", "sms", "url", "http"})
_CODE_DIGITS = 6
_SHORTEST = 2


def age_text(seconds: float) -> str:
    """Return an age, as short as can be read from far. The page's script says it in the same words.

    >>> age_text(-1), age_text(59.9), age_text(60), age_text(7199), age_text(86_399), age_text(172_800)
    ('0 s', '59 s', '1 min', '1 h', '23 h', '2 d')
    """
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 6_000:
        return f"{whole // 60} min"
    if whole < 172_800:
        return f"{whole // 3_600} h"
    return f"{whole // 86_400} d"


def alert_words(name: str) -> str:
    """Return the name of an alert as words.

    >>> alert_words("SlaBreachRate"), alert_words("feed_silence"), alert_words("HTTPErrors")
    ('SLA breach rate', 'Feed silence', 'HTTP errors')
    """
    parts = [part.lower() for part in _HUMP.sub("_", name).replace("-", "_").split("_") if part]
    words = [part.upper() if part in _UPPER else part for part in parts]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def short_summary(change: AlertChange) -> str:
    """Return what an alert says of itself, without what its row shows beside it and without the p-value.

    Window detectors begin with the names of the group; the row has those in columns of their own.
    """
    text = " ".join(change.annotations.get("summary", "").split())
    text = _P_VALUE.sub("", text)
    head, colon, rest = text.partition(": ")
    values = set(change.labels.values())
    if colon and all(part in values for part in head.split(", ")):
        text = rest
    return (text[:1].upper() + text[1:]) or alert_words(change.labels.get("alertname", ""))


class Codes:
    """Puts codes in the place of customers.

    Args:
        key: the codes cannot be traced back without it; the same key gives the same codes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def code(self, name: str) -> str:
        """Return what stands for a name.

        >>> Codes(b"k").code("Ada") == Codes(b"k").code("Ada") != Codes(b"k").code("Bob")
        True
        """
        return f"C-{hmac.digest(self._key, name.encode(), 'sha256').hex()[:_CODE_DIGITS]}"

    def masked(self, text: str, names: Mapping[str, str]) -> str:
        """Return a text in which no name stands any more.

        Args:
            text: of an alert.
            names: what stands for each.
        """
        for name in sorted(names, key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", names[name], text, flags=re.IGNORECASE)
        return text

    def names(self, change: AlertChange, labels: tuple[str, ...]) -> dict[str, str]:
        """Return the names that an alert carries, with what stands for each.

        Args:
            change: of the alert.
            labels: names of labels and annotations that hold names.
        """
        found = {change.labels.get(one, "") for one in labels} | {change.annotations.get(one, "") for one in labels}
        return {name: self.code(name) for name in found if len(name) >= _SHORTEST}
