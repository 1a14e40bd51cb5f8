"""The result of a backtest as plain data: printed with ``--json``, written to a file, carried by a version."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from pipeline.backtest.intervals import Rate, Share

FORMAT = 1


class BacktestFileError(Exception):
    """A file is not the result of a backtest, or was changed after it was written."""


class Delay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long something took over several incidents: median and ninth decile, in seconds and in windows."""

    count: int
    median_s: float
    p90_s: float
    median_windows: float | None
    p90_windows: float | None


class GroupCount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Alerts of one group."""

    group: dict[str, str]
    alerts: int
    per_day: float


class IncidentResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of one incident. Times are RFC 3339.

    Attributes:
        number: its place in the file of labels.
        late_s: found so long after its start; negative: before. None: it was missed, or an alert was open already.
        watched: whether a detector of the settings ought to find it. Others do not count.
        found_by: names of the detectors that found it.
    """

    number: int
    name: str
    start: str
    watched: bool
    found_by: list[str]
    late_s: float | None
    already_open: bool


class Figures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one detector did, or all of them together.

    Attributes:
        detector: name of the entry; ``*``: all.
        type: of the detector. decision: what it decides by, where it is a window detector.
        alerts: raised in the judged span. taken_back: of them, those that late knowledge showed to be wrong.
        open_share: share of the span in which at least one was open.
        groups: with alerts. by_group: those with the most.
        windows, judged: windows seen, and those with enough in them to be scored.
        true, false, unjudged: what the alerts were; None without labels.
        precision: true ones out of the true and the false.
        recall: incidents found, out of those that it was expected to find; of all detectors together, found by any of
            them, out of those that at least one was expected to find.
        already_open: of the found ones, those that met an alert that had been open before.
        time_to_detect: from an incident's start; 0 where it was found before. lead_time: of those found before.
        false_per_week: false alarms.
        look_alikes_raised: look-alikes taken for failures, out of all of them.
    """

    detector: str
    type: str
    decision: dict[str, Any] | None
    alerts: int
    taken_back: int
    per_day: float
    open_share: float
    groups: int
    by_group: list[GroupCount]
    windows: int
    judged: int
    true: int | None = None
    false: int | None = None
    unjudged: int | None = None
    precision: Share | None = None
    recall: Share | None = None
    already_open: int | None = None
    time_to_detect: Delay | None = None
    lead_time: Delay | None = None
    false_per_week: Rate | None = None
    look_alikes_raised: Share | None = None


class Side(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one side did.

    Attributes:
        config: its settings file. settings: hash of everything in it that bears on alerts.
        incidents: empty without labels.
    """

    config: str
    settings: str
    total: Figures
    detectors: list[Figures]
    incidents: list[IncidentResult]


class AlertRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert, as it is listed. ``truth``: ``true``, ``false`` or ``unjudged``; None without labels."""

    detector: str
    labels: dict[str, str]
    fingerprint: str
    starts_at: str
    fired_at: str
    ends_at: str | None
    truth: str | None
    summary: str


class Moved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alert that both raise, at other times. ``later_s``: B so many seconds after A; negative: before."""

    before: AlertRow
    after: AlertRow
    later_s: float


class Difference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What B does that A does not, and the other way round.

    Attributes:
        same: alerts that both raise at the same time.
        gained, lost: alerts of only B, and of only A. Lists are cut after so many as ``listed`` says.
        gained_count, lost_count, earlier, later: in all.
        gained_incidents, lost_incidents: numbers of labels of watched incidents that only one finds.
        worse: why B is worse on recall; empty where it is not.
    """

    same: int
    gained_count: int
    lost_count: int
    earlier: int
    later: int
    gained: list[AlertRow]
    lost: list[AlertRow]
    moved: list[Moved]
    listed: int
    gained_incidents: list[int]
    lost_incidents: list[int]
    worse: list[str]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that went in: ``name`` without its folder, ``sha256`` of its content."""

    name: str
    bytes: int
    sha256: str


class Backtest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The result of a backtest. Nothing in it depends on when or where it ran.

    Attributes:
        id: sha256 over everything else in it.
        version: of Makegood.
        exact: whether everything was run; otherwise decisions were taken again over windows scored once.
        span_from, span_to: what was judged, RFC 3339. days: its length.
        feeds: by feed, its files. labels: the file of labels.
        a: the settings. b: those that they are held against.
    """

    format: int = FORMAT
    id: str = ""
    version: str
    exact: bool
    span_from: str
    span_to: str
    days: float
    events: int
    dead_letters: int
    feeds: dict[str, list[Source]]
    labels: Source | None
    grace_s: float
    a: Side
    b: Side | None = None
    difference: Difference | None = None


def identified(result: Backtest) -> Backtest:
    """Return the result with its id."""
    return msgspec.structs.replace(result, id=_id(result))


def _id(result: Backtest) -> str:
    plain = msgspec.to_builtins(msgspec.structs.replace(result, id=""))
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()


def write(path: Path, result: Backtest) -> None:
    """Write a result as JSON.

    Raises:
        OSError: when it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    temporary.replace(path)


def read(path: Path) -> Backtest:
    """Read a result, and prove that nobody changed it.

    Raises:
        BacktestFileError: when the file is something else, or was changed after it was written.
        OSError: when it cannot be read.
    """
    try:
        result = msgspec.json.decode(path.read_bytes(), type=Backtest)
    except msgspec.DecodeError as error:
        msg = f"{path}: is not the result of a backtest ({error}); make one with: makegood backtest ... --out DIR"
        raise BacktestFileError(msg) from error
    if result.format != FORMAT:
        msg = f"{path}: has format {result.format}, expected {FORMAT}; run the backtest again"
        raise BacktestFileError(msg)
    if result.id != _id(result):
        msg = f"{path}: its content does not match its id {result.id[:12]}: it was changed; run the backtest again"
        raise BacktestFileError(msg)
    return result


def schema() -> Mapping[str, Any]:
    """Return the JSON Schema of a result."""
    return msgspec.json.schema(Backtest)
