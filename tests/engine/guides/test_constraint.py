"""Guided answers: whatever a random model would rather say, what comes out is what was asked for."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from huozhong import LLM, Grammar, JsonObject, JsonSchema, Regex, RequestError, SamplingParams
from huozhong.engine.guides import constraint
from huozhong.engine.guides.constraint import Guides
from huozhong.engine.guides.guide import MAX_GUIDE_CHARS, Guide
from huozhong.text.tokenizer import Tokenizer

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "火"]}, "maxItems": 3},
        "kin": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/kin"}]},
    },
    "required": ["name", "age", "tags", "kin"],
    "additionalProperties": False,
    "$defs": {
        "kin": {
            "type": "object",
            "properties": {"old": {"type": "boolean"}},
            "required": ["old"],
            "additionalProperties": False,
        }
    },
}


def is_person(value: Any) -> bool:
    return (
        list(value) == ["name", "age", "tags", "kin"]
        and isinstance(value["name"], str)
        and len(value["name"]) <= 8
        and type(value["age"]) is int
        and 0 <= value["age"] <= 150
        and len(value["tags"]) <= 3
        and set(value["tags"]) <= {"a", "火"}
        and (value["kin"] is None or (list(value["kin"]) == ["old"] and isinstance(value["kin"]["old"], bool)))
    )


@pytest.fixture(scope="module")
def llm(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLM]:
    with LLM(tiny_folder, num_threads=1, cache_dir=tmp_path_factory.mktemp("packed")) as model:
        yield model


@pytest.fixture(scope="module")
def guides(tokenizer: Tokenizer) -> Guides:
    return Guides(tokenizer, tokenizer.vocab_size, frozenset({tokenizer.eos_id}))


@pytest.mark.parametrize("temperature", [0.0, 1.0, 2.0])
def test_a_random_model_under_a_schema_says_what_the_schema_accepts(llm: LLM, temperature: float) -> None:
    ended = 0
    for seed in range(8):
        params = SamplingParams(
            temperature=temperature,
            seed=seed,
            max_tokens=200,
            guide=JsonSchema(PERSON),
            repetition_penalty=1.2,
            frequency_penalty=0.5,
            logprobs=3,
        )
        answer = llm.generate([f"{seed}: "], params)[0]
        assert answer.finish_reason in ("stop", "length")
        if answer.finish_reason == "stop":
            assert is_person(json.loads(answer.text)), answer.text
            ended += 1
        else:
            assert len(answer.token_ids) == 200
        assert all(p.logprob <= 0 and np.isfinite(p.logprob) for p in answer.logprobs)
    assert ended > 4


def test_the_other_guides(llm: LLM) -> None:
    for seed in range(6):

        def ask(guide: Guide, seed: int = seed) -> str:
            params = SamplingParams(seed=seed, max_tokens=240, guide=guide)
            answer = llm.generate("?", params)[0]
            return answer.text if answer.finish_reason == "stop" else ""

        if text := ask(JsonObject()):
            assert isinstance(json.loads(text), dict)
        assert re.fullmatch(r"[0-9]{2,4}(元|块)", ask(Regex("[0-9]{2,4}(元|块)")))
        assert ask(Grammar('start: "是" | "不" tail\ntail: "是" | "对"')) in ("是", "不是", "不对")
    short = llm.generate("?", SamplingParams(max_tokens=3, guide=JsonSchema(PERSON)))[0]
    assert (short.finish_reason, len(short.token_ids)) == ("length", 3)


def test_a_complete_answer_ends_without_an_end_token(llm: LLM) -> None:
    answer = llm.generate("?", SamplingParams(temperature=0, guide=Regex("ok!")))[0]
    assert (answer.text, answer.finish_reason) == ("ok!", "stop")
    assert answer.token_ids == tuple(llm.tokenizer.encode("ok!"))


def test_together_as_alone(llm: LLM) -> None:
    params = SamplingParams(temperature=0, max_tokens=60, guide=JsonSchema(PERSON), logprobs=0)
    prompts = ["小明", "The quick", "5"]
    alone = [llm.generate(prompt, params)[0] for prompt in prompts]
    together = llm.generate(prompts, params)
    assert [a.logprobs for a in together] == [a.logprobs for a in alone]


def test_reasoning_is_free_and_the_answer_is_held(llm: LLM) -> None:
    answer_ids = llm.tokenizer.encode("yes")
    forced = 0
    for seed in range(30):
        params = SamplingParams(seed=seed, temperature=2, max_tokens=200, guide=Regex("yes"))
        answer = llm.chat([{"role": "user", "content": "?"}], params)
        if answer.finish_reason == "stop":
            forced += 1
            assert answer.text == "yes"
            assert answer.token_ids[-len(answer_ids) - 1 :] == (llm.tokenizer.token_id("</think>"), *answer_ids)
    assert forced > 0


def test_a_draft_is_allowed_as_far_as_the_guide_goes(guides: Guides, tokenizer: Tokenizer) -> None:
    think, end = tokenizer.token_id("<think>"), tokenizer.token_id("</think>")
    letters = [tokenizer.token_id(c) for c in "abc"]
    a, b, c = letters
    answer = guides.constraint(Regex("a(b|c)"))
    assert answer.validate([a, b]) == 2
    assert answer.validate([a, a, b]) == 1
    assert answer.validate([b]) == 0
    answer.advance(a)
    assert [answer.validate([t]) for t in (a, b, c, think)] == [0, 1, 1, 0]
    reasoning = guides.constraint(Regex("a(b|c)"), "reasoning")
    assert reasoning.validate([c, c, end, a, a]) == 4
    assert reasoning.validate([c, tokenizer.eos_id]) == 1
    either = guides.constraint(Regex("a(b|c)"), "either")
    assert either.validate([think, c, end, a, b]) == 5
    assert either.validate([a, c]) == 2
    for token in (think, c, end, a, b):
        assert either.mask()[token]
        either.advance(token)
    assert either.is_finished
    assert answer.mask().nonzero()[0].tolist() == sorted([b, c])


def test_control_tokens_come_only_where_the_grammar_names_them(guides: Guides, tokenizer: Tokenizer) -> None:
    control = [i for i in range(tokenizer.vocab_size) if tokenizer.is_control(i) and i != tokenizer.eos_id]
    assert not guides.constraint(Regex("(.|\n)*")).mask()[control].any()
    user = tokenizer.token_id("<｜User｜>")
    named = guides.constraint(Grammar(f"start: <[{user}]> /[a-z]/")).mask()
    assert named.nonzero()[0].tolist() == [user]


def test_blanks_between_json_tokens_come_to_an_end(guides: Guides, tokenizer: Tokenizer) -> None:
    answer = guides.constraint(JsonObject())
    blank, line = tokenizer.token_id("\u0120"), tokenizer.token_id("\u010a")
    answer.advance(tokenizer.token_id("{"))
    assert answer.validate([blank, blank]) == answer.validate([blank, line]) == answer.validate([line, line]) == 1
    assert answer.validate([line, *[blank] * 30]) == 25


@pytest.mark.parametrize(
    ("guide", "words"),
    [
        (Regex("(a|b"), "the regular expression cannot be used: unclosed group"),
        (Regex("(?=a)b"), "look-around"),
        (Grammar("start: foo"), 'unknown name: "foo"'),
        (Grammar("hello"), "the grammar cannot be used"),
        (JsonSchema({"type": "objec"}), "Invalid type: objec"),
        (JsonSchema({"type": "string", "format": "weird"}), "Unknown format: weird"),
        (JsonSchema({"$ref": "#/nowhere"}), "the JSON schema cannot be used"),
        (JsonSchema({"type": "string", "minLength": 3, "maxLength": 2}), "the JSON schema cannot be used"),
    ],
)
def test_a_bad_guide_is_refused_before_anything_runs(llm: LLM, guide: Guide, words: str) -> None:
    with pytest.raises(RequestError, match=re.escape(words)) as caught:
        llm.generate("?", SamplingParams(guide=guide))
    assert caught.value.param == "guide"
    assert "\n" not in str(caught.value)
    assert not llm._engine.scheduler.has_work


def test_what_is_no_guide_is_refused() -> None:
    with pytest.raises(RequestError, match="JsonObject, JsonSchema, Regex or Grammar"):
        SamplingParams(guide="json")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="ignore_eos"):
        SamplingParams(guide=JsonObject(), ignore_eos=True)
    with pytest.raises(RequestError, match="must be a JSON object"):
        JsonSchema("[]")
    with pytest.raises(RequestError, match="not valid JSON"):
        JsonSchema("{")
    with pytest.raises(RequestError, match="not empty"):
        Regex("")
    with pytest.raises(RequestError, match="at most"):
        Grammar("x" * (MAX_GUIDE_CHARS + 1))
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"not": deep}
    with pytest.raises(RequestError, match="not valid JSON"):
        JsonSchema(deep)


HOSTILE = [
    Grammar('start: s\ns: s s | "a" | "b" | /./ | s s s'),
    Grammar("start: " + "(" * 5000 + '"a"' + ")" * 5000),
    Regex("(a{1,1000}){1,1000}"),
    Regex("(x+x+)+y{900}|(.*a.{2000})"),
    Regex("(((((.{0,99}a){0,99}b){0,99}c){0,99}d){0,99}e){0,99}"),
    JsonSchema({"enum": [f"{i}" * 20 for i in range(3000)]}),
    JsonSchema({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
    JsonSchema({"type": "array", "minItems": 10**9, "items": {"type": "string"}}),
    JsonSchema({"type": "string", "pattern": "^(a|a)*(b|b)*{9}$"}),
    Grammar("start: T\nT: " + " & ".join(f"/.*{i}.*/" for i in range(300))),
    Grammar("start: r0\n" + "".join(f'r{i}: r{i + 1} "a"\n' for i in range(8000)) + 'r8000: "b"\n'),
    JsonSchema({"allOf": [{"type": "string", "pattern": f".*{i}.*"} for i in range(60)]}),
    JsonSchema(
        {
            "$ref": "#/$defs/r0",
            "$defs": {
                **{f"r{i}": {"type": "array", "items": {"$ref": f"#/$defs/r{i + 1}"}} for i in range(4000)},
                "r4000": {"type": "string"},
            },
        }
    ),
    JsonSchema("{" + '"properties":{"a":{' * 400 + "}}" * 400 + "}"),
]


@pytest.mark.parametrize("guide", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_guide_neither_hangs_nor_breaks_the_engine(
    llm: LLM, guide: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constraint, "TRIAL_SECONDS", 1)
    begun = sum(os.times()[:4])  # of a processor, with the trials' processes
    with contextlib.suppress(RequestError):
        llm.generate("?", SamplingParams(seed=1, max_tokens=40, guide=guide))
    assert sum(os.times()[:4]) - begun < 10
    assert llm.generate("?", SamplingParams(max_tokens=2))[0].token_ids


def test_the_library_is_imported_when_a_guide_comes() -> None:
    code = "import sys, huozhong.engine.llm, huozhong.server.app; print('llguidance' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
