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

import msgspec

from detectors.contract import NEVER_US, AlertChange, Delta, Finding, Outcome, Progress
from detectors.events import Event
from detectors.lives.alive import Alive
from detectors.lives.codec import VERSION, Head, Image, decode_head, decode_image, decode_life, encode
from detectors.lives.facts import is_from_future
from detectors.lives.life import FAR_US, Life, Script, run_to
from detectors.lives.telling import Teller

MOST_FACTS = 256
"""Of a life with more facts than this the older ones are not kept, even within the retention."""
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
        self._lives: dict[str, Alive] = {}
        self._changed: set[str] = set()
        self._wakes: list[tuple[int, str]] = []
        self._watermark_us = NEVER_US
        self.counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._lives)

    def keys(self) -> list[str]:
        """Return all keys."""
        return list(self._lives)

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Return the whole state."""
        lives = [msgspec.Raw(encode(alive.image())) for alive in self._lives.values()]
        return encode(Image(VERSION, self._watermark_us, self.counts, lives))

    def delta(self, also: Iterable[str] = ()) -> Delta:
        """Return what has changed since the last call, and the keys in ``also``."""
        wanted, self._changed = {*self._changed, *also}, set()
        images: list[tuple[str, bytes]] = []
        gone: list[str] = []
        for key in wanted:
            alive = self._lives.get(key)
            if alive is None:
                gone.append(key)
            else:
                images.append((key, encode(alive.image())))
        return Delta(encode(Head(VERSION, self._watermark_us, self.counts)), images, gone)

    def restore(self, state: bytes) -> None:
        """Take over a state that ``snapshot`` returned.

        Raises:
            SnapshotVersionError: when this code cannot read it.
        """
        found = decode_image(state)
        self._begin(found.watermark_us, found.counts, found.lives)

    def rebuild(self, head: bytes, images: Iterable[bytes]) -> None:
        """Take over the newest head and images of all deltas.

        Raises:
            SnapshotVersionError: when this code cannot read them.
        """
        found = decode_head(head)
        self._begin(found.watermark_us, found.counts, images)

    def _begin(self, watermark_us: int, counts: dict[str, int], images: Iterable[bytes | msgspec.Raw]) -> None:
        lives = [Alive.of(decode_life(raw), self._life.state_type) for raw in images]
        self._watermark_us, self.counts = watermark_us, dict(counts)
        self._lives = {alive.key: alive for alive in lives}
        self._changed = set()
        self._wakes = [(alive.wake_us, alive.key) for alive in lives if alive.wake_us < FAR_US]
        heapify(self._wakes)

    # -- events and time ----------------------------------------------------------------------------------------------

    def update(self, events: Sequence[Event], progress: Progress) -> Outcome:
        """Take events of this shard's keys (any order), then let time pass."""
        changes: list[AlertChange] = []
        findings: list[Finding] = []
        known_us = self._watermark_us
        for alive in self._take(events, findings).values():
            self._relive(alive, known_us, changes)
        self._watermark_us = watermark_us = max(known_us, progress.watermark_us)
        wakes = self._wakes
        while wakes and wakes[0][0] < watermark_us:
            at_us, key = heappop(wakes)
            alive_ = self._lives.get(key)
            if alive_ is not None and alive_.wake_us == at_us:
                self._advance(alive_, known_us, changes, findings)
        changes.sort(key=_order)
        findings.sort(key=lambda found: (found.end_us, sorted(found.group.items()), found.verdict))
        return Outcome(changes, findings)

    def _take(self, events: Sequence[Event], findings: list[Finding]) -> dict[str, Alive]:
        """Put events into their lives; return the lives that late ones came to."""
        life, known_us = self._life, self._watermark_us
        forgotten_us = known_us - life.retention_us
        late: dict[str, Alive] = {}
        for event in events:
            key = self._key_of(event)
            if key is None:
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
            alive = self._lives.get(key)
            if at_us < forgotten_us or (alive is not None and at_us < alive.horizon_us):
                self._count("dropped")
                continue
            if alive is None:
                alive = self._lives[key] = Alive(key)
            index = alive.put(fact)
            if index is None:
                continue
            self._changed.add(key)
            if index < alive.done or at_us < known_us:
                self._count("late")
                late[key] = alive
            if at_us < alive.wake_us:
                alive.wake_us = at_us
                heappush(self._wakes, (at_us, key))
        return late

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
        self._live(alive, known_us, script)
        changes += self._teller.reconcile(alive.told, alive.begun, script.entries, known_us)
        alive.wake_us = NEVER_US
        heappush(self._wakes, (NEVER_US, alive.key))

    def _live(self, alive: Alive, until_us: int, script: Script) -> None:
        """Apply the facts before an instant that are not applied yet, and let deadlines before it pass."""
        life, state, facts, done, next_us = self._life, alive.tip, alive.facts, alive.done, alive.next_us
        while done < len(facts) and facts[done].at_us < until_us:
            fact = facts[done]
            run_to(life, state, fact.at_us, script, next_us)
            life.apply(state, fact, script)
            next_us = None
            done += 1
        alive.done = done
        alive.next_us = run_to(life, state, until_us, script, next_us)

    def _advance(self, alive: Alive, known_us: int, changes: list[AlertChange], findings: list[Finding]) -> None:
        """Let time come to the watermark, tell what comes of it, and say when to look again."""
        if alive.tip is None:
            alive.start_again(self._life)
            self._live(alive, known_us, Script(mute=True))
        script = Script(self._name)
        self._live(alive, self._watermark_us, script)
        if script.entries:
            changes += self._teller.tell(alive.told, script.entries)
        findings += script.findings
        self._changed.add(alive.key)
        alive.wake_us = self._next_us(alive)
        if alive.wake_us < self._watermark_us:
            del self._lives[alive.key]
            self._count("closed")
            return
        self._seal(alive)
        if alive.wake_us < FAR_US:
            heappush(self._wakes, (alive.wake_us, alive.key))

    def _next_us(self, alive: Alive) -> int:
        """Return when to look at a life again; before the watermark: it need not be kept any more."""
        life, facts = self._life, alive.facts
        next_us = life.next_us(alive.tip) if alive.next_us is None else alive.next_us
        if alive.done < len(facts):
            return min(next_us, facts[alive.done].at_us)
        if not life.is_empty(alive.tip):
            return next_us
        if not alive.told and alive.base is None and not any(map(life.is_seed, facts)):
            return NEVER_US
        last_us = max(
            facts[-1].at_us if facts else alive.horizon_us,
            max((told.ends_us or told.episode.starts_us for told in alive.told.values()), default=NEVER_US),
        )
        return last_us + life.retention_us

    def _seal(self, alive: Alive) -> None:
        """Put facts that are older than the retention (or too many) into the state from which the life is relived."""
        facts, done = alive.facts, alive.done
        if not done:
            return
        horizon_us = self._watermark_us - self._life.retention_us
        if done > MOST_FACTS:
            horizon_us = max(horizon_us, facts[done // 2].at_us)
        if facts[0].at_us >= horizon_us:
            return
        script = Script(mute=True)
        state = alive.beginning(self._life)
        count = 0
        for fact in facts[:done]:
            if fact.at_us >= horizon_us:
                break
            run_to(self._life, state, fact.at_us, script)
            self._life.apply(state, fact, script)
            count += 1
        run_to(self._life, state, horizon_us, script)
        # A state of which nothing can come is like that of a life that has not begun.
        alive.seal(None if self._life.is_empty(state) else state, count, horizon_us, script.entries)
