"""Connections to Redis, and what its errors mean."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ExecAbortError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

_AWAY = (
    RedisConnectionError, RedisTimeoutError, BusyLoadingError, ReadOnlyError, OutOfMemoryError, ExecAbortError, OSError
)  # fmt: skip
_AWAY_CODES = ("MISCONF", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN", "UNKILLABLE", "BUSY")

_TOGETHER = 32
"""Scripts that Redis runs without doing anything else between them, and writes to disk at once: some milliseconds."""
_IN_A_PIPELINE = re.compile(r"^Command # \d+ \(.*?\) of pipeline caused error: ", re.DOTALL)
"""What the client puts before an error of one command of several."""


class StoreUnavailableError(Exception):
    """Redis does not answer, or takes no writes now. The same again later is right: every write is idempotent."""


class StoreError(Exception):
    """Redis refused what was asked of it. Trying again will not help."""


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn errors of the Redis client into :class:`StoreUnavailableError` and :class:`StoreError`.

    Their texts name no address: an address can hold a password.
    """
    try:
        yield
    except _AWAY as error:
        msg = f"the store (Redis) cannot be used now: {type(error).__name__}; check that it runs and can be reached"
        raise StoreUnavailableError(msg) from error
    except ResponseError as error:
        code = _IN_A_PIPELINE.sub("", str(error)).split(" ", 1)[0]
        if code in _AWAY_CODES:
            msg = f"the store (Redis) takes no writes now: {code}; see its log"
            raise StoreUnavailableError(msg) from error
        msg = f"the store (Redis) refused a command: {error}"
        raise StoreError(msg) from error
    except RedisError as error:
        msg = f"the store (Redis) failed: {type(error).__name__}"
        raise StoreError(msg) from error


def connect(url: str, *, timeout_s: float = 5.0) -> "redis.Redis":
    """Return a client for ``url`` (``redis://``, ``rediss://``, ``unix://``). Nothing is sent yet.

    The client never repeats a command by itself: what may be repeated is decided where it is known.

    Raises:
        StoreError: when ``url`` cannot be read.
    """
    try:
        return redis.Redis.from_url(
            url,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            health_check_interval=30,
        )
    except ValueError:
        msg = "the address of the store cannot be read; expected redis://HOST:PORT/DB, rediss://... or unix://PATH"
        raise StoreError(msg) from None


def _answer(connection: Any) -> object:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _answers(connection: Any, count: int) -> list[object]:
    """Read the answers to so many scripts, which are a transaction when there are several."""
    if count == 1:
        return [_answer(connection)]
    begun = [_answer(connection) for _ in range(count + 1)]
    done = _answer(connection)
    if isinstance(done, list):
        return done
    # Nothing was carried out. Why, says the first that was refused.
    refused = next((one for one in begun if isinstance(one, Exception)), done)
    return [refused] * count


def _as_ours(error: Exception) -> Exception:
    try:
        with store_errors():
            raise error
    except (StoreUnavailableError, StoreError) as ours:
        return ours


class Scripts:
    """Lua scripts from ``.lua`` files, run by their hash and loaded again whenever the server has forgotten them.

    Args:
        folder: holds ``<name>.lua``.
        heads: files whose text is put before every script.
    """

    def __init__(self, client: "redis.Redis", folder: Path, heads: Sequence[Path] = ()) -> None:
        self._client = client
        self._folder = folder
        self._heads = tuple(heads)
        self._texts: dict[str, str] = {}
        self._hashes: dict[str, str] = {}

    def text(self, name: str) -> str:
        """Return the whole text of ``<name>.lua``."""
        if name not in self._texts:
            files = [*self._heads, self._folder / f"{name}.lua"]
            self._texts[name] = "".join(path.read_text(encoding="utf-8") for path in files)
        return self._texts[name]

    def adopt(self, name: str, text: str) -> None:
        """Take over a script of others, as it is, to run it together with our own."""
        if self._texts.get(name) != text:
            self._texts[name] = text
            self._hashes.pop(name, None)

    def run(self, name: str, *args: str | int) -> object:
        """Run ``<name>.lua`` with ``args`` as its ``ARGV``.

        Raises:
            StoreUnavailableError, StoreError: see there.
        """
        return self.run_mixed([(name, args)])[0]

    def run_many(self, name: str, calls: Sequence[tuple[str | int, ...]]) -> list[object]:
        """Run a script once per entry of ``calls``, in their order, in one round trip.

        Raises:
            StoreUnavailableError, StoreError: some of the calls may have been carried out.
        """
        return self.run_mixed([(name, args) for args in calls])

    def run_mixed(self, calls: Sequence[tuple[str, tuple[str | int, ...]]]) -> list[object]:
        """Run several scripts in one round trip; return their answers.

        Each is atomic, all together are not: up to 32 at a time are written to disk together, in their order.

        Raises:
            StoreUnavailableError, StoreError: some of the calls may have been carried out.
        """
        answers = self.run_each(calls)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def run_each(self, calls: Sequence[tuple[str, tuple[str | int, ...]]]) -> list[object]:
        """Do the same, with the error of a script in the place of its answer.

        Raises:
            StoreUnavailableError: Redis is away: some of them may have been carried out.
        """
        with store_errors():
            answers = self._mixed(calls)
            lost = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if lost:  # only these: what was carried out must not be again
                self._hashes.clear()
                for place, answer in zip(lost, self._mixed([calls[place] for place in lost]), strict=True):
                    answers[place] = answer
        return [_as_ours(answer) if isinstance(answer, Exception) else answer for answer in answers]

    def _mixed(self, calls: Sequence[tuple[str, tuple[str | int, ...]]]) -> list[object]:
        """Write all commands at once and read the answers: as the client's own pipeline, at a third of the cost.

        Several together are a transaction: Redis would write its file after every few of them, and waits for its disk
        each time.
        """
        commands = [("EVALSHA", self._hash(name), 0, *args) for name, args in calls]
        parts = [commands[start : start + _TOGETHER] for start in range(0, len(commands), _TOGETHER)]
        sent = [one for part in parts for one in (part if len(part) == 1 else (("MULTI",), *part, ("EXEC",)))]
        pool: Any = self._client.connection_pool
        connection = pool.get_connection()
        try:
            connection.send_packed_command(connection.pack_commands(sent))
            return [answer for part in parts for answer in _answers(connection, len(part))]
        except BaseException:
            connection.disconnect()  # what is left of the answers must not be taken for others
            raise
        finally:
            pool.release(connection)

    def _hash(self, name: str) -> str:
        if name not in self._hashes:
            self._hashes[name] = str(self._client.script_load(self.text(name)))
        return self._hashes[name]
