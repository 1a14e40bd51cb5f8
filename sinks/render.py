"""From a notification to the words that people read.

A channel's own words are templates (:mod:`sinks.words.sandbox`). One that does not render, or renders to nothing,
leaves the standard words, says so in the text, and is the message's ``failure``, so that the next tier is used too: a
mistake in a template never costs an alert.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from alerts.connection import StoreUnavailableError
from alerts.links import Action, Keys, SubjectKind, WeakSecretError, url_of
from alerts.urgency import urgency
from config.links import LinkSettings
from config.redaction import ChannelRedaction, RedactionSettings
from config.secret import SecretMissingError
from config.settings import Settings
from config.urgency import UrgencySettings
from config.words import WordsSettings
from sinks.contract import ChannelSettings, Failure, Message, Notification, Reason
from sinks.redact import Redactor
from sinks.words.budget import TemplateError
from sinks.words.people import clock_text
from sinks.words.sandbox import compile_template
from sinks.words.short import short_text
from sinks.words.standard import code_line, standard_text, standard_title
from sinks.words.variables import variables

__all__ = ["Renderer", "TemplateError", "fill", "for_people", "message_variables", "render", "short_form"]
_log = structlog.get_logger("makegood.words")
_TITLE_CHARS = 1000
_EMPTY = "the template gives an empty text"
_INCIDENT = re.compile(r"INC-\d+")
for_people = clock_text


class Renderer:
    """Makes messages as the settings say: how urgent, without personal data, with links. Used by several threads.

    Args:
        words, urgency, redaction: sections of the settings.
        links: None: messages have no links.
        codes: answers the short code of an alert, by its fingerprint; None: messages name none.
    """

    def __init__(
        self,
        words: WordsSettings | None = None,
        urgency: UrgencySettings | None = None,
        redaction: RedactionSettings | None = None,
        links: LinkSettings | None = None,
        codes: Callable[[str], str] | None = None,
    ) -> None:
        self._words = WordsSettings() if words is None else words
        self._urgency = UrgencySettings() if urgency is None else urgency
        self._redaction = RedactionSettings() if redaction is None else redaction
        self._links = links
        self._codes = codes
        self._redactors: dict[ChannelRedaction | None, Redactor] = {}

    @classmethod
    def of(cls, settings: Settings, codes: Callable[[str], str] | None = None) -> "Renderer":
        """Make the one that the settings describe."""
        return cls(settings.words, settings.urgency, settings.redaction, settings.links, codes)

    def __call__(self, notification: Notification, settings: ChannelSettings, notes: Sequence[str] = ()) -> Message:
        """Return the message for one channel. It never fails; the same notification gives the same message."""
        if notification.urgency is None:
            found = urgency(notification.alerts, self._urgency)
            notification = msgspec.structs.replace(notification, urgency=found)
        links, problem = self._signed(notification)
        code = self._code(notification) if settings.tells_code else ""
        redactor = self._redactor(settings.redaction)
        told = redactor.texts([*notes, *problem])
        return render(redactor.notification(notification), settings, told, words=self._words, links=links, code=code)

    def _code(self, notification: Notification) -> str:
        """Return by what a person may name what this is about; empty where there is nothing to answer or to name."""
        if self._codes is None or notification.status != "firing" or notification.kind == "test":
            return ""
        kind, subject, _episode_us = subject_of(notification)
        if kind != "alert":
            return subject if _INCIDENT.fullmatch(subject) else ""
        try:
            return self._codes(subject)
        except StoreUnavailableError as error:  # the message is worth more than its code
            _log.warning("no_short_code", key=notification.key, detail=str(error))
            return ""

    def _redactor(self, channel: ChannelRedaction | None) -> Redactor:
        found = self._redactors.get(channel)
        if found is None:
            found = self._redactors[channel] = Redactor(self._redaction, channel)
        return found

    def _signed(self, notification: Notification) -> tuple[dict[str, str], list[str]]:
        """Return the links of a message, and what is to be told where they cannot be made."""
        settings = self._links
        if settings is None or notification.status != "firing" or notification.kind == "test":
            return {}, []
        try:
            keys = Keys.of(settings)
        except (SecretMissingError, WeakSecretError) as error:
            _log.warning("links_not_signed", key=notification.key, detail=str(error))
            return {}, ["There is no link to acknowledge: the secret of links cannot be used (see `makegood check`)."]
        kind, subject, episode_us = subject_of(notification)
        action = Action(
            action="acknowledge",
            kind=kind,
            subject=subject,
            episode_us=episode_us,
            expires_us=notification.accepted_us + settings.valid_for,
        )
        return {"acknowledge": url_of(settings, keys.sign(action))}, []


def subject_of(notification: Notification) -> tuple[SubjectKind, str, int | None]:
    """Return what a link is about: its one alert and episode; else the incident; else all that it tells."""
    if len(notification.alerts) == 1 and not notification.truncated:
        alert = notification.alerts[0]
        return "alert", alert.fingerprint, alert.starts_at_us
    if notification.incident is not None:
        return "incident", notification.incident.id, None
    return "notification", notification.key, None


def render(
    notification: Notification,
    settings: ChannelSettings,
    notes: Sequence[str] = (),
    *,
    words: WordsSettings | None = None,
    links: Mapping[str, str] | None = None,
    code: str = "",
) -> Message:
    """Return the message for one channel, of a notification as it is. Never fails: see ``Message.failure``.

    Args:
        notification: as it is sent.
        settings: of the channel.
        notes: lines about the way; they follow those of the notification, and end the text whatever the template does.
        words: the section of the settings; None: the defaults.
        links: addresses, by what they do.
        code: see ``Message.code``.
    """
    words, links = WordsSettings() if words is None else words, {} if links is None else links
    title, body = standard_title(notification), standard_text(notification, links, words, code)
    told = [*notification.notes, *notes]
    failure = None
    if settings.title is not None or settings.text is not None:
        known = message_variables(notification, notes, words=words, links=links, code=code)
        try:
            custom_title = title if settings.title is None else compile_template(settings.title).render(known)
            custom_body = body if settings.text is None else compile_template(settings.text).render(known)
            custom_body = custom_body.strip("\n")
            if not custom_body.strip():
                raise TemplateError(_EMPTY)
        except TemplateError as error:
            failure = Failure(reason=Reason.TEMPLATE, permanent=True, detail=str(error))
            told.append(f"The channel's template could not be used ({error}); these are the standard words.")
        else:
            title, body = custom_title, custom_body
    title = " ".join(title.split())[:_TITLE_CHARS] or standard_title(notification)
    text = "\n".join([body, "", *told]) if told else body
    return Message(
        notification=notification,
        title=title,
        text=text,
        body=body,
        links=dict(links),
        notes=tuple(told),
        failure=failure,
        code=code,
    )


def message_variables(
    notification: Notification,
    notes: Sequence[str] = (),
    *,
    words: WordsSettings | None = None,
    links: Mapping[str, str] | None = None,
    code: str = "",
) -> dict[str, Any]:
    """Return everything that a template can name."""
    words, links = WordsSettings() if words is None else words, {} if links is None else links
    return {
        **variables(notification, links, words.zone, code),
        "notes": [*notification.notes, *notes],
        "standard_title": standard_title(notification),
        "standard_text": standard_text(notification, links, words, code),
    }


def fill(template: str, notification: Notification) -> str:
    """Return ``template`` with what a notification has in its places.

    Raises:
        TemplateError: naming what is missing.
    """
    return compile_template(template).render(message_variables(notification))


def short_form(message: Message, max_chars: int, end: str = "") -> str:
    """Return a message for a channel that carries little: notes and links last, and cut last.

    Args:
        message: of :func:`render`.
        max_chars: how long it may be.
        end: a last line, like a reference.
    """
    links = [url for url in message.links.values() if url]
    apart = code_line(message.code) if message.code else None  # who wants it there says it in `end`
    body = "\n".join(
        line for line in message.body.splitlines() if line != apart and not any(url in line for url in links)
    )
    return short_text(message.title, body, notes=message.notes, links=links, end=end, max_chars=max_chars)
