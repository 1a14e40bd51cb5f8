import json
from datetime import UTC, datetime
from typing import Any

import pytest

from detectors.events import EVENT_CLASSES, CaseEvent, Profile, SocialEvent, TransactionEvent
from pipeline.events import decode_event, decode_many, encode_event, to_us
from pipeline.reasons import Reason, RecordError


def record(type_: str = "social.post", data: Any = None, **fields: Any) -> bytes:
    if data is None:
        data = {"case_id": "C-1"} if "case" in type_ else {"order_id": "O-1"} if "transaction" in type_ else {}
    whole = {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": type_,
        "time": "2024-05-01T09:30:00Z",
        "data": data,
    }
    return json.dumps({**whole, **fields}).encode()


def problem(raw: bytes) -> RecordError:
    with pytest.raises(RecordError) as caught:
        decode_event(raw)
    return caught.value


def test_a_case_event_is_decoded_with_its_time_in_microseconds() -> None:
    raw = record("crm.case.opened", {"case_id": "C-7", "priority": "P1"}, time="2024-05-01T11:30:00.000001+02:00")
    event = decode_event(raw)
    assert isinstance(event, CaseEvent)
    assert event.data.case_id == "C-7"
    assert event.step == "opened"
    assert event.time_us == to_us(datetime(2024, 5, 1, 9, 30, 0, 1, tzinfo=UTC))


@pytest.mark.parametrize("type_", sorted(EVENT_CLASSES))
def test_every_event_type_survives_encoding_and_decoding(type_: str) -> None:
    event = decode_event(record(type_, sequence=3, rev=2, subject="c", recordedtime="2024-05-01T09:31:00+01:00"))
    assert event.type == type_
    assert decode_event(encode_event(event)) == event


def test_encoding_writes_neither_profile_nor_microseconds() -> None:
    event = decode_event(record())
    event.profile = Profile(customer="c", tier="gold")
    encoded = encode_event(event)
    assert b"makegood" not in encoded
    assert event.profile is not None
    event.profile = None
    assert decode_event(encoded) == event


@pytest.mark.parametrize(
    "forged", [{"(makegood) profile": {"customer": "x", "tier": "vip"}}, {"(makegood) time_us": 5}]
)
def test_a_profile_or_microseconds_on_the_wire_are_not_believed(forged: Any) -> None:
    with pytest.raises(RecordError, match=r"wrong_type: \(makegood\)"):
        decode_event(record(**forged))


def test_unknown_fields_pass() -> None:
    assert isinstance(decode_event(record(data={"future": [1, {"x": None}]}, extension="e")), SocialEvent)


def test_records_and_errors_are_all_accounted_for_in_order() -> None:
    records = [record(id="a"), b"{", record(id="b"), b"[]", record(id="c")]
    events, errors = decode_many(records)
    assert [event.id for event in events] == ["a", "b", "c"]
    assert [(index, error.reason) for index, error in errors] == [(1, Reason.INVALID_JSON), (3, Reason.NOT_AN_OBJECT)]


@pytest.mark.parametrize(
    ("raw", "reason", "names"),
    [
        (b"", Reason.INVALID_JSON, "empty"),
        (b"  \r", Reason.INVALID_JSON, "empty"),
        (record()[:-5], Reason.INVALID_JSON, "truncated"),
        (record() + b"x", Reason.INVALID_JSON, "malformed"),
        (record().replace(b'"s"', b'"\xff"'), Reason.INVALID_UTF8, "not UTF-8"),
        (record(extension="@").replace(b"@", b"\xc3\x28"), Reason.INVALID_UTF8, "not UTF-8"),
        (record().replace(b'"s"', b'"\\ud800"'), Reason.INVALID_JSON, "surrogate"),
        (b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}", Reason.INVALID_JSON, "nested"),
        (b"null", Reason.NOT_AN_OBJECT, "object"),
        (b"17", Reason.NOT_AN_OBJECT, "object"),
        (record("crm.case.exploded", {"case_id": "1"}), Reason.UNKNOWN_TYPE, "exploded"),
        (record(type="x" * 1_000_000), Reason.UNKNOWN_TYPE, "type"),
        (record(type=7), Reason.WRONG_TYPE, "type"),
        (b"{}", Reason.MISSING_FIELD, "type"),
        (record("crm.case.opened", {}), Reason.MISSING_FIELD, "data.case_id"),
        (record(id=7), Reason.WRONG_TYPE, "id"),
        (record(id=""), Reason.INVALID_VALUE, "id"),
        (record(id="x" * 1025), Reason.INVALID_VALUE, "id"),
        (record(data={"sentiment": "good"}), Reason.WRONG_TYPE, "data.sentiment"),
        (record(data={"sentiment": 1.5}), Reason.INVALID_VALUE, "data.sentiment"),
        (record(data={"sentiment": "@"}).replace(b'"@"', b"1e999"), Reason.INVALID_VALUE, "data.sentiment"),
        (record(data={"sentiment": "@"}).replace(b'"@"', b"NaN"), Reason.INVALID_JSON, "malformed"),
        (record(data={"sentiment": "@"}).replace(b'"@"', b"9" * 5_000), Reason.INVALID_VALUE, "data.sentiment"),
        (record(data={"labels": {"a": 1}}), Reason.WRONG_TYPE, "data.labels"),
        (record(data=[]), Reason.WRONG_TYPE, "data"),
        (record(sequence=2**63), Reason.INVALID_VALUE, "sequence"),
        (record(rev=-(2**70)), Reason.INVALID_VALUE, "rev"),
        (record(sequence=1.5), Reason.WRONG_TYPE, "sequence"),
        (record(time="2024-05-01T09:30:00"), Reason.INVALID_TIME, "time"),
        (record(time="yesterday"), Reason.INVALID_TIME, "time"),
        (record(time="0000-01-01T00:00:00Z"), Reason.INVALID_TIME, "time"),
        (record(time=1714555800), Reason.WRONG_TYPE, "time"),
        (record(time="0001-01-01T00:00:00+14:00"), Reason.TIME_OUT_OF_RANGE, "time"),
        (record(time="1989-12-31T23:59:59Z"), Reason.TIME_OUT_OF_RANGE, "time"),
        (record(time="2100-01-01T00:00:00Z"), Reason.TIME_OUT_OF_RANGE, "time"),
        (record(time="9999-12-31T23:59:59-14:00"), Reason.TIME_OUT_OF_RANGE, "time"),
        (record(recordedtime="9999-01-01T00:00:00Z"), Reason.TIME_OUT_OF_RANGE, "recordedtime"),
        (
            record("transaction.purchased", {"order_id": "1", "deadline": "0001-01-01T00:00:00Z"}),
            Reason.TIME_OUT_OF_RANGE,
            "data.deadline",
        ),
    ],
)
def test_what_is_no_event_has_a_reason_and_names_the_field(raw: bytes, reason: Reason, names: str) -> None:
    found = problem(raw)
    assert found.reason == reason, found
    assert names in found.detail


def test_a_detail_never_holds_the_whole_record() -> None:
    for raw in (record(type="secret" * 1_000), record(id="x" * 5_000), record(time="t" * 5_000), b"{" * 9_000):
        assert len(problem(raw).detail) <= 300


def test_the_bounds_of_time_are_1990_and_2100() -> None:
    assert decode_event(record(time="1990-01-01T00:00:00Z")).time_us == 631152000 * 10**6
    assert decode_event(record(time="2099-12-31T23:59:59.999999Z")).time_us == 4102444800 * 10**6 - 1


def test_a_deadline_is_kept_as_it_was_sent() -> None:
    event = decode_event(record("transaction.purchased", {"order_id": "1", "deadline": "2024-05-09T00:00:00-03:00"}))
    assert isinstance(event, TransactionEvent)
    assert event.data.deadline == datetime(2024, 5, 9, 3, tzinfo=UTC)


def test_another_version_of_cloudevents_is_refused_in_words() -> None:
    with pytest.raises(RecordError) as refused:
        decode_event(b'{"specversion":"0.3","type":"social.post","id":"1","source":"s"}')
    assert (refused.value.reason, refused.value.detail) == (
        Reason.INVALID_VALUE,
        "specversion: expected 1.0 of CloudEvents, got '0.3'",
    )
