"""From what is known of a case to changes of its alerts.

The entries of a case say what its alerts go through, as known now. What was told before are its episodes. A change is
the difference between the two, and this is the only place where changes are made: time that passes, an event in order
and late knowledge all end here.

* An entry is told when the watermark has passed it. A breach that the clock has passed and the watermark has not is
  told as ``suspected``; ``confirmed`` follows, with the change id that a replay gives it.
* What was told and is no longer so is withdrawn: ``retracted`` when the promise was met or is not made, ``moved`` when
  it is due at another time. A withdrawn episode may come back (``confirmed:2``).
* A change that corrects what was told before carries the watermark at which it became known.
"""

from collections.abc import Mapping
from typing import NamedTuple

from detectors.contract import AlertChange
from detectors.fingerprint import alert_change_id, fingerprint
from detectors.promises import wording
from detectors.promises.case import Case
from detectors.promises.entries import Entry
from detectors.promises.instance import Instance

ALERT_NAMES = {"breach": "SlaBreach", "risk": "SlaAtRisk"}
DETECTOR = "sla_breach"


class Identity(NamedTuple):
    """What tells one episode of one alert of a case from all others."""

    kind: str
    promise: str
    cycle: int
    starts_us: int
    labels: tuple[str, str, str, str, str]


class Episode:
    """One episode of one alert, as it was told.

    Attributes:
        state: ``suspected``, ``firing``, ``resolved`` or ``withdrawn``.
        ends_us: end that was told last.
        updates: thresholds that were told after the first.
        round: how often it was told anew; part of the step from the second on.
        corrections: how often its end was corrected.
    """

    __slots__ = ("corrections", "ends_us", "fingerprint", "identity", "labels", "round", "state", "updates")

    def __init__(self, identity: Identity, labels: dict[str, str], print_: str) -> None:
        self.identity = identity
        self.labels = labels
        self.fingerprint = print_
        self.state = "firing"
        self.ends_us: int | None = None
        self.updates = 0
        self.round = 1
        self.corrections = 0


class _Wanted:
    """An episode as the entries want it."""

    __slots__ = ("end", "fire", "updates")

    def __init__(self, fire: Entry) -> None:
        self.fire = fire
        self.updates: list[Entry] = []
        self.end: Entry | None = None


class Moment(NamedTuple):
    """Where time stands. ``known_us`` is the watermark at which what is new became known."""

    watermark_us: int
    clock_us: int
    known_us: int


class Teller:
    """Makes changes of alerts for the cases of one detector."""

    def __init__(self, name: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
        self._labels = {**labels, **({} if name == DETECTOR else {"rule": name})}
        self._annotations = dict(annotations)

    def tell(self, key: str, case: Case, episodes: dict[Identity, Episode], at: Moment) -> list[AlertChange]:
        """Bring what was told of a case into line with its entries; return the changes, in the order they are made."""
        wanted = _wanted(case, at)
        changes: list[AlertChange] = []
        for identity, episode in episodes.items():
            if identity not in wanted and episode.state != "withdrawn":
                changes.append(self._withdraw(key, case, episode, at))
        for identity, want in wanted.items():
            episode_ = episodes.get(identity)
            if episode_ is None:
                labels = self._labels_of(key, want.fire.instance, identity.kind)
                episode_ = episodes[identity] = Episode(identity, labels, fingerprint(labels))
                episode_.state = "new"
            self._bring(key, episode_, want, at, changes)
        return changes

    def _bring(self, key: str, episode: Episode, want: _Wanted, at: Moment, changes: list[AlertChange]) -> None:
        fire = want.fire
        if fire.at_us >= at.watermark_us:
            if episode.state in {"new", "withdrawn"}:
                episode.round += episode.state == "withdrawn"
                episode.state = "suspected"
                changes.append(self._fired(key, episode, fire, "suspected", at))
            return
        if episode.state in {"new", "withdrawn", "suspected"}:
            episode.round += episode.state == "withdrawn"
            episode.state = "firing"
            episode.updates = 0
            changes.append(self._fired(key, episode, fire, "confirmed" if fire.kind == "breach" else "firing", at))
        for entry in want.updates[episode.updates :]:
            episode.updates += 1
            changes.append(self._fired(key, episode, entry, f"updated:{episode.updates + 1}", at))
        end = want.end
        if end is not None and episode.state == "firing":
            episode.state, episode.ends_us = "resolved", end.at_us
            step = "resolved"
            if episode.corrections:  # it was resolved before, and reinstated: this is another change
                episode.corrections += 1
                step = f"corrected:{episode.corrections}"
            changes.append(self._ended(key, episode, end, step, at))
        elif end is not None and episode.ends_us != end.at_us:
            episode.ends_us = end.at_us
            episode.corrections += 1
            changes.append(self._ended(key, episode, end, f"corrected:{episode.corrections}", at))
        elif end is None and episode.state == "resolved":
            episode.state, episode.ends_us = "firing", None
            episode.corrections += 1
            changes.append(self._fired(key, episode, fire, f"reinstated:{episode.corrections}", at))

    # -- making changes -----------------------------------------------------------------------------------------------

    def _fired(self, key: str, episode: Episode, entry: Entry, step: str, at: Moment) -> AlertChange:
        confidence = "suspected" if step == "suspected" else "confirmed"
        notes = self._notes(key, entry, confidence, "", at)
        return self._change(episode, step, max(entry.at_us, at.known_us), notes, None)

    def _ended(self, key: str, episode: Episode, entry: Entry, step: str, at: Moment) -> AlertChange:
        notes = self._notes(key, entry, "confirmed", wording.why_ended(entry), at)
        return self._change(episode, step, max(entry.at_us, at.known_us), notes, entry.at_us)

    def _withdraw(self, key: str, case: Case, episode: Episode, at: Moment) -> AlertChange:
        identity = episode.identity
        instance = _instance(case, identity)
        starts_us = identity.starts_us
        what = "was broken" if identity.kind == "breach" else "was at risk"
        if instance is not None and (instance.is_active or instance.breach_us is not None):
            step = "moved"
            due = "paused" if instance.due_us is None else f"due {wording.moment(instance.hours, instance.due_us)}"
            reason = f"moved: late knowledge: the promise is {due}"
            if instance.breach_us is not None and instance.due_us is None:
                when = wording.moment(instance.hours, instance.breach_us)
                reason = f"moved: late knowledge: the promise was broken {when}"
        elif instance is None:
            step, reason = "retracted", "retracted: late knowledge: there is no such promise"
        else:
            step = "retracted"
            when = "" if instance.ended_us is None else f" {wording.moment(instance.hours, instance.ended_us)}"
            reason = f"retracted: late knowledge: the promise was {instance.state}{when}"
            if instance.due_us is not None:
                reason += f", due {wording.moment(instance.hours, instance.due_us)}"
        at_us = max(at.known_us, starts_us)
        about = wording.title(instance) if instance is not None else identity.promise
        notes = {
            **self._annotations,
            "summary": f"{about} promise: it was wrong that it {what}: {key}: {reason}",
            "description": f"{reason[0].upper()}{reason[1:]}.",
            "reason": reason,
            "confidence": "retracted",
        }
        episode.state = "withdrawn"
        episode.ends_us = None
        return self._change(episode, step, at_us, notes, max(at_us, starts_us))

    def _change(
        self, episode: Episode, step: str, at_us: int, notes: dict[str, str], ends_us: int | None
    ) -> AlertChange:
        starts_us = episode.identity.starts_us
        step = step if episode.round == 1 else f"{step}:{episode.round}"
        return AlertChange(
            change_id=alert_change_id(episode.fingerprint, starts_us, step),
            step=step,
            at_us=at_us,
            status="firing" if ends_us is None else "resolved",
            labels=episode.labels,
            annotations=notes,
            starts_at_us=starts_us,
            ends_at_us=ends_us,
            fingerprint=episode.fingerprint,
        )

    def _notes(self, key: str, entry: Entry, confidence: str, reason: str, at: Moment) -> dict[str, str]:
        instance, proof = entry.instance, entry.proof
        who, hours = instance.who, proof.hours
        notes = {
            **self._annotations,
            "summary": wording.summary(entry, key, confidence, reason),
            "description": wording.description(entry),
            "due_at": "" if proof.due_us is None else wording.instant(hours, proof.due_us),
            "breach_at": wording.instant(hours, entry.starts_us) if entry.kind == "breach" else "",
            "target": wording.target_text(instance, proof),
            "elapsed": wording.span(proof.elapsed_us),
            "confidence": confidence,
            "reason": reason,
            "customer": who.customer,
            "customer_value": "" if who.value is None else f"{who.value:g}",
            "known_at": wording.instant(hours, at.known_us) if entry.at_us < at.known_us else "",
        }
        return {name: text for name, text in notes.items() if text}

    def _labels_of(self, key: str, instance: Instance, kind: str) -> dict[str, str]:
        spec, who = instance.spec, instance.who
        severity = (
            spec.settings.at_risk_severity if kind == "risk" else spec.severity(instance.start_priority, who.tier)
        )
        labels = {
            **self._labels,
            "alertname": ALERT_NAMES[kind],
            "detector": DETECTOR,
            "severity": severity,
            "promise": spec.name,
            "case_id": key,
            "priority": instance.start_priority or spec.settings.priority or "",
            "tier": who.tier,
            "queue": instance.queue or "",
            "service": who.service,
            "region": who.region,
            "cycle": str(instance.cycle) if instance.cycle > 1 else "",
        }
        return {name: labels[name] for name in sorted(labels) if labels[name]}


def _wanted(case: Case, at: Moment) -> dict[Identity, _Wanted]:
    wanted: dict[Identity, _Wanted] = {}
    for entry in case.entries:
        if entry.at_us >= at.watermark_us and (
            entry.kind != "breach" or entry.what != "fire" or entry.at_us >= at.clock_us
        ):
            continue
        identity = identity_of(entry)
        if entry.what == "fire":
            wanted[identity] = _Wanted(entry)
        elif identity in wanted:
            if entry.what == "update":
                wanted[identity].updates.append(entry)
            else:
                wanted[identity].end = entry
    return wanted


def identity_of(entry: Entry) -> Identity:
    """Return which episode an entry belongs to."""
    instance = entry.instance
    labels = instance.start_labels
    if labels is None:
        who = instance.who
        labels = (instance.start_priority or "", who.tier, instance.queue or "", who.service, who.region)
        instance.start_labels = labels
    return Identity(entry.kind, instance.spec.name, instance.cycle, entry.starts_us, labels)


def _instance(case: Case, identity: Identity) -> Instance | None:
    for spec, track in zip(case.specs, case.tracks, strict=True):
        if spec.name == identity.promise and track is not None and len(track.instances) >= identity.cycle:
            found = track.instances[identity.cycle - 1]
            return found if found.target is not None else None
    return None
