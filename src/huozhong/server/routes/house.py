"""GET /house/statistics, /house/log, and POST /house/backup: the owner's page."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from huozhong.errors import RequestError
from huozhong.server.http import json_response
from huozhong.server.identity import owner_only
from huozhong.server.journal import DayLog
from huozhong.server.statistics import statistics

router = APIRouter(prefix="/house", dependencies=[Depends(owner_only)])

_MOST_DAYS = 366
_MOST_LINES = 1000


@router.get("/statistics")
async def numbers(request: Request, days: int = 7) -> Response:
    if not 1 <= days <= _MOST_DAYS:
        raise RequestError(f"'days' is {days}; give 1 to {_MOST_DAYS}.", param="days")
    found = await asyncio.to_thread(statistics, request.app, days)
    return json_response(found, headers={"cache-control": "no-store"})


@router.get("/log")
async def log(request: Request, limit: int = 200) -> Response:
    """Today's lines, the newest first."""
    if not 1 <= limit <= _MOST_LINES:
        raise RequestError(f"'limit' is {limit}; give 1 to {_MOST_LINES}.", param="limit")
    day: DayLog = request.app.state.day_log
    return json_response({"lines": day.lines(limit)}, headers={"cache-control": "no-store"})
