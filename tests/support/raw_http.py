"""A server that says byte by byte what it is told: for answers that no proper server gives."""

import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class RawServer:
    """Answers the n-th request with the n-th text, the last one for ever; ``None`` closes the connection.

    Args:
        answers: the texts.
        last: whether each is the last of its connection, which is closed after it.

    Attributes:
        requests: what came in, whole. connections: how many there were.
    """

    def __init__(self, answers: Sequence[bytes | None], *, last: bool = False) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answers = list(answers)
        self._last = last
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/"

    def close(self) -> None:
        """Stop, and close every connection."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close every connection."""
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def serve(self) -> None:
        """Take connections until it is closed."""
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            pending = b""
            while True:
                head, end, rest = pending.partition(b"\r\n\r\n")
                length = _LENGTH.search(head + b"\r\n")
                size = int(length[1]) if length is not None else 0
                if not end or len(rest) < size:
                    try:
                        more = connection.recv(65536)
                    except OSError:
                        return
                    if not more:
                        return
                    pending += more
                    continue
                self.requests.append(head + end + rest[:size])
                pending = rest[size:]
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if answer is None:
                    return
                try:
                    connection.sendall(answer)
                except OSError:
                    return
                if self._last:
                    return


@contextmanager
def raw_server(*answers: bytes | None, last: bool = False) -> Iterator[RawServer]:
    """Serve for the time of a ``with`` block."""
    server = RawServer(answers, last=last)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(5)
