"""Cases that nothing can happen to yet: their facts alone, and the earliest moment at which something could.

Time that is spent is never more than time that passes. So no threshold of a promise is reached before the first fact
of its case plus the least of all targets that it may ever have, whatever pauses, changes of target or reopening come.
Until then the facts are only collected: no clocks are built. What a case does follows from its facts, however late they
are looked at, so this changes no verdict; and most cases are over before they need to be looked at.

Whether a case is over when it wakes is kept along with the facts, for promises and facts so plain that a set of bits
can tell: what begins and ends a promise. If it is not over, it sleeps on until the next moment of the promises
that still run, where the facts alone tell that (:mod:`detectors.promises.outlook`). A fact that may bring that moment
nearer has it found anew. For anything else the case is built.
"""

from collections.abc import Sequence

import msgspec

from detectors.promises.facts import Fact, pack_fact, place_of, unpack_facts
from detectors.promises.openhours import Calendar
from detectors.promises.spec import CANCEL, CLOSING, END, START, STOP, WATCH_QUEUE, Spec

UNKNOWN = -1
"""Instead of a set of promises: the facts are not plain, the case must be built to know."""
ASLEEP, CONCLUDING = 1, 2
"""What a fact does to a sleeper, as bits: it sleeps on as before; something may be concluded."""
_NEARER = frozenset({"tier_changed", "calendar_changed"})
"""Steps that may bring the next moment of promises nearer that have begun. A pause only puts it off."""
_NOT_PLAIN = frozenset({"reopened", "merged", "split"})
_NOTHING = (0, 0, 0)
_STATUS_MEMORY = 4_096


class SleepRules:
    """What is known of the promises of one family beforehand. Immutable.

    Attributes:
        earliest_us: the least time between the first fact of a case and anything that its alerts may say.
        plain: by step, the promises (as bits) that it begins, those that it ends for good, and those of which it ends a
            measurement, but another may begin; no entry for steps that may do more.
        rolling: the promises (as bits) of which many measurements may begin, until the case is closed.
        bits: every promise with its bit.
        pauses: a clock may stand. ``watches_queue``: a target may follow the queue.
    """

    def __init__(self, specs: Sequence[Spec], steps: Sequence[str], earliest_us: int) -> None:
        self.earliest_us = earliest_us
        self.bits = [(1 << index, spec) for index, spec in enumerate(specs)]
        self.pauses = any(spec.pauses for spec in specs)
        self.watches_queue = any(spec.watches & WATCH_QUEUE for spec in specs)
        self.rolling = sum(bit for bit, spec in self.bits if spec.rolling)
        self.plain: dict[str, tuple[int, int, int]] = {}
        self._ends_by_status: dict[str, int] = {}
        self._begins_nothing: dict[tuple[str, str | None], bool] = {}
        self._terms: dict[tuple[int, str | None, str, str | None], tuple[Calendar, int | None]] = {}
        if all(_is_plain(spec) for spec in specs):
            for step in steps:
                if step not in _NOT_PLAIN:
                    begins = sum(bit for bit, spec in self.bits if spec.ops.get(step, 0) & START)
                    ends = sum(bit for bit, spec in self.bits if spec.ops.get(step, 0) & _for_good(spec))
                    stops = sum(bit for bit, spec in self.bits if spec.rolling and spec.ops.get(step, 0) & STOP)
                    self.plain[step] = begins, ends, stops

    def ends_by_status(self, status: str) -> int:
        """Return the promises (as bits) that a status ends for good; UNKNOWN where it does more."""
        ends = self._ends_by_status.get(status)
        if ends is None:
            ends = sum(bit for bit, spec in self.bits if spec.status_bits(status) & _for_good(spec))
            if any(spec.status_bits(status) & (START | STOP if spec.rolling else START) for _, spec in self.bits):
                ends = UNKNOWN
            if len(self._ends_by_status) < _STATUS_MEMORY:
                self._ends_by_status[status] = ends
        return ends

    def begins_nothing(self, step: str, status: str | None) -> bool:
        """Return whether a fact with this step and status begins none of the promises."""
        found = self._begins_nothing.get((step, status))
        if found is None:
            plain = self.plain.get(step)
            found = plain is not None and not plain[0] and (status is None or self.ends_by_status(status) != UNKNOWN)
            if len(self._begins_nothing) < _STATUS_MEMORY:
                self._begins_nothing[step, status] = found
        return found

    def terms(
        self, bit: int, spec: Spec, priority: str | None, tier: str, queue: str | None
    ) -> tuple[Calendar, int | None]:
        """Return by which calendar a promise counts for a case, and the least open time until its alerts say something.

        None where nothing is promised.
        """
        key = (bit, priority, tier, queue)
        found = self._terms.get(key)
        if found is None:
            target = spec.target(priority, tier, queue)
            least = target if target is None or not spec.fractions else round(target * spec.fractions[0])
            found = spec.by_tier.get(tier, spec.calendar), least
            if len(self._terms) < _STATUS_MEMORY:
                self._terms[key] = found
        return found


def _for_good(spec: Spec) -> int:
    return END | CANCEL if spec.rolling else CLOSING


def _is_plain(spec: Spec) -> bool:
    """Say whether a promise is made to every case, and no step both begins and ends it."""
    return (
        spec.made_for_all
        and not spec.starts_anywhere
        and not any(bits & START and bits & CLOSING for bits in spec.ops.values())
    )


def sleep_rules(specs: Sequence[Spec], steps: Sequence[str]) -> SleepRules | None:
    """Return the rules for promises; None where a due time may lie anywhere: a day of the calendar, an instant."""
    if any(spec.fixed for spec in specs):
        return None
    return SleepRules(specs, steps, min(spec.earliest_us() for spec in specs))


class Sleeper(msgspec.Struct, gc=False, eq=False):
    """A case that has not been built: some bytes and a few figures, because there may be millions.

    Attributes:
        packed: its facts in their order of time, packed one after another; ``count``: how many.
        last_us: time of the last fact.
        safe_until_us: nothing can be said of it before. ``wake_us``: its place in the timetable.
        begun: the promises (as bits) that have begun, and, with the first, all that are rolling; ``ended``: those that
            something has ended for good, begun or not. ``begun`` is UNKNOWN when the facts are not plain. ``over_us``:
            when the last of them ended.
        settled: a status has ended a promise; another status might take it up again.
        checked: it woke, was found to be over, and sleeps until it may be forgotten.
    """

    key: str
    safe_until_us: int
    wake_us: int
    packed: bytes = b""
    count: int = 0
    last_us: int = 0
    over_us: int = 0
    begun: int = 0
    ended: int = 0
    settled: bool = False
    checked: bool = False

    @classmethod
    def until(cls, us: int, key: str) -> "Sleeper":
        """Return a case without a fact that sleeps until then."""
        return cls(key, us, us)

    @property
    def facts(self) -> list[Fact]:
        """The facts, unpacked."""
        return unpack_facts(self.count, self.packed)

    @property
    def is_over(self) -> bool:
        """Whether it is known that all promises that began had ended before anything could happen to them."""
        begun = self.begun
        return begun > 0 and not begun & ~self.ended and self.over_us <= self.safe_until_us

    def comes_last(self, fact: Fact) -> bool:
        """Say whether a fact comes after all others in the order of the case, and revises none of them."""
        if fact.rev:
            return False
        if not self.count or fact.at_us > self.last_us:
            return True
        return fact.at_us == self.last_us and place_of(fact) > place_of(self.facts[-1])

    def add(self, fact: Fact, rules: SleepRules, retention_us: int) -> int:
        """Take a fact that comes after all others; return what it does, as bits: ``ASLEEP``, ``CONCLUDING``.

        A fact that comes later than the case would be kept may begin another life: only the built case can tell.
        """
        if self.count and fact.at_us > self.last_us + retention_us:
            self.begun = UNKNOWN
        was_over = self.checked and self.is_over
        stays = not self.checked or was_over or self._stays(fact, rules)
        self.packed += pack_fact(fact)
        self.count += 1
        self.last_us = fact.at_us
        concludes = False
        if self.begun != UNKNOWN:
            plain = rules.plain.get(fact.step)
            status = fact.status
            if plain is None:
                self.begun = UNKNOWN
            elif status is None:
                if plain != _NOTHING:
                    concludes = self._note(fact.at_us, *plain, rules.rolling)
            else:
                by_status = rules.ends_by_status(status)
                if self.settled or by_status == UNKNOWN:
                    self.begun = UNKNOWN
                else:
                    self.settled = by_status != 0
                    concludes = self._note(fact.at_us, plain[0], plain[1] | by_status, plain[2], rules.rolling)
        if self.begun == UNKNOWN:
            return CONCLUDING if self.checked else CONCLUDING | ASLEEP
        if was_over:
            stays = self.is_over
        return (ASLEEP if stays else 0) | (CONCLUDING if concludes else 0)

    def _note(self, at_us: int, begins: int, ends: int, stops: int, rolling: int) -> bool:
        """Note what a fact begins and ends; say whether it ends something that has begun."""
        if begins & rolling & self.ended and not self.begun:
            self.begun = UNKNOWN  # it waits for a reopening
            return True
        begun, ended = self.begun, self.ended
        running = begun & ~ended
        if begins:
            self.begun = begun | begins | rolling
        if ends:
            self.ended = ended | ends
        if running or begins & ~(begun & ended):
            self.over_us = at_us  # as long as a promise runs, this stands for nothing
        return bool((ends | stops) & (running | begins) or begins & ~begun & ended)

    def _stays(self, fact: Fact, rules: SleepRules) -> bool:
        """Say whether a fact brings no next moment nearer, of promises that have begun or that it begins."""
        begins = rules.plain.get(fact.step, _NOTHING)[0]
        if begins & (rules.rolling | ~self.begun) or fact.step in _NEARER:
            return False
        priority, queue = fact.priority, fact.queue if rules.watches_queue else None
        if priority is None and not queue:
            return True
        known = self.facts
        return (
            priority is None or priority == next((o.priority for o in reversed(known) if o.priority is not None), None)
        ) and (not queue or queue == next((one.queue for one in reversed(known) if one.queue), None))
