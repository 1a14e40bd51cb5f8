"""A Kafka topic in place of the spool: a record is kept when all replicas that are in step have it."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from config.secret import SecretRef
from pipeline.feeds.contract import FeedError
from pipeline.ingest.commit import NotKeptError
from pipeline.ingest.settings import KEY_PART, KafkaTargetSettings
from pipeline.kafka_producing import LOSSLESS

KEPT_WITHIN_MS = 8_000
"""Senders wait for ten seconds or so: by then they must have been told."""
POLL_S = 0.05
RETRY_AFTER_S = 10
_TUNING: dict[str, Any] = {"linger.ms": 5, "log_level": 0, "compression.type": "lz4", "socket.keepalive.enable": True}

_log = structlog.get_logger(__name__)
KeyOf = Callable[[bytes, Mapping[bytes, bytes]], bytes | None]


def key_of(template: str | None) -> KeyOf:
    """Return what makes the key of a record; None: it has none, and goes to any partition.

    Args:
        template: text with ``{header:NAME}`` and ``{/json/pointer}`` (RFC 6901).
    """
    if template is None:
        return lambda record, headers: None
    parts = KEY_PART.split(template)

    def key(record: bytes, headers: Mapping[bytes, bytes]) -> bytes | None:
        found = [_value(name, record, headers) for name in parts[1::2]]
        if not any(found):
            return None
        texts = [part if number % 2 == 0 else found[number // 2] for number, part in enumerate(parts)]
        return "".join(texts).encode()

    return key


def _value(name: str, record: bytes, headers: Mapping[bytes, bytes]) -> str:
    if name.startswith("header:"):
        return headers.get(name.removeprefix("header:").lower().encode(), b"").decode("utf-8", "replace")
    try:
        at = msgspec.json.decode(record)
        for step in name.split("/")[1:]:
            unescaped = step.replace("~1", "/").replace("~0", "~")
            at = at[int(unescaped)] if isinstance(at, list) else at[unescaped]
        if isinstance(at, bool):
            return "true" if at else "false"
        return str(at) if isinstance(at, str | int | float) else ""
    except (msgspec.DecodeError, RecursionError, LookupError, TypeError, ValueError):
        return ""


class _Group:
    """The records of one request on their way."""

    def __init__(self, kept: "asyncio.Future[None]", records: int, size: int) -> None:
        self.kept = kept
        self.left = records
        self.size = size
        self.error: KafkaError | None = None


class KafkaTarget:
    """Writes records to a topic. Its methods are called from the event loop.

    Args:
        name: of the feed, for the log and the thread.
        settings: of the target.
        max_waiting_bytes: what may be on its way at most.

    Attributes:
        trouble: why the last records were not kept; empty when they were.

    Raises:
        FeedError: when the client refuses its properties.
        SecretMissingError: when a secret is not where the settings say.
    """

    def __init__(self, name: str, settings: KafkaTargetSettings, max_waiting_bytes: int) -> None:
        self.trouble = ""
        self.waiting_bytes = 0
        self._name = name
        self._settings = settings
        self._max_waiting_bytes = max_waiting_bytes
        self._key = key_of(settings.key)
        self._loop = asyncio.get_running_loop()
        self._done: list[_Group] = []
        self._fatal = False
        self._stopping = threading.Event()
        self._log = _log.bind(feed=name, topic=settings.topic)
        self._producer = self._make()
        self._thread = threading.Thread(target=self._serve, name=f"kafka-{name}", daemon=True)
        self._thread.start()

    def submit(
        self, records: Sequence[bytes], received_us: int, headers: Mapping[bytes, bytes]
    ) -> "asyncio.Future[None]":
        """Take records; the future is done when they are kept, and fails with :class:`NotKeptError`.

        Raises:
            NotKeptError: at once, when too much is on its way.
        """
        size = sum(map(len, records))
        if self.waiting_bytes + size > self._max_waiting_bytes:
            reason = "more is on its way than max_waiting_bytes"
            raise NotKeptError(reason, busy=True, retry_after_s=RETRY_AFTER_S)
        if self._fatal:
            self._fatal = False
            self._producer = self._make()
        group = _Group(self._loop.create_future(), len(records), size)
        kwargs: dict[str, Any] = {"timestamp": received_us // 1000}

        def report(error: KafkaError | None, _: object) -> None:
            group.left -= 1
            group.error = group.error or error
            if group.left == 0:
                self._done.append(group)

        produce = self._producer.produce
        try:
            for record in records:
                produce(self._settings.topic, record, self._key(record, headers), on_delivery=report, **kwargs)
        except (BufferError, KafkaException) as error:
            # What was handed over may be kept all the same; the sender comes again, and the flow drops the repeats.
            raise NotKeptError(str(error), busy=isinstance(error, BufferError), retry_after_s=RETRY_AFTER_S) from error
        self.waiting_bytes += size
        return group.kept

    def close(self) -> None:
        """Wait for what is on its way, then stop. Blocks until it is done."""
        self._producer.flush(KEPT_WITHIN_MS / 1000)
        self._stopping.set()
        self._thread.join()

    def _make(self) -> Producer:
        given = {
            name: value.resolve().get_secret_value() if isinstance(value, SecretRef) else value
            for name, value in self._settings.properties.items()
        }
        bootstrap = self._settings.bootstrap
        ours: dict[str, Any] = {
            "bootstrap.servers": bootstrap if isinstance(bootstrap, str) else ",".join(bootstrap),
            **LOSSLESS,
            "delivery.timeout.ms": KEPT_WITHIN_MS,
            "client.id": f"makegood-{self._name}",
        }
        try:
            return Producer({**_TUNING, **given, **ours})
        except KafkaException as error:
            msg = f"feed {self._name!r}: to.kafka: the Kafka client refuses its properties: {error.args[0].str()}"
            raise FeedError(msg) from error

    def _serve(self) -> None:
        """Ask the client for reports, in a thread of its own, and hand them to the event loop in one go."""
        while not self._stopping.is_set():
            self._producer.poll(POLL_S)
            if self._done:
                done, self._done = self._done, []
                self._loop.call_soon_threadsafe(self._settle, done)

    def _settle(self, done: list[_Group]) -> None:
        for group in done:
            self.waiting_bytes -= group.size
            error = group.error
            self._tell("" if error is None else error.str())
            if error is not None and error.fatal():
                self._fatal = True
            if group.kept.done():
                continue
            if error is None:
                group.kept.set_result(None)
            else:
                group.kept.set_exception(NotKeptError(error.str(), busy=False, retry_after_s=RETRY_AFTER_S))

    def _tell(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            if trouble:
                self._log.error("ingest.kafka_not_written", reason=trouble)
            else:
                self._log.info("ingest.kafka_written_again")
