"""What stands around pages that talk to providers: servers that do as the page says, in place of those it names."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.grafana import TOKEN as GRAFANA_TOKEN
from tests.support.grafana import fake_grafana
from tests.support.smtp import PASSWORD, certificate, smtp_server
from tests.support.twilio import TOKEN, fake_twilio

_MESSAGES = 50


class Stage(NamedTuple):
    """What a page names, and what is there instead: in its files, and the other way round in what commands tell."""

    files: dict[str, str]
    told: dict[str, str]

    def written(self, text: str) -> str:
        """Return a file of the page, as it is written."""
        for named, real in self.files.items():
            text = text.replace(named, real)
        return text

    def shown(self, text: str) -> str:
        """Return what a command told, as the page has it."""
        for real, named in self.told.items():
            text = text.replace(real, named)
        return text


@contextmanager
def _night_of_refused_mails(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A mail server that lets people log in and refuses mails; Twilio, by which everything arrives."""
    monkeypatch.setattr(logging.getLogger("mail.log"), "disabled", True)
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    cert = certificate(folder)
    with smtp_server(cert=cert, auth=True) as (inbox, port), fake_twilio() as twilio:
        inbox.refuse_data = "451 4.3.2 Down for maintenance"
        twilio.statuses = {f"SM{number:032x}": ("delivered", None) for number in range(1, _MESSAGES)}
        local = "127.0.0.1"
        host, kind = "host: smtp.example.com", "type: sms_twilio"
        yield Stage(
            files={
                host: f"host: {local}\n    port: {port}\n    ca_file: {cert[0]}",
                kind: f"{kind}\n    base_url: {twilio.url}",
            },
            told={local.ljust(16): "smtp.example.com", local: "smtp.example.com"},
        )
        assert inbox.mails == []
        assert {to for to, _text in twilio.sent} == {"+15005550001"}


@contextmanager
def _empty_grafana(_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A Grafana in which there is nothing yet."""
    monkeypatch.setenv("GRAFANA_TOKEN", GRAFANA_TOKEN)
    with fake_grafana() as server:
        named = "https://grafana.example.com"
        yield Stage(files={named: server.url}, told={server.url: named})


_STAGES: dict[str, Callable[[Path, pytest.MonkeyPatch], AbstractContextManager[Stage]]] = {
    "docs/how-to/first-delivery.md": _night_of_refused_mails,
    "docs/how-to/prometheus-and-grafana.md": _empty_grafana,
}


@contextmanager
def stage_of(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Give what stands around a page; for most nothing."""
    make = _STAGES.get(page)
    if make is None:
        yield Stage({}, {})
        return
    with make(folder, monkeypatch) as stage:
        yield stage
