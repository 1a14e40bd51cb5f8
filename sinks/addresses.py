"""Where a request may go: server-side request forgery, through the address of a webhook, ends here.

Whoever can say where we post (who writes a DNS entry is enough) could have us post to what only we can reach: a service
of the machine itself, of the network around it, the metadata service of a cloud. The rule:

- A **name** may lead to public addresses only. It is looked up once, every answer is judged, and the connection goes to
  an address that was judged: there is no second look-up whose answer could be another one (DNS rebinding).
- An **address** that is written out in the settings is meant: loopback and private ones too. Written out means in its
  plain form: not as one number, in octal, in other scripts' digits, nor behind a user name. ``localhost`` counts as an
  address of the loopback.
- What nobody posts alerts to is refused even when it is written out: link-local (169.254.169.254), multicast, reserved
  and unspecified addresses.
- The networks in ``allow_private_addresses`` go over all of that.

Source: https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from sinks.contract import ChannelSettings, DeliveryError, Reason, permanent

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WRITTEN_OUT = re.compile(r"https?://(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9.]+|localhost)(?::[0-9]{0,5})?(?:[/?#]|$)", re.I)
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_MEANT = frozenset({"loopback", "private"})


class AddressRefusedError(Exception):
    """Requests may not go there. The text says why, and repeats nothing of the address."""


def refused(error: AddressRefusedError) -> DeliveryError:
    """Return the typed failure: trying again does not help, as long as the settings or the name's entry stay."""
    return permanent(Reason.BAD_RECIPIENT, str(error))


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        msg = f"{text!r} is not a network: write one like 10.20.0.0/16 or fd00:1234::/32 ({error})"
        raise ValueError(msg) from error
    return text


NetworkText = Annotated[str, AfterValidator(_network)]


class AddressedSettings(ChannelSettings):
    """Settings of a channel that sends to an address which the settings name.

    Attributes:
        allow_private_addresses: networks, like ``10.20.0.0/16``, that the name in the address may lead to although they
            are not public. An address that is written out in its plain form (``http://127.0.0.1:9000``) needs no entry.
        ca_file: certificates to trust, in place of the system's and those of Mozilla.
    """

    allow_private_addresses: tuple[NetworkText, ...] = Field(default=())
    ca_file: Path | None = None


def kind(address: Address) -> str | None:
    """Return why an address is not public: ``loopback``, ``private``, ``link-local``, ...; None when it is.

    >>> kind(ipaddress.ip_address("::ffff:10.0.0.1"))
    'private'
    >>> kind(ipaddress.ip_address("93.184.215.14")) is None
    True
    """
    inner = _inner(address)
    if inner is not None:
        return kind(inner)
    told = {
        "unspecified": address.is_unspecified,
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "reserved": address.is_reserved,
        "private": not address.is_global,
    }
    return next((name for name, is_so in told.items() if is_so), None)


def _inner(address: Address) -> Address | None:
    """Return the IPv4 address that an IPv6 address stands for: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    low = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if any(address in network for network in _NAT64):
        return low
    return low if int(address) >> 32 == 0 and int(address) > 1 else None


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a name, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class AddressRule:
    """Which addresses may be connected to.

    Args:
        allowed: networks that may be, although they are not public.
        trust_written: whether an address that is written out is meant. False for addresses that did not come from the
            settings, but from labels, events, or an answer.
    """

    def __init__(self, allowed: Iterable[str] = (), *, trust_written: bool = True) -> None:
        self._allowed = tuple(ipaddress.ip_network(network) for network in allowed)
        self._trust_written = trust_written

    def addresses(self, host: str, port: int, *, written: bool) -> list[str]:
        """Return those addresses of ``host`` that may be connected to, at least one, in the resolver's order. Blocks.

        Args:
            host: a name or an address.
            port: to connect to.
            written: whether ``host`` is written out in the settings (see :func:`written_out`).

        Raises:
            AddressRefusedError: when there is none.
            OSError: when the name cannot be looked up.
        """
        try:
            known: Sequence[str] = [str(ipaddress.ip_address(host))]
        except ValueError:
            if _is_odd(host):
                msg = "an address in a form that hides where it leads; write it as four numbers with dots"
                raise AddressRefusedError(msg) from None
            known = look_up(host, port)
        trusted = written and self._trust_written
        whys: list[str] = []
        good: list[str] = []
        for text in known:
            why = self._refusal(ipaddress.ip_address(text), host, trusted=trusted)
            if why is None:
                good.append(text)
            else:
                whys.append(why)
        if not good:
            kinds = ", ".join(dict.fromkeys(whys)) or "no"
            msg = (
                f"the address leads to a {kinds} address, where nothing is sent; if that is meant, list its network "
                "under `allow_private_addresses`"
            )
            raise AddressRefusedError(msg)
        return good

    def check(self, url: str) -> None:
        """Judge what can be judged before anything is looked up: the address of ``url``, if it has one for a host.

        Raises:
            AddressRefusedError: when nothing would be sent there.
        """
        host = urlsplit(url).hostname or ""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            if not _is_odd(host):
                return
        self.addresses(host, 0, written=written_out(url))

    def _refusal(self, address: Address, host: str, *, trusted: bool) -> str | None:
        why = kind(address)
        plain = _inner(address) or address
        if why is None or any(plain in network or address in network for network in self._allowed):
            return None
        if not trusted or why not in _MEANT:
            return why
        is_name = host.lower() == "localhost"
        return why if is_name and not any(plain in network for network in _LOOPBACK) else None


def written_out(url: str) -> bool:
    """Say whether the host of ``url`` is an address in its plain form (or ``localhost``), without a user before it.

    >>> [written_out(url) for url in ("http://127.0.0.1:80/x", "http://a@127.0.0.1/", "http://example.com")]
    [True, False, False]
    """
    found = _WRITTEN_OUT.match(url)
    if found is None:
        return False
    host = found["host"].strip("[]")
    try:
        return host.lower() == "localhost" or bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _is_odd(host: str) -> bool:
    """Say whether the resolver would read numbers out of a host that is no address in its plain form."""
    try:
        socket.inet_aton(host.rstrip("."))
    except (OSError, UnicodeError):
        return False
    return True
