"""``makegood run`` with a phone: accepted, reported, answered by text message and by link."""

import json
import re
from pathlib import Path

import httpx
import pytest

from tests.cli.support import makegood
from tests.cli.test_live import event, health, running, until
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port
from tests.support.receipts import BEN
from tests.support.twilio import ACCOUNT, SENDER, TOKEN, fake_twilio

_SETTINGS = """
feeds:
  cases: {{type: file, path: cases.jsonl, follow: true}}
time: {{lateness: 1m, idle_after: 0s}}
detectors:
  sla_breach:
    type: sla_breach
    promises:
      - {{name: first_reply, kind: first_reply, target: 10, unit: minutes, at_risk: []}}
channels:
  sms:
    type: sms_twilio
    account_sid: {account}
    auth_token: {{env: MG_TEST_TWILIO}}
    sender: "{sender}"
    to: ["{ben}"]
    base_url: {twilio}
    max_chars: 900
receivers:
  ben: {{tiers: [{{channel: sms}}]}}
people:
  ben: {{receiver: ben, phone: "{ben}"}}
route: {{receiver: ben, group_by: ["..."], group_wait: 0s, group_interval: 1ms}}
callbacks: {{listen: "127.0.0.1:{port}", public_url: "http://127.0.0.1:{port}"}}
links: {{base_url: "http://127.0.0.1:{port}", secret: {{env: MG_TEST_LINKS}}}}
store: {{dir: var}}
flow: {{epoch: 200ms}}
console: {{listen: "127.0.0.1:0"}}
metrics: {{listen: "127.0.0.1:{flow_port}", notifier_listen: "127.0.0.1:{notifier_port}"}}
"""


def asked(url: str, **data: str) -> httpx.Response:
    """Get an address, or post a form to it."""
    method = "POST" if data else "GET"
    return httpx.request(method, url, data=data or None, trust_env=False, timeout=PATIENCE_S)


def test_a_phone_is_told_reports_back_and_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_TWILIO", TOKEN)
    monkeypatch.setenv("MG_TEST_LINKS", "hunter2-links-0123456789")
    port, notifier_port = free_port(), free_port()
    config, log = tmp_path / "m.yaml", tmp_path / "log"
    (tmp_path / "cases.jsonl").write_text(event(1, "opened", 0))
    with fake_twilio() as twilio:
        config.write_text(
            _SETTINGS.format(
                account=ACCOUNT,
                sender=SENDER,
                ben=BEN,
                twilio=twilio.url,
                port=port,
                flow_port=free_port(),
                notifier_port=notifier_port,
            )
        )
        with running("run", "--config", config, log=log):
            until(lambda: len(twilio.sent) == 1, log)
            until(lambda: health(notifier_port).get("callbacks") == "listening", log)
            (listed,) = json.loads(makegood("alerts", "-c", config, "--json", "--match", "case_id=c1").stdout)

            def shown() -> dict[str, object]:
                found: dict[str, object] = json.loads(
                    makegood("alerts", "-c", config, "--json", listed["fingerprint"]).stdout
                )
                return found

            until(lambda: shown()["notifications"][0]["tries"] != [], log)  # type: ignore[index]
            assert shown()["notifications"][0]["status"] == "pending"  # type: ignore[index]
            assert twilio.report(f"SM{1:032x}", "delivered").status_code == 204
            until(lambda: shown()["notifications"][0]["status"] == "delivered", log)  # type: ignore[index]

            (said,) = shown()["notifications"][0]["receipts"]  # type: ignore[index]
            assert (said["status"], said["recipient"], said["via"]) == ("delivered", BEN, "callback")
            assert f"receipt  sms  delivered, {BEN}" in makegood("alerts", "-c", config, listed["fingerprint"]).stdout

            text = twilio.sent[0][1]
            link = re.search(r"http://\S+/act/\S+", text)
            assert link is not None, text
            assert "Acknowledge?" in asked(link[0]).text
            assert shown()["acknowledged"] is None
            assert "acknowledged" in twilio.write(f"http://127.0.0.1:{port}/twilio/sms/sms", BEN, "ack 2h on my way")
            acknowledged = shown()["acknowledged"]
            assert isinstance(acknowledged, dict)
            assert (acknowledged["by"], acknowledged["via"]) == ("ben", "sms")
            assert "Acknowledged" in asked(link[0], by="eve").text
            figures = asked(f"http://127.0.0.1:{notifier_port}/metrics").text
            assert 'makegood_callbacks_total{kind="sms",result="taken"} 1.0' in figures
            assert 'makegood_receipts_total{channel="sms",outcome="delivered"} 1.0' in figures
    assert "Traceback" not in log.read_text()
    assert link[0].rpartition("/")[2] not in log.read_text()
