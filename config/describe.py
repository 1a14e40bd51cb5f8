"""What settings models say about themselves: keys, meanings, and where a place in a file belongs in a model.

Meanings are written once, in the ``Attributes:`` section of a model's docstring (or as a field's ``description``); the
JSON Schema, the reference page and error messages take them from here.
"""

import inspect
import re
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from config.problems import PathItems

_ENTRY = re.compile(r"^(?P<names>[A-Za-z_][A-Za-z_0-9]*(?:, [A-Za-z_][A-Za-z_0-9]*)*): (?P<text>.*)$")

_SENTENCE = re.compile(r"(?<=\.) (?=[a-z_]+: )")
_WORD = re.compile(r"\w+")


class Place(NamedTuple):
    """Where an error of pydantic is.

    Attributes:
        path: in the file: keys and positions, without the branch names that pydantic adds.
        owner: the innermost model on the way, None for none.
        branch: names of the union branches that were taken, in order.
    """

    path: PathItems
    owner: type[BaseModel] | None
    branch: tuple[str, ...]


def key_of(name: str, field: FieldInfo) -> str:
    """Return the key under which a field is written in the file."""
    return field.alias or name


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys that a model knows, in order."""
    return [key_of(name, field) for name, field in model.model_fields.items()]


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return the meaning of each field of a model by the field's name; fields without one are left out."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel):
            for names, text in _attributes(inspect.cleandoc(base.__doc__ or "")):
                found.update(_sentences(names, text, model))
    for name, field in model.model_fields.items():
        if field.description:
            found[name] = field.description
    return {name: text for name, text in found.items() if name in model.model_fields}


def summary(model: type[BaseModel]) -> str:
    """Return the first paragraph of a model's docstring, as one line."""
    return " ".join(inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].split())


def _attributes(docstring: str) -> list[tuple[list[str], str]]:
    """Read the ``Attributes:`` section of a Google style docstring; ``a, b: text`` describes both."""
    lines = docstring.splitlines()
    if "Attributes:" not in lines:
        return []
    found: list[tuple[list[str], str]] = []
    for line in lines[lines.index("Attributes:") + 1 :]:
        if line and not line.startswith(" "):
            break
        entry = _ENTRY.match(line[4:]) if len(line) > 4 and line[4] != " " else None
        if entry is not None:
            found.append((entry["names"].split(", "), entry["text"].strip()))
        elif line.strip() and found:
            names, text = found[-1]
            found[-1] = (names, f"{text} {line.strip()}")
    return found


def _sentences(names: list[str], text: str, model: type[BaseModel]) -> dict[str, str]:
    """Return the meanings that an entry gives; a sentence of it that begins with another key is that key's."""
    found: dict[str, str] = {}
    for sentence in _SENTENCE.split(text):
        key, separator, told = sentence.partition(": ")
        if separator and key in model.model_fields:
            names, sentence = [key], told  # noqa: PLW2901 - the rest of the entry is about this key
        found.update({name: f"{found[name]} {sentence}" if name in found else sentence for name in names})
    return found


def locate(model: type[BaseModel], loc: Sequence[str | int]) -> Place:
    """Translate the ``loc`` of a pydantic error into a place in the file.

    Pydantic puts the name of the branch of a union between the keys; only the types say which item is which.
    """
    path: list[str | int] = []
    branch: list[str] = []
    owner: type[BaseModel] | None = None
    current: Any = model
    for item in loc:
        current = bare(current)
        if is_union(current):
            current = _branch(current, str(item))
            branch.append(str(item))
            owner = current if is_model(current) else owner
            continue
        if is_model(current):
            owner = current
            current = _field_type(current, item)
            path.append(item)
            continue
        if item == "[key]":
            break
        path.append(item)
        arguments = get_args(current)
        if isinstance(item, int) and get_origin(current) is tuple and Ellipsis not in arguments:
            current = arguments[item] if item < len(arguments) else Any
        else:
            current = arguments[-1 if get_origin(current) is not tuple else 0] if arguments else Any
    last = bare(current)
    return Place(tuple(path), last if is_model(last) and not path else owner, tuple(branch))


def bare(annotation: Any) -> Any:
    """Return a type without ``Annotated``, type aliases, and ``None`` of an optional."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif is_union(annotation) and type(None) in get_args(annotation):
            members = [member for member in get_args(annotation) if member is not type(None)]
            annotation = members[0] if len(members) == 1 else Union[tuple(members)]  # noqa: UP007 - built at run time
        else:
            return annotation


def is_union(annotation: Any) -> bool:
    """Say whether a type is a union of several."""
    return get_origin(annotation) in (Union, types.UnionType)


def is_model(annotation: Any) -> bool:
    """Say whether a type is a settings model."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def members(annotation: Any) -> list[Any]:
    """Return the branches of a type: of a union each, of anything else itself; ``None`` is left out."""
    annotation = bare(annotation)
    if is_union(annotation):
        return [branch for member in get_args(annotation) for branch in members(member)]
    return [annotation]


def mapping_value(annotation: Any) -> Any | None:
    """Return the type of the values of a mapping type, or None for another type."""
    origin = get_origin(bare(annotation))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return get_args(bare(annotation))[1]
    return None


def discriminator(model: type[BaseModel], name: str = "type") -> str | None:
    """Return the one literal value of a model's discriminating field, or None where it has none."""
    field = model.model_fields.get(name)
    if field is None or get_origin(bare(field.annotation)) is not Literal:
        return None
    values = get_args(bare(field.annotation))
    return str(values[0]) if len(values) == 1 else None


def _branch(union: Any, tag: str) -> Any:
    for member in members(union):
        tags = (discriminator(member), discriminator(member, "class_")) if is_model(member) else ()
        if is_model(member) and (tag in tags or member.__name__ in _WORD.findall(tag)):
            return member
        if tag.startswith(str(getattr(get_origin(member), "__name__", "\0"))):
            return member
    return Any


def _field_type(model: type[BaseModel], key: str | int) -> Any:
    for name, field in model.model_fields.items():
        if key in (name, key_of(name, field)):
            return field.annotation
    return Any
