"""The cases of one shard: events in, changes of alerts out, time by a timetable.

An event that comes in the order of its case costs one lookup and what it does to the clocks. Whatever is due later
stands in one timetable (:mod:`detectors.promises.timetable`).

A fact that begins no promise, of a case that nothing is known of, takes a place in a dict until another one comes
(:mod:`detectors.promises.strays`). A case begins as a sleeper, which only collects facts
(:mod:`detectors.promises.sleeper`). It is built when something may be said of it, when its facts alone do not tell
until when nothing may be (:mod:`detectors.promises.outlook`), or with the first event that does not come in order.
Later it may be parked for a while (:mod:`detectors.promises.parked`).

The clocks run ahead of the watermark, with every event that is known; what they say is held back until the watermark
has passed it (:mod:`detectors.promises.episodes`).
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any

from detectors.contract import AlertChange, Outcome, Progress
from detectors.events import Event
from detectors.promises.clock import FAR_US
from detectors.promises.episodes import Moment
from detectors.promises.facts import Fact, fact_of, is_from_future
from detectors.promises.kept import AnyCase, KeptCases
from detectors.promises.outlook import outlook
from detectors.promises.parked import Parked, may_be_parked, parked, unparked
from detectors.promises.plan import Plan, ShardCase
from detectors.promises.sleeper import ASLEEP, CONCLUDING, Sleeper

_order = attrgetter("at_us", "fingerprint")


class SlaShard(KeptCases):
    """State of ``sla_breach`` for one shard of its keys."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._concluding: list[tuple[int, str, str]] | None = None  # nobody listens

    def update(self, events: Sequence[Event], progress: Progress) -> Outcome:
        """Take events of this shard's keys (any order), then let time pass."""
        affected = self._take(events)
        self._known_us = self._watermark_us
        self._watermark_us = max(self._watermark_us, progress.watermark_us)
        self._clock_us = max(self._clock_us, progress.clock_us, self._watermark_us)
        changes: list[AlertChange] = []
        for case in affected.values():
            self._look_at(case, changes)
        self._pass_time(changes)
        if len(changes) > 1:
            changes.sort(key=_order)
        return Outcome(changes, [])

    def _take(self, events: Sequence[Event]) -> dict[tuple[str, str], ShardCase]:  # noqa: PLR0912, PLR0915 - the hot loop
        """Apply events to their cases; return the cases that must be looked at before time passes."""
        plan, kinds = self._plan, self._plan.kinds
        watermark_us, wakes, changed, concluding = self._watermark_us, self._wakes, self._changed, self._concluding
        forgotten_us, strays = watermark_us - plan.retention_us, self._strays
        affected: dict[tuple[str, str], ShardCase] = {}
        for event in events:
            kind = kinds.get(event.__class__)
            if kind is None:
                continue
            info, relevant, rules = kind
            family = info.family
            data: Any = event.data
            if family == "case":
                key = data.case_id
                if not (relevant or data.status or data.priority or data.queue or data.deadline or event.rev):
                    continue
            else:
                key = data.order_id
                if not (relevant or data.status or data.deadline or event.rev):
                    continue
            if event.recordedtime is not None and is_from_future(event, plan.skew_us):
                self.counts["quarantined"] += 1
                continue
            at_us = event.time_us
            cases = self._cases[family]
            case = cases.get(key)
            if case is None and rules is not None and key in strays[family]:
                case = strays[family].take(key, watermark_us)
                if case is None:
                    self.counts["closed"] += 1
                else:
                    cases[key] = case
                    wakes.add(case.wake_us, family, key)
            if case is None:
                if at_us < forgotten_us:
                    self.counts["dropped"] += 1
                    continue
                if rules is None or at_us < watermark_us:
                    case = cases[key] = self._new(family, key)
                elif not event.rev and rules.begins_nothing(info.step, data.status):
                    strays[family].hold(key, event)
                    continue
                else:
                    case = cases[key] = Sleeper.until(at_us + rules.earliest_us, key)
                    wakes.add(case.wake_us, family, key)
            changed[family].add(key)
            fact = fact_of(event, info)
            if isinstance(case, Sleeper):
                if rules is not None and at_us >= watermark_us and case.comes_last(fact):
                    does = case.add(fact, rules, plan.retention_us)
                    if not does & ASLEEP and not self._has_time(family, case):
                        affected[family, key] = self._build(family, case)
                        continue
                    if does & CONCLUDING and concluding is not None:
                        heappush(concluding, (at_us, family, key))
                    if case.checked and at_us + plan.retention_us < case.wake_us and case.is_over:
                        case.wake_us = at_us + plan.retention_us
                        wakes.add(case.wake_us, family, key)
                    continue
                case = affected[family, key] = self._build(family, case)  # nobody asks it as a sleeper any more
            elif isinstance(case, Parked):
                case = cases[key] = unparked(case, plan)
            self._apply(family, case, fact, affected)
        return affected

    def _apply(self, family: str, case: ShardCase, fact: Fact, affected: dict[tuple[str, str], ShardCase]) -> None:
        """Apply a fact to a case that is built."""
        if not case.take(fact):
            return
        if fact.at_us < self._watermark_us:
            self.counts["late"] += 1
            affected[family, case.key] = case
        elif case.stale or len(case.entries) != case.seen:
            affected[family, case.key] = case
        else:
            next_us = case.timer_us
            if next_us == FAR_US and case.wake_us == FAR_US:
                next_us = case.last_us + self._plan.retention_us
            if next_us < case.wake_us:
                case.wake_us = next_us
                self._wakes.add(next_us, family, case.key)

    def _new(self, family: str, key: str) -> ShardCase:
        case = ShardCase(self._plan.specs[family], family, key)
        case.keep_us = self._plan.keep_us
        return case

    def _build(self, family: str, sleeper: Sleeper) -> ShardCase:
        """Put a built case in the place of a sleeper: stale, and with its entry in the timetable."""
        case = self._new(family, sleeper.key)
        case.facts = sleeper.facts
        case.stale = True
        case.wake_us = sleeper.wake_us
        self._cases[family][sleeper.key] = case
        return case

    def _pass_time(self, changes: list[AlertChange]) -> None:
        clock_us, watermark_us = self._clock_us, self._watermark_us
        wakes, held = self._wakes, self._held
        self._forget_strays()
        while due := wakes.next_due(clock_us):
            family, key = due
            case: AnyCase = self._cases[family][key]
            if isinstance(case, Sleeper):
                if self._sleeps_on(family, case):
                    continue
                case = self._build(family, case)
            elif isinstance(case, Parked):
                case = self._cases[family][key] = unparked(case, self._plan)
            case.wake_us = FAR_US
            self._look_at(case, changes)
            if may_be_parked(case, clock_us) and key in self._cases[family]:
                self._cases[family][key] = parked(case)
        while held and held[0][0] < watermark_us:
            at_us, family, key = heappop(held)
            waiting = self._cases[family].get(key)
            if isinstance(waiting, ShardCase) and waiting.held_us == at_us:
                waiting.held_us = FAR_US
                self._look_at(waiting, changes)

    def _sleeps_on(self, family: str, case: Sleeper) -> bool:
        """Say whether a sleeper that woke need not be built: it is over, and kept for a while, or has more time."""
        if not case.is_over:
            if not self._has_time(family, case):
                return False
            if not case.is_over:
                return True
        keep_until_us = case.last_us + self._plan.retention_us
        if keep_until_us < self._watermark_us:
            self._changed[family].add(case.key)
            del self._cases[family][case.key]
            self.counts["closed"] += 1
            return True
        if keep_until_us < self._clock_us:
            return False
        case.checked = True
        self._changed[family].add(case.key)
        case.wake_us = keep_until_us
        self._wakes.add(keep_until_us, family, case.key)
        return True

    def _has_time(self, family: str, case: Sleeper) -> bool:
        """Say whether the facts tell how long nothing can be said of a sleeper, and let it sleep until then."""
        rules = self._plan.rules[family]
        found = outlook(case.begun, case.facts, rules, self._watermark_us) if rules is not None and case.begun else None
        if found is None or found.next_us < self._clock_us:
            return False
        if case.begun & ~case.ended:
            if found.next_us == FAR_US:  # it only waits, and is not kept for ever
                return False
            self._sleep_on(family, case, found.next_us)
        else:
            case.safe_until_us = max(case.safe_until_us, case.over_us)
        return True

    def _sleep_on(self, family: str, case: Sleeper, until_us: int) -> None:
        """Let a case sleep until the next moment of the promises that run. A restart may find it out anew."""
        case.checked = True
        case.safe_until_us = until_us
        if until_us != case.wake_us:
            case.wake_us = until_us
            self._wakes.add(until_us, family, case.key)

    def _bring_up(self, case: ShardCase) -> None:
        """Bring a case up to what is known, and to the clock."""
        if case.stale:
            case.rebuild()
            case.seen = -1
        if case.timer_us < self._clock_us:
            case.advance(self._clock_us)

    def _look_at(self, case: ShardCase, changes: list[AlertChange]) -> None:
        """Let time pass for one case, tell what has changed, and say when to look again."""
        watermark_us, clock_us = self._watermark_us, self._clock_us
        self._bring_up(case)
        if case.seen != len(case.entries) or case.pending_us < clock_us:
            if case.episodes is None:
                case.episodes = {}
            at = Moment(watermark_us, clock_us, self._known_us)
            changes += self._plan.teller.tell(case.key, case, case.episodes, at)
            case.pending_us = min((entry[0] for entry in case.entries if entry[0] >= watermark_us), default=FAR_US)
        case.seen = len(case.entries)
        self._changed[case.family].add(case.key)
        next_us = min(case.timer_us, case.pending_us)
        if next_us == FAR_US:
            next_us = case.keep_until_us()
            if next_us < watermark_us:
                del self._cases[case.family][case.key]
                case.entries.clear()  # entries and measurements refer to each other
                self.counts["closed"] += 1
                return
        if next_us < clock_us:
            if next_us < case.held_us:
                case.held_us = next_us
                heappush(self._held, (next_us, case.family, case.key))
            if case.timer_us < case.wake_us:
                case.wake_us = case.timer_us
                self._wakes.add(case.wake_us, case.family, case.key)
        elif next_us < case.wake_us:
            case.wake_us = next_us
            self._wakes.add(next_us, case.family, case.key)
