"""POST /v1/NAME: what trusted apps answer to programs (`skills.trusted.Service`), each on the rights of the API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.errors import RequestError, SkillError
from huozhong.files import app_folder
from huozhong.server.dialects.openai.schemas import ERROR
from huozhong.server.dialects.schemas import Component, described
from huozhong.server.household import admit
from huozhong.server.http import json_body, json_response
from huozhong.server.words import sentence
from huozhong.skills.trusted import Service, services

_OBJECT = Component("AppAnswer", {"type": "object"})


def service_router() -> APIRouter:
    """A route for every service of the apps that are trusted here."""
    router = APIRouter()
    for name, (app, service) in services().items():
        body = {
            "type": "object",
            "properties": service.properties,
            "required": list(service.required),
            "additionalProperties": False,
        }
        told = described(_OBJECT, ERROR, takes=Component(f"{name.title()}Request", body))
        router.add_api_route(
            f"/v1/{name}", _route(app, service), methods=["POST"], openapi_extra=told, summary=service.summary
        )
    return router


def _route(app: str, service: Service) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        body = await json_body(request)
        for field in body:
            if field not in service.properties:
                raise RequestError(f"Unknown field '{field}'.", param=field)
        for field in service.required:
            if field not in body:
                raise RequestError(f"'{field}' is missing.", param=field)
        await admit(request)
        folder = app_folder(app)
        try:
            found: dict[str, Any] = await asyncio.to_thread(service.call, body, folder)
        except SkillError as error:
            raise RequestError(sentence(error, request)) from None
        return json_response(found)

    return answer
