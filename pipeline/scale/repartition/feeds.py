"""Which feeds are repartitioned, and whether the settings allow it."""

from config.problems import PathItems
from config.settings import Settings
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.scale.repartition.names import events_topic


def repartitioned(settings: Settings) -> dict[str, KafkaSettings]:
    """Return the feeds whose events intakes sort, by name."""
    return {
        name: feed
        for name, feed in sorted(settings.feeds.items())
        if isinstance(feed, KafkaSettings) and feed.repartition
    }


def events_topics(settings: Settings) -> dict[str, str]:
    """Return the topics of the events of repartitioned feeds, by feed; without ``scale`` there are none."""
    scale = settings.scale
    return {} if scale is None else {name: events_topic(scale, name) for name in repartitioned(settings)}


def repartition_problems(settings: Settings) -> list[tuple[PathItems, str]]:
    """Return what is wrong with ``repartition`` in the settings: where, and what to do."""
    if settings.scale is None:
        told = (
            "repartition needs `scale`, which says how processes share the work and where the sorted events go; write "
            "`scale`, or leave `repartition` out: one process alone needs no order of keys"
        )
        return [(("feeds", name, "repartition"), told) for name in repartitioned(settings)]
    ours = {*events_topics(settings).values(), settings.scale.panes_topic}
    problems: list[tuple[PathItems, str]] = []
    for name, feed in sorted(settings.feeds.items()):
        if isinstance(feed, KafkaSettings):
            for topic in sorted(ours.intersection(feed.topics)):
                told = f"{topic!r} is a topic that processes write to themselves (scale); read another"
                problems.append((("feeds", name, "topics"), told))
    if settings.scale.panes_topic in events_topics(settings).values():
        told = "is the topic of a feed's events too (scale.events_topic, a dot and its name); give it another name"
        problems.append((("scale", "panes_topic"), told))
    return problems
