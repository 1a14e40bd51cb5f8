"""Takes personal data out of what is sent, before anything is rendered: what comes later cannot leak it.

Everything that people and programs outside would see goes through here: labels, annotations, notes, the words about
incident and urgency. Names of labels, times, the fingerprint and the keys stay. So two alerts that differ in nothing
but personal data look alike outside, but for their fingerprints; ``pseudonyms`` keeps them apart.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from config.redaction import ChannelRedaction, RedactionSettings
from config.secret import SecretMissingError
from detectors.contract import AlertChange
from sinks.contract import Notification
from sinks.personal import FINDERS, MAYBE

_QUOTE = re.compile(r': "(.+)"', re.DOTALL)
"""How detectors put what a customer wrote: the longest stretch, because customers write quotation marks too."""
_QUOTED = ': "[quote]"'
_MIN_NAME = 3
_STRUCTURE = frozenset({"alertname", "severity", "detector"})


def redacted(
    notification: Notification, settings: RedactionSettings, channel: ChannelRedaction | None = None
) -> Notification:
    """Return the notification without personal data, as the settings say for a channel."""
    return Redactor(settings, channel).notification(notification)


class Redactor:
    """Takes personal data out, for one channel. Used by several threads at once.

    Args:
        channel: what it does differently; None: nothing.
    """

    def __init__(self, settings: RedactionSettings, channel: ChannelRedaction | None = None) -> None:
        self.is_on = settings.default if channel is None else channel.enabled
        kept = {*settings.keep, *(() if channel is None else channel.keep)}
        self._finders = [(kind, finder) for kind, finder in FINDERS.items() if kind not in kept]
        self._patterns = [(name, re.compile(text)) for name, text in settings.patterns.items() if name not in kept]
        self._quotes = "quote" not in kept
        self._labels = frozenset() if "name" in kept else frozenset(settings.labels)
        self._pseudonyms = settings.pseudonyms

    def notification(self, notification: Notification) -> Notification:
        """Return a notification without personal data."""
        if not self.is_on:
            return notification
        names = self._names(notification)
        incident, urgency = notification.incident, notification.urgency
        if incident is not None:
            incident = msgspec.structs.replace(
                incident,
                title=self.text(incident.title, names),
                evidence=tuple(self.texts(incident.evidence, names)),
                blind=tuple(self.texts(incident.blind, names)),
            )
        if urgency is not None:
            urgency = msgspec.structs.replace(urgency, why=self.text(urgency.why, names))
        return msgspec.structs.replace(
            notification,
            alerts=tuple(self._alert(alert, names) for alert in notification.alerts),
            group_labels=self._values(notification.group_labels, names),
            left_out={self.text(name, names): count for name, count in notification.left_out.items()},
            notes=tuple(self.texts(notification.notes, names)),
            incident=incident,
            urgency=urgency,
        )

    def texts(self, texts: Iterable[str], names: Sequence[re.Pattern[str]] = ()) -> list[str]:
        """Return texts without personal data."""
        return [self.text(text, names) for text in texts]

    def text(self, text: str, names: Sequence[re.Pattern[str]] = ()) -> str:
        """Return a text without personal data.

        Args:
            text: any.
            names: patterns of names that stand in it, besides what can be told by its form.
        """
        if not self.is_on or not text:
            return text
        if self._quotes:
            text = _QUOTE.sub(lambda _found: _QUOTED, text)
        for kind, pattern in self._patterns:
            text = pattern.sub(lambda found, kind=kind: self._place(kind, found[0]), text)  # type: ignore[misc]
        if MAYBE.search(text) is not None:
            text = self._without_forms(text)
        for name in names:  # last: a name in an address must not hide the address
            text = name.sub(lambda found: self._place("name", found[0]), text)
        return text

    def _without_forms(self, text: str) -> str:
        """Return a text without what can be told by its form."""
        for kind, finder in self._finders:
            parts, end = [], 0
            for span in finder(text):
                if span.start >= end:
                    parts += [text[end : span.start], self._place(kind, text[span.start : span.end])]
                    end = span.end
            if end:
                text = "".join(parts) + text[end:]
        return text

    def _alert(self, alert: AlertChange, names: Sequence[re.Pattern[str]]) -> AlertChange:
        return msgspec.structs.replace(
            alert, labels=self._values(alert.labels, names), annotations=self._values(alert.annotations, names)
        )

    def _values(self, values: Mapping[str, str], names: Sequence[re.Pattern[str]]) -> dict[str, str]:
        return {name: self._value(name, value, names) for name, value in values.items()}

    def _value(self, name: str, value: str, names: Sequence[re.Pattern[str]]) -> str:
        if name in _STRUCTURE:
            return value
        return self._place("name", value) if name in self._labels and value else self.text(value, names)

    def _names(self, notification: Notification) -> list[re.Pattern[str]]:
        """Return patterns of the names that labels and annotations hold: the whole, and each word of it."""
        if not self._labels:
            return []
        sources = [notification.group_labels]
        for alert in notification.alerts:
            sources += [alert.labels, alert.annotations]
        found = {value.strip() for source in sources for name, value in source.items() if name in self._labels}
        words = {word for value in found for word in (value, *value.split()) if len(word) >= _MIN_NAME}
        return [_whole(word) for word in sorted(words, key=lambda word: (-len(word), word))]

    def _place(self, kind: str, value: str) -> str:
        """Return what stands in the place of something."""
        tag = self._tag(kind, value)
        return f"[{kind} {tag}]" if tag else f"[{kind}]"

    def _tag(self, kind: str, value: str) -> str:
        if self._pseudonyms is None:
            return ""
        try:
            secret = self._pseudonyms.resolve().get_secret_value().encode()
        except SecretMissingError:  # nothing is told that should not be; `makegood check` names the secret
            return ""
        plain = "".join(_signs(value)).casefold()
        return hmac.digest(secret, f"makegood pseudonym 1\0{kind}\0{plain}".encode(), hashlib.sha256).hex()[:6]


def _whole(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)


def _signs(value: str) -> Iterator[str]:
    return (sign for sign in value if sign.isalnum() or sign in "@.+")
