"""llama.cpp's own paths, as its programs use them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running, serving

from huozhong import LLM

PROMPT = "小明有3个苹果"


def ask(server: Running, path: str = "/completion", **body: Any) -> httpx.Response:
    return httpx.post(server.url + path, json={"prompt": PROMPT, "n_predict": 8, "temperature": 0} | body, timeout=60)


def pieces(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in answer.text.splitlines():
        if line.startswith("data: "):
            yield json.loads(line[6:])


def test_a_completion_tells_what_it_did(server: Running) -> None:
    said = ask(server, return_tokens=True, seed=7).json()
    tokenizer = server.llm.tokenizer
    assert said["content"] == tokenizer.decode(said["tokens"])
    assert (said["tokens_predicted"], said["stop"], said["stop_type"], said["truncated"]) == (8, True, "limit", False)
    assert said["tokens_evaluated"] == len(server.llm.text_tokens(PROMPT))
    assert said["prompt"].endswith(PROMPT)
    assert said["generation_settings"]["n_predict"] == 8
    assert said["generation_settings"]["seed"] == 7
    timings = said["timings"]
    assert timings["prompt_n"] + timings["cache_n"] == said["tokens_evaluated"]
    assert timings["predicted_n"] == 8
    assert timings["predicted_per_second"] == pytest.approx(7e3 / timings["predicted_ms"])
    assert ask(server).json()["tokens"] == []


def test_a_stream_says_the_same_in_pieces(server: Running) -> None:
    whole = ask(server, n_predict=24).json()
    *parts, last = pieces(ask(server, n_predict=24, stream=True))
    assert "".join(part["content"] for part in parts) == whole["content"]
    assert all(not part["stop"] for part in parts)
    assert (last["stop"], last["content"], last["tokens_predicted"]) == (True, "", 24)
    assert last["stop_type"] == whole["stop_type"] == "limit"


def test_prompts_as_texts_ids_and_both(server: Running) -> None:
    llm = server.llm
    ids = llm.text_tokens(PROMPT)
    text = ask(server).json()["content"]
    assert ask(server, prompt=ids).json()["content"] == text
    assert ask(server, prompt={"prompt_string": PROMPT}).json()["content"] == text
    several = ask(server, prompt=[PROMPT, ids, {"prompt_string": PROMPT}]).json()
    assert [one["content"] for one in several] == [text] * 3
    assert [one["index"] for one in several] == [0, 1, 2]
    mixed = ask(server, prompt=[*ids, "，", ids[-1]]).json()
    assert mixed["tokens_evaluated"] == len(ids) + len(llm.tokenizer.encode("，", begins=False)) + 1
    marked = ask(server, prompt=f"<｜User｜>{PROMPT}").json()
    assert marked["tokens_evaluated"] == len(ids) + 1  # such programs write the template themselves


def test_how_an_answer_stopped(server: Running) -> None:
    whole = ask(server, n_predict=24).json()["content"]
    word = whole[5]
    said = ask(server, n_predict=24, stop=[word, "never"]).json()
    assert (said["stop_type"], said["stopping_word"], said["content"]) == ("word", word, whole[: whole.index(word)])
    assert list(pieces(ask(server, n_predict=24, stop=[word], stream=True)))[-1]["stopping_word"] == word
    full = ask(server, n_predict=-1, ignore_eos=True).json()
    assert (full["stop_type"], full["truncated"]) == ("limit", True)
    assert full["tokens_predicted"] + full["tokens_evaluated"] == server.llm.max_context
    read = ask(server, n_predict=0).json()
    assert (read["content"], read["generation_settings"]["n_predict"]) == ("", 0)


def test_probabilities_and_chosen_fields(server: Running) -> None:
    said = ask(server, n_probs=3).json()["completion_probabilities"]
    assert len(said) == 8
    assert all(len(one["top_logprobs"]) == 3 and one["id"] == one["top_logprobs"][0]["id"] for one in said)
    chosen = ask(server, response_fields=["content", "generation_settings/n_predict", "nothing/here"]).json()
    assert set(chosen) == {"content", "generation_settings/n_predict"}
    assert all("completion_probabilities" in part for part in list(pieces(ask(server, n_probs=2, stream=True)))[:-1])


def test_logit_bias_by_text(server: Running) -> None:
    wanted = server.llm.tokenizer.encode("苹果")
    for bias in ([["苹果", 100]], {"苹果": 100}):
        said = ask(server, n_predict=3, return_tokens=True, logit_bias=bias).json()["tokens"]
        assert set(said) <= set(wanted)


@pytest.mark.parametrize("form", ["pairs", "false", "object"])
def test_logit_bias_by_token(server: Running, form: str) -> None:
    first = ask(server, n_predict=1, return_tokens=True).json()["tokens"][0]
    biases: dict[str, Any] = {
        "pairs": [[first, -100.0]],
        "false": [[first, False]],
        "object": {str(first): -100},
    }
    assert ask(server, n_predict=1, return_tokens=True, logit_bias=biases[form]).json()["tokens"][0] != first


def test_grammars_and_schemas(server: Running) -> None:
    assert ask(server, grammar='root ::= "a"{5,5}').json()["content"] == "aaaaa"
    said = ask(server, n_predict=40, json_schema={"const": "火"}).json()
    assert (said["content"], said["stop_type"]) == ('"火"', "eos")
    told = ask(server, json_schema={"type": "array", "uniqueItems": True})
    assert told.headers["x-huozhong-left-out"] == "uniqueItems"
    chat = server.post(grammar='root ::= "是" | "不"').json()["choices"][0]["message"]["content"]
    assert chat in ("是", "不")
    form = {"type": "json_object", "schema": {"const": 7}}
    assert server.post(response_format=form).json()["choices"][0]["message"]["content"] == "7"
    assert server.post(json_schema={"const": 7}).json()["choices"][0]["message"]["content"] == "7"


def test_deepseeks_path_is_llama_cpps_without_a_model(server: Running) -> None:
    assert "content" in ask(server, "/completions").json()
    assert "choices" in ask(server, "/completions", model=server.llm.name, n_predict=None, max_tokens=4).json()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"prompt": None}, "'prompt' must be"),
        ({"prompt": []}, "1 to 64"),
        ({"prompt": [10**6]}, "not in the vocabulary"),
        ({"prompt": {"prompt_string": "a", "multimodal_data": ["aaaa"]}}, "multimodal_data"),
        ({"mirostat": 2}, "'mirostat' is not supported yet"),
        ({"repeat_penalty": 1.1, "repeat_last_n": 64}, "'repeat_last_n'"),
        ({"temperatur": 1}, "did you mean 'temperature'"),
        ({"grammar": "root ::= ("}, "'grammar': the GBNF grammar cannot be read"),
        ({"grammar": 'root ::= "a"', "json_schema": {}}, "give one"),
        ({"logit_bias": [["a", "b"]]}, "'logit_bias'"),
        ({"n_probs": 99}, "n_probs"),
        ({"prompt": "火" * 60_000}, "too long|far too long|context"),
    ],
)
def test_wrong_requests(server: Running, body: dict[str, Any], words: str) -> None:
    answer = ask(server, **body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == 400
    assert re.search(words, error["message"])


def test_what_is_not_here_says_so(server: Running) -> None:
    for answer in (
        httpx.get(f"{server.url}/slots"),
        httpx.post(f"{server.url}/rerank", json={}),
        ask(server, "/infill", prompt="", input_prefix="a", input_suffix="b"),
    ):
        assert answer.status_code == 501
        assert answer.json()["error"]["type"] == "not_supported_error"


def test_props_and_metrics(server: Running) -> None:
    ask(server)
    props = httpx.get(f"{server.url}/props").json()
    assert props["default_generation_settings"]["n_ctx"] == server.llm.max_context
    assert props["chat_template"] == server.llm.template.source
    metrics = httpx.get(f"{server.url}/metrics")
    assert int(metrics.headers["process-start-time-unix"]) > 1_700_000_000
    for name in ("prompt_tokens_total", "tokens_predicted_total", "n_decode_total", "requests_processing"):
        assert f"# TYPE llamacpp:{name} " in metrics.text
        assert f"# HELP llamacpp:{name} " in metrics.text


def test_without_a_key_nobody_gets_in(llm: LLM) -> None:
    with serving(llm, api_keys=["secret"]) as running:
        for path in ("/completion", "/completions", "/infill", "/rerank"):
            assert httpx.post(running.url + path, json={"prompt": "a"}).status_code == 401
        for path in ("/props", "/slots", "/metrics"):
            assert httpx.get(running.url + path).status_code == 401
        told = httpx.post(f"{running.url}/completion", json={}).json()["error"]
        assert (told["code"], told["type"]) == (401, "authentication_error")
