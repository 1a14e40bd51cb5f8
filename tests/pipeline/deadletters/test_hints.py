import json

import pytest

from pipeline.hints import with_hint
from pipeline.letters import DeadLetter
from pipeline.reasons import Reason

RECORD = json.dumps({"Order ID": "1", "created_at": "x", "status": None}).encode()


def told(detail: str, raw: bytes = RECORD, reason: Reason = Reason.MISSING_FIELD, *, mapped: bool = False) -> str:
    return with_hint(DeadLetter("crm", "p", 1, 0, raw, reason, detail, mapped)).removeprefix(detail)


@pytest.mark.parametrize(
    ("detail", "hint"),
    [
        (
            "events[0].time: field 'creatd_at' has no value",
            "; the record has no 'creatd_at'. Did you mean 'created_at'?",
        ),
        ("events[0].time: field 'x.y' or 'CREATED_AT' has no value", "; the record has no 'CREATED_AT'. Did you mean"),
        ("events[0].id: a field of '{OrderID}:{status}' has no value", "; the record has no 'OrderID'. Did you mean"),
        (
            """events[0].id: field '["Order Id"].x' has no value""",
            "; the record has no 'Order Id'. Did you mean 'Order ID'",
        ),
        ("events[0].id: field 'zzz' has no value", "; the record has no 'zzz'. It has: Order ID, created_at, status"),
        ("events[0].id: field 'status' has no value", ""),
        ("events[0].id: a field of '{@hash}' has no value", ""),
        ("id: expected a value, got none", ""),
    ],
)
def test_a_field_that_the_record_does_not_have_is_told_with_those_it_has(detail: str, hint: str) -> None:
    assert told(detail).startswith(hint)
    assert bool(told(detail)) == bool(hint)


def test_there_is_no_hint_where_there_is_nothing_to_misspell() -> None:
    detail = "events[0].time: field 'creatd_at' has no value"
    assert told(detail, reason=Reason.WRONG_TYPE) == ""
    assert told(detail, mapped=True) == ""
    assert told(detail, b"[1]") == told(detail, b"\xff") == told(detail, b"{}") == ""
