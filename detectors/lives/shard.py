"""The lives of one shard: events in, changes of alerts out, time in a heap.

A fact is applied when the watermark has passed it, in its place among the others, so facts that are in time are never
applied in vain, whatever their order of arrival. Applied facts are kept for the retention; a late one among them means
that the life is lived again from the horizon before which nothing is kept but its state. Whatever is due later stands
in one heap of wake times, which is never searched: an entry that no longer holds is recognised when its time comes.
"""

from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heappush
from operator import attrgetter
from typing import Any

from detectors.contract import NEVER_US, AlertChange, Delta, Finding, Outcome, Progress
from detectors.events import Event
from detectors.lives.alive import Alive, Asleep
from detectors.lives.facts import Fact, is_from_future, place_of
from detectors.lives.kept import Kept
from detectors.lives.life import FAR_US, SEED, STRAY, Life, Script
from detectors.lives.living import live, next_look_us, seal
from detectors.lives.telling import Teller

MOST_ASLEEP = 64
"""A life with more facts than this does not sleep."""
_order = attrgetter("at_us", "fingerprint")


class LivesShard:
    """State of a detector that follows lives, for one shard of its keys.

    Args:
        name: of the detector's entry.
        life: what the detector knows.
        key_of: what an event is about.
        teller: makes changes.

    Attributes:
        counts: what was put aside: ``quarantined`` (recorded before they happened), ``dropped`` (too late), by reason
            what the detector refused; and ``late``, ``closed`` (lives that are no longer kept).
    """

    def __init__(self, name: str, life: Life[Any], key_of: Callable[[Event], str | None], teller: Teller) -> None:
        self._name = name
        self._life = life
        self._key_of = key_of
        self._teller = teller
        self._kept = Kept(life, key_of)
        self._wakes: list[tuple[int, str]] = []

    @property
    def counts(self) -> dict[str, int]:
        """What was put aside."""
        return self._kept.counts

    def __len__(self) -> int:
        return len(self._kept)

    def keys(self) -> list[str]:
        """Return the names of all images."""
        return self._kept.names()

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Return the whole state."""
        return self._kept.snapshot()

    def delta(self, also: Iterable[str] = ()) -> Delta:
        """Return what has changed since the last call, and what is named in ``also``."""
        return self._kept.delta(also)

    def restore(self, state: bytes) -> None:
        """Take over a state that ``snapshot`` returned.

        Raises:
            SnapshotVersionError: when this code cannot read it.
        """
        self._kept.restore(state)
        self._begin()

    def rebuild(self, head: bytes, images: Iterable[bytes]) -> None:
        """Take over the newest head and images of all deltas.

        Raises:
            SnapshotVersionError: when this code cannot read them.
        """
        self._kept.rebuild(head, images)
        self._begin()

    def _begin(self) -> None:
        self._wakes = self._kept.wakes()
        heapify(self._wakes)

    # -- events and time ----------------------------------------------------------------------------------------------

    def update(self, events: Sequence[Event], progress: Progress) -> Outcome:
        """Take events of this shard's keys (any order), then let time pass."""
        changes: list[AlertChange] = []
        findings: list[Finding] = []
        known_us = self._kept.watermark_us
        for alive in self._take(events, findings).values():
            self._relive(alive, known_us, changes)
        self._kept.watermark_us = watermark_us = max(known_us, progress.watermark_us)
        self._kept.strays.pass_time(watermark_us)
        wakes = self._wakes
        while wakes and wakes[0][0] < watermark_us:
            at_us, key = heappop(wakes)
            life = self._kept.lives.get(key)
            if life is not None and life.wake_us == at_us:
                self._advance(self._awake(life), known_us, changes, findings)
        changes.sort(key=_order)
        findings.sort(key=lambda found: (found.end_us, sorted(found.group.items()), found.verdict))
        return Outcome(changes, findings)

    def _take(self, events: Sequence[Event], findings: list[Finding]) -> dict[str, Alive]:
        """Put events into their lives; return the lives that late ones came to."""
        life, lives, known_us, key_of_event = self._life, self._kept.lives, self._kept.watermark_us, self._key_of
        changed = self._kept.changed
        late: dict[str, Alive] = {}
        for event in events:
            key = key_of_event(event)
            if key is None:
                continue
            alive = lives.get(key)
            if alive is None:
                use = life.use_of(event)
                if use != SEED:
                    if use == STRAY:
                        self._stray(key, event)
                    continue
            fact = life.read(event)
            if isinstance(fact, str):
                if fact:
                    self._refuse(event, fact, findings)
                continue
            if event.recordedtime is not None and is_from_future(event, life.skew_us):
                self._count("quarantined")
                continue
            at_us = fact.at_us
            if at_us < known_us - life.retention_us or (isinstance(alive, Alive) and at_us < alive.horizon_us):
                self._count("dropped")
                continue
            changed.add(key)
            if alive is None:
                alive = self._begun(key)
            if isinstance(alive, Alive):
                self._put(alive, fact, late)
            elif not self._sleeps_on(alive, fact):
                self._put(self._awake(alive), fact, late)
        return late

    def _stray(self, key: str, event: Event) -> None:
        if event.recordedtime is not None and is_from_future(event, self._life.skew_us):
            self._count("quarantined")
        elif event.time_us >= self._kept.watermark_us:
            self._kept.strays.hold(key, event)
        else:  # late, and nothing came of what it is about
            forgotten_us = self._kept.watermark_us - self._life.retention_us
            self._count("late" if event.time_us >= forgotten_us else "dropped")

    def _begun(self, key: str) -> Alive | Asleep:
        """Return a new life, with what has waited for it."""
        life = self._kept.lives[key] = Asleep(key, FAR_US, [])
        waited = self._kept.strays.take(key, self._kept.watermark_us)
        if not waited:
            return life
        alive = self._awake(life)
        for fact in waited:
            self._put(alive, fact, {})
        return alive

    def _awake(self, life: Alive | Asleep) -> Alive:
        """Return a life that is to be lived."""
        if isinstance(life, Alive):
            return life
        alive = self._kept.lives[life.key] = life.awake()
        return alive

    def _sleeps_on(self, asleep: Asleep, fact: Fact) -> bool:
        """Put a fact into a life that sleeps; False: something may come of it, so that it must wake."""
        life, facts = self._life, asleep.facts
        if facts:
            last = facts[-1]
            comes_last = last.at_us < fact.at_us or place_of(last) < place_of(fact)
            quiet = comes_last and len(facts) < MOST_ASLEEP
        else:
            quiet = True
        if quiet and not fact.rev and fact.at_us >= self._kept.watermark_us and life.keeps_quiet(facts, fact):
            facts.append(fact)
            if len(facts) == 1:
                asleep.wake_us = fact.at_us + life.quiet_us
                heappush(self._wakes, (asleep.wake_us, asleep.key))
            return True
        return False

    def _put(self, alive: Alive, fact: Fact, late: dict[str, Alive]) -> None:
        """Put a fact into a life that is looked at when the watermark passes it."""
        index = alive.put(fact)
        if index is None:
            return
        at_us = fact.at_us
        if index < alive.done or at_us < self._kept.watermark_us:
            self._count("late")
            late[alive.key] = alive
        if at_us < alive.wake_us:
            alive.wake_us = at_us
            heappush(self._wakes, (at_us, alive.key))

    def _refuse(self, event: Event, reason: str, findings: list[Finding]) -> None:
        self._count(reason)
        script = Script(self._name)
        script.saw(event.time_us, event.time_us + 1, reason, {"source": event.source, "id": event.id})
        findings += script.findings

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def _relive(self, alive: Alive, known_us: int, changes: list[AlertChange]) -> None:
        """Live a life again, as far as it was lived, and correct what was told."""
        script = Script(self._name)
        alive.start_again(self._life)
        live(self._life, alive, known_us, script)
        changes += self._teller.reconcile(alive.told, alive.begun, script.entries, known_us)
        alive.wake_us = NEVER_US
        heappush(self._wakes, (NEVER_US, alive.key))

    def _advance(self, alive: Alive, known_us: int, changes: list[AlertChange], findings: list[Finding]) -> None:
        """Let time come to the watermark, tell what comes of it, and say when to look again."""
        if alive.tip is None:
            alive.start_again(self._life)
            live(self._life, alive, known_us, Script(mute=True))
        script = Script(self._name)
        live(self._life, alive, self._kept.watermark_us, script)
        if script.entries:
            changes += self._teller.tell(alive.told, script.entries)
        findings += script.findings
        self._kept.changed.add(alive.key)
        alive.wake_us = next_look_us(self._life, alive)
        if alive.wake_us < self._kept.watermark_us:
            del self._kept.lives[alive.key]
            self._count("closed")
            return
        seal(self._life, alive, self._kept.watermark_us)
        if alive.wake_us < FAR_US:
            heappush(self._wakes, (alive.wake_us, alive.key))
