"""Streams that stay open for days: who has logged out, or was taken the role or the token, hears no more."""

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.connection import StoreError, StoreUnavailableError
from dashboards.access.asking import address_of
from dashboards.access.contract import AccessError, Principal, principal_of
from dashboards.access.gate import Access

_log = structlog.get_logger("makegood.access")
_LOOK_EVERY_US = 30_000_000


class _Ended(Exception):
    """The stream was ended."""


class Streams:
    """ASGI middleware: asks again, twice a minute, whether whoever hears a stream may.

    Args:
        app: what is inside.
        access: who is asking.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        looked_us: int | None = None
        ended = False

        async def watched(message: Message) -> None:
            nonlocal looked_us, ended
            if message["type"] == "http.response.start":
                kinds = [value for name, value in message["headers"] if name.lower() == b"content-type"]
                if any(value.startswith(b"text/event-stream") for value in kinds):
                    looked_us = self._access.now_us()
            elif looked_us is not None and not 0 <= self._access.now_us() - looked_us < _LOOK_EVERY_US:
                looked_us = self._access.now_us()
                if not await self._still(Request(scope)):
                    ended = True
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    raise _Ended
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if not ended:
                raise

    async def _still(self, request: Request) -> bool:
        before = principal_of(request)
        if before is None:  # a stream for everybody
            return True
        del request.state.asked
        try:
            now: Principal | None = await self._access.who(request)
        except AccessError:
            now = None
        except (StoreUnavailableError, StoreError):
            request.state.asked = before
            return True  # it cannot be known now: the next look does
        if now is not None and now.kind == before.kind and now.name == before.name and now.role >= before.role:
            return True
        _log.info("stream_ended", who=before.name, path=request.url.path, address=address_of(request))
        return False
