"""What ``makegood check`` holds against feeds of settings that share the work between processes."""

from config.problems import PathItems
from config.settings import Settings
from pipeline import compose
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.ingest.settings import HttpSettings, KafkaTargetSettings


def not_shared(kind: str) -> str:
    """Return why a feed of a type cannot stand in settings with ``scale``, and what to do."""
    return (
        f"a feed of type {kind!r} cannot be shared between processes; write its records to a Kafka topic keyed by case "
        "or customer (an http feed does with `to: {kafka: ...}`), or take `scale` out"
    )


def scale_problems(settings: Settings) -> list[tuple[PathItems, str]]:
    """Return what is wrong with the feeds of settings with ``scale``: where, and what to do. Connects to nothing."""
    if settings.scale is None:
        return []
    feeds = compose.feed_settings(settings)
    problems: list[tuple[PathItems, str]] = []
    for name, feed in feeds.items():
        if isinstance(feed, HttpSettings) and feed.to is not None:
            problems += _pushed(
                name, feed.to.kafka, [each for each in feeds.values() if isinstance(each, KafkaSettings)]
            )
        elif not isinstance(feed, KafkaSettings):
            problems.append((("feeds", name, "type"), not_shared(feed.type)))
    if not any(isinstance(feed, KafkaSettings) for feed in feeds.values()):
        told = "there is no feed of type kafka, so there is nothing that processes could share; take `scale` out"
        problems.append((("scale",), told))
    return problems


def _pushed(name: str, target: KafkaTargetSettings, readers: list[KafkaSettings]) -> list[tuple[PathItems, str]]:
    """Return what is wrong with a feed that writes what it receives to a topic."""
    where: PathItems = ("feeds", name, "to", "kafka")
    reading = [reader for reader in readers if target.topic in reader.topics]
    if not reading:
        told = f"no feed of type kafka reads {target.topic!r}: its records would stay there; add one"
        return [((*where, "topic"), told)]
    if target.key is None and not all(reader.repartition for reader in reading):
        told = (
            "is missing: records of one case would come to different processes; name the case or the customer "
            "({/json/pointer}), or let the feed that reads the topic sort its events (`repartition: true`)"
        )
        return [((*where, "key"), told)]
    return []
