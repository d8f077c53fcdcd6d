"""/house/apps: the shelf of small apps - looked at, run, tried before they are taken in, taken in and handed on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from huozhong.errors import HuozhongError, RequestError, SkillError
from huozhong.server.applying import distant_ask, files_of, model_ask, pieces, tools_for
from huozhong.server.careful import Careful
from huozhong.server.dialects import Event
from huozhong.server.here import owner_here
from huozhong.server.household import admit
from huozhong.server.http import EVENT_HEADERS, Start, json_body, json_response, server_sent
from huozhong.server.identity import person_of, user_of
from huozhong.server.ledger import Ledger
from huozhong.server.models import Shelf
from huozhong.server.permits import Permits
from huozhong.server.qr import qr_svg
from huozhong.server.render import render_markdown
from huozhong.server.routes.models import model_for, model_name
from huozhong.server.words import sentence, zh_or_en
from huozhong.skills.check import read_examples
from huozhong.skills.fields import read_values
from huozhong.skills.given import Given
from huozhong.skills.label import visible
from huozhong.skills.rooms import rooms
from huozhong.skills.run import Ask, Piece
from huozhong.skills.sandbox import is_here
from huozhong.skills.shelf import App, AppShelf
from huozhong.skills.skill import LANGUAGES, Skill, read_skill
from huozhong.skills.tools import HOST

router = APIRouter(include_in_schema=False)

MOST_QR = 2_900  # bytes that a QR code holds
PATH = "/house/apps"


@router.get(PATH)
async def apps(request: Request) -> Response:
    """Every app of this house, those that cannot be used with the reason."""
    shelf, person, permits = _shelf(request), person_of(request), _permits(request)
    found = await asyncio.to_thread(shelf.apps)
    marked = permits.favourites(person.id)
    here = rooms()
    listed = [
        _short(app, shelf, here) | {"favourite": app.name in marked} for app in found if permits.may_see(person, app)
    ]
    return json_response({"apps": listed, "blocks": is_here(), "may_make": permits.may_try(person)})


@router.post(PATH, dependencies=[Depends(owner_here)])
async def add(request: Request) -> Response:
    """{"text": a SKILL.md} -> the app, on the shelf."""
    text = await _text(request)
    shelf = _shelf(request)
    app = await asyncio.to_thread(shelf.add, text)
    return json_response(_whole(app, shelf), 201)


@router.post(PATH + "/check")
async def look_at(request: Request) -> Response:
    """{"text": a SKILL.md} -> what it is and what it may do, before anybody runs it or takes it in."""
    _may_try(request)
    text = await _text(request)
    skill = read_skill(text)
    read_examples(skill)
    return json_response(_described(skill, _shelf(request)))


@router.post(PATH + "/try")
async def try_out(request: Request) -> Response:
    """{"text", "fields"}: a run of an app that is not on the shelf."""
    _may_try(request)
    body = await json_body(request)
    text, given = body.get("text"), body.get("fields", {})
    if not isinstance(text, str) or not isinstance(given, dict):
        raise RequestError('Send {"text": "...", "fields": {...}}.', param="text")
    return await _run(request, read_skill(text), given, body.get("model"))


@router.get(PATH + "/{name}")
async def one(request: Request, name: str) -> Response:
    shelf = _shelf(request)
    return json_response(_whole(app_for(request, name), shelf))


@router.post(PATH + "/{name}/run")
async def run_app(request: Request, name: str) -> Response:
    """{"fields": {...}, "model"?} -> server-sent events: text, again, rule, done, error."""
    body = await json_body(request)
    given = body.get("fields", {})
    if not isinstance(given, dict):
        raise RequestError("'fields' must be an object.", param="fields")
    skill = app_for(request, name).skill
    assert skill is not None
    return await _run(request, skill, given, body.get("model"))


@router.get(PATH + "/{name}/file")
async def file(request: Request, name: str) -> Response:
    """The SKILL.md, to be handed on."""
    skill = app_for(request, name).skill
    assert skill is not None
    headers = {"content-disposition": 'attachment; filename="SKILL.md"', "x-content-type-options": "nosniff"}
    return Response(skill.text, media_type="text/markdown; charset=utf-8", headers=headers)


@router.get(PATH + "/{name}/qr")
async def qr(request: Request, name: str) -> Response:
    """The SKILL.md itself as a QR code, where it is short enough for one."""
    skill = app_for(request, name).skill
    assert skill is not None
    if len(skill.text.encode()) > MOST_QR:
        raise RequestError("This app is too long for a QR code; hand its file on.", code="not_supported")
    return Response(qr_svg(skill.text), media_type="image/svg+xml")


@router.delete(PATH + "/{name}", dependencies=[Depends(owner_here)], status_code=204)
async def remove(request: Request, name: str) -> Response:
    await asyncio.to_thread(_shelf(request).remove, name)
    return Response(status_code=204)


@router.put(PATH + "/{name}/favourite")
async def favourite(request: Request, name: str) -> Response:
    """{"on": true} -> the app stands first on this person's shelf."""
    body = await json_body(request)
    if set(body) != {"on"} or not isinstance(body["on"], bool):
        raise RequestError('Send {"on": true} or {"on": false}.', param="on")
    app = app_for(request, name)
    await asyncio.to_thread(_permits(request).mark, person_of(request).id, app.name, body["on"])
    return json_response({"favourite": body["on"]})


async def _run(request: Request, skill: Skill, given: Mapping[str, Any], model: Any) -> Response:
    if model is not None and not isinstance(model, str):
        raise RequestError("'model' must be a name.", param="model")
    person, careful = person_of(request), request.app.state.careful
    assert isinstance(careful, Careful)
    looked = await asyncio.to_thread(Given, given, careful.numbers)
    if looked.rule is not None:  # waits for nobody, and for no model
        fixed = Piece("rule", looked.rule, by_model=False)
        return StreamingResponse(_events(request, skill, "", _only(fixed)), headers=EVENT_HEADERS)
    read_values(skill.fields, looked)  # what is filled in wrongly is a 400, not an event
    await admit(request)
    name, ask = await asker(request, model)
    tools = tools_for(_shelf(request), skill, person, request.app.state.store)
    running = pieces(skill, looked, ask, tools, careful.numbers, zh_or_en(request))
    return StreamingResponse(_events(request, skill, name, running), headers=EVENT_HEADERS)


async def _only(piece: Piece) -> AsyncIterator[Piece]:
    yield piece


async def asker(request: Request, model: str | None = None) -> tuple[str, Ask]:
    """A model's full name, and how an app asks it, on the account of who sent the request."""
    shelf: Shelf = request.app.state.shelf
    ledger: Ledger = request.app.state.ledger
    person, name = person_of(request), model_name(request, model)

    def counted(start: Start, tokens: int) -> Start:
        return ledger.counted(person, name, start, tokens)

    engines = shelf.elsewhere(name)
    if engines is not None:
        return name, distant_ask(engines, name, counted)
    return name, model_ask(await model_for(request, model), user_of(request), counted)


async def _events(request: Request, skill: Skill, model: str, running: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    try:
        async for piece in running:
            if piece.kind in ("text", "again"):
                yield server_sent(Event({"text": piece.text}, piece.kind))
                continue
            html = await asyncio.to_thread(render_markdown, piece.text)
            chinese, english = skill.text_in("label", "zh"), skill.text_in("label", "en")
            label = {
                "zh": visible(model, chinese) if piece.by_model else chinese,
                "en": visible(model, english, english=True) if piece.by_model else english,
            }
            done = {"text": piece.text, "html": html, "data": piece.data, "problem": piece.problem, "label": label}
            done["script"] = piece.script.as_json() if piece.script is not None else None
            done["files"] = files_of(skill, piece, model, english=zh_or_en(request) == "en")
            yield server_sent(Event(done | {"by_model": piece.by_model}, piece.kind))
    except HuozhongError as error:
        yield server_sent(Event({"message": sentence(error, request)}, "error"))


def _shelf(request: Request) -> AppShelf:
    shelf: AppShelf = request.app.state.apps
    return shelf


def _permits(request: Request) -> Permits:
    permits: Permits = request.app.state.permits
    return permits


def app_for(request: Request, name: str) -> App:
    """The app of this name; for who may not see it there is none."""
    try:
        app = _shelf(request).find(name)
    except SkillError as error:
        raise RequestError(sentence(error, request), code="not_found") from None
    if not _permits(request).may_see(person_of(request), app):
        none = SkillError(f"没有叫“{name[:60]}”的应用。", f"There is no app called '{name[:60]}'.")
        raise RequestError(sentence(none, request), code="not_found")
    return app


def _may_try(request: Request) -> None:
    if not _permits(request).may_try(person_of(request)):
        raise RequestError(
            "孩子的账号只能用大人选好的应用。 / A child's account runs the apps that an owner chose.", code="forbidden"
        )


async def _text(request: Request) -> str:
    body = await json_body(request)
    if set(body) != {"text"} or not isinstance(body["text"], str):
        raise RequestError('Send {"text": "the SKILL.md"}.', param="text")
    text: str = body["text"]
    return text


def _short(app: App, shelf: AppShelf, here: Collection[str]) -> dict[str, Any]:
    if app.skill is None:
        chinese, english = app.problem or ("", "")
        return {"name": app.name, "origin": app.origin, "problem": {"zh": chinese, "en": english}}
    described = _described(app.skill, shelf)
    kept = ("name", "titles", "description", "about", "category", "needs")
    return {name: described[name] for name in kept} | {"origin": app.origin, "problem": None, "room": _room(app, here)}


def _whole(app: App, shelf: AppShelf) -> dict[str, Any]:
    assert app.skill is not None
    own = {"origin": app.origin, "problem": None, "text": app.skill.text, "scripts": app.has_scripts}
    return _described(app.skill, shelf) | own | {"room": _room(app, rooms())}


def _room(app: App, here: Collection[str]) -> str:
    """Where the page of its own lies that a trusted app may have; empty for none."""
    return f"/room/{app.name}/" if app.origin != "people" and app.name in here else ""


def _described(skill: Skill, shelf: AppShelf) -> dict[str, Any]:
    chinese, english = skill.titles
    known = {name: (tool.chinese, tool.english) for name, tool in shelf.tools().items()} | HOST
    refused = shelf.unknown_tools(skill)
    return {
        "name": skill.name,
        "tallies": "tally" in skill.tools and "tally" not in refused,
        "titles": {"zh": chinese, "en": english},
        "description": skill.description,
        "about": {"zh": skill.metadata.get("about", "") or skill.description, "en": skill.description},
        "category": skill.metadata.get("category", "")[:20],
        "notice": {language: skill.text_in("notice", language) for language in LANGUAGES},
        "made_by": skill.metadata.get("made-by", ""),
        "needs": {"zh": skill.metadata.get("needs", "") or skill.compatibility, "en": skill.compatibility},
        "fields": [field.as_json() for field in skill.fields],
        "tools": [{"zh": known[tool][0], "en": known[tool][1]} for tool in skill.tools if tool not in refused],
        "refused": refused,
        "program": bool(skill.python),
    }
