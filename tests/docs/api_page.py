"""The reference page of the API, from its OpenAPI document and its routes."""

from typing import Any

from fastapi import FastAPI

from dashboards.access.marks import marks
from dashboards.api.v1 import parts
from dashboards.api.v1.problems import PREFIX

_HEAD = """The console serves it under `/api/v1`; everything that the pages can do can be done here. What each request
takes and answers is described by `GET /api/v1/openapi.json`, which programs that make clients read. Alerts and silences
are served for Alertmanager's clients [as well](alertmanager-api.md).

- **Who may.** A program shows a token: `Authorization: Bearer TOKEN` ([log in](../how-to/log-in.md)). The role in the
  tables is the least that is needed.
- **Times** are RFC 3339 in UTC. A time that is sent needs its offset.
- **Pages.** Lists that can be long take `limit` and `after`; `next` of an answer is the `after` of the next page, and
  null on the last one.
- **ETag.** Whoever sends it as `If-None-Match` gets 304 without a body while nothing has changed; where a write takes
  `If-Match`, it is done only if nothing has changed since (412).
- **`Idempotency-Key`**, where a write takes one: a name of your own. The same write sent again with it within a day
  changes nothing, and is answered as before (`Idempotency-Replayed: true`).
- **Errors** are `application/problem+json` (RFC 9457): `detail` says what happened and what to do, `fields` what is
  wrong with which field.

| status | when |
|---|---|
| 400 | a question that makes no sense: a matcher, a place in a list |
| 401, 403 | nobody is logged in; the role is too low |
| 404 | there is no such thing, any more |
| 405 | that cannot be done to it: maintenance windows and schedules are settings, for example |
| 409 | not now: it is being done already, or something that it needs is not there |
| 412 | it has changed since you read it |
| 413 | the body is too large |
| 422 | it cannot be done so; `fields` says why |
| 429 | too many: wait for `Retry-After` seconds |
| 503 | the store (Redis) is away: nothing was changed, or it is not known whether |"""


def api_page(note: str) -> str:
    """Return the page; ``note`` says that it is generated."""
    app = FastAPI(version="1")
    parts.install(app)
    roles = {
        (method, mark.path): "" if mark.role is None else mark.role.name.lower()
        for mark in marks(app)
        for method in mark.methods
    }
    by_tag: dict[str, list[str]] = {}
    for path, methods in parts.openapi(app)["paths"].items():
        for method, operation in methods.items():
            (tag,) = operation["tags"]
            by_tag.setdefault(tag, []).append(_row(path, method.upper(), operation, roles[method.upper(), path]))
    found = ["# API", note, _HEAD]
    for tag, rows in by_tag.items():
        found += [f"## {tag.capitalize()}", "\n".join(["| request | role | what it does |", "|---|---|---|", *rows])]
    return "\n\n".join(found) + "\n"


def _row(path: str, method: str, operation: dict[str, Any], role: str) -> str:
    parameters = operation.get("parameters", [])
    asked = ", ".join(f"`{one['name']}`" for one in parameters if one["in"] == "query")
    words = " ".join(operation["description"].split())
    if method != "GET":
        words = f"**{operation['summary']}.** {words}"
    takes = f" Takes {asked}." if asked else ""
    key = " `Idempotency-Key`." if any(one["name"] == "Idempotency-Key" for one in parameters) else ""
    return f"| `{method} {path.removeprefix(PREFIX)}` | {role} | {words}{takes}{key} |"
