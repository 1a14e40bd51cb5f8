"""Bodies of requests: not larger, and not slower, than the settings allow; none is read of those who may not."""

import asyncio
import re

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.connection import StoreError, StoreUnavailableError
from config.console import ConsoleSettings
from dashboards import errors
from dashboards.access.asking import SAFE, address_of
from dashboards.access.contract import AccessError
from dashboards.access.gate import Access
from dashboards.access.marks import marks

_log = structlog.get_logger("makegood.access")


class _TooLarge(Exception):
    """More came than is taken."""


class _TooSlow(Exception):
    """It did not come in time."""


class Bodies:
    """ASGI middleware, inside :class:`dashboards.access.shell.Shell`.

    Args:
        app: what is inside.
        settings: how large, and how slow.
        access: who is asking.
    """

    def __init__(self, app: ASGIApp, settings: ConsoleSettings, access: Access) -> None:
        self._app = app
        self._most_bytes = settings.max_body_bytes
        self._within_s = settings.body_within / 1_000_000
        self._access = access
        self._open: list[re.Pattern[str]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if request.method not in SAFE and not self._everybodys(scope["app"], request.url.path):
            answer = await self._nobody(request)
            if answer is not None:
                await answer(scope, receive, send)
                return
        told = request.headers.get("content-length", "0")
        if not told.isdecimal() or int(told) > self._most_bytes:
            await self._refuse(request, send, errors.Refusal(413, "Content too large", self._too_large()))
            return
        await self._bounded(scope, receive, send, request)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send, request: Request) -> None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._within_s
        taken, whole, started = 0, False, False
        broken: Exception | None = None

        async def bounded() -> Message:
            nonlocal taken, whole, broken
            if broken is not None:
                raise broken
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(until_s):
                    message = await receive()
            except TimeoutError:
                broken = _TooSlow()
                raise broken from None
            taken += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if taken > self._most_bytes:
                broken = _TooLarge()
                raise broken
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            if broken is not None and not started:
                return  # whatever the inside makes of it: what is said is said below
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, bounded, noted)
        except Exception:
            if broken is None or started:
                raise
        if broken is not None and not started:
            slow = isinstance(broken, _TooSlow)
            reason = "the body of the request did not come in time" if slow else self._too_large()
            refusal = errors.Refusal(
                408 if slow else 413,
                "Request timeout" if slow else "Content too large",
                reason,
                {"Connection": "close"},
            )
            await self._refuse(request, send, refusal)

    async def _nobody(self, request: Request) -> Response | None:
        """Return the answer to a request of which nothing is read; None: it is read."""
        try:
            if await self._access.who(request) is not None:
                return None
            return errors.refuse(request, self._access.nobody(request))
        except (AccessError, StoreUnavailableError, StoreError) as error:
            return errors.refuse(request, error)

    def _everybodys(self, app: Starlette, path: str) -> bool:
        if self._open is None:
            found = [mark for mark in marks(app) if mark.public and set(mark.methods) - SAFE]
            self._open = [compile_path(mark.path)[0] for mark in found]
        return any(pattern.match(path) for pattern in self._open)

    def _too_large(self) -> str:
        return f"the request has more than {self._most_bytes} bytes: send less at once (console.max_body_bytes)"

    async def _refuse(self, request: Request, send: Send, refusal: errors.Refusal) -> None:
        _log.info("body_refused", status=refusal.status, path=request.url.path, address=address_of(request))
        answer = errors.answer(request, refusal)

        async def nothing() -> Message:
            return {"type": "http.disconnect"}

        await answer(request.scope, nothing, send)
