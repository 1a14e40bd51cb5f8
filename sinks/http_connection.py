"""One connection of HTTP/1.1, with one deadline for all that is done on it; and those that wait to be used again."""

import select
import socket
import ssl
import threading
import time
from collections.abc import Hashable

from sinks.http_answer import AnswerReader, HttpAnswer, NoHttpError

_PIECE_BYTES = 64 * 1024
_IDLE_S = 4.0
"""Servers close what was idle for five seconds (Node.js, Apache, uvicorn): no request of ours may cross that."""
_MAX_IDLE = 256
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux
_REST_S = 0.25
"""How long the rest of a body that nobody wants is waited for, so that the connection can be used again."""


class Connection:
    """A connection that carries one request after the other.

    Args:
        sock: connected.

    Attributes:
        sent: whether any byte of the present request may have gone out.
        reusable: whether it can carry another request, after an exchange.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self.sent = False
        self.reusable = False
        self._idle_since_s = 0.0

    def exchange(self, request: bytes, end_s: float, max_body_bytes: int) -> HttpAnswer:
        """Send a request and return the answer.

        Args:
            request: head and body.
            end_s: until when, by ``time.monotonic``.
            max_body_bytes: how much of the answer's body is kept; 0: none is waited for.

        Raises:
            TimeoutError: when it took too long.
            OSError: when the connection broke.
            NoHttpError: when the answer is none.
        """
        self.sent = self.reusable = False
        reader = AnswerReader(max_body_bytes)
        self._send(request, end_s)
        while not reader.has_head:
            reader.feed(self._receive(end_s))
        if max_body_bytes == 0:
            self._pass_over(reader, min(end_s, time.monotonic() + _REST_S))
        while not reader.done and max_body_bytes > 0 and reader.body_bytes <= max_body_bytes:
            reader.feed(self._receive(end_s))
        self.reusable = reader.done and reader.reusable
        return reader.answer()

    def _pass_over(self, reader: AnswerReader, end_s: float) -> None:
        try:
            while not reader.done and reader.body_bytes <= _PIECE_BYTES:
                reader.feed(self._receive(end_s))
        except (OSError, NoHttpError):  # the answer is there; only the connection is of no more use
            return

    def _send(self, request: bytes, end_s: float) -> None:
        left = memoryview(request)
        while left:
            self._hurry(end_s)
            self.sent = True
            # Not sendall: with TLS its timeout is for each piece, not for all of them.
            left = left[self._sock.send(left[:_PIECE_BYTES]) :]
        if _QUICK_ACK is not None:
            # A server that writes head and body one after the other waits in between for our acknowledgement, which the
            # kernel holds back for 40 ms.
            self._sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    def _receive(self, end_s: float) -> bytes:
        self._hurry(end_s)
        return self._sock.recv(_PIECE_BYTES)

    def _hurry(self, end_s: float) -> None:
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            msg = "the exchange took too long"
            raise TimeoutError(msg)
        self._sock.settimeout(left_s)

    @property
    def protocol(self) -> str:
        """``TLSv1.3`` or the like; ``a plain connection`` without TLS."""
        version = self._sock.version() if isinstance(self._sock, ssl.SSLSocket) else None
        return version or "a plain connection"

    def rest(self, now_s: float) -> None:
        """Take note that it waits from now on."""
        self._idle_since_s = now_s

    def is_fresh(self, now_s: float) -> bool:
        """Say whether it can be expected to carry another request: not idle for long, and nothing has come meanwhile.

        What comes unasked is the end of the connection, as a rule.
        """
        if now_s - self._idle_since_s > _IDLE_S:
            return False
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Close it, without a word."""
        self._sock.close()


class IdleConnections:
    """Connections that wait for the next request to the same place. Used by several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Hashable, list[Connection]] = {}

    def take(self, place: Hashable) -> Connection | None:
        """Return one that can be used, the one that was used last; None when there is none."""
        now_s = time.monotonic()
        while True:
            with self._lock:
                waiting = self._waiting.get(place)
                if not waiting:
                    return None
                connection = waiting.pop()
            if connection.is_fresh(now_s):
                return connection
            connection.close()

    def give(self, place: Hashable, connection: Connection) -> None:
        """Keep one until it is needed."""
        connection.rest(time.monotonic())
        with self._lock:
            waiting = self._waiting.setdefault(place, [])
            waiting.append(connection)
            over = waiting.pop(0) if len(waiting) > _MAX_IDLE else None
        if over is not None:
            over.close()

    def close(self) -> None:
        """Close all."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for connections in waiting.values():
            for connection in connections:
                connection.close()


def secured(sock: socket.socket, context: ssl.SSLContext, host: str, end_s: float) -> socket.socket:
    """Return the socket with TLS, after the handshake; on an error the socket is closed.

    Raises:
        ssl.SSLCertVerificationError: when the certificate is not good.
        OSError: when the handshake failed (``TimeoutError``: took too long).
    """
    try:
        sock.settimeout(max(0.001, end_s - time.monotonic()))
        return context.wrap_socket(sock, server_hostname=host.rstrip("."))
    except (OSError, ValueError):
        sock.close()
        raise
