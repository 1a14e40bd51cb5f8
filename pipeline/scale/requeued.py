"""Which dead letters can be sent again where processes share the work: those whose task is at home here."""

from collections.abc import Iterable

from config.settings import Settings
from pipeline import recovery
from pipeline.feeds.requeue import partition_number
from pipeline.scale.moving import folder_of
from pipeline.scale.repartition.feeds import repartitioned


def why_not_read(settings: Settings, places: Iterable[tuple[str, str]]) -> list[str]:
    """Return why records of these places would not be read again by the process that has their keys; none: they would.

    Args:
        settings: must have ``scale``.
        places: feed and partition of dead letters.
    """
    scale = settings.scale
    if scale is None:
        return []
    here = _processes(settings, scale.partitions)
    sorted_feeds = repartitioned(settings)
    found = []
    for feed, partition in places:
        number = partition_number(partition)
        upstream = feed in sorted_feeds and partition.rpartition("/")[0] in sorted_feeds[feed].topics
        if number is None or number >= scale.partitions or upstream:
            found.append(f"feeds.{feed}: {partition}: it does not say which process has the keys of its records")
        elif not any(number % of == index for index, of in here):
            where = _where(number, here, settings)
            found.append(f"feeds.{feed}: {partition}: {where}")
    return found


def _processes(settings: Settings, partitions: int) -> set[tuple[int, int]]:
    """Return index and number of the processes whose folders are here."""
    found: set[tuple[int, int]] = set()
    for index in range(partitions):
        folder = folder_of(settings, index)
        identity = recovery.identity(folder) if recovery.holds_state(folder) else None
        if isinstance(identity, list) and len(identity) == 5 and identity[2:4] == [partitions, index]:
            found.add((index, int(identity[4])))
    return found


def _where(number: int, here: set[tuple[int, int]], settings: Settings) -> str:
    if not here:
        return f"no flow process has its folder in {settings.store.dir}; start one first"
    counts = sorted({of for _, of in here})
    return "its records belong to " + " or ".join(
        f"process {number % of} of {of}, whose folder is not here" for of in counts
    )
