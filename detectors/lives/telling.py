"""From the script of a life to changes of its alerts.

Entries are told when the watermark has passed them, so what events in time can bring about is told once. Late knowledge
gives another script; then what was told is brought into line with it: an episode that is no longer there is withdrawn
(``retracted``, or ``moved`` when another one of the same alert takes its place), an end that has changed is
``corrected``, one that has gone is ``reinstated``. A change that corrects what was told carries the watermark at which
it became known.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from detectors.contract import AlertChange
from detectors.fingerprint import alert_change_id, fingerprint
from detectors.lives.life import Entry, Open

WITHDRAWN = "withdrawn"


class Told(msgspec.Struct, array_like=True):
    """One episode, as it was told.

    Attributes:
        state: ``firing``, ``resolved`` or ``withdrawn``.
        ends_us: end that was told last.
        updates: how many were told.
        round: how often it was told anew; part of the step from the second on.
        corrections: how often its end was corrected.
    """

    episode: Open
    fingerprint: str
    state: str = "firing"
    ends_us: int | None = None
    updates: int = 0
    round: int = 1
    corrections: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it no longer fires."""
        return self.state != "firing"


Ledger = dict[Open, Told]
"""What was told of one life."""


class _Wanted:
    """An episode as the script wants it; ``fire`` is None for one that began before the script."""

    __slots__ = ("end", "fire", "updates")

    def __init__(self, fire: Entry | None) -> None:
        self.fire = fire
        self.updates: list[Entry] = []
        self.end: Entry | None = None


class Teller:
    """Makes changes of alerts.

    Args:
        annotations: of the settings, added to all.
    """

    def __init__(self, annotations: Mapping[str, str]) -> None:
        self._annotations = dict(annotations)

    def tell(self, ledger: Ledger, entries: Iterable[Entry]) -> list[AlertChange]:
        """Tell new entries, which follow what was told."""
        return [self._tell(ledger, entry, entry.at_us) for entry in entries]

    def reconcile(
        self, ledger: Ledger, begun: Mapping[Open, int], entries: Sequence[Entry], known_us: int
    ) -> list[AlertChange]:
        """Bring what was told into line with a script that late knowledge has changed.

        Args:
            ledger: what was told since the script's beginning, and episodes that were open there.
            begun: the episodes that were open at the script's beginning, with how many updates they had had.
            entries: the whole script, as far as the watermark reaches.
            known_us: the watermark at which the new became known.
        """
        wanted: dict[Open, _Wanted] = {episode: _Wanted(None) for episode in begun}
        for entry in entries:
            if entry.what == "fire":
                wanted[entry.episode] = _Wanted(entry)
            elif entry.what == "update":
                wanted[entry.episode].updates.append(entry)
            else:
                wanted[entry.episode].end = entry
        changes: list[AlertChange] = []
        labels = {episode.labels for episode in wanted}
        for episode, told in ledger.items():
            if episode not in wanted and told.state != WITHDRAWN:
                changes.append(self._withdraw(told, known_us, moved=episode.labels in labels))
        for episode, want in wanted.items():
            self._bring(ledger, episode, want, begun.get(episode, 0), known_us, changes)
        return changes

    def _bring(
        self, ledger: Ledger, episode: Open, want: _Wanted, had: int, known_us: int, changes: list[AlertChange]
    ) -> None:
        told = ledger.get(episode)
        if want.fire is not None and (told is None or told.state == WITHDRAWN):
            changes.append(self._tell(ledger, want.fire, max(want.fire.at_us, known_us)))
            told = ledger[episode]
        if told is None:
            return
        news = want.updates[max(told.updates - had, 0) :]
        changes.extend(self._tell(ledger, entry, max(entry.at_us, known_us)) for entry in news)
        end = want.end
        if end is None:
            if told.state == "resolved":
                told.state, told.ends_us = "firing", None
                told.corrections += 1
                notes = _corrected(episode, "it goes on: late knowledge")
                changes.append(self._change(told, f"reinstated:{told.corrections}", known_us, notes))
        elif told.state == "firing" or told.ends_us != end.at_us:
            changes.append(self._tell(ledger, end, max(end.at_us, known_us)))

    def _tell(self, ledger: Ledger, entry: Entry, at_us: int) -> AlertChange:
        episode = entry.episode
        told = ledger.get(episode)
        if entry.what == "fire":
            if told is None:
                told = ledger[episode] = Told(episode, fingerprint(dict(episode.labels)))
            else:
                told.state, told.ends_us, told.updates = "firing", None, 0
                told.round += 1
            return self._change(told, "firing", at_us, entry.notes)
        if told is None:
            msg = f"the script goes on with an episode that it never began: {episode}"
            raise LookupError(msg)
        if entry.what == "update":
            told.updates += 1
            return self._change(told, f"updated:{told.updates + 1}", at_us, entry.notes)
        step = "retracted" if entry.what == "retract" else "resolved"
        if told.corrections or told.state != "firing":  # it was resolved before: this is another change
            told.corrections += 1
            step = f"corrected:{told.corrections}"
        told.state, told.ends_us = "resolved", entry.at_us
        return self._change(told, step, at_us, entry.notes)

    def _withdraw(self, told: Told, known_us: int, *, moved: bool) -> AlertChange:
        at_us = max(known_us, told.episode.starts_us)
        told.state, told.ends_us = WITHDRAWN, None
        why = "moved: late knowledge: it began at another time" if moved else "retracted: late knowledge: it was not so"
        return self._change(told, "moved" if moved else "retracted", at_us, _corrected(told.episode, why), at_us)

    def _change(
        self, told: Told, step: str, at_us: int, notes: Mapping[str, str], ends_us: int | None = None
    ) -> AlertChange:
        starts_us = told.episode.starts_us
        step = step if told.round == 1 else f"{step}:{told.round}"
        ends_us = told.ends_us if ends_us is None else ends_us
        return AlertChange(
            change_id=alert_change_id(told.fingerprint, starts_us, step),
            step=step,
            at_us=at_us,
            status="firing" if ends_us is None else "resolved",
            labels=dict(told.episode.labels),
            annotations={**self._annotations, **{name: text for name, text in notes.items() if text}},
            starts_at_us=starts_us,
            ends_at_us=ends_us,
            fingerprint=told.fingerprint,
        )


def _corrected(episode: Open, why: str) -> dict[str, str]:
    labels = dict(episode.labels)
    of = labels.get("case_id") or labels.get("customer") or labels.get("response", "")
    return {
        "summary": f"{labels['alertname']} of {of}: {why}",
        "description": f"{why[0].upper()}{why[1:]}.",
        "reason": why,
    }
