"""Writes one record to Kafka and waits for the broker to say that it has it."""

import threading
import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from sinks.contract import DeliveryError, Failure, Reason, permanent
from sinks.kafka_errors import kafka_failure

_SLICE_S = 0.05
_FIRST_SLICE_S = 0.25


class KafkaWriter:
    """One client, for several threads. Its repr shows nothing: its properties hold passwords.

    Args:
        properties: of the client.

    Raises:
        DeliveryError: when the client refuses them.
    """

    def __init__(self, properties: dict[str, Any]) -> None:
        self._properties = properties
        self._said: KafkaError | None = None
        try:
            self._producer = Producer({**properties, "error_cb": self._on_error})
        except KafkaException as error:
            named = [name for name in properties if f'"{name}"' in str(error) or f"`{name}`" in str(error)]
            which = f" {', '.join(named)}" if named else ""
            raise permanent(Reason.REJECTED, f"the Kafka client refuses its properties{which}") from None
        self.broken = False

    def __repr__(self) -> str:
        return "KafkaWriter()"

    def fits(self, properties: dict[str, Any]) -> bool:
        """Say whether this is still the client for ``properties`` (a password may have changed)."""
        return not self.broken and properties == self._properties

    def ask(self, topic: str, timeout_s: float) -> int:
        """Ask the cluster whether the topic is there, and return how many partitions it has.

        Raises:
            DeliveryError: when it is not, we may not know it, or nobody answers.
        """
        self._said = None
        end_s = time.monotonic() + timeout_s
        slice_s = _FIRST_SLICE_S
        while True:
            left_s = end_s - time.monotonic()
            try:
                found = self._producer.list_topics(topic, timeout=max(0.001, min(left_s, slice_s))).topics[topic]
            except KafkaException as error:
                self._producer.poll(0)  # lets the client say what is behind it
                failure = _unanswered(error.args[0], self._said)
                # A client waits for brokers that it cannot reach; a wrong password is known before.
                if failure.permanent or left_s <= slice_s:
                    raise DeliveryError(failure) from None
                slice_s *= 2
                continue
            if found.error is not None:
                raise DeliveryError(kafka_failure(found.error, sent=False))
            return len(found.partitions)

    def write(self, topic: str, key: str, value: bytes, headers: dict[str, str], timeout_s: float) -> str:
        """Write a record, and return where it is, as ``topic/partition@offset``.

        Raises:
            DeliveryError: when the broker did not take it, or did not say so in time.
        """
        end_s = time.monotonic() + timeout_s
        self.ask(topic, timeout_s)
        reported = threading.Event()
        report: list[tuple[KafkaError | None, Any]] = []

        def on_delivery(error: KafkaError | None, record: Any) -> None:
            report.append((error, record))
            reported.set()

        try:
            self._producer.produce(
                topic,
                key=key.encode(),
                value=value,
                headers=list(headers.items()),
                on_delivery=on_delivery,
            )
        except KafkaException as error:
            raise DeliveryError(self._failure(error.args[0], sent=False)) from None
        except BufferError:
            detail = "too many records wait for the broker already"
            raise DeliveryError(Failure(reason=Reason.RATE_LIMITED, permanent=False, detail=detail)) from None
        while not reported.is_set():
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                # It may be in the log, or on its way there: this client is not asked again.
                self.broken = True
                detail = f"no word from the broker within {timeout_s:g} s"
                raise DeliveryError(Failure(reason=Reason.TIMEOUT, permanent=False, detail=detail, ambiguous=True))
            self._producer.poll(min(left_s, _SLICE_S))
        failed, record = report[0]
        if failed is not None:
            raise DeliveryError(self._failure(failed, sent=True))
        return f"{record.topic()}/{record.partition()}@{record.offset()}"

    def close(self) -> None:
        """Forget what was not delivered."""
        self._producer.purge()
        self._producer.flush(_SLICE_S)

    def _failure(self, error: KafkaError, *, sent: bool) -> Failure:
        if error.fatal():
            self.broken = True
        return kafka_failure(error, sent=sent)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self.broken = True
        # Brokers that are down are what follows from a wrong password; the first is the cause.
        if self._said is None or self._said.code() in {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT}:  # noqa: SLF001
            self._said = error


def _unanswered(error: KafkaError, behind: KafkaError | None) -> Failure:
    """Return why a question to the cluster was not answered."""
    if behind is not None:
        failure = kafka_failure(behind, sent=False)
        if failure.reason in {Reason.AUTH, Reason.UNREACHABLE}:
            return failure
    return kafka_failure(error, sent=False)
