import io

import pytest

from sinks.channels.console import ConsoleChannel, ConsoleSettings
from sinks.contract import Message
from tests.support.messages import message


def shown(told: Message, width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    out = io.StringIO()
    ConsoleChannel("screen", ConsoleSettings(type="console"), out).send(told, ["stdout"], 1.0)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_the_title_is_shown_whole_however_narrow_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told = message(summary="checkout, north: mean sentiment -0.49 over 63 posts, normally +0.12 (p = 5e-27)")
    words = shown(told, width, monkeypatch).replace("│", " ").split()
    for word in told.title.split():
        assert word in words


def test_a_title_that_fits_stands_in_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    told = message(summary="checkout is slow")
    assert told.title in shown(told, 80, monkeypatch).splitlines()[0]
