"""`huozhong pack`: what was packed installs and answers where there is no network at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
from tests.cli.test_running import huozhong
from tests.server.test_models import store

from huozhong.cli.wheel import own_wheel, tag

# In the namespace even the loopback is down at first; then the packed program is started, asked and stopped.
ASK = textwrap.dedent(
    """
    import fcntl, json, os, re, signal, socket, struct, subprocess, sys, urllib.request
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    fcntl.ioctl(probe, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running
    try:
        socket.create_connection(("192.0.2.1", 80), 1)
        sys.exit("there is a network")
    except OSError:
        pass
    server = subprocess.Popen(["sh", sys.argv[1] + "/start.sh", *sys.argv[2:]], stdout=subprocess.PIPE, text=True)
    said = ""
    while "Ctrl-C" not in said:
        line = server.stdout.readline()
        if not line:
            sys.exit("it ended: " + said)
        said += line
    url = re.search(r"http://127[.]0[.]0[.]1:[0-9]+", said)[0]
    models = json.load(urllib.request.urlopen(url + "/v1/models"))["data"]
    body = {"model": "ember", "messages": [{"role": "user", "content": "3加5等于几？"}], "temperature": 0}
    head = {"Content-Type": "application/json"}
    asked = urllib.request.Request(url + "/v1/chat/completions", json.dumps(body).encode(), head)
    answer = json.load(urllib.request.urlopen(asked))["choices"][0]["message"]["content"]
    page = urllib.request.urlopen(url + "/").read().decode()
    server.send_signal(signal.SIGINT)
    server.wait(120)
    print(json.dumps({"models": [model["id"] for model in models], "answer": answer, "page": "<html" in page}))
    """
)


def is_possible() -> bool:
    """Whether this system lets us make a namespace without network."""
    return shutil.which("unshare") is not None and subprocess.run(["unshare", "-rn", "true"]).returncode == 0


@pytest.mark.slow
def test_packed_installed_and_asked_without_any_network(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_possible(), "this test needs unshare -rn (util-linux, user namespaces)"
    monkeypatch.setenv("HUOZHONG_MODELS", str(tmp_path / "here"))
    store(tiny_folder, "second:1b", tmp_path / "here")
    stick = tmp_path / "a stick"
    packed = huozhong("pack", str(stick), "--model", "second:1b", seconds=300)
    assert packed.returncode == 0, packed.stderr
    summed = subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=stick)
    assert summed.returncode == 0
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP", "HUOZHONG"))}
    home = tmp_path / "elsewhere"
    environment = clean | {"HOME": str(home), "HUOZHONG_LANG": "en"}
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        environment.pop(name, None)
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", ASK, str(stick), "ember", "--port", "0"],
        env=environment, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"second:1b"' in done.stdout
    assert "8" in done.stdout.split('"answer"')[1]
    assert '"page": true' in done.stdout
    assert not (stick / "venv").exists()  # nothing is written onto the stick


def test_our_own_wheel_holds_the_kernels_and_no_sources(tmp_path: Path) -> None:
    wheel = own_wheel(tmp_path)
    assert wheel.name.endswith(f"-{tag()}.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.startswith("huozhong/engine/_kernels.") and name.endswith((".so", ".pyd")) for name in names)
    assert "huozhong/models/ember/config.json" in names
    assert not [name for name in names if name.endswith((".cpp", ".h", ".inl", ".pyc"))]
    record = zipfile.ZipFile(wheel).read(next(name for name in names if name.endswith("RECORD"))).decode()
    assert len(record.splitlines()) == len(names)
    assert wheel.read_bytes() == own_wheel(tmp_path).read_bytes()  # the same program, the same bytes


@pytest.mark.slow
def test_what_cannot_be_packed_is_said(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "none").mkdir()
    for arguments, words in (
        ([str(tmp_path / "full")], "is not empty"),
        ([str(tmp_path / "new"), "--model", "nothing"], "no model 'nothing'"),
        ([str(tmp_path / "new"), "--with", "torch"], "--with is one of lan"),
        ([str(tmp_path / "other"), "--wheels", str(tmp_path / "none")], "Not everything it needs could be gathered"),
    ):
        done = huozhong("pack", *arguments)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
