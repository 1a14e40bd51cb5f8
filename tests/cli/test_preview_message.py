import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.store import AlertStore
from tests.cli.support import makegood
from tests.support.alerts import change
from tests.support.redis import fresh_store, redis_client, redis_server

SETTINGS = """\
urgency: {currency: EUR}
words: {zone: Europe/Berlin}
links: {base_url: "https://mg.example.com", secret: {env: MG_TEST_LINKS}}
channels:
  plain: {type: console}
  own:
    type: console
    title: "{{ urgency.name }}: {{ labels.service }}"
    text: |
      {% for alert in firing %}
      - {{ alert.summary }} since {{ alert.starts | local(form='%H:%M') }}
      {% endfor %}
      {{ links.acknowledge }}
  wrong: {type: console, text: "{{ labels.shop }}"}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MG_TEST_LINKS", "a-secret-of-sixteen-bytes")
    path = tmp_path / "m.yaml"
    path.write_text(SETTINGS)
    return path


def test_the_standard_words_are_shown_for_an_example(config: Path) -> None:
    done = makegood("preview-message", "--config", config, "--channel", "plain")
    assert (done.returncode, done.defect) == (0, None)
    assert done.stdout.startswith(
        "[URGENT, critical] checkout, north: 41 % failed of 120 payments, normally 3 % (p = 3e-6) "
        "(3 alerts, 1 of them resolved; 312 customers, 18,400 EUR at risk)\n"
    )
    assert "Acknowledge: https://mg.example.com/act/" in done.stdout
    assert "from [email]." in done.stdout
    assert done.stdout.endswith("This is an example: nothing of it happened.\n")


def test_a_channels_own_words_are_shown(config: Path) -> None:
    done = makegood("preview-message", "--config", config, "--channel", "own", "--json")
    told = json.loads(done.stdout)
    assert told["title"] == "urgent: checkout"
    assert "normally 12 % (p = 0.0004) since 10:00\n" in told["text"]
    assert told["links"]["acknowledge"] in told["text"]
    assert told["failure"] is None


@pytest.mark.parametrize("kind", ["repeat", "escalation", "digest", "test"])
def test_every_kind_can_be_shown(kind: str, config: Path) -> None:
    done = makegood("preview-message", "--config", config, "--channel", "plain", "--kind", kind)
    assert (done.returncode, done.defect) == (0, None)


def test_the_short_form_is_as_short_as_asked(config: Path) -> None:
    done = makegood("preview-message", "--config", config, "--channel", "plain", "--max-chars", "160")
    assert len(done.stdout.rstrip("\n")) <= 160


def test_a_template_that_cannot_be_used_is_found(config: Path) -> None:
    done = makegood("preview-message", "--config", config, "--channel", "wrong")
    assert done.returncode == 1
    assert "channels.wrong: the template names what this notification does not have: there is no 'shop'" in done.stderr
    assert "[URGENT, critical] checkout" in done.stdout


def test_unknown_channels_and_kinds_are_refused(config: Path) -> None:
    done = makegood("preview-message", "--config", config, "--channel", "mail")
    assert (done.returncode, "there are: own, plain, wrong" in done.stderr) == (2, True)
    done = makegood("preview-message", "--config", config, "--channel", "own", "--kind", "joke")
    assert (done.returncode, "expected one of group" in done.stderr) == (2, True)


def test_a_template_with_a_mistake_is_named_with_its_field_and_line(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("channels:\n  a:\n    type: console\n    text: |\n      fine\n      {{ servce }}\n")
    done = makegood("check", "--config", path)
    assert done.returncode == 2
    assert f"{path}:4: channels.a.text: line 2 of the template: the template does not know servce" in done.stderr


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as address:
        yield address


def test_an_alert_of_the_store_can_be_shown(url: str, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alert = change(service="pay", summary="pay is slow")
    with redis_client(url) as client:
        store: AlertStore = fresh_store(client)
        store.apply([alert])
        monkeypatch.setenv("MAKEGOOD_REDIS_URL", url)
        config.write_text(SETTINGS + f"store: {{prefix: '{store.settings.prefix}'}}\n")
        done = makegood("preview-message", "--config", config, "--channel", "plain", "--alert", alert.fingerprint)
        assert done.stdout.startswith("[NORMAL, warning] pay is slow\n")
        done = makegood("preview-message", "--config", config, "--channel", "plain", "--alert", "0" * 16)
        assert (done.returncode, "there is no alert" in done.stderr) == (1, True)


SMS = """
channels:
  sms:
    type: sms_twilio
    account_sid: AC0123456789abcdef0123456789abcdef
    auth_token: {env: MG_TEST_TWILIO}
    sender: "+15005550006"
    to: ["+15005550001"]
    max_chars: 300
"""


def test_a_text_message_is_shown_as_it_is_sent_with_how_to_answer_it(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(SMS)
    done = makegood("preview-message", "--config", path, "--channel", "sms")
    assert len(done.stdout.rstrip("\n")) <= 300
    assert done.stdout.endswith("This is an example: nothing of it happened.\nref mg-000000000000, code INC-7\n")
    path.write_text(SMS + "callbacks: {public_url: https://alerts.example.com}\n")
    done = makegood("preview-message", "--config", path, "--channel", "sms", "--max-chars", "160")
    assert done.stdout.endswith("\nref mg-000000000000\nReply ACK INC-7 to take it on, or HELP.\n")
