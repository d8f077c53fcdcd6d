"""The servers that run on this machine, and the commands that speak to them: `ps` and `stop`.

A server that runs leaves its address and a key of its own in data_folder()/servers, readable by this user alone.
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from huozhong.cli.words import say
from huozhong.errors import ConfigError
from huozhong.files import data_folder, whole_file

Url = Annotated[str | None, typer.Option(help="哪个服务；默认是本机运行的 / which server; default: those running here")]
_TIMEOUT = 10.0


@dataclass(frozen=True)
class Server:
    """A server to speak to.  key: "" where none is needed."""

    url: str
    key: str


def register(app: typer.Typer) -> None:
    """Add `ps` and `stop` to `app`."""
    app.command("ps", help="在运行的服务和它们内存里的模型 / running servers and the models in their memory")(
        ps_command
    )
    app.command("stop", help="让服务把一个模型移出内存 / put a model out of a running server's memory")(stop_command)


@contextmanager
def announced(url: str, key: str) -> Iterator[None]:
    """This process serves at `url`; its commands may use `key`.  Known while the block lasts."""
    file = _folder() / f"{os.getpid()}.json"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with whole_file(file) as out:
            os.chmod(out.name, 0o600)  # before there is anything to read
            out.write(json.dumps({"url": url, "key": key}).encode())
    except OSError as error:
        typer.echo(
            say(
                f"不能写 {file}（{error.strerror}），所以 huozhong ps 和 stop 找不到这个服务。",
                f"{file} cannot be written ({error.strerror}), so huozhong ps and stop will not find this server.",
            ),
            err=True,
        )
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def new_key() -> str:
    return secrets.token_urlsafe(24)


def running_servers() -> list[Server]:
    """The servers of this user on this machine; what a process left that is gone is cleared away."""
    found = []
    for file in sorted(_folder().glob("*.json")):
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            server = Server(str(told["url"]), str(told["key"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it has just ended
        if file.stem.isdecimal() and _is_alive(int(file.stem)):
            found.append(server)
        else:
            file.unlink(missing_ok=True)
    return found


def _folder() -> Path:
    return data_folder() / "servers"


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        return True  # asking would end it there; a server that is gone does not answer
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


# -- speaking --------------------------------------------------------------------------------------


def ps_command(
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="给程序读的 JSON / JSON for programs")] = False,
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from huozhong.hub.arrival import gigabytes

    loaded = [(server, model) for server in _servers(url) for model in ask(server, "GET", "")["models"]]
    loaded = [(server, model) for server, model in loaded if model["state"] != "resting"]
    if as_json:
        typer.echo(json.dumps([model | {"url": server.url} for server, model in loaded], ensure_ascii=False, indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    columns = (
        say("模型", "model"), say("内存", "memory"), say("上下文", "context"), say("状态", "state"),
        say("还留多久", "stays"), say("服务", "server"),
    )  # fmt: skip
    for column in columns:
        table.add_column(column, overflow="fold")
    for server, model in loaded:
        memory = gigabytes(model["memory"]) if "memory" in model else ""
        table.add_row(
            model["name"], memory, str(model.get("context", "")), _state(model), _stays(model), server.url
        )  # fmt: skip
    Console(markup=False, emoji=False).print(table)


def stop_command(
    model: Annotated[str, typer.Argument(metavar="NAME", help="模型名 / the model's name")], url: Url = None
) -> None:
    servers = _servers(url)
    stopped = [server for server in servers if _unload(server, model)]
    for server in stopped:
        typer.echo(say(f"{server.url} 已把 {model} 移出内存。", f"{server.url} has put {model} out of its memory."))
    if not stopped:
        raise ConfigError(
            say(
                f"没有服务把 {model} 放在内存里；huozhong ps 列出它们。",
                f"No server has {model} in memory; huozhong ps lists them.",
            )
        )


def _unload(server: Server, model: str) -> bool:
    for entry in ask(server, "GET", "")["models"]:
        if entry["loaded"] and model in (entry["name"], entry["name"].partition(":")[0]):
            return bool(ask(server, "POST", f"/{entry['name']}/unload")["unloaded"])
    return False


def _servers(url: str | None) -> list[Server]:
    if url is not None:
        key = next(
            (s.key for s in running_servers() if s.url == url.rstrip("/")), os.environ.get("HUOZHONG_API_KEY", "")
        )
        return [Server(url.rstrip("/").removesuffix("/v1"), key)]
    servers = running_servers()
    if not servers:
        raise ConfigError(
            say(
                "本机没有火种服务在运行；先运行 huozhong serve，或用 --url 指明。",
                "No Huozhong server runs on this machine; start one with huozhong serve, or name one with --url.",
            )
        )
    return servers


def ask(server: Server, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a server answers under /house/models; `ConfigError` with its own sentence, or that it cannot be reached."""
    import httpx

    from huozhong.text.wire import error_sentence

    headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    try:
        answer = httpx.request(
            method, f"{server.url}/house/models{path}", headers=headers, timeout=_TIMEOUT, json=body,
            verify=_trusted(server.url),
        )  # fmt: skip
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ConfigError(
            say(f"{server.url} 没有回答（{error}）。", f"{server.url} does not answer ({error}).")
        ) from None
    if answer.is_error:
        raise ConfigError(f"{server.url}: {error_sentence(answer.text)}")
    try:
        told = answer.json()
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise ConfigError(say(f"{server.url} 不是火种服务。", f"{server.url} is no Huozhong server."))
    return told


def _trusted(url: str) -> ssl.SSLContext | bool:
    """A server of this machine that speaks HTTPS has a certificate of this machine's own authority."""
    authority = data_folder() / "authority" / "authority.pem"
    return ssl.create_default_context(cafile=authority) if url.startswith("https:") and authority.exists() else True


def _state(model: dict[str, Any]) -> str:
    if model["state"] == "loading":
        done, total = model["progress"]["done"], model["progress"]["total"]
        share = f" {100 * done // total}%" if total else ""
        return say("正在载入", "loading") + share
    busy = model["running"] + model["waiting"]
    return say(f"正在回答 {busy} 个", f"answering {busy}") if busy else say("空闲", "idle")


def _stays(model: dict[str, Any]) -> str:
    left = model.get("seconds_left")
    if model["state"] == "loading":
        return ""
    if left is None:
        return say("一直", "always")
    return (
        say(f"{left / 60:.0f} 分钟", f"{left / 60:.0f} min") if left >= 60 else say(f"{left:.0f} 秒", f"{left:.0f} s")
    )
