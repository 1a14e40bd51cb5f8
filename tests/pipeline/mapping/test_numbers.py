"""What a mapping does with numbers: divide them, and take times as revisions; and with markers that are no text."""

import json
from typing import Any

import pytest

from config.mapping import MappingSettings
from pipeline.mapping import Mapper, compile_mapping
from pipeline.reasons import Reason, RecordError

AT = "2024-05-01T09:30:00Z"
PAID: dict[str, Any] = {"type": "transaction.payment", "id": "{id}", "time": "at"}
MINOR_UNITS = {"field": "currency", "map": {"jpy": 1, "kwd": 1000}, "default": 100}


def mapper(event: dict[str, Any], **data: Any) -> Mapper:
    settings = {"events": [{**PAID, **event, "data": {"order_id": "id", **data}}]}
    return compile_mapping(MappingSettings.model_validate(settings), "feed")


def run(mapped: Mapper, **record: Any) -> Any:
    (event,) = mapped(json.dumps({"id": "1", "at": AT, **record}).encode()) or []
    return event


@pytest.mark.parametrize(
    ("currency", "amount", "expected"),
    [("usd", 1099, 10.99), ("jpy", 500, 500), ("kwd", "5120", 5.12), (None, 1, 0.01), ("usd", None, None)],
)
def test_an_amount_in_minor_units_is_divided_by_what_its_currency_says(
    currency: str | None, amount: Any, expected: float | None
) -> None:
    mapped = mapper({}, amount={"field": "amount", "divide": MINOR_UNITS})
    assert run(mapped, amount=amount, currency=currency).data.amount == expected


def test_a_number_is_divided_by_a_number_after_it_was_rescaled() -> None:
    mapped = mapper({}, amount={"field": "x", "rescale": {"from": [0, 10], "to": [0, 1000]}, "divide": 100})
    assert run(mapped, x=5).data.amount == 5


@pytest.mark.parametrize(("divisor", "reason"), [(0, Reason.INVALID_VALUE), (-1, Reason.INVALID_VALUE), ("x", None)])
def test_a_divisor_that_is_none_makes_a_dead_letter_that_names_it(divisor: Any, reason: Reason | None) -> None:
    mapped = mapper({}, amount={"field": "x", "divide": "by"})
    with pytest.raises(RecordError, match=r"data\.amount\.divide") as caught:
        run(mapped, x=5, by=divisor)
    assert caught.value.reason == (reason or Reason.INVALID_VALUE)
    with pytest.raises(RecordError, match=r"data\.amount\.divide.* has no value"):
        run(mapped, x=5)


@pytest.mark.parametrize("by", [0, -5])
def test_settings_that_divide_by_nothing_are_refused(by: int) -> None:
    with pytest.raises(ValueError, match="divide"):
        mapper({}, amount={"field": "x", "divide": by})


def test_only_numbers_can_be_divided() -> None:
    with pytest.raises(ValueError, match=r"data\.status\.divide: only numbers"):
        mapper({}, status={"field": "x", "divide": 2})


def test_a_revision_given_with_formats_is_a_time_in_microseconds() -> None:
    mapped = mapper({"rev": {"field": "edited", "formats": ["rfc3339"]}})
    assert run(mapped, edited=None).rev == 0
    assert run(mapped, edited="2024-05-01T09:30:00.5Z").rev == 1714555800500000


@pytest.mark.parametrize(
    ("value", "rev"), [(False, 0), ("false", 0), (-1, 0), (-1.0, 0), ("-1", 0), (3, 3), (True, None)]
)
def test_markers_of_no_value_compare_as_text_with_values_that_are_none(value: Any, rev: int | None) -> None:
    mapped = mapper({"rev": {"field": "edited", "missing": ["", "false", "-1"]}})
    if rev is None:
        with pytest.raises(RecordError):
            run(mapped, edited=value)
    else:
        assert run(mapped, edited=value).rev == rev


def test_an_entry_of_a_list_is_found_by_a_key_that_lies_deeper() -> None:
    mapped = mapper({}, status="answers[field.type=nps].number")
    answers = [{"field": {"type": "text"}, "number": 1}, "odd", {"field": 3}, {"field": {"type": "nps"}, "number": 9}]
    assert run(mapped, answers=answers).data.status == "9"
    assert run(mapped, answers=answers[:3]).data.status is None
    assert run(mapped, answers=[{"field.type": "nps", "number": 8}]).data.status == "8"
