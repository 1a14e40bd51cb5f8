from pathlib import Path
from typing import Any

import msgspec
import pytest

from sinks.channels.email import EmailChannel, EmailSettings
from sinks.contract import DeliveryError, Reason, Receipt
from sinks.mail import build_mail
from sinks.smtp_session import smtp_failure
from tests.support.chats import samples
from tests.support.golden import check_golden
from tests.support.http import black_hole, refused_port
from tests.support.messages import message
from tests.support.patience import PATIENCE_S, given_time
from tests.support.smtp import PASSWORD, USER, certificate, smtp_server


@pytest.fixture(scope="module")
def cert(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("cert"))


def _send(
    port: int, *, timeout_s: float = PATIENCE_S, to: tuple[str, ...] = ("a@example.org",), **more: Any
) -> list[Receipt]:
    entry = {
        "type": "email",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "mg@example.com",
        "to": to,
    }
    channel = EmailChannel("mail", EmailSettings.model_validate({**entry, **more}))
    return channel.send(message(notes=("Sent by tier 2 because tier 1 failed.",)), channel.recipients, timeout_s)


def _failure(port: int, **more: Any) -> tuple[Reason, bool, bool]:
    with pytest.raises(DeliveryError) as caught:
        _send(port, **more)
    failure = caught.value.failure
    return failure.reason, failure.permanent, failure.ambiguous


def test_a_mail_has_text_html_a_message_id_of_the_key_and_the_notes() -> None:
    with smtp_server() as (inbox, port):
        (receipt,) = _send(port)
    ((to, mail),) = inbox.mails
    assert (receipt.outcome, receipt.provider_id) == ("accepted", "<mg-0123456789abcdef0123456789abcdef@example.com>")
    assert to == ["a@example.org"]
    assert mail["Message-ID"] == receipt.provider_id
    assert mail["Subject"] == "[CRITICAL] Checkout is slow"
    assert mail["Date"] == "Sat, 21 Feb 2015 12:00:00 +0000"
    parts = [part.get_content_type() for part in mail.iter_parts()]
    assert parts == ["text/plain", "text/html"]
    for kind in ("plain", "html"):
        body = mail.get_body((kind,))
        assert body is not None
        assert "Sent by tier 2 because tier 1 failed." in body.get_content()


def test_mails_of_one_thread_are_one_conversation() -> None:
    entry = {"type": "email", "host": "127.0.0.1", "security": "none", "sender": "mg@example.com", "to": ("a@b.c",)}
    first = message()
    told = msgspec.structs.replace(first.notification, key="mg-1", thread="mg-thread-1")
    earlier = {"a@b.c": "<mg-1@example.com>"}
    with smtp_server() as (inbox, port):
        channel = EmailChannel("mail", EmailSettings.model_validate({**entry, "port": port}))
        for key, known in (("mg-1", {}), ("mg-2", {}), ("mg-3", earlier), ("mg-4", {"a@b.c": "no id\r\nBcc: x@y.z"})):
            sent = msgspec.structs.replace(told, key=key)
            channel.send(
                msgspec.structs.replace(first, notification=sent, earlier=known), channel.recipients, PATIENCE_S
            )
    headers = [(mail["Message-ID"], mail["References"], mail["In-Reply-To"]) for _to, mail in inbox.mails]
    root = "<mg-thread-1@example.com>"
    assert headers == [
        ("<mg-1@example.com>", root, root),
        ("<mg-2@example.com>", root, root),
        ("<mg-3@example.com>", f"{root} <mg-1@example.com>", "<mg-1@example.com>"),
        ("<mg-4@example.com>", root, root),
    ]
    assert all(mail["Bcc"] is None for _to, mail in inbox.mails)


def test_links_in_html_can_be_followed_and_the_one_that_acknowledges_is_a_button() -> None:
    sent = message(summary="See https://example.com/a?b=1&c=2.")
    html = build_mail(msgspec.structs.replace(sent, links={"acknowledge": "https://x.y/a?t=1&u=2"}), "a@b.c", ["d@e.f"])
    body = html.get_body(("html",))
    assert body is not None
    shown = body.get_content()
    assert '<a href="https://example.com/a?b=1&amp;c=2">https://example.com/a?b=1&amp;c=2</a>' in shown
    assert '<a href="https://x.y/a?t=1&amp;u=2"' in shown
    assert ">Acknowledge</a>" in shown


def test_the_payload_is_as_it_was_approved() -> None:
    for name, told in samples().items():
        mail = build_mail(told, "mg@example.com", ["a@example.org"])
        bodies = {kind: mail.get_body((kind,)) for kind in ("plain", "html")}
        texts = {kind: body.get_content() for kind, body in bodies.items() if body is not None}
        headers = {field: value for field, value in mail.items() if not field.startswith("Content-")}
        check_golden(f"email/{name}", {"headers": headers, **texts})


def test_html_is_escaped_and_lines_that_begin_with_a_dot_stay_whole() -> None:
    entry = {"type": "email", "host": "127.0.0.1", "security": "none", "sender": "mg@example.com", "to": ("a@b.c",)}
    with smtp_server() as (inbox, port):
        channel = EmailChannel("mail", EmailSettings.model_validate({**entry, "port": port}))
        channel.send(message(summary="<b>\n.\n.dot", notes=(".", "..")), channel.recipients, PATIENCE_S)
    mail = inbox.mails[0][1]
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert ".dot, in more words." in plain.get_content()
    assert "<b>" not in html.get_content()


def test_recipients_are_judged_one_by_one() -> None:
    with smtp_server() as (inbox, port):
        inbox.refuse_rcpt = {"gone@example.org": "550 no such user", "grey@example.org": "451 come again"}
        receipts = _send(port, to=("ok@example.org", "gone@example.org", "grey@example.org"))
    outcomes = {receipt.recipient: receipt for receipt in receipts}
    assert inbox.mails[0][0] == ["ok@example.org"]
    assert outcomes["ok@example.org"].outcome == "accepted"
    gone, grey = outcomes["gone@example.org"].failure, outcomes["grey@example.org"].failure
    assert gone is not None
    assert grey is not None
    assert (gone.reason, gone.permanent) == (Reason.BAD_RECIPIENT, True)
    assert (grey.reason, grey.permanent) == (Reason.SERVER_ERROR, False)


def test_starttls_with_login(cert: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_SMTP", PASSWORD)
    login: dict[str, Any] = {
        "security": "starttls",
        "ca_file": cert[0],
        "username": USER,
        "password": {"env": "MG_TEST_SMTP"},
    }
    with smtp_server(cert=cert, auth=True) as (inbox, port):
        assert _send(port, **login)[0].outcome == "accepted"
    assert len(inbox.mails) == 1


def test_tls_from_the_first_byte(cert: tuple[Path, Path]) -> None:
    with smtp_server(cert=cert, tls=True) as (inbox, port):
        assert _send(port, security="tls", ca_file=cert[0])[0].outcome == "accepted"
    assert len(inbox.mails) == 1


def test_a_wrong_password_is_permanent_and_stays_secret(
    cert: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MG_TEST_SMTP", "hunter2-wrong")
    login: dict[str, Any] = {
        "security": "starttls",
        "ca_file": cert[0],
        "username": USER,
        "password": {"env": "MG_TEST_SMTP"},
    }
    with smtp_server(cert=cert, auth=True) as (inbox, port), pytest.raises(DeliveryError) as caught:
        _send(port, **login)
    assert (caught.value.failure.reason, caught.value.failure.permanent) == (Reason.AUTH, True)
    assert "hunter2" not in str(caught.value)
    assert inbox.mails == []


def test_a_certificate_that_is_not_trusted_is_refused(cert: tuple[Path, Path]) -> None:
    with smtp_server(cert=cert, tls=True) as (inbox, port):
        assert _failure(port, security="tls") == (Reason.UNREACHABLE, True, False)
    assert inbox.mails == []


def test_a_server_without_starttls_gets_nothing_in_the_clear() -> None:
    with smtp_server() as (inbox, port):
        assert _failure(port, security="starttls") == (Reason.REJECTED, True, False)
    assert inbox.mails == []


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("552 too much mail", (Reason.REJECTED, True, False)),
        ("452 no space", (Reason.SERVER_ERROR, False, False)),
        ("554 spam", (Reason.REJECTED, True, False)),
    ],
)
def test_a_message_that_is_refused(reply: str, expected: tuple[Reason, bool, bool]) -> None:
    with smtp_server() as (inbox, port):
        inbox.refuse_data = reply
        assert _failure(port) == expected


def test_no_answer_to_the_message_is_ambiguous() -> None:
    def attempt(time_s: float) -> tuple[tuple[Reason, bool, bool], int]:
        with smtp_server() as (inbox, port):
            inbox.hang_after_data = True
            return _failure(port, timeout_s=time_s), len(inbox.mails)

    wanted = ((Reason.TIMEOUT, False, True), 1)
    assert given_time(attempt, wanted, 0.5) == wanted


def test_a_server_that_is_not_there_or_says_nothing() -> None:
    with refused_port() as port:
        assert _failure(port) == (Reason.UNREACHABLE, False, False)
    with black_hole() as port:
        wanted = (Reason.TIMEOUT, False, False)
        assert given_time(lambda time_s: _failure(port, timeout_s=time_s), wanted) == wanted


@pytest.mark.parametrize("code", range(400, 600))
def test_every_reply_code_means_transient_or_permanent(code: int) -> None:
    assert smtp_failure(code, "x").permanent == (code >= 500)


def test_no_address_with_a_line_break_or_a_half_login_gets_into_the_settings() -> None:
    entry = {"type": "email", "host": "h", "sender": "a@b.c", "to": ["a@b.c"]}
    wrongs: tuple[dict[str, Any], ...] = (
        {"to": ["a@b.c\r\nBcc: x@y.z"]},
        {"sender": "nobody"},
        {"username": "u"},
        {"to": []},
    )
    for wrong in wrongs:
        with pytest.raises(ValueError, match="EmailSettings"):
            EmailSettings.model_validate({**entry, **wrong})
