"""A request holds the models that it was given until its answer has gone out, however that ends."""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send

from huozhong.engine.llm import LLM, SamplingParams
from huozhong.server.models import Loaded, Shelf
from huozhong.server.pulls import Pulls

_HELD = "huozhong.held"


class Holding:
    """ASGI middleware: gives back what `hold` took, after the last byte of a stream or after a failure."""

    def __init__(self, app: ASGIApp, shelf: Shelf) -> None:
        self._app = app
        self._shelf = shelf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Loaded] = []
        scope[_HELD] = held
        try:
            await self._app(scope, receive, send)
        finally:
            for loaded in held:
                self._shelf.give_back(loaded)


async def hold(request: Request, name: str) -> LLM:
    """A model of the shelf, for as long as this request lasts.  Raises what `Shelf.take` does."""
    shelf: Shelf = request.app.state.shelf
    loaded = await shelf.take(name)
    request.scope[_HELD].append(loaded)
    return loaded.llm


class House(State):
    """`app.state`.  own_defaults: sampling that the operator chose; None where each model's own holds."""

    def __init__(self, shelf: Shelf, own_defaults: SamplingParams | None) -> None:
        pulls = Pulls()
        super().__init__({"shelf": shelf, "own_defaults": own_defaults, "pulls": pulls})
        if shelf.everything:  # what an earlier server was bringing goes on
            pulls.take_up()
        shelf.at_close.append(pulls.close)

    @property
    def llm(self) -> LLM:
        """The model that is served where none is named.  It may have to be loaded first: `model_for` does not block."""
        shelf: Shelf = self.shelf
        loaded = shelf.take_now(shelf.default)
        shelf.give_back(loaded)
        return loaded.llm

    @property
    def defaults(self) -> SamplingParams:
        given: SamplingParams | None = self.own_defaults
        return given if given is not None else self.llm.defaults
