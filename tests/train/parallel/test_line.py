"""Lines on real sockets: who knows the key comes in, frames arrive whole, and silence is noticed."""

from __future__ import annotations

import json
import os
import socket
import time

import pytest

from huozhong.errors import ConfigError
from huozhong.train.parallel.line import Hub, Line, LineLost, call

KEY = "a key of sixteen letters and more"


def pair() -> tuple[Line, Line]:
    """Two ends of one line."""
    hub = Hub(KEY, host="127.0.0.1")
    member = call(("127.0.0.1", hub.port), KEY, seconds=30)
    assert member is not None
    leader = hub.arrived.get(timeout=120)
    hub.close()
    return leader, member


def test_frames_arrive_whole_and_are_counted() -> None:
    leader, member = pair()
    payload = os.urandom(300_000)
    member.send({"round": 1}, payload)
    member.send({"round": 2})
    header, arrived = leader.receive(30)
    assert (header["round"], arrived) == (1, payload)
    assert header["at"] <= time.monotonic()
    assert leader.receive(30)[0]["round"] == 2
    said = sum(12 + len(json.dumps({"round": number})) for number in (1, 2))
    assert leader.received >= len(payload) + said
    leader.close()
    with pytest.raises(LineLost, match="cut"):
        member.receive(30)
    with pytest.raises(LineLost, match="cut"):  # and again, whoever asks
        member.receive(30)
    member.close()


def test_what_was_said_before_the_end_still_arrives() -> None:
    leader, member = pair()
    leader.send({"stop": True}, b"x" * 100_000)
    leader.close(flush_seconds=30)
    header, payload = member.receive(30)
    assert header["stop"] is True
    assert len(payload) == 100_000
    with pytest.raises(LineLost):
        member.receive(30)
    member.close()


def test_silence_is_noticed_and_signs_of_life_are_not_silence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        mute = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    line = Line(accepted)
    with pytest.raises(LineLost, match="silent for 0"):
        line.receive(0.3)
    mute.close()
    leader, member = pair()
    member.close()
    with pytest.raises(LineLost, match="cut"):  # at once, however patient
        leader.receive(3600)
    leader.close()


def test_strangers_stay_outside() -> None:
    hub = Hub(KEY, host="127.0.0.1")
    address = ("127.0.0.1", hub.port)
    with pytest.raises(ConfigError, match="its key is not ours"):
        call(address, "another key of sixteen letters", seconds=30)
    with socket.create_connection(address, timeout=120) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n" + bytes(48))  # as long as a number and a proof
        seen = b""
        while piece := stranger.recv(4096):
            seen += piece
    assert len(seen) <= 64  # a number and a proof, which is worth nothing without the key
    assert hub.arrived.empty()
    # one who sends back what it is sent proves nothing: each end proves another word
    with socket.create_connection(address, timeout=120) as mirror:
        nonce = mirror.recv(32)
        mirror.sendall(nonce)
        mirror.sendall(mirror.recv(32))
        assert mirror.recv(1) == b""
    assert hub.arrived.empty()
    assert call(address, KEY, seconds=30) is not None
    hub.close()


def test_nobody_leads_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()[:2]
    with pytest.raises(ConfigError, match="nobody who leads this run answers"):
        call(address, KEY, seconds=0)
    assert call(address, KEY, seconds=30, given_up=lambda: True) is None


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(ConfigError, match="choose another"):
        Hub(KEY, server.getsockname()[1], host="127.0.0.1")
