"""What a person is answered who replied from a phone: what was understood, and what became of it. Pure, short texts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.replies import HOW, Misunderstood, Reply
from alerts.response_model import Answer, Result

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DONE: dict[str, str] = {
    "acknowledge": "acknowledged",
    "unacknowledge": "given back: it is escalated again",
    "resolve": "resolved",
    "comment": "comment kept",
    "reassign": "reassigned",
}
_NOT_DONE: dict[Result, str] = {
    "unknown": "there is no such alert any more: nothing was done",
    "resolved": "it has resolved already: nothing to do",
    "not_acknowledged": "nobody had acknowledged it: nothing to do",
    "another_episode": "it ended and has fired anew since: nothing was done. Answer the newer message",
}
_SUMMARY = 80


def answer_text(asked: Reply | Misunderstood, answers: Sequence[Answer], *, name: str = "", zone: str = "UTC") -> str:
    """Return the text to send back.

    Args:
        asked: what :func:`alerts.replies.parse` made of the message.
        answers: what became of it, one for each alert that was meant.
        name: what was meant, as people call it: the alert's code, ``INC-7``.
        zone: IANA name of the person's time zone.

    >>> answer_text(Reply(kind="acknowledge"), [], name="INC-7")
    'INC-7: nothing of it fires: nothing to do.'
    """
    if isinstance(asked, Misunderstood):
        return asked.why
    if asked.kind == "help":
        return HOW
    head = f"{name}: " if name else ""
    if not answers:
        return f"{head}nothing of it fires: nothing to do."
    done = [answer for answer in answers if answer.result in {"done", "repeated"} and answer.response is not None]
    if len(answers) > 1:
        rest = len(answers) - len(done)
        more = f", {rest} had resolved or ended before" if rest else ""
        return (
            f"{head}{len(done)} alert{'' if len(done) == 1 else 's'} {_words(done, zone) if done else 'changed'}{more}."
        )
    (answer,) = answers
    if not done:
        return f"{head}{_NOT_DONE[answer.result]}."
    summary = "" if answer.current is None else answer.current.annotations.get("summary", "")
    short = summary if len(summary) <= _SUMMARY else summary[: _SUMMARY - 3].rstrip() + "..."
    return f"{head}{_words(done, zone)}. {short}".strip()


def _words(done: Sequence[Answer], zone: str) -> str:
    response = done[0].response
    if response is None:
        return ""
    words = _DONE[response.kind]
    if response.until_us is not None:
        until = (_EPOCH + timedelta(microseconds=response.until_us)).astimezone(ZoneInfo(zone))
        words += f" until {until:%H:%M} {until.tzname()}" + (
            "" if _same_day(response.at_us, until) else f" {until:%d %b}"
        )
    return words + (f" to {response.to}" if response.to else "")


def _same_day(at_us: int, other: datetime) -> bool:
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(other.tzinfo).date() == other.date()
