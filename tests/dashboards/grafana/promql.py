"""What a query asks for: the metrics and labels that it names, by a real parser of PromQL."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import promql_parser

VARIABLES = {"$__rate_interval": "15s", "$__interval": "5s", "$__range": "1h", "$service": ".*", "$detector": ".*"}
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")


class Asked(NamedTuple):
    """What a query names.

    Attributes:
        metrics: each with the labels that it is selected by, and their matchers.
        labels: that it groups or joins by.
    """

    metrics: list[tuple[str, list[tuple[str, str, str]]]]
    labels: set[str]


def without_variables(expr: str) -> str:
    """Return a query as Grafana would send it, everything being chosen.

    >>> without_variables('rate(x{service=~"$service"}[$__rate_interval])')
    'rate(x{service=~".*"}[15s])'
    """
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    assert "$" not in expr, expr
    return expr


def of_variable(query: str) -> tuple[str, str]:
    """Return the selector and the label of a query of a variable."""
    found = _LABEL_VALUES.fullmatch(query)
    assert found is not None, query
    return found[1], found[2]


def asked(expr: str) -> Asked:
    """Parse a query.

    Raises:
        ValueError: it is none.
    """
    told = Asked([], set())
    _walk(promql_parser.parse(expr), told)
    return told


def _walk(node: Any, told: Asked) -> None:
    if isinstance(node, promql_parser.VectorSelector):
        matchers = [(one.name, str(one.op), one.value) for one in node.matchers.matchers]
        told.metrics.append((node.name or "", matchers))
    modifier = getattr(node, "modifier", None)
    for part in (modifier, getattr(modifier, "matching", None)):
        told.labels.update(getattr(part, "labels", None) or ())
    told.labels.update(getattr(modifier, "group_labels", None) or ())
    for child in _children(node):
        _walk(child, told)


def _children(node: Any) -> Iterator[Any]:
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        child = getattr(node, name, None)
        if child is not None:
            yield child
    yield from getattr(node, "args", None) or ()


def kept_labels(expr: str) -> set[str] | None:
    """Return the labels that a query's outermost aggregation keeps; None: nothing is aggregated."""
    return _kept(promql_parser.parse(expr))


def _kept(node: Any) -> set[str] | None:
    if isinstance(node, promql_parser.AggregateExpr):
        if str(node.op).endswith(("topk", "bottomk")):
            return _kept(node.expr)
        return set(node.modifier.labels) - {"le"} if node.modifier is not None else set()
    if isinstance(node, promql_parser.BinaryExpr):
        sides = [_kept(node.lhs), _kept(node.rhs)]
        numbers = [isinstance(side, promql_parser.NumberLiteral | promql_parser.Call) for side in (node.lhs, node.rhs)]
        known = [side for side, number in zip(sides, numbers, strict=True) if not number]
        return set().union(*(side for side in known if side is not None)) if any(s is not None for s in known) else None
    if isinstance(node, promql_parser.Call):
        found = [_kept(arg) for arg in node.args if not isinstance(arg, promql_parser.NumberLiteral)]
        return None if not found else found[0]
    if isinstance(node, promql_parser.ParenExpr):
        return _kept(node.expr)
    return None
