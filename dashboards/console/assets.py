"""Files of the pages: scripts, style, pictures. Each has a name with its hash, so that browsers keep it for ever.

``url("console.css")`` is what pages link to. Styles and scripts refer to no other file, so that the hash of a file is
about all that it needs.
"""

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import PlainTextResponse, Response

from dashboards.access.contract import public

FOLDER = Path(__file__).parent / "static"
_SHOWN = {".css", ".js", ".svg", ".png", ".ico"}
_HASH_LENGTH = 12

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Asset:
    """One file.

    Attributes:
        name: under ``static/``. address: where it is served.
    """

    name: str
    address: str
    body: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Return all files, by name."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in _SHOWN:
            name, body = path.relative_to(FOLDER).as_posix(), path.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:_HASH_LENGTH]
            stem = name.removesuffix(path.suffix)
            media_type = mimetypes.types_map.get(path.suffix, "application/octet-stream")
            found[name] = Asset(name, f"/static/{stem}.{digest}{path.suffix}", body, media_type)
    return found


@cache
def _by_address() -> dict[str, Asset]:
    return {asset.address: asset for asset in assets().values()}


def url(name: str) -> str:
    """Return where a file is served.

    Raises:
        KeyError: there is no such file under ``static/``.
    """
    return assets()[name].address


@router.get("/static/{name:path}", include_in_schema=False)
async def static(name: str, _open: Annotated[None, Depends(public())]) -> Response:
    """Return a file, for ever: another one has another name."""
    asset = _by_address().get(f"/static/{name}")
    if asset is None:
        # An open page of an earlier release asks for what is no longer there; it loads itself anew soon.
        return PlainTextResponse("there is no such file; load the page again\n", 404, {"Cache-Control": "no-store"})
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(asset.body, media_type=asset.media_type, headers=headers)
