"""E-mail: one message with text and HTML over SMTP, with a result for each recipient."""

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from config.secret import SecretMissingError, SecretRef
from sinks.contract import (
    CHANNELS,
    ChannelSettings,
    DeliveryError,
    Failure,
    Message,
    Reason,
    Receipt,
    permanent,
    transient,
)

MailAddress = Annotated[str, StringConstraints(pattern=r"^[^@\s<>,;\"]+@[^@\s<>,;\"]+$")]
_COLOURS = {"critical": "#b00020", "warning": "#b26a00", "info": "#0b57d0"}
_RESOLVED_COLOUR = "#1e7d32"
_LEADING_DOT = re.compile(rb"(?m)^\.")


class EmailSettings(ChannelSettings):
    """Settings of an e-mail channel.

    Attributes:
        host: of the SMTP server. port: None: 587 for ``starttls``, 465 for ``tls``, 25 for ``none``.
        security: ``starttls`` (refused when the server does not offer it), ``tls`` from the first byte, or ``none``.
        username, password: for servers that want a login.
        sender: address in ``From`` and of bounces. to: whom it reaches.
        ca_file: certificates to trust in place of the system's.
    """

    type: Literal["email"]
    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretRef | None = None
    sender: MailAddress
    to: tuple[MailAddress, ...] = Field(min_length=1)
    ca_file: Path | None = None

    def model_post_init(self, context: object, /) -> None:
        """Check that a login is whole."""
        if (self.username is None) != (self.password is None):
            msg = "a login needs both `username` and `password`, or neither"
            raise ValueError(msg)


class _Dialogue:
    """One SMTP session, within a deadline. After the last byte of the message a missing answer is ambiguous."""

    def __init__(self, settings: EmailSettings, timeout_s: float) -> None:
        self._settings = settings
        self._end_s = time.monotonic() + timeout_s
        self.handed_over = False

    def send(self, mail: EmailMessage, recipients: Sequence[str]) -> list[Receipt]:
        """Send to ``recipients``. Raises what smtplib raises, and DeliveryError."""
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.ca_file)
        port = settings.port or {"starttls": 587, "tls": 465, "none": 25}[settings.security]
        own = socket.gethostname()  # smtplib would ask the name service, which can take longer than we have
        if settings.security == "tls":
            session: smtplib.SMTP = smtplib.SMTP_SSL(settings.host, port, own, timeout=self._left_s(), context=context)
        else:
            session = smtplib.SMTP(settings.host, port, own, self._left_s())
        try:
            self._hurry(session)
            session.ehlo_or_helo_if_needed()
            if settings.security == "starttls":
                self._hurry(session)
                session.starttls(context=context)
                session.ehlo()
            if settings.username is not None and settings.password is not None:
                self._hurry(session)
                session.login(settings.username, settings.password.resolve().get_secret_value())
            return self._transfer(session, mail, recipients)
        finally:
            session.close()

    def _transfer(self, session: smtplib.SMTP, mail: EmailMessage, recipients: Sequence[str]) -> list[Receipt]:
        self._hurry(session)
        code, _text = session.mail(self._settings.sender)
        if code != 250:
            raise _refused(code, "the sender")
        receipts = []
        accepted = []
        for recipient in recipients:
            self._hurry(session)
            code, _text = session.rcpt(recipient)
            if code in {250, 251}:
                accepted.append(recipient)
            else:
                failure = smtp_failure(code, f"recipient {recipient}", about_recipient=True)
                receipts.append(Receipt(recipient=recipient, outcome="failed", failure=failure))
        if not accepted:
            return receipts
        self._hurry(session)
        code, _text = session.docmd("DATA")
        if code != 354:
            raise _refused(code, "the message")
        body = mail.as_bytes(policy=SMTP)
        body = _LEADING_DOT.sub(b"..", body)  # RFC 5321 section 4.5.2
        session.send(body if body.endswith(b"\r\n") else body + b"\r\n")
        self.handed_over = True
        session.send(b".\r\n")
        self._hurry(session)
        code, _text = session.getreply()
        self.handed_over = False  # it has answered: nothing is ambiguous any more
        if code != 250:
            raise _refused(code, "the message")
        receipts += [Receipt(recipient=name, outcome="accepted", provider_id=mail["Message-ID"]) for name in accepted]
        return receipts

    def _left_s(self) -> float:
        return max(0.001, self._end_s - time.monotonic())

    def _hurry(self, session: smtplib.SMTP) -> None:
        if session.sock is not None:
            session.sock.settimeout(self._left_s())


@CHANNELS.register("email", EmailSettings)
class EmailChannel:
    """Sends over SMTP. A server that takes a mail has accepted it; whether it arrives only a bounce would say."""

    def __init__(self, name: str, settings: EmailSettings) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = settings.to
        self._settings = settings

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Send one mail to all of ``recipients``."""
        dialogue = _Dialogue(self._settings, timeout_s)
        try:
            return dialogue.send(build_mail(message, self._settings, recipients), recipients)
        except SecretMissingError as error:
            raise permanent(Reason.AUTH, str(error)) from error
        except smtplib.SMTPAuthenticationError as error:
            if 400 <= error.smtp_code < 500:
                raise transient(Reason.SERVER_ERROR, f"the login failed for now: SMTP {error.smtp_code}") from error
            raise permanent(Reason.AUTH, f"the login was refused: SMTP {error.smtp_code}") from error
        except smtplib.SMTPNotSupportedError as error:
            raise permanent(Reason.REJECTED, "the server offers no STARTTLS, or no login that we know") from error
        except ssl.SSLCertVerificationError as error:
            raise permanent(Reason.UNREACHABLE, "the server's certificate is not trusted") from error
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code) from error
        except (TimeoutError, smtplib.SMTPServerDisconnected, OSError) as error:
            slow = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
            if slow:
                detail = f"no answer within {timeout_s:g} s"
                raise transient(Reason.TIMEOUT, detail, ambiguous=dialogue.handed_over) from error
            detail = f"no connection, or it broke: {type(error).__name__}"
            raise transient(Reason.UNREACHABLE, detail, ambiguous=dialogue.handed_over) from error

    def close(self) -> None:
        """Nothing to release: each mail has its own connection."""


def build_mail(message: Message, settings: EmailSettings, recipients: Sequence[str]) -> EmailMessage:
    """Return the mail. Its ``Message-ID`` is made of the idempotency key, so that a repeat is recognised as one."""
    alert = message.notification.alerts[0]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(display_name="Makegood", addr_spec=settings.sender)
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = message.title
    mail["Message-ID"] = f"<{message.key}@{settings.sender.rpartition('@')[2]}>"
    # Of the change, not of the clock: all tries send the same mail.
    sent = datetime.fromtimestamp(message.notification.accepted_us // 1_000_000, UTC)
    mail["Date"] = format_datetime(sent)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Makegood-Key"] = message.key
    if alert.labels.get("severity") == "critical" and message.notification.status == "firing":
        mail["Importance"] = "high"
    mail.set_content(message.text)
    mail.add_alternative(_html(message), subtype="html")
    return mail


def _html(message: Message) -> str:
    alert = message.notification.alerts[0]
    resolved = message.notification.status == "resolved"
    colour = _RESOLVED_COLOUR if resolved else _COLOURS.get(alert.labels.get("severity", ""), "#444444")
    body = "".join(f"<p>{escape(part).replace(chr(10), '<br>')}</p>" for part in message.text.split("\n\n"))
    return (
        '<!doctype html><html><body style="font-family:sans-serif">'
        f'<h2 style="background:{colour};color:#ffffff;padding:8px">{escape(message.title)}</h2>{body}'
        f'<p style="color:#666666;font-size:small">{escape(message.key)}</p></body></html>\n'
    )


# RFC 5321 section 4.2.2 and 4.3.2 (https://www.rfc-editor.org/rfc/rfc5321#section-4.2): 4yz may pass by itself, 5yz
# will not. 450/451/452 greylisting, local error, no space; 421 closing; 454 temporary authentication failure (RFC
# 4954); 530/534/535/538 authentication (RFC 4954); 550/551/553 mailbox; 552 quota, 554 transaction failed.
_AUTH_CODES = {530, 534, 535, 538}
_RECIPIENT_CODES = {550, 551, 553, 556}


def smtp_failure(code: int, about: str, *, about_recipient: bool = False) -> Failure:
    """Return what an SMTP reply other than success means."""
    detail = f"{about} was refused: SMTP {code}"
    if 400 <= code < 500:
        return Failure(reason=Reason.SERVER_ERROR, permanent=False, detail=detail)
    if code in _AUTH_CODES:
        return Failure(reason=Reason.AUTH, permanent=True, detail=detail)
    if about_recipient and code in _RECIPIENT_CODES:
        return Failure(reason=Reason.BAD_RECIPIENT, permanent=True, detail=detail)
    return Failure(reason=Reason.REJECTED, permanent=True, detail=detail)


def _refused(code: int, about: str = "the session") -> DeliveryError:
    return DeliveryError(smtp_failure(code, about))
