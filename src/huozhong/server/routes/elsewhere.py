"""A request for a model that another engine serves is passed on, after this house's rules."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import Response

from huozhong.server.careful import Careful
from huozhong.server.dialects.openai.reply import ChatCompletionReply
from huozhong.server.household import admit
from huozhong.server.models import Shelf
from huozhong.server.routes.models import body_with_model
from huozhong.server.upstream.engines import Elsewhere
from huozhong.server.upstream.passing import pass_on


async def passed_on(request: Request, path: str) -> Response | None:
    """The answer from elsewhere to a body in OpenAI's dialect; None for a model that is on this machine.

    path: where the engine is asked.  Distress is answered here, quiet hours and budgets hold, and what is used is put
    on the person's account.
    """
    shelf: Shelf = request.app.state.shelf
    if shelf.engines is None:
        return None
    body = await body_with_model(request)
    named = body.get("model")
    model = shelf.find(named) if isinstance(named, str) else None
    if model is None or (engines := shelf.elsewhere(model)) is None:
        return None
    careful: Careful = request.app.state.careful
    if isinstance(messages := body.get("messages"), list):
        reply = partial(ChatCompletionReply, model=model, thinking=False, think_end_id=None)
        streamed = body.get("stream") is True
        turns = [_spoken(turn) for turn in messages if isinstance(turn, dict)]
        fixed = await careful.answer(Elsewhere(model), request, turns, lambda f: reply(fixed=f), stream=streamed)
        if fixed is not None:
            return fixed
    await admit(request)
    return await pass_on(request, engines, model, path, body)


def _spoken(turn: dict[str, Any]) -> dict[str, Any]:
    """A message as the rules read it: who speaks, and the text of all its parts."""
    content = turn.get("content")
    if isinstance(content, list):
        content = "\n".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return {"role": str(turn.get("role", "user")), "content": content if isinstance(content, str) else ""}
