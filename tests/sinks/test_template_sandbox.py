from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.words import people
from sinks.words.budget import Budget, TemplateError
from sinks.words.filters import CURRENCY, ZONE, bounded_filters
from sinks.words.sandbox import compile_template
from sinks.words.vocabulary import FILTERS, LIMITS, VARIABLES

ALERTS = [
    {
        "summary": f"summary {number}",
        "labels": {"service": ["pay", "shop", "crm"][number % 3], "x": "y" * 200},
        "starts": people.Moment("then", number),
        "duration": 60.0 * number,
    }
    for number in range(2000)
]
KNOWN: dict[str, Any] = {
    "alerts": ALERTS,
    "labels": {"service": "pay", "items": "shadowed"},
    "status": "firing",
    "startsAt": people.Moment("2015", 1_424_520_000_000_000),
    "incident": "",
    "annotations": {"description": "a  b\nc", "customers": "1,200"},
    ZONE: "Europe/Berlin",
    CURRENCY: "EUR",
}


def filled(source: str) -> str:
    return compile_template(source).render(KNOWN)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ labels.service }} {{ labels['service'] }}", "pay pay"),
        ("{{ labels.items }}", "shadowed"),
        ("{% for k, v in labels.items() %}{{ k }}={{ v }};{% endfor %}", "service=pay;items=shadowed;"),
        ("{{ labels.region | default('everywhere') }}", "everywhere"),
        ("{{ labels.get('region', '-') }}", "-"),
        ("{% if labels.region is defined %}x{% else %}y{% endif %}", "y"),
        ("{% if 'service' in labels and status == 'firing' %}x{% endif %}", "x"),
        ("{% if incident %}{{ incident.id }}{% endif %}-", "-"),
        ("{{ alerts | count | plural('alert') }}", "2,000 alerts"),
        ("{{ alerts[:2] | map('labels.service') | join(', ') }}", "pay, shop"),
        ("{{ alerts | join(',', 'labels.service') | truncate(8) }}", "pay,sho…"),
        ("{{ alerts | map(attribute='labels.service') | unique | sort | join(' ') }}", "crm pay shop"),
        (
            "{% for s, g in alerts | group('labels.service') %}{{ s }} {{ g | count }};{% endfor %}",
            "pay 667;shop 667;crm 666;",
        ),
        ("{{ (alerts | where('labels.service', 'crm') | first).summary }}", "summary 2"),
        ("{{ (alerts | sort('duration', true) | first).summary }}", "summary 1999"),
        (
            "{% for a in alerts[:2] %}{{ loop.index }}/{{ loop.length }}{{ '' if loop.last else ', ' }}{% endfor %}",
            "1/2, 2/2",
        ),
        ("{% for a in alerts if a.duration == 60 %}{{ a.summary }}{% endfor %}", "summary 1"),
        ("{% for a in [] %}x{% else %}none{% endfor %}", "none"),
        ("{{ startsAt | local }}; {{ startsAt | local('UTC', '%H:%M') }}", "2015-02-21 13:00 CET; 12:00"),
        (
            "{{ 7500 | duration }} {{ 18400.4 | money }} {{ 5 | money('USD') }} {{ 0.41 | percent }}",
            "2 h 05 18,400 EUR 5 USD 41 %",
        ),
        ("{{ annotations.customers | number }} {{ annotations.customers | float * 2 }}", "1,200 2400"),
        ("{{ annotations.description | oneline | upper }}", "A B C"),
        ("{{ 'a' ~ 1 ~ 2.5 ~ (1 == 1) }}", "a12.5true"),
        (
            "{{ 7 // 2 }} {{ 7 % 2 }} {{ -3 | abs }} {{ 2 * 3 - 1 }} {{ 1 / 4 }} {{ 2.567 | round(1) }}",
            "3 1 3 5 0.25 2.6",
        ),
        ("{% set n = 2 %}{{ 'x' if n > 1 else 'y' }}", "x"),
        ("{% with s = labels.service %}{{ s[0] }}{{ s[-1] }}{% endwith %}", "py"),
        ("{% if true %}\na\n{% endif %}\nb", "a\nb"),
        ("{{ [3, 1, 2] | max }} {{ [3, 1, 2] | sum }}", "3 6"),
        ("{# a comment #}{% raw %}{{ kept }}{% endraw %}", "{{ kept }}"),
    ],
)
def test_what_a_template_can_say(source: str, text: str) -> None:
    assert filled(source) == text


OUTSIDE = [
    "{{ labels.__class__ }}",
    "{{ labels['__class__'] }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ status.upper() }}",
    "{{ status.format }}",
    "{{ startsAt.us }}",
    "{{ (alerts | first).__init__ }}",
    "{{ alerts | map(attribute='__class__') | first | join }}{{ x }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ loop }}",
    "{{ cycler }}",
    "{{ lipsum() }}",
    "{{ namespace(a=1) }}",
    "{{ _budget }}",
    "{{ _zone }}",
    "{% set _budget = 1 %}",
    "{% for _budget in alerts %}{% endfor %}",
    "{{ labels | _counted(1) }}",
    "{{ labels | attr('items') }}",
    "{% for a in alerts %}{{ loop.__class__ }}{% endfor %}",
    "{% for a in alerts %}{{ loop._iterator }}{% endfor %}",
    "{% for a in alerts %}{{ loop.cycle(1, 2) }}{% endfor %}",
    "{% for a in alerts recursive %}{{ loop(alerts) }}{% endfor %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends 'x' %}",
    "{% block x %}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% set x %}y{% endset %}{{ x }}",
    "{% autoescape true %}x{% endautoescape %}",
    "{{ labels.items(1) }}",
    "{{ labels.get(*alerts) }}",
    "{{ labels.pop('service') }}",
]
TOO_MUCH = [
    "{% for a in alerts %}{% for b in alerts %}{% for c in alerts %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in alerts %}{% for b in alerts %}{% set c = b %}{% endfor %}{% endfor %}",
    "{% for a in alerts %}{{ alerts == alerts }}{{ a in alerts }}{% endfor %}",
    "{% for a in alerts %}{% set x = alerts | sort('summary') %}{% endfor %}",
    "{% for i in range(10**9) %}{% endfor %}",
    "{{ 'a' * 1000000000 }}",
    "{{ [0] * 1000000000 }}",
    "{{ alerts + alerts }}",
    "{{ '%9999999999d' % 1 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 200,
    "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a + a %}" * 200,
    "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a | replace('x', 'xx') %}" * 200,
    "{% set a = 99999999 %}" + "{% set a = a * a %}" * 200,
    "{% set a = 1e15 %}" + "{% set a = a * a %}" * 200,
    "{% set a = [1] %}" + "{% set a = [a, a] %}" * 200 + "{{ a }}",
    "{% for a in alerts %}{{ a.labels.x }}{% endfor %}",
    "{{ alerts | map('labels.x') | join }}",
    "{{ startsAt | local('UTC', '%999999999d') }}",
    "{{ 'x' | indent(1000000000) | replace('x', 'y' ) ~ 1 / 0 }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ " + "-" * 3000 + "1 }}",
    "{{ " + "labels" + ".a" * 3000 + " }}",
    "{% if true %}" * 300 + "{% endif %}" * 300,
    "{{ " + "9" * 6000 + " }}",
    "x" * (LIMITS["source_chars"] + 1),
]


@pytest.mark.parametrize("source", OUTSIDE)
def test_a_template_cannot_reach_outside(source: str) -> None:
    with pytest.raises(TemplateError):
        filled(source)


@pytest.mark.parametrize("source", TOO_MUCH)
def test_a_template_cannot_do_endless_work(source: str) -> None:
    with pytest.raises(TemplateError):
        filled(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ labels.nope }}", "there is no 'nope'; there is service, items"),
        ("a\nb\n{% if %}", "line 3 of the template: "),
        ("a\n{{ servce }}", "line 2 of the template: the template does not know servce"),
        ("{{ status | nope }}", "nope"),
        ("{{ alerts }}", "a list cannot be written"),
        ("{{ status | duration }}", "expected a number, not 'firing'"),
        ("{{ status | local }}", "local needs a time"),
        ("{{ startsAt | local('Mars/X') }}", "'Mars/X' is not a time zone"),
        ("{{ status | replace('a') }}", "the filter replace is not used rightly"),
        ("{% for c in status %}{% endfor %}", "a loop needs a list"),
        ("{{ 1 + 'a' }}", "+ cannot be used with a number and a text"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("x\n{% macro f() %}{% endmacro %}", "line 2 of the template: macro cannot be used"),
    ],
)
def test_a_mistake_is_named(source: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        filled(source)
    assert message in str(caught.value)


def test_the_budget_is_spent_before_the_work_is_done() -> None:
    budget = Budget(10)
    assert list(budget.counted("abc", 3)) == ["a", "b", "c"]
    with pytest.raises(TemplateError, match="too much work"):
        budget.spend(2)


def test_every_filter_that_the_reference_names_is_there_and_every_other_is_ours() -> None:
    made = {name for name in bounded_filters() if not name.startswith("_")}
    assert made - set(FILTERS) == {"d", "length"}
    assert set(FILTERS) <= made


PIECES = st.sampled_from(
    [
        "{{ ",
        " }}",
        "{% for a in alerts %}",
        "{% endfor %}",
        "{% if ",
        " %}",
        "{% endif %}",
        "alerts",
        "labels",
        "status",
    ]
    + [
        "a.labels",
        ".x",
        "[0]",
        "[1:]",
        " | ",
        " ~ ",
        " + ",
        " * ",
        " ** ",
        "99",
        "'%99d'",
        " % ",
        "(",
        ")",
        "__class__",
    ]
    + [f"{name} " for name in FILTERS]
    + [f"{{% set {name} = " for name in ("a", "b")]
    + list(VARIABLES)
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_any_template_ends_in_a_text_of_bounded_length_or_in_an_error_of_templates(source: str) -> None:
    try:
        text = filled(source)
    except TemplateError:
        return
    assert len(text) <= LIMITS["output_chars"]
