"""A call by Twilio, in which a voice reads the alert. That it was taken means accepted, not heard.

Sources: https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource, and for what is said
https://www.twilio.com/docs/voice/twiml/say and https://www.twilio.com/docs/voice/twiml/gather.
"""

import re
from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote, urlencode, urlsplit, urlunsplit
from xml.sax.saxutils import escape, quoteattr

from pydantic import Field

from config.durations import US_PER_SECOND, DurationUs
from sinks.checking import Checked
from sinks.contract import CHANNELS, Message, Receipt
from sinks.http import http_for
from sinks.one_by_one import one_by_one
from sinks.twilio_settings import PhoneNumber, TwilioSettings

MAX_TWIML_CHARS = 4_000
"""Of the field ``Twiml``; Twilio's error 32018."""
_MAX_QUOTED_CHARS = 4_500
"""Of what one ``<Say>`` says, percent-encoded; Twilio's warning 13521."""
PROMPT = "Press 1 to acknowledge, 2 to pass it on, 9 to hear it again."
_ANY_DIGIT = "Press any digit to acknowledge."
_KEY_CHARS = 64
_TEXT_CHARS = 1_200
"""Of the document, kept for the text: a hundred characters, twice, each up to six of XML."""
_TITLE_CHARS = 200
"""Of the title that are read, so that the notes after it are heard."""
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_URL = r"^https?://[^\s/]+(/\S*)?$"


class VoiceTwilioSettings(TwilioSettings):
    """Settings of a channel that calls.

    Attributes:
        sender: number to call from; one of the account's.
        language: of the voice that reads, like ``en-GB`` or ``de-DE``.
        voice: name of the voice, like ``Polly.Amy``; None: Twilio's for the language.
        ring_for: how long it may ring.
        max_chars: of what is read, once; a longer text is cut.
        ack_url: where Twilio posts the digit that the called person presses, with ``key`` (the notification's key) in
            the query; None: nobody is asked for one.
        ack_prompt: what is said after the text, to ask for the digit; None: standard words.
        status_callback: where Twilio posts what became of the call. These two addresses are your own; without them, and
            with ``callbacks`` in the settings, they are Makegood's.
        receipt_within: how long after Twilio has accepted a call it may take until somebody has heard it; then the next
            tier is used. None: accepted is enough.
    """

    type: Literal["voice_twilio"]
    sender: PhoneNumber
    language: str = Field(default="en-US", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    voice: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,64}$")
    ring_for: DurationUs = Field(default=30 * US_PER_SECOND, ge=5 * US_PER_SECOND, le=600 * US_PER_SECOND)
    max_chars: int = Field(default=600, ge=50, le=1_500)
    ack_url: str | None = Field(default=None, pattern=_URL, max_length=1_000)
    ack_prompt: str | None = Field(default=None, min_length=1, max_length=200)
    status_callback: str | None = Field(default=None, pattern=_URL, max_length=1_000)
    receipt_within: DurationUs | None = Field(default=180 * US_PER_SECOND, ge=US_PER_SECOND, le=86_400 * US_PER_SECOND)

    def model_post_init(self, context: object, /) -> None:
        """Check that what is around the text leaves room for it."""
        answers = "" if self.ack_url is None else _with_key(self.ack_url, "k" * _KEY_CHARS)
        if len(_document("", answers, self)) > MAX_TWIML_CHARS - _TEXT_CHARS:
            msg = f"`ack_url` and `ack_prompt` leave no room for the text in the {MAX_TWIML_CHARS} characters of a call"
            raise ValueError(msg)


@CHANNELS.register("voice_twilio", VoiceTwilioSettings)
class VoiceTwilioChannel:
    """One call for each recipient."""

    def __init__(self, name: str, settings: VoiceTwilioSettings) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = settings.to
        self._settings = settings
        from sinks.twilio_client import TwilioApi  # noqa: PLC0415 - slow to load

        self._http = http_for(settings)
        self._api = TwilioApi(self._http, settings)

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Call each of ``recipients``, until one failure shows that the others would fail too."""
        self._settings.token()
        fields: dict[str, object] = {
            "from_": self._settings.sender,
            "twiml": twiml(message, self._settings),
            "timeout": self._settings.ring_for // US_PER_SECOND,
        }
        status_callback = self._settings.status_callback or message.report_url
        if status_callback:
            fields["status_callback"] = status_callback

        def call(recipient: str, left_s: float) -> Receipt:
            sid = self._api.call({**fields, "to": recipient}, left_s)
            return Receipt(recipient=recipient, outcome="accepted", provider_id=sid)

        return one_by_one(recipients, timeout_s, call)

    def result(self, recipient: str, provider_id: str, timeout_s: float) -> Receipt:
        """Ask Twilio what became of it: see ``sinks.checking.ReportsLater``."""
        return self._api.result(recipient, provider_id, timeout_s)

    def check(self, timeout_s: float) -> list[Checked]:
        """Ask Twilio about the account; calls nobody."""
        return [Checked(subject=self._settings.account_sid, said=self._api.check(timeout_s))]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def twiml(message: Message, settings: VoiceTwilioSettings) -> str:
    """Return what Twilio does in the call: reads the text, pauses, reads it again; at most 4000 characters.

    Where somebody listens to what is answered, the reading ends when a digit is pressed.
    """
    answers = message.answer_url if settings.ack_url is None else _with_key(settings.ack_url, message.key)
    text = _spoken(message)
    room = settings.max_chars
    while True:
        cut = text if len(text) <= room else text[: room - 1].rstrip() + "…"
        made = _document(cut, answers, settings)
        over = len(made) - MAX_TWIML_CHARS
        if len(quote(cut)) > _MAX_QUOTED_CHARS:
            over = max(over, 1)
        if over <= 0 or room <= 1:
            return made
        room = max(1, min(room, len(text)) - max(1, over // 12))


def _document(text: str, answers: str, settings: VoiceTwilioSettings) -> str:
    voice = "" if settings.voice is None else f" voice={quoteattr(settings.voice)}"
    start = f"<Say{voice} language={quoteattr(settings.language)}>"
    prompt = settings.ack_prompt or (PROMPT if settings.ack_url is None else _ANY_DIGIT)
    asked = f"{start}{escape(_clean(prompt))}</Say>" if answers else ""
    said = f"{start}{escape(text)}</Say>{asked}"
    both = f'{said}<Pause length="1"/>{said}'
    if answers:
        action = quoteattr(answers)
        both = f'<Gather action={action} method="POST" numDigits="1" timeout="10">{both}</Gather>'
    return f"<Response>{both}</Response>"


def _with_key(url: str, key: str) -> str:
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode({"key": key})) if part)
    return urlunsplit(parts._replace(query=query))


def _spoken(message: Message) -> str:
    """Return title, notes, text, as one line; the notes come early, so that they are not what is cut."""
    text = message.text
    for note in message.notes:
        text = text.replace(note, "")
    title = message.title if len(message.title) <= _TITLE_CHARS else message.title[:_TITLE_CHARS] + "…"
    links = [url for url in message.links.values() if url]  # nobody can follow what is read out
    lines = [line for line in text.splitlines() if not any(url in line for url in links)]
    parts = [part.strip() for part in (title, *message.notes, *lines)]
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in map(_clean, parts) if part)


def _clean(text: str) -> str:
    """Return ``text`` as one line without what XML has no place for."""
    return " ".join(_NOT_IN_XML.sub("", text).split())
