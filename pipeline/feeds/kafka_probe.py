"""Asks a Kafka cluster, in the background, which partitions there are and where each begins and ends.

Questions to a cluster block; the flow must not. This thread asks with a client of its own and publishes each answer as
an immutable :class:`View`. Because it asks the leader of every partition, an answer is also the proof that silence is
knowledge.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any

import msgspec
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition, Uuid
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from pipeline.feeds.contract import Share

Part = tuple[str, int]
REQUEST_TIMEOUT_S = 5.0
_INTERVAL_S = 2.0
_FIRST_RETRY_S = 0.25
_LAST_RETRY_S = 5.0
_SLICE_S = 0.1
_NO_IDS = frozenset({"None", str(Uuid(0, 0))})
"""Of brokers that do not know of ids of topics."""
_EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]


class Span(msgspec.Struct, frozen=True):
    """Where a partition begins (the earliest offset that is still there) and ends (the offset of the next record)."""

    low: int
    end: int


class View(msgspec.Struct, frozen=True):
    """One answer of the cluster.

    Attributes:
        serial: rises with every answer; 0 before the first.
        spans: the partitions whose leader answered.
        partitions: how many partitions each known topic has.
        trouble: what did not answer (``topic`` or ``topic/partition``), and why.
        absent: topics that the cluster says it does not have.
        ids: of the topics: a topic that is deleted and made anew has another one.
    """

    serial: int = 0
    spans: dict[Part, Span] = {}
    partitions: dict[str, int] = {}
    trouble: dict[str, str] = {}
    absent: frozenset[str] = frozenset()
    ids: dict[str, str] = {}


class Probe:
    """Publishes a :class:`View` every two seconds; while something does not answer, with back-off up to five.

    Args:
        properties: of the Kafka client (servers, security).
        topics: the topics to ask for.
        isolation: up to where a partition counts as readable.
        share: which partitions to ask for.
    """

    def __init__(
        self, properties: Mapping[str, Any], topics: Sequence[str], isolation: IsolationLevel, share: Share
    ) -> None:
        self.view = View()
        self._share = share
        self._topics = list(topics)
        self._isolation = isolation
        self._stop = threading.Event()
        settings: dict[str, Any] = {**properties, "error_cb": _ignore}
        self._admin = AdminClient(settings)
        self._thread = threading.Thread(target=self._run, name="kafka-probe", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop asking."""
        self._stop.set()
        self._thread.join(REQUEST_TIMEOUT_S)

    def _run(self) -> None:
        retry_s = _FIRST_RETRY_S
        while not self._stop.is_set():
            view = self._ask()
            if self._stop.is_set():
                return
            self.view = view
            pause_s, retry_s = (
                (retry_s, min(2 * retry_s, _LAST_RETRY_S)) if view.trouble else (_INTERVAL_S, _FIRST_RETRY_S)
            )
            self._stop.wait(pause_s)

    def _ask(self) -> View:
        trouble: dict[str, str] = {}
        absent: set[str] = set()
        counts: dict[str, int] = {}
        ids: dict[str, str] = {}
        described = self._admin.describe_topics(TopicCollection(self._topics), request_timeout=REQUEST_TIMEOUT_S)
        for topic, description in self._answers(described, trouble, absent).items():
            counts[topic] = len(description.partitions)
            if str(description.topic_id) not in _NO_IDS:
                ids[topic] = str(description.topic_id)
        parts = [
            TopicPartition(topic, number)
            for topic, count in counts.items()
            for number in range(count)
            if self._share.has(number)
        ]
        spans: dict[Part, Span] = {}
        if parts:
            first = self._offsets(parts, _EARLIEST, trouble)
            after_last = self._offsets(parts, _LATEST, trouble)
            spans = {part: Span(first[part], after_last[part]) for part in first if part in after_last}
        return View(self.view.serial + 1, spans, counts, trouble, frozenset(absent), ids)

    def _offsets(self, parts: list[TopicPartition], which: OffsetSpec, trouble: dict[str, str]) -> dict[Part, int]:
        asked = self._admin.list_offsets(
            dict.fromkeys(parts, which), isolation_level=self._isolation, request_timeout=REQUEST_TIMEOUT_S
        )
        return {(part.topic, part.partition): info.offset for part, info in self._answers(asked, trouble).items()}

    def _answers(
        self, futures: Mapping[Any, "Future[Any]"], trouble: dict[str, str], absent: set[str] | None = None
    ) -> dict[Any, Any]:
        """Return what was answered; what was not goes to ``trouble``. Ends early when the probe is closed."""
        pending = set(futures.values())
        while pending and not self._stop.is_set():
            pending = wait(pending, timeout=_SLICE_S).not_done
        answers = {}
        for key, future in futures.items():
            if not future.done():
                continue
            error = future.exception()
            if error is None:
                answers[key] = future.result()
            elif isinstance(error, KafkaException):
                trouble[_name(key)] = str(error.args[0].str() or error.args[0].name())
                if absent is not None and error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    absent.add(key)
            else:
                raise error
        return answers


def part_name(topic: str, partition: int) -> str:
    """Return a partition's name as people read it.

    >>> part_name("orders", 3)
    'orders/3'
    """
    return f"{topic}/{partition}"


def _name(key: Any) -> str:
    return key if isinstance(key, str) else part_name(key.topic, key.partition)


def _ignore(_error: object) -> None:
    """Errors of this client show in its answers; reported from here too, each would be said twice."""
