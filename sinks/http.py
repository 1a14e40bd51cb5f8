"""One HTTP request within a time that holds for all of it.

Timeouts of HTTP libraries are per read: a server that sends a byte now and then holds such a request for as long as it
likes, past the tier's deadline and the lease of the notification. Here the whole exchange has one deadline.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import anyio
import httpcore
import httpx

from sinks.addresses import AddressRefusedError, AddressRule, refused, written_out
from sinks.contract import DeliveryError, Reason, transient
from sinks.guarded import GuardedNetwork

_PHASE_SHARE = 0.95
"""A connection that is not made fails a little before the deadline, so that the error says what it was."""


def exchange_failed(error: httpx.HTTPError, waited: str) -> DeliveryError:
    """Return the typed error for an exchange that broke. Its text repeats nothing of the address or headers.

    Args:
        error: of :meth:`BoundedHttp.request`.
        waited: the timeout, in words.
    """
    if isinstance(error, httpx.ConnectTimeout):
        return transient(Reason.UNREACHABLE, f"no connection within {waited}")
    if isinstance(error, httpx.TimeoutException):
        return transient(Reason.TIMEOUT, f"no answer within {waited}", ambiguous=True)
    if isinstance(error, httpx.ConnectError):
        return transient(Reason.UNREACHABLE, "the connection was refused, or the name or certificate is wrong")
    # The connection broke after it was made: the far side may have the message.
    return transient(Reason.UNREACHABLE, f"the connection broke: {type(error).__name__}", ambiguous=True)


class BoundedHttp:
    """Makes requests one by one, each with a connection of its own; follows no redirect; ignores the environment.

    Args:
        verify_tls: whether the far side's certificate is checked.
        addresses: where requests may go; None: to public addresses, and to those that are written out.
    """

    def __init__(self, *, verify_tls: bool = True, addresses: AddressRule | None = None) -> None:
        self._rule = addresses or AddressRule()
        # trust_env: a proxy or a .netrc of the environment would send our headers where the settings do not say.
        self._tls = httpx.create_ssl_context(verify=verify_tls, trust_env=False)
        anyio.run(anyio.sleep, 0)  # loads what the first request would otherwise load within its deadline

    def request(
        self,
        method: str,
        url: str,
        *,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        data: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        auth: tuple[str, str] | None = None,
        read_body: bool = True,
    ) -> httpx.Response:
        """Send one request and return the answer. Arguments that are not listed are as in httpx.

        Args:
            method: ``POST``, ...
            url: address.
            timeout_s: for everything from looking up the name to the last byte, in seconds.
            headers: of the request.
            content: body.
            data: fields of a form, in place of a body.
            params: of the address.
            auth: name and password.
            read_body: whether the answer's body is read; else it is left unread and the connection closed.

        Raises:
            DeliveryError: for an address that nothing is sent to (see ``sinks.addresses``).
            httpx.HTTPError: as httpx does; ``ReadTimeout`` also when the whole exchange took too long.
            httpx.InvalidURL: for an address that cannot be used.
        """

        async def exchange() -> httpx.Response:
            client = httpx.AsyncClient(
                transport=self._transport(url),
                follow_redirects=False,
                trust_env=False,
                timeout=timeout_s * _PHASE_SHARE,
            )
            async with (
                asyncio.timeout(timeout_s),
                client,
                client.stream(
                    method, url, headers=headers, content=content, data=data, params=params, auth=auth
                ) as answer,
            ):
                if read_body:
                    await answer.aread()
                return answer

        try:
            return asyncio.run(exchange())
        except AddressRefusedError as error:
            raise refused(error) from error
        except TimeoutError as error:
            msg = "the exchange took too long"
            raise httpx.ReadTimeout(msg) from error

    def _transport(self, url: str) -> httpx.AsyncHTTPTransport:
        transport = httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False)
        # httpx has no place for a network of one's own, the pool below it has.
        transport._pool = httpcore.AsyncConnectionPool(  # noqa: SLF001
            ssl_context=self._tls, network_backend=GuardedNetwork(self._rule, written=written_out(url))
        )
        return transport
