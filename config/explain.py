"""Turns what pydantic found wrong into problems that say where, what was expected, and what to do."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.describe import Place, discriminator, is_model, key_of, keys_of, locate, meanings, members
from config.problems import PathItems, Problem
from config.secret import SecretRef
from config.yamlfile import Document

_SECRET_KEY = re.compile(r"pass|secret|token|api_?key|auth|credential|sid|url|headers?", re.IGNORECASE)
_SHOWN_VALUE = 60
_KINDS = {
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "dict_type": "a mapping of keys to values",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "text (put quotes around it)",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
_UNION_TAG = ("union_tag_invalid", "union_tag_not_found")
_SECRET_RULE = "a secret is never written here: write {env: NAME} or {file: PATH}, and keep it there"  # noqa: S105


def explain(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Problem]:
    """Return the problems that a validation error reports, each once, with its line.

    Where a value may be of several kinds, pydantic reports each kind that it is not; only those are kept that the value
    comes closest to.
    """
    found = [(locate(model, details["loc"]), details) for details in error.errors(include_url=False)]
    messages: dict[PathItems, list[str]] = {}
    for place, details in _closest(found):
        told = messages.setdefault(place.path, [])
        if details["type"] in _KINDS and any(text.startswith("must be ") for text in told):
            told[0] = _or_kind(told[0], _KINDS[details["type"]])
        else:
            told.append(_message(place, details))
    return [
        Problem(path, document.line(path), message)
        for path, told in messages.items()
        for message in dict.fromkeys(told)
    ]


def _or_kind(message: str, kind: str) -> str:
    """Add another kind of value to a message that says what a value must be."""
    expected, separator, meaning = message.partition("; ")
    return message if kind in expected else f"{expected} or {kind}{separator}{meaning}"


def suggestion(word: str, known: Sequence[str]) -> str:
    """Return `` Did you mean ...?`` for the known word that is closest, or nothing.

    >>> suggestion("receivrs", ["receivers", "route"])
    " Did you mean 'receivers'?"
    """
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def _closest(found: Sequence[tuple[Place, ErrorDetails]]) -> list[tuple[Place, ErrorDetails]]:
    """Of errors of several branches of one union, keep the branch that the value fits best.

    A branch whose model got as far as looking at keys fits a mapping better than one that wanted text.
    """
    return [
        (place, details)
        for place, details in found
        if not (place.branch and _wrong_kind(details) and any(_fits_better(other, place) for other in found))
        and not (details["type"] == "too_short" and any(_below(other, place) for other, _ in found))
    ]


def _below(other: Place, place: Place) -> bool:
    """Say whether an item of a list is wrong: pydantic then also says that there are too few."""
    return len(other.path) > len(place.path) and other.path[: len(place.path)] == place.path


def _fits_better(other: tuple[Place, ErrorDetails], place: Place) -> bool:
    """Say whether another error is of another branch at the same place, and of one that got further."""
    there, details = other
    inside = there.path[: len(place.path)] == place.path
    return inside and there.branch != place.branch and not _wrong_kind(details)


def _wrong_kind(details: ErrorDetails) -> bool:
    return details["type"] in _KINDS


def _message(place: Place, details: ErrorDetails) -> str:
    kind = details["type"]
    context = details.get("ctx", {})
    meaning = _meaning(place)
    because = f"; {meaning}" if meaning else ""
    if kind == "extra_forbidden":
        text = _unknown_key(place)
    elif kind == "missing":
        text = f"is missing{because or '; this key is needed'}"
    elif kind in _UNION_TAG:
        text = _unknown_type(details, context)
    elif kind == "literal_error":
        hint = _literal_hint(place, details)
        text = f"{_shown(place, details)}is not known; it is one of {context.get('expected', '')}.{hint}"
    elif _wants_secret(place):
        text = _SECRET_RULE
    elif kind == "value_error":
        text = str(context.get("error", details["msg"]))
    elif kind in _KINDS:
        text = f"must be {_KINDS[kind]}{because}"
    else:
        told = re.sub(r"^(Input|String|List|Tuple|Dictionary) should", "must", details["msg"])
        text = f"{_shown(place, details)}{told[:1].lower()}{told[1:]}{because}"
    return text


def _unknown_key(place: Place) -> str:
    key = str(place.path[-1])
    known = [] if place.owner is None else keys_of(place.owner)
    if key in known:  # a discriminated union hides the owner
        return f"unknown key {key!r}"
    return f"unknown key {key!r}.{suggestion(key, known)} Known here: {', '.join(known) or 'none'}; remove or rename it"


def _unknown_type(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    if details["type"] == "union_tag_not_found":
        return "the key 'type' is missing; it says which component this is"
    expected = [name.strip().strip("'") for name in str(context.get("expected_tags", "")).split(",")]
    tag = str(context.get("tag", ""))
    return f"unknown type {tag!r}.{suggestion(tag, expected)} There are: {', '.join(expected)}"


def _literal_hint(place: Place, details: ErrorDetails) -> str:
    if place.owner is None or not isinstance(details["input"], str):
        return ""
    for name, field in place.owner.model_fields.items():
        if key_of(name, field) == place.path[-1]:
            values = [str(value) for member in members(field.annotation) for value in get_args(member)]
            return suggestion(details["input"], values)
    return ""


def _field(place: Place) -> tuple[str, Any] | None:
    if place.owner is None or not place.path:
        return None
    for name, field in place.owner.model_fields.items():
        if key_of(name, field) == place.path[-1]:
            return name, field.annotation
    return None


def _meaning(place: Place) -> str:
    field = _field(place)
    return (
        ""
        if field is None or place.owner is None
        else meanings(place.owner).get(field[0], "").rstrip(".").replace("``", "")
    )


def _wants_secret(place: Place) -> bool:
    field = _field(place)
    owner_is_secret = place.owner is not None and issubclass(place.owner, SecretRef)
    return owner_is_secret or (
        field is not None and any(is_model(kind) and issubclass(kind, SecretRef) for kind in members(field[1]))
    )


def _shown(place: Place, details: ErrorDetails) -> str:
    """Return the value that was found, where it is short and cannot be a secret."""
    value = details["input"]
    if any(isinstance(item, str) and _SECRET_KEY.search(item) for item in place.path):
        return ""
    if place.owner is not None and discriminator(place.owner) is None and not place.path:
        return ""
    if isinstance(value, str | int | float | bool) and len(str(value)) <= _SHOWN_VALUE:
        return f"{value!r} " if details["type"] == "literal_error" else f"{value!r}: "
    return ""
