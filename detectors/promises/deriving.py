"""The cases of one shard whose conclusions somebody listens to.

A conclusion is told in the update in which the watermark passes it, as it is known then: of two updates, the second
tells what lies between their watermarks. So nothing has to be remembered of what was told, and nothing is told twice
after a restart.

Late knowledge is the exception: it may conclude something at a time that the watermark has passed, or move what was
told to another time. Of a case that it comes to, what was told is kept from then on, and what is new is told with the
time that it has, for whoever still has use for it. That waits until the watermark moves, so that several late events
that meet one watermark are judged together, however they were cut.

When the watermark passes an event that may have concluded something of a case that sleeps, that is found from its facts
where they are plain (:mod:`detectors.promises.outlook`); otherwise the case is built for a moment.
"""

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from operator import attrgetter

from detectors.contract import AlertChange, Outcome, Progress
from detectors.events import Event
from detectors.promises.clock import FAR_US
from detectors.promises.conclusions import LATE, Conclusion, conclusions, conclusions_of, events_of, keep_told, was_told
from detectors.promises.facts import Fact
from detectors.promises.outlook import outlook
from detectors.promises.plan import Plan, ShardCase
from detectors.promises.shard import SlaShard
from detectors.promises.sleeper import Sleeper

_order = attrgetter("time_us", "id")


class DerivingShard(SlaShard):
    """State of ``sla_breach`` for one shard of its keys, whose outcomes have ``derived``.

    Args:
        plan: of promises that derive.
        source: of the events: the detector's name.
    """

    def __init__(self, plan: Plan, source: str) -> None:
        super().__init__(plan)
        self._source = source
        self._waiting: list[tuple[int, str, str]] = []
        self._concluding = self._waiting
        self._asked: set[tuple[str, str]] = set()
        self._derived: list[Event] = []

    def update(self, events: Sequence[Event], progress: Progress) -> Outcome:
        """Take events of this shard's keys (any order), then let time pass."""
        self._asked.clear()
        outcome = super().update(events, progress)
        outcome.derived, self._derived = sorted(self._derived, key=_order), []
        return outcome

    def restore(self, state: bytes) -> None:
        """Take over a state that ``snapshot`` returned."""
        super().restore(state)
        self._find_asleep()

    def rebuild(self, head: bytes, images: Iterable[bytes]) -> None:
        """Take over the newest head and images of all deltas."""
        super().rebuild(head, images)
        self._find_asleep()

    def _find_asleep(self) -> None:
        watermark_us = self._watermark_us
        self._concluding = self._waiting = [
            (fact.at_us, family, key)
            for family, cases in self._cases.items()
            for key, case in cases.items()
            if isinstance(case, Sleeper) and case.last_us >= watermark_us and _may_conclude(case)
            for fact in case.facts
            if fact.at_us >= watermark_us
        ]
        heapify(self._waiting)

    def _apply(self, family: str, case: ShardCase, fact: Fact, affected: dict[tuple[str, str], ShardCase]) -> None:
        if fact.at_us < self._watermark_us or fact.rev:
            self._keep_told(case)
        super()._apply(family, case, fact, affected)

    def _keep_told(self, case: ShardCase) -> None:
        """Before something is learned that may change what was told of a case: keep it."""
        if case.episodes is None:
            case.episodes = {}
        if LATE not in case.episodes:
            keep_told(LATE, case.episodes)
            super()._bring_up(case)
            for found in conclusions(case.entries):
                if found.at_us < self._watermark_us:
                    keep_told(found.identity, case.episodes)

    def _pass_time(self, changes: list[AlertChange]) -> None:
        waiting, watermark_us = self._waiting, self._watermark_us
        while waiting and waiting[0][0] < watermark_us:
            _, family, key = heappop(waiting)
            sleeper = self._cases[family].get(key)
            if isinstance(sleeper, Sleeper) and (family, key) not in self._asked:
                self._ask(family, sleeper)
        super()._pass_time(changes)

    def _ask(self, family: str, sleeper: Sleeper) -> None:
        """Tell what was concluded of a case that sleeps on."""
        rules, facts = self._plan.rules[family], sleeper.facts
        known_us, watermark_us = self._known_us, self._watermark_us
        found = outlook(sleeper.begun, facts, rules, watermark_us) if rules is not None else None
        if found is not None and found.next_us >= watermark_us:
            self._asked.add((family, sleeper.key))
            fresh = [one for one in found.fulfilled if known_us <= one.at_us < watermark_us]
            if fresh:
                self._derived += events_of(conclusions_of(fresh), sleeper.key, facts, self._source)
            if sleeper.wake_us < found.next_us < FAR_US and sleeper.begun & ~sleeper.ended:
                self._sleep_on(family, sleeper, found.next_us)
        else:
            case = self._new(family, sleeper.key)
            case.facts = facts
            case.stale = True
            self._bring_up(case)
            case.entries.clear()  # entries and measurements refer to each other

    def _bring_up(self, case: ShardCase) -> None:
        super()._bring_up(case)
        name = case.family, case.key
        known_us, watermark_us = self._known_us, self._watermark_us
        kept = case.episodes if case.episodes is not None and LATE in case.episodes else None
        if watermark_us <= known_us:
            if kept is not None and case.held_us > known_us:
                case.held_us = known_us  # looked at again as soon as the watermark moves
                heappush(self._held, (known_us, case.family, case.key))
            return
        if name in self._asked:
            return
        self._asked.add(name)
        fresh: list[Conclusion] = []
        for found in conclusions(case.entries):
            if found.at_us >= watermark_us:
                continue
            if kept is not None:
                if was_told(found, kept):
                    continue
                keep_told(found.identity, kept)
            elif found.at_us < known_us:
                continue
            fresh.append(found)
        self._derived += events_of(fresh, case.key, case.facts, self._source)


def _may_conclude(case: Sleeper) -> bool:
    """Say whether something may have been concluded of a sleeper: a promise has begun."""
    return case.begun != 0
