"""The door: nobody comes in without an account, and everybody as the person that they are.

It stands before all routes (ASGI middleware), so that a route that is new is closed by itself.  A browser shows the
cookie of its session, a program an API key.  A cookie is sent along by itself, so what it asks for must come from the
house's own pages: SameSite=Strict, and here the Origin once more, whatever other sites the operator lets in.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from huozhong.errors import HuozhongError, StoreError
from huozhong.server.failures import Failure, known_failure, refusal
from huozhong.server.http import error_response
from huozhong.server.identity import SCOPE_KEY, THE_HOUSE, Visitor
from huozhong.server.rights import LOGIN_PAGE, is_open, scope_of
from huozhong.store.database import Store
from huozhong.store.keys import KEY_START, find_key, touch_key
from huozhong.store.sessions import SEEN_MS, find_session, hash_of, touch_session
from huozhong.store.tables.base import now

# How long a visitor is known without another look: changes of this process are seen at once (`Visitors.forget`),
# those that `huozhong people` makes after so many seconds.
KNOWN_SECONDS = 5.0
_KNOWN = 4096
_LONGEST_SECRET = 200

COOKIE, SECURE_COOKIE = "huozhong", "__Host-huozhong"


@dataclass(frozen=True)
class _Known:
    visitor: Visitor
    until: float


class Visitors:
    """Who shows what: looked up in the store, and remembered for a moment.

    own_key: with which this machine's own commands come in, as the house.
    """

    def __init__(self, store: Store, own_key: str | None = None) -> None:
        self._store = store
        self._own_key = own_key
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._generation = 0
        self._streams: set[_Stream] = set()
        self.seen: dict[int, float] = {}  # person -> time.time() of the last request

    def forget(self) -> None:
        """Something about people, sessions or keys has changed: who has no right any more hears no more."""
        self._known.clear()
        self._generation += 1
        for stream in list(self._streams):
            stream.look_soon()

    @contextlib.contextmanager
    def listening(self, stream: _Stream) -> Iterator[None]:
        """While a stream runs."""
        self._streams.add(stream)
        try:
            yield
        finally:
            self._streams.discard(stream)

    async def find(self, secret: str, *, is_key: bool) -> Visitor | None:
        """Whose token or key it is."""
        if not secret or len(secret) > _LONGEST_SECRET:
            return None
        if is_key and self._own_key and hmac.compare_digest(secret.encode(), self._own_key.encode()):
            return THE_HOUSE
        digest = hash_of(secret)
        known = self._known.get(digest)
        if known is not None and time.monotonic() < known.until:
            visitor: Visitor | None = known.visitor
        else:
            generation = self._generation
            visitor = await asyncio.to_thread(self._look_up, secret, is_key)
            if visitor is not None and generation == self._generation:
                self._known[digest] = _Known(visitor, time.monotonic() + KNOWN_SECONDS)
                while len(self._known) > _KNOWN:
                    self._known.popitem(last=False)
        if visitor is not None:
            self.seen[visitor.person.id] = time.time()
        return visitor

    def _look_up(self, secret: str, is_key: bool) -> Visitor | None:
        with self._store.read() as session:
            found = find_key(session, secret) if is_key else find_session(session, secret)
        if found is None:
            return None
        person, info = found
        if is_key:
            is_stale = now() - (getattr(info, "used", None) or 0) > SEEN_MS
        else:
            is_stale = now() - getattr(info, "seen", 0) > SEEN_MS
        if is_stale:
            with self._store.begin() as session:
                (touch_key if is_key else touch_session)(session, info.id)
        scopes = getattr(info, "scopes", None)
        return Visitor(person, None if is_key else info.id, None if scopes is None else frozenset(scopes))


class _Stream:
    """A visitor's request, which is ended in mid-stream once the visitor's session or key is.

    Changes of this process are seen at once, others' at the first piece after `KNOWN_SECONDS`.
    """

    def __init__(self, visitors: Visitors, secret: str, is_key: bool, send: Send) -> None:
        self._visitors, self._secret, self._is_key, self._send = visitors, secret, is_key, send
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._looking: asyncio.Task[None] | None = None
        self._looked = time.monotonic()
        self._runs = False
        self.is_ended = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = Headers(raw=message.get("headers", [])).get("content-type", "")
            self._runs = kind.startswith(("text/event-stream", "application/x-ndjson"))
        elif self._runs and time.monotonic() - self._looked > KNOWN_SECONDS:
            await self._look()
        if not self.is_ended:
            await self._send(message)

    def look_soon(self) -> None:
        """From any thread: see whether the visitor is still one."""
        with contextlib.suppress(RuntimeError):  # the loop may be closed while the server goes down
            self._loop.call_soon_threadsafe(self._begin_to_look)

    def _begin_to_look(self) -> None:
        if self._runs and not self.is_ended:
            self._looking = self._loop.create_task(self._look())

    async def _look(self) -> None:
        self._looked = time.monotonic()
        try:
            if self.is_ended or await self._visitors.find(self._secret, is_key=self._is_key) is not None:
                return
        except StoreError:  # nobody is shut out because the database is away for a moment; the next piece looks again
            return
        self.is_ended = True
        if self._task is not None:
            self._task.cancel()

    async def end(self) -> None:
        """Tell the client that there is no more."""
        if self._task is not None:
            self._task.uncancel()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class Door:
    """ASGI middleware.  visitors: who is known; the same object that the routes tell of changes."""

    def __init__(self, app: ASGIApp, *, visitors: Visitors) -> None:
        self._app = app
        self._visitors = visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            visitor = await self._visitor(scope)
        except HuozhongError as error:
            await error_response(known_failure(error), scope["path"])(scope, receive, send)
            return
        refused: Response | None
        if visitor is None:
            refused = _not_in(scope)
        else:
            failure = _refusal(scope, visitor)
            refused = None if failure is None else error_response(failure, scope["path"])
        if refused is not None:
            await refused(scope, receive, send)
            return
        scope[SCOPE_KEY] = visitor
        stream = _Stream(self._visitors, *_secret(scope), send)
        try:
            with self._visitors.listening(stream):
                await self._app(scope, receive, stream.send)
        except asyncio.CancelledError:
            if not stream.is_ended:
                raise
            await stream.end()

    async def _visitor(self, scope: Scope) -> Visitor | None:
        secret, is_key = _secret(scope)
        return await self._visitors.find(secret, is_key=is_key)


def _secret(scope: Scope) -> tuple[str, bool]:
    """What a request shows, and whether it is a key: one that was sent counts, and no cookie makes a wrong one good."""
    headers = Headers(scope=scope)
    if key := key_in(headers):
        return key, True
    return cookie_in(headers, scope["scheme"]), False


def key_in(headers: Headers) -> str:
    """The API key that a program sends; empty for none."""
    kind, _, bearer = headers.get("authorization", "").partition(" ")
    sent = [headers.get("x-api-key", ""), bearer.strip() if kind.lower() == "bearer" else ""]
    # OpenAI's clients always send some word; one that cannot be a key stands for none, beside a cookie.
    has_cookie = "cookie" in headers
    return next((one for one in sent if one and (one.startswith(KEY_START) or not has_cookie)), "")


def cookie_in(headers: Headers, scheme: str) -> str:
    """The token of the browser's session; empty for none."""
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    found = cookies.get(cookie_name(scheme))
    return "" if found is None else found.value


def cookie_name(scheme: str) -> str:
    """Over HTTPS one that the browser gives to nobody else, and that no plain page can set."""
    return SECURE_COOKIE if scheme == "https" else COOKIE


def _refusal(scope: Scope, visitor: Visitor) -> Failure | None:
    """Why this visitor may not ask this; None when they may, as far as the door knows."""
    method, path = scope["method"], scope["path"]
    if visitor.scopes is not None:
        needed = scope_of(method, path)
        if visitor.may(needed):
            return None
        return refusal(403, f"This key may not do that: it needs the scope {needed!r}.", "forbidden")
    headers = Headers(scope=scope)
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
    is_own = origin is None or urlsplit(origin).netloc == headers.get("host")
    if is_own and (method in ("GET", "HEAD") or site in ("same-origin", "none")):
        return None
    return refusal(403, "Another web page asked this in your name; it was refused.", "forbidden")


def _not_in(scope: Scope) -> Response:
    headers = Headers(scope=scope)
    wants_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
    if wants_page and (scope["path"] == "/" or scope["path"].startswith(("/page/", "/room/"))):
        return RedirectResponse(LOGIN_PAGE, 303, {"cache-control": "no-store"})
    message = "请先登录。 / Log in first, or send an API key as 'Authorization: Bearer KEY' or 'x-api-key: KEY'."
    failure = refusal(401, message, "not_logged_in", {"www-authenticate": "Bearer", "cache-control": "no-store"})
    return error_response(failure, scope["path"])
