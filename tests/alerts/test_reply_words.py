"""What a person is answered who replied from a phone."""

import pytest

from alerts.replies import HOW, Reply, parse
from alerts.reply_words import answer_text
from alerts.response_model import Answer, Kind, Response, Result
from tests.support.alerts import START_US, change

HOUR_US = 3_600_000_000
ALERT = change(summary="checkout fails in the north")


def answer(result: Result = "done", kind: Kind = "acknowledge", *, until_us: int | None = None, to: str = "") -> Answer:
    kept = Response(kind=kind, id="i", by="ann", via="sms", at_us=START_US, until_us=until_us, to=to)
    done = result in {"done", "repeated"}
    return Answer(fingerprint=ALERT.fingerprint, result=result, response=kept if done else None, current=ALERT)


ACK = Reply(kind="acknowledge")


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ([answer()], "K7F: acknowledged. checkout fails in the north"),
        ([answer("repeated")], "K7F: acknowledged. checkout fails in the north"),
        ([answer(until_us=START_US + HOUR_US)], "K7F: acknowledged until 13:00 UTC. checkout fails in the north"),
        (
            [answer(until_us=START_US + 24 * HOUR_US)],
            "K7F: acknowledged until 12:00 UTC 22 Feb. checkout fails in the north",
        ),
        ([answer(kind="unacknowledge")], "K7F: given back: it is escalated again. checkout fails in the north"),
        ([answer(kind="resolve")], "K7F: resolved. checkout fails in the north"),
        ([answer(kind="reassign", to="bob")], "K7F: reassigned to bob. checkout fails in the north"),
        ([answer("resolved")], "K7F: it has resolved already: nothing to do."),
        ([answer("not_acknowledged")], "K7F: nobody had acknowledged it: nothing to do."),
        (
            [answer("another_episode")],
            "K7F: it ended and has fired anew since: nothing was done. Answer the newer message.",
        ),
        ([answer("unknown")], "K7F: there is no such alert any more: nothing was done."),
        ([answer(), answer()], "K7F: 2 alerts acknowledged."),
        ([answer(), answer("resolved")], "K7F: 1 alert acknowledged, 1 had resolved or ended before."),
        ([answer("resolved"), answer("resolved")], "K7F: 0 alerts changed, 2 had resolved or ended before."),
        ([], "K7F: nothing of it fires: nothing to do."),
    ],
)
def test_the_answer_says_what_was_understood_and_what_became_of_it(answers: list[Answer], text: str) -> None:
    assert answer_text(ACK, answers, name="K7F") == text


def test_times_are_told_in_the_zone_of_the_person() -> None:
    told = answer_text(ACK, [answer(until_us=START_US + HOUR_US)], zone="Europe/Berlin")
    assert told.startswith("acknowledged until 14:00 CET.")


def test_what_was_not_understood_and_what_help_says() -> None:
    assert answer_text(parse("hm"), []).startswith("Not understood: 'hm'.")
    assert answer_text(parse("help"), []) == HOW
    assert len(HOW) <= 160


def test_a_long_summary_does_not_make_two_messages() -> None:
    long = Answer(fingerprint="f", result="done", response=answer().response, current=change(summary="very long " * 40))
    assert len(answer_text(ACK, [long], name="K7F")) <= 160
