"""Incidents with known truth: what goes wrong, where and when, and which detectors ought to say so."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from config.durations import US_PER_SECOND
from pipeline.demo.company import DAY_US, HOUR_US, MINUTE_US


@dataclass(frozen=True, slots=True)
class Effect:
    """What an incident does where it applies. Factors multiply, shares and shifts add; at strength 1.

    Attributes:
        orders, cases, posts: factors on how many there are.
        failures: share of payments that fail besides the usual ones.
        latency: factor on the time a payment takes.
        delay: factor on how long agents take, and parcels travel.
        anger: share of posts and messages that are angry besides the usual ones.
        joy: share of posts that are happy besides the usual ones.
        survey: shift of survey scores, in points of ten.
        silent: the feed that says nothing.
    """

    orders: float = 1.0
    cases: float = 1.0
    posts: float = 1.0
    failures: float = 0.0
    latency: float = 1.0
    delay: float = 1.0
    anger: float = 0.0
    joy: float = 0.0
    survey: float = 0.0
    silent: str = ""


NOTHING = Effect()
_BROKEN = Effect(
    orders=0.7, cases=7.0, posts=6.0, failures=0.7, latency=6.0, delay=8.0, anger=0.75, survey=-4.0
)  # fmt: skip
EFFECTS = {
    "outage": _BROKEN,
    "slow_decay": Effect(cases=1.8, posts=1.5, failures=0.08, latency=2.0, delay=3.0, anger=0.35, survey=-2.0),
    "region": Effect(orders=0.8, cases=4.0, posts=3.5, failures=0.4, latency=4.0, delay=6.0, anger=0.6, survey=-3.0),
    "vendor": Effect(cases=1.5, failures=0.5, latency=3.0, delay=2.0, anger=0.2),
    "survey_decline": Effect(survey=-3.0),
    "silent_feed": Effect(silent="social"),
    "product_launch": Effect(orders=1.6, posts=4.0, joy=0.45),
    "campaign": Effect(orders=2.5, cases=1.4, posts=1.5),
    "holiday": Effect(orders=0.4, cases=0.3, posts=0.5),
}
_SCOPES: dict[str, dict[str, str]] = {
    "outage": {"service": "checkout", "region": "north"},
    "slow_decay": {"service": "delivery"},
    "region": {"region": "south"},
    "vendor": {"vendor": "payfast"},
    "survey_decline": {"service": "app"},
    "silent_feed": {"feed": "social"},
    "product_launch": {"service": "app"},
    "campaign": {},
    "holiday": {},
}
_EXPECTED = {
    "outage": ("transaction_failure", "sentiment_drop", "social_spike", "sla_breach", "sla_breach_rate", "survey_drop"),
    "slow_decay": ("sentiment_drop", "resolution_lag", "survey_drop"),
    "region": ("transaction_failure", "sentiment_drop", "social_spike", "sla_breach", "sla_breach_rate"),
    "vendor": ("transaction_failure",),
    "survey_decline": ("survey_drop",),
    "silent_feed": ("feed_silence",),
    "product_launch": (),
    "campaign": (),
    "holiday": (),
}
TOUR_US = len(EFFECTS) * 4 // 3 * HOUR_US
"""The shortest tour: an hour for each incident and its pause, after a quarter without any."""
SCENARIOS = ("quiet", "outage_in_a_minute", "outage_and_silence", "outage_before", "tour")
_RAMPS = frozenset({"slow_decay", "survey_decline"})


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident, in event time: ``[start_us, end_us)``.

    Attributes:
        scope: the labels of what it touches; a label that is not named is not a limit.
        benign: a look-alike. No alert is right.
    """

    kind: str
    start_us: int
    end_us: int
    scope: dict[str, str] = field(default_factory=dict)

    @property
    def benign(self) -> bool:
        """Whether no alert is right."""
        return not self.expected

    @property
    def expected(self) -> tuple[str, ...]:
        """The detectors that ought to fire."""
        return _EXPECTED[self.kind]

    def strength(self, time_us: int) -> float:
        """Return how strongly it acts at a time, 0 to 1. Slow ones grow until the middle of their time."""
        if not self.start_us <= time_us < self.end_us:
            return 0.0
        if self.kind not in _RAMPS:
            return 1.0
        return min(1.0, 2.0 * (time_us - self.start_us) / (self.end_us - self.start_us))

    def touches(self, **labels: str) -> bool:
        """Return whether it acts on something with these labels."""
        return all(labels.get(name, wanted) == wanted for name, wanted in self.scope.items())


def incident(kind: str, start_us: int, length_us: int) -> Incident:
    """Return an incident of a kind in its usual scope.

    Raises:
        ValueError: when there is no such kind.
    """
    if kind not in EFFECTS:
        msg = f"no incident is called {kind!r}; there are: {', '.join(EFFECTS)}"
        raise ValueError(msg)
    return Incident(kind, start_us, start_us + length_us, dict(_SCOPES[kind]))


def effect_at(incidents: Sequence[Incident], time_us: int, service: str, region: str) -> Effect:
    """Return what all incidents together do to a service in a region at a time (vendors and feeds aside)."""
    total = NOTHING
    for one in incidents:
        strength = one.strength(time_us)
        if strength and one.touches(service=service, region=region) and not {"vendor", "feed"} & one.scope.keys():
            total = _both(total, EFFECTS[one.kind], strength)
    return total


def _both(total: Effect, more: Effect, strength: float) -> Effect:
    def times(mine: float, other: float) -> float:
        return mine * (1.0 + (other - 1.0) * strength)

    return Effect(
        orders=times(total.orders, more.orders),
        cases=times(total.cases, more.cases),
        posts=times(total.posts, more.posts),
        failures=total.failures + more.failures * strength,
        latency=times(total.latency, more.latency),
        delay=times(total.delay, more.delay),
        anger=total.anger + more.anger * strength,
        joy=total.joy + more.joy * strength,
        survey=total.survey + more.survey * strength,
    )


def scenario(name: str, start_us: int, live_us: int, end_us: int) -> list[Incident]:
    """Return the incidents of a scenario.

    Args:
        name: ``quiet`` (none), ``outage_in_a_minute`` (an outage ten minutes after ``live_us``, for three hours),
            ``outage_and_silence`` (the same, and half an hour after it began the feed of posts falls silent, for two
            hours), ``outage_before`` (an outage 40 hours before ``live_us``, for three hours), or ``tour`` (every kind
            in turn over ``[live_us, end_us)``, with pauses of the same length between them).
        start_us: where history begins.
        live_us: where history ends.
        end_us: where the recording ends.

    Raises:
        ValueError: for an unknown name, or a tour over less than :data:`TOUR_US`.
    """
    if name == "quiet":
        return []
    if name in {"outage_in_a_minute", "outage_and_silence"}:
        outage = incident("outage", live_us + 10 * MINUTE_US, 3 * HOUR_US)
        silence = incident("silent_feed", outage.start_us + 30 * MINUTE_US, 2 * HOUR_US)
        return [outage, silence] if name == "outage_and_silence" else [outage]
    if name == "outage_before":
        begins_us = live_us - 40 * HOUR_US
        if begins_us < start_us:
            msg = "outage_before takes place 40 hours before live time: give a history of two days or more"
            raise ValueError(msg)
        return [incident("outage", begins_us, 3 * HOUR_US)]
    if name == "tour":
        # Nothing has a baseline on the first day, so the tour begins after it, where there is time for that.
        begin_us = max(live_us, min(start_us + DAY_US, start_us + (end_us - start_us) // 4))
        slot_us = (end_us - begin_us) // len(EFFECTS)
        if slot_us < HOUR_US:
            hours = TOUR_US // HOUR_US
            msg = f"a tour of all {len(EFFECTS)} incidents takes at least {hours} hours, and longer is better"
            raise ValueError(msg)
        length_us = slot_us // 2 // US_PER_SECOND * US_PER_SECOND
        return [incident(kind, begin_us + number * slot_us, length_us) for number, kind in enumerate(EFFECTS)]
    msg = f"no scenario is called {name!r}; there are: {', '.join(SCENARIOS)}"
    raise ValueError(msg)
