"""Quiet events for a shard of ``sla_breach``: many at a time, or one by one, with restarts from a log in between."""

import itertools
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from detectors.columns import Ints
from detectors.contract import Delta, Progress
from detectors.events import Event
from detectors.promises.shard import SlaShard
from detectors.quiet import SEED, STRAY, Quiet
from detectors.sla_breach import SlaBreach
from tests.support.packing import is_plain, packed
from tests.support.promises import DAY_US, HOUR_US, MINUTE_US, MONDAY_US, event

_GENERATIONS = itertools.count(1)


class EventColumns:
    """Plain steps of cases as columns; texts get their codes in the order in which they come, from call to call."""

    def __init__(self, events: Sequence[Event], texts: dict[str, list[str]] | None = None, generation: int = 1) -> None:
        self._events = events
        self._texts = {} if texts is None else texts
        self.generation = generation

    def __len__(self) -> int:
        return len(self._events)

    def times(self) -> Ints:
        return np.array([one.time_us for one in self._events], dtype=np.int64)

    def numbers(self, field: str) -> Any:
        raise NotImplementedError(field)

    def codes(self, field: str) -> Ints:
        texts = self.texts(field)
        found: list[Any] = [getattr(one if field in {"type", "source"} else one.data, field) for one in self._events]
        for text in found:
            if text and text not in texts:
                texts.append(text)
        return np.array([texts.index(text) if text else -1 for text in found], dtype=np.int64)

    def texts(self, field: str) -> list[str]:
        return self._texts.setdefault(field, [])


def uses(detector: SlaBreach, events: Sequence[Event]) -> list[int]:
    """Return what events are: SEED also where they are not plain."""
    found = [SEED] * len(events)
    plain = [place for place, one in enumerate(events) if is_plain(one) and one.type in detector.quiet_types]
    columns = EventColumns([events[place] for place in plain], generation=next(_GENERATIONS))
    for field in ("type", "status", "priority", "queue"):
        columns.codes(field)
    for place, use in zip(plain, detector.uses(columns).tolist(), strict=True):
        found[place] = use
    return found


def quiet(events: Sequence[Event]) -> Quiet:
    """Return events as quiet ones."""
    return Quiet([one.data.case_id for one in events], packed(events), STRAY)  # type: ignore[union-attr, misc]


def give(state: SlaShard, events: Sequence[Event]) -> list[Event]:
    """Give quiet events to a shard; return those that it gives back."""
    return state.take_quiet(quiet(events), frozenset()) if events else []


class Log:
    """Deltas, read as the flow reads them: of each name the newest image counts, and what has gone does not.

    Images are carried over into a new log now and then, some with each delta.
    """

    def __init__(self) -> None:
        self.deltas: list[Delta] = []
        self._begins = [0]  # before the first delta and after each: where the log begins then
        self._carried_since: int | None = None
        self._to_carry: list[str] = []

    def write(self, state: SlaShard, *, anew: bool = False) -> Delta:
        """Write what has changed; ``anew``: from here on everything is to be carried over, too."""
        share = len(self._to_carry) // 2 + 1
        also, self._to_carry = self._to_carry[-share:], self._to_carry[:-share]
        delta = state.delta(also)
        self.deltas.append(delta)
        self._begins.append(self._begins[-1])
        if self._carried_since is not None and not self._to_carry:
            self._begins[-1], self._carried_since = self._carried_since, None
        elif self._carried_since is None and anew:
            self._carried_since, self._to_carry = len(self.deltas), state.keys()
        return delta

    def read(self, state: SlaShard, deltas: int) -> None:
        """Give a new shard what stood here after so many deltas; the later ones are cut off."""
        del self.deltas[deltas:], self._begins[deltas + 1 :]
        images: dict[str, bytes] = {}
        for delta in self.deltas[self._begins[-1] :]:
            for name in delta.gone:
                images.pop(name, None)
            images |= dict(delta.images)
        self._carried_since, self._to_carry = None, []
        values = list(images.values())
        random.Random(len(values)).shuffle(values)
        state.rebuild(self.deltas[-1].head, values)


class How(NamedTuple):
    """How a shard gets its events.

    Attributes:
        size: of batches. ``every``: so many make an epoch, after which a delta is written.
        crash: after every so many epochs; 0: never. ``back``: with the epochs before it that are done again.
        anew: after every so many epochs the log is written anew; 0: never.
    """

    size: int = 10
    lateness_us: int = 0
    every: int = 1
    crash: int = 0
    back: int = 0
    anew: int = 0
    derives: bool = True


Told = tuple[list[Any], list[tuple[type, bytes]], dict[str, int]]


def told(detector: SlaBreach, events: Sequence[Event], how: How, *, many: bool, in_order: bool = False) -> list[Told]:
    """Return what a shard answers to each batch: changes, what is derived, and its counts.

    Args:
        many: it gets quiet events many at a time; otherwise as events, before all others (``in_order``: no).
    """

    def begun() -> SlaShard:
        made = detector.deriving_shard() if how.derives else detector.shard()
        assert isinstance(made, SlaShard)
        return made

    batches = [events[start : start + how.size] for start in range(0, len(events), how.size)]
    newest = [max(one.time_us for batch in batches[: end + 1] for one in batch) for end in range(len(batches))]
    batches.append([])
    newest.append(newest[-1] + 30 * DAY_US)
    state, log, answers = begun(), Log(), list[Told]()
    done: set[int] = set()
    epoch = turn = 0
    began = [0]
    while turn < len(batches):
        batch, now_us = batches[turn], newest[turn]
        kinds = uses(detector, batch)
        strays = [one for one, use in zip(batch, kinds, strict=True) if use == STRAY]
        others = [one for one, use in zip(batch, kinds, strict=True) if use == SEED]
        given = (give(state, strays) if many else strays) + others
        outcome = state.update(batch if in_order else given, Progress(now_us - how.lateness_us, now_us))
        derived = [(type(one), msgspec.json.encode(one)) for one in outcome.derived]
        answers.append((outcome.changes, derived, dict(state.counts)))
        turn += 1
        if turn % how.every == 0:
            epoch += 1
            log.write(state, anew=bool(how.anew) and epoch % how.anew == 0)
            began.append(turn)
            if how.crash and epoch % how.crash == 0 and epoch not in done:
                done.add(epoch)
                epoch = max(1, epoch - how.back)
                turn = began[epoch]
                del began[epoch + 1 :], answers[turn:]
                state = begun()
                log.read(state, epoch)
    return answers


def few_cases(seed: int, events: int = 150, cases: int = 12) -> list[Event]:
    """Return steps of few cases, in order of time: with and without a beginning, again and again, over some days."""
    dice = random.Random(seed)
    steps = ("closed", "resolved", "agent_reply", "updated", "cancelled", "opened", "reopened", "customer_message")
    weights = (8, 4, 4, 2, 1, 1, 1, 1)
    at_us, found = MONDAY_US, []
    for number in range(events):
        at_us += dice.choice((0, 0, 1, 5, 20)) * MINUTE_US + dice.choice((0,) * 40 + (5, 30)) * HOUR_US
        data: dict[str, Any] = {}
        step = dice.choices(steps, weights)[0]
        if dice.random() < 0.4:
            data["status"] = dice.choice(("closed", "solved", "open", "pending"))
        if dice.random() < 0.2:
            data["priority"] = dice.choice(("high", "low"))
        key = f"c{dice.randrange(cases)}" if dice.random() < 0.5 else f"c{cases + number}"
        found.append(event(step, at_us, key, id=f"e{number}", rev=int(dice.random() < 0.02), **data))
    return found
