"""A stand-in for both hubs: real HTTP on the loopback, both dialects, and every fault there is."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.gguf.vocab import vocab_metadata
from huozhong.formats.source import open_model
from huozhong.hub.names import parse_wanted
from huozhong.hub.pull import Pulled, pull

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL, GGUF = "maker/tiny", "maker/tiny-GGUF"
WEIGHTS = "model.safetensors"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@dataclass
class StandIn:
    """What the hubs hold, how they misbehave, and what was asked of them.

    repositories: path -> content, by repository.  small: names kept in git, not as large files.
    cuts: file name -> after how many bytes of an answer the connection breaks, one per request.
    answers: file name -> (status, headers) to give first.  damage: names whose bytes are flipped on the way.
    listed_sizes: what is listed instead of the true size.  extra: hostile entries.  delay: seconds per 8 KiB.
    refusals: repository -> (status, headers) of every answer about it.  hashes: whether ModelScope tells them.
    sent: body bytes that left, per file name.  asked: (server, path, headers).
    """

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    answers: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    damage: set[str] = field(default_factory=set)
    listed_sizes: dict[str, int] = field(default_factory=dict)
    extra: list[str] = field(default_factory=list)
    refusals: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    ignore_range: bool = False
    wrong_range: bool = False
    delay: float = 0.0
    hashes: bool = True
    sent: Counter[str] = field(default_factory=Counter)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    address: str = ""
    cdn: str = ""

    def ranges(self, name: str) -> list[str | None]:
        """The Range headers of the requests for a file's content."""
        return [head.get("range") for server, path, head in self.asked if server == "cdn" and path.endswith(f"/{name}")]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: StandIn
    server_name = "hub"

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hub.asked.append((self.server_name, unquote(self.path), headers))
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if parts[0] == "cdn":
            self.content("/".join(parts[1:3]), "/".join(parts[3:]))
        elif parts[:2] == ["api", "models"]:
            self.hugging_face("/".join(parts[2:4]), parts[4:], query)
        elif parts[:3] == ["api", "v1", "models"]:
            self.modelscope("/".join(parts[3:5]), parts[5:], query)
        elif len(parts) > 4 and parts[2] == "resolve":
            assert parts[3] == COMMIT
            self.redirect("/".join(parts[:2]), "/".join(parts[4:]))
        else:
            self.answer(404, b"{}")

    def refused(self, repository: str) -> bool:
        if repository in self.hub.refusals:
            self.answer(self.hub.refusals[repository][0], b"{}", self.hub.refusals[repository][1])
        elif repository not in self.hub.repositories:
            self.answer(404, b"{}")
        else:
            return False
        return True

    def hugging_face(self, repository: str, rest: list[str], query: dict[str, str]) -> None:
        if self.refused(repository):
            return
        if rest[0] == "revision":
            self.answer(200, json.dumps({"sha": COMMIT}).encode())
            return
        assert rest == ["tree", COMMIT]
        assert query["recursive"] == "true"
        entries: list[dict[str, Any]] = [{"type": "directory", "path": "onnx", "oid": "0" * 40, "size": 0}]
        for path, content in self.hub.repositories[repository].items():
            size = self.hub.listed_sizes.get(path, len(content))
            entry = {"type": "file", "path": path, "size": size, "oid": blob(content)}
            if path.endswith((".safetensors", ".gguf", ".bin")):
                entry |= {"oid": blob(b"pointer"), "lfs": {"oid": sha256(content), "size": size, "pointerSize": 130}}
            entries.append(entry)
        entries += [{"type": "file", "path": path, "size": 1, "oid": blob(b"x")} for path in self.hub.extra]
        start = int(query.get("cursor", "0"))
        headers = {}
        if start + 3 < len(entries):  # a mirror's links lead to the original
            page = f"/api/models/{repository}/tree/{COMMIT}?recursive=true&cursor={start + 3}"
            headers["Link"] = f'<https://huggingface.co{page}>; rel="next"'
        self.answer(200, json.dumps(entries[start : start + 3]).encode(), headers)

    def modelscope(self, repository: str, rest: list[str], query: dict[str, str]) -> None:
        if self.refused(repository):
            return
        assert query["Revision"] == "master"
        if rest == ["repo"]:
            self.redirect(repository, query["FilePath"])
            return
        assert rest == ["repo", "files"]
        assert query["Recursive"] == "true"
        files = [{"Type": "tree", "Path": "onnx", "Size": 0}]
        for path, content in self.hub.repositories[repository].items():
            size = self.hub.listed_sizes.get(path, len(content))
            digest = sha256(content) if self.hub.hashes else ""
            files.append({"Type": "blob", "Path": path, "Size": size, "Sha256": digest})
        files += [{"Type": "blob", "Path": path, "Size": 1, "Sha256": sha256(b"x")} for path in self.hub.extra]
        self.answer(200, json.dumps({"Code": 200, "Success": True, "Data": {"Files": files}}).encode())

    def redirect(self, repository: str, path: str) -> None:
        """Contents lie elsewhere, as with the real ones."""
        self.answer(302, b"", {"Location": f"{self.hub.cdn}/cdn/{repository}/{path}"})

    def content(self, repository: str, path: str) -> None:
        hub, name = self.hub, path.rpartition("/")[2]
        if hub.answers.get(name):
            status, headers = hub.answers[name].pop(0)
            self.answer(status, b"", headers)
            return
        content = hub.repositories[repository][path]
        if name in hub.damage:
            content = bytes([content[0] ^ 1]) + content[1:]
        asked, start = self.headers.get("Range"), 0
        if asked and not hub.ignore_range:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        body = content[start:]
        self.send_response(206 if start else 200)
        if start:
            begin = start + 1 if hub.wrong_range else start
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cuts = hub.cuts.get(name)
        end = cuts.pop(0) if cuts else len(body)
        try:
            for at in range(0, min(end, len(body)), 8192):
                piece = body[at : min(at + 8192, end)]
                self.wfile.write(piece)
                self.wfile.flush()
                hub.sent[name] += len(piece)
                time.sleep(hub.delay)
        except OSError:
            self.close_connection = True  # the other side has left
            return
        if end < len(body):
            self.close_connection = True

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="session")
def tiny_gguf(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as a GGUF file."""
    source = open_model(tiny_folder)
    path = tmp_path_factory.mktemp("gguf") / "Tiny-Q8_0.gguf"
    words = vocab_metadata(source.small_files(), source.architecture.vocab_size)
    export_gguf(source, path, "q8_0", vocabulary=words)
    return path


@pytest.fixture
def hub(tiny_folder: Path, tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    """The stand-in, running; the environment leads to it, and the store is empty."""
    hub = StandIn()
    hub.repositories[MODEL] = {file.name: file.read_bytes() for file in sorted(tiny_folder.iterdir())}
    hub.repositories[MODEL] |= {
        "README.md": b"#",
        "pytorch_model.bin": b"pickle",
        "onnx/model.onnx": b"o",
        "original/model.safetensors": b"w",
    }
    gguf = tiny_gguf.read_bytes()
    hub.repositories[GGUF] = {"README.md": b"#", "Tiny-Q8_0.gguf": gguf, "Tiny-IQ2_XS.gguf": b"GGUF no"}
    servers = []
    for name in ("hub", "cdn"):
        handler = type(name, (Handler,), {"hub": hub, "server_name": name})
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        servers[-1].daemon_threads = True
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
    hub.address, hub.cdn = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.address)
    monkeypatch.setenv("HUOZHONG_MODELS", str(tmp_path / "store"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield hub
    for server in servers:
        server.shutdown()
        server.server_close()


@dataclass
class Noted:
    """A `Watcher` that remembers."""

    total: int = 0
    done: int = 0
    notes: list[str] = field(default_factory=list)

    def start(self, total: int) -> None:
        self.total, self.done = total, 0

    def file(self, name: str) -> None:
        """Which file it is does not matter here."""

    def advance(self, count: int) -> None:
        self.done += count
        assert 0 <= self.done <= self.total

    def note(self, chinese: str, english: str) -> None:
        self.notes.append(english)


class Waits(list[float]):
    """Instead of sleeping."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def pull_from_stand_in(text: str = f"hf:{MODEL}", **options: object) -> tuple[Pulled, Noted, Waits]:
    watcher, waits = Noted(), Waits()
    came = pull(parse_wanted(text), watcher, sleep=waits, **options)  # type: ignore[arg-type]
    assert watcher.done == watcher.total
    return came, watcher, waits


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where models are brought to."""
    monkeypatch.setenv("HUOZHONG_MODELS", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def stick(store: Path, tiny_folder: Path, tiny_gguf: Path, tmp_path: Path) -> Path:
    """A USB stick; what is brought from it goes into an empty store."""
    stick = tmp_path / "stick"
    shutil.copytree(tiny_folder, stick / "My Model")
    (stick / "My Model" / "pytorch_model.bin").write_bytes(b"no")
    (stick / "My Model" / "._config.json").write_bytes(b"a Mac was here")
    shutil.copy(tiny_gguf, stick / "模型-Q8_0.gguf")
    return stick
