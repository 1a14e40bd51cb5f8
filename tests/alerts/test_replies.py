"""What people type into phones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.codes import candidates, is_code
from alerts.replies import LONGEST_US, MINUTE_US, Misunderstood, Reply, parse
from alerts.response_model import TEXT_MAX

ACK, HOUR_US = "acknowledge", 60 * MINUTE_US


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("ack", (ACK, "", None, "")),
        ("ACK", (ACK, "", None, "")),
        ("  Ack!! ", (ACK, "", None, "")),
        ('"ack".', (ACK, "", None, "")),
        ("acknowledge", (ACK, "", None, "")),
        ("Ok", (ACK, "", None, "")),
        ("on it", (ACK, "", None, "")),
        ("ack K7F", (ACK, "K7F", None, "")),
        ("ack k7f", (ACK, "K7F", None, "")),
        ("ack #k7f", (ACK, "K7F", None, "")),
        ("ack: K7F", (ACK, "K7F", None, "")),
        ("k7f ack", (ACK, "K7F", None, "")),
        ("#K7F: ack 30m", (ACK, "K7F", 30 * MINUTE_US, "")),
        ("ack 30m", (ACK, "", 30 * MINUTE_US, "")),
        ("ack 30 m", (ACK, "", 30 * MINUTE_US, "")),
        ("Ack 30 Minutes", (ACK, "", 30 * MINUTE_US, "")),
        ("ack for 2 hrs", (ACK, "", 2 * HOUR_US, "")),
        ("ack 1h30m", (ACK, "", 90 * MINUTE_US, "")),
        ("ack 1 h 30 min", (ACK, "", 90 * MINUTE_US, "")),
        ("ack 30", (ACK, "", 30 * MINUTE_US, "")),
        ("ack 2d", (ACK, "", 48 * HOUR_US, "")),
        ("ack k7f 30m", (ACK, "K7F", 30 * MINUTE_US, "")),
        ("ack 30m k7f", (ACK, "K7F", 30 * MINUTE_US, "")),
        ("ack 30m, on my way", (ACK, "", 30 * MINUTE_US, "on my way")),
        ("ack on my way", (ACK, "", None, "on my way")),
        ("ack thx", (ACK, "", None, "thx")),
        ("ack k7f on my way", (ACK, "K7F", None, "on my way")),
        ("ack 3rd floor", (ACK, "", None, "3rd floor")),
        ("ack inc-7", (ACK, "INC-7", None, "")),
        ("ack INC 7 1h", (ACK, "INC-7", HOUR_US, "")),
        ("ack 0f3a9c55", (ACK, "0f3a9c55", None, "")),
        ("ack mg-0f3a9c55", (ACK, "mg-0f3a9c55", None, "")),
        ("unack", ("unacknowledge", "", None, "")),
        ("Unack K7F I must leave", ("unacknowledge", "K7F", None, "I must leave")),
        ("resolve", ("resolve", "", None, "")),
        ("resolved k7f", ("resolve", "K7F", None, "")),
        ("Done, thanks", ("resolve", "", None, "thanks")),
        ("resolve 30m", ("resolve", "", None, "30m")),
        ("comment K7F Till is back.\nAsk Bob", ("comment", "K7F", None, "Till is back.\nAsk Bob")),
        ("Note: till is back", ("comment", "", None, "till is back")),
        ("comment 30m more", ("comment", "", None, "30m more")),
        ("comment ack was mine", ("comment", "", None, "ack was mine")),
        ("help", ("help", "", None, "")),
        ("?", ("help", "", None, "")),
    ],
)
def test_a_message_is_understood_as_people_mean_it(message: str, expected: tuple[str, str, int | None, str]) -> None:
    reply = parse(message)
    assert isinstance(reply, Reply), reply
    assert (reply.kind, reply.target, reply.lasts_us, reply.text) == expected


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("", "Nothing was written"),
        ("  \n", "Nothing was written"),
        ("who is this", "Not understood: 'who is this'"),
        ("ackk", "Not understood"),
        ("acknowledgement", "Not understood"),
        ("k7f", "Not understood"),
        ("not ack", "Not understood"),
        ("comment", "comment is empty"),
        ("comment k7f", "comment is empty"),
        ("ack 14:30", "Say for how long"),
        ("ack 2pm", "Say for how long"),
        ("done nothing yet", "Not sure"),
        ("ok but who resolves it", "Not sure"),
        ("fixed? no", "Not sure"),
        ("ack until 14:30", "Say for how long"),
        ("ack k7f till noon", "Say for how long"),
        ("ack 0m", "That time cannot be"),
        ("ack 99d", "That time cannot be"),
    ],
)
def test_what_is_not_understood_does_nothing_and_says_what_to_write(message: str, why: str) -> None:
    reply = parse(message)
    assert isinstance(reply, Misunderstood)
    assert why in reply.why


@given(st.text(max_size=300))
def test_any_message_is_answered(message: str) -> None:
    reply = parse(message)
    if isinstance(reply, Reply):
        assert len(reply.text) <= TEXT_MAX
        assert reply.lasts_us is None or 0 < reply.lasts_us <= LONGEST_US
    else:
        assert reply.why


@given(
    st.sampled_from(["ack", "UNACK", "Resolve"]), st.integers(0, 2**64 - 1), st.integers(0, 29), st.sampled_from(" #:")
)
def test_every_code_is_recognised_behind_every_word(verb: str, print_: int, number: int, between: str) -> None:
    code = candidates(f"{print_:016x}")[number]
    assert is_code(code)
    reply = parse(f"{verb} {between}{code.lower()}")
    assert isinstance(reply, Reply)
    assert (reply.target, reply.text) == (code, "")


@given(st.sampled_from(["thx", "pls", "ok", "30m", "2h", "b42", "deadbeef", "ack", "mgr", "inc7", "101", "yes"]))
def test_a_word_a_duration_or_a_fingerprint_is_no_code(text: str) -> None:
    assert not is_code(text)
