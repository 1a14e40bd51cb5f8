"""The contract of ``sinks.contract``, over every registered channel."""

import io
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from sinks.addresses import AddressedSettings
from sinks.channels import catalogue, console
from sinks.checking import Checkable, Checked, check_channel
from sinks.contract import CHANNELS, Channel, ChannelSettings, DeliveryError, Failure, Receipt
from tests.support.channel_cases import CANNOT_FAIL, CASES, NO_PLACE_FOR_THE_KEY, SECRETS, UNSEEN, Case, shown_key
from tests.support.chats import NOTE, several
from tests.support.http_cases import HTTP_CASES
from tests.support.messages import message
from tests.support.patience import PATIENCE_S, given_time

NAMES = CHANNELS.names()
FALLIBLE = [name for name in NAMES if name not in CANNOT_FAIL]
IN_TIME_S = 10
DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "channels"


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    with ExitStack() as stack:
        yield Case(tmp_path, stack, monkeypatch)


def _build(name: str, entry: dict[str, Any]) -> tuple[Channel, ChannelSettings]:
    settings = CHANNELS.settings(name).model_validate(entry)
    assert isinstance(settings, ChannelSettings)
    return CHANNELS.factory(name)("mine", settings), settings


def _failures(channel: Channel, timeout_s: float) -> list[Failure | None]:
    try:
        return [receipt.failure for receipt in channel.send(message(), channel.recipients, timeout_s)]
    except DeliveryError as error:
        return [error.failure]


def test_every_channel_has_a_case_and_every_case_a_channel() -> None:
    assert catalogue is not None
    assert sorted(CASES) == NAMES
    assert {*CANNOT_FAIL, *UNSEEN, *NO_PLACE_FOR_THE_KEY} <= set(NAMES)


def test_every_channel_that_sends_to_addresses_has_a_case_over_http() -> None:
    over_http = [name for name in NAMES if issubclass(CHANNELS.settings(name), AddressedSettings)]
    assert sorted(HTTP_CASES) == over_http


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_page_that_says_what_it_does_and_how_it_fails(name: str) -> None:
    page = DOCS / f"{'slack' if name == 'slack_webhook' else name}.md"
    text = page.read_text(encoding="utf-8")
    assert f"`{name}`" in text
    assert "check" in text
    assert name in CANNOT_FAIL or "\n## Errors" in text


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_one_receipt_for_each_recipient(name: str, case: Case) -> None:
    built = CASES[name](case, "")
    channel, _settings = _build(name, built.entry)
    receipts: list[Receipt] = channel.send(message(), channel.recipients, PATIENCE_S)
    channel.close()
    assert channel.recipients
    assert [receipt.recipient for receipt in receipts] == list(channel.recipients)
    assert {receipt.outcome for receipt in receipts} <= {"delivered", "accepted"}
    assert msgspec.json.decode(msgspec.json.encode(receipts), type=list[Receipt]) == receipts
    assert built.arrived() == len(channel.recipients)


@pytest.mark.parametrize("name", NAMES)
def test_it_sends_only_to_the_recipients_that_it_is_given(name: str, case: Case) -> None:
    built = CASES[name](case, "")
    channel, _settings = _build(name, built.entry)
    receipts = channel.send(message(), channel.recipients[:1], PATIENCE_S)
    channel.close()
    assert [receipt.recipient for receipt in receipts] == list(channel.recipients[:1])
    assert built.arrived() == 1


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_used_again_after_it_was_closed(name: str, case: Case) -> None:
    built = CASES[name](case, "")
    channel, _settings = _build(name, built.entry)
    channel.send(message(), channel.recipients[:1], PATIENCE_S)
    channel.close()
    channel.close()
    receipts = channel.send(message(step="resolved"), channel.recipients[:1], PATIENCE_S)
    channel.close()
    assert receipts[0].outcome in {"delivered", "accepted"}


def _is_away(failure: Failure | None, fault: str) -> bool:
    """Return whether a failure says of a far side what is so: nothing has arrived where connections are refused."""
    if failure is None or failure.permanent:
        return False
    refused = fault == "refused"
    return failure.reason in ({"unreachable"} if refused else {"unreachable", "timeout"}) and not (
        failure.ambiguous and refused
    )


@pytest.mark.parametrize("fault", ["refused", "swallowed"])
@pytest.mark.parametrize("name", FALLIBLE)
def test_a_far_side_that_is_away_is_a_typed_failure_in_time(name: str, fault: str, case: Case) -> None:
    channel, _settings = _build(name, CASES[name](case, fault).entry)

    def attempt(time_s: float) -> list[str]:
        began_s = time.monotonic()
        failures = _failures(channel, time_s)
        late = ["late"] if time.monotonic() - began_s > time_s + IN_TIME_S else []
        wrong = [repr(failure) for failure in failures if not _is_away(failure, fault)]
        return late + wrong if failures else ["nothing"]

    nothing: list[str] = []
    found = given_time(attempt, nothing)
    channel.close()
    assert found == nothing


@pytest.mark.parametrize("fault", ["", "refused", "swallowed"])
@pytest.mark.parametrize("name", NAMES)
def test_no_secret_is_in_reprs_settings_logs_errors_or_receipts(
    name: str, fault: str, case: Case, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    channel, settings = _build(name, CASES[name](case, fault).entry)
    said = [repr(channel), repr(settings), settings.model_dump_json(), repr(vars(channel)), repr(channel.recipients)]
    said.append(repr(check_channel(channel, 0.3)))
    try:
        said.append(repr(channel.send(message(), channel.recipients, 0.3)))
    except DeliveryError as error:
        cause: BaseException | None = error
        while cause is not None:
            said += [str(cause), repr(cause), repr(vars(cause))]
            cause = cause.__cause__ or cause.__context__
    channel.close()
    printed = capfd.readouterr()
    for text in [*said, caplog.text, printed.out, printed.err]:
        assert "hunter2" not in text
        assert SECRETS["MG_TEST_PAGERDUTY"] not in text


@pytest.mark.parametrize("name", FALLIBLE)
def test_a_missing_secret_is_permanent_and_names_its_place(name: str, case: Case) -> None:
    built = CASES[name](case, "")
    channel, _settings = _build(name, built.entry)
    for variable in (*SECRETS, "MG_TEST_APPRISE_ONE", "MG_TEST_APPRISE_TWO", "MG_TEST_HOOK"):
        case.monkeypatch.delenv(variable, raising=False)
    with pytest.raises(DeliveryError, match="MG_TEST_") as caught:
        channel.send(message(), channel.recipients, PATIENCE_S)
    checked = check_channel(channel, PATIENCE_S)
    channel.close()
    assert (caught.value.failure.reason, caught.value.failure.permanent) == ("auth", True)
    assert built.arrived() == 0
    for one in checked:
        assert one.failure is not None
        assert (one.failure.reason, "MG_TEST_" in one.failure.detail) == ("auth", True)


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_are_frozen_closed_and_read_themselves_back(name: str, case: Case) -> None:
    entry = CASES[name](case, "").entry
    model = CHANNELS.settings(name)
    settings = model.model_validate(entry)
    assert model.model_validate_json(settings.model_dump_json(by_alias=True)) == settings
    with pytest.raises(ValidationError, match="nonsense"):
        model.model_validate({**entry, "nonsense": 1})
    with pytest.raises(ValidationError, match="frozen"):
        settings.type = "other"


@pytest.mark.parametrize("name", NAMES)
def test_notes_and_odd_characters_go_through(name: str, case: Case) -> None:
    built = CASES[name](case, "")
    channel, _settings = _build(name, built.entry)
    odd = message(summary="[red]Ünïcode 🚨 <b>\r\nBcc: x@y.z \x00\x1b[31m \u202e \ud83d", notes=(NOTE,))
    receipts = channel.send(odd, channel.recipients, PATIENCE_S)
    channel.close()
    assert {receipt.outcome for receipt in receipts} <= {"delivered", "accepted"}
    assert built.arrived() == len(channel.recipients)
    assert name in UNSEEN or "may have reached you already" in built.seen()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_far_too_long_is_cut_to_what_the_far_side_takes_and_its_notes_stay(name: str, case: Case) -> None:
    built = CASES[name](case, "")
    channel, _settings = _build(name, built.entry)
    long = message(summary="Ünïcode & <b> 🚨 https://example.com/a?b=1&c=2 " * 8_000, notes=(NOTE,))
    receipts = channel.send(long, channel.recipients, PATIENCE_S)
    channel.close()
    assert {receipt.outcome for receipt in receipts} <= {"delivered", "accepted"}
    assert name in UNSEEN or "may have reached you already" in built.seen()


@pytest.mark.parametrize("name", NAMES)
def test_hundreds_of_alerts_go_through(name: str, case: Case) -> None:
    built = CASES[name](case, "")
    channel, _settings = _build(name, built.entry)
    one = several()
    many = msgspec.structs.replace(one.notification, alerts=one.notification.alerts * 150)
    text = "\n\n".join([one.text] * 150)
    receipts = channel.send(msgspec.structs.replace(one, notification=many, text=text), channel.recipients, PATIENCE_S)
    channel.close()
    assert {receipt.outcome for receipt in receipts} <= {"delivered", "accepted"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNSEEN])
def test_the_idempotency_key_goes_out_where_there_is_a_place_for_it(name: str, case: Case) -> None:
    built = CASES[name](case, "")
    channel, _settings = _build(name, built.entry)
    sent = message()
    channel.send(sent, channel.recipients, PATIENCE_S)
    channel.close()
    assert (shown_key(name, sent.key) in built.seen()) is (name not in NO_PLACE_FOR_THE_KEY)


@pytest.mark.parametrize("name", NAMES)
def test_a_check_sends_nothing_and_finds_nothing_wrong_with_what_works(name: str, case: Case) -> None:
    built = CASES[name](case, "")
    channel, _settings = _build(name, built.entry)
    assert isinstance(channel, Checkable)
    found = channel.check(PATIENCE_S)
    channel.close()
    assert found
    for one in found:
        assert isinstance(one, Checked)
        assert one.failure is None
        assert one.said
    assert name in CANNOT_FAIL or built.arrived() == 0


@pytest.mark.parametrize("fault", ["refused", "swallowed"])
@pytest.mark.parametrize("name", [name for name in FALLIBLE if name != "apprise"])  # nobody is asked
def test_a_check_finds_that_the_far_side_is_away_in_time(name: str, fault: str, case: Case) -> None:
    channel, _settings = _build(name, CASES[name](case, fault).entry)
    # Where nothing is asked, a far side that takes connections and never answers looks well.
    connects_only = fault == "swallowed" and name in {"webhook", "pagerduty", "teams", "slack_webhook"}

    def attempt(time_s: float) -> list[str]:
        """Return what is not judged as it should be."""
        found = [one.failure for one in check_channel(channel, time_s)]
        away = [one is not None and one.reason in {"unreachable", "timeout"} for one in found]
        right = [one is None for one in found] if connects_only else away
        return [repr(one) for one, is_right in zip(found, right, strict=True) if not is_right]

    nothing: list[str] = []
    found = given_time(attempt, nothing, 0.3)
    channel.close()
    assert found == nothing


def test_the_console_shows_severity_summary_and_the_cause_of_a_failover() -> None:
    out = io.StringIO()
    channel = console.ConsoleChannel("console", console.ConsoleSettings(type="console"), out)
    channel.send(message(notes=("Sent by tier 2 because tier 1 (web) failed: timeout.",)), channel.recipients, 1)
    shown = " ".join(out.getvalue().split())
    assert "[CRITICAL] Checkout is slow" in shown
    assert "because tier 1 (web) failed: timeout." in shown
    out.close()
    with pytest.raises(DeliveryError, match="cannot print"):
        channel.send(message(), channel.recipients, 1)
    assert check_channel(channel, 1)[0].failure is not None


def test_a_file_that_cannot_be_written_is_a_typed_failure(tmp_path: Path) -> None:
    for path, is_permanent in ((tmp_path, True), (Path("/dev/full"), False)):
        channel, _settings = _build("file", {"type": "file", "path": path})
        with pytest.raises(DeliveryError) as caught:
            channel.send(message(), channel.recipients, 1)
        assert caught.value.failure.permanent is is_permanent
