"""What of Jinja2's language a template may use, and where its work is counted."""

from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from sinks.words.budget import TemplateError
from sinks.words.filters import INTERNAL

_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Slice, nodes.Filter, nodes.Test, nodes.If, nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand,
    nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv,
    nodes.Mod, nodes.Neg, nodes.Pos, nodes.Assign, nodes.List, nodes.Tuple, nodes.Keyword, nodes.Call, nodes.With,
)  # fmt: skip
_METHODS = {"items": 0, "keys": 0, "values": 0, "get": 2}
"""Methods of mappings that may be written as calls, and how many arguments they take."""
_MAX_DEPTH = 40
_RESERVED = frozenset({"self", "caller", "super", "varargs", "kwargs"})


def rewritten(tree: nodes.Template, source: str) -> nodes.Template:
    """Return a template with the counting in it.

    Raises:
        TemplateError: it has something that messages cannot use, with its line.
    """
    _Rewriter(source).visit(tree)
    return tree


def at_line(source: str, line: int, message: str) -> str:
    """Return a message that names the line, where a template has several."""
    return f"line {line} of the template: {message}" if "\n" in source.strip("\n") else message


class _Rewriter(NodeTransformer):
    """Refuses what is not allowed, and puts the counting in."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._depth = 0

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(node, _ALLOWED):
            what = type(node).__name__.lower()
            raise self._error(node, f"{what} cannot be used in a message (see the reference of templates)")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error(node, "it is nested too deeply")
        try:
            return super().visit(node, *args, **kwargs)
        finally:
            self._depth -= 1

    def visit_Name(self, node: nodes.Name) -> nodes.Name:
        if node.name.startswith("_") or node.name in _RESERVED or (node.ctx == "store" and node.name == "loop"):
            raise self._error(node, f"{node.name} cannot be used as a name")
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:
        if node.recursive:
            raise self._error(node, "a recursive loop cannot be used")
        weight = 1 + sum(1 for part in node.body for _ in part.find_all(nodes.Node))
        weight += len(node.body) + (0 if node.test is None else 1 + sum(1 for _ in node.test.find_all(nodes.Node)))
        self.generic_visit(node)
        node.iter = _filter(node.iter, "counted", [nodes.Const(weight)], node.lineno)
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        for operand in node.ops:
            operand.expr = _filter(operand.expr, "weighed", [], node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _filter(node.nodes[0], "concat", node.nodes[1:], node.lineno)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            ends = [nodes.Const(None) if end is None else end for end in (node.arg.start, node.arg.stop, node.arg.step)]
            return _filter(node.node, "slice", ends, node.lineno)
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        method = node.node
        arguments = _METHODS.get(method.attr) if isinstance(method, nodes.Getattr) else None
        if (
            not isinstance(method, nodes.Getattr)
            or arguments is None
            or node.kwargs
            or node.dyn_args
            or node.dyn_kwargs
        ):
            raise self._error(node, "calls cannot be used, apart from items(), keys(), values() and get() of a mapping")
        if len(node.args) > arguments:
            raise self._error(node, f"{method.attr}() takes at most {arguments} arguments")
        return self._filtered(nodes.Filter(method.node, method.attr, node.args, [], None, None, lineno=node.lineno))

    def _filtered(self, node: nodes.Filter) -> nodes.Node:
        self.generic_visit(node)
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        if node.node is None or node.dyn_args is not None or node.dyn_kwargs is not None or node.name.startswith("_"):
            raise self._error(node, "this way of using a filter is not supported")
        return self.generic_visit(node)

    def visit_List(self, node: nodes.List) -> nodes.Node:
        return self._constants(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        return self.generic_visit(node) if node.ctx == "store" else self._constants(node)

    def _constants(self, node: nodes.List | nodes.Tuple) -> nodes.Node:
        if not all(isinstance(item, nodes.Const) for item in node.items):
            raise self._error(node, "a list can hold written values only, like ['north', 'south']")
        return node

    def _error(self, node: nodes.Node, message: str) -> TemplateError:
        return TemplateError(at_line(self._source, node.lineno, message))


def _filter(node: Any, name: str, arguments: list[nodes.Expr], line: int) -> nodes.Filter:
    return nodes.Filter(node, INTERNAL + name, arguments, [], None, None, lineno=line)
