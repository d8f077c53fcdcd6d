"""The far line takes as long as it says: for a connection, for a way there and back, and for bytes."""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from benchlib.far_line import far_line

sys.path.remove(str(Path(__file__).parents[2] / "benchmarks"))


def test_a_line_is_as_far_and_as_slow_as_it_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(100) == b"how many?"
                connection.sendall(bytes(20_000))

        answering = threading.Thread(target=answer)
        answering.start()
        with (
            far_line(server.getsockname()[1], round_trip=0.2, kbit=400) as port,
            socket.create_connection(("127.0.0.1", port), timeout=60) as asker,
        ):
            began, arrived, first = time.monotonic(), 0, 0.0
            asker.sendall(b"how many?")
            while piece := asker.recv(65536):
                first = first or time.monotonic() - began
                arrived += len(piece)
            whole = time.monotonic() - began
        answering.join(60)
    assert arrived == 20_000
    assert first >= 0.4  # a connection's, and the question's
    assert whole >= 0.8  # and 0.4 s for 20 kB at 50 kB a second
