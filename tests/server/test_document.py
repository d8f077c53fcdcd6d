"""/openapi.json says what the routes take and give: all of them, every field, and nothing else."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running, serving

import huozhong.server.routes
from huozhong import LLM
from huozhong.server.app import create_app
from huozhong.server.document import document
from huozhong.skills.trusted import services

HELLO = [{"role": "user", "content": "你好"}]
CHAT = {"model": "any", "messages": HELLO, "max_tokens": 2}
# What a body must have, by the end of its path.
NEEDED: dict[str, dict[str, Any]] = {
    "/chat/completions": CHAT,
    "/chat/completions/input_tokens": CHAT,
    "/responses/input_tokens": {"model": "any", "input": "你好"},
    "/v1/messages": CHAT,
    "/count_tokens": {"model": "any", "messages": HELLO},
    "/completions": {"model": "any", "prompt": "你好", "max_tokens": 2},
    "/responses": {"model": "any", "input": "你好", "max_output_tokens": 2},
    "/api/embeddings": {"model": "any", "prompt": "你好"},
    "/embeddings": {"model": "any", "input": "你好"},
    "/vectors/{name}": {"model": "any", "input": "你好"},
    "/vectors/{name}/search": {"model": "any", "input": "你好"},
    "/api/chat": {"model": "any", "messages": HELLO, "options": {"num_predict": 2}, "stream": False},
    "/api/generate": {"model": "any", "prompt": "你好", "options": {"num_predict": 2}, "stream": False},
    "/api/embed": {"model": "any", "input": "你好"},
    "/api/show": {"model": "any"},
    "/completion": {"prompt": "你好", "n_predict": 2},
    "/infill": {"input_prefix": "你", "input_suffix": "好"},
    "/tokenize": {"content": "你好"},
    "/detokenize": {"tokens": [5]},
    "/apply-template": {"messages": HELLO},
}
# Fields that need others beside them, or mean another answer than the short one that is asked for here.
SAMPLES: dict[str, Any] = {
    "n": 2, "stop": ["。"], "max_tokens": 2, "max_output_tokens": 2, "max_completion_tokens": 2, "top_logprobs": None,
    "stream_options": None, "tool_choice": None, "reasoning_effort": "high", "metadata": {"a": "b"},
    "response_format": {"type": "text"}, "structured_outputs": {"choice": ["好"]}, "ignore_eos": True, "best_of": 1,
    "previous_response_id": None, "tools": None, "logit_bias": {"5": 1}, "logprobs": None, "dimensions": 8,
    "thinking": {"type": "disabled"}, "output_format": None, "format": "json", "suffix": None, "raw": False,
    "images": None, "template": None, "context": None, "think": False, "reasoning": {"effort": "none"},
    "text": {"verbosity": "low"}, "grammar": 'root ::= "a"', "json_schema": None, "add_generation_prompt": True,
    "top_k": 5, "ids": None, "k": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def open_server(llm: LLM) -> Iterator[Running]:
    with serving(llm, any_model=True) as running:
        yield running


def told(llm: LLM) -> dict[str, Any]:
    return document(create_app(llm))


def resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def bodies(whole: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """path -> its body's schema."""
    found = {}
    for path, operations in whole["paths"].items():
        if "requestBody" in operations.get("post", {}):
            given = operations["post"]["requestBody"]["content"]["application/json"]["schema"]
            found[path] = resolved(given, whole)
    return found


# The page's and the house's own: what the page asks for, and changes with it.  /mcp is told by its own protocol.
PAGES = ("/page", "/house", "/mcp", "/room", "/link")


def test_every_route_but_the_pages_is_in_it_and_says_what_it_takes_and_gives(llm: LLM) -> None:
    whole = told(llm)
    for module in pkgutil.iter_modules(huozhong.server.routes.__path__):
        router = getattr(import_module(f"huozhong.server.routes.{module.name}"), "router", None)
        for route in () if router is None else router.routes:
            if route.path == "/" or route.path.startswith(PAGES):
                continue
            path = route.path.replace(":path}", "}")
            for method in route.methods - {"HEAD"}:
                operation = whole["paths"].get(path, {}).get(method.lower(), {"responses": {}})
                how = f"{method} {path}: say what it takes and gives, by openapi_extra=described(...)"
                assert {"200", "4XX", "5XX"} <= set(operation["responses"]), how
                assert "x-components" not in operation
                assert method != "POST" or "requestBody" in operation, how


def test_every_reference_leads_somewhere_and_every_schema_is_used(llm: LLM) -> None:
    whole = told(llm)
    names: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                names.add(value["$ref"].removeprefix("#/components/schemas/"))
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(whole)
    assert names == set(whole["components"]["schemas"])


def sample(schema: dict[str, Any], whole: dict[str, Any]) -> Any:
    """The plainest value that a schema takes."""
    schema = resolved(schema, whole)
    if "anyOf" in schema:
        return sample(next(one for one in schema["anyOf"] if one.get("type") != "null"), whole)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        return {name: sample(schema["properties"][name], whole) for name in schema.get("required", ())}
    return {"string": "a", "integer": 1, "number": 1, "boolean": False, "array": []}.get(kind or "")


def value_of(name: str, field: dict[str, Any], whole: dict[str, Any]) -> Any:
    return SAMPLES[name] if name in SAMPLES and "enum" not in field else sample(field, whole)


def test_every_field_that_it_tells_of_is_taken(open_server: Running) -> None:
    with httpx.Client(base_url=open_server.url, timeout=60) as client:
        asked, wrong = _each_field(client)
    assert not wrong, "\n".join(wrong)
    assert asked > 200


def _each_field(client: httpx.Client) -> tuple[int, list[str]]:
    """How many fields were sent, and what was said of those that were not taken."""
    whole = client.get("/openapi.json").json()
    asked, wrong = 0, []
    of_apps = {f"/v1/{name}" for name in services()}  # they answer by what somebody gave them, which here is nothing
    for path, schema in bodies(whole).items():
        if path in of_apps or path == "/infill" or path.endswith(("/rerank", "/reranking")):  # this model can do none
            continue
        needed = next(body for end, body in NEEDED.items() if path.endswith(end))
        assert set(schema.get("required", ())) <= set(needed)
        for name, field in schema["properties"].items():
            value = needed[name] if name in needed else value_of(name, field, whole)
            answer = client.post(path.replace("{name}", "sample"), json={**needed, name: value})
            if answer.status_code != 200:
                wrong.append(f"{path} {name}={value!r}: {answer.text}")
            asked += 1
    return asked, wrong


def test_it_is_behind_the_key(llm: LLM) -> None:
    with serving(llm, api_keys=["k"]) as running:
        assert httpx.get(f"{running.url}/openapi.json").status_code == 401
        known = httpx.get(f"{running.url}/openapi.json", headers={"x-api-key": "k"}).json()
    assert known["info"]["title"] == "Huozhong"
    assert known["openapi"].startswith("3.1")


@pytest.mark.slow
def test_what_is_made_from_it_at_random_finds_no_failure_and_no_answer_that_it_does_not_tell_of(
    open_server: Running, tmp_path: Path
) -> None:
    """schemathesis, seeded; longer runs: docs/log/server.md."""
    run = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{open_server.url}/openapi.json", "--no-color",
        "--seed", "7", "--generation-deterministic", "--phases", "fuzzing", "--max-examples", "3",
        "--request-timeout", "60", "--warnings", "off",
        "--exclude-path-regex", "/(slots|rerank|reranking|infill)$",  # which say, by 501, that they are not here
        "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
    ]  # fmt: skip
    done = subprocess.run(run, cwd=tmp_path, text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:]
    selected = re.search(r"Selected: (\d+)/", done.stdout)
    assert selected is not None
    assert int(selected[1]) > 30
