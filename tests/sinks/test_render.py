import pytest

from sinks.contract import ChannelSettings
from sinks.render import TemplateError, fill, render
from tests.support.messages import message


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


def test_a_template_that_does_not_render_leaves_the_standard_words_and_says_so() -> None:
    made = render(message().notification, ChannelSettings(type="x", title="{{ nope }}", text="fine"))
    assert made.failure is not None
    assert made.title == "[CRITICAL] Checkout is slow"
    assert "nope" in made.text


def test_a_title_is_one_line_and_notes_end_the_text() -> None:
    made = render(message(summary="a\r\nb").notification, ChannelSettings(type="x"), ["first", "second"])
    assert made.title == "[CRITICAL] a b"
    assert made.text.endswith("\n\nfirst\nsecond")


def test_resolved_and_retracted_are_told_apart() -> None:
    assert message(step="resolved").title == "[RESOLVED] Checkout is slow"
    assert message(step="retracted").title == "[RETRACTED] Checkout is slow"
