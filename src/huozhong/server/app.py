"""The web application, put together: the guard, the routes, and an answer to every failure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

import huozhong
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.errors import HuozhongError
from huozhong.files import data_folder
from huozhong.server.answers import Answers
from huozhong.server.applying import app_permits, app_shelf
from huozhong.server.authority import Authority
from huozhong.server.careful import Careful
from huozhong.server.failures import failure_of
from huozhong.server.guard import Guard
from huozhong.server.held import Holding, House
from huozhong.server.household import settle, watch
from huozhong.server.http import error_response
from huozhong.server.keeping import Collections
from huozhong.server.kept import KeptResponses
from huozhong.server.models import Shelf
from huozhong.server.pools import Pools
from huozhong.server.rendering import Ahead
from huozhong.server.routes import (
    account,
    apps,
    balance,
    calls,
    chat,
    completions,
    conversations,
    embeddings,
    enter,
    exchange,
    files,
    health,
    house,
    mcp,
    messages,
    models,
    native,
    ollama,
    openapi,
    people,
    plain,
    responses,
    rooms,
    services,
    tallies,
    tokens,
    trust,
    vectors,
)
from huozhong.server.routes import login as login_routes
from huozhong.server.routes import page as chat_page
from huozhong.server.routes import shelf as shelf_routes
from huozhong.server.toolbox import house_toolbox
from huozhong.server.turns import Turns
from huozhong.store.conversations import Conversations
from huozhong.store.database import IN_MEMORY, Store

PEOPLE = (login_routes, enter, account, people, house, balance, trust)
NOUNS = (
    chat,
    conversations,
    calls,
    exchange,
    completions,
    messages,
    embeddings,
    apps,
    tallies,
    files,
    mcp,
    models,
    native,
    ollama,
    openapi,
    shelf_routes,
    tokens,
    health,
    responses,
    vectors,
)

# A prompt of a million tokens is about 4 MB of text; more cannot be meant.
MAX_BODY_BYTES = 4 * 2**20


def create_app(
    llm: LLM | None = None,
    *,
    defaults: SamplingParams | None = None,
    shelf: Shelf | None = None,
    careful: Careful | None = None,
    any_model: bool = False,
    page: bool = True,
    own_key: str | None = None,
    store: Store | None = None,
    login: bool = False,
    address: str | None = None,
    authority: Authority | None = None,
    api_keys: Iterable[str] = (),
    allow_hosts: Iterable[str] = (),
    allow_origins: Iterable[str] = (),
    max_body_bytes: int = MAX_BODY_BYTES,
) -> FastAPI:
    """The API and the page for a model, or for all on a shelf.

    shelf: the models that can be asked for; None: `llm` alone.
    defaults: sampling for what a request leaves out; None is each model's own.
    careful: who is answered by rules where the model must not; None: everybody, with the built-in model only.
    store: where people and conversations are kept; None: in memory, for as long as the app lives.
    login: nobody comes in without an account of the store's.  address, authority: see `household.settle`.
    any_model: whatever unknown model a client names, this one answers.
    page: False for the API alone.  own_key: with which this machine's own commands ask; one more of `api_keys`.
    api_keys: who sends none of these is refused; none given: everybody is let in.
    allow_hosts, allow_origins: names this server answers to and web sites that may use it, besides its own.
    """
    # No generated documentation pages: they load scripts from elsewhere, and the machine may be offline.
    app = FastAPI(title="Huozhong", version=huozhong.__version__, openapi_url=None)
    if shelf is None:
        assert llm is not None, "a model, or a shelf of models"
        shelf = Shelf(llm, keep=None)
    app.state = House(shelf, defaults)
    app.state.careful = careful or Careful()
    open_house(app, store or Store.open(IN_MEMORY))
    app.state.any_model, app.state.created, app.state.reading = any_model, int(time.time()), asyncio.Semaphore(1)
    app.state.pools, app.state.responses, app.state.rooms = Pools(), KeptResponses(), {}
    app.state.apps, app.state.permits, app.state.toolbox = app_shelf(), app_permits(), house_toolbox()
    settle(app, app.state.store, login=login, address=address, authority=authority, own_key=own_key)
    app.add_middleware(Holding, shelf=shelf)
    origins, keys = list(allow_origins), list(api_keys)
    app.add_middleware(
        Guard,
        allow_hosts=allow_hosts,
        allow_origins=origins,
        max_body_bytes=max_body_bytes,
        larger_bodies=dict.fromkeys((files.PATH, files.TEXT_PATH), files.MAX_BYTES)
        | {exchange.IMPORT_PATH: exchange.MAX_IMPORT_BYTES}
        | rooms.body_limits(),
        api_keys=[*keys, *([own_key] if keys and own_key else [])],
    )
    if origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST", "PATCH", "DELETE"], allow_headers=["*"]
        )
    _furnish(app, page)
    return app


def _furnish(app: FastAPI, page: bool) -> None:
    """The routes, begun one after the other, seen by the journal, with an answer to every failure."""
    app.add_middleware(Turns)
    watch(app)
    nouns = (*PEOPLE, *NOUNS, *([plain, chat_page] if page else []))
    for router in (*(noun.router for noun in nouns), services.service_router(), rooms.room_router()):
        app.include_router(router)
    answer_failures(app)


def open_house(app: FastAPI, store: Store) -> None:
    """Keep what is said there; settle what an earlier server left unfinished, and what was deleted long ago."""
    app.state.store = store
    Conversations(store).recover()
    Conversations(store).purge()
    app.state.answers, app.state.ahead = Answers(store), Ahead(Conversations(store))
    app.state.collections = Collections(data_folder() / "vectors")


def answer_failures(app: FastAPI) -> None:
    """Whatever goes wrong in a route is said in the words of its dialect."""
    for kind in (HTTPException, RequestValidationError, HuozhongError, Exception):
        app.add_exception_handler(kind, _failed)


async def _failed(request: Request, error: Exception) -> Response:
    return error_response(failure_of(error, request), request.url.path)
