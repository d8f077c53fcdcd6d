"""The slow line lets through what it says, counts it, and gloo's processes can be made to call it."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from benchlib.market_text import write
from benchlib.slow_line import SlowLine, SlowStore, beside, in_gloo_order

sys.path.remove(str(Path(__file__).parents[2] / "benchmarks"))


def test_a_line_is_as_slow_as_it_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = SlowLine(server.getsockname()[:2], mbit=8.0)
        arrived = bytearray()

        def read() -> None:
            connection, _ = server.accept()
            with connection:
                while piece := connection.recv(65536):
                    arrived.extend(piece)

        reader = threading.Thread(target=read)
        reader.start()
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", line.port)) as sender:
            sender.sendall(bytes(500_000))
        reader.join(60)
        seconds = time.monotonic() - began
        line.close()
    assert len(arrived) == line.carried == 500_000
    assert seconds >= 0.45  # half a second at a megabyte a second; a busy machine takes longer


def test_addresses_in_a_value_are_the_lines() -> None:
    inner = dist.HashStore()
    store = SlowStore(inner, 20.0)
    port = (4242).to_bytes(2, "big")
    value = b"head" + b"\x02\x00" + port + socket.inet_aton("127.0.0.1") + b"tail"
    store.set("key", value)
    read = bytes(inner.get("key"))
    assert read[:6] + read[8:] == value[:6] + value[8:]
    assert int.from_bytes(read[6:8], "big") == store.lines[4242].port
    for line in store.lines.values():
        line.close()


def test_lines_lie_in_the_order_of_neighbouring_ports() -> None:
    """Two processes whose ports follow one another for gloo: a line above the lower one would lie above both."""
    for place in range(0, 65535, 7):
        ports = in_gloo_order(place), in_gloo_order(place + 1)
        if min(ports) < 20000:
            continue
        with contextlib.ExitStack() as stack:
            try:
                for port in ports:
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            lower, higher = (beside(port, 200.0) for port in ports)
            lower.close()
            higher.close()
            assert in_gloo_order(lower.port) < place + 1
            assert in_gloo_order(higher.port) > place
            return
    pytest.fail("no two neighbouring ports are free")


def test_gloo_reads_a_port_as_it_lies_in_an_address() -> None:
    lying = struct.unpack("=H", struct.pack("!H", 0x1234))[0]
    assert in_gloo_order(0x1234) == lying
    assert in_gloo_order(in_gloo_order(0x1234)) == 0x1234


def test_processes_of_gloo_find_one_another_whatever_their_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two the one with the lower address waits; by lines at any ports both waited, or both called, half the time."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")

    def join(inner: dist.Store, rank: int) -> tuple[float, int]:
        store = SlowStore(inner, 200.0)
        group: Any = dist.ProcessGroupGloo(store, rank, 2, timedelta(seconds=60))
        tensor = torch.full((1000,), float(rank + 1))
        group.allreduce([tensor]).wait()
        carried = store.carried
        for line in store.lines.values():
            line.close()
        return float(tensor[0]), carried

    for _ in range(6):
        inner = dist.HashStore()
        with ThreadPoolExecutor(2) as pool:
            both = [each.result(timeout=120) for each in [pool.submit(join, inner, rank) for rank in range(2)]]
        assert [total for total, _ in both] == [3.0, 3.0]
        assert sum(carried for _, carried in both) >= 4000  # through the lines, and not past them


def test_markets_are_the_same_for_the_same_seed_and_add_up(tmp_path: Path) -> None:
    text = write(tmp_path / "a", 0.02, seed=3).read_text()
    assert text == write(tmp_path / "b", 0.02, seed=3).read_text()
    assert text != write(tmp_path / "c", 0.02, seed=4).read_text()
    assert len(set(text.split("\n\n"))) == len(text.split("\n\n")) >= 10
    for price, count, paid in re.findall(r'"(\d+) a pound," said .+? took (\d+) and paid (\d+)', text):
        assert int(price) * int(count) == int(paid)
