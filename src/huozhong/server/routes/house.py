"""GET /house/statistics, /house/log, and POST /house/backup: the owner's page."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import Response

from huozhong.errors import RequestError, StoreError
from huozhong.files import data_folder
from huozhong.server.http import json_response
from huozhong.server.identity import owner_only
from huozhong.server.journal import DayLog
from huozhong.server.ledger import Ledger
from huozhong.server.statistics import statistics
from huozhong.store.backup import Kept, backup

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


@router.post("/backup")
async def back_up(request: Request) -> Response:
    """The whole house as one file, in the folder `backups` of this machine; where it lies, and what it holds."""
    file = data_folder() / "backups" / f"house-{datetime.datetime.now():%Y%m%d-%H%M%S-%f}.db"
    kept = await asyncio.to_thread(_back_up, request.app, file)
    held = {"people": kept.people, "conversations": kept.conversations, "messages": kept.messages}
    return json_response({"file": str(file), "bytes": file.stat().st_size, **held}, 201)


def _back_up(app: FastAPI, file: Path) -> Kept:
    ledger: Ledger = app.state.ledger
    ledger.write()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(
            f"建不了文件夹 {file.parent}（{error.strerror}）。",
            f"The folder {file.parent} cannot be made ({error.strerror}).",
        ) from None
    return backup(app.state.store, file)
