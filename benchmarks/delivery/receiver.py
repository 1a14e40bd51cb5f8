"""A web server in a process of its own that notes when each numbered alert arrives, and answers as it is told.

It costs the machine as little as it can: what is measured is who sends. An alert's number is in its label ``n``.
"""

import asyncio
import multiprocessing
import os
import re
import socket
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Literal, NamedTuple

import uvloop

Answer = Literal["ok", "error", "silence"]
_NUMBER = re.compile(rb'"n":\s?"(\d+)"')
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


class Arrival(NamedTuple):
    """One request: at which address, when (``time.monotonic_ns``), and the numbers of the alerts in it."""

    place: int
    at_ns: int
    numbers: list[int]


class _Protocol(asyncio.Protocol):
    def __init__(self, place: int, answer: Answer, arrivals: list[Arrival]) -> None:
        self._place, self._answer, self._arrivals = place, answer, arrivals
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        self._buffer += data
        while True:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            length = _LENGTH.search(self._buffer, 0, head)
            end = head + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < end:
                return
            body, self._buffer = self._buffer[head + 4 : end], self._buffer[end:]
            numbers = list(dict.fromkeys(int(number) for number in _NUMBER.findall(body)))
            self._arrivals.append(Arrival(self._place, now_ns, numbers))
            if self._answer != "silence":
                self._transport.write(_OK if self._answer == "ok" else _ERROR)  # type: ignore[attr-defined]


async def _serve(sockets: list[socket.socket], answers: Sequence[Answer], orders: Connection) -> None:
    arrivals: list[Arrival] = []
    loop = asyncio.get_running_loop()
    for place, (sock, answer) in enumerate(zip(sockets, answers, strict=True)):
        await loop.create_server(partial(_Protocol, place, answer, arrivals), sock=sock)
    stopped = asyncio.Event()

    def ordered() -> None:
        os.set_blocking(orders.fileno(), True)  # the loop has made it one that does not wait
        order = orders.recv()
        if order == "count":
            orders.send(len(arrivals))
        elif order == "take":
            orders.send(list(arrivals))
            arrivals.clear()
        else:
            stopped.set()

    loop.add_reader(orders.fileno(), ordered)
    await stopped.wait()


def _main(sockets: list[socket.socket], answers: Sequence[Answer], orders: Connection) -> None:
    uvloop.run(_serve(sockets, answers, orders))


class Receiver:
    """Serves one address for each of ``answers`` while it is entered."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._sockets = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in answers]
        self.urls = [f"http://127.0.0.1:{sock.getsockname()[1]}/" for sock in self._sockets]
        self._orders, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_main, args=(self._sockets, answers, theirs), daemon=True)

    def __enter__(self) -> "Receiver":
        self._process.start()
        for sock in self._sockets:
            sock.close()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._orders.send("stop")
        self._process.join(10)

    def count(self) -> int:
        """Return how many requests have come since the last :meth:`take`."""
        self._orders.send("count")
        return int(self._orders.recv())

    def take(self) -> list[Arrival]:
        """Return what has come, and forget it."""
        self._orders.send("take")
        found: list[Arrival] = self._orders.recv()
        return found
