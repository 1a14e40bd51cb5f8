"""Names and passwords that are tried: wrong ones counted, right ones of programs remembered for some minutes."""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable

import anyio
import structlog
from anyio import to_thread

from alerts.store import AlertStore
from config.console import ConsoleSettings
from dashboards.access.asking import counted_as
from dashboards.access.contract import AccessError, Role
from dashboards.access.passwords import Passwords
from dashboards.access.rates import Guesses

_log = structlog.get_logger("makegood.access")
_MOST_REMEMBERED = 200
_REMEMBERED_US = 300_000_000
_AT_ONCE = 4
_MINUTES_FROM_S = 120


class Knocking:
    """Checks names and passwords, a few at a time: each takes 64 MiB.

    Args:
        settings: of the console.
        store: counts wrong ones.
        passwords: checks them.
        now_us: the time of day, microseconds UTC.
    """

    def __init__(
        self, settings: ConsoleSettings, store: AlertStore, passwords: Passwords, now_us: Callable[[], int]
    ) -> None:
        self._passwords = passwords
        self._guesses = Guesses(store, settings.login)
        self._now_us = now_us
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, int] = OrderedDict()
        self._hashing: anyio.CapacityLimiter | None = None

    async def check(self, name: str, password: str, address: str) -> Role | None:
        """Return the role of somebody; None: the password is wrong, or there is no such name.

        Raises:
            AccessError: too many were wrong.
            StoreUnavailableError: it cannot be known now.
        """
        counted = counted_as(address)
        wait_s = await to_thread.run_sync(self._guesses.begin, name, counted)
        if wait_s:
            _log.warning("login_locked_out", name=name[:128], address=address)
            told = f"{wait_s} seconds" if wait_s < _MINUTES_FROM_S else f"{-(-wait_s // 60)} minutes"
            msg = f"Too many wrong passwords: try again in {told}."
            raise AccessError(429, "Too many tries", msg, {"Retry-After": str(wait_s)})
        self._hashing = self._hashing or anyio.CapacityLimiter(_AT_ONCE)
        role = await to_thread.run_sync(self._passwords.check, name, password, limiter=self._hashing)
        if role is not None:
            await to_thread.run_sync(self._guesses.right, name, counted)
        return role

    async def check_often(self, name: str, password: str, address: str) -> Role | None:
        """Do the same for who sends them with each request: what was right is remembered for five minutes."""
        mark = hmac.digest(self._key, f"{len(name)}:{name}{password}".encode(), "sha256")
        at_us = self._known.get(mark)
        role = self._passwords.role(name)
        if at_us is not None and role is not None and 0 <= self._now_us() - at_us < _REMEMBERED_US:
            return role
        role = await self.check(name, password, address)
        if role is not None:
            self._known[mark] = self._now_us()
            if len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        return role
