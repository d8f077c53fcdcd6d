"""`serve --lan` and `--https`: the house's names, its first owner, and what is shown to those who are to join."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from huozhong.cli.words import bold, dim, red, say
from huozhong.errors import ConfigError, RequestError
from huozhong.files import data_folder

if TYPE_CHECKING:
    from huozhong.server.authority import Authority
    from huozhong.store.database import Store

Lan = Annotated[
    bool,
    typer.Option("--lan", help="给家里、教室或店里的人用：每人一个账号 / for the room: everybody has an account"),
]
Https = Annotated[
    bool,
    typer.Option("--https", help="加密，用本机自己的证书 / encrypted, with a certificate of this machine's own"),
]
LogFormat = Annotated[str, typer.Option(help="日志：text，或每行一个 JSON / the log: text, or json (a line a request)")]
Systemd = Annotated[
    bool, typer.Option("--systemd", help="打印 systemd 服务文件 / print a systemd unit for these options, and stop")
]


@dataclass(frozen=True)
class Entrance:
    """How people come in.  names: what this server answers to.  authority: who signed its certificate."""

    login: bool
    names: tuple[str, ...]
    port: int
    authority: Authority | None

    @property
    def scheme(self) -> str:
        return "http" if self.authority is None else "https"

    def url(self, name: str) -> str:
        return f"{self.scheme}://{f'[{name}]' if ':' in name else name}:{self.port}"

    @property
    def address(self) -> str | None:
        """What others in the network open; None where there is no network."""
        found = next(iter(own_addresses()), None)
        return None if found is None or not self.login else self.url(found)


def entrance(lan: bool, https: bool, listener: socket.socket, allow_hosts: Iterable[str]) -> Entrance:
    """What the options come to.  `ConfigError` where the certificates cannot be made."""
    own = socket.gethostname().lower()
    names = (own, f"{own}.local", MDNS_NAME, *own_addresses(), *allow_hosts)
    authority = _certified(data_folder() / "authority", names) if https else None
    return Entrance(lan, names, listener.getsockname()[1], authority)


def _certified(folder: Path, names: Iterable[str]) -> Authority:
    """Certificates for these names, made by a process of its own: a server can do without the memory of what signs."""
    if importlib.util.find_spec("cryptography") is None:
        raise ConfigError(
            say(
                "--https 要先安装：pip install 'huozhong[lan]'。",
                "--https needs one more package: pip install 'huozhong[lan]'.",
            )
        )
    from huozhong.server.authority import Authority

    command = [sys.executable, "-m", "huozhong.server.certificates", str(folder), *names]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        told = done.stdout.strip() or (done.stderr.strip().splitlines() or ["?"])[-1]
        raise ConfigError(told)
    return Authority(folder)


def own_addresses() -> list[str]:
    """This machine's addresses in its network, the one that others most likely reach first.  Nothing is sent."""
    found = []
    for family, far in ((socket.AF_INET, "10.255.255.255"), (socket.AF_INET6, "fd00::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 1))
            address: str = probe.getsockname()[0].partition("%")[0]
            if not address.startswith("127.") and address != "::1":
                found.append(address)
    return found


# -- the first owner -------------------------------------------------------------------------------


def greet_first_owner(store: Store) -> None:
    """Where nobody owns the house yet and somebody sits at a terminal: ask for a name and a password."""
    from huozhong.store.people import add_person, has_owner, take_over

    with store.read() as session:
        if has_owner(session):
            return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    typer.echo(
        say("第一次启动：请给自己（管理员）起名字、设密码。", "The first start: choose the owner's name and password.")
    )
    while True:
        name = typer.prompt(say("名字", "Name"))
        password = ask_password()
        try:
            with store.begin() as session:
                take_over(session, add_person(session, name, "owner", password).id)
            return
        except RequestError as error:
            print(red(in_own_language(error)), file=sys.stderr)


def ask_password() -> str:
    """Typed twice, unseen."""
    text, again = say("密码（至少 8 个字符）", "Password (at least 8 characters)"), say("再输一遍", "Once more")
    typed: str = typer.prompt(text, hide_input=True, confirmation_prompt=again)
    return typed


def in_own_language(error: RequestError) -> str:
    """Of a message in both languages, the user's."""
    zh, both, en = str(error).partition(" / ")
    return say(zh, en) if both else zh


# -- what is shown ---------------------------------------------------------------------------------


def announce_entrance(door: Entrance, store: Store) -> None:
    """The QR code with which a phone joins, or with which the first owner begins; and what to trust."""
    from huozhong.server.qr import qr_text
    from huozhong.store.joining import current_codes, new_code
    from huozhong.store.people import has_owner

    if door.authority is not None:
        typer.echo(say("设备信任本机证书的方法：", "How a device trusts this machine's certificate:") + "  "
                   + bold(door.url(next(iter(own_addresses()), "127.0.0.1")) + "/page/trust"))  # fmt: skip
        typer.echo(dim(say("证书指纹（SHA-256）：", "Its fingerprint (SHA-256): ") + door.authority.fingerprint()))
    if not door.login:
        return
    home = door.address or door.url("127.0.0.1")
    with store.begin() as session:
        is_owned = has_owner(session)
        members = [code for code in current_codes(session) if code.role == "member"]
        code = new_code(session, "owner", uses=1) if not is_owned else (members or [new_code(session, "member")])[0]
    link = f"{home}/page/login.html#{'join' if is_owned else 'setup'}={code.code}"
    typer.echo(qr_text(link, colours=sys.stdout.isatty()), nl=False)
    if is_owned:
        typer.echo(
            say("扫码加入，或打开 ", "Scan to join, or open ")
            + bold(home)
            + say(
                f"，输入加入码 {code.spelled}（一天内有效）。", f" and type the join code {code.spelled} (for a day)."
            )
        )
    else:
        typer.echo(
            say(
                "还没有管理员。扫码或打开这个只能用一次的链接：",
                "There is no owner yet.  Scan, or open this link, which works once:",
            )
            + f"  {bold(link)}"
        )


# -- a name in the network -------------------------------------------------------------------------

MDNS_NAME = "huozhong.local"


@contextlib.contextmanager
def named_in_network(door: Entrance | None, **options: Any) -> Iterator[str | None]:
    """Answer to huozhong.local while the block runs (mDNS); gives the name, or None where that cannot be.

    door: None names nothing.  options: zeroconf's, for tests.
    """
    addresses = own_addresses()
    if door is None or not addresses:
        yield None
        return
    try:
        from zeroconf import Error, NonUniqueNameException, ServiceInfo, Zeroconf
    except ModuleNotFoundError:
        yield None
        return
    try:
        network = Zeroconf(**options)
    except OSError:  # no network, or one without multicast
        yield None
        return
    with contextlib.closing(network):
        info = ServiceInfo(
            "_http._tcp.local.",
            f"Huozhong on {socket.gethostname().partition('.')[0]}._http._tcp.local.",
            port=door.port,
            parsed_addresses=addresses,
            server=f"{MDNS_NAME}.",
            properties={"path": "/"},
        )
        try:
            if _is_taken(network, addresses):
                yield None
                return
            network.register_service(info, allow_name_change=True)
        except (OSError, Error, NonUniqueNameException):
            yield None
            return
        try:
            yield MDNS_NAME
        finally:
            network.unregister_service(info)


def _is_taken(network: Any, addresses: list[str]) -> bool:
    """Whether another machine answers to the name already."""
    from zeroconf import AddressResolverIPv4  # type: ignore[attr-defined]  # documented, but not in its __all__

    other = AddressResolverIPv4(f"{MDNS_NAME}.")
    return bool(other.request(network, 600)) and not set(other.parsed_addresses()) <= set(addresses)
