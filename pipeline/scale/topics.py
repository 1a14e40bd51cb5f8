"""The topic of panes: made where it is missing, and written so that nothing is lost."""

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from config.scale import ScaleSettings
from config.secret import SecretRef
from pipeline.kafka_producing import WAITING
from pipeline.routing import PaneReport
from pipeline.scale.keys import ScaleError, home_of

LARGEST_MESSAGE_BYTES = 16_777_216
"""In the topics of events."""
_ANSWER_S = 5.0
_LOOK_S = 0.2
_TOLD_AFTER_LOOKS = 25
_OURS: dict[str, Any] = {
    **WAITING,
    "linger.ms": 0,
}
_log = structlog.get_logger(__name__)


class TopicUnavailableError(Exception):
    """The topic of panes does not answer, and somebody asked to stop."""


def client_properties(settings: ScaleSettings) -> dict[str, Any]:
    """Return the properties of a client, secrets in plain text: for the client alone, never to be logged.

    Raises:
        SecretMissingError: naming the variable or file.
    """
    given = {
        name: value.resolve().get_secret_value() if isinstance(value, SecretRef) else value
        for name, value in settings.properties.items()
    }
    return {**given, "bootstrap.servers": ",".join(settings.bootstrap)}


def ensure_topics(
    settings: ScaleSettings,
    topics: Sequence[str],
    *,
    events: Sequence[str] = (),
    wait: Callable[[float], bool],
    tell: Callable[[str | None], None],
) -> bool:
    """Make our topics where they are missing, and see that all topics have as many partitions as the settings say.

    Args:
        settings: of the shared work.
        topics: of the feeds, on the same cluster or another; those that this cluster does not have are not looked at.
        events: the topics of events, which are ours like that of panes.
        wait: waits that many seconds, and returns whether somebody asked to stop.
        tell: told why we wait; None: no more.

    Returns:
        Whether it was done; False when somebody asked to stop before the cluster answered.

    Raises:
        ScaleError: when a topic has another number of partitions.
    """
    admin = AdminClient({**client_properties(settings), "log_level": 0})
    while True:
        try:
            _make(admin, settings, events)
            known = admin.list_topics(timeout=_ANSWER_S).topics
        except KafkaException as error:
            reason = error.args[0].str() if isinstance(error.args[0], KafkaError) else str(error)
            _log.warning("panes.cluster_away", reason=reason)
            tell(f"the cluster of scale.bootstrap does not answer: {reason}")
            if wait(_ANSWER_S):
                return False
            continue
        tell(None)
        for topic in [settings.panes_topic, *events, *topics]:
            found = len(known[topic].partitions) if topic in known else 0
            if found and found != settings.partitions:
                msg = (
                    f"scale.partitions is {settings.partitions}, topic {topic!r} has {found} partitions: every topic "
                    "needs as many as the settings say. State is bound to their number: read a new topic with the "
                    "right one"
                )
                raise ScaleError(msg)
        return True


def _make(admin: AdminClient, settings: ScaleSettings, events: Sequence[str]) -> None:
    # Who may not make topics need not, where somebody has made them.
    known = admin.list_topics(timeout=_ANSWER_S).topics
    new = [NewTopic(settings.panes_topic, settings.partitions, settings.replication)]
    config = {"max.message.bytes": str(LARGEST_MESSAGE_BYTES)}
    new += [NewTopic(topic, settings.partitions, settings.replication, config=config) for topic in events]
    new = [topic for topic in new if topic.topic not in known]
    if not new:
        return
    for made in admin.create_topics(new, request_timeout=_ANSWER_S).values():
        try:
            made.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


class PaneWriter:
    """Writes reports to the topic of panes; :meth:`settle` returns when the cluster has them.

    Args:
        settings: of the shared work.
        wait: waits that many seconds, and returns whether somebody asked to stop.
        tell: told why we wait; None: no more.
    """

    def __init__(
        self, settings: ScaleSettings, *, wait: Callable[[float], bool], tell: Callable[[str | None], None]
    ) -> None:
        self._settings = settings
        self._wait = wait
        self._tell = tell
        self._failed: KafkaError | None = None
        self._producer = Producer({**client_properties(settings), **_OURS})

    def write(self, reports: Sequence[PaneReport]) -> None:
        """Send reports in their order. They are on their way when this returns.

        Raises:
            TopicUnavailableError: when somebody asked to stop while no more can wait to be sent.
            ScaleError: when the cluster has refused a message for good.
        """
        settings, producer = self._settings, self._producer
        looks = 0
        for report in reports:
            home = home_of(report.detector, settings.partitions)
            while True:
                try:
                    producer.produce(settings.panes_topic, report.message, partition=home, on_delivery=self._delivered)
                    break
                except BufferError:
                    producer.poll(_LOOK_S)
                    looks = self._waits(looks)
        if looks >= _TOLD_AFTER_LOOKS:
            self._tell(None)
        producer.poll(0)
        self._check()

    def settle(self) -> None:
        """Wait until the cluster has everything that was sent.

        Raises:
            TopicUnavailableError: when somebody asked to stop before it had. The reports will be told again.
            ScaleError: when the cluster refuses a message for good.
        """
        looks = 0
        while self._producer.flush(_LOOK_S):
            looks = self._waits(looks)
        if looks >= _TOLD_AFTER_LOOKS:
            self._tell(None)
        self._check()

    def _waits(self, looks: int) -> int:
        """Say that we wait, when that takes long; return how often we have looked."""
        topic = self._settings.panes_topic
        looks += 1
        if looks == _TOLD_AFTER_LOOKS:
            _log.warning("panes.waiting", topic=topic)
            self._tell(f"topic {topic!r} does not take messages")
        if self._wait(0) and looks >= _TOLD_AFTER_LOOKS:
            msg = f"topic {topic!r} does not take messages, and the process was asked to stop"
            raise TopicUnavailableError(msg)
        return looks

    def _check(self) -> None:
        if self._failed is not None:
            msg = f"topic {self._settings.panes_topic!r} refuses messages: {self._failed.str()}"
            raise ScaleError(msg)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        del message
        if error is not None:
            self._failed = error
