"""JSON Schemas of the events, from the Structs that decode them.

A schema says what a producer should send: CloudEvents 1.0, with ``null`` for an attribute that is not set, and open
for unknown fields. The decoder takes a little more (``docs/reference/events.md`` lists it), and checks a little more:
times must lie within 1990 to 2099, and numbers within what a double holds.
"""

from typing import Any

import msgspec

from detectors.events import EVENT_CLASSES, Envelope
from pipeline.contractdoc.meanings import DATA, ENVELOPE, TYPES, Meaning

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_INTERNAL = "(makegood)"
_NULL_IS_UNSET = ("subject", "sequence", "rev")
"""Optional attributes whose Struct fields have no ``null``: the decoder takes it for "not set", as CloudEvents asks."""
_FAMILY_FIELDS = {"crm.case": {"case_id": "1042"}, "transaction": {"order_id": "A-77120"}}

Schema = dict[str, Any]


def schema_id(event_type: str) -> str:
    """Return the ``$id`` of an event type's schema.

    >>> schema_id("social.post")
    'urn:makegood:schema:event:social.post'
    """
    return f"urn:makegood:schema:event:{event_type}"


def envelope_schema(kind: type[Envelope] | None = None) -> Schema:
    """Return the schema of the envelope, without ``type`` and ``data``.

    Args:
        kind: the event class to read it from; by default any, as all have the same.
    """
    properties, required = _properties(kind if kind is not None else EVENT_CLASSES["social.post"])
    shown = {name: _described(properties[name], ENVELOPE[name]) for name in ENVELOPE if name in properties}
    for name in ("type", "data"):
        shown.pop(name)
    only = {"enum": ("type", "string")}  # one value is a const
    version = dict(only.get(name, (name, value)) for name, value in shown["specversion"].items())
    shown["specversion"] = {**version, "const": "1.0"}
    for name in _NULL_IS_UNSET:
        shown[name]["type"] = [shown[name]["type"], "null"]
    wanted = [name for name in shown if name in required or name == "specversion"]
    return {"type": "object", "required": wanted, "properties": shown}


def data_schema(event_type: str) -> Schema:
    """Return the schema of an event type's ``data``."""
    name, schema = _data_component(EVENT_CLASSES[event_type])
    properties = {field: _described(_compact(entry), DATA[field]) for field, entry in schema["properties"].items()}
    found: Schema = {"title": name, "description": _prose(schema["description"]), "type": "object"}
    if schema["required"]:
        found["required"] = schema["required"]
    return {**found, "properties": properties}


def data_name(event_type: str) -> str:
    """Return the name of the shape of an event type's ``data``: types of one family share one.

    >>> data_name("crm.case.opened") == data_name("crm.case.closed") == "CaseData"
    True
    """
    return _data_component(EVENT_CLASSES[event_type])[0]


def event_schema(event_type: str) -> Schema:
    """Return the whole schema of one event type: a document of its own, draft 2020-12, with an example."""
    envelope = envelope_schema(EVENT_CLASSES[event_type])
    named = {**_described({}, ENVELOPE["type"]), "const": event_type, "examples": [event_type]}
    order: Schema = {"specversion": {}, "type": named}  # the first two; what follows keeps their places
    return {
        "$schema": DIALECT,
        "$id": schema_id(event_type),
        "title": event_type,
        "description": TYPES[event_type][0],
        "type": "object",
        "required": ["specversion", "type", *envelope["required"][1:], "data"],
        "properties": {**order, **envelope["properties"], "data": data_schema(event_type)},
        "examples": [example(event_type)],
    }


def event_schemas() -> dict[str, Schema]:
    """Return the schemas of all event types, by type."""
    return {event_type: event_schema(event_type) for event_type in TYPES}


def events_schema() -> Schema:
    """Return one schema for an event of any type; the types are under ``$defs``."""
    schemas = event_schemas()
    return {
        "$schema": DIALECT,
        "$id": "urn:makegood:schema:events",
        "title": "Makegood events",
        "description": "An event of any type: CloudEvents 1.0 in JSON.",
        "oneOf": [{"$ref": schema_id(event_type)} for event_type in schemas],
        "$defs": schemas,
    }


def example(event_type: str) -> Schema:
    """Return an event of the type that can be decoded, as plain data."""
    family = event_type.rpartition(".")[0]
    data = {**_FAMILY_FIELDS.get(family, {}), **TYPES[event_type][1]}
    step = event_type.rpartition(".")[2]
    name = f"{next(iter(data.values()))}/{step}" if family in _FAMILY_FIELDS else f"{step}-981"
    sources = {"crm.case": "/crm/zendesk", "transaction": "/shop/orders", "survey": "/surveys", "social": "/social"}
    event = {"specversion": "1.0", "type": event_type, "source": sources[family], "id": name}
    return {**event, "time": ENVELOPE["time"].example, "subject": ENVELOPE["subject"].example, "data": data}


def _data_component(kind: type[Envelope]) -> tuple[str, Schema]:
    _, components = msgspec.json.schema_components([kind], ref_template="{name}")
    name = components[_title(kind)]["properties"]["data"]["$ref"]
    return name, components[name]


def _properties(kind: type[Envelope]) -> tuple[dict[str, Schema], list[str]]:
    _, components = msgspec.json.schema_components([kind], ref_template="{name}")
    whole = components[_title(kind)]
    public = {name: entry for name, entry in whole["properties"].items() if not name.startswith(_INTERNAL)}
    return {name: _compact(entry) for name, entry in public.items()}, whole["required"]


def _title(kind: type[Envelope]) -> str:
    return kind.__name__


def _compact(entry: Schema) -> Schema:
    """Write ``anyOf`` of a type and null as a list of types, and leave out defaults: absent is absent."""
    kept = {key: value for key, value in entry.items() if key not in ("anyOf", "default")}
    branches = entry.get("anyOf")
    if branches is None:
        return kept
    (value,) = (branch for branch in branches if branch != {"type": "null"})
    return {**value, **kept, "type": [value["type"], "null"]}


def _described(entry: Schema, meaning: Meaning) -> Schema:
    text = meaning.text if not meaning.unit else f"{meaning.text} Values: {meaning.unit}."
    return {"description": text, **entry, "examples": [meaning.example]}


def _prose(docstring: str) -> str:
    return " ".join(docstring.split()).replace("``", "`")
