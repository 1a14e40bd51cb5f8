"""Whether a new schema keeps the promises of an old one: the rules of ``docs/explanation/schema-evolution.md``.

Of what Makegood reads, the new schema must take everything that the old one took, and read every field that it read.
Of what Makegood writes, everything that the new schema allows must be allowed by the old one. Only the keywords that
our own schemas use are understood; another one is an error, so that none is passed over in silence.
"""

from collections.abc import Iterator
from typing import Any, Literal

Schema = dict[str, Any]
Direction = Literal["reads", "writes"]

_WORDS = frozenset({"$schema", "$id", "title", "description", "examples", "default", "$defs", "oneOf"})
_LOWER, _UPPER = ("minimum", "minLength", "minItems"), ("maximum", "maxLength")
_EXACT = ("format", "pattern")
_SHAPE = frozenset(
    {"type", "const", "enum", "required", "properties", "additionalProperties", "items", *_LOWER, *_UPPER, *_EXACT}
)


class UnknownKeywordError(ValueError):
    """A schema has a keyword that the comparison does not understand."""


def breaks(old: Schema, new: Schema, direction: Direction) -> list[str]:
    """Return what in ``new`` breaks a promise of ``old``: one line each, with the path.

    Args:
        old: a document as ``makegood schema events`` or ``alerts`` writes it: schemas by name under ``$defs``.
        new: the same of now.
        direction: ``reads``: Makegood is the reader (events); ``writes``: Makegood is the writer (alerts).

    Raises:
        UnknownKeywordError: for a keyword that is not understood.
    """
    found: list[str] = []
    for name, schema in old["$defs"].items():
        if name not in new["$defs"]:
            found.append(f"{name}: removed")
        elif direction == "reads":
            found += _narrower(schema, new["$defs"][name], name, reads=True)
        else:
            found += _narrower(new["$defs"][name], schema, name, reads=False)
    return found


def _narrower(wide: Schema, narrow: Schema, path: str, *, reads: bool) -> Iterator[str]:
    """Yield where ``narrow`` refuses what ``wide`` allows. Read: wide is the old one; written: wide is the new one."""
    for schema in (wide, narrow):
        unknown = set(schema) - _WORDS - _SHAPE
        if unknown:
            msg = f"{path}: the comparison does not understand {', '.join(sorted(unknown))}; teach it"
            raise UnknownKeywordError(msg)
    verb = "narrowed" if reads else "widened"
    yield from _types(wide, narrow, path, verb)
    yield from _values(wide, narrow, path, verb)
    yield from _bounds(wide, narrow, path, verb)
    for name in sorted(set(narrow.get("required", ())) - set(wide.get("required", ()))):
        yield f"{path}.{name}: {'made required' if reads else 'no longer always there'}"
    inner, known = wide.get("properties", {}), narrow.get("properties", {})
    if reads:
        yield from (
            f"{path}.{name}: removed: what is sent in it would go unread" for name in inner if name not in known
        )
    for name in inner.keys() & known.keys():
        yield from _narrower(inner[name], known[name], f"{path}.{name}", reads=reads)
    for keyword, suffix in (("additionalProperties", ".*"), ("items", "[]")):
        if keyword in narrow:
            yield from _narrower(wide.get(keyword, {}), narrow[keyword], path + suffix, reads=reads)


def _types(wide: Schema, narrow: Schema, path: str, verb: str) -> Iterator[str]:
    if "type" not in narrow:
        return
    allowed = _names(narrow)
    if "number" in allowed:
        allowed = allowed | {"integer"}
    if "type" not in wide and not {"const", "enum"} & wide.keys():
        yield f"{path}: type {verb}: any and {'/'.join(sorted(_names(narrow)))}"
    more = _names(wide) - allowed
    if more:
        old, new = (wide, narrow) if verb == "narrowed" else (narrow, wide)
        yield f"{path}: type {verb} from {'/'.join(sorted(_names(old)))} to {'/'.join(sorted(_names(new)))}"


def _names(schema: Schema) -> set[str]:
    kind = schema.get("type", [])
    return {kind} if isinstance(kind, str) else set(kind)


def _values(wide: Schema, narrow: Schema, path: str, verb: str) -> Iterator[str]:
    allowed, given = _listed(narrow), _listed(wide)
    if allowed is None:
        return
    more = ["any"] if given is None else [value for value in given if value not in allowed]
    if more:
        yield f"{path}: values {verb}: {', '.join(map(str, more))} against {', '.join(map(str, allowed))}"


def _listed(schema: Schema) -> list[Any] | None:
    values: list[Any] | None = [schema["const"]] if "const" in schema else schema.get("enum")
    return values


def _bounds(wide: Schema, narrow: Schema, path: str, verb: str) -> Iterator[str]:
    for keyword in (*_LOWER, *_UPPER):
        if keyword not in narrow:
            continue
        limit, other = narrow[keyword], wide.get(keyword)
        if other is None or (other < limit if keyword in _LOWER else other > limit):
            yield f"{path}: {keyword} {verb}: {limit} against {'none' if other is None else other}"
    for keyword in _EXACT:
        if keyword in narrow and wide.get(keyword) != narrow[keyword]:
            yield f"{path}: {keyword} {verb}: {narrow[keyword]} against {wide.get(keyword, 'none')}"
