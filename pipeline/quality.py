"""How good a feed's records are: the share of bad ones among the last."""

BLOCK = 500
"""The share is that of two blocks of at least so many records: the one that fills, and the one before."""
ENOUGH = 20
"""Of fewer records than this nothing is said."""


class Quality:
    """Counts of the last records of one feed."""

    def __init__(self) -> None:
        self._records = [0, 0]
        self._reasons: list[dict[str, int]] = [{}, {}]

    def took(self, records: int) -> None:
        """Count records, good or bad, before :meth:`bad` counts those of them that are bad."""
        if self._records[0] >= BLOCK:
            self._records = [0, self._records[0]]
            self._reasons = [{}, self._reasons[0]]
        self._records[0] += records

    def bad(self, reason: str) -> None:
        """Count a bad record."""
        reasons = self._reasons[0]
        reasons[reason] = reasons.get(reason, 0) + 1

    @property
    def records(self) -> int:
        """How many records the share is of."""
        return sum(self._records)

    @property
    def share(self) -> float | None:
        """The share of bad records, 0 to 1 (a record with several events may count several times); None: too few."""
        records = self.records
        return None if records < ENOUGH else min(1.0, sum(self.reasons().values()) / records)

    def reasons(self) -> dict[str, int]:
        """Return the bad records by reason, the most frequent first."""
        total: dict[str, int] = {}
        for block in self._reasons:
            for reason, count in list(block.items()):
                total[reason] = total.get(reason, 0) + count
        return dict(sorted(total.items(), key=lambda entry: (-entry[1], entry[0])))
