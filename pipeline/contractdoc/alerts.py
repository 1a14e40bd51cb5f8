"""JSON Schemas of what Makegood sends: an alert after a change, and the notification that carries it to a webhook.

The examples are made by the code that sends; tests hold the schemas against what it writes.
"""

from typing import Any

from alerts.model import to_json
from detectors.contract import AlertChange, alert_change
from pipeline.contractdoc.shapes import DIALECT
from sinks.contract import ChannelSettings, Notification
from sinks.payload import webhook_payload
from sinks.render import render

Schema = dict[str, Any]
_AT_US = 1_772_446_500_000_000  # 2026-03-02T10:15:00Z


def alert_schema() -> Schema:
    """Return the schema of an alert as ``makegood replay`` writes it: a document of its own, draft 2020-12."""
    return {
        "$schema": DIALECT,
        "$id": "urn:makegood:schema:alert",
        "title": "Alert",
        "description": "An alert as it is after a change, in the fields of Alertmanager.",
        "type": "object",
        "required": ["status", "labels", "annotations", "startsAt", "endsAt", "fingerprint"],
        "properties": {
            "status": _text("What the alert is after the change.", enum=["firing", "resolved"]),
            "labels": {
                **_texts("Identify the alert; always with `alertname`, `detector` and `severity`."),
                "required": ["alertname", "detector", "severity"],
            },
            "annotations": {
                **_texts("What a person reads; always with `summary` and `description`."),
                "required": ["summary", "description"],
            },
            "startsAt": _time("When the episode began: event time, UTC, to the microsecond."),
            "endsAt": {**_time("When it ended; null while the alert fires."), "type": ["string", "null"]},
            "fingerprint": _text("Alertmanager's fingerprint of the labels.", pattern="^[0-9a-f]{16}$"),
        },
        "examples": [to_json(example_change())],
    }


def notification_schema() -> Schema:
    """Return the schema of a webhook's body: a document of its own, draft 2020-12."""
    alert = alert_schema()
    ends = _time("When it ended; 0001-01-01T00:00:00Z while the alert fires, as Alertmanager writes it.")
    properties = {
        **alert["properties"], "endsAt": ends, "generatorURL": _text("Empty; Alertmanager has it.")
    }  # fmt: skip
    item = {
        "title": "NotifiedAlert",
        "description": alert["description"],
        "type": "object",
        "required": [*alert["required"], "generatorURL"],
        "properties": properties,
    }
    fields: Schema = {
        "version": {"description": "Version of Alertmanager's payload.", "const": "4"},
        "groupKey": _text("Identifies the group of alerts."),
        "truncatedAlerts": {"description": "Alerts left out.", "type": "integer", "minimum": 0},
        "status": _text("`firing` as long as one of the alerts is.", enum=["firing", "resolved"]),
        "receiver": _text("Name of the receiver in the settings."),
        "groupLabels": _texts("Labels that the alerts are grouped by."),
        "commonLabels": _texts("Labels that all alerts have alike."),
        "commonAnnotations": _texts("Annotations that all alerts have alike."),
        "externalURL": _text("Empty; Alertmanager has it."),
        "alerts": {"description": "The alerts told of.", "type": "array", "minItems": 1, "items": item},
        "idempotencyKey": _text("The same over all tries, tiers and channels."),
        "title": _text("One line for a person."),
        "text": _text("Everything a person needs, in plain text."),
        "notes": {
            "description": "What went wrong on the way: which tiers failed and why.",
            "type": "array",
            "items": {"type": "string"},
        },
    }
    return {
        "$schema": DIALECT,
        "$id": "urn:makegood:schema:notification",
        "title": "Notification",
        "description": "The body of a webhook: Alertmanager's payload, version 4, with fields of Makegood's.",
        "type": "object",
        "required": list(fields),
        "properties": fields,
        "examples": [example_notification()],
    }


def alert_schemas() -> dict[str, Schema]:
    """Return the schemas of what Makegood sends, by name."""
    return {"alert": alert_schema(), "notification": notification_schema()}


def example_change() -> AlertChange:
    """Return a change as ``sla_breach`` makes them."""
    labels = {"alertname": "SlaBreach", "detector": "sla_breach", "severity": "critical", "promise": "first_reply"}
    return alert_change(
        step="confirmed",
        at_us=_AT_US,
        status="firing",
        labels={**labels, "case_id": "1042", "service": "broadband"},
        annotations={"summary": "No first reply to case 1042", "description": "Due at 10:15, 60 minutes after 09:15."},
        starts_at_us=_AT_US,
    )


def example_notification() -> Schema:
    """Return the body of a webhook that tells of :func:`example_change`."""
    change = example_change()
    notification = Notification(
        key="mg-9f6c1c8e0f4b4d0d9a5f0c1d2e3f4a5b",
        receiver="operations",
        alerts=(change,),
        group_labels=dict(change.labels),
        accepted_us=_AT_US,
    )
    return webhook_payload(render(notification, ChannelSettings(type="webhook"), ()))


def _text(description: str, **more: Any) -> Schema:
    return {"description": description, "type": "string", **more}


def _texts(description: str) -> Schema:
    return {"description": description, "type": "object", "additionalProperties": {"type": "string"}}


def _time(description: str) -> Schema:
    return {"description": description, "type": "string", "format": "date-time"}
