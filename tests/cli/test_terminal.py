"""What others wrote moves no cursor, and colours, links and hides nothing on the terminal of who looks at it."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.incidents import Incidents
from alerts.response_model import Said
from alerts.responses import Responses
from alerts.silences import SilenceBook
from alerts.store import AlertStore
from config.settings import Settings
from pipeline.commands.drawing import Terminal
from pipeline.deadletters import DeadLetter, DeadLetters
from pipeline.reasons import Reason
from sinks.channels.console import ConsoleChannel, ConsoleSettings
from tests.cli.support import makegood
from tests.support.alerts import change
from tests.support.messages import message
from tests.support.redis import fresh_store, redis_client
from tests.support.store_fixtures import redis_url

__all__ = ["redis_url"]

NASTY = "a\x1b]0;owned\x07\x1b[2J\x1b[8mb\x9b2Jc\rd\u202e [red]e[/red] [/nope] [link=https://evil.example]f[/link]"
BAD = {"\x1b", "\x9b", "\x07", "\r", "\u202e"}
FAR_US = 4_000_000_000_000_000


@pytest.fixture
def config(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MG_TEST_REDIS", redis_url)
    with redis_client(redis_url) as connection:
        store: AlertStore = fresh_store(connection)
        one = change(NASTY, summary=NASTY, service=NASTY)
        store.apply([one])
        Responses(store).comment(one.fingerprint, Said(id="1", by="x\x1b[2J", via="link", at_us=1), NASTY)
        Incidents(store, Settings().incidents).assign(one, 1)
        SilenceBook(store).add(["service=x"], ends_us=FAR_US, author="k\x1b[2J", comment=NASTY, now_us=FAR_US - 1)
        plain = {
            "feeds": {"crm": {"type": "file", "path": "crm.jsonl"}},
            "channels": {"log": {"type": "console"}},
            "receivers": {"ops": {"tiers": [{"channel": "log"}]}},
            "route": {"receiver": "ops"},
            "store": {"dir": str(tmp_path), "url": {"env": "MG_TEST_REDIS"}, "prefix": store.settings.prefix},
        }
        with DeadLetters(tmp_path / "letters.db") as letters:
            letters.add([DeadLetter("crm", NASTY, 1, 0, NASTY.encode(), Reason.WRONG_TYPE, NASTY)], 1)
        path = tmp_path / "makegood.yaml"
        path.write_text(json.dumps(plain))
        yield path


@pytest.mark.parametrize(
    "command",
    [
        *("alerts", "alerts {fp}", "alerts --json", "incidents list", "incidents show 1", "incidents list --json"),
        *("silence list --state all", "silence list --state all --json", "routes test service={nasty}", "explain {fp}"),
        *("deadletters list --file {letters}", "deadletters show 1 --file {letters}", "alerts {nasty}"),
        *("deadletters list --file {letters} --json", "ack {nasty}", "audit list", "silence preview service=x"),
    ],
)
def test_no_command_writes_what_others_wrote_to_the_terminal_itself(config: Path, command: str) -> None:
    values = {
        "fp": change(NASTY, summary=NASTY, service=NASTY).fingerprint,
        "nasty": NASTY,
        "letters": str(config.parent / "letters.db"),
    }
    arguments = [part.format(**values) for part in command.split(" ")]
    if "--file" not in arguments:
        arguments += ["--config", str(config)]
    done = makegood(*arguments)
    assert done.defect is None, done.defect
    assert done.stdout + done.stderr
    assert not BAD & set(done.stdout + done.stderr)
    if "--json" in arguments:
        assert json.loads(done.stdout)


def test_json_says_the_same_text_all_the_same(config: Path) -> None:
    (one,) = json.loads(makegood("alerts", "--json", "--config", config).stdout)
    assert one["annotations"]["summary"] == NASTY


def test_what_is_drawn_on_a_terminal_has_no_codes_but_ours() -> None:
    out = io.StringIO()
    Terminal(file=out, force_terminal=True, width=200).print(NASTY, style="bold")
    assert out.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "").rstrip("\n").isprintable()
    assert "[red]e[/red]" in out.getvalue()


def test_the_console_channel_prints_text() -> None:
    out = io.StringIO()
    channel = ConsoleChannel("screen", ConsoleSettings(type="console"), out)
    channel.send(message(summary=NASTY, notes=(NASTY,)), ["stdout"], 1.0)
    assert "owned" in out.getvalue()
    assert not BAD & set(out.getvalue())
