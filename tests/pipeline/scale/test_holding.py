"""Messages of a newer program wait: pipeline/scale/holding.py."""

from collections.abc import Callable

import msgspec
import pytest

from detectors import panes
from pipeline.feeds.contract import FeedContext, Status
from pipeline.feeds.kafka import KafkaFeed
from pipeline.scale import wire
from pipeline.scale.holding import HoldingFeed
from tests.pipeline.feeds_kafka.reading import settings
from tests.support.kafka import Broker
from tests.support.sharing import until

NEW, OLD = msgspec.msgpack.encode((wire.READS + 1, {"of": "another form"})), msgspec.msgpack.encode((1, "x"))


def test_who_changes_the_format_of_panes_raises_the_version_of_messages() -> None:
    assert (wire.READS, panes._FORMAT) == (2, 1)


@pytest.mark.kafka
def test_a_message_that_is_too_new_holds_its_partition_until_a_program_reads_it(broker: Broker) -> None:
    topic = broker.create_topic(partitions=2)
    broker.produce(topic, [(0, OLD), (0, OLD), (0, NEW), (0, OLD), (1, OLD)])
    found: dict[str, list[int]] = {}

    def feed() -> HoldingFeed:
        return HoldingFeed(KafkaFeed("panes", settings(broker, topic, cloudevents="structured"), FeedContext(False)))

    def polled(of: HoldingFeed, holds: Callable[[], bool]) -> bool:
        for batch in of.poll(100):
            found.setdefault(batch.partition, []).extend(batch.offsets)
        return holds()

    old = feed()
    old.open({})
    until(lambda: polled(old, lambda: len(found) == 2 and bool(old.held())))
    broker.produce(topic, [(0, OLD), (1, OLD)])
    until(lambda: polled(old, lambda: len(found[f"{topic}/1"]) == 2))
    until(lambda: polled(old, lambda: old.lag() == {f"{topic}/0": 3, f"{topic}/1": 0}))
    assert found == {f"{topic}/0": [0, 1], f"{topic}/1": [0, 1]}
    positions = old.positions()
    assert (positions[f"{topic}/0"], positions[f"{topic}/1"]) == (2, 2)
    assert old.partitions()[f"{topic}/0"] is Status.UNREACHABLE
    assert "upgrade this one" in old.why_unreachable()[f"{topic}/0"]
    old.close()

    upgraded = feed()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(wire, "READS", wire.READS + 1)
        upgraded.open(positions)
        until(lambda: polled(upgraded, lambda: len(found[f"{topic}/0"]) == 5))
    assert found[f"{topic}/0"] == [0, 1, 2, 3, 4]
    upgraded.close()
