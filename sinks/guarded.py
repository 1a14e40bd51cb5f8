"""Connections that go only where the rule of ``sinks.addresses`` lets them."""

from collections.abc import Iterable

import anyio.to_thread
import httpcore
from anyio import fail_after
from httpcore import AsyncNetworkBackend, AsyncNetworkStream

from sinks.addresses import AddressRule


class GuardedNetwork(AsyncNetworkBackend):
    """Connects to addresses that the rule allows, for one request.

    Args:
        rule: which addresses these are.
        written: whether the address of the request is written out in the settings.
    """

    def __init__(self, rule: AddressRule, *, written: bool) -> None:
        self._rule = rule
        self._written = written
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Look the name up once, and connect to the first of the allowed addresses that answers."""
        try:
            with fail_after(timeout):
                # A resolver that hangs is left behind: it must not hold the request beyond its deadline.
                found = await anyio.to_thread.run_sync(self._find, host, port, abandon_on_cancel=True)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError from error
        each_s = None if timeout is None else timeout / len(found)
        for address in found[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, each_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(found[-1], port, each_s, local_address, socket_options)

    def _find(self, host: str, port: int) -> list[str]:
        return self._rule.addresses(host, port, written=self._written)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)
