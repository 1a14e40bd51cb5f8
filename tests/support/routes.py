"""Routing trees and label sets for tests, as hypothesis draws them."""

from typing import Any

from hypothesis import strategies as st

from config.matcher_syntax import written

NAMES = ["severity", "team", "service", "a:b"]
VALUES = ["", "critical", "web", "pay,ments", 'q"uote', "back\\slash", "line\nbreak", "x y", "straße", "WEB", "{}", "="]
EXPRESSIONS = [
    "", ".*", ".+", "crit.*", "web|db", "(?i)web", "[^w].*", "pay,.*", r".*\\.*", r"\w+", r"\d*", "line.break",
    "(?s).*k", "^web$", "^", "a)|(web", "x{0,2}.*", r"\bweb\b", r"[[:upper:]]+", r"\pL+", 'q".*', "stra.e", "{}", "=",
]  # fmt: skip
BARE = ["team=web", "severity=~crit.*|x", "service!=", " team = web ", "service!~pay.*", r"team=back\slash", "team=x y"]


@st.composite
def matcher(draw: st.DrawFn) -> str:
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.sampled_from(BARE))
    name, negative = draw(st.sampled_from(NAMES)), draw(st.booleans())
    if kind < 6:
        return written(name, "!=" if negative else "=", draw(st.sampled_from(VALUES)))
    return written(name, "!~" if negative else "=~", draw(st.sampled_from(EXPRESSIONS)))


@st.composite
def matcher_line(draw: st.DrawFn) -> str:
    found = draw(st.lists(matcher(), min_size=1, max_size=2))
    return f"{{{', '.join(found)}}}" if draw(st.booleans()) else ",".join(found)


@st.composite
def tree(draw: st.DrawFn) -> dict[str, Any]:
    """A tree whose nodes have each a receiver of its own, or its parent's."""
    count = 0

    def node(depth: int) -> dict[str, Any]:
        nonlocal count
        count += 1
        made: dict[str, Any] = {"matchers": draw(st.lists(matcher_line(), max_size=2))}
        if draw(st.integers(0, 4)):
            made["receiver"] = f"r{count}"
        if draw(st.booleans()):
            made["continue"] = True
        if depth < 3:
            made["routes"] = [node(depth + 1) for _ in range(draw(st.integers(0, 3 if depth < 2 else 1)))]
        return made

    return {"receiver": "root", "routes": [node(1) for _ in range(draw(st.integers(1, 4)))]}


label_sets = st.lists(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from([value for value in VALUES if value])),
    min_size=3, max_size=3,
)  # fmt: skip
