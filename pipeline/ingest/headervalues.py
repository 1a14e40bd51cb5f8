"""Reads what stands in signature headers. None of these raises, whatever an attacker writes there."""

import base64
import binascii
from datetime import datetime

_US = 1_000_000
_LONGEST_TIME = 40


def unhex(text: bytes) -> bytes | None:
    """Return what a hexadecimal text stands for, None where it is none."""
    try:
        return binascii.unhexlify(text)
    except ValueError:
        return None


def unbase64(text: bytes) -> bytes | None:
    """Return what a base64 text (RFC 4648, padded) stands for, None where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def read_time_us(text: bytes) -> int | None:
    """Return the microseconds since 1970 UTC of a time stamp: seconds, milliseconds, or RFC 3339; None: it is neither.

    >>> read_time_us(b"1531420618"), read_time_us(b"2021-07-25T10:00:00Z")
    (1531420618000000, 1627207200000000)
    """
    if not 0 < len(text) <= _LONGEST_TIME or not text.isascii():
        return None
    if text.isdigit():
        number = int(text)
        return number * _US if number < 100_000_000_000 else number * 1000
    try:
        time = datetime.fromisoformat(text.decode())
    except ValueError:
        return None
    return None if time.tzinfo is None else round(time.timestamp() * _US)


def parse_stripe(header: bytes) -> tuple[bytes | None, list[bytes]]:
    """Return the time stamp and all ``v1`` signatures of a ``Stripe-Signature`` header.

    While a secret is changed there is a signature for each; other versions are ignored, so that nobody can choose a
    weaker one.
    """
    timestamp: bytes | None = None
    signatures: list[bytes] = []
    for item in header.split(b","):
        name, _, value = item.strip().partition(b"=")
        if name == b"t":
            timestamp = value
        elif name == b"v1":
            signatures.append(value)
    return timestamp, signatures
