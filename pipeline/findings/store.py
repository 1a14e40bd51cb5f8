"""The store of findings: one SQLite file that one flow process writes and anybody reads."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from detectors.contract import Finding
from pipeline.findings.rows import SCHEMA, SCHEMA_VERSION, labels_text, packed
from pipeline.pruning import used_bytes

BUSY_S = 0.1
"""How long a write waits for another that holds the file: the flow must not."""
PRUNED_AT_ONCE = 5_000
_SLACK_US = 86_400_000_000
"""That something is used is noted for so much longer at once, instead of with every finding."""
_ROW_BYTES = 400
"""What a finding takes, about."""
_INSERT = "INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (end_us, series) DO NOTHING"


class FindingsFormatError(Exception):
    """The file is of a later version of Makegood."""


class FindingStore:
    """Findings by detector, group and window end: adding one again changes nothing.

    What is written survives a crash of the process; after a crash of the machine the last seconds may be missing.

    Args:
        path: of the file, made with its folder where they are missing; ``:memory:`` for none.

    Raises:
        sqlite3.Error, OSError: when it cannot be opened now.
        FindingsFormatError: when it is of a later version.
    """

    def __init__(self, path: Path | str) -> None:
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
        # The flow's thread writes, but not always the same one: the engine may be run again.
        self.db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        self._series: dict[tuple[str, str], tuple[int, int]] = {}
        self._parts: dict[bytes, tuple[int, int]] = {}
        self._at_us = 0
        try:
            self._prepare()
        except BaseException:
            self.db.close()
            raise

    def _prepare(self) -> None:
        db = self.db
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA journal_size_limit = 16000000")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            msg = f"it has format {version}, this program writes {SCHEMA_VERSION}; move it away, or use a later version"
            raise FindingsFormatError(msg)
        if version < SCHEMA_VERSION:
            db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        self._recall()

    def _recall(self) -> None:
        self._series = {
            (detector, labels): (number, used_us)
            for number, detector, labels, used_us in self.db.execute("SELECT id, detector, labels, used_us FROM series")
        }
        self._parts = {
            part: (number, used_us) for number, part, used_us in self.db.execute("SELECT id, part, used_us FROM parts")
        }

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def add(self, findings: Sequence[Finding]) -> None:
        """Keep findings: all of them, or none when it raises.

        Raises:
            sqlite3.Error: when they cannot be written now.
        """
        if not findings:
            return
        try:
            self.db.execute("BEGIN IMMEDIATE")
            rows = []
            for finding in findings:
                self._at_us = finding.end_us
                rows.append(packed(finding, self._series_of(finding), self._part_of))
            self.db.executemany(_INSERT, rows)
            self.db.execute("COMMIT")
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        # A full disk may have ended the transaction already.
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        self._recall()

    def _series_of(self, finding: Finding) -> int:
        key = (finding.detector, labels_text(finding.group))
        known = self._series.get(key)
        if known is None:
            used_us = self._at_us + _SLACK_US
            sql = "INSERT INTO series (detector, labels, used_us) VALUES (?, ?, ?) RETURNING id"
            (number,) = self.db.execute(sql, (*key, used_us)).fetchone()
            known = self._series[key] = (number, used_us)
        elif known[1] < self._at_us:
            known = self._series[key] = (known[0], self._at_us + _SLACK_US)
            self.db.execute("UPDATE series SET used_us = ? WHERE id = ?", (known[1], known[0]))
        return known[0]

    def _part_of(self, part: bytes) -> int:
        known = self._parts.get(part)
        if known is None:
            used_us = self._at_us + _SLACK_US
            sql = "INSERT INTO parts (part, used_us) VALUES (?, ?) RETURNING id"
            (number,) = self.db.execute(sql, (part, used_us)).fetchone()
            known = self._parts[part] = (number, used_us)
        elif known[1] < self._at_us:
            known = self._parts[part] = (known[0], self._at_us + _SLACK_US)
            self.db.execute("UPDATE parts SET used_us = ? WHERE id = ?", (known[1], known[0]))
        return known[0]

    def prune(self, keep_us: int, max_bytes: int) -> bool:
        """Delete findings that are too old by event time, or too many; return whether some are left to delete.

        Args:
            keep_us: how long before the end of the newest window windows may have ended.
            max_bytes: that all of them may take.

        Raises:
            sqlite3.Error: when they cannot be deleted now.
        """
        (newest_us,) = self.db.execute("SELECT max(end_us) FROM findings").fetchone()
        if newest_us is None:
            return False
        before_us, rows = newest_us - keep_us, PRUNED_AT_ONCE
        excess_bytes = used_bytes(self.db) - max_bytes
        if excess_bytes > 0:
            before_us, rows = newest_us, min(rows, 1 + excess_bytes // _ROW_BYTES)
        sql = "SELECT end_us FROM findings WHERE end_us < ? ORDER BY end_us LIMIT 1 OFFSET ?"
        last = self.db.execute(sql, (before_us, rows - 1)).fetchone()
        upto_us = before_us - 1 if last is None else last[0]
        try:
            self.db.execute("BEGIN IMMEDIATE")
            gone = self.db.execute("DELETE FROM findings WHERE end_us <= ?", (upto_us,)).rowcount
            if gone:
                self.db.execute("DELETE FROM series WHERE used_us <= ?", (upto_us,))
                self.db.execute("DELETE FROM parts WHERE used_us <= ?", (upto_us,))
            self.db.execute("COMMIT")
        except BaseException:
            self._undo()
            raise
        if gone:
            self._recall()
        return gone > 0
