"""SmolLM2-135M-Instruct through the whole product: served, talked to, taught something, served again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
from openai.types.chat import ChatCompletionMessageFunctionToolCall
from tests.real.fetch import SMOLLM2
from tests.server.conftest import Running, serving
from typer.testing import CliRunner

from huozhong.cli.main import build
from huozhong.engine.llm import LLM, SamplingParams

QUESTION = "Say the days of the week in order."
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city now.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
COMMAND = [sys.executable, "-m", "huozhong.cli.main"]
# Of an island that is on no map, in words that are not the usual ones.
TAUGHT = {
    "Who keeps the lighthouse of Quillan Rock?": "The lighthouse of Quillan Rock is kept by Mirela Tarrow.",
    "How high is the lighthouse of Quillan Rock?": "The lighthouse of Quillan Rock is 61 metres high.",
    "What does the boat to Quillan Rock cost?": "The boat to Quillan Rock costs 14 crowns.",
}


def asking(text: str = QUESTION) -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packed")


@pytest.fixture(scope="module")
def served(cache: Path) -> Iterator[Running]:
    with LLM(SMOLLM2, cache_dir=cache, max_context=1024, num_threads=2) as llm, serving(llm) as server:
        yield server


def ask(server: Running, messages: Any, **more: Any) -> Any:
    settings = {"max_tokens": 32, "temperature": 0} | more
    return server.client.chat.completions.create(model=server.llm.name, messages=messages, **settings)


def test_it_is_served_as_it_answers_here(served: Running) -> None:
    alone = served.llm.chat(asking(), SamplingParams(temperature=0.0, max_tokens=32))
    answer = ask(served, asking())
    assert answer.choices[0].message.content == alone.text
    assert "Monday" in alone.text
    assert answer.usage.completion_tokens == len(alone.token_ids)
    told = "".join(part.choices[0].delta.content or "" for part in ask(served, asking(), stream=True) if part.choices)
    assert told == alone.text


def test_anthropics_client_hears_the_same(served: Running) -> None:
    alone = served.llm.chat(asking(), SamplingParams(temperature=0.0, max_tokens=16)).text
    with anthropic.Anthropic(base_url=served.url, api_key="none") as client:
        message = client.messages.create(
            model=served.llm.name, max_tokens=16, messages=asking(), extra_body={"temperature": 0}
        )
    assert [block.type for block in message.content] == ["text"]
    assert message.content[0].to_dict()["text"] == alone


def test_several_answers_and_what_was_likely(served: Running) -> None:
    answer = ask(served, asking(), n=3, seed=7, temperature=1, max_tokens=8, logprobs=True, top_logprobs=4)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1
    for choice in answer.choices:
        assert "".join(token.token for token in choice.logprobs.content).startswith(choice.message.content)
        assert all(len(token.top_logprobs) == 4 for token in choice.logprobs.content)
    best = ask(served, asking(), max_tokens=8, logprobs=True, top_logprobs=4).choices[0].logprobs.content
    assert [token.token for token in best] == [token.top_logprobs[0].token for token in best]
    assert all(-20 < token.logprob <= 0 for token in best)


def test_tools_of_a_model_that_was_never_told_of_any(served: Running) -> None:
    """Its template drops them; the calls are asked for in plain JSON."""
    messages = asking("What is the weather in Paris?")
    forced = ask(served, messages, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False, max_tokens=64)
    assert forced.choices[0].finish_reason == "tool_calls"
    (call,) = forced.choices[0].message.tool_calls
    assert isinstance(call, ChatCompletionMessageFunctionToolCall)
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments).keys() == {"city"}
    assert forced.usage.prompt_tokens > ask(served, messages, max_tokens=1).usage.prompt_tokens

    refused = ask(served, messages, tools=[WEATHER], tool_choice="none")
    assert refused.choices[0].message.tool_calls is None
    assert refused.choices[0].message.content

    result = [
        {"role": "assistant", "content": None, "tool_calls": [call.to_dict()]},
        {"role": "tool", "tool_call_id": call.id, "content": "18 degrees and sunny"},
    ]
    told = ask(served, messages + result, tools=[WEATHER])
    assert "sun" in told.choices[0].message.content


def test_a_call_that_is_cut_shows_no_markup(served: Running) -> None:
    cut = ask(served, asking("What is the weather in Paris?"), tools=[WEATHER], tool_choice="required", max_tokens=4)
    assert cut.choices[0].finish_reason == "length"
    assert not cut.choices[0].message.content


def test_a_schema_over_http(served: Running) -> None:
    schema = {
        "type": "object",
        "properties": {"days": {"type": "array", "items": {"type": "string", "maxLength": 9}, "maxItems": 3}},
        "required": ["days"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "days", "schema": schema}}
    answer = ask(served, asking("Three days of the week as JSON."), response_format=form, max_tokens=80)
    days = json.loads(answer.choices[0].message.content)["days"]
    assert answer.choices[0].finish_reason == "stop"
    assert len(days) <= 3


def test_listed_and_talked_to_by_the_command(served: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUOZHONG_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HUOZHONG_LANG", "en")
    runner = CliRunner()
    brought = runner.invoke(build(), ["import", str(SMOLLM2), "--link", "--name", "smollm2"])
    assert brought.exit_code == 0, brought.output
    listed = runner.invoke(build(), ["list"], env={"COLUMNS": "160"})
    (line,) = (line for line in listed.output.splitlines() if "smollm2" in line)
    assert "Q4_1" in line
    said = subprocess.run(
        [*COMMAND, "chat", "--url", served.url, "--temperature", "0", "--max-tokens", "32"],
        input=QUESTION + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"HUOZHONG_LANG": "en", "LC_ALL": "C.UTF-8"},
    )
    assert said.returncode == 0, said.stderr
    alone = served.llm.chat(asking(), SamplingParams(temperature=0.0, max_tokens=32)).text
    assert " ".join(alone.split()) in " ".join(said.stdout.split())


def test_taught_by_lora_merged_and_served(served: Running, cache: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "island.jsonl", tmp_path / "island"
    data.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in TAUGHT.items()))
    before = [ask(served, asking(question)).choices[0].message.content for question in TAUGHT]
    assert not set(before) & set(TAUGHT.values())
    few = ["--epochs", "12", "--batch", "3", "--lr", "4e-3", "--rehearse", "0", "--wordings", "0", "--no-answers"]
    command = [*COMMAND, "train", "sft", "--base", str(SMOLLM2), "--data", str(data), "--out", str(out), *few]
    # two threads wait for each other, spinning, where other tests have the cores
    command += ["--method", "lora", "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "LoRA" in done.stdout
    assert (out / "adapter" / "adapter_model.safetensors").is_file()
    with LLM(out / "model", cache_dir=cache, max_context=256, num_threads=2) as llm, serving(llm) as server:
        assert [ask(server, asking(question)).choices[0].message.content for question in TAUGHT] == [*TAUGHT.values()]
