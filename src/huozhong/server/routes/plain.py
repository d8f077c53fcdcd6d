"""/page/plain: the chat without scripts, for browsers that are too old for the page's modules.

A form and what the server writes: a question is a POST, which leads back to the conversation; while its answer grows,
the page renews itself.  The same conversations as on the page.
"""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from huozhong.errors import RequestError
from huozhong.server.answers import Answers
from huozhong.server.asking import answer_turn
from huozhong.server.assets import SECURITY
from huozhong.server.dialects.house import LONGEST_QUESTION
from huozhong.server.http import form_body
from huozhong.server.identity import person_of
from huozhong.server.rendering import html_of
from huozhong.server.words import LANGUAGE_COOKIE, LANGUAGES, language_of, words_in
from huozhong.store.conversations import Conversations
from huozhong.store.tables.conversations import ConversationRow, MessageRow

router = APIRouter(include_in_schema=False)

PATH = "/page/plain"
_RECENT = 20  # conversations that are listed
_YEAR = 31_536_000
# A form's page must tell its own server where it comes from: without it browsers send "Origin: null".
HEADERS = SECURITY | {
    "Content-Security-Policy": SECURITY["Content-Security-Policy"].replace("form-action 'none'", "form-action 'self'"),
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@router.get(PATH)
async def plain(request: Request) -> Response:
    """A conversation (?c=ID) or none, the form, and the latest others."""
    chosen = request.query_params.get("language", "")
    if chosen in LANGUAGES:
        return remember_language(RedirectResponse(_address(request.query_params.get("c")), 303, HEADERS), chosen)
    person, kept = person_of(request).id, Conversations(request.app.state.store)
    id = request.query_params.get("c")

    def look() -> tuple[ConversationRow | None, list[MessageRow], dict[str, str], list[ConversationRow]]:
        others, _ = kept.latest(person, before=None, limit=_RECENT)
        if id is None:
            return None, [], {}, others
        row, messages = kept.get(person, id)
        path = _path(messages, row.leaf_id)
        return row, path, html_of(kept, path), others

    row, path, html, others = await run_in_threadpool(look)
    page = _Page(words_in(language_of(request)), request.app.state.answers, knows_people=request.app.state.login)
    return Response(
        page.whole(language_of(request), row, path, html, others),
        headers=HEADERS,
        media_type="text/html; charset=utf-8",
    )


@router.post(PATH)
async def ask(request: Request) -> Response:
    """A question, or with `stop` the end of the answer that is being written; leads back to the conversation."""
    fields = await form_body(request)
    if len(fields.get("content", "")) > LONGEST_QUESTION:
        raise RequestError(f"A question has at most {LONGEST_QUESTION} characters.", param="content")
    person, kept = person_of(request).id, Conversations(request.app.state.store)
    answers: Answers = request.app.state.answers
    if stopped := fields.get("stop"):
        await run_in_threadpool(kept.find_message, person, stopped)
        answers.stop(stopped)
        return RedirectResponse(_address(fields.get("c")), 303, HEADERS)
    content = fields.get("content", "").strip()
    if not content:
        return RedirectResponse(_address(fields.get("c")), 303, HEADERS)

    def begin() -> Any:
        id = fields.get("c") or kept.create(person, title="", model=None, settings={}).id
        return kept.ask(person, id, parent=fields.get("parent") or None, content=content)

    turn = await run_in_threadpool(begin)
    answer_turn(request, turn)
    return RedirectResponse(_address(turn.conversation.id), 303, HEADERS)


def remember_language(response: Response, chosen: str) -> Response:
    """This browser's reader has chosen one of LANGUAGES."""
    response.set_cookie(LANGUAGE_COOKIE, chosen, max_age=_YEAR, path="/", samesite="strict")
    return response


def _address(id: str | None) -> str:
    return f"{PATH}?c={quote(id)}#end" if id else PATH


def _path(messages: list[MessageRow], leaf: str | None) -> list[MessageRow]:
    """The messages from the beginning to the one that was shown last."""
    by_id = {message.id: message for message in messages}
    message = by_id.get(leaf or "") or (messages[-1] if messages else None)
    path: list[MessageRow] = []
    while message is not None:
        path.append(message)
        message = by_id.get(message.parent_id or "")
    return path[::-1]


class _Page:
    """The page's HTML.  Everything that people or models wrote is escaped, or was rendered safely."""

    def __init__(self, words: dict[str, Any], answers: Answers, *, knows_people: bool) -> None:
        self._words, self._answers, self._knows_people = words, answers, knows_people

    def whole(
        self,
        language: str,
        row: ConversationRow | None,
        path: list[MessageRow],
        html: dict[str, str],
        others: list[ConversationRow],
    ) -> str:
        t = self._words
        running = next((message for message in path if message.state == "running"), None)
        title = escape(row.title) if row is not None and row.title else escape(t["plain.title"])
        # With its address, and without the "#end" of it: to the same place within a page browsers only jump.
        renew = f'<meta http-equiv="refresh" content="2; url={PATH}?c={quote(row.id)}">' if running and row else ""
        here = f"&amp;c={quote(row.id)}" if row else ""
        links = [f'<a href="{PATH}">{escape(t["newChat"])}</a>', f'<a href="/">{escape(t["plain.full"])}</a>']
        links += [f'<a href="{PATH}?language={name}{here}">{escape(words_in(name)["name"])}</a>' for name in LANGUAGES]
        parts = [
            f'<!doctype html>\n<html lang="{LANGUAGES[language]}"><head><meta charset="utf-8">{renew}',
            f'<title>{title}</title><meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="/page/flame.svg"><link rel="stylesheet" href="/page/plain.css"></head><body><main>',
            f"<h1>{title}</h1>" + ("" if row else f'<p class="small">{escape(t["plain.why"])}</p>'),
            f"<h2>{escape(t['conversation'])}</h2>" if path else "",
            *(self._message(message, html.get(message.id)) for message in path),
            '<a id="end"></a>',
            self._stop(running, row) if running else self._form(row, path),
            f'<p class="small">{escape(t["caution"])}</p>',
            f"<p>{' · '.join(links)}</p>",
            self._others(others),
            self._leave() if self._knows_people else "",
            "</main></body></html>",
        ]
        return "\n".join(parts)

    def _message(self, message: MessageRow, html: str | None) -> str:
        if message.role == "user":
            return f'<div class="user">{escape(message.content)}</div>'
        growing = self._answers.find(message.id)
        content = message.content if growing is None else growing.content
        text = html if html is not None else f"<p>{escape(content)}</p>"
        if message.state == "failed":
            problem = self._words["error.server"].replace("{message}", message.error or "")
            text += f'<p class="problem">{escape(problem)}</p>'
        elif message.state != "running" and not content:
            text += f'<p class="small">{escape(self._words["empty"])}</p>'
        return f'<div class="answer">{text}</div>'

    def _form(self, row: ConversationRow | None, path: list[MessageRow]) -> str:
        known = f'<input type="hidden" name="c" value="{escape(row.id)}">' if row else ""
        known += f'<input type="hidden" name="parent" value="{escape(path[-1].id)}">' if path else ""
        label, send = escape(self._words["inputLabel"]), escape(self._words["send"])
        return (
            f'<form method="post" action="{PATH}">{known}<label>{label}'
            f'<textarea name="content" rows="3"></textarea></label><button type="submit">{send}</button></form>'
        )

    def _stop(self, running: MessageRow, row: ConversationRow | None) -> str:
        known = f'<input type="hidden" name="c" value="{escape(row.id)}">' if row else ""
        return (
            f'<p class="small">{escape(self._words["plain.wait"])}</p><form method="post" action="{PATH}">{known}'
            f'<button name="stop" value="{escape(running.id)}">{escape(self._words["stop"])}</button></form>'
        )

    def _leave(self) -> str:
        text = escape(self._words["logout"])
        button = f'<button class="quiet" name="leave" value="1">{text}</button>'
        return f'<form method="post" action="/page/enter">{button}</form>'

    def _others(self, others: list[ConversationRow]) -> str:
        if not others:
            return ""
        lines = "".join(
            f'<li><a href="{_address(other.id)}">{escape(other.title or self._words["untitled"])}</a></li>'
            for other in others
        )
        return f"<h2>{escape(self._words['conversations'])}</h2><ul>{lines}</ul>"
