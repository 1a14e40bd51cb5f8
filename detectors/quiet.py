"""Events of which nothing comes while nothing is known of what they are about: taken many at a time, never made.

A case detector that is :class:`Quieting` tells of many plain events at once what each of them is to a key of which it
knows nothing. Its shards get those of which nothing comes as :class:`Quiet`, and make events only of those whose key
they do know something of.
"""

from collections.abc import Set
from typing import NamedTuple, Protocol, runtime_checkable

from detectors.columns import Columns, Ints
from detectors.events import Event
from detectors.packed import Packed

NO_USE, STRAY, SEED, DORMANT = 0, 1, 2, 3
"""What an event is to a key of which nothing is known: of no use; something to one that begins before; a beginning; a
beginning of which nothing comes as long as nothing else comes than more of its kind."""


class Quiet(NamedTuple):
    """Events of one shard that are of the same use, each in time, each by itself.

    Attributes:
        keys: what each is about.
        rows: the events. A shard may keep them.
        use: ``STRAY`` or ``DORMANT``.
    """

    keys: list[str]
    rows: Packed
    use: int


@runtime_checkable
class Quieting(Protocol):
    """A case detector that can tell of many events at once what they are to a key of which nothing is known.

    Attributes:
        quiet_types: of ``event_types`` those of which some may be of no use or quiet, as far as they are plain. Of the
            others all are :data:`SEED`. Those that cannot be packed (:data:`detectors.packed.TYPES`) are one of
            :data:`NO_USE` and :data:`SEED`.
    """

    quiet_types: frozenset[str]

    def uses(self, columns: Columns) -> Ints:
        """Return what plain events of :attr:`quiet_types` are: :data:`SEED` also where it is not sure.

        A plain event has no labels, no deadline, no revision and no time of recording; one that can be packed has no
        text either. Columns have ``type``, ``source``, ``sentiment`` and the fields in
        :data:`detectors.packed.FIELDS`. Of other types than those that it wants anything may be returned.
        """
        ...


@runtime_checkable
class TakesQuiet(Protocol):
    """A shard of a detector that is :class:`Quieting`."""

    def take_quiet(self, quiet: Quiet, coming: Set[str]) -> list[Event]:
        """Keep those events whose keys nothing is known of; return the others: they are to be given to ``update``.

        Args:
            quiet: events.
            coming: keys of events that ``update`` is to be given with them: of these something is known.
        """
        ...
