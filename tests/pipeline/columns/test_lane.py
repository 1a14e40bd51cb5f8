"""When records are taken as columns."""

import builtins
import sys
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import pytest
from structlog.testing import capture_logs

from pipeline.columns import lane as lanes
from pipeline.columns.events import EventColumns
from pipeline.columns.lane import ColumnLane
from pipeline.columns.wants import Wants
from pipeline.decode import Decoder
from pipeline.feeds.contract import RawBatch
from pipeline.records.text import Lines
from tests.pipeline.columns.records import Records
from tests.support.patience import PATIENCE_S

WANTS = Wants(frozenset({"sentiment", "service"}), frozenset({"crm.case.opened"}))
PLAIN = (
    b'{"specversion":"1.0","type":"%s","source":"s","id":"%d","time":"2026-03-02T00:00:00Z",'
    b'"data":{"case_id":"c","service":"tv","sentiment":0.5}}'
)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something."""
    deadline = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)


def posts(count: int, kind: bytes = b"crm.case.closed") -> list[bytes]:
    return [PLAIN % (kind, number) for number in range(count)]


def without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the compiler of the machine code not installed."""
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "numba":
            msg = "No module named 'numba'"
            raise ImportError(msg)
        return real(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.startswith("pipeline.columns.")]:
        if name.rpartition(".")[2] in {
            "scanner",
            "machine",
            "kernel",
            "parts",
            "reading",
            "gathering",
            "pool",
            "remembering",
            "siphash",
        }:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refuse)


def test_few_records_do_not_fetch_the_machine_code_and_many_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(lanes, "WORTHWHILE", 100)
    monkeypatch.setattr(lanes, "LEAST_RECORDS", 1)
    lane = ColumnLane(WANTS, "auto")
    assert lane.scan("feed", posts(99)) is None
    with capture_logs() as logs:
        assert lane.scan("feed", posts(1)) is None
        until(lambda: bool(logs))
    assert logs[0]["event"] == "columns.ready"
    assert isinstance(lane.scan("feed", posts(5)), EventColumns)


def test_small_batches_neither_fetch_the_machine_code_nor_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(lanes, "WORTHWHILE", 100)
    monkeypatch.setattr(lanes, "LEAST_RECORDS", 10)
    lane = ColumnLane(WANTS, "auto")
    with capture_logs() as logs:
        for _ in range(20):
            assert lane.scan("feed", posts(9)) is None
        assert not lane._fetching
        for _ in range(10):
            assert lane.scan("feed", posts(10)) is None
        until(lambda: bool(logs))
    assert lane.scan("feed", posts(9)) is None
    assert isinstance(lane.scan("feed", posts(10)), EventColumns)
    assert isinstance(ColumnLane(WANTS, "on").scan("feed", posts(2)), EventColumns)


def test_without_the_compiler_everything_goes_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "WORTHWHILE", 1)
    monkeypatch.setattr(lanes, "LEAST_RECORDS", 1)
    without_compiler(monkeypatch)
    lane = ColumnLane(WANTS, "auto")
    with capture_logs() as logs:
        assert lane.scan("feed", posts(5)) is None
        until(lambda: bool(logs))
    assert (logs[0]["event"], logs[0]["hint"]) == ("columns.not_installed", "pip install makegood[fast]")
    assert lane.scan("feed", posts(5)) is None
    with pytest.raises(ImportError):
        ColumnLane(WANTS, "on")


def test_machine_code_that_cannot_be_made_is_told_and_everything_goes_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_wants: Wants) -> None:
        msg = "no memory that code could be in"
        raise OSError(msg)

    monkeypatch.setattr(lanes, "WORTHWHILE", 1)
    monkeypatch.setattr(lanes, "LEAST_RECORDS", 1)
    monkeypatch.setattr(lanes, "build", fail)
    lane = ColumnLane(WANTS, "auto")
    with capture_logs() as logs:
        assert lane.scan("feed", posts(5)) is None
        until(lambda: bool(logs))
    assert (logs[0]["event"], logs[0]["log_level"]) == ("columns.not_ready", "warning")
    assert "no memory" in logs[0]["reason"]
    assert lane.scan("feed", posts(5)) is None


def test_a_batch_of_very_many_bytes_goes_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(lanes, "MOST_BYTES", 1_000)
    lane = ColumnLane(WANTS, "on")
    assert lane.scan("feed", posts(20)) is None
    assert lane.scan("feed", Lines(b"\n".join(posts(20)))) is None
    assert lane.scan("feed", posts(2)) is not None


def test_types_that_somebody_wants_as_events_are_not_plain() -> None:
    pytest.importorskip("numba")
    columns = ColumnLane(WANTS, "on").scan("feed", [*posts(2), *posts(1, b"crm.case.opened"), *posts(1)])
    assert columns is not None
    assert columns.uncertain() == [2]


def test_where_few_records_are_plain_a_while_goes_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(lanes, "PLAIN_ENOUGH", 0.4)
    monkeypatch.setattr(lanes, "REST", 3)
    lane = ColumnLane(WANTS, "on")
    odd = posts(10, b"crm.case.opened")
    taken = [
        lane.scan("feed", records) is not None
        for records in (posts(10), odd, posts(10), posts(10), posts(10), posts(10))
    ]
    assert taken == [True, False, False, False, False, True]
    assert lane.scan("feed", odd) is None
    assert lane.scan("another feed", posts(10)) is not None, "each feed rests by itself"
    assert lane.scan("feed", posts(10)) is None


def test_events_made_of_columns_are_those_of_the_rows_in_their_places() -> None:
    pytest.importorskip("numba")
    by_rows, by_columns = Decoder({"crm": None}), Decoder({"crm": None}, columns=ColumnLane(WANTS, "on"))
    records = Records(3, 0.1, late=0.0).batch(400)
    batch = RawBatch("crm", "0", list(range(400)), records)
    expected, found = by_rows.decode(batch), by_columns.decode(batch)
    assert list(found.events) == list(expected.events)
    assert found.dead == expected.dead
    assert found.events[0] == expected.events[0]
    assert list(found.events[3:9]) == list(expected.events[3:9])
