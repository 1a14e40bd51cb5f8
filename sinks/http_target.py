"""Where a request goes, read out of an address the way a browser reads it, and refused where readings could differ."""

import base64
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urlsplit

from sinks.addresses import written_out

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_.-])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_PORTS = {"http": 80, "https": 443}
_SAFE = "!#$%&'()*+,/:;=?@[]~"


class UnusableAddressError(ValueError):
    """An address is none, or none of HTTP. The text repeats nothing of it."""


class Target(NamedTuple):
    """Where a request goes.

    Attributes:
        secure: whether by TLS.
        host: name or address, in ASCII. port: number.
        path: with the query, as it stands in the request.
        written: whether the host is an address that is written out (see ``sinks.addresses``).
        authorization: of a user name and password in the address; empty without.
    """

    secure: bool
    host: str
    port: int
    path: str
    written: bool
    authorization: str

    def __repr__(self) -> str:
        return f"Target({self.host!r})"  # path and login can be secrets

    @property
    def place(self) -> tuple[bool, str, int, bool]:
        """What connections to it have in common."""
        return self.secure, self.host, self.port, self.written

    @property
    def host_field(self) -> str:
        """The header field ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


def target(url: str, params: Mapping[str, Any] | None = None) -> Target:
    """Return where ``url`` leads.

    Args:
        url: address; a fragment is left out.
        params: added to its query.

    Raises:
        UnusableAddressError: when it is none.
    """
    return _target(url, urlencode(_plain(params or {}), doseq=True))


@lru_cache(maxsize=1024)
def _target(url: str, more: str) -> Target:
    wrong = "the address cannot be used: it is none of the form https://host/path"
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna" if ":" not in (parts.hostname or "") else "ascii").decode("ascii")
    except ValueError:  # UnicodeError is one
        raise UnusableAddressError(wrong) from None
    if parts.scheme not in _PORTS or _HOST.fullmatch(host) is None or url != url.strip() or port == 0:
        raise UnusableAddressError(wrong)
    query = "&".join(part for part in (parts.query, more) if part)
    path = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(query, safe=_SAFE)}" if query else "")
    login = ""
    if parts.username is not None or parts.password is not None:
        login = basic(unquote(parts.username or ""), unquote(parts.password or ""))
    secure = parts.scheme == "https"
    return Target(secure, host, port or _PORTS[parts.scheme], path, written_out(url), login)


def basic(user: str, password: str) -> str:
    """Return the header field ``Authorization`` of RFC 7617.

    >>> basic("Aladdin", "open sesame")
    'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='
    """
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def form(fields: Mapping[str, Any]) -> bytes:
    """Return the fields of a form as its body, ``application/x-www-form-urlencoded``.

    >>> form({"To": "+1 5", "Flag": True})
    b'To=%2B1+5&Flag=true'
    """
    return urlencode(_plain(fields), doseq=True).encode()


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    said = {True: "true", False: "false"}
    return {name: said[value] if isinstance(value, bool) else value for name, value in fields.items()}
