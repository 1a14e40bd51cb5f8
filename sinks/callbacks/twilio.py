"""What Twilio says to us: what became of messages and calls, what people write, which digits they press.

Sources: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status,
https://www.twilio.com/docs/voice/api/call-resource#statuscallback, https://www.twilio.com/docs/messaging/twiml,
https://www.twilio.com/docs/voice/twiml/gather.
"""

import re
from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape, quoteattr

import structlog
from twilio.request_validator import RequestValidator

from alerts.lookup import NotFoundError
from alerts.model import ReceiptRecord
from alerts.replies import Reply
from alerts.reply_words import answer_text
from alerts.response_model import ResponseError
from config.secret import SecretMissingError
from sinks.callbacks.desk import Desk
from sinks.callbacks.forms import Form
from sinks.callbacks.metrics import CallbackMetrics
from sinks.callbacks.people import Known, Numbers
from sinks.channels.voice_twilio import VoiceTwilioSettings, twiml
from sinks.claims import notification_of
from sinks.contract import Reason
from sinks.metrics import NotifierMetrics
from sinks.outbox import Outbox
from sinks.receipts import PASSED_ON, Reporting
from sinks.render import Renderer
from sinks.twilio_settings import TwilioSettings
from sinks.twilio_status import receipt_of

_log = structlog.get_logger("makegood.callbacks")
_SID = re.compile(r"(SM|MM|CA)[0-9a-f]{32}")
_KEY = re.compile(r"mg-[0-9a-f]{1,64}")
_NOTHING = "<Response/>"
_ACKNOWLEDGE, _PASS_ON, _AGAIN = "1", "2", "9"


class TwilioDesk:
    """Takes what Twilio sends. Used by several threads.

    Args:
        channels: over Twilio, by name.
        outbox: keeps receipts.
        desk: takes responses.
        numbers: who has which number.
        renderer: reads an alert again.
        reporting: our addresses.
        metrics: of the callbacks. receipts: of the notifier; None: receipts are not counted by channel.
        clock_us: answers the time.
    """

    def __init__(
        self,
        channels: Mapping[str, TwilioSettings],
        *,
        outbox: Outbox,
        desk: Desk,
        numbers: Numbers,
        renderer: Renderer,
        reporting: Reporting,
        metrics: CallbackMetrics,
        receipts: NotifierMetrics | None,
        clock_us: Callable[[], int],
    ) -> None:
        self._channels = dict(channels)
        self._outbox = outbox
        self._desk = desk
        self._numbers = numbers
        self._renderer = renderer
        self._reporting = reporting
        self._metrics = metrics
        self._receipts = receipts
        self._clock_us = clock_us

    def knows(self, channel: str) -> bool:
        """Return whether there is such a channel."""
        return channel in self._channels

    def signed(self, channel: str, url: str, form: Form, signature: str) -> bool:
        """Return whether Twilio signed a request.

        Args:
            channel: of whose account.
            url: as Twilio was told it.
            form: its fields.
            signature: of the request.
        """
        try:
            token = self._channels[channel].signs_with()
        except SecretMissingError as error:
            _log.error("callback_not_checked", channel=channel, detail=str(error))
            return False
        if not token or not signature:
            return False
        return bool(RequestValidator(token).validate(url, form, signature))

    def receipt(self, channel: str, key: str, form: Form) -> bool:
        """Take what became of a message or a call; return whether it could be read.

        Raises:
            StoreUnavailableError: the same again is right.
        """
        sid = form.get("MessageSid") or form.get("CallSid") or form.get("SmsSid") or ""
        status = form.get("MessageStatus") or form.get("CallStatus") or form.get("SmsStatus") or ""
        recipient = form.get("To") or form.get("Called") or ""
        if _SID.fullmatch(sid) is None or not status or recipient not in self._channels[channel].to:
            self._metrics.count("receipt", "invalid")
            return False
        code = form.get("ErrorCode") or ""
        number = int(code) if code.isdecimal() and int(code[:9]) > 0 else None
        one = receipt_of(channel, recipient, sid, status, number, self._clock_us(), "callback")
        self._keep(one, key)
        return True

    def message(self, form: Form) -> str:
        """Take a text message; return what Twilio is to do: to send an answer, or nothing.

        Raises:
            StoreUnavailableError: the same again is right.
        """
        sender, sid = form.get("From") or "", form.get("MessageSid") or ""
        known = self._numbers.owner(sender)
        if known is None or _SID.fullmatch(sid) is None:
            # Nobody is answered whom we do not know: it would cost money, and tell strangers that somebody is here.
            self._metrics.count("sms", "unknown_sender" if known is None else "invalid")
            return _NOTHING
        heard = self._desk.reply(form.get("Body") or "", sender, known, sid)
        self._metrics.count("sms", heard.result)
        return f"<Response><Message>{escape(_clean(heard.words))}</Message></Response>"

    def digits(self, channel: str, key: str, form: Form) -> str:
        """Take the digits that the called person pressed; return what Twilio does next in the call.

        Raises:
            StoreUnavailableError: the same again is right.
        """
        settings = self._channels[channel]
        pressed, sid, number = form.get("Digits") or "", form.get("CallSid") or "", form.get("To") or ""
        if not isinstance(settings, VoiceTwilioSettings) or _SID.fullmatch(sid) is None or number not in settings.to:
            self._metrics.count("voice", "invalid")
            return _NOTHING
        known = self._numbers.owner(number) or Known(name=number)
        if pressed == _ACKNOWLEDGE:
            return self._acknowledge(channel, key, sid, number, known)
        if pressed == _PASS_ON:
            return self._pass_on(channel, key, sid, number, known)
        self._metrics.count("voice", "taken" if pressed == _AGAIN else "not_understood")
        return self._again(channel, settings, key)

    def try_again(self, channel: str, key: str) -> str:
        """Return what is said in a call while the store is away: the digit must be pressed once more."""
        settings = self._channels[channel]
        url = self._reporting.answer_url(channel, key)
        said = _say(settings, "This could not be kept just now. Please press the digit again.")
        gather = f'<Gather action={quoteattr(url)} method="POST" numDigits="1" timeout="20">{said}</Gather>'
        return f"<Response>{gather}</Response>"

    def _acknowledge(self, channel: str, key: str, sid: str, number: str, known: Known) -> str:
        try:
            _found, answers = self._desk.respond(key, "acknowledge", f"{sid}:1", known, "voice")
        except (NotFoundError, ResponseError):
            self._metrics.count("voice", "not_understood")
            return self._end(channel, "This alert is not known any more: nothing was done.")
        repeated = bool(answers) and all(answer.result == "repeated" for answer in answers)
        self._metrics.count("voice", "repeated" if repeated else "taken")
        self._keep(self._heard(channel, sid, number, "acknowledged"), key, count=False)
        return self._end(channel, answer_text(Reply(kind="acknowledge"), answers, zone=known.zone))

    def _pass_on(self, channel: str, key: str, sid: str, number: str, known: Known) -> str:
        try:
            self._desk.respond(
                key, "comment", f"{sid}:2", known, "voice", text="Passed on: somebody else is to be told."
            )
        except (NotFoundError, ResponseError):
            self._metrics.count("voice", "not_understood")
            return self._end(channel, "This alert is not known any more: nothing was done.")
        new = self._keep(self._heard(channel, sid, number, PASSED_ON, by=known.name), key, count=False)
        if new:
            self._desk.pass_on(key)
        self._metrics.count("voice", "taken" if new else "repeated")
        return self._end(channel, "Passed on. Goodbye.")

    def _heard(self, channel: str, sid: str, number: str, status: str, by: str = "") -> ReceiptRecord:
        return ReceiptRecord(
            channel=channel,
            recipient=number,
            provider_id=sid,
            status=status,
            outcome="failed" if by else "delivered",
            reason=str(Reason.REJECTED) if by else "",
            detail=f"{by} was reached and passed it on" if by else "",
            at_us=self._clock_us(),
            via="phone",
        )

    def _keep(self, one: ReceiptRecord, key: str, *, count: bool = True) -> bool:
        """Keep a receipt; return whether it is new."""
        answer = self._outbox.receipt(one, key if _KEY.fullmatch(key) else "")
        if count:
            self._metrics.count(
                "receipt", "repeated" if answer == "repeated" else "early" if answer == "early" else "taken"
            )
        if self._receipts is not None and answer != "repeated":
            self._receipts.receipts.labels(one.channel, one.outcome).inc()
        return answer != "repeated"

    def _again(self, channel: str, settings: VoiceTwilioSettings, key: str) -> str:
        claim = self._outbox.look(key) if _KEY.fullmatch(key) else None
        if claim is None or not claim.draft.alerts:
            return self._end(channel, "This alert is not known any more.")
        message = self._renderer(notification_of(claim, claim.receiver), settings)
        return twiml(self._reporting.addressed(message, channel), settings)

    def _end(self, channel: str, words: str) -> str:
        return f"<Response>{_say(self._channels[channel], words)}<Hangup/></Response>"


def _say(settings: TwilioSettings, words: str) -> str:
    if not isinstance(settings, VoiceTwilioSettings):
        return f"<Say>{escape(_clean(words))}</Say>"
    voice = "" if settings.voice is None else f" voice={quoteattr(settings.voice)}"
    return f"<Say{voice} language={quoteattr(settings.language)}>{escape(_clean(words))}</Say>"


_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("", text)[:1_500]
