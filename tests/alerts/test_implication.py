from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.implication import implied, impossible
from config.matchers import matches_all, parse_matcher

TEXTS = [
    *(f"a{operator}{value}" for operator in ("=", "!=") for value in ("x", "y", '""')),
    *(f'a{operator}"{value}"' for operator in ("=~", "!~") for value in ("x|y", "(x|z)", "x.*", ".*", ".+", "", "x|")),
    "b=x", 'b!~"x|y"',
]  # fmt: skip
VALUES = ("", "x", "y", "z", "xx", "other")


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), max_size=4))
def test_what_is_called_impossible_is_satisfied_by_nothing(texts: list[str]) -> None:
    matchers = [parse_matcher(text) for text in texts]
    if impossible(matchers):
        assert not any(matches_all(matchers, {"a": a, "b": b}) for a, b in product(VALUES, VALUES))


def test_what_is_called_implied_holds_wherever_the_others_do() -> None:
    seen = 0
    for texts in combinations(TEXTS, 2):
        given_, wanted = (parse_matcher(text) for text in texts)
        for one, other in ((given_, wanted), (wanted, given_)):
            if implied(one, [other]):
                seen += 1
                for a, b in product(VALUES, VALUES):
                    labels = {"a": a, "b": b}
                    assert one.matches(labels) or not other.matches(labels)
    assert seen > 30


@pytest.mark.parametrize(
    ("wanted", "given_texts"),
    [
        ("a=x", ["a=x"]),
        ("a=~x|y", ["a=x"]),
        ("a=~x|y", ["a=~y|x"]),
        ("a=~(x|y|z)", ["a=~x|y"]),
        ("a!=y", ["a=x"]),
        ('a!=""', ["a=~x.*"]),
        ("a=~.+", ['a!=""']),
        ("a=~.*", []),
        ("a!~x|y", ["a=z"]),
        ('a="1.5"', [r'a=~"1\\.5"']),
    ],
)
def test_these_follow(wanted: str, given_texts: list[str]) -> None:
    assert implied(parse_matcher(wanted), [parse_matcher(text) for text in given_texts])


@pytest.mark.parametrize(
    ("wanted", "given_text"), [("a=x", "a=~x|y"), ("a=x", "b=x"), ("a=~x.*", "a=~x.y"), ("a=~.+", "a=~x|")]
)
def test_these_do_not_follow_or_are_not_known_to(wanted: str, given_text: str) -> None:
    assert not implied(parse_matcher(wanted), [parse_matcher(given_text)])
