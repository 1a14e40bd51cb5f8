"""Signed links: who has one may do one thing to one alert, incident or notification, until it runs out.

A token is ``payload.signature``, both base64url without padding. The payload is a msgpack list; the signature are the
first 16 bytes of HMAC-SHA256 (RFC 2104 allows to cut it to half) over a prefix that no other use of the secret has, and
the payload. So a token cannot be turned into one for another action, subject, person or time, and a signature that was
made for a webhook is none here.

Whoever serves these links must not act on ``GET``: programs that check mail open every link. Show what would be done,
and do it on ``POST``.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from config.links import LinkSettings

ActionName = Literal["acknowledge", "unacknowledge", "resolve", "comment", "reassign", "silence"]
SubjectKind = Literal["alert", "incident", "notification"]
PATH = "/act/"
"""Follows the base address; the token follows it."""
MIN_SECRET_BYTES = 16
_PREFIX = b"makegood action link 1\0"
_SIGNATURE_BYTES = 16
_MAX_TOKEN = 1024
_ACTIONS = get_args(ActionName)
_SUBJECTS = get_args(SubjectKind)


class LinkError(Exception):
    """A link cannot be used.

    Attributes:
        reason: ``invalid``: nobody signed it so, or another secret did; ``expired``: it was good once.
    """

    def __init__(self, reason: Literal["invalid", "expired"]) -> None:
        texts = {"invalid": "this link is not valid", "expired": "this link has expired"}
        super().__init__(texts[reason])
        self.reason = reason


class WeakSecretError(Exception):
    """A secret is too short to sign with."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What a link allows.

    Attributes:
        kind, subject: about what: an alert (its fingerprint), an incident (its id) or all alerts of a notification (its
            key).
        episode_us: of an alert: when the episode began that it is about; a later one is not meant. None: any.
        person: who was sent the link; None where a channel reaches several.
        expires_us: when it runs out, to the second.
    """

    action: ActionName
    kind: SubjectKind
    subject: str
    episode_us: int | None = None
    person: str | None = None
    expires_us: int


class Keys:
    """What links are signed and checked with.

    Args:
        current: signs. previous: are still taken.

    Raises:
        WeakSecretError: when one is shorter than 16 bytes.
    """

    def __init__(self, current: bytes, previous: Sequence[bytes] = ()) -> None:
        self._all = (current, *previous)
        if any(len(secret) < MIN_SECRET_BYTES for secret in self._all):
            msg = f"a secret of links has fewer than {MIN_SECRET_BYTES} bytes; make one with: openssl rand -hex 32"
            raise WeakSecretError(msg)

    @classmethod
    def of(cls, settings: LinkSettings) -> "Keys":
        """Read the secrets that the settings name.

        Raises:
            SecretMissingError, WeakSecretError: naming what is wrong.
        """
        secrets = [ref.resolve().get_secret_value().encode() for ref in (settings.secret, settings.previous) if ref]
        return cls(secrets[0], secrets[1:])

    def sign(self, action: Action) -> str:
        """Return the token of an action."""
        hexadecimal = _hexadecimal(action.subject)
        payload = msgspec.msgpack.encode(
            [
                _ACTIONS.index(action.action),
                _SUBJECTS.index(action.kind),
                "" if hexadecimal else action.subject,
                hexadecimal,
                action.expires_us // 1_000_000,
                action.episode_us,
                action.person,
            ]
        )
        return f"{_text(payload)}.{_text(_signature(self._all[0], payload))}"

    def verify(self, token: str, now_us: int) -> Action:
        """Return what a token allows.

        Takes as long for a signature that is nearly right as for one that is all wrong, with every secret.

        Raises:
            LinkError: it is not valid, or not any more.
        """
        text, separator, signed = token.partition(".")
        if len(token) > _MAX_TOKEN or not separator:
            raise _invalid()
        payload, given = _bytes(text), _bytes(signed)
        good = False
        for secret in self._all:  # no early end: which secret it was is nobody's business
            good |= hmac.compare_digest(_signature(secret, payload), given)
        if not good:
            raise _invalid()
        action = _action(payload)
        if now_us >= action.expires_us:
            raise _expired()
        return action


def url_of(settings: LinkSettings, token: str) -> str:
    """Return the address that does what a token allows."""
    return f"{settings.base_url}{PATH}{token}"


def _invalid() -> LinkError:
    return LinkError("invalid")


def _expired() -> LinkError:
    return LinkError("expired")


def _signature(secret: bytes, payload: bytes) -> bytes:
    return hmac.digest(secret, _PREFIX + payload, hashlib.sha256)[:_SIGNATURE_BYTES]


def _action(payload: bytes) -> Action:
    try:
        action, kind, subject, hexadecimal, expires_s, episode_us, person = msgspec.msgpack.decode(
            payload, type=_Payload
        )
        if min(action, kind) < 0:
            raise _invalid()
        return Action(
            action=_ACTIONS[action],
            kind=_SUBJECTS[kind],
            subject=subject or hexadecimal.hex(),
            episode_us=episode_us,
            person=person,
            expires_us=expires_s * 1_000_000,
        )
    except (msgspec.DecodeError, msgspec.ValidationError, IndexError) as error:  # signed by a newer version of us
        raise _invalid() from error


_Payload = tuple[int, int, str, bytes, int, int | None, str | None]


def _hexadecimal(subject: str) -> bytes:
    """Return a fingerprint in half its length; nothing where the subject is another text."""
    try:
        packed = bytes.fromhex(subject)
    except ValueError:
        return b""
    return packed if packed.hex() == subject else b""


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid() from error
    if _text(data) != text:  # one action, one token
        raise _invalid()
    return data
