from typing import ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.connection import StoreUnavailableError
from alerts.model import IncidentNote
from config.links import LinkSettings
from config.redaction import RedactionSettings
from config.urgency import UrgencySettings
from config.words import WordsSettings
from detectors.contract import AlertChange
from sinks.contract import ChannelSettings, Message, Notification
from sinks.render import Renderer, TemplateError, fill, render, short_form
from sinks.words.short import short_text
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.messages import message

PLAIN = ChannelSettings(type="x")


def notification(*alerts: AlertChange, **more: object) -> Notification:
    made = Notification(
        key="mg-0123456789abcdef",
        receiver="ops",
        alerts=alerts,
        group_labels={"service": "checkout", "region": "north"},
        accepted_us=START_US + 125 * MINUTE_US,
    )
    return msgspec.structs.replace(made, **more)


def said(alert: AlertChange, **annotations: object) -> AlertChange:
    texts = {name: str(value) for name, value in annotations.items()}
    return msgspec.structs.replace(alert, annotations={**alert.annotations, **texts})


FAILING = said(
    change(
        "TransactionFailure", severity="critical", service="checkout", region="north", summary="41 % of payments fail"
    ),
    customers=312,
    revenue_at_risk=18400,
)
MOOD = change("SentimentDrop", service="checkout", region="north", summary="people are unhappy")
BETTER = change("SurveyDrop", step="resolved", at_us=START_US + MINUTE_US, service="billing", summary="better again")
RENDERER = Renderer(urgency=UrgencySettings(currency="EUR"))


def test_a_template_is_filled_with_labels_annotations_and_times() -> None:
    text = "{{severity}} {{ labels.service }}: {{ annotations.summary }} since {{ startsAt }} ({{status}}, {{ key }})"
    expected = "critical pay: Checkout is slow since 2015-02-21T12:00:00.000000Z (firing, mg-0123456789abcdef"
    assert fill(text, message().notification).startswith(expected)


@pytest.mark.parametrize("text", ["{{ labels.nothing }}", "{{ }}", "{{ labels", "{{ __class__ }}"])
def test_a_template_that_asks_for_what_is_not_there_is_an_error(text: str) -> None:
    with pytest.raises(TemplateError):
        fill(text, message().notification)


def test_a_value_is_not_a_template() -> None:
    assert fill("{{ annotations.summary }}", message(summary="{{ key }}").notification) == "{{ key }}"


@pytest.mark.parametrize("text", ["{{ labels.nope }}", "{% if false %}x{% endif %} ", "{{ 1 / 0 }}"])
def test_a_template_that_does_not_render_leaves_the_standard_words_and_says_so(text: str) -> None:
    made = render(message().notification, ChannelSettings(type="x", title="fine", text=text))
    assert made.failure is not None
    assert (made.failure.reason, made.failure.permanent) == ("template", True)
    assert made.title == "[CRITICAL] Checkout is slow"
    assert "Checkout is slow, in more words." in made.text
    assert made.text.endswith(
        f"The channel's template could not be used ({made.failure.detail}); these are the standard words."
    )


def test_a_template_that_cannot_work_is_refused_when_the_settings_are_read() -> None:
    with pytest.raises(ValidationError, match=r"line 2 of the template: .*does not know servce"):
        ChannelSettings(type="x", text="{{ status }}\n{{ servce }}")


def test_a_title_is_one_line_and_notes_end_the_text() -> None:
    made = render(message(summary="a\r\nb").notification, PLAIN, ["first", "second"])
    assert made.title == "[CRITICAL] a b"
    assert made.text.endswith("\n\nfirst\nsecond")


def test_notes_end_the_text_of_every_template_too() -> None:
    told = notification(FAILING, notes=("Late by 12 min, because the store was away.",))
    made = render(told, ChannelSettings(type="x", text="short"), ["It may have reached you already."])
    assert made.text == "short\n\nLate by 12 min, because the store was away.\nIt may have reached you already."
    assert made.body == "short"


def test_resolved_and_retracted_are_told_apart() -> None:
    for step, state in (("resolved", "RESOLVED"), ("retracted", "RETRACTED")):
        assert render(message(step=step).notification, PLAIN).title == f"[{state}] Checkout is slow"


def test_the_first_line_says_urgency_severity_what_where_and_how_far() -> None:
    made = RENDERER(notification(BETTER, MOOD, FAILING), PLAIN)
    assert made.title == (
        "[URGENT, critical] checkout in north: 41 % of payments fail "
        "(3 alerts, 1 of them resolved; 312 customers, 18,400 EUR at risk)"
    )
    order = [made.body.index(text) for text in ("41 % of", "unhappy, in", "better again, in")]
    assert order == sorted(order)


def test_a_place_that_the_summary_names_is_not_said_twice() -> None:
    named = change(summary="checkout, north: 41 % failed", severity="critical", service="checkout", region="north")
    assert (
        RENDERER(notification(named, MOOD), PLAIN).title == "[HIGH, critical] checkout, north: 41 % failed (2 alerts)"
    )


def test_one_alert_is_said_as_its_detector_says_it() -> None:
    assert RENDERER(notification(MOOD), PLAIN).title == "[NORMAL, warning] people are unhappy"


def test_a_resolve_says_what_it_was() -> None:
    assert RENDERER(notification(BETTER), PLAIN).title == "[RESOLVED, warning] better again"


@pytest.mark.parametrize(
    ("kind", "title", "text"),
    [
        ("repeat", "[NORMAL, warning, still firing] people are unhappy (for 2 h 05)", "Urgency: normal (warning)"),
        ("escalation", "[NORMAL, warning, escalated] people are unhappy", "Nobody has acknowledged this yet"),
        ("test", "[TEST] people are unhappy", "This is a test of the way to you. Nothing is wrong."),
    ],
)
def test_each_kind_says_why_it_comes(kind: str, title: str, text: str) -> None:
    made = RENDERER(notification(MOOD, kind=kind), PLAIN)
    assert made.title == title
    assert text in made.text


def test_a_digest_counts_what_it_stands_for() -> None:
    digest = notification(
        FAILING, MOOD, BETTER, kind="digest", absorbed=47, truncated=37, left_out={"checkout": 28, "billing": 6}
    )
    made = RENDERER(digest, PLAIN)
    assert made.title == (
        "[URGENT, critical, digest] 47 notifications about 40 alerts: 30 checkout, 7 billing, 3 other "
        "(312 customers, 18,400 EUR at risk)"
    )
    assert "this stands for 47 notifications" in made.text
    assert "and 37 more: 28 checkout, 6 billing, 3 other" in made.text


def test_what_does_not_fit_is_counted() -> None:
    alerts = [change(case_id=str(number), service="checkout" if number % 3 else "billing") for number in range(30)]
    made = Renderer(words=WordsSettings(max_alerts=10))(notification(*alerts), PLAIN)
    assert made.body.count("Something is wrong, in more words.") == 10
    assert "and 20 more: 14 checkout, 6 billing" in made.body


def test_an_incident_lists_its_evidence_and_what_is_blind() -> None:
    incident = IncidentNote(
        id="i-7",
        title="checkout in the north",
        alerts=5,
        customers=12,
        evidence=("shop: 41 % fail", "crm: 12 cases"),
        blind=("social",),
    )
    assert (
        "Incident i-7: checkout in the north (5 alerts, 12 customers)\n- shop: 41 % fail\n- crm: 12 cases\n"
        "Not known, because silent: social"
    ) in RENDERER(notification(MOOD, incident=incident), PLAIN).text


def test_an_alert_says_what_to_do_and_where_to_read_on() -> None:
    alert = said(MOOD, action="Call the customer.", runbook_url="https://wiki.example.com/mood")
    text = RENDERER(notification(alert), PLAIN).text
    assert "Do: Call the customer." in text
    assert "Runbook: https://wiki.example.com/mood" in text


def test_times_are_written_in_the_zone_of_the_settings() -> None:
    made = Renderer(words=WordsSettings(zone="Europe/Berlin"))(notification(MOOD), PLAIN)
    assert "Since 2015-02-21 13:00:00 CET" in made.text


def test_the_rendered_message_says_nothing_personal() -> None:
    alert = said(MOOD, description="anna@example.com paid with 4111 1111 1111 1111")
    notes = ["recipient oncall@example.com was refused"]
    made = Renderer()(notification(alert), ChannelSettings(type="x", title="{{ annotations.description }}"), notes)
    assert made.title == "[email] paid with [card]"
    assert "example.com" not in made.text + repr(made.notification)


def test_a_channel_can_send_what_others_do_not() -> None:
    alert = said(MOOD, description="anna@example.com")
    frank = ChannelSettings.model_validate({"type": "x", "redaction": {"keep": ["email"]}})
    renderer = Renderer()
    assert "anna@example.com" in renderer(notification(alert), frank).text
    assert "anna@example.com" not in renderer(notification(alert), PLAIN).text
    off = Renderer(redaction=RedactionSettings(default=False))
    assert "anna@example.com" in off(notification(alert), PLAIN).text


@pytest.fixture
def linked(monkeypatch: pytest.MonkeyPatch) -> Renderer:
    monkeypatch.setenv("MG_TEST_LINKS", "a-secret-of-sixteen-bytes")
    settings = {"base_url": "https://mg.example.com", "secret": {"env": "MG_TEST_LINKS"}}
    return Renderer(links=LinkSettings.model_validate(settings))


def test_a_firing_message_links_to_its_acknowledgement(linked: Renderer) -> None:
    made = linked(notification(MOOD), PLAIN)
    assert made.links["acknowledge"].startswith("https://mg.example.com/act/")
    assert f"Acknowledge: {made.links['acknowledge']}" in made.text
    assert (
        linked(notification(MOOD), ChannelSettings(type="x", text="{{ links.acknowledge }}")).body
        == (made.links["acknowledge"])
    )
    assert linked(notification(BETTER), PLAIN).links == {}


def test_a_message_without_its_secret_goes_out_and_says_so(linked: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MG_TEST_LINKS")
    made = linked(notification(MOOD), PLAIN)
    assert made.links == {}
    assert made.text.endswith("the secret of links cannot be used (see `makegood check`).")


def test_the_same_notification_gives_the_same_message(linked: Renderer) -> None:
    assert linked(notification(MOOD, FAILING), PLAIN) == linked(notification(MOOD, FAILING), PLAIN)


class _Telling(ChannelSettings):
    tells_code: ClassVar[bool] = True


TELLING = _Telling(type="x")


def test_a_message_for_people_says_by_which_code_to_answer() -> None:
    renderer = Renderer(codes=lambda fingerprint: f"K{fingerprint[0]}")
    code = f"K{MOOD.fingerprint[0]}"
    made = renderer(notification(MOOD), TELLING)
    assert made.code == code
    assert made.text.endswith(f"\nCode {code}: makegood ack {code}")
    assert code not in short_form(made, 480)  # who shows little says it at the end, in fewer words
    own = _Telling(type="x", text="{{ code }}")
    assert renderer(notification(MOOD), own).body == code
    assert renderer(notification(MOOD), PLAIN).code == ""
    assert renderer(notification(BETTER), TELLING).code == ""
    assert renderer(notification(MOOD, kind="test"), TELLING).code == ""


def test_several_alerts_are_answered_by_their_incident_or_by_nothing() -> None:
    renderer = Renderer(codes=lambda _fingerprint: "K7F")
    assert renderer(notification(MOOD, FAILING, incident=IncidentNote(id="INC-7")), TELLING).code == "INC-7"
    assert renderer(notification(MOOD, FAILING), TELLING).code == ""
    assert renderer(notification(MOOD, truncated=3), TELLING).code == ""


def test_while_the_store_is_away_a_message_goes_out_without_its_code() -> None:
    def away(_fingerprint: str) -> str:
        msg = "Redis is away"
        raise StoreUnavailableError(msg)

    made = Renderer(codes=away)(notification(MOOD), TELLING)
    assert (made.code, made.title) == ("", Renderer()(notification(MOOD), TELLING).title)


def short(made: Message, chars: int) -> str:
    return short_form(made, chars, "ref mg-0123456789ab")


def test_the_short_form_keeps_notes_links_and_reference(linked: Renderer) -> None:
    made = linked(notification(FAILING, MOOD), PLAIN, ["It may have reached you already."])
    text = short(made, 300)
    assert len(text) <= 300
    assert text.startswith("[URGENT, critical] checkout in north")
    assert text.endswith(f"\n{made.links['acknowledge']}\nIt may have reached you already.\nref mg-0123456789ab")


@pytest.mark.parametrize("chars", [70, 100, 160, 480, 1600])
def test_the_short_form_is_never_longer_than_it_may_be(chars: int, linked: Renderer) -> None:
    long = said(FAILING, summary="word " * 300, description="more " * 900)
    made = linked(notification(long, MOOD), PLAIN, ["x " * 500])
    assert len(short(made, chars)) <= chars
    assert short(made, chars).endswith("ref mg-0123456789ab")


def test_times_that_no_calendar_has_do_not_stop_a_message() -> None:
    odd = msgspec.structs.replace(MOOD, starts_at_us=2**62)
    made = RENDERER(notification(odd), ChannelSettings(type="x", title="{{ startsAt }} {{ alerts[0].starts }}"))
    assert made.failure is None
    assert "s since 1970" in made.text


pieces = st.text(max_size=60)


@given(
    pieces,
    pieces,
    st.lists(pieces, max_size=2),
    st.lists(pieces, max_size=2),
    st.text(max_size=20),
    st.integers(40, 200),
)
def test_a_short_text_is_never_too_long_and_loses_nothing_that_fits(
    title: str, body: str, notes: list[str], links: list[str], end: str, chars: int
) -> None:
    text = short_text(title, body, notes=notes, links=links, end=end, max_chars=chars)
    assert len(text) <= chars
    parts = [" ".join(title.split()), body.strip(), *links, *notes, end]
    if sum(len(part) + 1 for part in parts if part) <= chars:
        assert all(part in text for part in parts)
