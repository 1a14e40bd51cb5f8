"""A real Kafka broker for the contestant that reads nothing else, and topics filled from files. None of this is timed.

The broker is the one of the tests: Apache Kafka in KRaft mode, fetched from Maven Central.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from tests.support.kafka import Broker, kafka_libs

_BROKEN = "broken|broken"
_AFTER = timedelta(minutes=5)
"""How long after the last event the sentinel is: longer than a window and the lateness. Not much longer, because Quix
Streams goes through every minute in between."""


class _Group(msgspec.Struct):
    service: str
    region: str


class _Keyed(msgspec.Struct):
    time: datetime
    data: _Group


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """Run a broker with its data in ``folder``, which is removed in the end."""
    shutil.rmtree(folder, ignore_errors=True)
    broker = Broker(folder, kafka_libs())
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
        shutil.rmtree(folder)


def fill(broker: Broker, topic: str, path: Path) -> None:
    """Write a file's lines to a new topic of one partition, keyed by service and region, and a sentinel for each key.

    Raises:
        RuntimeError: when the broker did not take all of them.
    """
    broker.create_topic(topic)
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 50, "log_level": 0, "acks": "1"})
    decode = msgspec.json.Decoder(_Keyed).decode

    def send(line: bytes, key: str) -> None:
        while True:
            try:
                producer.produce(topic, value=line, key=key, on_delivery=delivered)
            except BufferError:
                producer.poll(0.1)
            else:
                producer.poll(0)
                return

    keys = {_BROKEN}
    newest = datetime.fromtimestamp(0, UTC)
    with path.open("rb") as file:
        for line in file:
            try:
                event = decode(line)
            except msgspec.MsgspecError:
                send(line.rstrip(), _BROKEN)
            else:
                key = f"{event.data.service}|{event.data.region}"
                keys.add(key)
                send(line.rstrip(), key)
                newest = max(newest, event.time)
    data = {"status": "kept", "sentiment": 0.0}
    for name, key in [*(("sentinel", key) for key in sorted(keys)), ("last", _BROKEN)]:
        send(msgspec.json.encode({"id": name, "time": newest + _AFTER, "data": data}), key)
    left = producer.flush(120)
    if failed or left:
        msg = f"{len(failed)} records of topic {topic} were refused and {left} not answered: {failed[:1]}"
        raise RuntimeError(msg)
