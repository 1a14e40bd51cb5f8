"""How fresh something is, as data, and what makes it late or stale."""

from typing import Literal

import msgspec

from alerts.statuses import Status
from config.durations import US_PER_SECOND

State = Literal["fresh", "late", "stale", "never", "unknown"]
"""``late``: older than it should be. ``stale``: too old, or failed. ``never``: nothing came so far. ``unknown``: who
would know says nothing."""
LayerName = Literal["store", "feeds", "detectors", "channels", "notifier"]

STORE_LATE_US, STORE_STALE_US = 5 * US_PER_SECOND, 30 * US_PER_SECOND
FEED_LATE, FEED_STALE = 2, 4
"""Multiples of a feed's own interval (``idle_after``); of a detector's, its ``hop``."""
SILENT_AFTER = 3
"""A process that has said nothing for so many of its own intervals is not believed any more."""
PROOF_US = 86_400 * US_PER_SECOND
"""That a channel works must have been seen so lately."""
RANKS: dict[State, int] = {"fresh": 0, "late": 1, "unknown": 2, "never": 3, "stale": 4}


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is fresh or not: a feed, a detector, a channel.

    Attributes:
        says: why, in words; of a fresh one what proves it.
        heard_us: when it was heard of last, by the clock of Makegood; None: never, or nobody says.
        expected_us: how often it should be heard of; None: not known.
        newest_us: event time of the newest event; of feeds alone.
    """

    name: str
    state: State
    says: str
    heard_us: int | None = None
    expected_us: int | None = None
    newest_us: int | None = None


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """All of one kind.

    Attributes:
        state: of the worst. says: in a few words, for the truth bar ("41 of 42 feeds live").
        signs: each, the worst first, then by name.
    """

    name: LayerName
    state: State
    says: str
    signs: tuple[Sign, ...] = ()

    @property
    def fresh(self) -> int:
        """How many are."""
        return sum(sign.state == "fresh" for sign in self.signs)


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a channel: read out of the store by :mod:`dashboards.proofs`.

    Attributes:
        failing_since_us: None: it does not fail.
        tried_us, works, says: its last test (canary); ``tried_us`` None: there was none.
        breaker_open: whether it is left alone for now.
        worked_us: when it took a real message last; None: never, as far as is known.
    """

    failing_since_us: int | None = None
    tried_us: int | None = None
    works: bool = False
    says: str = ""
    breaker_open: bool = False
    worked_us: int | None = None


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """How fresh everything is at one time.

    Attributes:
        open: alerts that fire, however answered or hidden.
        clear: whether "All clear" may be said.
        sentence: what is said while no row is shown.
        missing: what is not fresh, in words, the worst first.
    """

    at_us: int
    store: Layer
    feeds: Layer
    detectors: Layer
    channels: Layer
    notifier: Layer
    open: int
    clear: bool
    sentence: str
    missing: tuple[str, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All of them, in the order in which they depend on each other."""
        return (self.store, self.feeds, self.detectors, self.notifier, self.channels)


def believed(status: Status, now_us: int) -> bool:
    """Return whether a process said something lately enough to be believed."""
    return now_us - status.at_us <= SILENT_AFTER * status.every_us


def aged(age_us: int, late_us: int, stale_us: int) -> State:
    """Return what an age means.

    >>> aged(4, 5, 30), aged(5, 5, 30), aged(6, 5, 30), aged(31, 5, 30)
    ('fresh', 'fresh', 'late', 'stale')
    """
    if age_us <= late_us:
        return "fresh"
    return "late" if age_us <= stale_us else "stale"


def ago(age_us: int) -> str:
    """Return an age as people say it.

    >>> ago(3_200_000), ago(59_000_000), ago(60_000_000), ago(5_400_000_000), ago(7_200_000_000), ago(200_000_000_000)
    ('3 s', '59 s', '1 min', '1 h 30 min', '2 h', '2 d')
    """
    seconds = max(age_us, 0) // US_PER_SECOND
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{minutes // 1440} d"
