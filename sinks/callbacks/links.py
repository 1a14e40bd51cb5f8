"""Signed links out of messages: a page that says what would be done, and a button that does it.

Opening a link does nothing: programs that check mail, and previews in chats, open every link. Only the button acts, and
pressing it twice is pressing it once.
"""

import hashlib
from collections.abc import Callable
from html import escape
from typing import cast

import structlog
from starlette.responses import Response

from alerts.links import Action, Keys, LinkError, WeakSecretError
from alerts.lookup import Found, NotFoundError
from alerts.replies import Reply
from alerts.reply_words import answer_text
from alerts.response_model import NAME_MAX, TEXT_MAX, Answer, Kind, ResponseError
from config.links import LinkSettings
from config.secret import SecretMissingError
from detectors.contract import AlertChange
from sinks.callbacks.desk import Desk
from sinks.callbacks.forms import Form, page
from sinks.callbacks.metrics import CallbackMetrics
from sinks.callbacks.people import Known

_log = structlog.get_logger("makegood.callbacks")
_WORDS: dict[str, str] = {
    "acknowledge": "Acknowledge",
    "unacknowledge": "Give back",
    "resolve": "Resolve",
    "comment": "Comment",
}
_SHOWN = 20
_SOMEBODY = "somebody with the link"


class Links:
    """Answers requests to links. Used by several threads.

    Args:
        settings: None: there are no links, and none is valid.
        desk: takes responses.
        metrics: of the callbacks.
        clock_us: answers the time.
        zone: in which times are told.
    """

    def __init__(
        self,
        settings: LinkSettings | None,
        desk: Desk,
        metrics: CallbackMetrics,
        clock_us: Callable[[], int],
        zone: str,
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._metrics = metrics
        self._clock_us = clock_us
        self._zone = zone

    def show(self, token: str) -> Response:
        """Return the page of a link. Nothing is done.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        action = self._action(token)
        if isinstance(action, Response):
            return action
        try:
            found = self._desk.find(action.subject)
        except NotFoundError:
            return _gone()
        return page(200, f"{_WORDS[action.action]}?", self._what(found) + _button(action))

    def act(self, token: str, form: Form) -> Response:
        """Do what a link allows; return the page that says what became of it.

        Raises:
            StoreUnavailableError: nothing is certain; the same again is right.
        """
        action = self._action(token)
        if isinstance(action, Response):
            return action
        name = (action.person or " ".join((form.get("by") or "").split()))[:NAME_MAX] or _SOMEBODY
        known = Known(name=name, zone=self._zone)
        text = (form.get("text") or "").strip()[:TEXT_MAX]
        id_ = f"link-{hashlib.sha256(token.encode()).hexdigest()[:32]}"  # the token itself stays out of the record
        if action.action == "comment":
            id_ += hashlib.sha256(text.encode()).hexdigest()[:16]  # one can comment twice, but not the same
        kind = cast("Kind", action.action)
        try:
            _found, answers = self._desk.respond(
                action.subject, kind, id_, known, "link", episode_us=action.episode_us, text=text
            )
        except NotFoundError:
            return _gone()
        except ResponseError as error:
            self._metrics.count("link", "not_understood")
            return page(400, "That cannot be", f"<p>{escape(str(error))}.</p>")
        repeated = bool(answers) and all(answer.result == "repeated" for answer in answers)
        self._metrics.count("link", "repeated" if repeated else "taken")
        return page(200, "Done" if _any_done(answers) else "Nothing was done", self._became(kind, answers))

    def _action(self, token: str) -> Action | Response:
        """Return what a token allows, or the page that says why it does not."""
        if self._settings is None:
            return self._refused(404, "This link is not valid", "Nobody signed it so.")
        try:
            action = Keys.of(self._settings).verify(token, self._clock_us())
        except LinkError as error:
            if error.reason == "expired":
                return self._refused(410, "This link has expired", "Use the newest message about the alert.")
            return self._refused(404, "This link is not valid", "It may have been cut: copy all of it.")
        except (SecretMissingError, WeakSecretError) as error:
            _log.error("links_not_checked", detail=str(error))
            return self._refused(503, "Links cannot be checked now", "Answer by another way.")
        if action.action not in _WORDS:
            return self._refused(404, "This link cannot be used here", "")
        return action

    def _refused(self, status: int, title: str, why: str) -> Response:
        self._metrics.count("link", "refused")
        return page(status, title, f"<p>{escape(why)}</p>")

    def _what(self, found: Found) -> str:
        items = [f"<li>{self._line(alert)}</li>" for alert in found.alerts[:_SHOWN]]
        more = len(found.alerts) - len(items)
        rest = f"<p>and {more} more</p>" if more else ""
        head = f"<p>{escape(found.name)}</p>" if found.kind == "incident" else ""
        return f"{head}<ul>{''.join(items)}</ul>{rest}"

    def _line(self, alert: AlertChange) -> str:
        summary = alert.annotations.get("summary") or alert.labels.get("alertname", "alert")
        state: str = alert.status
        if state == "firing" and (by := self._desk.acknowledged_by(alert)):
            state = f"firing, acknowledged by {by}"
        return f"{escape(summary)} ({escape(state)})"

    def _became(self, kind: Kind, answers: list[Answer]) -> str:
        said = answer_text(Reply(kind=kind), answers, zone=self._zone)
        by = next((answer.response.by for answer in answers if answer.response is not None), "")
        who = f"<p>By {escape(by)}.</p>" if by else ""
        return f"<p>{escape(said[:1].upper() + said[1:])}</p>{who}"


def _any_done(answers: list[Answer]) -> bool:
    return any(answer.result in {"done", "repeated"} for answer in answers)


def _gone() -> Response:
    return page(404, "This alert is not known any more", "<p>It has resolved long ago: there is nothing to do.</p>")


def _button(action: Action) -> str:
    if action.person:
        who = f"<p>As {escape(action.person)}</p>"
    else:
        who = f'<label>Your name<input name="by" maxlength="{NAME_MAX}" autocomplete="name"></label>'
    text = ""
    if action.action == "comment":
        text = f'<label>Comment<textarea name="text" required maxlength="{TEXT_MAX}" rows="4"></textarea></label>'
    return f'<form method="post">{who}{text}<button type="submit">{_WORDS[action.action]}</button></form>'
