"""Proves that a request is from who it says, and of now. One verifier a scheme, each by its provider's documentation.

A verifier returns None for a good request, or a :class:`Refused` for the log and the metrics. The sender is told only
that it is refused: what was wrong is of use to whoever forges.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256

from pipeline.ingest.headervalues import parse_stripe, read_time_us, unbase64, unhex
from pipeline.ingest.settings import SignatureSettings
from pipeline.ingest.signed import Template, parse_template

Headers = Mapping[bytes, bytes]
"""Header values by name in lower case."""
Verifier = Callable[[Headers, bytes, int, Sequence[bytes]], "Refused | None"]
"""``verify(headers, body, now_us, secrets)``."""

ZENDESK_TEST_SECRET = sha256(b"dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==").digest()
"""Digest of the secret with which Zendesk signs trial requests of every account: it is printed in its documentation."""


class Refused(StrEnum):
    """Why a request is not believed. The names are public: a label of a metric."""

    MISSING = "missing"
    """A header that the scheme needs is not there."""
    MALFORMED = "malformed"
    """A header is not of the form that the scheme gives it."""
    MISMATCH = "mismatch"
    """Signed with another secret, or changed on the way; or not the token."""
    TOO_OLD = "too_old"
    """Rightly signed, for a time before the tolerance: a replay, or a clock that is wrong."""
    FROM_FUTURE = "from_future"
    """Rightly signed, for a time behind the tolerance: a clock that is wrong."""


def verifier(settings: SignatureSettings) -> Verifier:
    """Return the verifier of a scheme."""
    if settings.scheme == "hmac":
        return _hmac(
            (settings.header or "").lower().encode(),
            prefix=settings.prefix.encode(),
            decode=unhex if settings.encoding == "hex" else unbase64,
            signed=parse_template(settings.signed),
            timestamp=None if settings.timestamp_header is None else settings.timestamp_header.lower().encode(),
            tolerance_us=settings.tolerance,
            algorithm=settings.algorithm,
        )
    return _SCHEMES[settings.scheme](settings)


def _out_of_time(timestamp: bytes, now_us: int, tolerance_us: int) -> Refused | None:
    time_us = read_time_us(timestamp)
    if time_us is None:
        return Refused.MALFORMED
    if time_us < now_us - tolerance_us:
        return Refused.TOO_OLD
    return Refused.FROM_FUTURE if time_us > now_us + tolerance_us else None


def _hmac(
    header: bytes,
    *,
    prefix: bytes = b"",
    decode: Callable[[bytes], bytes | None] = unhex,
    signed: Sequence[bytes | Template] = (Template.BODY,),
    timestamp: bytes | None = None,
    tolerance_us: int = 0,
    algorithm: str = "sha256",
) -> Verifier:
    before = signed[: signed.index(Template.BODY)]
    behind = signed[signed.index(Template.BODY) + 1 :]

    def verify(headers: Headers, body: bytes, now_us: int, secrets: Sequence[bytes]) -> Refused | None:
        presented = headers.get(header)
        time = b"" if timestamp is None else headers.get(timestamp)
        if presented is None or time is None:
            return Refused.MISSING
        found = decode(presented[len(prefix) :]) if presented.startswith(prefix) else None
        if found is None:
            return Refused.MALFORMED
        message = body
        if before or behind:
            message = b"".join([*_filled(before, time), body, *_filled(behind, time)])
        if not _any_matches([found], message, secrets, algorithm):
            return Refused.MISMATCH
        return None if timestamp is None else _out_of_time(time, now_us, tolerance_us)

    return verify


def _filled(parts: Sequence[bytes | Template], time: bytes) -> list[bytes]:
    return [time if isinstance(part, Template) else part for part in parts]


def _any_matches(found: Sequence[bytes], message: bytes, secrets: Sequence[bytes], algorithm: str) -> bool:
    matches = False
    for secret in secrets:
        expected = hmac.digest(secret, message, algorithm)
        for candidate in found:
            # Compared with every one, so that the time it takes does not tell which of them was meant.
            matches |= hmac.compare_digest(expected, candidate)
    return matches


def _stripe(tolerance_us: int) -> Verifier:
    """Verify ``t=...,v1=...`` over ``t.body``: https://docs.stripe.com/webhooks/signature."""

    def verify(headers: Headers, body: bytes, now_us: int, secrets: Sequence[bytes]) -> Refused | None:
        header = headers.get(b"stripe-signature")
        if header is None:
            return Refused.MISSING
        timestamp, signatures = parse_stripe(header)
        found = [digest for digest in map(unhex, signatures[:_MOST_SIGNATURES]) if digest is not None]
        if timestamp is None or not found:
            return Refused.MALFORMED
        if not _any_matches(found, b"%b.%b" % (timestamp, body), secrets, "sha256"):
            return Refused.MISMATCH
        return _out_of_time(timestamp, now_us, tolerance_us)

    return verify


_MOST_SIGNATURES = 16
"""Of one request: who sends more means to keep us busy."""


def _bearer(header: bytes) -> Verifier:
    def verify(headers: Headers, body: bytes, now_us: int, secrets: Sequence[bytes]) -> Refused | None:
        del body, now_us
        presented = headers.get(header or b"authorization")
        if presented is None:
            return Refused.MISSING
        if not header:
            scheme, _, presented = presented.partition(b" ")
            if scheme.lower() != b"bearer":
                return Refused.MALFORMED
        return _told(presented.strip(), secrets)

    return verify


def _basic(user: bytes) -> Verifier:
    def verify(headers: Headers, body: bytes, now_us: int, secrets: Sequence[bytes]) -> Refused | None:
        del body, now_us
        presented = headers.get(b"authorization")
        if presented is None:
            return Refused.MISSING
        scheme, _, told = presented.partition(b" ")
        pair = unbase64(told.strip()) if scheme.lower() == b"basic" else None
        if pair is None:
            return Refused.MALFORMED
        return _told(pair, [b"%b:%b" % (user, secret) for secret in secrets])

    return verify


def _told(presented: bytes, expected: Sequence[bytes]) -> Refused | None:
    matches = False
    for secret in expected:
        matches |= hmac.compare_digest(presented, secret)
    return None if matches else Refused.MISMATCH


def _anybody(headers: Headers, body: bytes, now_us: int, secrets: Sequence[bytes]) -> Refused | None:
    del headers, body, now_us, secrets
    return None


_SCHEMES: dict[str, Callable[[SignatureSettings], Verifier]] = {
    # base64(HMACSHA256(TIMESTAMP + BODY)): https://developer.zendesk.com/documentation/webhooks/verifying/
    "zendesk": lambda settings: _hmac(
        b"x-zendesk-webhook-signature",
        decode=unbase64,
        signed=(Template.TIMESTAMP, Template.BODY),
        timestamp=b"x-zendesk-webhook-signature-timestamp",
        tolerance_us=settings.tolerance,
    ),
    "stripe": lambda settings: _stripe(settings.tolerance),
    # v0=hex over v0:timestamp:body: https://docs.slack.dev/authentication/verifying-requests-from-slack
    "slack": lambda settings: _hmac(
        b"x-slack-signature",
        prefix=b"v0=",
        signed=parse_template("v0:{timestamp}:{body}"),
        timestamp=b"x-slack-request-timestamp",
        tolerance_us=settings.tolerance,
    ),
    # https://www.typeform.com/developers/webhooks/secure-your-webhooks/
    "typeform": lambda _: _hmac(b"typeform-signature", prefix=b"sha256=", decode=unbase64),
    # https://shopify.dev/docs/apps/build/webhooks/verify-deliveries
    "shopify": lambda _: _hmac(b"x-shopify-hmac-sha256", decode=unbase64),
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    "github": lambda _: _hmac(b"x-hub-signature-256", prefix=b"sha256="),
    "bearer": lambda settings: _bearer((settings.header or "").lower().encode()),
    "basic": lambda settings: _basic((settings.user or "").encode()),
    "none": lambda _: _anybody,
}
"""By provider, as each documents it."""
