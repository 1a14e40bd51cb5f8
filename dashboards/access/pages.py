"""The pages of access. They do not extend the console's layout: it shows what only those who are logged in may see."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

_HERE = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"


def render(template: str, values: dict[str, Any], *, status: int = 200) -> HTMLResponse:
    """Return a page of access."""
    return HTMLResponse(_environment().get_template(f"access/{template}").render(values), status)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
