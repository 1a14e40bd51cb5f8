"""A life: a small state, what facts do to it, and what comes of it when time passes.

A detector writes a :class:`Life`; :class:`~detectors.lives.shard.LivesShard` keeps the states, gives facts in their
order, lets deadlines pass between them, and tells what the script says.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from detectors.contract import Finding
from detectors.events import Event
from detectors.lives.facts import Fact
from detectors.quiet import DORMANT, NO_USE, SEED, STRAY

__all__ = [
    "DORMANT", "FAR_US", "NO_USE", "SEED", "STRAY", "Entry", "Labels", "Life", "Open", "Script", "Words", "run_to",
]  # fmt: skip

FAR_US = 2**62
"""Later than everything."""

Labels = tuple[tuple[str, str], ...]
Words = Callable[[], Mapping[str, str]]
"""Makes the annotations of a change; called at once or not at all."""
StateT = TypeVar("StateT", bound=msgspec.Struct)


class Open(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An episode of an alert: what identifies it."""

    labels: Labels
    starts_us: int


class Entry(NamedTuple):
    """One line of a script: an alert fires, is updated, or ends.

    Attributes:
        what: ``retract``: it ends because it turned out not to be so.
    """

    at_us: int
    what: Literal["fire", "update", "end", "retract"]
    episode: Open
    notes: Mapping[str, str]


class Script:
    """Collects what a life says about its alerts, and what it saw.

    Args:
        name: of the detector's entry, for findings.
        mute: nobody listens: words are not made.
    """

    __slots__ = ("_mute", "_name", "entries", "findings")

    def __init__(self, name: str = "", *, mute: bool = False) -> None:
        self._name = name
        self._mute = mute
        self.entries: list[Entry] = []
        self.findings: list[Finding] = []

    def fire(self, at_us: int, labels: Mapping[str, str], words: Words) -> Open:
        """Begin an episode of the alert with these labels; empty labels are dropped."""
        episode = Open(tuple(sorted((name, value) for name, value in labels.items() if value)), at_us)
        self._add("fire", at_us, episode, words)
        return episode

    def update(self, at_us: int, episode: Open, words: Words) -> None:
        """Say more about an episode."""
        self._add("update", at_us, episode, words)

    def end(self, at_us: int, episode: Open, words: Words) -> None:
        """End an episode."""
        self._add("end", at_us, episode, words)

    def retract(self, at_us: int, episode: Open, words: Words) -> None:
        """End an episode because it turned out not to be so."""
        self._add("retract", at_us, episode, words)

    def saw(self, start_us: int, end_us: int, verdict: str, group: Mapping[str, str], count: int = 1) -> None:
        """Report a finding: what something was found to be."""
        if self._mute:
            return
        self.findings.append(
            Finding(
                detector=self._name,
                group={name: value for name, value in group.items() if value},
                start_us=start_us,
                end_us=max(end_us, start_us + 1),
                count=count,
                value=None,
                baseline=None,
                p_value=None,
                verdict=verdict,
            )
        )

    def _add(self, what: Literal["fire", "update", "end", "retract"], at_us: int, episode: Open, words: Words) -> None:
        self.entries.append(Entry(at_us, what, episode, {} if self._mute else words()))


class Life(Protocol, Generic[StateT]):
    """What a detector knows about lives.

    Immutable; all state is in ``StateT``, which only :meth:`apply` and :meth:`pass_deadline` change. A state that
    :meth:`is_empty` does what one that has just begun does.

    Attributes:
        state_type: a msgspec Struct of plain data.
        retention_us: how late an event may come and still be taken into account.
        skew_us: how much later than its recording an event may claim to have happened.
        quiet_us: for how long after the first fact a life that :meth:`keeps_quiet` may be left alone.
        dormant_us: for how long an event that is :data:`DORMANT` counts; then the life forgets it, and says nothing.
        dormant_by_case: a second one about the same case changes nothing while the first one counts. Otherwise each of
            them counts by itself.
    """

    state_type: type[StateT]
    retention_us: int
    skew_us: int
    quiet_us: int
    dormant_us: int
    dormant_by_case: bool = True

    def begin(self, key: str) -> StateT:
        """Return the state of a life of which nothing is known."""
        ...

    def read(self, event: Event) -> Fact | str:
        """Return what is kept of an event, or the reason for which it is put aside; empty: it is of no use."""
        ...

    def apply(self, state: StateT, fact: Fact, script: Script) -> None:
        """Let something happen. Facts come in their order; deadlines before it have passed."""
        ...

    def next_us(self, state: StateT) -> int:
        """Return the next deadline: when something comes of it that nothing happens; :data:`FAR_US` for never."""
        ...

    def pass_deadline(self, state: StateT, at_us: int, script: Script) -> None:
        """Let the deadline ``at_us``, which is :meth:`next_us`, pass. The next one is later, or another."""
        ...

    def is_empty(self, state: StateT) -> bool:
        """Say whether nothing can come of the state any more unless something happens."""
        ...

    def is_seed(self, fact: Fact) -> bool:
        """Say whether something can come of a fact alone; facts without such a one are forgotten at once."""
        ...

    def use_of(self, event: Event) -> int:
        """Return what an event is to a life that has not begun: called for every event, so it must be quick.

        Of a plain event (:class:`detectors.quiet.Quieting`) it may ask no more than this: of a step of a case for the
        step, and whether there is a status; of an answer for score and scale.

        Returns:
            :data:`NO_USE` where :meth:`read` says so without a reason, :data:`STRAY` where it gives a fact that is
            surely no seed, :data:`DORMANT` where it surely gives one that is that, else :data:`SEED`.
        """
        ...

    def keeps_quiet(self, facts: Sequence[Fact], fact: Fact) -> bool:
        """Say whether nothing comes of a fact after others, of which nothing has come: nothing is told, nothing found.

        True is only for facts of which that is certain whatever happens later, within :attr:`quiet_us` of the first of
        them. Such facts are not applied before they must be.
        """
        ...


def run_to(life: Life[Any], state: Any, until_us: int, script: Script, next_us: int | None = None) -> int:
    """Let the deadlines before ``until_us`` pass; return the next one, which is not before it.

    Args:
        life: what is known of such lives.
        state: it changes.
        until_us: deadlines at this instant have not passed.
        script: what it says.
        next_us: the next deadline, where the caller knows it.
    """
    at_us = life.next_us(state) if next_us is None else next_us
    while at_us < until_us:
        life.pass_deadline(state, at_us, script)
        at_us = life.next_us(state)
    return at_us
