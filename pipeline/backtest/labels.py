"""What is known to have happened: incidents, look-alikes that were none, and what responders said of alerts."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Self

import msgspec
from pydantic import AwareDatetime, model_validator

from config.base import SettingsModel
from config.matchers import Matcher, MatcherText, parse_matcher
from pipeline.events import to_us


class LabelEntry(SettingsModel):
    """One entry of a file of labels: an incident, or a verdict about an alert.

    Attributes:
        name: what people call it.
        start, end: of an incident; without an end it is one moment.
        labels: what it touched. An alert that has one of these labels with another value is about something else; one
            that has it not is about everything, this too.
        matchers: further conditions on the alert's labels.
        detectors: types, or names of entries, that ought to find it. None named: it is enough when any does.
        benign: a look-alike: no alert is right.
        fingerprint, starts_at, ends_at: of the alert that a verdict is about.
        verdict: what a responder said of it.
        detector: the entry that raised it.
        note: for people.
    """

    name: str = ""
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None
    labels: Mapping[str, str] = {}
    matchers: tuple[MatcherText, ...] = ()
    detectors: tuple[str, ...] = ()
    benign: bool = False
    fingerprint: str = ""
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    verdict: Literal["useful", "noise"] | None = None
    detector: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.verdict is not None:
            if not self.fingerprint or self.starts_at is None:
                msg = "a verdict needs the fingerprint and the starts_at of its alert"
                raise ValueError(msg)
        elif self.start is None:
            msg = "expected start (of an incident), or fingerprint, starts_at and verdict (of an alert)"
            raise ValueError(msg)
        elif self.end is not None and self.end < self.start:
            msg = f"it ends at {self.end.isoformat()}, before it starts"
            raise ValueError(msg)
        return self


class LabelFile(SettingsModel):
    """A file of labels.

    Attributes:
        complete: whether everything that happened is in it, so that an alert about nothing in it is a false one.
            Without it: where there is at least one incident.
        incidents: the entries.
    """

    complete: bool | None = None
    incidents: tuple[LabelEntry, ...] = ()


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is known. Times in microseconds UTC, both ends included.

    Attributes:
        number: its place in the file, from 1.
        name: what people call it.
        detectors: that ought to find it; empty: any.
        benign: no alert is right.
        fingerprint: of the alert that a verdict is about; empty for an incident.
    """

    number: int
    name: str
    start_us: int
    end_us: int
    labels: dict[str, str] = {}
    matchers: tuple[Matcher, ...] = ()
    detectors: tuple[str, ...] = ()
    benign: bool = False
    fingerprint: str = ""

    def about(self, labels: Mapping[str, str], fingerprint: str) -> bool:
        """Return whether an alert with these labels can be about it."""
        if self.fingerprint:
            return fingerprint == self.fingerprint
        return all(labels.get(name, value) == value for name, value in self.labels.items()) and all(
            matcher.matches(labels) for matcher in self.matchers
        )

    def expects(self, detector: str, type_: str) -> bool:
        """Return whether this detector ought to find it."""
        return not self.detectors or detector in self.detectors or type_ in self.detectors


class Labels(NamedTuple):
    """All that is known. ``complete``: nothing else happened."""

    known: tuple[Label, ...]
    complete: bool


def known_of(file: LabelFile) -> Labels:
    """Return what a file of labels says."""
    known = _last_verdicts([_label(number, entry) for number, entry in enumerate(file.incidents, 1)])
    complete = any(not label.fingerprint for label in known) if file.complete is None else file.complete
    return Labels(known, complete)


def _last_verdicts(labels: Sequence[Label]) -> tuple[Label, ...]:
    """Return labels with one verdict, the last, for each episode of an alert."""
    last = {(label.fingerprint, label.start_us): label.number for label in labels if label.fingerprint}
    return tuple(
        label for label in labels if last.get((label.fingerprint, label.start_us), label.number) == label.number
    )


def with_owners(labels: Labels, owners: Mapping[str, str]) -> Labels:
    """Return labels whose verdicts say which detector raised their alert.

    Args:
        labels: what is known.
        owners: the detector of each fingerprint that is known to have been raised.
    """
    known = [
        msgspec.structs.replace(label, detectors=(owners[label.fingerprint],))
        if label.fingerprint in owners and not label.detectors
        else label
        for label in labels.known
    ]
    return Labels(tuple(known), labels.complete)


def _label(number: int, entry: LabelEntry) -> Label:
    verdict = entry.verdict is not None
    start = entry.starts_at if verdict else entry.start
    end = entry.ends_at if verdict else entry.end
    start_us = 0 if start is None else to_us(start)  # the model has seen to it that it is there
    owner = (entry.detector,) if entry.detector else ()
    return Label(
        number=number,
        name=entry.name or ("an alert" if verdict else "incident"),
        start_us=start_us,
        end_us=start_us if end is None else to_us(end),
        labels=dict(entry.labels),
        matchers=tuple(map(parse_matcher, entry.matchers)),
        detectors=owner if verdict else entry.detectors,
        benign=entry.verdict == "noise" if verdict else entry.benign,
        fingerprint=entry.fingerprint if verdict else "",
    )
