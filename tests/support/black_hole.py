"""A connection that goes dead without a word: what is between swallows everything, and closes nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class BlackHole:
    """Passes bytes on to a server, until it swallows them.

    Attributes:
        port: of the loopback, where it listens.
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._swallows = threading.Event()
        self._passing = threading.Lock()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        """From now on nothing comes through, in either direction; connections stay open, new ones are taken."""
        with self._passing:  # what is on its way comes through before this returns
            self._swallows.set()

    def let_through(self) -> None:
        """Pass new connections on again; what was swallowed is lost."""
        self._swallows.clear()

    def close(self) -> None:
        """End it."""
        for one in (self._listener, *self._open):
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(here)
            if self._swallows.is_set():
                continue
            there = socket.create_connection(("127.0.0.1", self._to_port))
            self._open.append(there)
            for source, target in ((here, there), (there, here)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                with self._passing:
                    if self._swallows.is_set():
                        return
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return


@contextmanager
def black_hole(to_port: int) -> Iterator[BlackHole]:
    """Give one, and end it."""
    hole = BlackHole(to_port)
    try:
        yield hole
    finally:
        hole.close()
