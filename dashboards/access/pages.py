"""The pages of access: login, refusals. They extend the console's layout where there is one."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from dashboards.access.asking import request_id_of
from dashboards.access.contract import Role, gate_of, principal_of

_HERE = Path(__file__).parent / "templates"
_CONSOLE = Path(__file__).parent.parent / "console" / "templates"
STATIC = Path(__file__).parent / "static"


def page_context(request: Request) -> dict[str, Any]:
    """Return what every page needs to know of access.

    ``principal`` (or None), ``csrf_token``, ``may`` (``may("tuner")``: whether whoever asks has the role),
    ``access_notice`` (a warning that everybody is an admin here; or nothing), ``request_id``.
    """
    principal = principal_of(request)
    gate = gate_of(request)

    def may(role: str) -> bool:
        return principal is not None and principal.may(Role[role.upper()])

    return {
        "request": request,
        "principal": principal,
        "csrf_token": gate.csrf_token(request),
        "may": may,
        "access_notice": getattr(gate, "notice", ""),
        "request_id": request_id_of(request),
    }


def render(
    request: Request,
    template: str,
    values: dict[str, Any] | None = None,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    """Return a page of access."""
    text = _environment().get_template(f"access/{template}").render({**page_context(request), **(values or {})})
    return HTMLResponse(text, status, headers)


@cache
def _environment() -> Environment:
    # No layout of the console: it shows what only those who are logged in may see.
    return Environment(
        loader=ChoiceLoader([FileSystemLoader(_HERE), FileSystemLoader(_CONSOLE)]),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
