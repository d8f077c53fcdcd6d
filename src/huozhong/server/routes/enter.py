"""/page/enter: logging in, joining and going without scripts, for browsers that are too old for the login page.

Two forms that the server writes.  What it lets in leads to /page/plain, as login.html leads to the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from huozhong.errors import RequestError
from huozhong.server.failures import known_failure
from huozhong.server.http import form_body
from huozhong.server.routes import plain
from huozhong.server.routes.login import (
    JoinRequest,
    LoginRequest,
    begin_session,
    end_own_session,
    who_joins,
    who_logs_in,
)
from huozhong.server.words import LANGUAGES, language_of, words_in

router = APIRouter(include_in_schema=False)

PATH = "/page/enter"
_CHINESE = {
    "login": "登录", "name": "名字", "password": "密码", "join": "第一次来？用加入码加入", "code": "加入码",
    "new": "给自己起个名字，再设一个密码（至少 8 个字符）。", "go": "加入", "fill": "请把空格都填上。",
    "wait": "请等 {} 秒再试。",
}  # fmt: skip
_TRADITIONAL = {
    "login": "登入", "name": "名字", "password": "密碼", "join": "第一次來？用加入碼加入", "code": "加入碼",
    "new": "給自己取個名字，再設一個密碼（至少 8 個字元）。", "go": "加入", "fill": "請把空格都填上。",
    "wait": "請等 {} 秒再試。",
}  # fmt: skip
_ENGLISH = {
    "login": "Log in", "name": "Name", "password": "Password", "join": "New here? Join with a code",
    "code": "Join code", "new": "Choose a name, and a password of at least 8 characters.", "go": "Join",
    "fill": "Please fill in every field.", "wait": "Please wait {} s before the next try.",
}  # fmt: skip
_WORDS = {"zh": _CHINESE, "zh-Hant": _TRADITIONAL, "en": _ENGLISH}


@router.get(PATH)
async def enter(request: Request) -> Response:
    """The two forms; where nobody logs in, the plain page."""
    if not request.app.state.login:
        return RedirectResponse(plain.PATH, 303, plain.HEADERS)
    chosen = request.query_params.get("language", "")
    if chosen in LANGUAGES:
        return plain.remember_language(RedirectResponse(PATH, 303, plain.HEADERS), chosen)
    return _page(request)


@router.post(PATH)
async def come_in(request: Request) -> Response:
    """name, password and, to join, code; or leave, to log out."""
    if not _is_own_form(request):
        raise RequestError("Another web page sent this form; it was refused.", code="forbidden")
    fields = await form_body(request)
    if "leave" in fields:
        return await end_own_session(request, RedirectResponse(PATH, 303, plain.HEADERS))
    words, name, password = _WORDS[language_of(request)], fields.get("name", "").strip(), fields.get("password", "")
    code = fields.get("code", "").strip()
    joins = "code" in fields or "joins" in fields
    if not name or not password or (joins and not code):
        return _page(request, words["fill"], 400)
    try:
        if joins:
            person = await who_joins(request, JoinRequest(code=code, name=name, password=password))
        else:
            person = await who_logs_in(request, LoginRequest(name=name, password=password))
    except RequestError as error:
        failure = known_failure(error)
        wait = failure.headers.get("retry-after")
        told = _half(str(error), language_of(request)) + (" " + words["wait"].format(wait) if wait else "")
        return _page(request, told, failure.status, failure.headers)
    return await begin_session(request, RedirectResponse(plain.PATH, 303, plain.HEADERS), person)


def _is_own_form(request: Request) -> bool:
    """A form, unlike JSON, could be any web page's; old browsers send where it came from."""
    sent = request.headers.get("origin") or request.headers.get("referer", "")
    return urlsplit(sent).netloc == request.headers.get("host")


def _half(message: str, language: str) -> str:
    """Of a message in both languages the reader's."""
    chinese, both, english = message.partition(" / ")
    return message if not both else english if language == "en" else chinese


def _page(request: Request, problem: str = "", status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    language = language_of(request)
    words = {key: escape(text) for key, text in _WORDS[language].items()}
    brand = escape(words_in(language)["brand"])
    links = [f'<a href="{PATH}?language={name}">{escape(words_in(name)["name"])}</a>' for name in LANGUAGES]
    who = (
        f'<label>{words["name"]}<input name="name" autocomplete="username" autocapitalize="none" maxlength="40">'
        f'</label><label>{words["password"]}<input name="password" type="password" maxlength="200"'
    )
    html = "\n".join(
        [
            f'<!doctype html>\n<html lang="{LANGUAGES[language]}"><head><meta charset="utf-8">',
            f'<title>{words["login"]} · {brand}</title><meta name="viewport" content="width=device-width, '
            'initial-scale=1"><link rel="icon" href="/page/flame.svg"><link rel="stylesheet" href="/page/plain.css">',
            f"</head><body><main><h1>{brand}</h1>",
            f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else "",
            f'<h2>{words["login"]}</h2><form method="post" action="{PATH}">{who} autocomplete="current-password">',
            f'</label><button type="submit">{words["login"]}</button></form>',
            f'<h2>{words["join"]}</h2><p class="small">{words["new"]}</p><form method="post" action="{PATH}">',
            f'<label>{words["code"]}<input id="code" name="code" autocomplete="off" maxlength="40"></label>',
            '<input type="hidden" name="joins" value="1">',
            f'{who} autocomplete="new-password"></label><button type="submit">{words["go"]}</button></form>',
            f"<p>{' · '.join(links)}</p></main>",
            '<script src="/page/enter.js"></script></body></html>',
        ]
    )
    return Response(html, status, plain.HEADERS | dict(headers or {}), media_type="text/html; charset=utf-8")
