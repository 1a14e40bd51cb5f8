"""A notification as JSON: Alertmanager's webhook payload, version 4, with our key and notes beside it.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

import json
from typing import Any

import msgspec

from alerts.model import to_json
from sinks.contract import Message

_json = msgspec.json.Encoder(order="sorted")
_NOT_ENDED = "0001-01-01T00:00:00Z"  # what Alertmanager writes for a time that is not set


def webhook_payload(message: Message) -> dict[str, Any]:
    """Return the payload. Fields beyond Alertmanager's: ``idempotencyKey``, ``title``, ``text``, ``notes``."""
    notification = message.notification
    alerts = []
    for alert in notification.alerts:
        shown = to_json(alert)
        shown["endsAt"] = shown["endsAt"] or _NOT_ENDED
        alerts.append({**shown, "generatorURL": ""})
    annotations = [alert.annotations for alert in notification.alerts]
    labels = [alert.labels for alert in notification.alerts]
    return {
        "version": "4",
        "groupKey": notification.receiver
        + ":"
        + ",".join(f"{k}={v}" for k, v in sorted(notification.group_labels.items())),
        "truncatedAlerts": notification.truncated,
        "status": notification.status,
        "receiver": notification.receiver,
        "groupLabels": notification.group_labels,
        "commonLabels": _common(labels),
        "commonAnnotations": _common(annotations),
        "externalURL": "",
        "alerts": alerts,
        "idempotencyKey": message.key,
        "title": message.title,
        "text": message.text,
        "notes": list(message.notes),
    }


def encoded(payload: object) -> bytes:
    """Return JSON in UTF-8. Half characters, which have no place in it, become �."""
    try:
        return _json.encode(payload)
    except UnicodeEncodeError:
        text = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _common(dicts: list[dict[str, str]]) -> dict[str, str]:
    return {name: value for name, value in dicts[0].items() if all(other.get(name) == value for other in dicts)}
