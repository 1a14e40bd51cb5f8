"""A real Kafka broker for tests, that can be stopped, killed, paused and started again over the same data.

Apache Kafka in KRaft mode, run from the jars that ``fetch_kafka.sh`` gets from Maven Central. ``KAFKA_BOOTSTRAP``
points the tests at a broker that runs already (those that must stop it are skipped then). Without Java or the jars the
tests are skipped.
"""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from pipeline.kafka_producing import LOSSLESS
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port
from tests.support.stopping import stop_in_its_tracks
from tests.support.tied import tied_to_us

REPO = Path(__file__).resolve().parents[2]
FETCH = Path(__file__).with_name("fetch_kafka.sh")
START_TIMEOUT_S = PATIENCE_S
_IN_FLIGHT = 50_000
_NO_LEADER_YET = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError._NOENT,
    KafkaError._TRANSPORT,  # another test has started the broker anew
}
_ANSWER_S = 12.0
_SHUT_OUT = KafkaError.INVALID_REPLICATION_FACTOR
"""What is said while the one broker has not been heard of for two seconds: it was paused, or the machine is busy."""


class BrokerUnavailable(Exception):
    """There is no way to run a broker here; the text says what is missing."""


def kafka_libs() -> Path:
    """Return the folder of Kafka's jars, fetched on first use.

    Raises:
        BrokerUnavailable: saying what is missing.
    """
    libs = Path(os.environ.get("MAKEGOOD_KAFKA_LIBS") or REPO / ".cache" / "kafka" / "libs")
    if shutil.which("java") is None:
        msg = "no Kafka broker: 'java' (17 or newer) is not on PATH and KAFKA_BOOTSTRAP is not set"
        raise BrokerUnavailable(msg)
    if not any(libs.glob(".complete-*")):
        done = subprocess.run([str(FETCH), str(libs)], capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            msg = f"no Kafka broker: {FETCH.name} failed: {done.stderr.strip() or done.stdout.strip()}"
            raise BrokerUnavailable(msg)
    return libs


class Cluster:
    """A broker as a client sees it: topics and records. Also what ``KAFKA_BOOTSTRAP`` names."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        # Kept for good: a client that is dropped while a call is under way fails that call.
        self._retired: list[AdminClient] = []
        self.admin = self._new_admin()

    def _new_admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 500})

    def create_topic(self, name: str = "", partitions: int = 1, **config: str) -> str:
        """Create a topic (with a unique name, when none is given); return its name. ``_`` in a key stands for a dot."""
        topic = name or f"t{uuid.uuid4().hex[:12]}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=settings)
        give_up_s = time.monotonic() + PATIENCE_S
        lost = False
        while True:
            try:
                self.admin.create_topics([new], request_timeout=_ANSWER_S)[topic].result(_ANSWER_S + 1)
            except (KafkaException, TimeoutError) as error:
                code = error.args[0].code() if isinstance(error, KafkaException) else KafkaError._TIMED_OUT
                if lost and code == KafkaError.TOPIC_ALREADY_EXISTS:
                    break
                give_up = time.monotonic() > give_up_s
                if code == _SHUT_OUT and not give_up:
                    time.sleep(0.1)
                    continue
                if give_up or code not in {KafkaError._TRANSPORT, KafkaError._TIMED_OUT}:
                    raise
                # Another test has started the broker anew, and the client has not got over it.
                lost = True
                self._retired.append(self.admin)
                self.admin = self._new_admin()
            else:
                break
        self._wait_until_known(topic)
        return topic

    def _wait_until_known(self, topic: str) -> None:
        """Wait until clients can find a topic: that it was made is answered a moment before."""
        end_s = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(KafkaException):
                found = self.admin.list_topics(topic, timeout=_ANSWER_S).topics.get(topic)
                if found is not None and found.error is None and found.partitions:
                    return
            if time.monotonic() > end_s:
                msg = f"the broker does not know the topic {topic} that it has made"
                raise TimeoutError(msg)
            time.sleep(0.05)

    @cached_property
    def _producer(self) -> Producer:
        """One for most: a new one takes half a second to introduce itself."""
        return self._new_producer({})

    def _forget_producer(self) -> None:
        """Have the next one ask anew what partitions there are."""
        self.__dict__.pop("_producer", None)

    def _new_producer(self, properties: dict[str, Any]) -> Producer:
        own = {"bootstrap.servers": self.bootstrap, **LOSSLESS, "linger.ms": 1, "log_level": 0}
        return Producer({**own, "reconnect.backoff.max.ms": 500, **properties})

    def delete_topic(self, topic: str) -> None:
        """Delete a topic."""
        self.admin.delete_topics([topic], request_timeout=PATIENCE_S)[topic].result(PATIENCE_S)
        self._forget_producer()

    def produce(
        self,
        topic: str,
        records: Iterable[tuple[int, bytes | None]],
        *,
        headers: Any = (),
        **properties: Any,
    ) -> int:
        """Write ``(partition, value)`` pairs in order; return how many. Raises when one is not acknowledged.

        The first records get the ``headers``, one each (``dict[str, bytes | str]``, or None).
        """
        errors: list[object] = []
        producer = self._producer if not properties else self._new_producer(properties)
        count = 0
        for (partition, value), own_headers in zip(records, chain(headers, repeat(None)), strict=False):
            while count - len(errors) >= _IN_FLIGHT:
                producer.poll(1)
            producer.produce(
                topic,
                value=value,
                partition=partition,
                headers=own_headers,
                on_delivery=lambda error, _: errors.append(error),
            )
            producer.poll(0)
            count += 1
        producer.flush(PATIENCE_S)
        failed = [error for error in errors if error is not None]
        if failed or len(errors) != count:
            msg = f"{count - len(errors)} of {count} records not acknowledged; errors: {failed[:3]}"
            raise RuntimeError(msg)
        return count

    def produce_transaction(self, topic: str, records: Sequence[tuple[int, bytes]], *, commit: bool) -> None:
        """Write records in one transaction, then commit or abort it: either leaves a marker that takes up an offset."""
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "transactional.id": uuid.uuid4().hex, "linger.ms": 1, "log_level": 0}
        )
        producer.init_transactions(PATIENCE_S)
        producer.begin_transaction()
        for partition, value in records:
            producer.produce(topic, value=value, partition=partition)
        producer.flush(PATIENCE_S)
        if commit:
            producer.commit_transaction(PATIENCE_S)
        else:
            producer.abort_transaction(PATIENCE_S)

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Delete records below an offset, as retention does."""
        target = TopicPartition(topic, partition, before_offset)
        for future in self.admin.delete_records([target], request_timeout=PATIENCE_S).values():
            future.result(PATIENCE_S)

    def end_offset(self, topic: str, partition: int) -> int:
        """Return the offset that the next record will have."""
        target = TopicPartition(topic, partition)
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        give_up_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                asked = self.admin.list_offsets({target: latest}, request_timeout=PATIENCE_S)[target]
                return int(asked.result(PATIENCE_S).offset)
            except KafkaException as error:
                # A partition that was made just now has no leader yet.
                code = error.args[0].code()
                if code not in _NO_LEADER_YET or time.monotonic() > give_up_s:
                    raise
                if code == KafkaError._NOENT:  # so the client remembers, and does not ask again
                    self._retired.append(self.admin)
                    self.admin = self._new_admin()

    def add_partitions(self, topic: str, total: int) -> None:
        """Give a topic more partitions."""
        self.admin.create_partitions([NewPartitions(topic, total)], request_timeout=PATIENCE_S)[topic].result(
            PATIENCE_S
        )
        self._forget_producer()


class Broker(Cluster):
    """One Kafka process (broker and controller) on the loopback, with its data in ``folder``.

    Port and data outlive :meth:`stop` and :meth:`kill`, so clients find the same broker after :meth:`start`.
    """

    def __init__(self, folder: Path, libs: Path) -> None:
        self._folder = folder
        self._libs = libs
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        super().__init__(f"127.0.0.1:{self._port}")

    def start(self, *, wait: bool = True) -> "Broker":
        """Start the process (format the data folder the first time) and wait until it answers."""
        if not (self._folder / "server.properties").exists():
            self._format()
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*tied_to_us(), *self._java("kafka.Kafka"), str(self._folder / "server.properties")],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
            )
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        """Wait for an answer with metadata."""
        give_up_s = time.monotonic() + START_TIMEOUT_S
        while True:
            process = self._process
            if process is None or process.poll() is not None:
                msg = f"the Kafka broker is not running; its log ends:\n{self._log_end()}"
                raise RuntimeError(msg)
            try:
                if self.admin.list_topics(timeout=10).brokers:
                    return
            except KafkaException:
                if time.monotonic() > give_up_s:
                    msg = (
                        f"the Kafka broker did not answer within {START_TIMEOUT_S} s; its log ends:\n{self._log_end()}"
                    )
                    raise RuntimeError(msg) from None

    def ensure_running(self) -> "Broker":
        """Start the broker unless it runs."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        else:
            self.resume()
        return self

    def stop(self) -> None:
        """Shut down in an orderly way (SIGTERM)."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process (SIGKILL): nothing is flushed."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Stop the process in its tracks: connections stay open and nothing answers."""
        stop_in_its_tracks(self._running().pid)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._running().send_signal(signal.SIGCONT)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            msg = "the Kafka broker is not running"
            raise RuntimeError(msg)
        return self._process

    def _end(self, with_signal: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(with_signal)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _format(self) -> None:
        controller_port = free_port()
        self._folder.mkdir(parents=True, exist_ok=True)
        properties = self._folder / "server.properties"
        text = _PROPERTIES.format(port=self._port, controller_port=controller_port, data=self._folder / "data")
        properties.write_text(self._configured(text), encoding="utf-8")
        # The cluster's id, 16 bytes in base64: a fixed one will do, the folder is ours alone.
        command = [
            *self._java("kafka.tools.StorageTool"),
            "format",
            "-t",
            "TWFrZWdvb2RUZXN0QnJrcg",
            "-c",
            str(properties),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=self._folder
        )
        if done.returncode != 0:
            msg = f"formatting the broker's data folder failed:\n{done.stdout}\n{done.stderr}"
            raise RuntimeError(msg)

    def _configured(self, properties: str) -> str:
        """Return the broker's settings file; a kind of broker with more to say changes it."""
        return properties

    def _java(self, main: str) -> list[str]:
        flags = ["-Xmx512m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return ["java", *flags, log, "-cp", f"{self._libs}/*", main]

    def _log_end(self) -> str:
        return "\n".join((self._folder / "broker.log").read_text(errors="replace").splitlines()[-30:])


@cache
def shared_broker() -> Broker:
    """Return the one broker of this test process, started at the first call and stopped when Python ends."""
    folder = tempfile.TemporaryDirectory(prefix="makegood-kafka-", ignore_cleanup_errors=True)
    broker = Broker(Path(folder.name) / "broker", kafka_libs())
    atexit.register(folder.cleanup)
    atexit.register(broker.kill)
    return broker.start()


_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
num.network.threads=1
num.io.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.threads=1
log.cleaner.backoff.ms=200
log.cleaner.dedupe.buffer.size=4194304
message.max.bytes=12582912
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
"""
