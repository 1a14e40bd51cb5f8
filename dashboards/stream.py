"""What open pages hear: server-sent events. They say *that* something changed; what is shown is asked for.

``beat`` every five seconds, whatever happens: by it a page knows that it is live. ``list`` when anything has changed,
once a second at most (every two seconds in a storm). Comments would keep the connection open, but no page hears them.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import StreamingResponse

from dashboards.access.contract import Principal, Role, needs
from dashboards.context import Context, context_of
from dashboards.storm import STARTS_OPEN

BEAT_S = 5.0
AT_MOST_EVERY_S = 1.0
STORM_EVERY_S = 2.0
"""From as many alerts on as make a storm pages are told half as often."""

router = APIRouter()


@router.get("/events", include_in_schema=False)
async def events(request: Request, _who: Annotated[Principal, Depends(needs(Role.VIEWER))]) -> StreamingResponse:
    """Stream what a page has to know, until it is closed."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(heard(context_of(request)), media_type="text/event-stream", headers=headers)


async def heard(context: Context) -> AsyncIterator[str]:
    """Yield what a page hears, for ever."""
    mirror = context.mirror
    version = mirror.version
    yield "retry: 2000\n\n"
    yield _event("beat", _beat(context))
    beat_us = context.now_us()
    while True:
        left_s = BEAT_S - (context.now_us() - beat_us) / 1e6
        # A clock that is set back must not end the beats.
        seen = await mirror.wait(version, min(max(left_s, 0.0), BEAT_S))
        if seen != version:
            version = seen
            yield _event("list", {"seq": str(mirror.seq), "version": version})
            pause_s = STORM_EVERY_S if len(mirror.alerts) >= STARTS_OPEN else AT_MOST_EVERY_S
            await asyncio.sleep(pause_s)  # what comes meanwhile is told together
        now_us = context.now_us()
        if not 0 <= now_us - beat_us < BEAT_S * 1e6:
            beat_us = now_us
            yield _event("beat", _beat(context))


def _beat(context: Context) -> dict[str, object]:
    mirror = context.mirror
    return {
        "seq": str(mirror.seq),
        "version": mirror.version,
        "at_ms": context.now_us() // 1000,
        "build": context.build,
        "store_ms": mirror.heard_us // 1000,
        "away": mirror.away,
        "open": len(mirror.alerts),
    }


def _event(name: str, data: dict[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


def install(app: FastAPI) -> None:
    """Add the stream."""
    app.include_router(router)
