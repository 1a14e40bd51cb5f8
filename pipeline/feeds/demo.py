"""The demo feed: a simulated company, live at any speed. Its four partitions are the company's four systems."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from config.durations import DurationUs
from pipeline.demo.clock import BeganFile, SimulatedClock, wall_clock_us
from pipeline.demo.company import FEEDS as SYSTEMS
from pipeline.demo.company import MINUTE_US, Company
from pipeline.demo.incidents import Incident, scenario
from pipeline.demo.simulate import Arrival, simulate
from pipeline.events import to_us
from pipeline.feeds.contract import FEEDS, FeedContext, FeedSettings, RawBatch, Status

_SKIP_AT_ONCE = 2000
"""Records passed over in one poll when a run is resumed: a few milliseconds."""


class DemoSettings(FeedSettings):
    """A simulated company as a feed.

    Attributes:
        seed: another seed is another company.
        start: where its history begins (a time with an offset). Positions are kept for one start, so it is fixed.
        history: this much is read at full speed before live time begins.
        began: wall time at which live time begins; default: when the feed is opened. Before it, live time stands still.
        began_file: live time begins when somebody makes this file (``touch``); until then it stands still.
        speed: simulated seconds for each second of the wall clock.
        catch_up: live time is in the past, and goes by so fast only until it has caught up with the wall clock; from
            then on it is the wall clock.
        shift: the company's clocks are ahead by so much. With `start` later by as much, the same happens, only so much
            later.
        length: live time ends after this long; default never. A replay ends with it, or with the history.
        scenario: ``quiet``, ``outage_in_a_minute`` (10 simulated minutes into live time), ``outage_and_silence``
            (then a feed falls silent, too), ``outage_before`` (40 hours before live time), or ``tour`` of all
            incidents.
        scale: how much happens; 1 is about 4,000 events an hour.
        history_scale: factor on how much happened in the history.
        customers: how many there are.
        scored: share of English texts that carry a sentiment already.
    """

    type: Literal["demo"] = "demo"
    seed: int = 1
    start: AwareDatetime
    history: DurationUs = 0
    began: AwareDatetime | None = None
    began_file: Path | None = None
    speed: float = Field(default=1.0, gt=0, le=100_000)
    catch_up: bool = False
    shift: DurationUs = 0
    length: DurationUs | None = None
    scenario: Literal["quiet", "outage_in_a_minute", "outage_and_silence", "outage_before", "tour"] = "quiet"
    scale: float = Field(default=1.0, gt=0, le=1000)
    history_scale: float = Field(default=1.0, gt=0, le=10)
    customers: Annotated[int, Field(ge=50, le=1_000_000)] = 2000
    scored: float = Field(default=0.3, ge=0, le=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.start_us() % MINUTE_US:
            msg = "start must be a whole minute"
            raise ValueError(msg)
        if self.shift % MINUTE_US:
            msg = "shift must be whole minutes"
            raise ValueError(msg)
        if self.scenario == "tour" and self.length is None:
            msg = "a tour spreads over the length of the live time: give length, a day or more"
            raise ValueError(msg)
        if self.began is not None and self.began_file is not None:
            msg = "began and began_file say the same thing twice: give one of them"
            raise ValueError(msg)
        self.incidents()
        return self

    def start_us(self) -> int:
        """Return where the history begins, microseconds UTC."""
        return to_us(self.start)

    def live_us(self) -> int:
        """Return where live time begins, microseconds UTC."""
        return self.start_us() + self.history

    def end_us(self) -> int | None:
        """Return where live time ends, microseconds UTC, or None."""
        return None if self.length is None else self.live_us() + self.length

    def incidents(self) -> list[Incident]:
        """Return what goes wrong, and when.

        Raises:
            ValueError: when the scenario does not fit into ``length``.
        """
        end_us = self.end_us()
        return scenario(self.scenario, self.start_us(), self.live_us(), self.live_us() if end_us is None else end_us)

    def clock(self, began: datetime | None = None, wall_us: Callable[[], int] = wall_clock_us) -> SimulatedClock:
        """Return the clock that live time follows; a flow on this feed must read the same.

        Args:
            began: taken where the settings name no ``began``; default: now.
            wall_us: the wall clock.
        """
        at = self.began or began
        began_us: int | Callable[[], int | None] = wall_us() if at is None else to_us(at)
        if self.began_file is not None:
            began_us = BeganFile(self.began_file)
        return SimulatedClock(
            live_us=self.live_us(), began_us=began_us, speed=self.speed, wall_us=wall_us, catch_up=self.catch_up
        )


@FEEDS.register("demo", DemoSettings)
class DemoFeed:
    """Reads a simulated company (the protocol is ``Feed`` in ``pipeline.feeds.contract``).

    Records of a live feed are there when the simulated clock has reached their arrival; those of history at once.
    A run that is resumed simulates from the start and passes over what was taken.

    Args:
        name: of the feed.
        settings: what is simulated.
        context: a recording gives everything at full speed, then the end.
        wall_us: the wall clock, microseconds UTC.
    """

    def __init__(
        self, name: str, settings: DemoSettings, context: FeedContext, wall_us: Callable[[], int] = wall_clock_us
    ) -> None:
        self.name = name
        self._settings = settings
        self._wall_us = wall_us
        self._recording = context.recording
        self._end_us = settings.end_us()
        if context.recording and self._end_us is None:
            self._end_us = settings.live_us()
        self._clock: SimulatedClock | None = None
        self._arrivals: Iterator[Arrival] = iter(())
        self._next: Arrival | None = None
        self._taken = dict.fromkeys(SYSTEMS, 0)
        self._passed = dict.fromkeys(SYSTEMS, 0)
        self._due = False

    def open(self, positions: dict[str, int]) -> None:
        """Start at the beginning of history, or after the records that ``positions`` count."""
        settings = self._settings
        self._taken = {system: positions.get(system, 0) for system in SYSTEMS}
        self._passed = dict.fromkeys(SYSTEMS, 0)
        self._clock = settings.clock(wall_us=self._wall_us)
        self._arrivals = simulate(
            Company(settings.seed, settings.customers),
            settings.start_us(),
            end_us=self._end_us,
            live_us=settings.live_us(),
            incidents=settings.incidents(),
            scale=settings.scale,
            history_scale=settings.history_scale,
            scored=settings.scored,
            shift_us=settings.shift,
        )
        self._next = next(self._arrivals, None)
        self._due = True

    def partitions(self) -> dict[str, Status]:
        """Return the four systems. A system that an incident silences is caught up: that is how silence looks."""
        if self._next is None:
            return dict.fromkeys(SYSTEMS, Status.ENDED)
        return dict.fromkeys(SYSTEMS, Status.READING if self._due else Status.CAUGHT_UP)

    def poll(self, max_records: int, partition: str | None = None) -> list[RawBatch]:
        """Return what has arrived, at most ``max_records`` records. Never waits."""
        clock = self._clock
        if clock is None:
            msg = f"feed {self.name!r} is not open"
            raise RuntimeError(msg)
        now_us = None if self._recording else clock()
        batches: dict[str, RawBatch] = {}
        taken = skipped = 0
        offsets: dict[str, list[int]] = {}
        records: dict[str, list[bytes]] = {}
        arrival = self._next
        while arrival is not None and taken < max_records and skipped < _SKIP_AT_ONCE:
            if now_us is not None and arrival.arrival_us > now_us:
                break
            system = arrival.feed
            offset = self._passed[system]
            self._passed[system] = offset + 1
            if offset < self._taken[system]:
                skipped += 1
            else:
                batch = batches.get(system)
                if batch is None:
                    offsets[system], records[system] = [], []
                    batch = batches[system] = RawBatch(self.name, system, offsets[system], records[system], [])
                offsets[system].append(offset)
                records[system].append(arrival.raw)
                self._taken[system] = offset + 1
                taken += 1
            arrival = next(self._arrivals, None)
        self._next = arrival
        self._due = arrival is not None and (now_us is None or arrival.arrival_us <= now_us)
        return list(batches.values())

    def positions(self) -> dict[str, int]:
        """Return, by system, how many of its records were taken."""
        return dict(self._taken)

    def close(self) -> None:
        """Forget the simulation."""
        self._arrivals = iter(())
        self._clock = None
