"""Where one value of a mapped event comes from, and the conditions that a record must meet."""

import re
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from config.base import SettingsModel

Scalar = str | bool | int | float
NAMED_TIME_FORMATS = ("rfc3339", "iso8601", "epoch_s", "epoch_ms", "epoch_us")
_DIRECTIVES = frozenset("YymdHIMSfpzbBTFj%")


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        msg = f"{name!r} is not a time zone: write an IANA name like Europe/London or UTC"
        raise ValueError(msg) from error
    return name


def _known_format(text: str) -> str:
    if text in NAMED_TIME_FORMATS:
        return text
    directives = re.findall(r"%(.?)", text)
    unknown = [f"%{letter}" for letter in directives if letter not in _DIRECTIVES or letter == ""]
    if not directives or unknown:
        what = f" ({', '.join(unknown)} is not supported)" if unknown else ""
        named = ", ".join(NAMED_TIME_FORMATS)
        msg = f"{text!r} is not a time format{what}: write one of {named}, or a pattern like %d/%m/%Y %H:%M"
        raise ValueError(msg)
    return text


def _known_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        msg = f"{text!r} is not a regular expression: {error}"
        raise ValueError(msg) from error
    return text


Zone = Annotated[str, AfterValidator(_known_zone)]
TimeFormat = Annotated[str, AfterValidator(_known_format)]
Pattern = Annotated[str, AfterValidator(_known_pattern)]


class Condition(SettingsModel):
    """One test of one field of a record; exactly one of the tests is given.

    Attributes:
        field: path of the field: ``status``, ``ticket.fields[0].value`` (``[-1]`` is the last),
            ``custom_fields[id=360001].value`` (the first entry with that ``id``; a key like ``field.type`` looks
            deeper), ``["a name. with dots"]``.
        equals, not_equals: the value, compared as text. A missing field equals nothing.
        in_, not_in: a list of values (written ``in`` and ``not_in``).
        has: a value that must be among the entries of the field, which is a list.
        present: true: the field has a value; false: it is absent, null or one of the missing markers.
        matches, not_matches: a regular expression that the whole text must match (as in Prometheus).
    """

    field: str = Field(min_length=1)
    equals: Scalar | None = None
    not_equals: Scalar | None = None
    in_: list[Scalar] | None = Field(default=None, alias="in")
    not_in: list[Scalar] | None = None
    has: Scalar | None = None
    present: bool | None = None
    matches: Pattern | None = None
    not_matches: Pattern | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        tests = ("equals", "not_equals", "in_", "not_in", "has", "present", "matches", "not_matches")
        given = [name.rstrip("_") for name in tests if getattr(self, name) is not None]
        if len(given) != 1:
            found = "none is given" if not given else f"{' and '.join(given)} are given"
            listed = ", ".join(name.rstrip("_") for name in tests)
            msg = f"a condition has exactly one of {listed}; {found}"
            raise ValueError(msg)
        return self


class Rescale(SettingsModel):
    """A straight line from one range of numbers to another: ``{from: [1, 10], to: [-1, 1]}``. Outside it is clipped."""

    from_: tuple[float, float] = Field(alias="from")
    to: tuple[float, float]

    @model_validator(mode="after")
    def _has_width(self) -> Self:
        if self.from_[0] == self.from_[1]:
            msg = f"from must be a range of two different numbers, not {list(self.from_)}"
            raise ValueError(msg)
        return self


class ValueSettings(SettingsModel):
    """Where one value of an event comes from. A bare text, or a list of texts, is short for ``{field: ...}``.

    Attributes:
        field: path of a field of the record, or several: the first that has a value is taken.
        const: a constant.
        template: text with field paths in braces (``"{order_id}:{item}"``); ``{@hash}`` is a digest of the record.
        map: values by the field's value, compared as text; what is not listed takes ``default``, or is a dead letter.
        keep: true: a value that ``map`` does not list is kept as it is.
        html: true: the value is HTML; its text is taken.
        default: taken where the field has no value, or none that ``map`` lists.
        missing: texts that mean "no value", in place of the mapping's. A number, true or false is compared as text.
        formats, zone: for times, in place of the mapping's. With ``formats``, ``sequence`` and ``rev`` are times
            too, counted in microseconds since 1970.
        decimal, thousands: for numbers in text: the decimal sign, and the sign between thousands.
        rescale: for numbers: a straight line onto another range.
        divide: for numbers: what the number is divided by, after ``rescale``: a number, or a value like this one
            (``{field: currency, map: {jpy: 1}, default: 100}``).
    """

    field: str | Annotated[list[str], Field(min_length=1)] | None = None
    const: Scalar | None = None
    template: str | None = None
    map: dict[str, Scalar | None] | None = None
    keep: bool = False
    html: bool = False
    default: Scalar | None = None
    missing: list[str] | None = None
    formats: list[TimeFormat] | None = Field(default=None, min_length=1)
    zone: Zone | None = None
    decimal: str = Field(default=".", min_length=1, max_length=1)
    thousands: str | None = Field(default=None, min_length=1, max_length=1)
    rescale: Rescale | None = None
    divide: "Annotated[float, Field(gt=0)] | ValueSettings | None" = None

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        if isinstance(value, str | list):
            return {"field": value}
        return _with_text_keys(value)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [name for name in ("field", "const", "template") if getattr(self, name) is not None]
        if len(given) != 1:
            found = "none is given" if not given else f"{' and '.join(given)} are given"
            msg = f"a value has exactly one of field, const, template; {found}"
            raise ValueError(msg)
        if self.keep and self.map is None:
            msg = "keep is about what map does not list: give map, or leave keep out"
            raise ValueError(msg)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler.resolve_ref_schema(handler(schema))
        text = {"type": "string", "minLength": 1, "description": "Path of a field of the record."}
        texts = {"type": "array", "items": {"type": "string"}, "description": "Paths; the first with a value counts."}
        return {"anyOf": [text, texts, described], "title": described.get("title", cls.__name__)}


def _with_text_keys(value: Any) -> Any:
    """Let YAML's ``map: {1: critical, true: yes}`` name numbers and booleans without quotes."""
    if not isinstance(value, dict) or not isinstance(value.get("map"), dict):
        return value
    return {**value, "map": {scalar_text(key): entry for key, entry in value["map"].items()}}


def scalar_text(value: object) -> str:
    """Return the text under which mappings compare and keep a value.

    >>> [scalar_text(value) for value in (True, 3.0, 2.5, 7, "x")]
    ['true', '3', '2.5', '7', 'x']
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
