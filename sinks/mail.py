"""A notification as a mail: text and HTML, and headers by which mail programs put a thread together."""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from config.tidying import tidy
from sinks.chat import body_of, pieces, tone
from sinks.contract import Message
from sinks.json_api import cut, text_within

MAX_TEXT_CHARS = 200_000
"""Of the text. Servers take 10 MB and more; nobody reads that, and the HTML is a second copy."""
MAX_SUBJECT_CHARS = 250
"""Of the subject; mail programs show about a hundred."""
_COLOURS = {
    "critical": "#b00020",
    "warning": "#b26a00",
    "info": "#0b57d0",
    "other": "#444444",
    "resolved": "#1e7d32",
}
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_MESSAGE_ID = re.compile(r"<[\x21-\x3b=\x3f-\x7e]{1,240}>")


def build_mail(message: Message, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """Return the mail.

    ``Message-ID`` is made of the idempotency key, so that a repeat is recognised as one. ``References`` and
    ``In-Reply-To`` name the thread (RFC 5322 section 3.6.4): mail programs show all mails of one as a conversation,
    although there never was a mail of that name.

    Args:
        message: what to tell.
        sender: address in ``From``.
        recipients: addresses in ``To``.
    """
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(display_name="Makegood", addr_spec=sender)
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = cut(" ".join(tidy(message.title).split()), MAX_SUBJECT_CHARS)
    mail["Message-ID"] = f"<{_id(message.key)}@{domain}>"
    thread = message.notification.thread_key
    if thread != message.key:
        root = f"<{_id(thread)}@{domain}>"
        first = next((message.earlier[name] for name in recipients if message.earlier.get(name)), "")
        known = [root, first] if _MESSAGE_ID.fullmatch(first) else [root]
        mail["References"] = " ".join(known)
        mail["In-Reply-To"] = known[-1]
    # Of the change, not of the clock: all tries send the same mail.
    sent = datetime.fromtimestamp(message.notification.accepted_us // 1_000_000, UTC)
    mail["Date"] = format_datetime(sent)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail["X-Makegood-Key"] = _id(message.key)
    if tone(message.notification) == "critical":
        mail["Importance"] = "high"
    mail.set_content(tidy(text_within(message, MAX_TEXT_CHARS)))
    mail.add_alternative(_html(message), subtype="html")
    return mail


def _id(name: str) -> str:
    return name if _ID.fullmatch(name) else hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _html(message: Message) -> str:
    notes = "".join(f'<p style="background:#fff3cd;padding:8px">{_linked(note)}</p>' for note in message.notes)
    buttons = "".join(
        f'<p><a href="{escape(url)}" style="background:#0b57d0;color:#ffffff;padding:8px 16px">'
        f"{escape(name.capitalize())}</a></p>"
        for name, url in message.links.items()
    )
    text = body_of(message)
    shown = text if len(text) <= MAX_TEXT_CHARS else text[:MAX_TEXT_CHARS] + "…"
    body = "".join(f"<p>{_linked(part)}</p>" for part in shown.split("\n\n"))
    return (
        '<!doctype html><html><body style="font-family:sans-serif">'
        f'<h2 style="background:{_COLOURS[tone(message.notification)]};color:#ffffff;padding:8px">'
        f"{escape(tidy(message.title))}</h2>{notes}{body}{buttons}"
        f'<p style="color:#666666;font-size:small">{escape(tidy(message.key))}</p></body></html>\n'
    )


def _linked(text: str) -> str:
    shown = (
        f'<a href="{escape(piece.text)}">{escape(piece.text)}</a>' if piece.is_link else escape(piece.text)
        for piece in pieces(tidy(text))
    )
    return "".join(shown).replace("\n", "<br>")
