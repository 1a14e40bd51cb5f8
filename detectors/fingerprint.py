"""Identity of alerts: Alertmanager's fingerprint of a label set, and ids of changes; and that of settings."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from zlib import crc32

_FNV_OFFSET = 14695981039346656037
_FNV_PRIME = 1099511628211
_MASK = 0xFFFFFFFFFFFFFFFF
_SEPARATOR = b"\xff"


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the fingerprint that Alertmanager computes for ``labels``: 64-bit FNV-1a over the sorted pairs, as hex.

    Source: ``LabelSet.Fingerprint`` in prometheus/common ``model/labelset.go``.

    >>> fingerprint({})
    'cbf29ce484222325'
    """
    state = _FNV_OFFSET
    for name in sorted(labels):
        for part in (name.encode(), _SEPARATOR, labels[name].encode(), _SEPARATOR):
            for byte in part:
                state = ((state ^ byte) * _FNV_PRIME) & _MASK
    return f"{state:016x}"


def alert_change_id(alert_fingerprint: str, starts_at_us: int, step: str) -> str:
    """Return the id of a change: the same for the same step of the same episode of an alert, whenever computed."""
    return blake2b(f"{alert_fingerprint}|{starts_at_us}|{step}".encode(), digest_size=12).hexdigest()


def settings_checksum(settings: Any, calendars: Mapping[str, Any]) -> int:
    """Return a checksum of what a detector concludes by: with another one, its conclusions may be others."""
    return crc32(repr((settings, sorted(calendars.items()))).encode())
