"""What plain steps of cases are to a case of which nothing is known, many at a time: as the shard would take them."""

from collections.abc import Sequence

import numpy as np

from detectors.columns import Columns, Ints
from detectors.events import EVENT_CLASSES
from detectors.packed import TYPES
from detectors.promises.plan import Plan
from detectors.quiet import NO_USE, SEED, STRAY

_UNKNOWN = -1
_ABOUT = 4
"""In the table the use of events with a priority or a queue stands times this, beside that of events with neither."""
_SEED = SEED + SEED * _ABOUT


class StepUses:
    """The use of steps, by type and status; what was found is kept from call to call.

    Args:
        plan: of the shards. Whether they derive makes no difference.

    Attributes:
        types: of which some events may be of no use, or strays.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.types = frozenset(name for name in TYPES if self._use(name, None) != _SEED)
        self._generation = -1
        self._types: Sequence[str] = ()
        self._statuses: Sequence[str] = ()
        self._table = np.zeros(0, dtype=np.int8)

    def __call__(self, columns: Columns) -> Ints:
        """Return what plain events are."""
        self._fit(columns)
        places = (columns.codes("status") + 1) * (len(self._types) + 1) + columns.codes("type") + 1
        found = self._table.take(places)
        if int(found.min(initial=0)) == _UNKNOWN:
            self._find(np.unique(places[found == _UNKNOWN]))
            found = self._table.take(places)
        about = (columns.codes("priority") >= 0) | (columns.codes("queue") >= 0)
        return np.where(about, found // _ABOUT, found % _ABOUT).astype(np.int64)

    def _fit(self, columns: Columns) -> None:
        """Make room for texts that are new."""
        types, statuses = columns.texts("type"), columns.texts("status")
        if columns.generation != self._generation or len(types) != len(self._types):
            self._table, self._generation, self._types = self._table[:0], columns.generation, list(types)
        size = (len(statuses) + 1) * (len(types) + 1)
        if size != len(self._table):
            self._statuses = statuses
            self._table = np.append(self._table, np.full(size - len(self._table), _UNKNOWN, dtype=np.int8))

    def _find(self, places: Ints) -> None:
        for place in places.tolist():
            status, type_ = divmod(place, len(self._types) + 1)
            name = self._types[type_ - 1] if type_ else ""
            self._table[place] = self._use(name, self._statuses[status - 1] if status else None)

    def _use(self, name: str, status: str | None) -> int:
        """Return the use of events with this type and status, as it stands in the table."""
        kind = self._plan.kinds.get(EVENT_CLASSES.get(name, object)) if name in TYPES else None
        if kind is None:
            return _SEED
        info, relevant, rules = kind
        # Who a case is about does not stand in a packed event as far as it is out of a profile.
        quiet = rules is not None and not info.keeps_about and rules.begins_nothing(info.step, status)
        use = STRAY if quiet else SEED
        return (use if relevant or status else NO_USE) + use * _ABOUT
