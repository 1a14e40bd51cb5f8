"""One SMTP session within one deadline, and what a server's replies mean."""

import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from re import compile as pattern
from typing import NamedTuple

from sinks.contract import DeliveryError, Failure, Reason, Receipt, permanent, transient
from sinks.tls import tls_context

_LEADING_DOT = pattern(rb"(?m)^\.")
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Server(NamedTuple):
    """Where the mail goes first.

    Attributes:
        host: name or address. port: None: the usual one of ``security``.
        security: ``starttls``, ``tls`` or ``none``.
        ca_file: certificates to trust in place of the usual ones.
        login: gives user name and password; None: no login.
    """

    host: str
    port: int | None
    security: str
    ca_file: Path | None
    login: Callable[[], tuple[str, str]] | None


class Dialogue:
    """One SMTP session. After the last byte of the message a missing answer is ambiguous.

    Args:
        server: whom to talk to.
        timeout_s: for all of it, in seconds.
    """

    def __init__(self, server: Server, timeout_s: float) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._end_s = time.monotonic() + timeout_s
        self._handed_over = False

    def send(self, mail: EmailMessage, sender: str, recipients: Sequence[str]) -> list[Receipt]:
        """Send a mail.

        Args:
            mail: whole.
            sender: where bounces go.
            recipients: whom it is for; each is judged by itself.

        Raises:
            DeliveryError: when nobody got it, for one reason.
        """
        with self._session() as session:
            return self._transfer(session, mail, sender, recipients)

    def check(self) -> str:
        """Log in, say ``NOOP``, and leave; return how the session is secured.

        Raises:
            DeliveryError: when no mail would be taken.
        """
        with self._session() as session:
            self._hurry(session)
            code, _text = session.noop()
            if code != 250:
                raise _refused(code)
            version = session.sock.version() if isinstance(session.sock, ssl.SSLSocket) else None
            session.docmd("QUIT")
        return f"{version or 'without TLS'}, {'logged in' if self._server.login else 'without a login'}"

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """Give a session, after TLS and login; whatever goes wrong with it becomes a typed error."""
        try:
            session = self._connected()
            try:
                self._greet(session)
                yield session
            finally:
                session.close()
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
        except (TimeoutError, smtplib.SMTPException, OSError) as error:
            if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
                detail = f"no answer within {self._timeout_s:g} s"
                raise transient(Reason.TIMEOUT, detail, ambiguous=self._handed_over) from error
            detail = f"no connection, or it broke: {type(error).__name__}"
            raise transient(Reason.UNREACHABLE, detail, ambiguous=self._handed_over) from error

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        port = server.port or _PORTS[server.security]
        own = socket.gethostname()  # smtplib would ask the name service, which can take longer than we have
        if server.security == "tls":
            context = tls_context(ca_file=server.ca_file)
            return smtplib.SMTP_SSL(server.host, port, own, timeout=self._left_s(), context=context)
        return smtplib.SMTP(server.host, port, own, self._left_s())

    def _greet(self, session: smtplib.SMTP) -> None:
        self._hurry(session)
        session.ehlo_or_helo_if_needed()
        if self._server.security == "starttls":
            self._hurry(session)
            session.starttls(context=tls_context(ca_file=self._server.ca_file))
            session.ehlo()
        if self._server.login is not None:
            self._hurry(session)
            session.login(*self._server.login())

    def _transfer(
        self, session: smtplib.SMTP, mail: EmailMessage, sender: str, recipients: Sequence[str]
    ) -> list[Receipt]:
        self._hurry(session)
        code, _text = session.mail(sender)
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
        self._handed_over = True
        session.send(b".\r\n")
        self._hurry(session)
        code, _text = session.getreply()
        self._handed_over = False  # it has answered: nothing is ambiguous any more
        if code != 250:
            raise _refused(code, "the message")
        name_of_mail = str(mail["Message-ID"])  # a header is a text of its own kind, which cannot be stored
        receipts += [Receipt(recipient=name, outcome="accepted", provider_id=name_of_mail) for name in accepted]
        return receipts

    def _left_s(self) -> float:
        return max(0.001, self._end_s - time.monotonic())

    def _hurry(self, session: smtplib.SMTP) -> None:
        if session.sock is not None:
            session.sock.settimeout(self._left_s())


# RFC 5321 section 4.2.2 and 4.3.2 (https://www.rfc-editor.org/rfc/rfc5321#section-4.2): 4yz may pass by itself, 5yz
# will not. 450/451/452 greylisting, local error, no space; 421 closing; 454 temporary authentication failure (RFC
# 4954); 530/534/535/538 authentication (RFC 4954); 550/551/553 mailbox; 552 quota, 554 transaction failed.
_AUTH_CODES = {530, 534, 535, 538}
_RECIPIENT_CODES = {550, 551, 553, 556}


def smtp_failure(code: int, about: str, *, about_recipient: bool = False) -> Failure:
    """Return what an SMTP reply other than success means.

    Args:
        code: of the reply.
        about: what was refused, for people.
        about_recipient: whether it answers a ``RCPT TO``.
    """
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
