"""A promise, compiled: what each step and status does to it, and what it promises to whom."""

from typing import Any

from config.calendars import CalendarSettings
from detectors.promises.dates import DATE_UNITS
from detectors.promises.facts import About
from detectors.promises.kinds import CANCELLED_STATUSES, KINDS, ORDER_START, ORDER_STOP, KindDefaults, normal
from detectors.promises.openhours import Calendar, OpenHours, to_us
from detectors.promises.settings import TIME_UNITS_US, Moment, PauseWhile, PromiseSettings

START, STOP, END, CANCEL, REOPEN, PAUSE = 1, 2, 4, 8, 16, 32
CLOSING = STOP | END | CANCEL
WATCH_PRIORITY, WATCH_QUEUE, WATCH_DEADLINE, WATCH_TIER = 1, 2, 4, 8
ALWAYS_OPEN = "always open"
_STATUS_MEMORY = 4_096


class Calendars:
    """Calendars by name, compiled when first used and shared by all promises."""

    def __init__(self, settings: Any) -> None:
        self._settings = settings
        self._compiled: dict[str, Calendar] = {
            ALWAYS_OPEN: Calendar(ALWAYS_OPEN, CalendarSettings(always_open=True)),
        }

    def get(self, name: str | None) -> Calendar | None:
        """Return a calendar; None for an unknown name. No name: always open."""
        name = ALWAYS_OPEN if name is None else name
        found = self._compiled.get(name)
        if found is None and name in self._settings:
            raw = self._settings[name]
            settings = raw if isinstance(raw, CalendarSettings) else CalendarSettings.model_validate(raw)
            found = self._compiled[name] = Calendar(name, settings)
        return found

    def need(self, name: str | None, field: str) -> Calendar:
        """Return a calendar.

        Raises:
            ValueError: naming the field, when there is none of that name.
        """
        found = self.get(name)
        if found is None:
            there = ", ".join(sorted(self._settings)) or "none"
            msg = f"{field}: no calendar is called {name!r}; there are: {there}"
            raise ValueError(msg)
        return found


class Spec:
    """One promise, compiled. Immutable and shared by all cases.

    ``derives``: somebody listens to what is concluded of it.
    """

    def __init__(
        self, settings: PromiseSettings, calendars: Calendars, field: str = "promise", *, derives: bool = False
    ) -> None:
        self.settings = settings
        self.derives = derives
        self.name = settings.name
        self.kind = settings.kind
        self.family = settings.family
        kind = KINDS[settings.kind]
        self.rolling = kind.rolling
        self.reopens = kind.reopens
        self.by_owner = settings.kind == "handoff" and settings.start is None
        self.fractions = settings.at_risk
        self.fixed = settings.unit not in TIME_UNITS_US
        self.absolute = settings.unit == "absolute"
        self.unit_us = TIME_UNITS_US.get(settings.unit or "", 0)
        self.on_reopen = settings.on_reopen
        self.on_target_change = settings.on_target_change
        self.min_notice_us = settings.min_notice
        self.confirm_after_us = settings.confirm_after
        self.valid_from_us = None if settings.valid_from is None else to_us(settings.valid_from)
        self.valid_to_us = None if settings.valid_to is None else to_us(settings.valid_to)
        self.deadline_us = None if settings.deadline is None else to_us(settings.deadline)
        self.made_for_all = (
            settings.where == type(settings.where)() and settings.valid_from is None and settings.valid_to is None
        )
        self.through = self.on_reopen == "count_through" or self.confirm_after_us is not None

        self.ops: dict[str, int] = {}
        self._statuses: dict[str, int] = {}
        self._memory: dict[str | None, int] = {None: 0}
        self._compile_moments(kind)
        self._compile_pauses(kind)
        self._calendars = calendars
        self.calendar = calendars.need(settings.calendar, f"{field}.calendar")
        self.by_tier = {
            tier: calendars.need(name, f"{field}.calendar_by_tier.{tier}")
            for tier, name in settings.calendar_by_tier.items()
        }
        self.watches = WATCH_PRIORITY | WATCH_TIER
        if self.absolute:
            self.watches |= WATCH_DEADLINE
        if self.by_owner or settings.targets_by_queue:
            self.watches |= WATCH_QUEUE
        self._targets: dict[tuple[str | None, str, str], int | None] = {}
        self.start_steps = frozenset(step for step, bits in self.ops.items() if bits & START)

    def _compile_moments(self, kind: KindDefaults) -> None:
        settings = self.settings
        start, stop = kind.start, kind.stop
        if self.family == "order" and kind.family == "case":
            start, stop = ORDER_START, ORDER_STOP
        if self.family == "case" and kind.family == "order":
            start, stop = ("opened",), ("resolved", "closed")
        start_at = settings.start or Moment(step=start)
        stop_at = settings.stop or Moment(step=stop, status=kind.stop_status)
        end_at = settings.end_without_verdict or Moment(step=kind.end, status=kind.end_status)
        cancel_at = settings.cancel or Moment(step=kind.cancel, status=CANCELLED_STATUSES)
        self.ops |= {"reopened": REOPEN, "split": START if "opened" in start_at.step else 0}
        for bit, moment in ((START, start_at), (STOP, stop_at), (END, end_at), (CANCEL, cancel_at)):
            for step in moment.step:
                self.ops[step] = self.ops.get(step, 0) | bit
            for status in moment.status:
                self._statuses[normal(status)] = self._statuses.get(normal(status), 0) | bit
        self.starts_anywhere = bool(start_at.status) or self.by_owner

    def _compile_pauses(self, kind: KindDefaults) -> None:
        pause = self.settings.pause_while
        if pause is None and not self.fixed and kind.pause_status is not None:
            pause = PauseWhile(status=kind.pause_status, ignore_reason=kind.ignore_reasons)
        self.explicit_pauses = pause is not None and pause.explicit
        self._reasons = frozenset(map(normal, pause.reason)) if pause is not None else frozenset()
        self._ignored = frozenset(map(normal, pause.ignore_reason)) if pause is not None else frozenset()
        for status in pause.status if pause is not None else ():
            self._statuses[normal(status)] = self._statuses.get(normal(status), 0) | PAUSE
        self.pauses = pause is not None
        if self.explicit_pauses:
            self.ops.setdefault("paused", 0)
            self.ops.setdefault("resumed", 0)

    # -- what an event means ------------------------------------------------------------------------------------------

    def status_bits(self, status: str | None) -> int:
        """Return what a status means to this promise: which of the bits above hold while it is the case's status."""
        bits = self._memory.get(status)
        if bits is None:
            bits = self._statuses.get(normal(status or ""), 0)
            if len(self._memory) < _STATUS_MEMORY:
                self._memory[status] = bits
        return bits

    def is_paused(self, reasons: "set[str] | None", status_bits: int) -> bool:
        """Say whether the clock stands still, given the explicit reasons for a pause and what the status means."""
        if status_bits & PAUSE:
            return True
        if not reasons or not self.explicit_pauses:
            return False
        return any(reason not in self._ignored and (not self._reasons or reason in self._reasons) for reason in reasons)

    def is_made_for(self, at_us: int, who: About, priority: str | None, queue: str | None) -> bool:
        """Say whether a case is promised this, at the moment at which it would start."""
        if self.made_for_all:
            return True
        if (self.valid_from_us is not None and at_us < self.valid_from_us) or (
            self.valid_to_us is not None and at_us >= self.valid_to_us
        ):
            return False
        where = self.settings.where
        labels = dict(who.labels)
        return (
            (not where.priority or (priority or self.settings.priority) in where.priority)
            and (not where.tier or who.tier in where.tier)
            and (not where.queue or queue in where.queue)
            and (not where.service or who.service in where.service)
            and (not where.region or who.region in where.region)
            and (not where.channel or who.channel in where.channel)
            and all(labels.get(name) in values for name, values in where.labels.items())
        )

    # -- what is promised ---------------------------------------------------------------------------------------------

    def target(self, priority: str | None, tier: str, queue: str | None) -> int | None:
        """Return the target: open microseconds, or a count of date units; None where nothing is promised."""
        key = (priority, tier, queue or "")
        try:
            return self._targets[key]
        except KeyError:
            found = self._look_up(*key)
            if len(self._targets) < _STATUS_MEMORY:
                self._targets[key] = found
            return found

    def _look_up(self, priority: str | None, tier: str, queue: str) -> int | None:
        settings = self.settings
        name = settings.priority if priority is None else priority
        number: int | float | None = None
        for item in (settings.targets_by_queue.get(queue), settings.targets_by_tier.get(tier)):
            if number is None and item is not None:
                number = item.get(name or "", item.get("*")) if isinstance(item, dict) else item
        if number is None:
            number = settings.targets.get(name or "", settings.targets.get("*"))
        if number is None:
            number = settings.target
        if number is None:
            return None
        return round(number * self.unit_us) if self.unit_us else int(number)

    def hours(self, tier: str, override: str | None, at_us: int) -> OpenHours:
        """Return the opening hours for a case: those of a ``calendar_changed``, of its tier, or of the promise."""
        calendar = None if override is None else self._calendars.get(override)
        if calendar is None:
            calendar = self.by_tier.get(tier, self.calendar)
        return calendar.at(at_us)

    def severity(self, priority: str | None, tier: str) -> str:
        """Return the severity of a breach."""
        settings = self.settings
        by_tier = settings.severity_by_tier.get(tier, settings.severity)
        return settings.severity_by_priority.get(priority or settings.priority or "", by_tier)

    def earliest_us(self) -> int:
        """Return the least open time that is spent before anything can be said, whoever the case is about.

        For targets in units of time.
        """
        least = min((number for _, number in self.settings.all_targets), default=0)
        target = round(least * self.unit_us)
        return min(round(target * fraction) for fraction in (*self.fractions, 1.0))

    @property
    def in_days(self) -> bool:
        """Whether the target counts date units."""
        return self.settings.unit in DATE_UNITS
