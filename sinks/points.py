"""Points of failure: what a channel needs that can fail, so that two channels which share one can fail together."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from pydantic import BaseModel

from config.secret import SecretMissingError, SecretRef

_ADDRESSES = ("url", "url_secret", "urls", "base_url", "host", "bootstrap")


def hosts_of(settings: BaseModel) -> frozenset[str]:
    """Return the hosts that a channel's settings name; where an address is a secret that is not there, its place."""
    found = (getattr(settings, name, None) for name in _ADDRESSES)
    return frozenset(host for value in found for host in _hosts(value))


def host_in(address: str, port: int | None = None) -> str:
    """Return the host of an address, without what may be secret in it; with its port where it is this machine.

    Args:
        address: URL, ``host:port`` or host.
        port: where the address has none.

    >>> host_in("https://hooks.slack.com/services/T0/B0/xyz"), host_in("127.0.0.1:9092"), host_in("a.example.com:9093")
    ('hooks.slack.com', '127.0.0.1:9092', 'a.example.com')
    """
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host, known = (parts.hostname or "").rstrip("."), parts.port or port
    except ValueError:
        return ""
    return f"{host}:{known}" if known is not None and is_here(host) else host


def shared(one: Iterable[str], other: Iterable[str]) -> tuple[str, ...]:
    """Return the points that two channels have in common, sorted."""
    return tuple(sorted(frozenset(one) & frozenset(other)))


def _hosts(value: object) -> Iterator[str]:
    if isinstance(value, SecretRef):
        try:
            host = host_in(value.resolve().get_secret_value())
        except SecretMissingError:
            host = ""
        yield host or f"the address in {value.env or value.file}"
    elif isinstance(value, str):
        host = host_in(value)
        if host:
            yield host
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _hosts(entry)
    elif isinstance(value, Sequence):
        for entry in value:
            yield from _hosts(entry)


def is_here(host: str) -> bool:
    """Say whether a host is this machine: each port of it is something else, and it needs no network."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
