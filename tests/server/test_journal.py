"""The log says who asked for what, and never a key, a password or what people write; nobody forges a line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from tests.server.household import PASSWORD, household

from huozhong.engine.llm import LLM
from huozhong.server.journal import DayLog, JsonLines, keep_the_day


@contextmanager
def captured() -> Iterator[io.StringIO]:
    """Everything that the server's side of the process logs, as JSON lines."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines())
    handler.addFilter(lambda record: not record.name.startswith(("httpx", "httpcore", "openai")))
    loggers = [logging.getLogger(name) for name in ("", "huozhong", "huozhong.access", "uvicorn.error")]
    levels = [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield out
    finally:
        loggers[0].removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def test_neither_keys_nor_words_come_into_the_log(llm: LLM) -> None:
    secret = "geheimnis-4711"
    with captured() as out, household(llm) as house:
        key = house.key("Ann", "admin", "chat")
        headers = {"authorization": f"Bearer {key}"}
        with house.visitor("Ann") as ann:
            cookie = ann.cookies["huozhong"]
            ann.get(f"/v1/models?api_key={key}&q={secret}")
            ann.post("/v1/chat/completions", json=house.body(messages=[{"role": "user", "content": secret}]))
            ann.post("/v1/chat/completions", json={"messages": secret, "unknown": secret})
            ann.post("/house/login", json={"name": "Ann", "password": f"{secret} wrong"})
            ann.post("/house/people", json={"name": secret, "password": "12345678"})
            made = ann.post("/house/conversations", json={"title": secret}).json()["id"]
            ann.post(f"/house/conversations/{made}/ask", json={"parent": None, "content": secret})
            code = ann.post("/house/join-code", json={}).json()["code"]
            day = ann.get("/house/log?limit=1000").text
        house.stranger().get("/metrics", headers=headers)
        house.stranger().get("/nowhere", headers={"x-api-key": key + secret})
    for text in (out.getvalue(), day):
        assert "/v1/chat/completions" in text
        for hidden in (key, secret, cookie, PASSWORD, code, code.replace("-", ""), json.dumps(PASSWORD)[1:-1]):
            assert hidden not in text


def test_a_request_is_one_line_whatever_its_path(llm: LLM) -> None:
    with captured() as out, household(llm) as house, house.visitor("Bob") as bob:
        bob.get('/v1/x%0a{"level":"info","message":"forged"}%1b[31m%e2%80%a8')
        bob.get("/v1/" + "a" * 5000)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    asked = [line for line in lines if line["logger"] == "huozhong.access" and line["path"].startswith("/v1/")]
    assert [line["status"] for line in asked] == [404, 404]
    assert all(line["person"] == house.ids["Bob"] and line["address"] == "127.0.0.1" for line in asked)
    assert asked[0]["path"].startswith("/v1/x\n{")
    assert len(asked[1]["path"]) == 200
    assert "\x1b" not in out.getvalue()
    strangers = [line for line in lines if line.get("path") == "/house/login"]
    assert strangers[0]["person"] is None


def test_the_day_log_keeps_todays_newest_lines() -> None:
    day = DayLog()
    old = logging.LogRecord("huozhong", logging.WARNING, "", 0, "yesterday", None, None)
    old.created -= 86_400 * 2
    day.emit(old)
    for number in range(6000):
        day.emit(logging.LogRecord("huozhong", logging.INFO, "", 0, "line %d", (number,), None))
    assert [line["message"] for line in day.lines(2)] == ["line 5999", "line 5998"]
    assert len(day.lines(10_000)) == 1000
    assert keep_the_day() is keep_the_day()


def test_a_traceback_is_part_of_its_line() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("huozhong.server", logging.ERROR, "", 0, "failed", None, info)
    line = JsonLines().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["level"], told["message"]) == ("error", "failed")
    assert "broken\nin two" in told["traceback"]
