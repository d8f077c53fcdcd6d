"""Conversations that are no list of messages: as the cards of public sets show them, and what comes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from huozhong.errors import DataError
from huozhong.train.adapt.examples import read_rows
from huozhong.train.adapt.forms import read_preferred, read_taught

Q, A = ("user", "q"), ("assistant", "a")
USER, BOT = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
TWO = [Q, A, ("user", "q2"), ("assistant", "a2")]


def said(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in read_taught(row, "f line 1").messages]


@pytest.mark.parametrize(("text", "turns"), [
    ("### Human: q### Assistant: a### Human: q2### Assistant: a2", TWO),  # Guanaco
    ("Below is an instruction that describes a task.\n\n### Instruction:\nq\n\n### Response:\na", [Q, A]),  # Alpaca
    ("### Instruction:\nq\n\n### Input:\nmore\n\n### Response:\na</s>", [("user", "q\nmore"), A]),
    ("<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n",
     [("system", "s"), Q, A]),
    ("<s>[INST] q [/INST] a </s><s>[INST] q2 [/INST] a2 </s>", TWO),
    ("<s>[INST] <<SYS>>\ns\n<</SYS>>\n\nq [/INST] a </s>", [("system", "s"), Q, A]),
    ("<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nq<|eot_id|>"
     "<|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>", [Q, A]),
    ("USER: q ASSISTANT: a</s>USER: q2 ASSISTANT: a2</s>", TWO),  # Vicuna
    ("Human: q\n\nAssistant: a\n\nHuman: q2\n\nAssistant: a2", TWO),
    ("问：q\n答：a\n问：q2\n答：a2", TWO),
])  # fmt: skip
def test_a_text_that_says_who_speaks(text: str, turns: list[tuple[str, str]]) -> None:
    assert said({"text": text, "id": 3}) == turns


def test_a_text_without_marks_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"'text' does not say who speaks .* `train pretrain`"):
        read_taught({"text": "Once upon a time"}, "f line 1")


def glaive(system: str, chat: str) -> dict[str, Any]:
    return {"system": f"SYSTEM: {system}", "chat": chat}


def test_glaive_calls_functions_in_its_own_way() -> None:
    tool = {"name": "rate", "description": "d", "parameters": {"type": "object", "properties": {}}}
    system = "You are a helpful assistant with access to the following functions. Use them if required -\n"
    chat = (
        'USER: q\n\n\nASSISTANT: <functioncall> {"name": "rate", "arguments": \'{"base": "USD"}\'} <|endoftext|>'
        '\n\n\nFUNCTION RESPONSE: {"rate": 0.85}\n\n\nASSISTANT: a <|endoftext|>\n\n\n'
    )
    taught = read_taught(glaive(f"{system}{json.dumps(tool)}\n\n{json.dumps(tool | {'name': 'other'})}\n", chat), "")
    assert [function.name for function in taught.functions] == ["rate", "other"]
    assert taught.messages[0] == {"role": "system", "content": "You are a helpful assistant."}
    assert taught.messages[2]["tool_calls"][0]["function"] == {"name": "rate", "arguments": '{"base": "USD"}'}
    assert (taught.messages[3]["role"], taught.messages[3]["content"]) == ("tool", '{"rate": 0.85}')
    assert taught.learnt == (False, False, True, False, True)
    plain = glaive("You are a helpful assistant, with no access to external functions.", "USER: q\n\nASSISTANT: a")
    assert said(plain) == [("system", "You are a helpful assistant, with no access to external functions."), Q, A]
    with pytest.raises(DataError, match="f line 2: 'chat' must begin with 'USER:'"):
        read_taught({"chat": "q"}, "f line 2")
    with pytest.raises(DataError, match="the functions in 'system' are no JSON"):
        read_taught(glaive(system + "{name: rate}", chat), "f line 2")


def test_of_a_tree_the_best_answers_are_learnt() -> None:
    """OpenAssistant: people ranked the answers, 0 is the best one; a question that nobody answered ends nothing."""
    more = {"role": "prompter", "text": "q2", "replies": [{"role": "assistant", "text": "a2", "replies": [
        {"role": "prompter", "text": "open", "replies": []}]}]}  # fmt: skip
    worse = {"role": "assistant", "text": "worse", "rank": 1, "replies": []}
    gone = {"role": "assistant", "text": "gone", "rank": 0, "deleted": True}
    best = {"role": "assistant", "text": "a", "rank": 0, "lang": "en", "replies": [more]}
    tree = {"role": "prompter", "text": "q", "replies": [worse, gone, best]}
    assert said({"message_tree_id": "x", "tree_state": "ready_for_export", "prompt": tree}) == TWO
    row = {"message_id": "x", "parent_id": None, "text": "q", "role": "prompter"}
    with pytest.raises(DataError, match="one message of a tree"):
        read_taught(row, "f line 1")


def test_calls_are_answers_too() -> None:
    """xLAM: parameters by name, with Python's words for their types."""
    parameters = {"kind": {"type": "str", "description": "d", "default": "game"}, "n": {"type": "int, optional"},
                  "names": {"type": "List[str]"}, "ok": {"type": "bool"}}  # fmt: skip
    tools = json.dumps([{"name": "look", "description": "d", "parameters": parameters}])
    calls = json.dumps([{"name": "look", "arguments": {"kind": "beta"}}, {"name": "look", "arguments": {}}])
    taught = read_taught({"id": 0, "query": "q", "answers": calls, "tools": tools}, "f line 1")
    assert [call["function"]["arguments"] for call in taught.messages[1]["tool_calls"]] == ['{"kind": "beta"}', "{}"]
    schema = taught.functions[0].parameters
    assert schema is not None
    assert schema["required"] == ["names", "ok"]
    assert [one.get("type") for one in schema["properties"].values()] == ["string", "integer", "array", "boolean"]


@pytest.mark.parametrize(("row", "turns"), [
    ({"conversations": ["q", "a", "q2", "a2"], "source": "x"}, TWO),  # LIMA
    ({"input": [USER], "output": "a", "system_prompt": "s", "used_in_training": "yes"},
     [("system", "s"), Q, A]),  # Nemotron
    ({"id": "x", "system_prompt": "s", "question": "q", "response": "a"}, [("system", "s"), Q, A]),  # OpenOrca
    ({"title": "x", "context": "c", "question": "q", "answers": {"text": ["a", "b"], "answer_start": [1, 2]}},
     [("user", "c\n\nq"), A]),  # SQuAD, CMRC
    ({"problem": "q", "solution": "a", "messages": [USER, BOT]}, [Q, A]),  # Numina: all of it twice
    ({"type": "x", "query": "q", "original_question": "o", "response": "a"}, [Q, A]),  # MetaMath
    ({"conversations": [{"from": "system", "value": "s", "weight": None}, {"from": "human", "value": "q", "weight": 0},
                        {"from": "gpt", "value": "a", "weight": 1}]}, [("system", "s"), Q, A]),  # SlimOrca
    ({"conversation": [USER | {"toxic": False, "language": "en", "turn_identifier": 3}, BOT], "turn": 1, "model": "m",
      "openai_moderation": [{"x": 1}], "redacted": False, "conversation_hash": "x"}, [Q, A]),  # WildChat
])  # fmt: skip
def test_sets_whose_lines_have_other_shapes(row: dict[str, Any], turns: list[tuple[str, str]]) -> None:
    assert said(row) == turns


@pytest.mark.parametrize("row", [
    {"id": 3, "question": "q", "A": "w", "B": "x", "C": "y", "D": "z", "answer": "C", "explanation": ""},  # C-Eval
    {"question": "q", "subject": "s", "choices": ["w", "x", "y", "z"], "answer": 2},  # MMLU
    {"id": "x", "question": "q", "choices": {"text": ["w", "x", "y", "z"], "label": ["A", "B", "C", "D"]},
     "answerKey": "C"},  # ARC
])  # fmt: skip
def test_of_a_choice_the_letter_is_learnt(row: dict[str, Any]) -> None:
    assert said(row) == [("user", "q\nA. w\nB. x\nC. y\nD. z"), ("assistant", "C")]
    with pytest.raises(DataError, match="the right one is 'E', and the options are A, B, C, D"):
        read_taught({name: value for name, value in row.items() if name != "answerKey"} | {"answer": "E"}, "f line 1")


def test_a_question_and_its_answer_by_letters_are_no_choice() -> None:
    assert said({"q": "q", "a": "a"}) == [Q, A]


def test_a_reference_that_is_not_what_is_said_is_refused_and_can_be_ignored(tmp_path: Path) -> None:
    row = {"problem": "q", "answer": "42", "messages": [USER, BOT]}
    with pytest.raises(DataError, match="'answer' is not in the last message's answer"):
        read_taught(row, "f line 1")
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(row))
    (read,) = read_rows(path, ["Answer"])
    assert said(read[1]) == [Q, A]
    with pytest.raises(DataError, match="no column 'anwser' that could be ignored"):
        list(read_rows(path, ["anwser"]))


@pytest.mark.parametrize("row", [
    {"question": "q", "response_chosen": "a", "response_rejected": "b"},
    {"instruction": "q", "chosen_response": "a", "rejected_response": "b"},
    {"prompt": "q", "response_0": "b", "response_1": "a", "better_response_id": 1, "safer_response_id": 0,
     "is_response_0_safe": True, "is_response_1_safe": True},  # PKU-SafeRLHF
    {"history": "q", "human_ref_A": "a", "human_ref_B": "b", "labels": 1, "score_A": 3, "score_B": 2},  # SHP
    {"context": [USER], "response1": "a", "response2": "b", "overall_preference": -2, "domain": "x"},  # HelpSteer3
    {"context": [{"role": "human", "text": "q"}], "chosen": {"role": "assistant", "text": "a"},
     "rejected": {"role": "assistant", "text": "b"}},
])  # fmt: skip
def test_preferences_by_other_names(row: dict[str, Any]) -> None:
    found = read_preferred(row, "f line 1")
    assert [(m["role"], m["content"]) for m in found.prompt] == [Q]
    assert (found.chosen["content"], found.rejected["content"]) == ("a", "b")


@pytest.mark.parametrize(("row", "words"), [
    ({"context": [USER], "response1": "a", "response2": "b", "overall_preference": 0}, "says of neither"),
    ({"prompt": "q", "response_0": "a", "response_1": "b", "better_response_id": "1"}, "says of neither"),
    ({"prompt": "q", "completion": "a", "label": True}, "a better and a worse one"),
    ({"question": "q", "chosen": "a", "rejected": "b", "speed": 3}, "(--ignore speed)"),
])  # fmt: skip
def test_what_prefers_nothing_is_refused(row: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        read_preferred(row, "f line 1")
    assert words in str(caught.value)
