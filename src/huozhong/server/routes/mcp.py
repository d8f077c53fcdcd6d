"""/mcp: the shelf by the Model Context Protocol over HTTP, for agents: whoever asks gets the apps that they may see.

Under the same door as everything: a session, or a key with the scope `chat` as `Authorization: Bearer`.  Nothing is
kept between two requests, so that a restart or a second process disturbs no agent.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from huozhong.errors import RequestError
from huozhong.server.applying import distant_ask, model_ask, tools_for
from huozhong.server.careful import Careful
from huozhong.server.household import admit
from huozhong.server.http import Start
from huozhong.server.identity import person_of, user_of
from huozhong.server.ledger import Ledger
from huozhong.server.models import Shelf
from huozhong.server.permits import Permits
from huozhong.server.routes.models import model_for, model_name
from huozhong.server.words import zh_or_en
from huozhong.skills.mcp import mcp_server
from huozhong.skills.run import Ask
from huozhong.skills.shelf import AppShelf

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

router = APIRouter(include_in_schema=False)
PATH = "/mcp"


@router.api_route(PATH, methods=["GET", "POST", "DELETE"])
async def mcp(request: Request) -> Response:
    """One message of the protocol and its answer; streams and sessions that last are not offered."""
    if importlib.util.find_spec("mcp") is None:
        raise RequestError(
            "MCP 还需要一个包：pip install 'huozhong[apps]'。 / "
            "MCP needs one more package: pip install 'huozhong[apps]'.",
            code="not_supported",
        )
    if request.method != "POST":
        return Response(status_code=405, headers={"allow": "POST"})
    return _Spoken(_server(request))


class _Spoken(Response):
    """What the protocol's own package answers; it reads the request itself."""

    def __init__(self, server: Server[Any]) -> None:
        super().__init__()
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        manager = StreamableHTTPSessionManager(self._server, json_response=True, stateless=True)
        async with manager.run():
            await manager.handle_request(scope, receive, send)


def _server(request: Request) -> Server[Any]:
    shelf: AppShelf = request.app.state.apps
    permits: Permits = request.app.state.permits
    careful: Careful = request.app.state.careful
    person = person_of(request)
    return mcp_server(
        shelf,
        _ask(request),
        lambda skill: tools_for(shelf, skill, person, request.app.state.store),
        model_name(request, None),
        sees=lambda app: permits.may_see(person, app),
        numbers=careful.numbers,
        language=zh_or_en(request),
    )


def _ask(request: Request) -> Ask:
    """Asks the model that is served where none is named, on the account of whoever asks.

    It is called in a thread, and only then is the model loaded and the person admitted: what is exact costs nothing.
    """
    loop = asyncio.get_running_loop()
    person, name = person_of(request), model_name(request, None)
    ledger: Ledger = request.app.state.ledger
    models: Shelf = request.app.state.shelf

    def counted(start: Start, tokens: int) -> Start:
        return ledger.counted(person, name, start, tokens)

    async def made() -> Ask:
        await admit(request)
        if (engines := models.elsewhere(name)) is not None:
            return distant_ask(engines, name, counted)
        return model_ask(await model_for(request, None), user_of(request), counted)

    def ask(messages: list[dict[str, Any]], *, schema: dict[str, Any] | None, max_tokens: int) -> Iterator[str]:
        own = asyncio.run_coroutine_threadsafe(made(), loop).result()
        return own(messages, schema=schema, max_tokens=max_tokens)

    return ask
