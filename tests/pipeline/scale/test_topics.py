"""The topic between processes, where its cluster does not do what is asked: pipeline/scale/topics.py."""

from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from config.scale import ScaleSettings
from pipeline.failures import FlowEndedError, explained
from pipeline.routing import PaneReport
from pipeline.scale import topics
from pipeline.scale.keys import ScaleError
from pipeline.scale.topics import PaneWriter, TopicUnavailableError, ensure_topics
from tests.support.kafka import Broker
from tests.support.patience import PATIENCE_S, until


def settings(bootstrap: str, **properties: int) -> ScaleSettings:
    return ScaleSettings.model_validate(
        {"bootstrap": bootstrap, "partitions": 2, "panes_topic": "panes-test-topics", "properties": properties}
    )


def test_a_writer_whose_queue_is_full_says_so_and_ends_when_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_LOOK_S", 0.001)
    told: list[str | None] = []
    nobody = settings("127.0.0.1:9", **{"queue.buffering.max.messages": 3})
    writer = PaneWriter(nobody, wait=lambda _: bool(told), tell=told.append)
    with pytest.raises(TopicUnavailableError, match="was asked to stop"):
        writer.write([PaneReport("mood", "crm/cases/0", b"x")] * 5)
    assert told == ["topic 'panes-test-topics' does not take messages"]


@pytest.mark.kafka
def test_who_may_not_make_topics_uses_those_that_are_there(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = settings(broker.bootstrap)
    assert ensure_topics(ours, [], wait=lambda _: False, tell=lambda _: None)
    # That it was made is answered a moment before clients can find it.
    until(lambda: ours.panes_topic in broker.admin.list_topics(timeout=PATIENCE_S).topics, "the topic")

    def refused(*_: object, **__: object) -> object:
        raise KafkaException

    monkeypatch.setattr(AdminClient, "create_topics", refused)
    assert ensure_topics(ours, [], wait=lambda _: False, tell=lambda _: None)


def test_what_the_engine_died_of_is_said_in_our_words(tmp_path: Path) -> None:
    engine = RuntimeError("panic")
    engine.__cause__ = ScaleError("scale.partitions is 4")
    assert explained(engine, tmp_path) is engine.__cause__
    engine.__cause__ = TopicUnavailableError("topic 'p' does not take messages")
    told = explained(engine, tmp_path)
    assert isinstance(told, FlowEndedError)
    assert "a new start goes on" in str(told)
