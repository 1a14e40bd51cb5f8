"""The documents as texts, by name: what the command prints and what ``make generate`` writes."""

from typing import Any

import msgspec

from pipeline.contractdoc.alerts import alert_schemas
from pipeline.contractdoc.asyncapi import asyncapi_text
from pipeline.contractdoc.page import events_page
from pipeline.contractdoc.shapes import DIALECT, event_schemas, events_schema

FOLDER = "docs/reference"


def json_text(schema: dict[str, Any]) -> str:
    """Return a schema as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def alerts_schema() -> dict[str, Any]:
    """Return one schema for everything that Makegood sends; the kinds are under ``$defs``."""
    schemas = alert_schemas()
    return {
        "$schema": DIALECT,
        "$id": "urn:makegood:schema:alerts",
        "title": "What Makegood sends",
        "description": "An alert after a change, or a notification that carries it.",
        "oneOf": [{"$ref": schema["$id"]} for schema in schemas.values()],
        "$defs": schemas,
    }


def files() -> dict[str, str]:
    """Return every generated file of the contract of data: text by path from the root of the repository."""
    texts = {f"{FOLDER}/events.md": events_page(), f"{FOLDER}/asyncapi.yaml": asyncapi_text()}
    for name, schema in {**event_schemas(), **alert_schemas()}.items():
        texts[f"{FOLDER}/schemas/{name}.json"] = json_text(schema)
    return texts


def events_text() -> str:
    """Return the schema of all events as JSON."""
    return json_text(events_schema())


def alerts_text() -> str:
    """Return the schema of everything that Makegood sends as JSON."""
    return json_text(alerts_schema())
