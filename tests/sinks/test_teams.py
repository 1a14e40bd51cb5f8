"""Microsoft Teams by a workflow."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sinks.channels.teams import ERRORS, TeamsChannel, TeamsSettings
from sinks.contract import DeliveryError, Failure, Message, Reason, Receipt
from sinks.http_status import http_failure
from tests.support.chats import HOSTILE, samples
from tests.support.golden import check_golden
from tests.support.http import Answer, black_hole, http_server, refused_port
from tests.support.messages import message
from tests.support.patience import PATIENCE_S, given_time
from tests.support.strict import untrusted_https
from tests.support.teams import PATH, RUN, FakeTeams, fake_teams, shown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "channels" / "teams.md"
CODES = {
    "AuthorizationFailed": (403, Reason.AUTH),
    "DirectApiAuthorizationRequired": (401, Reason.AUTH),
    "InvalidAuthorizationSignature": (401, Reason.AUTH),
    "MisMatchingOAuthClaims": (401, Reason.AUTH),
    "WorkflowNotFound": (404, Reason.BAD_RECIPIENT),
    "WorkflowTriggerIsNotEnabled": (400, Reason.BAD_RECIPIENT),
    "WorkflowTriggerNotFound": (404, Reason.BAD_RECIPIENT),
    "InvalidRequestContent": (400, Reason.REJECTED),
    "InvalidTemplate": (400, Reason.REJECTED),
    "TriggerInputSchemaMismatch": (400, Reason.REJECTED),
}
OLD = (
    "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {} with ContextId tcid=1"
)


@pytest.fixture
def teams() -> Iterator[FakeTeams]:
    with fake_teams() as teams:
        yield teams


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch, teams: FakeTeams) -> TeamsChannel:
    return made(monkeypatch, teams.url)


def made(monkeypatch: pytest.MonkeyPatch, base: str, **more: Any) -> TeamsChannel:
    monkeypatch.setenv("MG_TEST_TEAMS", base + PATH)
    entry = {"type": "teams", "url_secret": {"env": "MG_TEST_TEAMS"}, **more}
    return TeamsChannel("room", TeamsSettings.model_validate(entry))


def send(channel: TeamsChannel, told: Message | None = None, timeout_s: float = PATIENCE_S) -> list[Receipt]:
    return channel.send(told or message(), channel.recipients, timeout_s)


def failure(channel: TeamsChannel, timeout_s: float = PATIENCE_S) -> Failure:
    with pytest.raises(DeliveryError) as caught:
        send(channel, timeout_s=timeout_s)
    assert "hunter2" not in repr((caught.value, caught.value.failure, caught.value.__cause__))
    return caught.value.failure


@pytest.mark.parametrize("name", sorted(samples()))
def test_the_message_is_as_it_was_approved(name: str, channel: TeamsChannel, teams: FakeTeams) -> None:
    (receipt,) = send(channel, samples()[name])
    assert (receipt.recipient, receipt.outcome, receipt.provider_id) == ("room", "accepted", RUN)
    check_golden(f"teams/{name}", teams.taken[0])


def test_202_is_accepted_and_the_1_of_an_old_connector_is_delivered(channel: TeamsChannel, teams: FakeTeams) -> None:
    for answer, outcome in (
        (Answer(202, {}, b""), "accepted"),
        (Answer(200, {}, b"1"), "delivered"),
        (Answer(200, {}, b""), "accepted"),
        (Answer(200, {}, b'{"posted": true}'), "accepted"),
        (Answer(202, {"x-ms-workflow-run-id": "hunter2 <script>"}, b""), "accepted"),
    ):
        teams.instead = answer
        (receipt,) = send(channel)
        assert (receipt.outcome, receipt.provider_id) == (outcome, "")


def test_what_customers_wrote_is_shown_as_it_stands_and_is_no_disguised_link(
    channel: TeamsChannel, teams: FakeTeams
) -> None:
    send(channel, message(summary=HOSTILE))
    said = "\n".join(shown(teams.taken[0]))
    assert "[pay](https://evil.example/?a=1&b=2) *bold* _it_ `code`" in said
    assert "\x1b" not in said
    for element in teams.taken[0]["attachments"][0]["content"]["body"][1:]:
        for run in element["inlines"]:
            assert "selectAction" not in run or run["selectAction"]["url"] == run["text"]


def test_the_table_has_every_code_and_no_other() -> None:
    assert set(ERRORS) == set(CODES)


def test_the_page_lists_every_code_beside_its_reason() -> None:
    rows = PAGE.read_text(encoding="utf-8").splitlines()
    for code, (_status, reason) in CODES.items():
        assert any(row.startswith(f"| `{reason}`") and f"`{code}`" in row for row in rows), code


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_means_what_the_table_says(code: str, channel: TeamsChannel, teams: FakeTeams) -> None:
    status, reason = CODES[code]
    body = json.dumps({"error": {"code": code, "message": "about hunter2"}}).encode()
    for answered in (status, 200):
        teams.instead = Answer(answered, {"Content-Type": "application/json"}, body)
        found = failure(channel)
        assert (found.reason, found.permanent, found.ambiguous) == (reason, True, False)
        assert code in found.detail


def test_every_status_has_a_meaning(channel: TeamsChannel, teams: FakeTeams) -> None:
    for status in (*range(300, 309), *range(400, 452), *range(500, 512), 520, 599):
        teams.instead = Answer(status, {"Location": teams.url + "/elsewhere"}, b'{"error":{"code":"Other"}}')
        found, expected = failure(channel), http_failure(status, "")
        assert expected is not None
        assert (found.reason, found.permanent, found.ambiguous) == (
            expected.reason,
            expected.permanent,
            expected.ambiguous,
        ), status


@pytest.mark.parametrize(
    ("said", "reason", "is_permanent"),
    [
        (OLD.format(429), Reason.RATE_LIMITED, False),
        (OLD.format(413), Reason.REJECTED, True),
        (OLD.format(404), Reason.BAD_RECIPIENT, True),
        (OLD.format(403), Reason.AUTH, True),
        (OLD.format(500), Reason.SERVER_ERROR, False),
        (OLD.format(200), Reason.SERVER_ERROR, False),
        ("Webhook message delivery failed with error: Unable to reach", Reason.SERVER_ERROR, False),
        ("Microsoft Teams endpoint returned HTTP error 429 with ContextId", Reason.RATE_LIMITED, False),
        ('{"error": {"code": "Other", "message": "hunter2"}}', Reason.REJECTED, True),
    ],
)
def test_a_200_with_an_error_inside_is_a_failure(
    said: str, reason: Reason, is_permanent: bool, channel: TeamsChannel, teams: FakeTeams
) -> None:
    teams.instead = Answer(200, {"Retry-After": "5"}, said.encode())
    found = failure(channel)
    assert (found.reason, found.permanent) == (reason, is_permanent)
    assert found.retry_after_us == (None if is_permanent else 5_000_000)


@pytest.mark.parametrize(
    ("headers", "after_us", "at_us"),
    [
        ({"Retry-After": "30"}, 30_000_000, None),
        ({"Retry-After": "Sat, 21 Feb 2015 12:00:07 GMT", "Date": "Sat, 21 Feb 2015 12:00:00 GMT"}, 7_000_000, None),
        ({"Retry-After": "Sat, 21 Feb 2015 12:00:07 GMT"}, None, 1_424_520_007_000_000),
        ({}, None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(
    headers: dict[str, str], after_us: int | None, at_us: int | None, channel: TeamsChannel, teams: FakeTeams
) -> None:
    teams.instead = Answer(429, headers, b"<html>")
    found = failure(channel)
    assert (found.reason, found.retry_after_us, found.retry_at_us) == (Reason.RATE_LIMITED, after_us, at_us)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe{", b"[1]", b'{"error": {"code": ["x"]}}', b'{"error": 1}'])
def test_a_body_that_cannot_be_read_leaves_the_status_to_decide(
    body: bytes, channel: TeamsChannel, teams: FakeTeams
) -> None:
    teams.instead = Answer(400, {}, body)
    assert failure(channel).reason == Reason.REJECTED


def test_refused_swallowed_and_dropped_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    with refused_port() as port:
        found = failure(made(monkeypatch, f"http://127.0.0.1:{port}"))
        assert (found.reason, found.ambiguous) == (Reason.UNREACHABLE, False)
    with black_hole() as port:
        silent = made(monkeypatch, f"http://127.0.0.1:{port}")

        def attempt(time_s: float) -> tuple[Reason, bool]:
            found = failure(silent, time_s)
            return found.reason, found.ambiguous

        assert given_time(attempt, (Reason.TIMEOUT, True)) == (Reason.TIMEOUT, True)
    with http_server(Answer(drop=True)) as server:
        found = failure(made(monkeypatch, server.url))
        assert (found.reason, found.ambiguous) == (Reason.UNREACHABLE, True)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with untrusted_https(tmp_path) as url:
        found = failure(made(monkeypatch, url))
    assert (found.reason, found.permanent, found.ambiguous) == (Reason.UNREACHABLE, True, False)


def test_a_redirect_is_not_followed(channel: TeamsChannel, teams: FakeTeams) -> None:
    with http_server() as other:
        teams.instead = Answer(307, {"Location": other.url})
        assert failure(channel).permanent
        assert other.requests == []


def test_the_address_is_nowhere_to_be_seen(channel: TeamsChannel, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    receipts = send(channel)
    assert "hunter2" not in repr((receipts, channel.recipients, vars(channel))) + caplog.text


def test_the_address_is_a_secret_and_must_be_kept_as_one() -> None:
    with pytest.raises(ValueError, match="url_secret"):
        TeamsSettings.model_validate({"type": "teams", "url": "https://x.environment.api.powerplatform.com/x"})
