"""A running server: what it says when it is lit, and how it stops without losing anybody's words."""

from __future__ import annotations

import contextlib
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING

import typer

from huozhong.cli.lan import Entrance, announce_entrance, named_in_network, own_addresses
from huozhong.cli.systemd import tell_systemd
from huozhong.cli.words import bold, dim, say

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from huozhong.server.connections import Limits
    from huozhong.server.models import Shelf

# How long an answer may go on after Ctrl-C before its connection is cut.
_GRACE_SECONDS = 2
# Seconds that a thread which computes in Python may keep the event loop waiting for its turn, and a request waits for
# several; Python's own are five times as many.
_SWITCH_SECONDS = 0.001
_MAX_CONNECTIONS = 800  # a process may usually have 1,024 files and sockets open


def run(
    app: FastAPI, shelf: Shelf, listeners: list[socket.socket], door: Entrance, *, needs_key: bool, json_log: bool
) -> None:
    """Serve until Ctrl-C or SIGTERM, and stop in good order.

    listeners: the first one's address is what is told.  json_log: a line of JSON for every request.
    """
    import asyncio

    import uvicorn

    from huozhong.server import household
    from huozhong.server.journal import log_as_json
    from huozhong.server.secure import Accepting, plain_app

    class Server(uvicorn.Server):
        accepting: tuple[Accepting, ...] = ()

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            if door.authority is None:
                await super().startup(sockets)
            else:
                await super().startup([])
                plain = server_config(plain_app(door.authority))
                plain.load()
                secure, clear = partial(self.speaker, self.config), partial(self.speaker, plain)
                context = door.authority.context()
                self.accepting = tuple(Accepting(one, secure, clear, context) for one in listeners)
            announce_server(shelf.default, listeners[0], door, needs_key)
            announce_entrance(door, app.state.store)
            typer.echo(dim(say("按 Ctrl-C 停止。", "Ctrl-C stops it.")))
            tell_systemd("READY=1")

        def speaker(self, config: uvicorn.Config) -> asyncio.Protocol:
            protocol: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return protocol

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            tell_systemd("STOPPING=1")
            app.state.stopping = True  # whoever asks whether it is ready hears it at once
            # First: answers in flight end with a clear last event instead of a cut connection.
            await asyncio.to_thread(shelf.close)
            await app.state.answers.close()
            for accepting in self.accepting:
                await accepting.close()
            await super().shutdown(sockets)
            await asyncio.to_thread(household.close, app)

    sys.setswitchinterval(_SWITCH_SECONDS)
    config = server_config(app)
    if json_log:
        log_as_json(sys.stderr)
    # uvicorn stops in good order and then passes Ctrl-C on; it was the user's wish.
    with contextlib.suppress(KeyboardInterrupt), named_in_network(door if door.login else None):
        Server(config).run(sockets=listeners)


def server_config(app: FastAPI, limits: Limits | None = None) -> uvicorn.Config:
    """uvicorn's settings: the plain-Python parser and loop (fast enough here, nothing to compile).

    limits: how patient it is with connections; None for what is right everywhere but in tests.
    """
    import uvicorn

    from huozhong.server.connections import Limits, protocol_class

    return uvicorn.Config(
        app,
        http=protocol_class(limits or Limits()),
        limit_concurrency=_MAX_CONNECTIONS,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def own_url(listener: socket.socket, scheme: str = "http") -> str:
    """Where this machine itself reaches the server."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{'127.0.0.1' if host in ('0.0.0.0', '::') else f'[{host}]' if ':' in host else host}:{port}"


def announce_server(model: str, listener: socket.socket, door: Entrance, needs_key: bool) -> None:
    from huozhong.engine.kernels import used

    everywhere, own = listener.getsockname()[0] in ("0.0.0.0", "::"), own_url(listener, door.scheme)
    lit = say(
        f"火种已点亮，模型 {model}。在浏览器里打开：", f"Huozhong is lit, with the model {model}.  Open in a browser:"
    )
    typer.echo(f"{lit}  {bold(own + ('/#key=…' if needs_key else ''))}")
    if everywhere:
        if addresses := own_addresses():
            typer.echo(
                say("同一网络的手机和电脑打开：", "Phones and computers on the same network open:")
                + f"  {bold(door.url(addresses[0]))}"
            )
        if not needs_key and not door.login:
            typer.echo(
                say(
                    "注意：同一网络的任何人都可以使用，没有密码。",
                    "Anyone on that network can use it; there is no password (--lan gives everybody an account).",
                )
            )
    if used() == "reference":
        typer.echo(
            say(
                "没有编译好的内核，正在用慢得多的 NumPy；请重新安装：make serve。",
                "The compiled kernels are missing: much slower NumPy runs instead; install again: make serve.",
            )
        )
    typer.echo(
        dim(
            say(
                f"接口（与 OpenAI、DeepSeek 相同）：{own}/v1，例如：",
                f"The API (OpenAI's and DeepSeek's) is at {own}/v1, for example:",
            )
        )
    )
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "你好"}}]}}'
    key = "-H 'Authorization: Bearer KEY' " if door.login or needs_key else ""
    typer.echo(dim(f"  curl {own}/v1/chat/completions {key}-H 'Content-Type: application/json' -d '{body}'"))
