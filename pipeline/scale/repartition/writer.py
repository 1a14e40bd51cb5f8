"""Writes to the topics of events, in order and without gaps."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from config.scale import ScaleSettings
from pipeline.failures import FlowEndedError
from pipeline.kafka_producing import WAITING
from pipeline.scale.keys import ScaleError
from pipeline.scale.topics import LARGEST_MESSAGE_BYTES, TopicUnavailableError, client_properties

_LOOK_S = 0.2
_TOLD_AFTER_LOOKS = 25
_REPORTS = 3
"""Times that a client that has given up is asked for its reports."""
_OURS: dict[str, Any] = {
    **WAITING,
    # Readers drop what is not behind the last that they have: nothing may come before what was refused.
    "enable.gapless.guarantee": True,
    "message.max.bytes": LARGEST_MESSAGE_BYTES,
    "queue.buffering.max.kbytes": 131_072,
    "linger.ms": 1,
}
_PURGED = {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT}  # noqa: SLF001 - it has no other name
"""What is reported of messages that were on their way when the client gave up on another one."""
_NOT_ALLOWED = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
_log = structlog.get_logger(__name__)


class EventWriter:
    """Writes messages; :meth:`settle` returns when the cluster has them.

    Args:
        settings: of the shared work.
        wait: waits that many seconds, and returns whether somebody asked to stop.
        tell: told why we wait; None: no more.
    """

    def __init__(
        self, settings: ScaleSettings, *, wait: Callable[[float], bool], tell: Callable[[str | None], None]
    ) -> None:
        self._wait = wait
        self._tell = tell
        self._looks = 0
        self._failed: tuple[str, KafkaError] | None = None
        self._producer = Producer({**client_properties(settings), **_OURS})

    def write(self, topic: str, number: int, message: bytes) -> None:
        """Send a message to a partition. It is on its way when this returns.

        Raises:
            ScaleError: when the cluster has refused a message for good.
            FlowEndedError: when the client has given up otherwise. Started again, it goes on.
            TopicUnavailableError: when somebody asked to stop while nothing could be sent.
        """
        while True:
            try:
                self._producer.produce(topic, message, partition=number, on_delivery=self._delivered)
                self._producer.poll(0)
                break
            except BufferError:
                self._settled()
                self._look()
            except KafkaException as error:
                raise self._ended(error.args[0]) from error
        self._check()

    def settle(self) -> None:
        """Wait until the cluster has everything that was sent.

        Raises:
            ScaleError: when the cluster refuses a message for good.
            FlowEndedError: when the client has given up otherwise. Started again, it goes on.
            TopicUnavailableError: when somebody asked to stop before it had. The events will be written again.
        """
        while not self._settled():
            self._look()
        if self._looks >= _TOLD_AFTER_LOOKS:
            self._tell(None)
        self._looks = 0
        self._check()

    def _settled(self) -> bool:
        """Wait a little; return whether the cluster has everything."""
        try:
            return not self._producer.flush(_LOOK_S)
        except KafkaException as error:
            raise self._ended(error.args[0]) from error

    def _ended(self, error: KafkaError) -> ScaleError | FlowEndedError:
        """Return why the client has given up, out of the report of what it gave up on where there is one."""
        for _ in range(_REPORTS):
            if self._failed is None or self._failed[1].code() in _PURGED:
                with suppress(KafkaException):  # it says so once more, before the reports
                    self._producer.flush(_LOOK_S)
        return _refused("of events", error) if self._failed is None else _refused(*self._failed)

    def _look(self) -> None:
        """Note that the cluster has kept us waiting."""
        self._check()
        self._looks += 1
        if self._looks == _TOLD_AFTER_LOOKS:
            _log.warning("events.waiting", reason="the cluster takes no messages")
            self._tell("the cluster of scale.bootstrap takes no messages for the topics of events")
        if self._looks >= _TOLD_AFTER_LOOKS and self._wait(0):
            msg = "the topics of events take no messages, and the process was asked to stop"
            raise TopicUnavailableError(msg)

    def _check(self) -> None:
        if self._failed is not None:
            raise self._ended(self._failed[1])

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and (self._failed is None or self._failed[1].code() in _PURGED):
            self._failed = str(message.topic()), error


def _refused(topic: str, error: KafkaError) -> ScaleError | FlowEndedError:
    msg = f"topic {topic!r} refuses messages: {error.str()}"
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return ScaleError(f"{msg}; set its max.message.bytes to {LARGEST_MESSAGE_BYTES}")
    if error.code() in _NOT_ALLOWED:
        return ScaleError(f"{msg}; let the user of scale.properties write to it, idempotently")
    return FlowEndedError(f"{msg}; started again, it goes on")
