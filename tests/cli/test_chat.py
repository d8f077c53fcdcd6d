"""`huozhong chat`: through a pipe, against a server, and Ctrl-C in the middle of an answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.conftest import serving, write_endless

from huozhong.cli.serve import listen
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.text.tokenizer import Tokenizer

COMMAND = [sys.executable, "-m", "huozhong.cli.main", "chat"]
GREEDY = ["--no-thinking", "--temperature", "0"]
SHORT = ["--max-tokens", "6"]


@pytest.fixture(scope="module")
def endless(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_endless(tmp_path_factory.mktemp("models") / "endless", tokenizer)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    cache = str(tmp_path_factory.mktemp("cache"))
    return os.environ | {"LC_ALL": "C.UTF-8", "XDG_CACHE_HOME": cache, "HUOZHONG_LANG": "en"}


def talk(said: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        input=said,
        text=True,
        capture_output=True,
        env=environment,
        timeout=120,
        encoding="utf-8",
    )


@pytest.fixture(scope="module")
def expected(endless: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What the library answers to two turns, and to the first again; then a server's address."""
    with LLM(endless, num_threads=1, cache_dir=tmp_path_factory.mktemp("packed")) as llm:
        greedy = SamplingParams(temperature=0, max_tokens=6)
        messages = [{"role": "user", "content": "你好"}]
        first = llm.chat(messages, greedy, thinking=False).text
        messages += [{"role": "assistant", "content": first}, {"role": "user", "content": "1+1"}]
        second = llm.chat(messages, greedy, thinking=False).text
        with serving(llm) as server:
            yield [first, second, first, server.url]


@pytest.mark.slow
@pytest.mark.parametrize("remote", [False, True])
def test_a_piped_conversation(expected: list[str], endless: Path, environment: dict[str, str], remote: bool) -> None:
    *answers, url = expected
    where = ["--url", url] if remote else [str(endless), "--threads", "1"]
    done = talk("你好\n\n1+1\n/new\n你好\n/exit\nnever\n", environment, *GREEDY, *SHORT, *where)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first, second, again = answers
    assert done.stdout == f"{first}\n{second}\nA new conversation.\n{again}\n"


@pytest.mark.slow
def test_a_turn_that_fails_does_not_end_the_conversation(
    expected: list[str], endless: Path, environment: dict[str, str]
) -> None:
    for where in (["--url", expected[-1]], [str(endless), "--threads", "1"]):
        done = talk("火" * 9000 + "\n/what\n你好\n", environment, *GREEDY, *SHORT, *where)
        assert done.returncode == 0
        assert "context" in done.stderr
        assert "/what" in done.stderr
        assert done.stdout.endswith(f"{expected[0]}\n")


@pytest.mark.slow
def test_a_pipe_that_carries_no_text(endless: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [*COMMAND, str(endless), *GREEDY, *SHORT],
        input=b"\xff\xfe\n",
        capture_output=True,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0
    assert done.stdout.strip()
    assert done.stderr == b""


@pytest.mark.slow
def test_urls_that_do_not_work(expected: list[str], environment: dict[str, str]) -> None:
    with listen("127.0.0.1", 0) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}"
    for arguments, words in (
        (["--url", nobody], "No model server answers"),
        (["--url", "nonsense"], "No model server answers"),
        (["--url", expected[-1], "gpt-9"], "'gpt-9'"),
        (["--url", expected[-1], "--threads", "2"], "--threads"),
    ):
        done = talk("", environment, *arguments)
        assert done.returncode == 2
        assert words in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_ctrl_c_stops_the_answer_not_the_program(endless: Path, environment: dict[str, str]) -> None:
    chat = subprocess.Popen(
        [*COMMAND, str(endless), *GREEDY, "--threads", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        pipesize=4096,  # so full that it is surely still answering
        # A test run in the background is told to ignore Ctrl-C, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    watchdog = threading.Timer(300, chat.kill)
    watchdog.start()
    try:
        assert chat.stdin is not None
        assert chat.stdout is not None
        chat.stdin.write("你好\n".encode())
        chat.stdin.flush()
        assert chat.stdout.read(1)
        chat.send_signal(signal.SIGINT)
        out, errors = chat.communicate(b"/new\n", timeout=120)
        assert chat.returncode == 0, errors
        assert b"(stopped)" in out
        assert out.endswith(b"A new conversation.\n")
        assert errors == b""
    finally:
        watchdog.cancel()
        chat.kill()
        chat.wait()


@pytest.mark.slow
@pytest.mark.parametrize("remote", [False, True])
def test_distress_is_answered_by_a_rule_with_the_places_numbers(
    expected: list[str], endless: Path, environment: dict[str, str], remote: bool
) -> None:
    where = ["--url", expected[-1]] if remote else [str(endless), "--threads", "1"]
    environment = environment | {"HUOZHONG_NUMBERS": "mind=988"}
    done = talk("我不想活了\n哈哈\n/new\n你好\n", environment, *GREEDY, *SHORT, *where, "--careful")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("谢谢你告诉我。")
    assert "988" in done.stdout
    assert "12356" not in done.stdout
    assert done.stdout.count("a fixed text, not the model's · suicide.live") == 2  # the laugh too
    assert done.stdout.endswith(f"A new conversation.\n{expected[0]}\n")


@pytest.mark.slow
def test_without_the_switch_another_model_answers_itself(endless: Path, environment: dict[str, str]) -> None:
    done = talk("我不想活了\n", environment, *GREEDY, *SHORT, str(endless), "--threads", "1")
    assert done.returncode == 0
    assert "fixed text" not in done.stdout


@pytest.mark.slow
def test_the_built_in_model_never_meets_distress(environment: dict[str, str]) -> None:
    done = talk("my dad hits me\n", environment, "ember", "--threads", "1", "--numbers", "police=911")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Thank you for telling me.")
    assert "911" in done.stdout
    assert "home_violence.hits" in done.stdout


def test_numbers_that_are_none(environment: dict[str, str]) -> None:
    done = talk("", environment, "ember", "--numbers", "doctor=1")
    assert done.returncode == 2
    assert "name=number" in done.stderr
    assert done.stderr.count("\n") == 1
