"""GET /user/balance: DeepSeek's; programs ask it before they begin.  Here it is what is left of the day's budget."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.server.dialects.openai.schemas import BALANCE, ERROR
from huozhong.server.dialects.schemas import described
from huozhong.server.http import json_response
from huozhong.server.identity import person_of
from huozhong.server.ledger import Ledger
from huozhong.store.people import Person
from huozhong.store.usage import Used

router = APIRouter()


@router.get("/user/balance", openapi_extra=described(BALANCE, ERROR))
async def balance(request: Request) -> Response:
    person, currency = person_of(request), request.app.state.currency
    if not person.has_budget:
        return json_response(_answer(True, currency, "unlimited", "unlimited"))
    ledger: Ledger = request.app.state.ledger
    used = await asyncio.to_thread(ledger.spent, person)
    return json_response(budget_json(person, used, currency, ledger.seconds_to_tomorrow()))


def budget_json(person: Person, used: Used, currency: str, seconds: float) -> dict[str, Any]:
    """What is left today, in DeepSeek's words for money, and beside them in tokens."""
    tokens = None if person.daily_tokens is None else max(0, person.daily_tokens - used.tokens)
    money = None if person.daily_money is None else max(0.0, person.daily_money - used.money)
    left = "unlimited" if money is None else f"{money:.6f}"
    granted = "unlimited" if person.daily_money is None else f"{person.daily_money:.6f}"
    answer = _answer(tokens != 0 and money != 0, currency, left, granted)
    return answer | {
        "budget": {
            "daily_tokens": person.daily_tokens,
            "used_tokens": used.tokens,
            "left_tokens": tokens,
            "daily_money": person.daily_money,
            "used_money": used.money,
            "left_money": money,
            "seconds_to_reset": int(seconds),
        }
    }


def _answer(available: bool, currency: str, total: str, granted: str) -> dict[str, Any]:
    info = {"currency": currency, "total_balance": total, "granted_balance": granted, "topped_up_balance": "0.00"}
    return {"is_available": available, "balance_infos": [info]}
