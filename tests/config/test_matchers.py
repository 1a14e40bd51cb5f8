"""Matchers are read as Alertmanager reads them. The tables hold what its own tests say of its two parsers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from config.matcher_syntax import Written, quoted, read, read_classic, read_utf8, written
from config.matchers import Matcher, MatcherTexts, condition, matchers_of, matches_all, parse_matcher, parse_matchers

Expected = list[tuple[str, str, str]]
CLASSIC: list[tuple[str, Expected]] = [
    ("{}", []),
    ("", []),
    ("{foo='}", [("foo", "=", "'")]),
    ("{foo=`}", [("foo", "=", "`")]),
    (r"{foo=\"}", [("foo", "=", '"')]),
    ("{foo=bar}", [("foo", "=", "bar")]),
    ('{foo="bar"}', [("foo", "=", "bar")]),
    ("{foo=~bar.*}", [("foo", "=~", "bar.*")]),
    ('{foo!="bar"}', [("foo", "!=", "bar")]),
    ('{foo!~"bar.*"}', [("foo", "!~", "bar.*")]),
    ('{foo="bar", baz!="quux"}', [("foo", "=", "bar"), ("baz", "!=", "quux")]),
    ('{foo="bar",baz!~".*quux", derp="wat"}', [("foo", "=", "bar"), ("baz", "!~", ".*quux"), ("derp", "=", "wat")]),
    ('{foo=""}', [("foo", "=", "")]),
    ('{foo="bar,quux", job="job1"}', [("foo", "=", "bar,quux"), ("job", "=", "job1")]),
    ('{foo = "bar", dings != "bums", }', [("foo", "=", "bar"), ("dings", "!=", "bums")]),
    ("foo=bar,dings!=bums", [("foo", "=", "bar"), ("dings", "!=", "bums")]),
    (
        r"""{quote="She said: \"Hi, ladies! That's gender-neutral…\""}""",
        [("quote", "=", """She said: "Hi, ladies! That's gender-neutral…\"""")],
    ),
    ('statuscode=~"5.."', [("statuscode", "=~", "5..")]),
    ("tricky=~~~", [("tricky", "=~", "~~")]),
    (r"trickier==\\=\=\"", [("trickier", "=", r'=\=\="')]),
    (
        r'contains_quote != "\"" , contains_comma !~ "foo,bar" , ',
        [("contains_quote", "!=", '"'), ("contains_comma", "!~", "foo,bar")],
    ),
    ("{foo=bar}}", [("foo", "=", "bar}")]),
    ("{foo=bar}},}", [("foo", "=", "bar}}")]),
    ("{foo=,bar=}}", [("foo", "=", ""), ("bar", "=", "}")]),
    (r"{foo=bar\t}", [("foo", "=", r"bar\t")]),
    (r"{foo=bar\n}", [("foo", "=", "bar\n")]),
    ("{foo=bar\\}", [("foo", "=", "bar\\")]),
    (r"{foo=bar\\}", [("foo", "=", "bar\\")]),
    (r"{foo=bar\"}", [("foo", "=", 'bar"')]),
    ("job=", [("job", "=", "")]),
    ("{foo=", [("foo", "=", "")]),
    ("{foo=}b", [("foo", "=", "}b")]),
]
NOT_CLASSIC = [
    ",", "{,}", 'job="value', 'job=value"', r'trickier==\\=\=\""', 'contains_unescaped_quote = foo"bar',
    '{invalid-name = "valid label"}', r'"{foo=\"bar"}', r'"foo=\"bar"', r'"foo=\"bar\""', '"foo="bar""', "{{foo=",
]  # fmt: skip
UTF8: list[tuple[str, Expected]] = [
    ("", []),
    ("{}", []),
    ("{foo=bar}", [("foo", "=", "bar")]),
    ("{foo=bar,}", [("foo", "=", "bar")]),
    ("{foo!~[a-z]+}", [("foo", "!~", "[a-z]+")]),
    ("{foo=🙂bar}", [("foo", "=", "🙂bar")]),
    ("foo=bar,", [("foo", "=", "bar")]),
    ('{"foo"="bar",}', [("foo", "=", "bar")]),
    ('{"foo"=~"[a-z]+"}', [("foo", "=~", "[a-z]+")]),
    (r'{"foo"="\xf0\x9f\x99\x82"}', [("foo", "=", "🙂")]),
    (r'{"foo"="\U0001f642"}', [("foo", "=", "🙂")]),
    (r'{"foo"="bar\n"}', [("foo", "=", "bar\n")]),
    (r'{"foo"="bar\t"}', [("foo", "=", "bar\t")]),
    (r'{"foo"="\"bar\""}', [("foo", "=", '"bar"')]),
    (r'{"foo"="bar\\"}', [("foo", "=", "bar\\")]),
    ('{foo="bar",bar!="baz"}', [("foo", "=", "bar"), ("bar", "!=", "baz")]),
    ('{name-with-dashes = "bar"}', [("name-with-dashes", "=", "bar")]),
    ('"a label, with anything" = "x"', [("a label, with anything", "=", "x")]),
    (r'"caf\u00e9"="\101"', [("café", "=", "A")]),
]
NOT_UTF8 = [
    ",", "{,}", "{", "}", "foo=bar}", "{foo=bar", '{foo=:"bar"}', r'{foo="bar\w"}', r"{foo=bar\n}",
    r'{"foo"="\xf0\x9f"}', "foo", "foo=", "=bar", "foo==bar", "foo=bar baz", "foo!bar", 'foo="a" b="c"',
    r'foo="\ud800"', r'foo="\400"', "{foo=bar}}", "foo='bar'", "{}foo=bar", "foo=bar,,b=c", 'foo="bar', 'foo="a\nb"',
    r'foo="\1"',
]  # fmt: skip


def plain(found: list[Written]) -> Expected:
    return [tuple(one) for one in found]  # type: ignore[misc]


@pytest.mark.parametrize(("text", "expected"), CLASSIC)
def test_the_classic_syntax_is_read_as_alertmanager_reads_it(text: str, expected: Expected) -> None:
    assert plain(read_classic(text)) == expected
    assert plain(read(text)) == expected


@pytest.mark.parametrize("text", NOT_CLASSIC)
def test_what_is_not_of_the_classic_syntax_is_refused_by_it(text: str) -> None:
    with pytest.raises(ValueError, match="matcher"):
        read_classic(text)


@pytest.mark.parametrize(("text", "expected"), UTF8)
def test_the_utf8_syntax_is_read_as_alertmanager_reads_it(text: str, expected: Expected) -> None:
    assert plain(read_utf8(text)) == expected


@pytest.mark.parametrize("text", NOT_UTF8)
def test_what_is_not_of_the_utf8_syntax_is_refused_by_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_utf8(text)


def test_where_both_syntaxes_can_read_a_text_the_classic_one_holds() -> None:
    assert plain(read_utf8(r'foo="a\tb"')) == [("foo", "=", "a\tb")]
    assert plain(read(r'foo="a\tb"')) == [("foo", "=", r"a\tb")]


def test_an_error_says_what_a_matcher_looks_like() -> None:
    with pytest.raises(ValueError, match=r"'severity' is not a matcher: write label, one of = != =~ !~, and a value"):
        parse_matcher("severity")


anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(anything.filter(bool), st.sampled_from(["=", "!="]), anything)
def test_what_is_written_is_read_back(label: str, operator: str, value: str) -> None:
    text = written(label, operator, value)
    assert plain(read(text)) == [(label, operator, value)]
    assert plain(read(f"{{{text}, {text}}}")) == [(label, operator, value)] * 2
    assert str(parse_matcher(text)) == text


@given(st.text(st.sampled_from("ab=!~,{}\"\\ n'`\n\t-:"), max_size=14))
def test_reading_any_text_ends_in_matchers_or_in_one_error(text: str) -> None:
    try:
        found = read(text)
    except ValueError:
        return
    assert plain(read(",".join(written(*one) for one in found if one.label))) == [tuple(x) for x in found if x.label]


def test_go_quotes() -> None:
    assert quoted('a"\\\n\x07\x7f\u200b\U0001f642é') == '"a\\"\\\\\\n\\a\\x7f\\u200b\U0001f642é"'


@pytest.mark.parametrize(
    ("expression", "value", "hit"),
    [
        ("pay.*", "payments", True),
        ("pay", "payments", False),  # the whole value
        ("a|b", "b", True),
        ("a|b", "ab", False),
        ("^a$", "a", True),
        ("", "", True),
        (".+", "", False),
        (r"\d", "٣", False),  # ASCII, unlike Python's own
        (r"\w+", "é", False),
        (".", "\n", False),
        ("(?s).", "\n", True),
        ("(?i)straße", "STRASSE", False),
        ("(?i)É", "é", True),
        ("a)(b", "ab", True),  # stands in a group, as in Alertmanager
        (r"[[:alpha:]]\pL", "aé", True),
        (r"\Qa.b\E", "a.b", True),
        ("a{,2}", "a{,2}", True),
        ("(?P<name>x)", "x", True),
    ],
)
def test_regular_expressions_are_those_of_re2(expression: str, value: str, hit: bool) -> None:
    assert Matcher("x", "=~", expression).matches({"x": value}) is hit
    assert Matcher("x", "!~", expression).matches({"x": value}) is not hit


@pytest.mark.parametrize(
    "expression", ["a(", "[a", "*a", r"(a)\1", "(?=a)b", "(?<!a)b", "a++", "a{1001}", r"\Z", "(?x)a"]
)
def test_regular_expressions_that_re2_does_not_know_are_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="the regular expression cannot be compiled"):
        parse_matcher(written("x", "=~", expression))


def test_no_regular_expression_takes_for_ever() -> None:
    assert not parse_matcher('x=~"(a*)*(a*)*(a|aa)+b"').matches({"x": "a" * 5000})


def test_a_value_that_is_no_text_is_no_reason_to_stop() -> None:
    assert parse_matcher('x=~".+"').matches({"x": "\ud800"})


def test_a_missing_label_is_empty() -> None:
    assert parse_matcher("x=").matches({})
    assert parse_matcher('x!="a"').matches({})
    assert parse_matcher('x=~"a|"').matches({})
    assert not parse_matcher('x=~".+"').matches({})
    assert parse_matcher('x!~".+"').matches({})


labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "x", "y", "xy"]))
operators = st.sampled_from(["=", "!=", "=~", "!~"])
matchers = st.lists(st.builds(Matcher, st.sampled_from("abc"), operators, st.sampled_from(["", "x", "y|xy", ".+"])))


@given(matchers, labels)
def test_the_quick_condition_answers_as_the_matchers_do(chosen: list[Matcher], present: dict[str, str]) -> None:
    assert condition(chosen)(present) is matches_all(chosen, present)


def test_a_settings_text_may_hold_several_matchers() -> None:
    adapter: TypeAdapter[tuple[str, ...]] = TypeAdapter(MatcherTexts)
    once = adapter.validate_python(['{a="x", b=~y}', "c!=z"])
    assert once == ('a="x"', 'b=~"y"', "c!=z")
    assert adapter.validate_python(once) == once
    assert matchers_of(once) == matchers_of(['{a="x", b=~y}', "c!=z"])
    for wrong in ("{}", "", "a", "a=~["):
        with pytest.raises(ValidationError, match=r"matcher|expression"):
            adapter.validate_python([wrong])


def test_one_matcher_is_one() -> None:
    with pytest.raises(ValueError, match="holds 2 matchers, expected one"):
        parse_matcher("a=b, c=d")
    assert parse_matchers("") == ()
    with pytest.raises(ValueError, match="a label has a name"):
        parse_matcher('""="x"')
