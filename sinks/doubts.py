"""What `makegood check` says about channels, links and answers: what works, but hardly as somebody on call expects."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from alerts.links import MIN_SECRET_BYTES
from alerts.reach import Doubt
from config.problems import PathItems
from config.secret import SecretMissingError, SecretRef
from config.settings import Settings
from sinks.channels.email import EmailSettings
from sinks.channels.sms_twilio import SmsTwilioSettings
from sinks.channels.webhook import WebhookSettings
from sinks.contract import ChannelSettings
from sinks.points import is_here
from sinks.twilio_settings import TwilioSettings

LOCAL = frozenset({"console", "file"})
"""Types of channels that need nobody else, and so no failover."""


def channel_doubts(settings: Settings) -> Iterator[Doubt]:
    """Yield what is doubtful, in the order of the sections; never a secret."""
    entries = {name: one for name, one in settings.channels.items() if isinstance(one, ChannelSettings)}
    yield from _in_the_clear(entries)
    yield from _single(settings, entries)
    yield from _links(settings)
    yield from _callbacks(settings, entries)


def _in_the_clear(entries: Mapping[str, ChannelSettings]) -> Iterator[Doubt]:
    for name, entry in sorted(entries.items()):
        path: PathItems = ("channels", name)
        if isinstance(entry, EmailSettings) and entry.security == "none" and not is_here(entry.host):
            what = "mails, and the password with them," if entry.password else "mails"
            to_do = "write `security: starttls`, or `tls`"
            yield Doubt("warning", (*path, "security"), f"{what} go to {entry.host} in the clear; {to_do}")
        if isinstance(entry, WebhookSettings) and entry.url is not None and _plain_http(entry.url):
            what = "messages, and the token with them," if entry.bearer_token else "messages"
            yield Doubt("warning", (*path, "url"), f"{what} go to {_host(entry.url)} in the clear; use https://")


def _single(settings: Settings, entries: Mapping[str, ChannelSettings]) -> Iterator[Doubt]:
    for name, receiver in sorted(settings.receivers.items()):
        first = receiver.tiers[0].channel
        if len(receiver.tiers) == 1 and first in entries and entries[first].type not in LOCAL:
            what = f"{first} is its only tier: while it fails, nobody is told"
            yield Doubt("warning", ("receivers", name, "tiers"), f"{what}; add a tier that needs nothing of it")


def _links(settings: Settings) -> Iterator[Doubt]:
    links, callbacks = settings.links, settings.callbacks
    if links is None:
        return
    for field, ref in (("secret", links.secret), ("previous", links.previous)):
        length = None if ref is None else _length(ref)
        if ref is not None and length is not None and length < MIN_SECRET_BYTES:
            what = f"the secret in {ref.env or ref.file} has {length} bytes, and links are signed with at least"
            end = "messages go out without links until then; make one with: openssl rand -hex 32"
            yield Doubt("warning", ("links", field), f"{what} {MIN_SECRET_BYTES}: {end}")
    if _plain_http(links.base_url):
        what = "links go over http://, and whoever sees one on its way can use it; use https://"
        yield Doubt("warning", ("links", "base_url"), what)
    if callbacks is None:
        what = "messages have links to acknowledge, but nothing here answers them: there are no `callbacks`"
        yield Doubt("warning", ("links", "base_url"), f"{what}; add them, or take `links` out")
    elif links.base_url != callbacks.public_url:
        what = f"links lead to {links.base_url}, but they are answered under callbacks.public_url"
        to_do = "make the two the same, unless a proxy leads from one to the other"
        yield Doubt("warning", ("links", "base_url"), f"{what}, {callbacks.public_url}; {to_do}")


def _callbacks(settings: Settings, entries: Mapping[str, ChannelSettings]) -> Iterator[Doubt]:
    callbacks = settings.callbacks
    twilio = {name: one for name, one in sorted(entries.items()) if isinstance(one, TwilioSettings)}
    if callbacks is None or not twilio:
        return
    outside = [name for name, one in twilio.items() if not is_here(_host(one.base_url))]
    if outside and is_here(_host(callbacks.public_url)):
        what = f"Twilio ({', '.join(outside)}) cannot reach {callbacks.public_url}"
        to_do = "name the address under which the outside reaches `listen`"
        yield Doubt("warning", ("callbacks", "public_url"), f"{what}: nothing is reported or answered; {to_do}")
    elif _plain_http(callbacks.public_url):
        what = "what people answer by phone, and Twilio's reports, come over http://; use https://"
        yield Doubt("warning", ("callbacks", "public_url"), what)
    for name, one in twilio.items():
        if not one.reports_to_us():
            answers = "text messages" if isinstance(one, SmsTwilioSettings) else "digits"
            what = f"Twilio signs with the account's own token, which is not known: its reports, and {answers} that"
            to_do = "name that token's place in `signing_token`"
            yield Doubt("warning", ("channels", name, "api_key_sid"), f"{what} people send, are refused; {to_do}")


def _length(ref: SecretRef) -> int | None:
    """Return how many bytes a secret has; None where it is not there, of which a note tells."""
    try:
        return len(ref.resolve().get_secret_value().encode())
    except SecretMissingError:
        return None


def _plain_http(url: str) -> bool:
    return url.lower().startswith("http://") and not is_here(_host(url))


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
