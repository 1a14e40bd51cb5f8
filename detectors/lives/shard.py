"""The lives of one shard: events in, changes of alerts out, time in a heap.

A fact is applied when the watermark has passed it, in its place among the others, so facts that are in time are never
applied in vain, whatever their order of arrival. Applied facts are kept for the retention; a late one among them means
that the life is lived again from the horizon before which nothing is kept but its state. Whatever is due later stands
in one heap of wake times, which is never searched: an entry that no longer holds is recognised when its time comes.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any

from detectors.contract import NEVER_US, AlertChange, Delta, Finding, Outcome, Progress
from detectors.events import Event
from detectors.lives.alive import Alive, Asleep
from detectors.lives.blocks import Block
from detectors.lives.codec import Mark
from detectors.lives.facts import Fact, is_from_future
from detectors.lives.kept import Kept
from detectors.lives.life import DORMANT, FAR_US, NO_USE, STRAY, Life, Script
from detectors.lives.living import live, next_look_us, seal
from detectors.lives.telling import Teller
from detectors.quiet import Quiet

_order = attrgetter("at_us", "fingerprint")


class LivesShard:
    """State of a detector that follows lives, for one shard of its keys.

    Args:
        name: of the detector's entry.
        life: what the detector knows.
        key_of: what an event is about.
        teller: makes changes.
        mark: by what lives are lived.

    Attributes:
        counts: what was put aside: ``quarantined`` (recorded before they happened), ``dropped`` (too late), by reason
            what the detector refused; and ``late``, ``closed`` (lives that are no longer kept).
    """

    def __init__(
        self, name: str, life: Life[Any], key_of: Callable[[Event], str | None], teller: Teller, mark: Mark
    ) -> None:
        self._name = name
        self._life = life
        self._key_of = key_of
        self._teller = teller
        self._kept = Kept(life, mark)

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

    def rebuild(self, head: bytes, images: Iterable[bytes]) -> None:
        """Take over the newest head and images of all deltas.

        Raises:
            SnapshotVersionError: when this code cannot read them.
        """
        self._kept.rebuild(head, images)

    # -- events and time ----------------------------------------------------------------------------------------------

    def update(self, events: Sequence[Event], progress: Progress) -> Outcome:
        """Take events of this shard's keys (any order), then let time pass."""
        changes: list[AlertChange] = []
        findings: list[Finding] = []
        known_us = self._kept.watermark_us
        for alive in self._take(events, findings).values():
            changes += self._relive(alive, known_us)
            alive.wake_us = NEVER_US
            heappush(self._kept.wakes, (NEVER_US, alive.key))
        watermark_us = max(known_us, progress.watermark_us)
        self._kept.pass_time(watermark_us)
        wakes = self._kept.wakes
        while wakes and wakes[0][0] < watermark_us:
            at_us, key = heappop(wakes)
            life = self._kept.lives.get(key)
            if life is None:
                life = self._kept.look(key, at_us)
            if life is not None and life.wake_us == at_us:
                self._advance(self._awake(life), known_us, changes, findings)
        changes.sort(key=_order)
        findings.sort(key=lambda found: (found.end_us, sorted(found.group.items()), found.verdict))
        return Outcome(changes, findings)

    def take_quiet(self, quiet: Quiet, coming: Set[str]) -> list[Event]:
        """Keep those events whose keys nothing is known of; return the others: they are to be given to ``update``."""
        kept, keys, rows = self._kept, quiet.keys, quiet.rows
        if int(rows.times.min()) < kept.watermark_us:
            return rows.events(range(len(rows)))
        known = set(keys).intersection(coming) if coming else set()
        if not kept.lives.keys().isdisjoint(keys):
            known |= kept.lives.keys() & keys
        if quiet.use == DORMANT:
            known |= kept.strays.among(keys)
        elif self._life.dormant_us:
            known |= kept.dormant.index().keys() & keys
        block, places = Block(keys, rows).without(known)
        if block is not None:
            holder = kept.dormant if quiet.use == DORMANT else kept.strays
            holder.hold_block(block)
        return rows.events(places)

    def _take(self, events: Sequence[Event], findings: list[Finding]) -> dict[str, Alive]:
        """Put events into their lives; return the lives that late ones came to."""
        # Of most events nothing comes: what is done for those is written for speed.
        kept, key_of_event, use_of, known_us = self._kept, self._key_of, self._life.use_of, self._kept.watermark_us
        lives, strays, log, dormant = kept.lives, kept.strays, kept.dormant.log, kept.dormant.index
        may_wait = self._life.dormant_us > 0
        late: dict[str, Alive] = {}
        aside: list[tuple[str, Event]] = []
        for event in events:
            key = key_of_event(event)
            if key is None:
                continue
            alive = lives.get(key)
            if alive is None:
                use = use_of(event)
                if use == NO_USE:
                    continue
                in_time = event.time_us >= known_us and event.recordedtime is None
                if use == DORMANT:
                    if in_time and not event.rev and not (strays.spans and key in strays):
                        log.append(key)
                        log.append(event)
                        continue
                elif use == STRAY and not (may_wait and key in dormant()):
                    if in_time:
                        strays.hold(key, event)
                    else:
                        aside.append((key, event))
                    continue
            self._live_on(alive, key, event, late, findings)
        for key, event in aside:
            if key in lives or (may_wait and key in dormant()):
                self._live_on(lives.get(key), key, event, late, findings)
            else:
                self._put_aside(key, event)
        return late

    def _live_on(
        self, alive: Alive | Asleep | None, key: str, event: Event, late: dict[str, Alive], findings: list[Finding]
    ) -> None:
        """Put an event into the life of its key, which may begin with it."""
        life, known_us = self._life, self._kept.watermark_us
        fact = life.read(event)
        if isinstance(fact, str):
            if fact:
                self._refuse(event, fact, findings)
            return
        if event.recordedtime is not None and is_from_future(event, life.skew_us):
            self._kept.count("quarantined")
            return
        at_us = fact.at_us
        if at_us < known_us - life.retention_us or (isinstance(alive, Alive) and at_us < alive.horizon_us):
            self._kept.count("dropped")
            return
        self._kept.changed.add(key)
        if alive is None:
            alive = self._begun(key)
        if isinstance(alive, Asleep):
            if alive.takes(life, fact, known_us):
                if len(alive.facts) == 1:
                    alive.wake_us = at_us + life.quiet_us
                    heappush(self._kept.wakes, (alive.wake_us, key))
                return
            alive = self._awake(alive)
        self._put(alive, fact, late)

    def _put_aside(self, key: str, event: Event) -> None:
        """Keep a stray, or count why it is not kept."""
        if event.recordedtime is not None and is_from_future(event, self._life.skew_us):
            self._kept.count("quarantined")
        elif event.time_us >= self._kept.watermark_us:
            self._kept.strays.hold(key, event)
        else:  # late, and nothing came of what it is about
            forgotten_us = self._kept.watermark_us - self._life.retention_us
            self._kept.count("late" if event.time_us >= forgotten_us else "dropped")

    def _begun(self, key: str) -> Alive | Asleep:
        """Return a new life, with what has waited for it."""
        life = self._kept.begin(key)
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

    def _put(self, alive: Alive, fact: Fact, late: dict[str, Alive]) -> None:
        """Put a fact into a life that is looked at when the watermark passes it."""
        if fact.rev and alive.tip is None:  # whether what it takes the place of was told is not known yet
            self._find_out(alive, self._kept.watermark_us)
            late[alive.key] = alive
        index = alive.put(fact)
        if index is None:
            return
        at_us = fact.at_us
        if index < alive.done or at_us < self._kept.watermark_us:
            self._kept.count("late")
            late[alive.key] = alive
        if at_us < alive.wake_us:
            alive.wake_us = at_us
            heappush(self._kept.wakes, (at_us, alive.key))

    def _find_out(self, alive: Alive, until_us: int) -> bool:
        """Find out the state of a life that slept, or was restored; return whether anything was to be told."""
        script = Script(mute=True)
        alive.start_again(self._life)
        live(self._life, alive, until_us, script)
        return bool(script.entries)

    def _refuse(self, event: Event, reason: str, findings: list[Finding]) -> None:
        self._kept.count(reason)
        script = Script(self._name)
        script.saw(event.time_us, event.time_us + 1, reason, {"source": event.source, "id": event.id})
        findings += script.findings

    def _relive(self, alive: Alive, known_us: int) -> list[AlertChange]:
        """Live a life again, as far as it was lived, and correct what was told."""
        script = Script(self._name)
        alive.start_again(self._life)
        live(self._life, alive, known_us, script)
        return self._teller.reconcile(alive.told, alive.begun, script.entries, known_us)

    def _advance(self, alive: Alive, known_us: int, changes: list[AlertChange], findings: list[Finding]) -> None:
        """Let time come to the watermark, tell what comes of it, and say when to look again."""
        # What came of it was told, but perhaps by other settings.
        if alive.tip is None and (alive.told or self._find_out(alive, known_us)):
            changes += self._relive(alive, known_us)
        script = Script(self._name)
        live(self._life, alive, self._kept.watermark_us, script)
        if script.entries:
            changes += self._teller.tell(alive.told, script.entries)
        findings += script.findings
        self._kept.changed.add(alive.key)
        alive.wake_us = next_look_us(self._life, alive)
        if alive.wake_us < self._kept.watermark_us:
            del self._kept.lives[alive.key]
            self._kept.count("closed")
            return
        seal(self._life, alive, self._kept.watermark_us)
        if alive.wake_us < FAR_US:
            heappush(self._kept.wakes, (alive.wake_us, alive.key))
