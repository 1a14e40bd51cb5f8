"""Templates: Jinja2's language, cut down until nothing in it can reach outside or run for long.

Jinja2's sandbox keeps templates from internals, but not from work: nested loops, ``'%9999999999d' % 1`` and doubling
texts hang or fill a process. So:

* A template knows plain data only: text, numbers, mappings, lists. ``a.b`` is a key of a mapping, never an attribute of
  an object. There are no calls, macros, includes or imports. (``labels.items()`` is another way to write a filter.)
* Every turn of a loop costs as many steps as there are nodes in its body; filters and operators cost by the size of
  what they take. Nothing else can take more time than the template is long.
* Whatever makes a text or number larger is a filter or operator of ours, which looks before it works.
"""

import operator as operators
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import AfterValidator

from sinks.words.budget import Budget, TemplateError, cost, fits, too_long, written
from sinks.words.filters import BUDGET, bounded_filters
from sinks.words.rewriting import at_line, rewritten
from sinks.words.vocabulary import LIMITS, TESTS, TESTS_OF_NUMBERS, VARIABLES

_HINT_CHARS = 200
_LOOP = {"index", "index0", "first", "last", "length", "revindex", "revindex0"}
_OPERATORS = {
    "+": operators.add,
    "-": operators.sub,
    "*": operators.mul,
    "/": operators.truediv,
    "//": operators.floordiv,
}


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping) and isinstance(argument, str):
            if argument in obj:
                return obj[argument]
            known = ", ".join(map(str, obj)) or "nothing"
            return self.undefined(hint=f"there is no {argument!r}; there is {known}"[:_HINT_CHARS])
        if isinstance(obj, LoopContext):
            if argument in _LOOP:
                return getattr(obj, argument)
        elif isinstance(obj, list | tuple | str) and isinstance(argument, int):
            if -len(obj) <= argument < len(obj):
                return obj[argument]
        elif isinstance(obj, Undefined):
            str(obj)  # raises, with the name that is not there
        return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        budget: Budget = context[BUDGET]
        budget.spend(cost(left) + cost(right))
        for value in (left, right):
            if isinstance(value, Undefined):
                str(value)
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return fits(left + right)
        if operator in _OPERATORS and isinstance(left, int | float) and isinstance(right, int | float):
            return fits(_OPERATORS[operator](left, right))
        if operator == "%" and isinstance(left, int | float) and isinstance(right, int | float):
            return left % right
        msg = f"{operator} cannot be used with {_kind(left)} and {_kind(right)}"
        raise TemplateError(msg)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "a text"
    return "a number" if isinstance(value, int | float) else "a list or mapping"


def _environment() -> _Environment:
    made = _Environment(
        undefined=StrictUndefined,
        autoescape=False,
        finalize=_finalize,
        optimized=False,
        cache_size=0,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.clear()
    made.filters = bounded_filters()
    made.tests = {name: made.tests[name] for name in TESTS + TESTS_OF_NUMBERS}
    return made


def _finalize(value: Any) -> Any:
    return value if isinstance(value, Undefined) else written(value)


_ENVIRONMENT = _environment()


class Compiled:
    """A template that was checked. See :func:`compile_template`."""

    def __init__(self, tree: nodes.Template) -> None:
        self._template = _ENVIRONMENT.from_string(tree)

    def render(self, variables: Mapping[str, Any]) -> str:
        """Return the text.

        Raises:
            TemplateError: naming what is missing, or what is too much.
        """
        parts, size = [], 0
        try:
            for part in self._template.generate({**variables, BUDGET: Budget()}):
                size += len(part)
                if size > LIMITS["output_chars"]:
                    raise TemplateError(too_long())
                parts.append(part)
        except TemplateError:
            raise
        except UndefinedError as error:
            msg = f"the template names what this notification does not have: {error.message}"
            raise TemplateError(msg) from error
        except Exception as error:  # whatever a template brings about: the standard words go out in its place
            msg = f"the template cannot be filled: {type(error).__name__}: {error}"
            raise TemplateError(msg[:300]) from error
        return "".join(parts)


@lru_cache(maxsize=512)
def compile_template(source: str) -> Compiled:
    """Return a template, checked as far as it can be without a notification.

    Raises:
        TemplateError: with the line in the template where there is more than one.
    """
    if len(source) > LIMITS["source_chars"]:
        msg = f"the template has {len(source):,} characters; {LIMITS['source_chars']:,} are allowed"
        raise TemplateError(msg)
    try:
        tree = rewritten(_ENVIRONMENT.parse(source), source)
        tree.set_environment(_ENVIRONMENT)
        unknown = find_undeclared_variables(tree) - set(VARIABLES)
        if unknown:
            _refuse_names(source, unknown)
        return Compiled(tree)
    except TemplateSyntaxError as error:
        raise TemplateError(at_line(source, error.lineno, error.message or "it cannot be read")) from error
    except (RecursionError, SyntaxError, MemoryError, OverflowError, ValueError) as error:
        msg = f"the template is nested too deeply, or has a number that is too long ({type(error).__name__})"
        raise TemplateError(msg) from error


def _refuse_names(source: str, unknown: set[str]) -> None:
    named = ", ".join(sorted(unknown))
    line = next((node.lineno for node in _names(source) if node.name in unknown), 1)
    msg = f"the template does not know {named}; it knows: {', '.join(VARIABLES)}"
    raise TemplateError(at_line(source, line, msg))


def _names(source: str) -> list[nodes.Name]:
    return list(_ENVIRONMENT.parse(source).find_all(nodes.Name))


def checked(source: str) -> str:
    """Return a template as it is, for settings.

    Raises:
        ValueError: it cannot be used, with the line in it and what to do.
    """
    try:
        compile_template(source)
    except TemplateError as error:
        raise ValueError(str(error)) from error
    return source


TemplateText = Annotated[str, AfterValidator(checked)]
"""A settings field that holds a template, checked when the settings are read."""
