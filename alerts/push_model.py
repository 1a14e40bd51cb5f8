"""Alerts that others send to us, as Prometheus does: what is known of each, and what follows from hearing of it again.

Pure; :mod:`alerts.pushing` keeps it. As in Alertmanager: an alert fires until its end; who wants it to go on says so
again before, with a later end. Whoever names no end means the resolve timeout, from when it was heard. Unlike there, an
alert that fires keeps the beginning of its episode when an earlier one is named: who has acknowledged the episode must
not lose that.

Source: ``postAlertsHandler`` in ``api/v2/api.go``, ``Put`` in ``provider/mem/mem.go`` and ``Merge`` in
``types/types.go`` of Alertmanager.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from detectors.contract import AlertChange, alert_change


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as somebody sends it.

    Attributes:
        starts_us, ends_us: microseconds UTC; None: they do not say.
        generator: address of what made it; may be empty.
    """

    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_us: int | None = None
    ends_us: int | None = None
    generator: str = ""


class Pushed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of an alert that was sent to us.

    Attributes:
        firing: whether it fires, as far as its sender says.
        starts_us: beginning of the episode. ends_us: its end; while it fires, by when it is to be heard of again.
        at_us: of its last change: later ones never come before it, even when the clock is set back.
        heard_us: when it was sent last.
        timed: nobody named the end: it is the resolve timeout.
        round: how many times it has begun to fire. updates: of this round.
        said: names the annotations. generator: address of what made it.
    """

    firing: bool
    starts_us: int
    ends_us: int
    at_us: int
    heard_us: int
    timed: bool = False
    round: int = 1
    updates: int = 0
    said: str = ""
    generator: str = ""


class Step(NamedTuple):
    """One thing to be written: what is known from now on, and the change that follows; None: nothing has changed."""

    pushed: Pushed
    change: AlertChange | None


def steps(
    known: Pushed | None, given: Given, now_us: int, timeout_us: int, *, before: AlertChange | None, skip: int = 0
) -> Iterator[Step]:
    """Yield what follows from an alert that was sent.

    Args:
        known: what is known of it.
        given: the alert.
        now_us: the time.
        timeout_us: the resolve timeout.
        before: its last change; needed where ``known`` is given.
        skip: so many rounds whose changes were applied long ago, and are no longer known.
    """
    if known is not None and before is not None and known.firing and known.ends_us <= now_us:
        lapsed = lapse(known, before, now_us)
        yield lapsed
        known = lapsed.pushed
    timed = given.ends_us is None
    ends_us = now_us + timeout_us if given.ends_us is None else given.ends_us
    starts_us = _starts(given, now_us)
    fires = ends_us > now_us
    if known is None or before is None or not known.firing:
        if fires:
            yield _begin(known, given, starts_us, ends_us, now_us, skip)
        return
    if not fires:
        yield _end(known, before.labels, given.annotations, ends_us, now_us)
        return
    overlaps = known.starts_us < ends_us < known.ends_us or known.starts_us < starts_us < known.ends_us
    if overlaps and known.ends_us > ends_us and not known.timed:
        ends_us = known.ends_us  # whoever named the later end is believed
    said = _digest(given.annotations)
    changed = said != known.said
    now = msgspec.structs.replace(
        known,
        ends_us=ends_us,
        heard_us=now_us,
        at_us=max(known.at_us, now_us) if changed else known.at_us,
        timed=timed,
        updates=known.updates + changed,
        said=said,
        generator=given.generator,
    )
    round_ = "" if now.round == 1 else f":{now.round}"
    step = f"updated:{now.updates}{round_}"
    yield Step(now, _change(now, step, given.labels, given.annotations) if changed else None)


def lapse(known: Pushed, before: AlertChange, now_us: int) -> Step:
    """Return the end of an alert that was not heard of in time."""
    return _end(known, before.labels, before.annotations, known.ends_us, now_us)


def _starts(given: Given, now_us: int) -> int:
    if given.starts_us is not None:
        return given.starts_us
    return now_us if given.ends_us is None else given.ends_us


def _begin(known: Pushed | None, given: Given, starts_us: int, ends_us: int, now_us: int, skip: int) -> Step:
    if known is not None and known.starts_us < starts_us < known.ends_us:
        starts_us = known.starts_us  # it has not been over: it goes on
    begun = Pushed(
        firing=True,
        starts_us=starts_us,
        ends_us=ends_us,
        at_us=now_us if known is None else max(known.at_us, now_us),
        heard_us=now_us,
        timed=given.ends_us is None,
        round=1 + skip + (0 if known is None else known.round),
        said=_digest(given.annotations),
        generator=given.generator,
    )
    step = "firing" if begun.round == 1 else f"firing:{begun.round}"
    return Step(begun, _change(begun, step, given.labels, given.annotations))


def _end(known: Pushed, labels: Mapping[str, str], annotations: Mapping[str, str], ends_us: int, now_us: int) -> Step:
    ended = msgspec.structs.replace(
        known,
        firing=False,
        ends_us=max(ends_us, known.starts_us),
        at_us=max(known.at_us, now_us),
        heard_us=max(known.heard_us, now_us),
    )
    step = "resolved" if ended.round == 1 else f"resolved:{ended.round}"
    return Step(ended, _change(ended, step, labels, annotations))


def _change(pushed: Pushed, step: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> AlertChange:
    return alert_change(
        step=step,
        at_us=pushed.at_us,
        status="firing" if pushed.firing else "resolved",
        labels=labels,
        annotations=dict(sorted(annotations.items())),
        starts_at_us=pushed.starts_us,
        ends_at_us=None if pushed.firing else pushed.ends_us,
    )


def _digest(annotations: Mapping[str, str]) -> str:
    return blake2b(msgspec.json.encode(annotations, order="deterministic"), digest_size=8).hexdigest()
