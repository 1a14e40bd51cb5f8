"""Who does what: partitions of one number are one task, and every number belongs to one process."""

from collections.abc import Collection
from zlib import crc32

from pipeline.feeds.requeue import PARTITION as REQUEUE
from pipeline.letters import REQUEUE_SUFFIX

PANES_FEED = "makegood/panes"
"""Name of the feed that reads the topic of panes; no feed of the settings can have it."""
_PANES = "panes/"
_TASK = "task/"


class ScaleError(ValueError):
    """The work cannot be shared as the settings say: names the setting, and says what to do."""


def partition_number(partition: str) -> int:
    """Return the number of a Kafka partition from its name, ``topic/number``.

    >>> partition_number("cases/12")
    12
    """
    return int(partition.rpartition("/")[2])


def is_panes(key: str) -> bool:
    """Say whether a key is that of a partition of panes, and not of a task."""
    return key.startswith(_PANES)


def number_of(key: str) -> int:
    """Return the number in a key: that of the task, or of the partition of panes.

    >>> number_of("task/3"), number_of("panes/3")
    (3, 3)
    """
    return partition_number(key)


def key_of(feed: str, partition: str, *, partitions: int) -> str:
    """Return who takes the records of a partition, of topics with so many partitions.

    Raises:
        ScaleError: when the topic has grown.

    >>> key_of("crm", "cases/3", partitions=4), key_of(PANES_FEED, "makegood.panes/1", partitions=4)
    ('task/3', 'panes/1')
    """
    number = partition_number(partition)
    if number >= partitions:
        msg = (
            f"feed {feed!r}: there is a partition {partition}, and scale.partitions is {partitions}: a topic that "
            "processes share must not grow, because its keys move. Write to a new topic with more partitions"
        )
        raise ScaleError(msg)
    return f"{_PANES if feed == PANES_FEED else _TASK}{number}"


def home_of(detector: str, partitions: int) -> int:
    """Return the partition of the topic of panes that carries all about a detector.

    >>> home_of("sentiment_drop", 4) in range(4)
    True
    """
    return crc32(detector.encode()) % partitions


def sources(feeds: Collection[tuple[str, str]], partitions: int) -> list[str]:
    """Return the names of all partitions that windows wait for; ``feeds``: (feed, topic) each.

    >>> sources([("crm", "cases")], 2)
    ['crm/cases/0', 'crm/cases/1']
    """
    return [f"{feed}/{topic}/{number}" for feed, topic in sorted(feeds) for number in range(partitions)]


def requeue_sources(feeds: Collection[str], partitions: int) -> list[str]:
    """Return the names of the partitions of requeued dead letters, for which no window waits.

    >>> requeue_sources(["crm"], 2)
    ['crm/requeue/requeue/0', 'crm/requeue/requeue/1']
    """
    return [f"{feed}{REQUEUE_SUFFIX}/{REQUEUE}/{number}" for feed in sorted(feeds) for number in range(partitions)]
