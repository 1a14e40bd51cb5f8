"""Runs ``makegood`` in a process of its own, that never outlives whoever wants its answer."""

import asyncio
import contextlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

MOST_OUT_BYTES = 32_000_000
_MOST_SAID_BYTES = 20_000
_LINE_BYTES = 65_536
_LOOK_EVERY_S = 0.2
_OUT_OF_MEMORY = ("MemoryError", "memory allocation of", "bad_alloc", "Cannot allocate memory")


class JobError(Exception):
    """A job has failed. Says why, and what to do where something can be done."""


class Limits(NamedTuple):
    """What a process may take.

    Attributes:
        within_s: seconds.
        memory_bytes: resident; None: any number.
        memory_setting: that says so.
    """

    within_s: float = 3600.0
    memory_bytes: int | None = None
    memory_setting: str = ""


class Progress(msgspec.Struct, frozen=True):
    """What a process says of how far it is: see :func:`pipeline.commands.progress.progress_lines`."""

    share: float
    doing: str
    read: float
    events: int
    dead_letters: int

    @property
    def words(self) -> str:
        """The same for people."""
        doing = f"{self.doing}: " if self.doing else ""
        return f"{doing}{self.read:.0%} read, {self.events:,} events"


class Ended(NamedTuple):
    """What a process wrote, and with which status it ended."""

    status: int
    out: bytes
    said: str


_to_progress = msgspec.json.Decoder(Progress)


async def run(arguments: Sequence[str], folder: Path, limits: Limits, hear: Callable[[Progress | str], None]) -> Ended:
    """Run ``makegood`` with arguments. When this is cancelled the process is gone before it returns.

    Args:
        arguments: of the command line.
        folder: for its temporary files.
        limits: that it is ended by.
        hear: told what it says of itself, line by line.

    Raises:
        JobError: when it took longer than it may, needs more memory, or says more than can be taken.
    """
    command = (sys.executable, "-m", "dashboards.job_child", str(limits.memory_bytes or 0), str(folder), *arguments)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
        start_new_session=True,
    )
    work = asyncio.gather(_all(process.stdout), _listen(process.stderr, hear))
    watch = asyncio.create_task(_watch(process.pid, limits))
    try:
        async with asyncio.timeout(limits.within_s):
            either: set[asyncio.Future[Any]] = {work, watch}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if watch.done():
                watch.result()
            out, said = await work
            status = await process.wait()
    except TimeoutError as error:
        msg = f"it took longer than the {limits.within_s:,.0f} s that it may take"
        raise JobError(msg) from error
    finally:
        watch.cancel()
        work.cancel()
        await _end(process)
        await asyncio.gather(work, watch, return_exceptions=True)
    if not out and any(sign in said for sign in _OUT_OF_MEMORY):
        raise JobError(_too_large(limits))
    return Ended(status, out, said)


async def _watch(pid: int, limits: Limits) -> None:
    """Look at how much memory a process has, where the system tells (Linux); return when it does not, or not any more.

    Raises:
        JobError: when it has more than it may.
    """
    while limits.memory_bytes is not None:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        except (OSError, IndexError):
            return
        if pages * resource.getpagesize() > limits.memory_bytes:
            raise JobError(_too_large(limits))
        await asyncio.sleep(_LOOK_EVERY_S)


def _too_large(limits: Limits) -> str:
    if limits.memory_bytes is None:
        return "there was not enough memory for it"
    setting = f" ({limits.memory_setting})" if limits.memory_setting else ""
    return f"it needed more than the {limits.memory_bytes / 1e6:,.0f} MB of memory that it may have{setting}"


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process that has not ended, with all that it has begun."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()
    await process.wait()


async def _all(stream: asyncio.StreamReader | None) -> bytes:
    out = bytearray()
    while stream is not None and (chunk := await stream.read(_LINE_BYTES)):
        out += chunk
        if len(out) > MOST_OUT_BYTES:
            msg = f"it wrote more than {MOST_OUT_BYTES:,} bytes"
            raise JobError(msg)
    return bytes(out)


async def _listen(stream: asyncio.StreamReader | None, hear: Callable[[Progress | str], None]) -> str:
    """Pass on what it says of itself, and return the end of it, without how far it was."""
    said, rest = "", b""
    while stream is not None and (chunk := await stream.read(4096)):
        *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
        rest = rest[-_LINE_BYTES:]
        for line in lines:
            said += _heard(line, hear)
        said = said[-_MOST_SAID_BYTES:]
    return said + _heard(rest, hear)


def _heard(line: bytes, hear: Callable[[Progress | str], None]) -> str:
    try:
        hear(_to_progress.decode(line))
    except msgspec.DecodeError:  # it is a message for people
        text = line.decode(errors="replace").strip()
        if text:
            hear(text[:300])
            return text + "\n"
    return ""
