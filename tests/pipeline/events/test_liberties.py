"""Records that take the liberties of CloudEvents, among others: order, errors, and what is no liberty."""

import json
import random
from typing import Any

import pytest

from pipeline.cloudevents import canonical, take_liberties
from pipeline.decode import Decoder
from pipeline.events import decode_many
from pipeline.feeds.contract import RawBatch
from pipeline.reasons import Reason


def record(id_: str, **fields: Any) -> bytes:
    whole = {
        "id": id_,
        "source": "s",
        "type": "social.post",
        "time": "2024-05-01T09:30:00Z",
        "data": {"text": "größer"},
    }
    return json.dumps({**whole, **fields}, ensure_ascii=False).encode()


PLAIN = [record("1"), record("2", sequence=4)]
LIBERAL = [record("3", subject=None), record("4", sequence="7", rev="-2"), record("5", rev=None, sequence=None)]
BAD = [b"{", record("6", subject=None, time=None), record("7", subject=5), record("8", sequence="7.0", rev=None)]


@pytest.mark.parametrize("seed", range(10))
def test_events_and_dead_letters_stay_in_the_order_of_their_records(seed: int) -> None:
    dice = random.Random(seed)
    records = dice.choices([*PLAIN, *LIBERAL, *BAD], k=20)
    decoded = Decoder({}).decode(RawBatch("f", "0", list(range(20)), records))
    good = [raw for raw in records if raw not in BAD]
    assert [event.id for event in decoded.events] == [json.loads(raw)["id"] for raw in good]
    assert [letter.raw for letter in decoded.dead] == [raw for raw in records if raw in BAD]
    assert [letter.offset for letter in decoded.dead] == [at for at, raw in enumerate(records) if raw in BAD]


def test_what_is_read_is_what_a_plain_record_says() -> None:
    events, errors = take_liberties(LIBERAL, *decode_many(LIBERAL))
    assert errors == []
    assert events == decode_many([record("3"), record("4", sequence=7, rev=-2), record("5")])[0]


def test_a_record_that_is_bad_besides_is_told_of_for_that() -> None:
    _, errors = take_liberties(BAD, *decode_many(BAD))
    assert [(error.reason, error.detail.partition(":")[0]) for _, error in errors] == [
        (Reason.INVALID_JSON, "expected a JSON object"),
        (Reason.MISSING_FIELD, "time"),
        (Reason.WRONG_TYPE, "subject"),
        (Reason.WRONG_TYPE, "sequence"),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        *PLAIN,
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a":' * 5_000,
        record("1", sequence="+7"),
        record("1", sequence="٣"),
        record("1", sequence="9" * 30),
        record("1", data_base64="e30="),
        json.dumps({"data_base64": "e30"}).encode(),
        json.dumps({"data_base64": "e30=", "datacontenttype": "text/plain"}).encode(),
        json.dumps({"data_base64": "bnVsbA==", "datacontenttype": "application/json"}).encode(),
        json.dumps({"data_base64": 5}).encode(),
    ],
)
def test_what_takes_no_liberty_is_left_alone(raw: bytes) -> None:
    assert canonical(raw) is None


def test_bytes_that_are_no_utf8_stay_an_error_inside_what_was_base64() -> None:
    data = "eyJ0ZXh0IjoiYf8ifQ=="  # {"text":"a\xff"}
    whole = {"id": "1", "source": "s", "type": "social.post", "time": "2024-05-01T09:30:00Z", "data_base64": data}
    records = [json.dumps(whole).encode()]
    events, errors = take_liberties(records, *decode_many(records))
    assert events == []
    assert [error.reason for _, error in errors] == [Reason.INVALID_UTF8]
