"""One HTML page about tuning that needs nothing else: tables, and plots for light and dark screens inside it."""

import base64
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #c9ced6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #14181d; --faint: #3c444e; } }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--faint); border-radius: 4px; font-size: 13px; }
img { max-width: 100%; height: auto; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
"""


class Picture(NamedTuple):
    """A plot in PNG, twice. ``about``: what can be seen on it, for those who cannot."""

    title: str
    about: str
    light: bytes
    dark: bytes


def html(title: str, report: Sequence[str], pictures: Sequence[Picture]) -> str:
    """Return the page."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f"<pre>{escape(chr(10).join(report))}</pre>",
    ]
    for picture in pictures:
        parts += [
            f"<h2>{escape(picture.title)}</h2>",
            "<picture>",
            f'<source media="(prefers-color-scheme: dark)" srcset="{_data(picture.dark)}">',
            f'<img alt="{escape(picture.about)}" src="{_data(picture.light)}">',
            "</picture>",
        ]
    return "\n".join([*parts, "</body></html>", ""])


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
