"""`huozhong run` as people type it: one answer in a pipe, a talk on a terminal, chats that go on."""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from tests.server.conftest import serving, write_endless

from huozhong.cli.main import main
from huozhong.engine.llm import LLM
from huozhong.store.conversations import Conversations
from huozhong.store.database import Store
from huozhong.store.people import HOUSE
from huozhong.text.tokenizer import Tokenizer

COMMAND = [sys.executable, "-m", "huozhong.cli.main"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    return os.environ | {
        "HUOZHONG_LANG": "en", "HUOZHONG_HOME": str(home), "XDG_CACHE_HOME": str(home), "LC_ALL": "C.UTF-8",
    }  # fmt: skip


@pytest.fixture
def fresh(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return environment | {"HUOZHONG_HOME": str(tmp_path)}


@pytest.fixture(scope="module")
def endless(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_endless(tmp_path_factory.mktemp("models") / "endless", tokenizer)


def run(environment: dict[str, str], *arguments: str, said: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        input=said,
        stdin=subprocess.DEVNULL if said is None else None,
        text=True,
        capture_output=True,
        env=environment,
        timeout=120,
        encoding="utf-8",
    )


def kept(environment: dict[str, str]) -> list[list[tuple[str, str, str]]]:
    """Every chat, the latest first: (role, content, state) of its messages."""
    store = Store.open(f"sqlite:///{Path(environment['HUOZHONG_HOME']) / 'house.db'}")
    chats = Conversations(store)
    found = [
        [(m.role, m.content, m.state) for m in chats.get(HOUSE, row.id)[1]] for row in chats.latest(HOUSE, limit=50)[0]
    ]
    store.close()
    return found


@pytest.mark.slow
def test_one_answer_thoughts_apart_and_kept(fresh: dict[str, str]) -> None:
    done = run(fresh, "run", "ember", "3加5等于几？", "-o", "temperature=0")
    assert (done.returncode, done.stdout.count("8") > 0) == (0, True)
    assert done.stderr.strip()
    assert done.stderr.strip() not in done.stdout
    silent = run(fresh, "run", "ember", "3加5等于几？", "--no-think")
    assert silent.stderr == ""
    first, second = kept(fresh)[1], kept(fresh)[0]
    assert first == [("user", "3加5等于几？", "done"), ("assistant", done.stdout.strip(), "done")]
    assert second[1][1] == silent.stdout.strip()
    assert run(fresh, "run", "ember", "你好", "--no-save").returncode == 0
    assert len(kept(fresh)) == 2


@pytest.mark.slow
def test_stdin_is_one_prompt_whole(fresh: dict[str, str]) -> None:
    done = run(fresh, "run", "ember", "--json", said="你好\n\n3加5等于几？\n")
    told = json.loads(done.stdout)
    assert (told["model"], told["finish_reason"]) == ("ember", "stop")
    assert run(fresh, "run", "ember", "这是什么？", said="苹果\n").returncode == 0
    chats = kept(fresh)
    assert chats[1][0][1] == "你好\n\n3加5等于几？"
    assert chats[0][0][1] == "苹果\n\n这是什么？"
    bytes_only = subprocess.run([*COMMAND, "run", "ember"], input=b"\xff\xfe\n", env=fresh, capture_output=True)
    assert (bytes_only.returncode, bytes_only.stdout.strip() != b"") == (0, True)
    empty = run(fresh, "run", "ember", said="")
    assert (empty.returncode, "stdin is empty" in empty.stderr) == (2, True)


@pytest.mark.slow
def test_a_chat_goes_on(fresh: dict[str, str]) -> None:
    assert "no chat to continue" in run(fresh, "run", "-c", "再来一个").stderr
    run(fresh, "run", "ember", "讲个笑话", "--system", "你是小火种。")
    run(fresh, "run", "ember", "3加5等于几？")
    assert run(fresh, "run", "-c", "再加2呢？").returncode == 0
    latest, other = kept(fresh)
    assert [message[1] for message in latest if message[0] == "user"] == ["3加5等于几？", "再加2呢？"]
    assert run(fresh, "run", "--chat", "讲个", "再来一个").returncode == 0
    assert [len(chat) for chat in kept(fresh)] == [4, 4]
    assert len(other) == 2
    missing = run(fresh, "run", "--chat", "没有的", "x")
    assert (missing.returncode, "讲个笑话" in missing.stderr) == (2, True)


@pytest.mark.slow
def test_what_is_wrong_is_one_sentence_in_ones_language(
    fresh: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUOZHONG_HOME", fresh["HUOZHONG_HOME"])

    def here(lang: str, *arguments: str) -> tuple[int, str]:
        """What `run` tells, in this process: a start takes a second of a processor, and there are twenty."""
        monkeypatch.setenv("HUOZHONG_LANG", lang)
        monkeypatch.setattr(sys, "argv", ["huozhong", *arguments])
        with open(os.devnull) as nothing:
            monkeypatch.setattr(sys, "stdin", nothing)
            with pytest.raises(SystemExit) as end:
                main()
        return int(end.value.code or 0), capsys.readouterr().err

    for arguments, english, chinese in (
        (["run", "nothing", "hi"], "no model 'nothing'", "没有模型"),
        (["run", "qwen3:4b", "hi"], "first run: huozhong pull qwen3:4b", "先运行：huozhong pull qwen3:4b"),
        (["run", "ember", "hi", "-o", "temprature=1"], "did you mean temperature", "是不是 temperature"),
        (["run", "ember", "hi", "-o", "temperature=hot"], "cannot be 'hot'", "不能是 'hot'"),
        (["run", "ember", "hi", "-o", "temperature"], "write NAME=VALUE", "请写成"),
        (["run", "ember", "hi", "--url", "http://127.0.0.1:1"], "No model server", "没有模型服务"),
        (["run"], "Name a model", "请写模型名"),
        (["serve", "--keep", "soon"], "--keep is 'soon'", "--keep 写的是"),
    ):
        for lang, words in (("en", english), ("zh", chinese)):
            status, said = here(lang, *arguments)
            assert (status, said.count("\n")) == (2, 1), said
            assert words in said
    for arguments, words in (
        (["run", "--nope"], "没有选项 --nope"),
        (["frobnicate"], "没有命令 frobnicate"),
        (["cp", "a"], "缺少参数 NEW"),
        (["serve", "--threads", "0"], "--threads 的值不对：不能小于 1"),
        (["list", "x"], "多余的参数：x"),
    ):
        status, said = here("zh", *arguments)
        assert status == 2
        assert words in said
    for lang, words in (("en", "no model 'nothing'"), ("zh", "没有模型")):  # the same as a process
        done = run(fresh | {"HUOZHONG_LANG": lang}, "run", "nothing", "hi")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert words in done.stderr


@pytest.mark.slow
def test_an_answer_too_long_is_refused_and_kept_as_failed(fresh: dict[str, str]) -> None:
    done = run(fresh, "run", "ember", said="火" * 3000)
    assert (done.returncode, done.stdout) == (2, "")
    assert "context" in done.stderr
    assert kept(fresh)[0][1][2] == "failed"
    assert run(fresh, "run", "-c", "3加5等于几？").returncode == 0


@pytest.mark.slow
def test_a_server_answers(fresh: dict[str, str], endless: Path, tmp_path: Path) -> None:
    options = ("--no-think", "-o", "temperature=0", "-o", "num_predict=6")
    with LLM(endless, num_threads=1, cache_dir=tmp_path) as llm, serving(llm) as server:
        remote = run(fresh, "run", llm.name, "你好", "--url", server.url, *options)
        here = run(fresh, "run", str(endless), "你好", "--threads", "1", *options)
        assert remote.stdout == here.stdout != ""
        unknown = run(fresh, "run", "gpt-9", "你好", "--url", server.url)
        assert (unknown.returncode, "'gpt-9'" in unknown.stderr) == (2, True)


def hears_ctrl_c() -> None:
    """What a shell starts in the background, these tests perhaps, is deaf to it, and so would its children be."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_ctrl_c_stops_and_keeps_what_was_said(fresh: dict[str, str], endless: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "run", str(endless), "你好", "--no-think", "-o", "temperature=0", "--threads", "1"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=fresh, bufsize=0,
        preexec_fn=hears_ctrl_c,
    )  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=300)
    assert process.returncode == 130
    role, content, state = kept(fresh)[0][1]
    assert (role, state) == ("assistant", "stopped")
    assert content == (first + rest).decode().removesuffix("\n")


# -- on a terminal ---------------------------------------------------------------------------------


class Terminal:
    """A talk, typed by a test."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def is_raw(self) -> bool:
        """Keys are read one by one, as they come."""
        return not termios.tcgetattr(self._master)[3] & termios.ICANON

    def until(self, words: str, seconds: float = 300) -> str:
        """What is shown up to `words`, which is then taken away."""
        deadline = time.monotonic() + seconds
        while words not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self._master], [], [], 0.1)[0]:
                self.seen += re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", self._decode(os.read(self._master, 65536)))
        shown, _, self.seen = self.seen.partition(words)
        return shown

    def until_anything(self) -> None:
        """Something is shown that has not been taken away."""
        deadline = time.monotonic() + 300
        while not self.seen.strip():
            assert time.monotonic() < deadline
            if select.select([self._master], [], [], 0.1)[0]:
                self.seen += self._decode(os.read(self._master, 65536))


@contextmanager
def talking(environment: dict[str, str], *arguments: str) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "run", *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
        preexec_fn=lambda: (hears_ctrl_c(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(master), process
    finally:
        process.kill()
        process.wait()
        os.close(master)


def at_the_prompt(terminal: Terminal, process: subprocess.Popen[bytes]) -> None:
    """Readline waits for a key: a signal in the moment before that is seen with the next key only."""
    quiet = 0
    while quiet < 10:  # it does not compute, and has taken the terminal over
        time.sleep(0.02)
        waits = psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING
        quiet = quiet + 1 if waits and terminal.is_raw() else 0


@pytest.mark.slow
def test_a_talk(fresh: dict[str, str]) -> None:
    with talking(fresh, "ember") as (terminal, process):
        terminal.until(">>> ")
        terminal.type("3加5等于几？\n")
        assert "8" in terminal.until(">>> ")
        terminal.type('"""一行\n')
        terminal.until("... ")
        terminal.type('两行"""\n')
        terminal.until(">>> ")
        for typed, shown in (
            ("/set parameter temperature 0.3\n", ">>> "),
            ('/set system "你是小火种。"\n', ">>> "),
            ("/show\n", "temperature=0.3"),
            ("/set parameter heat 3\n", "There is no parameter 'heat'"),
            ("/nothing\n", "There is no command /nothing"),
            ("/save 我的对话\n", "Kept as '我的对话'"),
            ("/clear\n", "A new chat."),
            ("/chats\n", "我的对话"),
            ("/load 1\n", "两行"),
            ("/load 99\n", "Usage: /load"),
            ("/?\n", "/bye ends"),
        ):
            terminal.type(typed)
            terminal.until(shown)
        terminal.type("/bye\n")
        assert process.wait(120) == 0
    ((*chat,),) = kept(fresh)
    assert [content for role, content, _ in chat if role == "user"] == ["3加5等于几？", "一行\n两行"]


@pytest.mark.slow
def test_ctrl_c_stops_the_answer_and_not_the_talk(fresh: dict[str, str], endless: Path) -> None:
    options = ("--no-think", "-o", "temperature=0", "--threads", "1")
    with talking(fresh | {"HUOZHONG_LANG": "zh"}, str(endless), *options) as (terminal, process):
        terminal.until(">>> ")
        at_the_prompt(terminal, process)
        terminal.type("\x03")
        terminal.until("/bye 或 Ctrl-D 结束")
        terminal.until(">>> ")
        terminal.type("你好\n")
        terminal.until("你好\r\n")  # what was typed
        terminal.until_anything()  # of the answer
        terminal.type("\x03")
        terminal.until("已停止")
        terminal.until(">>> ")
        at_the_prompt(terminal, process)
        terminal.type("\x04")
        assert process.wait(120) == 0
    assert kept(fresh)[0][1][2] == "stopped"
