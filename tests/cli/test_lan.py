"""The names by which a house is found, and what is shown to who may come in."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from zeroconf import ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

from huozhong.cli import lan
from huozhong.cli.lan import Entrance, announce_entrance, in_own_language, named_in_network
from huozhong.errors import RequestError
from huozhong.server.authority import Authority
from huozhong.store.database import Store
from huozhong.store.joining import current_codes
from huozhong.store.people import add_person

HTTP = "_http._tcp.local."


def entrance(authority: Authority | None = None) -> Entrance:
    return Entrance(True, ("kitchen",), 8000, authority)


class Found(ServiceListener):
    def __init__(self) -> None:
        self.services: dict[str, ServiceInfo | None] = {}

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.services[name] = zc.get_service_info(type_, name, 30_000)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.add_service(zc, type_, name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.services.pop(name, None)


def test_the_house_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over real multicast on the loopback interface: another program looks for it while it is there."""
    monkeypatch.setattr(lan, "own_addresses", lambda: ["127.0.0.1"])
    seeker, found = Zeroconf(interfaces=["127.0.0.1"]), Found()
    try:
        with named_in_network(entrance(), interfaces=["127.0.0.1"]) as name:
            assert name == "huozhong.local"
            ServiceBrowser(seeker, HTTP, found)
            deadline = time.monotonic() + 120
            while not any(found.services.values()):
                assert time.monotonic() < deadline, "nobody found it"
                time.sleep(0.05)
            (info,) = [one for one in found.services.values() if one is not None]
            assert (info.server, info.port) == ("huozhong.local.", 8000)
            assert info.parsed_addresses() == ["127.0.0.1"]
    finally:
        seeker.close()


def test_nothing_is_named_without_accounts_or_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    with named_in_network(None) as name:
        assert name is None
    monkeypatch.setattr(lan, "own_addresses", lambda: [])
    with named_in_network(entrance()) as name:
        assert name is None


def test_addresses_are_spelled_with_their_port() -> None:
    door = entrance()
    assert door.url("192.168.1.5") == "http://192.168.1.5:8000"
    assert entrance(Authority(Path("x"))).url("fd00::5") == "https://[fd00::5]:8000"
    assert Entrance(False, (), 8000, None).address is None
    for address in lan.own_addresses():
        socket.getaddrinfo(address, 80)


def test_a_house_without_an_owner_shows_a_link_and_one_with_an_owner_the_same_code_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    with Store.open() as store:
        announce_entrance(entrance(), store)
        said = capsys.readouterr().out
        assert "#setup=" in said
        assert "█" in said
        with store.begin() as session:
            add_person(session, "Ann", "owner", "春眠不觉晓 42")
        announce_entrance(entrance(), store)
        first = capsys.readouterr().out
        with store.read() as session:
            (code,) = current_codes(session)
        assert code.spelled in first
        assert "加入码" in first
        announce_entrance(entrance(), store)
        assert code.spelled in capsys.readouterr().out, "a restart does not take the class's code away"


def test_messages_in_both_languages_are_told_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    error = RequestError("不行。 / No.")
    monkeypatch.setenv("HUOZHONG_LANG", "zh")
    assert in_own_language(error) == "不行。"
    monkeypatch.setenv("HUOZHONG_LANG", "en")
    assert in_own_language(error) == "No."
    assert in_own_language(RequestError("Only this.")) == "Only this."
