"""Which batches are taken as columns: none before the machine code is there, and none where few records are plain.

Nothing here changes a result: rows and columns give the same. This module is imported without the machine code.
"""

from collections.abc import Sequence
from threading import Thread
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import structlog

from pipeline.columns.wants import Wants
from pipeline.records.text import CUTTER, size_of

if TYPE_CHECKING:
    from pipeline.columns.events import EventColumns
    from pipeline.columns.scanner import Scanner

Mode = Literal["auto", "on", "off"]
WORTHWHILE = 250_000
"""After so many records that were worth it the machine code is fetched. It takes a second, which columns save in about
as many, and 110 MB."""
LEAST_RECORDS = 400
"""A batch with fewer goes by rows: columns have costs of their own for each batch, those of rows are less than that."""
PLAIN_ENOUGH = 0.7
"""Below this share of plain records a batch goes by rows: two ways for one batch cost more than they spare."""
MOST_BYTES = 1 << 26
"""A batch with more goes by rows: the scanner needs three times its room, and keeps it."""
REST = 32
"""Batches of a feed that go by rows before another one is tried, after one of which too few records were plain."""
log = structlog.get_logger(__name__)


class ColumnLane:
    """Takes records as columns.

    Args:
        wants: what becomes of the events.
        mode: ``on``: the machine code is there before the first record, and all batches are tried. ``auto``: it is
            fetched, aside, once there are enough records, and batches are tried that are worth it; where it is not
            installed, or cannot be made, everything goes by rows.

    Raises:
        ImportError: when the mode is ``on`` and the machine code's compiler is not installed.
    """

    def __init__(self, wants: Wants, mode: Mode) -> None:
        self._wants = wants
        self._scanner: Scanner | None = None
        self._fetching = mode != "auto"
        self._least = LEAST_RECORDS if mode == "auto" else 1
        self._seen = 0
        self._rest: dict[str, int] = {}
        if mode == "on":
            self._scanner = build(wants)

    def scan(self, feed: str, records: Sequence[bytes]) -> "EventColumns | None":
        """Return records of a feed as columns; None: take them by rows."""
        if len(records) < self._least:
            return None
        scanner = self._scanner
        if scanner is None:
            if not self._fetching:
                self._count(len(records))
            return None
        rest = self._rest.get(feed, 0)
        if rest:
            self._rest[feed] = rest - 1
            return None
        if size_of(records) > MOST_BYTES:
            return None
        columns = scanner.scan(records)
        if len(columns.uncertain()) > (1.0 - PLAIN_ENOUGH) * len(records):
            self._rest[feed] = REST
            return None
        return columns

    def _count(self, records: int) -> None:
        self._seen += records
        if self._seen >= WORTHWHILE:
            self._fetching = True
            Thread(target=self._fetch, name="columns", daemon=True).start()

    def _fetch(self) -> None:
        started_s = perf_counter()
        try:
            self._scanner = build(self._wants)
        except ImportError as error:
            log.info("columns.not_installed", reason=str(error), hint="pip install makegood[fast]")
            return
        except Exception as error:  # whatever it is: rows give the same
            log.warning("columns.not_ready", reason=repr(error), hint="everything goes by rows", exc_info=True)
            return
        log.info("columns.ready", seconds=round(perf_counter() - started_s, 2))


def build(wants: Wants) -> "Scanner":
    """Return a scanner whose machine code is there."""
    from pipeline.columns.making import make_aside  # noqa: PLC0415 - slow to load, and not everybody has it
    from pipeline.columns.scanner import Scanner  # noqa: PLC0415

    make_aside()
    scanner = Scanner(wants)
    scanner.warm_up()
    CUTTER.for_columns(scanner.breaks)
    return scanner
