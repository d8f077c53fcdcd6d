"""The numbers behind the owner's page: who is there, what the machine does, what people used, what lies on the disk."""

from __future__ import annotations

import datetime
import shutil
import time
from collections import defaultdict
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from huozhong.engine.llm import EngineStats
from huozhong.files import data_folder
from huozhong.server.door import Visitors
from huozhong.server.ledger import Ledger
from huozhong.server.measures import Measures
from huozhong.server.models import Shelf
from huozhong.store.database import Store
from huozhong.store.people import HOUSE, list_people
from huozhong.store.usage import Used, usage_since

HERE_SECONDS = 300.0  # who asked something within so long is there


def statistics(app: FastAPI, days: int) -> dict[str, Any]:
    """Everything, of the last `days` days; reads the store, so not for the event loop."""
    state = app.state
    ledger: Ledger = state.ledger
    ledger.write()  # so that what was used a second ago is seen
    with state.store.read() as session:
        names = {person.id: person.name for person in list_people(session)}
        since = datetime.date.today() - datetime.timedelta(days=days - 1)
        rows = usage_since(session, since.isoformat())
    measures: Measures = state.measures
    loaded = engines(app)
    stats = total(list(loaded.values()))
    used = [asdict(amount) | asdict(key) | {"person": name_of(names, key.person_id)} for key, amount in rows]
    prompts = max(1, stats.prompt_tokens)
    return {
        "here": _here(state.visitors, ledger, names),
        "now": {
            "models": sorted(loaded),
            "running": stats.running,
            "waiting": stats.waiting,
            "used_pages": stats.used_pages,
            "num_pages": stats.num_pages,
            "uptime_seconds": max(0, int(time.time()) - state.created),  # a clock may be set back
        },
        "first_token": measures.first_token_percentiles(),
        "minutes": measures.minutes(),
        "used": used,
        "cache": {
            "prompt_tokens": stats.prompt_tokens,
            "memory_hit_tokens": stats.memory_hit_tokens,
            "disk_hit_tokens": stats.disk_hit_tokens,
            "hit_rate": (stats.memory_hit_tokens + stats.disk_hit_tokens) / prompts,
        },
        "disk": disk(state.store),
    }


def engines(app: FastAPI) -> dict[str, EngineStats]:
    """Of every model that is in memory."""
    shelf: Shelf = app.state.shelf
    return {state.name: state.llm.stats() for state in shelf.states() if state.llm is not None}


def total(stats: list[EngineStats]) -> EngineStats:
    """All models' numbers together."""
    return EngineStats(**{f.name: sum(getattr(one, f.name) for one in stats) for f in fields(EngineStats)})


def used_by_person(app: FastAPI) -> dict[str, Used]:
    """All that people ever used, by their names."""
    app.state.ledger.write()
    with app.state.store.read() as session:
        names = {person.id: person.name for person in list_people(session)}
        rows = usage_since(session, "")
    out: defaultdict[str, Used] = defaultdict(Used)
    for key, amount in rows:
        out[name_of(names, key.person_id)] += amount
    return dict(out)


def name_of(names: dict[int, str], number: int) -> str:
    """A person's name; "" for the house, where nobody logs in."""
    return "" if number == HOUSE else names.get(number, f"#{number}")


def disk(store: Store) -> dict[str, int | None]:
    """Bytes: free and in all where the house's data lies, and of the database (None where it is elsewhere)."""
    folder = data_folder() if store.file is None else store.file.absolute().parent
    while not folder.exists():
        folder = folder.parent
    space = shutil.disk_usage(folder)
    return {"disk_free": space.free, "disk_total": space.total, "database": _size(store.file)}


def _size(file: Path | None) -> int | None:
    if file is None:
        return None
    parts = (file, file.with_name(file.name + "-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())


def _here(visitors: Visitors, ledger: Ledger, names: dict[int, str]) -> list[dict[str, Any]]:
    now = time.time()
    return [
        {"person": names[number], "seconds_ago": max(0, int(now - seen)), "running": ledger.running[number]}
        for number, seen in sorted(visitors.seen.copy().items(), key=lambda item: -item[1])
        if number in names and now - seen < HERE_SECONDS
    ]
