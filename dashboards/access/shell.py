"""What is around every request: its id, its address, the names that are ours, and the headers of its answer."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.console import ConsoleSettings, host_of
from dashboards import errors
from dashboards.access.asking import client_address, new_request_id, trusted
from dashboards.access.contract import AccessError

CSP = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""No script and no style that is not a file of ours, no other host, no frame around us."""
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it browsers say of a form that is sent here that it comes from nowhere (Origin: null).
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_HSTS = "max-age=31536000"


class Shell:
    """ASGI middleware, the outermost one of ours.

    Args:
        app: what is inside.
        settings: names, proxies, and whether it is reached over TLS.
        listen: where it listens, when that is not where the settings say.
    """

    def __init__(self, app: ASGIApp, settings: ConsoleSettings, *, listen: str | None = None) -> None:
        self._app = app
        self._proxies = [ipaddress.ip_network(text) for text in settings.trusted_proxies]
        self._names = {"localhost", *settings.hosts, host_of(listen or settings.listen)}
        self._https = False
        if settings.public_url is not None:
            scheme, _, rest = settings.public_url.partition("://")
            self._names.add(host_of(rest.partition("/")[0]))
            self._https = scheme == "https"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":  # there are none
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = new_request_id()
        state["address"] = client_address(scope, self._proxies)
        secure = self._https or _over_tls(scope, self._proxies)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(MutableHeaders(scope=message), state["request_id"], secure=secure)
            await send(message)

        if not self._ours(scope):
            error = AccessError(
                421,
                "Unknown host",
                "The console is not reached by this name here. If it should be, add the name to console.hosts, or set "
                "console.public_url.",
            )
            await errors.refuse(Request(scope, receive), error)(scope, receive, dressed)
            return
        await self._app(scope, receive, dressed)

    def _ours(self, scope: Scope) -> bool:
        """Return whether the host that was asked is ours.

        Another site can have its own name point to this machine (DNS rebinding), and its scripts would then be of our
        origin. A number cannot be made to point elsewhere.
        """
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return False
        told = hosts[0].decode("latin-1").strip()
        if _HOST.fullmatch(told) is None:
            return False
        host = host_of(told).rstrip(".")
        if host in self._names:
            return True
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True

    @staticmethod
    def _dress(headers: MutableHeaders, request_id: str, *, secure: bool) -> None:
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "no-store")
        headers["X-Request-Id"] = request_id
        if secure:
            headers.setdefault("Strict-Transport-Security", _HSTS)


def _over_tls(scope: Scope, proxies: Sequence[Any]) -> bool:
    if scope.get("scheme") == "https":
        return True
    client = scope.get("client")
    if not client or not trusted(str(client[0]), proxies):
        return False
    return any(name == b"x-forwarded-proto" and value.strip() == b"https" for name, value in scope["headers"])
