"""HTTP on one connection, by uvicorn, within bounds that uvicorn has none of: the size of a head, and time for it.

Whoever opens connections and says nothing, or never comes to an end, would else hold them, and memory, for ever.
"""

import asyncio
from typing import Any, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_WITHIN_S = 20.0
"""From the connection to the end of the first head; from the first byte of a later one to its end."""
MAX_HEAD_BYTES = 64 << 10
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

_log = structlog.get_logger(__name__)


class Connection(HttpToolsProtocol):
    """One connection."""

    _in_head = False
    _head_bytes = 0
    _read_bytes = 0
    _refused = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that a head is whole."""
        self._in_head = False
        self._stop_waiting()
        # What came with the last read was not counted yet; bytes of a body may be among it.
        if self._head_bytes + self._read_bytes > MAX_HEAD_BYTES and not self._refused:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > MAX_HEAD_BYTES:
                self._refused = True
                self._end(_TOO_LARGE, "its head is too large")
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; that of a request that is refused is left."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a request is whole."""
        if not self._refused:
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Take bytes; the usual request comes whole, and costs nothing here."""
        self._read_bytes = len(data)
        super().data_received(data)
        if not self._in_head:
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._end(_TOO_LARGE, "its head is too large")
        elif self._head_timer is None:
            self._wait_for_head()

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self._time_is_up)

    def _time_is_up(self) -> None:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            self._wait_for_head()  # an earlier request, sent ahead, is still to be answered
        else:
            self._end(_TOO_SLOW, "its head did not come in time")

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end(self, answer: bytes, why: str) -> None:
        self._stop_waiting()
        if not self.transport.is_closing():
            _log.info("ingest.connection_ended", reason=why)
            self.transport.write(answer)
            self.transport.close()
