from pathlib import Path

import pytest

from config.secret import SecretRef
from sinks.contract import DeliveryError, Reason
from sinks.json_api import cut, encode, header_secret, name_within, text_within, units
from tests.support.incident_messages import GOLDEN_MESSAGES, firing, told


@pytest.mark.parametrize("odd", ["hunter2\nX: y", "hunter2\r", "hunter2 ", "hünter2", "hunter2\x00"])
def test_a_key_that_no_header_can_carry_is_named_by_its_place(odd: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"a{odd}b", encoding="utf-8")
    if odd == "hunter2 ":
        assert header_secret(SecretRef(file=path)) == "ahunter2 b"
        return
    with pytest.raises(DeliveryError, match=str(path)) as caught:
        header_secret(SecretRef(file=path))
    assert (caught.value.failure.reason, caught.value.failure.permanent) == (Reason.AUTH, True)
    assert "nter2" not in str(caught.value)


def test_a_text_is_cut_at_the_limit_as_the_strictest_counter_counts() -> None:
    for limit in range(1, 12):
        for text in ("abc", "🚨" * 6, "a🚨" * 5, "a" * 12, " " * 12):
            short = cut(text, limit)
            assert units(short) <= limit
            assert (short == text) == (units(text) <= limit)
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"


def test_the_notes_are_not_what_is_cut_of_a_long_text() -> None:
    message = GOLDEN_MESSAGES["long"]
    short = text_within(message, 1000)
    assert units(short) == 1000
    assert short.endswith(f"…\n\n{message.notes[0]}")
    assert short.count(message.notes[0]) == 1
    many = told(firing(), notes=("note " * 1000,))
    assert units(text_within(many, 1000)) <= 1000


def test_long_names_of_incidents_stay_apart() -> None:
    long = "x" * 300
    assert units(name_within(long, 255)) <= 255
    assert name_within(long + "a", 255) != name_within(long + "b", 255)
    assert name_within(long, 255) == name_within(long, 255)
    assert name_within("x" * 255, 255) == "x" * 255


def test_what_providers_refuse_in_a_text_is_shown_as_such() -> None:
    body = {"a": ["x\x00\x1b", ("\ud800", 1, None)], "b": {"c": "a\r\nb🚨"}}
    assert encode(body).decode() == '{"a": ["x��", ["�", 1, null]], "b": {"c": "a\\nb🚨"}}'
