"""What is known of a request before it is known who asks: its id, its address, its path."""

import ipaddress
import secrets
from collections.abc import Sequence

from starlette.requests import HTTPConnection
from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def request_id_of(request: HTTPConnection) -> str:
    """Return the id of a request, which its answer carries as ``X-Request-Id`` and the logs have."""
    return str(request.scope.setdefault("state", {}).setdefault("request_id", new_request_id()))


def new_request_id() -> str:
    """Return an id for a request."""
    return secrets.token_hex(8)


def address_of(request: HTTPConnection) -> str:
    """Return from which address a request comes; behind a trusted proxy, the one that the proxy has seen."""
    known = request.scope.get("state", {}).get("address")
    if known is not None:
        return str(known)
    return "" if request.client is None else request.client.host


def client_address(scope: Scope, proxies: Sequence[Network]) -> str:
    """Return who has sent a request: the last address in ``X-Forwarded-For`` that is no trusted proxy.

    What stands before it was written by whoever sent the request, and means nothing.
    """
    client = scope.get("client")
    peer = "" if not client else str(client[0])
    if not trusted(peer, proxies):
        return peer
    told = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
    address = peer
    for part in reversed([one.strip() for one in told.split(",") if one.strip()]):
        if not _is_address(part):
            break
        address = part
        if not trusted(part, proxies):
            break
    return address


def trusted(address: str, proxies: Sequence[Network]) -> bool:
    """Return whether an address is one of the proxies before us."""
    if not proxies or not _is_address(address):
        return False
    found = ipaddress.ip_address(address)
    return any(found in network for network in proxies)


def counted_as(address: str) -> str:
    """Return under what the requests of an address are counted: whoever has an IPv6 address has 2^64 of them.

    >>> counted_as("10.0.0.1"), counted_as("2001:db8::1:2:3")
    ('10.0.0.1', '2001:db8::/64')
    """
    if ":" not in address or not _is_address(address):
        return address
    found = ipaddress.IPv6Address(address.partition("%")[0])
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), 64), strict=False))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
