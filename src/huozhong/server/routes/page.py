"""The chat page: its static files, the Markdown renderer and what the page needs to know about the model.

The files are read, hashed and compressed once; nothing but the names listed here is ever served.  index.html gets the
words of the reader's language on the way out, so that the first paint has them and nothing moves afterwards; sw.js
gets the names of the files that it keeps and a version that changes with any of them.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from huozhong.errors import RequestError
from huozhong.server.assets import BY_READER, HTML, TYPES, Asset, at_once, in_language, made, serve, without_comments
from huozhong.server.http import json_response
from huozhong.server.render import render_markdown
from huozhong.server.words import FOLDER, LANGUAGES, language_of, words_in

MAX_RENDER_CHARACTERS = 100_000
# JSON may spell a character in up to twelve bytes (an escaped surrogate pair).
MAX_RENDER_BYTES = 12 * MAX_RENDER_CHARACTERS + 1000
# What every visit loads, and the service worker keeps; index.html comes as "/", with what it paints first in itself.
FIRST_LOAD = [
    "answer.css",
    "page.js",
    "api.js",
    "attach.js",
    "chat.js",
    "clipboard.js",
    "dom.js",
    "follow.js",
    "format.js",
    "frame.js",
    "i18n.js",
    "kept.js",
    "keys.js",
    "language.js",
    "list.js",
    "look.js",
    "menus.js",
    "prose.js",
    "reading.js",
    "tell.js",
    "tree.js",
    "view.js",
    "voice.js",
    "flame.svg",
]
# What a visit may want later.
_LATER = ["settings.js", "shelf.js", "shorten.js"]
_OTHERS = [
    "boot.js",
    "page.css",
    "panels.css",
    "foreign.js",
    "foreign.css",
    "hant.js",
    "models.js",
    "models.css",
    "print.css",
    "plain.css",
    "old.js",
    "sw.js",
    "words-zh.json",
    "words-zh-Hant.json",
    "words-en.json",
    "manifest.webmanifest",
    "icon-192.png",
    "icon-512.png",
    "icon-maskable.png",
]
# The pages of accounts, of the owner and of apps, and how a phone trusts this house.
_PEOPLE = [
    "login.html",
    "login.js",
    "enter.js",
    "account.html",
    "account.js",
    "owner.html",
    "owner.js",
    "owner-tools.js",
    "charts.js",
    "house.js",
    "people.css",
    "trust.html",
    "trust.js",
    "apps.html",
    "apps.js",
    "apps-kit.js",
    "apps-form.js",
    "apps-maker.js",
    "apps-script.js",
    "apps-prompter.js",
    "apps.css",
    "apps-script.css",
    "tallies.html",
    "tallies.js",
    "tallies.css",
]
FILES = {name: TYPES[name.rpartition(".")[2]] for name in [*FIRST_LOAD, *_LATER, *_OTHERS, *_PEOPLE]}
router = APIRouter(include_in_schema=False)


@cache
def _asset(name: str) -> Asset:
    return made(FILES[name], _data(name))


def _data(name: str) -> bytes:
    data = (FOLDER / name).read_bytes()
    if name.endswith(".js"):
        data = without_comments(data)
    if name != "sw.js":
        return data
    kept = [
        *FIRST_LOAD,
        *_LATER,
        "manifest.webmanifest",
        "print.css",
        *(f"words-{language}.json" for language in LANGUAGES),
    ]
    pages = [_index(language).plain for language in LANGUAGES]
    version = hashlib.sha256(b"".join([*pages, *((FOLDER / other).read_bytes() for other in kept)])).hexdigest()
    text = data.decode().replace("'@version@'", json.dumps(version[:12]))
    return text.replace("['@files@']", json.dumps([f"/page/{other}" for other in kept])).encode()


def source_of(address: str) -> bytes:
    """The file that an address in one of the pages means, as it is sent."""
    return _data(address.removeprefix("/page/"))


@cache
def _index(language: str) -> Asset:
    """index.html with a language's words in their places, and all of them for the page's scripts."""
    html = (FOLDER / "index.html").read_text(encoding="utf-8")
    html = at_once(in_language(_filled(html, language), LANGUAGES[language]), source_of)
    # Inside a script element only "<" could end it; JSON may spell it otherwise.
    told = json.dumps(words_in(language), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    html = html.replace("</body>", f'<script type="application/json" id="words">{told}</script>\n</body>', 1)
    return made(HTML, html.encode())


def _filled(html: str, language: str) -> str:
    """A page with a language's words where its elements ask for them."""
    words = words_in(language)

    def filled(match: re.Match[str]) -> str:
        tag, attributes = match[1], match[2]
        if label := re.search(r'data-t-label="([\w.]+)"', attributes):
            text = escape(words[label[1]])
            attributes += f' aria-label="{text}"' + (f' title="{text}"' if tag == "button" else "")
        if placeholder := re.search(r'data-t-placeholder="([\w.]+)"', attributes):
            attributes += f' placeholder="{escape(words[placeholder[1]])}"'
        content = re.search(r'data-t="([\w.]+)"', attributes)
        return f"<{tag}{attributes}>" + (escape(words[content[1]]) if content else "")

    return re.sub(r'<(\w+)([^<>]*\sdata-t(?:-\w+)?="[^<>]*)>', filled, html)


@cache
def _sheet(name: str, language: str) -> Asset:
    """A page other than index.html; its scripts have the words, and learn from it in which language."""
    html = in_language(_filled(_data(name).decode(), language), LANGUAGES[language])
    return made(HTML, at_once(html, source_of).encode())


def serve_file(request: Request, name: str) -> Response:
    """One of FILES, compressed where the browser takes that, and only if it has changed."""
    if name.endswith(".html"):
        return serve(request, _sheet(name, language_of(request)), Vary=BY_READER)
    # The service worker lies in /page/ and serves the whole site.
    more = {"Service-Worker-Allowed": "/"} if name == "sw.js" else {}
    return serve(request, _asset(name), **more)


@router.api_route("/", methods=["GET", "HEAD"])
def index(request: Request) -> Response:
    """The page itself."""
    language = language_of(request)
    return serve(request, _index(language), Vary=BY_READER)


@router.get("/page/info")
def info(request: Request) -> dict[str, Any]:
    """What the page shows about the model: its name, context (tokens) and default temperature.

    acts: its answers are whole without its reasoning, so the page keeps that folded.  Needs `app.state.llm` with
    `name`, `max_context` and `acts`, and `app.state.defaults` with `temperature`.
    """
    state = request.app.state
    return {
        "model": state.llm.name,
        "max_context": state.llm.max_context,
        "temperature": state.defaults.temperature,
        "acts": state.llm.acts,
        "languages": list(LANGUAGES),
    }


@router.post("/page/render")
async def render(request: Request) -> Response:
    """{"text": Markdown} -> {"html": safe HTML}; 413 above MAX_RENDER_CHARACTERS, 400 for anything else."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_RENDER_BYTES:
            raise _too_long()
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError('The body is not JSON; send {"text": "..."}.', code="invalid_json") from None
    if not isinstance(fields, dict) or set(fields) != {"text"} or not isinstance(fields["text"], str):
        raise RequestError('The body must be an object with the one field "text", a string.', param="text")
    text = fields["text"]
    if len(text) > MAX_RENDER_CHARACTERS:
        raise _too_long()
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be sent back
    return json_response({"html": await run_in_threadpool(render_markdown, text)})


def _too_long() -> RequestError:
    message = f"The text is longer than {MAX_RENDER_CHARACTERS} characters; render it in parts."
    return RequestError(message, param="text", code="text_too_long")


@router.api_route("/page/{name}", methods=["GET", "HEAD"])
def file(request: Request, name: str) -> Response:
    """One of the page's files, by its exact name."""
    if name not in FILES:
        raise RequestError("The page has no such file.", code="not_found")
    return serve_file(request, name)
