"""A silence as data: what it hides, when, and what may be changed about it. Pure; :mod:`alerts.silences` keeps them.

As Alertmanager's: a silence is pending, active or expired by the clock alone, and what it did is never rewritten: an
active one whose matchers or start are changed is expired, and another takes its place. Unlike Alertmanager's, it is
over *at* its end, not after it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from alerts.model import rfc3339
from alerts.muting import Mute
from config.durations import US_PER_SECOND
from config.matchers import Matcher, condition, matchers_of

State = Literal["pending", "active", "expired"]
MOST_COMMENT = 2000
_MOST_EDITS = 50


class SilenceError(Exception):
    """A silence cannot be made or changed so. Says why, and what to do."""


class SilenceEdit(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a silence's history: when, who, and in words what."""

    at_us: int
    by: str
    what: str


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts whose labels match all of ``matchers`` are not told from ``starts_us`` on, before ``ends_us``.

    Attributes:
        id: a UUID, as Alertmanager's clients expect it; eight hexadecimal digits where an older release made it.
        matchers: each as one text, sorted.
        starts_us, ends_us: microseconds UTC. author: who made it. comment: why.
        created_us, updated_us: when it was made, and changed last.
        version: 1, and one more with every change.
        replaces: id of the silence whose place it took; None: of none.
        edits: its history, oldest first; the last fifty.
    """

    id: str
    matchers: tuple[str, ...]
    starts_us: int
    ends_us: int
    author: str
    comment: str
    created_us: int
    updated_us: int
    version: int = 1
    replaces: str | None = None
    edits: tuple[SilenceEdit, ...] = ()

    def state(self, now_us: int) -> State:
        """Return what it is at a time."""
        if now_us < self.starts_us:
            return "pending"
        return "active" if now_us < self.ends_us else "expired"

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether it is about an alert with ``labels``, at whatever time."""
        return _condition(self.matchers)(labels)


@lru_cache(maxsize=4096)
def _condition(matchers: tuple[str, ...]) -> Callable[[Mapping[str, str]], bool]:
    return condition(matchers_of(matchers))


def mute(labels: Mapping[str, str], silences: Iterable[Silence], now_us: int) -> Mute | None:
    """Return what silences an alert with ``labels`` at a time: of several silences the one that ends last."""
    found = [silence for silence in silences if silence.state(now_us) == "active" and silence.matches(labels)]
    if not found:
        return None
    last = max(found, key=lambda silence: (silence.ends_us, silence.id))
    detail = f"{last.comment} ({last.author}), until {rfc3339(last.ends_us)[:19]}Z"
    return Mute(kind="silenced", by=last.id, until_us=last.ends_us, detail=detail)


def sorted_matchers(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the matchers that texts hold, each as Alertmanager writes it, sorted, none twice.

    Raises:
        SilenceError: when one cannot be read, or all of them match an alert without any label.
    """
    try:
        matchers = matchers_of(texts)
    except ValueError as error:
        raise SilenceError(str(error)) from error
    if not matchers:
        msg = 'a silence needs at least one matcher, like alertname="SlaBreach"'
        raise SilenceError(msg)
    if all(_matches_empty(matcher) for matcher in matchers):
        told = ", ".join(map(str, matchers))
        msg = f"{told} would hide every alert that lacks the label; add a matcher that needs one"
        raise SilenceError(msg)
    return tuple(sorted({str(matcher) for matcher in matchers}))


def _matches_empty(matcher: Matcher) -> bool:
    # As Alertmanager counts it, a negative matcher needs a label.
    return matcher.operator in {"=", "=~"} and matcher.matches({})


def create(
    silence_id: str,
    *,
    matchers: Iterable[str],
    starts_us: int | None = None,
    ends_us: int,
    author: str,
    comment: str,
    now_us: int,
    replaces: str | None = None,
) -> Silence:
    """Return a new silence. It starts now at the earliest.

    Raises:
        SilenceError: when it makes no sense.
    """
    starts_us = now_us if starts_us is None else max(starts_us, now_us)
    silence = Silence(
        id=silence_id,
        matchers=sorted_matchers(matchers),
        starts_us=starts_us,
        ends_us=ends_us,
        author=author.strip(),
        comment=comment.strip(),
        created_us=now_us,
        updated_us=now_us,
        replaces=replaces,
        edits=(SilenceEdit(at_us=now_us, by=author.strip(), what=f"replaces {replaces}" if replaces else "created"),),
    )
    _check(silence, now_us)
    return silence


def _check(silence: Silence, now_us: int) -> None:
    if not silence.author:
        msg = "it must be said who silences"
        raise SilenceError(msg)
    if not silence.comment:
        msg = "it must be said why: a silence without a comment is a riddle to the next on call"
        raise SilenceError(msg)
    if len(silence.comment) > MOST_COMMENT:
        msg = f"the comment has {len(silence.comment)} characters, expected at most {MOST_COMMENT}"
        raise SilenceError(msg)
    if silence.ends_us <= silence.starts_us:
        msg = f"it ends {rfc3339(silence.ends_us)}, not after its start {rfc3339(silence.starts_us)}"
        raise SilenceError(msg)
    if silence.ends_us <= now_us:
        msg = f"it ends {rfc3339(silence.ends_us)}, which has passed"
        raise SilenceError(msg)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be changed about a silence; None leaves it."""

    matchers: tuple[str, ...] | None = None
    starts_us: int | None = None
    ends_us: int | None = None
    comment: str | None = None
    author: str | None = None


def edit(old: Silence, wanted: Wanted, *, by: str, now_us: int, new_id: str) -> tuple[Silence, ...]:
    """Return what is to be stored: the silence changed; or the old one, expired, and a new one in its place.

    Changed in place are the end and the comment of an active silence, and all but the matchers of a pending one. Else
    what was hidden, and why, could not be told any more.

    Raises:
        SilenceError: when the outcome makes no sense.
    """
    matchers = old.matchers if wanted.matchers is None else sorted_matchers(wanted.matchers)
    starts_us = old.starts_us if wanted.starts_us is None else wanted.starts_us
    ends_us = old.ends_us if wanted.ends_us is None else wanted.ends_us
    comment = old.comment if wanted.comment is None else wanted.comment
    if _in_place(old, matchers, starts_us, now_us):
        said = _said(old, starts_us, ends_us, comment)
        changed = _changed(old, by, now_us, said, starts_us=starts_us, ends_us=ends_us, comment=comment.strip())
        if wanted.author is not None:
            changed = msgspec.structs.replace(changed, author=wanted.author.strip())
        _check(changed, now_us)
        return (changed,)
    if old.state(now_us) == "expired":
        starts_us = now_us if wanted.starts_us is None else starts_us
    made = create(
        new_id,
        matchers=matchers,
        starts_us=starts_us,
        ends_us=ends_us,
        author=by,
        comment=comment,
        now_us=now_us,
        replaces=old.id,
    )
    gone = expire(old, by=by, now_us=now_us, what=f"replaced by {new_id}")
    return (made,) if gone is old else (gone, made)


def _in_place(old: Silence, matchers: Sequence[str], starts_us: int, now_us: int) -> bool:
    """``canUpdate`` of Alertmanager."""
    if tuple(matchers) != old.matchers:
        return False
    state = old.state(now_us)
    if state == "active":
        return starts_us // US_PER_SECOND == old.starts_us // US_PER_SECOND
    return state == "pending" and starts_us >= now_us


def _said(old: Silence, starts_us: int, ends_us: int, comment: str) -> str:
    said = []
    if starts_us != old.starts_us:
        said.append(f"starts {rfc3339(starts_us)[:19]}Z instead of {rfc3339(old.starts_us)[:19]}Z")
    if ends_us != old.ends_us:
        said.append(f"ends {rfc3339(ends_us)[:19]}Z instead of {rfc3339(old.ends_us)[:19]}Z")
    if comment.strip() != old.comment:
        said.append("another comment")
    return ", ".join(said) or "nothing changed"


def _changed(old: Silence, by: str, now_us: int, what: str, *, starts_us: int, ends_us: int, comment: str) -> Silence:
    return msgspec.structs.replace(
        old,
        starts_us=starts_us,
        ends_us=ends_us,
        comment=comment,
        updated_us=now_us,
        version=old.version + 1,
        edits=(*old.edits, SilenceEdit(at_us=now_us, by=by, what=what))[-_MOST_EDITS:],
    )


def expire(old: Silence, *, by: str, now_us: int, what: str = "expired") -> Silence:
    """Return the silence ended now; itself when it is over already."""
    if old.state(now_us) == "expired":
        return old
    starts_us = min(old.starts_us, now_us)
    return _changed(old, by, now_us, what, starts_us=starts_us, ends_us=now_us, comment=old.comment)
