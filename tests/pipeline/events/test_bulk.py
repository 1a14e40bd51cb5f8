"""Decoding in bulk says of every record what decoding it alone says."""

import json
import random
from typing import Any

import pytest

from detectors.events import Event
from detectors.grouping import group_reader
from pipeline.events import decode_event, decode_many
from pipeline.reasons import Reason, RecordError


def record(id_: str, type_: str = "social.post", data: dict[str, Any] | None = None, **fields: Any) -> bytes:
    whole = {"id": id_, "source": "s", "type": type_, "time": "2024-05-01T09:30:00Z", "data": data or {}}
    return json.dumps({**whole, **fields}, ensure_ascii=False).encode()


GOOD = [
    record("1"),
    record("2", data={"text": "größer"}),
    record("3", "crm.case.opened", {"case_id": "c", "deadline": "2024-05-02T09:30:00Z"}),
    record("4", recordedtime="2024-05-01T09:31:00Z", sequence=7, rev=1),
]
BAD = [
    b"",
    b"{",
    record("5")[:-1] + b"\xc3}",
    record("6", time="1970-01-01T00:00:00Z"),
    record("7", recordedtime="2150-01-01T00:00:00Z"),
    record("8", "transaction.purchased", {"order_id": "o", "deadline": "9999-01-01T00:00:00Z"}),
    record("9", sequence=2**63),
    record("10", rev=-(2**63) - 1),
    record("11") + record("12"),
]


def alone(raw: bytes) -> Event | tuple[Reason, str]:
    try:
        return decode_event(raw)
    except RecordError as error:
        return error.reason, error.detail


@pytest.mark.parametrize("seed", range(20))
def test_events_and_errors_are_those_of_the_single_records_in_their_order(seed: int) -> None:
    dice = random.Random(seed)
    records = dice.choices(GOOD, k=8) + dice.choices(BAD, k=seed % 4)
    dice.shuffle(records)
    events, errors = decode_many(records)
    wanted = [alone(raw) for raw in records]
    assert events == [found for found in wanted if not isinstance(found, tuple)]
    assert [(index, (error.reason, error.detail)) for index, error in errors] == [
        (index, found) for index, found in enumerate(wanted) if isinstance(found, tuple)
    ]


def test_halves_of_a_character_in_two_records_do_not_make_one() -> None:
    # Unknown fields are skipped over unread, so that only the check of the whole bytes can find them.
    first, second = record("1", note="@"), record("2", note="@")
    whole = "ö".encode()
    records = [first.replace(b'"@"}', b'"') + whole[:1], whole[1:] + second]
    assert decode_many(records)[0] == []
    inside = [first.replace(b"@", whole[:1]), second.replace(b"@", whole[1:])]
    assert [error.reason for _, error in decode_many(inside)[1]] == [Reason.INVALID_UTF8] * 2


def test_a_group_of_common_fields_is_read_as_one_of_any_labels() -> None:
    events, errors = decode_many(
        [
            record("1", data={"service": "tv", "region": "north"}),
            record("2", data={"service": "tv"}),
            record("3", data={"service": "tv", "region": ""}),
            record("4", data={"service": "tv", "labels": {"region": "south"}}),
            record("5", data={"service": "tv", "region": "north", "labels": {"other": "x"}}),
        ]
    )
    assert errors == []
    read, slowly = group_reader(("service", "region")), group_reader(("service", "region", "queue"))
    assert [read(event) for event in events] == [slowly(event)[:2] for event in events]
    assert [read(event)[1] for event in events] == ["north", "", "", "south", "north"]
    only = group_reader(("region",))
    assert [only(event) for event in events] == [(read(event)[1],) for event in events]
