"""What the published description says of the routes here, in the words of Alertmanager's."""

from typing import Any

_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_LABELS = {"type": "object", "additionalProperties": _TEXT}
_TEXTS = {"type": "array", "items": _TEXT}
_SAID = {"application/json": {"schema": {"type": "string"}}}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


_NAMED = _object({"name": _TEXT})
_STATUS = _object(
    {
        "state": {"type": "string", "enum": ["unprocessed", "active", "suppressed"]},
        "silencedBy": _TEXTS,
        "inhibitedBy": _TEXTS,
        "mutedBy": _TEXTS,
    }
)
_ALERT = _object(
    {
        "labels": _LABELS,
        "annotations": _LABELS,
        "receivers": {"type": "array", "items": _NAMED},
        "fingerprint": _TEXT,
        "startsAt": _TIME,
        "updatedAt": _TIME,
        "endsAt": _TIME,
        "status": _STATUS,
    },
    {"generatorURL": _TEXT},
)
_GROUP = _object(
    {"labels": _LABELS, "routeLabels": _LABELS, "receiver": _NAMED, "alerts": {"type": "array", "items": _ALERT}}
)
_MATCHER = _object(
    {"name": _TEXT, "value": _TEXT, "isRegex": {"type": "boolean"}}, {"isEqual": {"type": "boolean", "default": True}}
)
_SILENCE_SENT = {
    "matchers": {"type": "array", "items": _MATCHER, "minItems": 1},
    "startsAt": _TIME,
    "endsAt": _TIME,
    "createdBy": _TEXT,
    "comment": _TEXT,
}
_SILENCE = _object(
    {
        **_SILENCE_SENT,
        "id": _TEXT,
        "status": _object({"state": {"type": "string", "enum": ["expired", "active", "pending"]}}),
        "updatedAt": _TIME,
        "annotations": _LABELS,
    }
)
_ABOUT_US = _object(
    {
        "cluster": _object({"status": {"type": "string", "enum": ["ready", "settling", "disabled"]}}),
        "config": _object({"original": _TEXT}),
        "uptime": _TIME,
        "versionInfo": _object(
            dict.fromkeys(("version", "revision", "branch", "buildUser", "buildDate", "goVersion"), _TEXT)
        ),
    }
)
_ALERT_SENT = _object(
    {"labels": _LABELS}, {"annotations": _LABELS, "startsAt": _TIME, "endsAt": _TIME, "generatorURL": _TEXT}
)

ANSWERS: dict[int | str, dict[str, Any]] = {
    400: {"description": "What is asked cannot be read", "content": _SAID},
    401: {"description": "Nobody is logged in", "content": _SAID},
    403: {"description": "They may not", "content": _SAID},
    404: {"description": "There is none of that name", "content": _SAID},
    413: {"description": "The body is too large", "content": _SAID},
    421: {"description": "The host is not ours", "content": _SAID},
    429: {"description": "Too many requests", "content": _SAID},
    500: {"description": "The store cannot be used now", "content": _SAID},
}
"""Refusals: each body is a JSON string."""


def _answered(schema: dict[str, Any] | None) -> dict[str, Any]:
    content = {} if schema is None else {"application/json": {"schema": schema}}
    return {"responses": {"200": {"description": "As Alertmanager answers", "content": content}}}


def _sent(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _list(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


ALERTS: dict[str, dict[str, Any]] = {
    "status": _answered(_ABOUT_US),
    "alerts": _answered(_list(_ALERT)),
    "groups": _answered(_list(_GROUP)),
    "silences": _answered(_list(_SILENCE)),
    "silence": _answered(_SILENCE),
    "receivers": _answered(_list(_object({"name": _TEXT}, {"labels": _LABELS}))),
    "post_alerts": {**_answered(None), **_sent(_list(_ALERT_SENT))},
    "post_silences": {
        **_answered(_object({"silenceID": _TEXT})),
        **_sent(_object(_SILENCE_SENT, {"id": _TEXT})),
    },
    "delete_silence": _answered(None),
}
"""By what is asked."""


def _flag(name: str, told: str) -> dict[str, Any]:
    schema = {"type": "boolean", "default": True}
    return {"name": name, "in": "query", "required": False, "description": told, "schema": schema}


def _matchers(name: str, told: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": told, "schema": _TEXTS, "explode": True}


_FILTER = _matchers("filter", 'A matcher, like alertname="X"; may be repeated, all must hold.')
_RECEIVERS = _matchers("receiver_matchers", "A matcher of the receiver's labels; ours have none.")
_RECEIVER = {"name": "receiver", "in": "query", "required": False, "description": "RE2, whole name.", "schema": _TEXT}

ALERT_FILTERS: list[dict[str, Any]] = [
    _FILTER,
    _RECEIVER,
    _RECEIVERS,
    _flag("active", "Whether those that nothing hides are listed."),
    _flag("silenced", "Whether silenced ones are listed."),
    _flag("inhibited", "Whether inhibited ones are listed."),
    _flag("unprocessed", "Without effect: none is ever unprocessed."),
]
GROUP_FILTERS: list[dict[str, Any]] = [*ALERT_FILTERS[:-1], _flag("muted", "Whether groups of hidden alerts only are.")]
SILENCE_FILTERS: list[dict[str, Any]] = [
    _matchers("filter", "A matcher that the silence itself has; may be repeated."),
    *(_flag(state, f"Whether {state} silences are listed.") for state in ("active", "pending", "expired")),
]
RECEIVER_FILTERS: list[dict[str, Any]] = [_RECEIVERS]
