"""`huozhong serve`: the API and the chat page on this machine, or for everyone in the room."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from huozhong.cli.lan import (
    MDNS_NAME,
    Https,
    Lan,
    LogFormat,
    Systemd,
    entrance,
    greet_first_owner,
)
from huozhong.cli.lit import own_url, run
from huozhong.cli.lit import server_config as server_config
from huozhong.cli.models import find_model
from huozhong.cli.running import announced, new_key
from huozhong.cli.systemd import unit
from huozhong.cli.words import say
from huozhong.errors import ConfigError, HuozhongError

if TYPE_CHECKING:
    from rich.progress import Progress

    from huozhong.cost import Meter
    from huozhong.engine.llm import LLM
    from huozhong.server.models import Shelf

_LONG_TO_PACK = 64 << 20  # bytes of a model that take long enough for a bar

Model = Annotated[str, typer.Argument(help="模型名、文件夹或 .gguf 文件 / a name, a folder or a .gguf file")]
Host = Annotated[
    str | None,
    typer.Option(
        help="监听地址，多个用逗号分开；0.0.0.0 给同一网络的人用 / 0.0.0.0 for the network; several: 0.0.0.0,:: "
        "(默认 / default: 127.0.0.1, --lan: 0.0.0.0)",
        show_default=False,
    ),
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="端口，0 为自动选择 / port; 0 picks a free one")]
Quant = Annotated[
    str | None,
    typer.Option(help="权重位数 / weight format: q8, q4, none (默认 / default: q8; GGUF: none)", show_default=False),
]
Threads = Annotated[int | None, typer.Option(min=1, help="线程数，默认每核一个 / default: one per core")]
Context = Annotated[int | None, typer.Option(min=2, help="上下文词元数 / tokens of prompt and answer")]
CacheTokens = Annotated[
    int | None,
    typer.Option(min=2, help="缓存总词元数，所有对话共用 / tokens that the cache holds for everybody together"),
]
DiskCache = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        help="磁盘上最多存多少 GB 读过的提示，0 为不存 / GB of disk that may keep prompts it has read; 0: none "
        "(默认 / default: 2, 但不超过空闲的 5% / but at most 5% of what is free)",
        show_default=False,
    ),
]
CacheFormat = Annotated[
    str | None,
    typer.Option(
        help="缓存格式，q8 内存减半 / how the cache keeps a number: f32, f16, q8 (half of f16; 默认 / default: f16)",
        show_default=False,
    ),
]
ExpertMemory = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        help="混合专家模型比内存大时，给专家多少 GB 内存，其余留在硬盘 / "
        "GB of memory for experts, the others stay on the disk (默认 / default: 放得下就全放 / all if they fit)",
        show_default=False,
    ),
]
Draft = Annotated[
    Path | None,
    typer.Option(
        "--draft",
        metavar="FOLDER",
        help="给这个模型猜词元的小网络，由 train draft 得到，回答更快，内容不变 / "
        "a drafter of this model (train draft makes them): quicker answers, the same words",
        show_default=False,
    ),
]
Price = Annotated[float, typer.Option(min=0.0, help="一度电的价钱 / price of one kWh")]
Currency = Annotated[str, typer.Option(help="货币 / currency of the price")]
AllowHost = Annotated[list[str] | None, typer.Option(help="本服务的其他名字 / another name of this server")]
AllowOrigin = Annotated[
    list[str] | None, typer.Option(help="允许使用本服务的网站 / a web site that may use it ('*': any)")
]

AnyModel = Annotated[
    bool,
    typer.Option("--any-model", help="客户端写什么模型名都可以 / whatever model a client names, this one answers"),
]
NoPage = Annotated[bool, typer.Option("--no-page", help="只提供接口，不要聊天网页 / the API alone, without the page")]
ApiKey = Annotated[
    str | None,
    typer.Option(
        envvar="HUOZHONG_SERVE_KEY",
        help="密钥，多个用逗号分开 / a key that clients must send; several with commas between",
        show_default=False,
    ),
]
ApiKeyFile = Annotated[
    Path | None, typer.Option(help="密钥文件，每行一个 / a file of keys, one a line", show_default=False)
]
Database = Annotated[
    str | None,
    typer.Option(
        envvar="HUOZHONG_DATABASE",
        help="保存对话的数据库：sqlite:///文件、postgresql://用户@主机/库名，sqlite:// 什么都不留 / "
        "where conversations are kept; sqlite:// keeps nothing (默认 / default: house.db in $HUOZHONG_HOME)",
        show_default=False,
    ),
]
Keep = Annotated[
    str,
    typer.Option(
        help="没人用的模型在内存里留多久：30m、0、always / how long a model stays in memory when nobody uses it"
    ),
]
Upstream = Annotated[
    list[str] | None,
    typer.Option(
        help="把网页、账号和额度放在别的引擎前面，可多次 / put page, people and budgets before another engine, e.g. "
        "http://192.168.1.9:8000; several times for several (key: HUOZHONG_UPSTREAM_KEY)",
        show_default=False,
    ),
]
CarefulOption = Annotated[
    bool,
    typer.Option(
        "--careful",
        help="求救的话由规则回答，不交给模型 / rules answer distress, not the model (ember: always)",
    ),
]
Numbers = Annotated[
    str | None,
    typer.Option(
        envvar="HUOZHONG_NUMBERS",
        help="本地的求助电话 / the place's own numbers to ring: police=110,ambulance=120,fire=119,traffic=122,"
        "mind=12356,youth=12355",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add `serve` to `app`."""
    app.command("serve", help="启动服务和聊天网页 / serve the API and the chat page")(serve_command)


def serve_command(
    model: Model = "ember",
    host: Host = None,
    port: Port = 8000,
    quantization: Quant = None,
    threads: Threads = None,
    max_context: Context = None,
    cache_tokens: CacheTokens = None,
    disk_cache: DiskCache = None,
    cache_format: CacheFormat = None,
    expert_memory: ExpertMemory = None,
    draft: Draft = None,
    price: Price = 0.6,
    currency: Currency = "CNY",
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    careful: CarefulOption = False,
    numbers: Numbers = None,
    database: Database = None,
    keep: Keep = "30m",
    upstream: Upstream = None,
    any_model: AnyModel = False,
    no_page: NoPage = False,
    api_key: ApiKey = None,
    api_key_file: ApiKeyFile = None,
    lan: Lan = False,
    https: Https = False,
    log_format: LogFormat = "text",
    systemd: Systemd = False,
) -> None:
    from huozhong.verify.distress import read_numbers

    ring, keep_seconds, own_key = read_numbers(numbers or ""), read_keep(keep), new_key()
    keys = read_keys(api_key or "", api_key_file)
    check_log_format(log_format)
    _check_lan(lan, keys, no_page)
    if systemd:
        return typer.echo(unit(sys.argv[1:], say("systemd 服务：", "A systemd service:")))
    # First, so that a port in use is said before a model is loaded.
    with listen_all(host or ("0.0.0.0" if lan else "127.0.0.1"), port) as listeners:
        from huozhong.server.app import create_app
        from huozhong.server.careful import Careful
        from huozhong.store.database import Store, default_url

        door = entrance(lan, https, listeners[0], allow_host or ())
        options = engine_options(
            quantization, threads, max_context, cache_tokens, disk_cache, cache_format, expert_memory, draft
        )
        with Store.open(database or default_url()) as store:
            if lan:
                greet_first_owner(store)
            with _shelf(model, options, partial(_meter, price, currency), keep_seconds, upstream or ()) as shelf:
                app = create_app(
                    store=store, shelf=shelf, careful=Careful(careful, ring), any_model=any_model, page=not no_page,
                    login=lan, address=door.address, authority=door.authority, own_key=own_key, api_keys=keys,
                    allow_hosts=[*(allow_host or ()), MDNS_NAME], allow_origins=allow_origin or (),
                )  # fmt: skip
                with announced(own_url(listeners[0], door.scheme), own_key):
                    run(app, shelf, listeners, door, needs_key=bool(keys), json_log=log_format == "json")
    typer.echo(say("已停止。", "Stopped."))


def _check_lan(lan: bool, keys: list[str], no_page: bool) -> None:
    if lan and keys:
        raise ConfigError("With --lan every person has keys of their own (in the account sheet); leave --api-key out.")
    if lan and no_page:
        raise ConfigError("With --lan people log in on the page; leave --no-page out.")


def _meter(price: float, currency: str) -> Meter:
    from huozhong.cost import Meter

    return Meter(price, currency)


def _shelf(
    model: str, options: dict[str, Any], new_meter: Callable[[], Meter], keep: float | None, upstream: Sequence[str]
) -> Shelf:
    """The model that was named, and all there are; the shelf alone holds it, so that once put away it leaves memory."""
    from huozhong.server.memory import set_aside, share_arenas
    from huozhong.server.models import Shelf
    from huozhong.server.opening import Opening

    share_arenas()  # before the engine starts its threads
    set_aside()  # before there is a model, which is to leave memory once it is put away
    engines = None
    if upstream:
        from huozhong.server.upstream.engines import Engines

        keys = [key.strip() for key in os.environ.get("HUOZHONG_UPSTREAM_KEY", "").split(",")]
        engines = Engines(upstream, [key for key in keys if key])
    shelf = Shelf(load(model, options, new_meter()), opening=Opening(options, new_meter), everything=True, keep=keep)
    if engines is not None:
        shelf.engines = engines
        shelf.at_close.append(engines.close)
    return shelf


def check_log_format(name: str) -> None:
    """`ConfigError` for another word than text and json."""
    if name not in ("text", "json"):
        raise ConfigError(f"--log-format is {name!r}; give text or json.")


def read_keys(given: str, file: Path | None) -> list[str]:
    """The keys of an option and of a file.  `ConfigError` for a file that cannot be read or holds none."""
    keys = [key.strip() for key in given.split(",")]
    if file is not None:
        try:
            lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                say(f"密钥文件 {file} 读不了（{error}）。", f"The keys in {file} cannot be read ({error}).")
            ) from None
        if not any(lines):
            raise ConfigError(say(f"{file} 里没有密钥；请每行写一个。", f"{file} holds no key; write one a line."))
        keys += lines
    return [key for key in keys if key]


def read_keep(text: str) -> float | None:
    """Seconds of "30m", "90s", "2h" or "0"; None of "always".  `ConfigError` for anything else."""
    wanted = text.strip().lower()
    if wanted == "always":
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", wanted)
    if found is None or (not found[2] and float(found[1])):
        raise ConfigError(
            say(
                f"--keep 写的是 {text!r}；请写 30m（分钟）、90s、2h、0 或 always。",
                f"--keep is {text!r}; write 30m (minutes), 90s, 2h, 0 or always.",
            )
        )
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600, "": 0}[found[2]]


def engine_options(
    quantization: Any,
    threads: int | None,
    max_context: int | None,
    cache_tokens: int | None = None,
    disk_cache: float | None = None,
    cache_format: Any = None,
    expert_memory: float | None = None,
    draft: Path | None = None,
) -> dict[str, Any]:
    """What `LLM` is told of the options that the commands share.

    disk_cache: GB (2**30 bytes) of disk for prompts, expert_memory: of memory for experts; None for the engine's own
    choice.
    """
    return {
        "quantization": quantization,
        "num_threads": threads,
        "max_context": max_context,
        "cache_tokens": cache_tokens,
        "prefix_cache_bytes": None if disk_cache is None else int(disk_cache * 2**30),
        "cache_format": cache_format,
        "expert_memory": None if expert_memory is None else int(expert_memory * 2**30),
        "draft": draft,
    }


def load(model: str, options: dict[str, Any], meter: Meter) -> LLM:
    """The model; packing shows a bar, and what of its files is not used is told on stderr."""
    from huozhong.engine.llm import LLM

    with packing_bar() as progress:
        llm = LLM(find_model(model), progress=progress, meter=meter, **options)
    if llm.left_out is not None:
        typer.echo(f"{llm.name}: {say(*llm.left_out)}", err=True)
    return llm


def _bar(total: int) -> Progress:
    from rich.console import Console  # megabytes, which a small model does without
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    text = TextColumn(say("第一次使用，正在整理权重", "First use: packing the weights"))
    columns = (text, BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, disable=not console.is_terminal)
    bar.add_task("", total=total)
    return bar


@contextlib.contextmanager
def packing_bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal's stderr that appears when a large model begins to be packed."""
    with contextlib.ExitStack() as stack:
        bar: Progress | None = None

        def show(done: int, total: int) -> None:
            nonlocal bar
            if total < _LONG_TO_PACK:
                return
            if bar is None:
                bar = stack.enter_context(_bar(total))
            bar.update(bar.task_ids[0], completed=done)

        yield show


@contextlib.contextmanager
def listen_all(hosts: str, port: int) -> Iterator[list[socket.socket]]:
    """Listening sockets of all addresses ("127.0.0.1,::1"), on one port; closed when the block ends."""
    with contextlib.ExitStack() as open_ones:
        listeners: list[socket.socket] = []
        for host in [name.strip() for name in hosts.split(",") if name.strip()]:
            taken = listeners[0].getsockname()[1] if listeners else port  # 0 picks one for all
            listeners.append(open_ones.enter_context(listen(host, taken)))
        if not listeners:
            raise ConfigError(
                say(
                    f"--host 写的是 {hosts!r}；请写地址。", f"--host is {hosts!r}; write an address, such as 127.0.0.1."
                )
            )
        yield listeners


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket.  `ConfigError` says what to do when the address or port cannot be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # With its protocol named, asyncio sends small pieces at once (TCP_NODELAY) instead of 40 ms later.
        listener = socket.socket(found[0], found[1], socket.IPPROTO_TCP)
        try:
            if found[0] == socket.AF_INET6:  # 0.0.0.0 has a socket of its own
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if os.name == "posix":  # there it only skips the wait after a stop; on Windows it steals ports
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(found[4])
            listener.listen(128)
        except OSError:
            listener.close()
            raise
        return listener
    except OSError as error:
        raise _no_socket(host, port, error) from None


def _no_socket(host: str, port: int, error: OSError) -> HuozhongError:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 0
        return ConfigError(
            say(
                f"端口 {port} 已被占用（也许火种已经在运行？打开 http://127.0.0.1:{port} 看看），"
                f"或者换一个端口：--port {other}。",
                f"Port {port} is in use (is Huozhong running already? look at http://127.0.0.1:{port}); "
                f"or take another one: --port {other}.",
            )
        )
    if error.errno == errno.EACCES:
        return ConfigError(
            say(
                f"没有权限使用端口 {port}；请用 1024 以上的端口，例如 --port 8000。",
                f"Port {port} needs special rights; take one above 1024, such as --port 8000.",
            )
        )
    return ConfigError(
        say(
            f"不能在 {host} 上监听（{error.strerror}）；请用 127.0.0.1（本机）或 0.0.0.0（同一网络）。",
            f"Cannot listen on {host} ({error.strerror}); use 127.0.0.1 (this machine) or 0.0.0.0 (the network).",
        )
    )
