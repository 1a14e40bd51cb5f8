"""The company's days as a stream of records in the order in which they arrive.

Every minute of every service in every region is planned with random numbers of its own, so an incident changes what it
touches and nothing else. Memory holds what has been planned and has not arrived yet.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import NamedTuple

from config.durations import US_PER_SECOND
from pipeline.demo.cases import case
from pipeline.demo.chance import exponential, poisson
from pipeline.demo.company import FEEDS, MINUTE_US, PER_HOUR, REGIONS, SERVICES, Company, rhythm
from pipeline.demo.incidents import EFFECTS, Effect, Incident, effect_at
from pipeline.demo.stories import Scene, Told, order, post, survey

_STORIES: dict[str, Callable[[Scene], Iterator[Told]]] = {
    "orders": order,
    "cases": case,
    "posts": post,
    "surveys": survey,
}
_PLACES = [(region, service) for region in REGIONS for service in SERVICES]
_MINUTES_OF_SEED = 1 << 40


class Arrival(NamedTuple):
    """One record as it comes in.

    Attributes:
        arrival_us: when, in simulated time.
        feed: one of ``crm``, ``survey``, ``transaction``, ``social``.
        raw: what came.
        note: empty for a first, good and timely record; else ``duplicate``, ``bad``, ``late`` (within a few minutes) or
            ``beyond`` (so late that no sensible lateness covers it).
    """

    arrival_us: int
    feed: str
    raw: bytes
    note: str


@dataclass(frozen=True, slots=True)
class Noise:
    """What goes wrong between a source and us. Shares of all records.

    Attributes:
        delay_s: mean time from event to arrival, in seconds.
        late: arrive up to ``late_by_us`` later still.
        beyond: arrive 30 to 90 minutes later.
        duplicates: come again, within a minute or so.
        bad: come once more as something that is no event.
    """

    delay_s: float = 1.5
    late: float = 0.02
    late_by_us: int = 4 * MINUTE_US
    beyond: float = 0.0003
    duplicates: float = 0.01
    bad: float = 0.001


def simulate(
    company: Company,
    start_us: int,
    *,
    end_us: int | None = None,
    live_us: int | None = None,
    incidents: Sequence[Incident] = (),
    scale: float = 1.0,
    history_scale: float = 1.0,
    noise: Noise | None = None,
    scored: float = 0.3,
    shift_us: int = 0,
) -> Iterator[Arrival]:
    """Return records in order of arrival, for ever or until ``end_us``.

    Args:
        company: who does business.
        start_us: first moment, microseconds UTC; whole minutes.
        end_us: nothing begins or arrives from here on.
        live_us: until here ``history_scale`` applies on top of ``scale``.
        incidents: what goes wrong.
        scale: factor on how much happens.
        history_scale: factor on how much happened before ``live_us``.
        noise: what goes wrong on the way.
        scored: share of English texts that carry a sentiment already.
        shift_us: the company's clocks are ahead by so much: what happens at a time is what would have happened so much
            earlier; whole minutes.
    """
    rng = Random()  # noqa: S311 - a simulation
    on_the_way = _OnTheWay(noise or Noise(), rng)
    silences = [(EFFECTS[one.kind].silent, one) for one in incidents if EFFECTS[one.kind].silent]
    minute_us = start_us - start_us % MINUTE_US
    while end_us is None or minute_us < end_us:
        factor = scale * (history_scale if live_us is not None and minute_us < live_us else 1.0)
        for told in _minute(company, rng, minute_us, incidents, factor, scored, shift_us):
            on_the_way.send(*told)
        minute_us += MINUTE_US
        for arrival in on_the_way.arrived(minute_us if end_us is None else min(minute_us, end_us)):
            if not any(feed == arrival.feed and one.strength(arrival.arrival_us) for feed, one in silences):
                yield arrival


def _minute(
    company: Company,
    rng: Random,
    minute_us: int,
    incidents: Sequence[Incident],
    factor: float,
    scored: float,
    shift_us: int,
) -> Iterator[Told]:
    """Tell the stories that begin in one minute."""
    own_us = minute_us - shift_us
    minute = own_us // MINUTE_US
    busy = {region: {what: rhythm(what, region, own_us) for what in PER_HOUR} for region in REGIONS}
    for place, (region, service) in enumerate(_PLACES):
        rng.seed((company.seed * _MINUTES_OF_SEED + minute) * len(_PLACES) + place)
        effect = effect_at(incidents, minute_us, service, region)
        share = REGIONS[region] * SERVICES[service] * factor / 60.0
        number = 0
        for what, per_hour in PER_HOUR.items():
            for _ in range(poisson(rng, per_hour * share * busy[region][what] * _more(effect, what))):
                time_us = minute_us + int(rng.random() * MINUTE_US)
                identity = f"{minute:x}{place:x}-{number:x}"
                number += 1
                scene = Scene(company, rng, identity, time_us, service, region, effect, incidents, scored)
                yield from _STORIES[what](scene)


def _more(effect: Effect, what: str) -> float:
    return {"orders": effect.orders, "cases": effect.cases, "posts": effect.posts, "surveys": 1.0}[what]


class _OnTheWay:
    """Records between their source and us."""

    def __init__(self, noise: Noise, rng: Random) -> None:
        self._noise = noise
        self._rng = rng
        self._heap: list[tuple[int, int, str, bytes, str]] = []
        self._count = 0

    def send(self, time_us: int, feed: str, raw: bytes) -> None:
        noise, rng = self._noise, self._rng
        arrival_us = time_us + int(exponential(rng, noise.delay_s) * US_PER_SECOND)
        note = ""
        fate = rng.random()
        if fate < noise.beyond:
            arrival_us += int((30 + 60 * rng.random()) * MINUTE_US)
            note = "beyond"
        elif (fate := fate - noise.beyond) < noise.late:
            arrival_us += int(rng.random() * noise.late_by_us)
            note = "late"
        elif (fate := fate - noise.late) < noise.duplicates:
            self._push(arrival_us + int(exponential(rng, 20.0) * US_PER_SECOND), feed, raw, "duplicate")
        elif fate - noise.duplicates < noise.bad:
            self._push(arrival_us, feed, spoil(raw, rng.random()), "bad")
        self._push(arrival_us, feed, raw, note)

    def arrived(self, before_us: int) -> Iterator[Arrival]:
        heap = self._heap
        while heap and heap[0][0] < before_us:
            arrival_us, _, feed, raw, note = heappop(heap)
            yield Arrival(arrival_us, feed, raw, note)

    def _push(self, arrival_us: int, feed: str, raw: bytes, note: str) -> None:
        # The count decides among equal times, so that raw bytes never have to.
        heappush(self._heap, (arrival_us, self._count, feed, raw, note))
        self._count += 1


def spoil(raw: bytes, how: float) -> bytes:
    """Return something that is no event, made of one: cut short, of an unknown type, or without a readable time.

    Args:
        raw: an event.
        how: 0 to 1, chooses.
    """
    if how < 0.4:
        return raw[: int(len(raw) * (0.2 + how))]
    if how < 0.6:
        return raw.replace(b'"type":"', b'"type":"x-', 1)
    if how < 0.8:
        return raw.replace(b'"time":"2', b'"time":"yesterday 2', 1)
    return b"502 Bad Gateway"


__all__ = ["FEEDS", "Arrival", "Noise", "simulate", "spoil"]
