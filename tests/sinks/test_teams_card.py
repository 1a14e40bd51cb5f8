"""The card of Microsoft Teams."""

import json

import pytest

from sinks.teams_card import card_message
from tests.support.chats import NOTE, samples
from tests.support.messages import message
from tests.support.teams import shown


@pytest.mark.parametrize(
    "text",
    [
        "word " * 20_000,
        "🚨" * 9_000,
        '"\\' * 9_000,
        "x\n" * 9_000,
        "https://x.y/z " * 5_000,
        "http://x/" + "a" * 40_000,
    ],
)
@pytest.mark.parametrize("max_bytes", [12_000, 20_000, 28_672])
def test_a_message_is_cut_to_the_size_and_nothing_in_it_is_cut_in_half(text: str, max_bytes: int) -> None:
    payload = card_message(message(summary=text, notes=(NOTE,) * 9), max_bytes)
    size = len(json.dumps(payload, ensure_ascii=False).encode())
    assert max_bytes - 300 <= size <= max_bytes
    lines = shown(payload)
    assert lines[-1] == "ops · mg-0123456789abcdef0123456789abcdef"
    assert lines[-8:-1] == [NOTE] * 6 + ["... and 3 more of these notes."]
    assert lines[0].endswith("…")
    for element in payload["attachments"][0]["content"]["body"][1:]:
        for run in element["inlines"]:
            assert "selectAction" not in run or run["text"] == "https://x.y/z"


def test_the_gravest_of_what_fires_gives_the_colour() -> None:
    styles = {
        name: card_message(told, 20_000)["attachments"][0]["content"]["body"][0]["style"]
        for name, told in samples().items()
    }
    assert styles["firing"] == "attention"
    assert styles["resolved"] == "good"
    assert styles["several"] == "warning"
