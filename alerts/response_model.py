"""What people say about an alert, as data, and what follows from it now."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from detectors.contract import AlertChange

Kind = Literal["acknowledge", "unacknowledge", "resolve", "comment", "reassign"]
Way = Literal["cli", "link", "sms", "voice", "api", "chat"]
Result = Literal["done", "repeated", "unknown", "resolved", "not_acknowledged", "another_episode"]
TEXT_MAX = 4000
"""Longest comment, in characters."""
NAME_MAX = 200
"""Longest name of a person, and longest id."""


class ResponseError(ValueError):
    """A response that nobody can give: without a name, without a text, until a time that has passed."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Who responds, when, and by which way.

    Attributes:
        id: of this response. The same id again, for the same alert, has no effect: a double click, a webhook that is
            sent again. A signed link gives its own, a message its provider's.
        by: the person.
        via: ``cli``, ``link``, ``sms``, ``voice``, ``api`` or ``chat``.
        at_us: when, microseconds UTC.
        episode_us: the beginning of the episode that is meant; when another one fires now, nothing is done. None: the
            current one, whichever it is.
    """

    id: str
    by: str
    via: Way
    at_us: int
    episode_us: int | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One response, as it is kept.

    Attributes:
        number: from 1, in the order in which the store took them.
        episode_us: the beginning of the alert's episode that it is about.
        until_us: of ``acknowledge``: when it ends by itself; None: with the episode.
        to: of ``reassign``: a person or a schedule.
        text: what else was said.
    """

    kind: Kind
    id: str
    by: str
    via: Way
    at_us: int
    number: int = 0
    episode_us: int = 0
    until_us: int | None = None
    to: str = ""
    text: str = ""


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody has taken an alert on.

    Attributes:
        episode: the beginning of the episode that was acknowledged, microseconds UTC: another one is not.
        until_us: from then on the alert counts as unacknowledged again; None: it does not end by itself.
    """

    by: str
    at_us: int
    until_us: int | None
    episode: int
    via: Way = "cli"

    def holds(self, change: AlertChange, now_us: int) -> bool:
        """Return whether the alert, as ``change`` says it is, counts as acknowledged now."""
        if change.status != "firing" or change.starts_at_us != self.episode:
            return False
        return self.until_us is None or now_us < self.until_us


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody else is to look after an episode.

    Attributes:
        to: name of a person or of a schedule.
    """

    to: str
    by: str
    at_us: int
    episode: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What people have said of an alert, and what holds of it.

    Attributes:
        current: the alert as it is.
        responses: all of them, of all episodes, in their order.
        acknowledgement: the last of the current episode that was not taken back; whether it still holds, its
            :meth:`Acknowledgement.holds` says.
        assignment: the last of the current episode.
    """

    current: AlertChange
    responses: tuple[Response, ...]
    acknowledgement: Acknowledgement | None = None
    assignment: Assignment | None = None

    def acknowledged(self, now_us: int) -> bool:
        """Return whether somebody has the alert in hand now."""
        return self.acknowledgement is not None and self.acknowledgement.holds(self.current, now_us)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a response to one alert.

    Attributes:
        result: ``done``; ``repeated`` (it had been given before: ``response`` is what was kept then); ``unknown`` (no
            such alert); ``resolved`` (there is nothing to acknowledge or to resolve); ``not_acknowledged`` (nothing to
            take back); ``another_episode`` (a later one fires, which was not meant).
        response: as it is kept; None when nothing was.
        current: the alert as it is after it; None when there is none.
    """

    fingerprint: str
    result: Result
    response: Response | None = None
    current: AlertChange | None = None


def acknowledgement_of(response: Response) -> Acknowledgement:
    """Return what a response of kind ``acknowledge`` makes hold."""
    return Acknowledgement(
        by=response.by, at_us=response.at_us, until_us=response.until_us, episode=response.episode_us, via=response.via
    )


def assignment_of(response: Response) -> Assignment:
    """Return what a response of kind ``reassign`` makes hold."""
    return Assignment(to=response.to, by=response.by, at_us=response.at_us, episode=response.episode_us)


def standing(current: AlertChange, responses: Iterable[Response]) -> Standing:
    """Return what follows from the responses to an alert: a pure function."""
    acknowledgement: Acknowledgement | None = None
    assignment: Assignment | None = None
    kept = tuple(sorted(responses, key=lambda one: one.number))
    for one in kept:
        if one.episode_us != current.starts_at_us:
            continue
        if one.kind == "acknowledge":
            acknowledgement = acknowledgement_of(one)
        elif one.kind in {"unacknowledge", "resolve"}:
            acknowledgement = None
        elif one.kind == "reassign":
            assignment = assignment_of(one)
    return Standing(current=current, responses=kept, acknowledgement=acknowledgement, assignment=assignment)


def unsigned(by: str, does: str) -> str:
    """Return what is wrong with the name of whoever says something; empty: nothing.

    >>> unsigned(" ", "responds")
    'it must be said who responds, in at most 200 characters'
    """
    fits = by.strip() and len(by) <= NAME_MAX
    return "" if fits else f"it must be said who {does}, in at most {NAME_MAX} characters"


def too_long(text: str) -> str:
    """Return what is wrong with the length of what somebody says; empty: nothing."""
    return "" if len(text) <= TEXT_MAX else f"the text has {len(text)} characters, expected at most {TEXT_MAX}"


def checked(response: Response) -> Response:
    """Return the response when somebody can have given it.

    Raises:
        ResponseError: otherwise; says what to do.
    """
    if wrong := unsigned(response.by, "responds"):
        raise ResponseError(wrong)
    if not response.id or len(response.id) > NAME_MAX:
        msg = f"a response needs an id of at most {NAME_MAX} characters"
        raise ResponseError(msg)
    if response.until_us is not None and response.until_us <= response.at_us:
        msg = "an acknowledgement cannot end before it begins: give a later time"
        raise ResponseError(msg)
    if response.kind == "comment" and not response.text.strip():
        msg = "a comment needs a text"
        raise ResponseError(msg)
    if wrong := too_long(response.text):
        raise ResponseError(wrong)
    if response.kind == "reassign" and not response.to.strip():
        msg = "it must be said to whom: name a person or a schedule"
        raise ResponseError(msg)
    return response
