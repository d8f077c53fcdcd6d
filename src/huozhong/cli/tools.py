"""`huozhong tools`: tool servers of others (MCP) that the chat page may offer - added, looked at, taken away."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from huozhong.cli.words import dim, language, red, say
from huozhong.errors import ConfigError

Name = Annotated[str, typer.Argument(help="名字 / its name")]
What = Annotated[list[str], typer.Argument(help="网址，或 -- 后面写一条命令 / an address, or a command after --")]
Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME=VALUE", help="每次请求都带上，如密钥 / sent with every request, a key say"),
]
Variables = Annotated[
    list[str] | None, typer.Option("--env", metavar="NAME=VALUE", help="命令的环境变量 / variables for the command")
]


def register(app: typer.Typer) -> None:
    """Add `tools` and what it can do to `app`."""
    tools = typer.Typer(help="外来工具（MCP） / tools of others (MCP)", no_args_is_help=True)
    tools.command("add", help="接一个进来 / connect a server")(add_command)
    tools.command("list", help="有哪些 / which there are")(list_command)
    tools.command("check", help="问它有什么工具 / ask it for its tools")(check_command)
    tools.command("remove", help="拿走 / take one away")(remove_command)
    app.add_typer(tools, name="tools")


def add_command(name: Name, what: What, header: Headers = None, env: Variables = None) -> None:
    from huozhong.server.toolbox import house_toolbox
    from huozhong.skills.foreign import ToolServer

    is_address = len(what) == 1 and what[0].startswith(("http://", "https://"))
    if env if is_address else header:
        raise ConfigError(
            say("--header 只给网址，--env 只给命令。", "--header is for an address, and --env for a command.")
        )
    server = (
        ToolServer(name, url=what[0], headers=_pairs(header))
        if is_address
        else ToolServer(name, tuple(what), env=_pairs(env))
    )
    house_toolbox().servers.add(server)
    if not is_address:
        typer.echo(
            say(
                "注意：这条命令以你的权限运行，能读写你能读写的一切；只接你信得过的。",
                "Mind: this command runs with your rights and can do whatever you can; connect only what you trust.",
            )
        )
    check_command(name)


def list_command() -> None:
    from huozhong.server.toolbox import house_toolbox

    servers = house_toolbox().servers.all()
    for server in servers:
        off = "" if server.on else say("（已停用）", " (switched off)")
        typer.echo(f"{server.name:<14} {server.where}{off}")
    if not servers:
        typer.echo(say("还没有。", "None yet."))


def check_command(name: Name) -> None:
    from huozhong.server.toolbox import house_toolbox

    toolbox = house_toolbox()
    known = asyncio.run(toolbox.known(toolbox.servers.find(name)))
    for tool in known.tools.values():
        typer.echo(f"{tool.name:<24} {dim(' '.join(tool.description.split())[:100])}")
    for told in known.left_out:
        typer.echo(red(told))
    if known.problem is not None:
        typer.echo(red(known.problem[language() != "zh"]))
        raise typer.Exit(1)


def remove_command(name: Name) -> None:
    from huozhong.server.toolbox import house_toolbox

    house_toolbox().servers.remove(name)
    typer.echo(say(f"{name} 拿走了。", f"{name} is gone."))


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs = {}
    for one in given or []:
        key, separator, value = one.partition("=")
        if not separator or not key:
            raise ConfigError(say(f"“{one}”应当写成 名字=值。", f"'{one}' should be NAME=VALUE."))
        pairs[key.strip()] = value
    return pairs
