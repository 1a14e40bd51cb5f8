import json
import re
from pathlib import Path

import pytest

from tests.cli.support import makegood
from tests.support.http import Answer, http_server, refused_port
from tests.support.opsgenie import API_KEY, fake_opsgenie
from tests.support.patience import PATIENCE_S


def written(folder: Path, **entries: str) -> Path:
    path = folder / "watch.yaml"
    lines = [f"  {name}: {entry}" for name, entry in entries.items()]
    path.write_text("\n".join(["channels:", *lines, ""]), encoding="utf-8")
    return path


def test_a_check_shows_what_each_far_side_said_and_sends_nothing(tmp_path: Path) -> None:
    with http_server() as server, refused_port() as port:
        config = written(
            tmp_path,
            screen="{type: console}",
            web=f"{{type: webhook, url: '{server.url}'}}",
            away=f"{{type: webhook, url: 'http://127.0.0.1:{port}'}}",
        )
        done = makegood("channels", "check", "--config", config)
        well = makegood("channels", "check", "web", "screen", "--config", config)
        assert server.requests == []
    where = server.url.removeprefix("http://")
    assert (done.returncode, done.stderr) == (1, "")
    assert [re.split(r"  +", line.strip()) for line in done.stdout.splitlines()] == [
        ["channel", "what", "it said"],
        ["screen", "stdout", "ok", "it is open"],
        ["web", "127.0.0.1", "ok", f"a plain connection with {where}"],
        ["away", "127.0.0.1", "FAILS", "unreachable: the connection was refused"],
    ]
    assert well.returncode == 0
    assert "away" not in well.stdout


def test_a_test_message_is_marked_and_shows_what_the_far_side_answered(tmp_path: Path) -> None:
    with http_server() as server:
        config = written(tmp_path, web=f"{{type: webhook, url: '{server.url}'}}")
        done = makegood("channels", "test", "web", "--config", config, "--json")
        server.script = [Answer(401)]
        refused = makegood("channels", "test", "web", "--config", config)
        told = server.requests[0].json
    sent, over = json.loads(done.stdout)["messages"]
    assert done.returncode == 0
    assert (sent["status"], sent["receipts"][0]["outcome"]) == ("firing", "delivered")
    assert (over["status"], over["receipts"][0]["outcome"]) == ("resolved", "delivered")
    assert told["idempotencyKey"] == sent["key"]
    assert told["alerts"][0]["labels"]["alertname"] == "MakegoodTest"
    assert "Test of the channel web: nothing is wrong" in told["title"]
    assert "This is a test." in told["notes"]
    assert refused.returncode == 1
    assert "auth: HTTP 401" in refused.stdout


def test_what_a_test_opens_at_the_far_side_is_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_KEY", API_KEY)
    with fake_opsgenie() as opsgenie:
        config = written(
            tmp_path, pager=f"{{type: opsgenie, api_key: {{env: MG_TEST_KEY}}, base_url: '{opsgenie.url}'}}"
        )
        done = makegood("channels", "test", "pager", "--config", config, "--json", "--wait", "0")
        assert len(opsgenie.taken) == 2
        assert len(opsgenie.open) == 0
    messages = json.loads(done.stdout)["messages"]
    assert [(one["status"], one["receipts"][0]["outcome"]) for one in messages] == [
        ("firing", "accepted"),
        ("resolved", "accepted"),
    ]


def test_a_provider_that_says_later_what_became_of_it_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_KEY", API_KEY)
    with fake_opsgenie() as opsgenie:
        opsgenie.results["request-1"] = {"success": False, "isSuccess": False, "action": "Create", "status": "Failed"}
        config = written(
            tmp_path, pager=f"{{type: opsgenie, api_key: {{env: MG_TEST_KEY}}, base_url: '{opsgenie.url}'}}"
        )
        done = makegood("channels", "test", "pager", "--config", config, "--wait", str(PATIENCE_S))
    assert done.returncode == 1
    assert "Opsgenie took the request and then failed to process it" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["test", "nobody"], "there is no channel 'nobody'; there are: screen"),
        (["check", "nobody"], "there is no channel 'nobody'; there are: screen"),
        (["test", "screen", "--recipient", "stderr"], "screen has no recipient 'stderr'; it has: stdout"),
    ],
)
def test_a_name_that_there_is_not_is_unusable_input(tmp_path: Path, arguments: list[str], expected: str) -> None:
    done = makegood("channels", *arguments, "--config", written(tmp_path, screen="{type: console}"))
    assert (done.returncode, done.stderr) == (2, f"makegood: {expected}\n")


def test_settings_without_channels_are_nothing_to_check(tmp_path: Path) -> None:
    path = tmp_path / "watch.yaml"
    path.write_text("channels: {}\n", encoding="utf-8")
    assert makegood("channels", "check", "--config", path).stdout == "no channels\n"
