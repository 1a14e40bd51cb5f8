"""Far sides that fail as they are told: real HTTP servers that remember what they took, and what they said."""

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import msgspec

from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port

Fault = Literal["works", "error", "busy", "asks_for_time", "refused", "silent", "drops", "late"]
"""``busy``: 429. ``asks_for_time``: 429 with ``Retry-After``. ``silent``: takes the request, never answers, and forgets
it. ``drops``: takes the message, and closes without an answer. ``late``: takes it, and says so after the timeout."""
FAULTS: tuple[Fault, ...] = ("error", "busy", "asks_for_time", "refused", "silent", "drops", "late")
TAKES = frozenset({"works", "drops", "late"})
"""A person hears the message, whatever the notifier gets to know of it."""
_HEADS = {
    "works": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "late": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "error": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    "busy": b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n",
    "asks_for_time": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What came in.

    Attributes:
        number: rises over all providers of a run.
        at_us: when it was there as a whole, by the clock of the machine.
        sender: number of the notifier process.
        fault: how it was answered.
    """

    number: int
    at_us: int
    provider: str
    sender: int
    key: str
    fault: Fault
    alerts: tuple[tuple[str, str], ...]
    """Fingerprint and status of each."""
    title: str

    @property
    def taken(self) -> bool:
        """Whether a person hears it."""
        return self.fault in TAKES


class Provider:
    """One far side. Its methods may be called from any thread.

    Args:
        loop: runs elsewhere.
        name: of its channel.
        late_s: how long ``late`` takes: longer than the timeout of the channel.
        requests: of all providers, in their order.
        numbers: of requests.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        name: str,
        *,
        late_s: float,
        requests: list[Request],
        numbers: Iterator[int],
    ) -> None:
        self.name = name
        self.port = free_port()
        self._loop = loop
        self._late_s = late_s
        self._requests = requests
        self._numbers = numbers
        self._fault: Fault = "works"
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def set(self, fault: Fault) -> None:
        """Fail so from now on."""
        self._do(self._set(fault))

    def close(self) -> None:
        """End."""
        self._do(self._close())

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _set(self, fault: Fault) -> None:
        self._fault = fault
        if fault == "refused":
            await self._close()
        elif self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        for writer in list(self._writers):
            writer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # a client that was killed or gave up; or we end
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether another may follow."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.splitlines()
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = json.loads(await reader.readexactly(int(fields["content-length"])))
        fault = self._fault
        self._requests.append(
            Request(
                number=next(self._numbers),
                at_us=time.time_ns() // 1000,
                provider=self.name,
                sender=int(first.split()[1].strip("/")),
                key=fields["idempotency-key"],
                fault="drops" if fault == "refused" else fault,
                title=body["title"],
                alerts=tuple((alert["fingerprint"], alert["status"]) for alert in body["alerts"]),
            )
        )
        if fault == "silent":
            await reader.read()  # until the other side gives up
            return False
        if fault in {"drops", "refused"}:
            return False
        if fault == "late":
            await asyncio.sleep(self._late_s)
        writer.write(_HEADS[fault])
        await writer.drain()
        return True


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Give a loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def providers(
    loop: asyncio.AbstractEventLoop, names: tuple[str, ...], late_s: float
) -> Iterator[tuple[dict[str, Provider], list[Request]]]:
    """Give far sides that work, and the list of what comes in."""
    requests: list[Request] = []
    numbers = itertools.count()
    made = {name: Provider(loop, name, late_s=late_s, requests=requests, numbers=numbers) for name in names}
    try:
        for one in made.values():
            one.set("works")
        yield made, requests
    finally:
        for one in made.values():
            one.close()
