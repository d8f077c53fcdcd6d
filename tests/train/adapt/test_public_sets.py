"""Lines shaped like those of well-known public sets, with every column they come with: read with their meaning."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from huozhong.errors import DataError
from huozhong.train.adapt.examples import read_rows
from huozhong.train.adapt.forms import read_preferred, read_taught

Q, A = ("user", "q"), ("assistant", "a")
HUMAN, GPT = {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}
USER, BOT = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
OPEN_THOUGHT = "<|begin_of_thought|>\n\nt\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\na\n\n<|end_of_solution|>"
CALLED = '<tool_call>\n{"arguments": {"x": 1}, "name": "look"}\n</tool_call>'


@pytest.mark.parametrize(("row", "said"), [
    ({"kind": "NLI", "input": "q", "target": "a"}, [Q, A]),  # Firefly
    ({"instruction": "q", "input": "", "output": "a", "task_type": {"major": ["问答"], "minor": ["百科"]},
      "domain": ["通用"], "metadata": "x", "answer_from": "human", "human_verified": True, "copyright": "y"},
     [Q, A]),  # COIG-CQIA
    ({"q": "q", "a": "a"}, [Q, A]), ({"标准问题": "q", "标准答案": "a"}, [Q, A]), ({"用户": "q", "助手": "a"}, [Q, A]),
    ({"问题": "q", "参考答案": "a", "序号": 3, "分类": "x"}, [Q, A]),
    ({"prompt": "q", "prompt_id": "x", "messages": [USER, BOT]}, [Q, A]),  # UltraChat: the question once more
    ({"messages": [{"role": "prompter", "content": "q"}, BOT]}, [Q, A]),  # OpenAssistant
    ({"messages": [USER | {"content": [{"type": "input_text", "text": "q"}]},
                   BOT | {"content": [{"type": "output_text", "text": "a"}]}]}, [Q, A]),
    ({"instruction": "q", "output": "a", "input": None, "images": [], "tools": ""}, [Q, A]),
    ({"conversation_id": 1, "meta_instruction": "s", "num_turns": 2, "chat": {
        "turn_1": {"Human": "<|Human|>: q<eoh>\n", "Inner Thoughts": "<|Inner Thoughts|>: None<eot>\n",
                   "Commands": "<|Commands|>: None<eoc>\n", "Tool Responses": "<|Results|>: None<eor>\n",
                   "MOSS": "<|MOSS|>: a<eom>\n"},
        "turn_2": {"Human": "<|Human|>: q2<eoh>\n", "MOSS": "<|MOSS|>: a2<eom>\n"}}},
     [("system", "s"), Q, A, ("user", "q2"), ("assistant", "a2")]),  # MOSS 003
])  # fmt: skip
def test_sets_of_answers(row: dict[str, Any], said: list[tuple[str, str]]) -> None:
    taught = read_taught(row, "f line 1")
    assert [(m["role"], m["content"]) for m in taught.messages] == said
    assert taught.learnt[-1]


@pytest.mark.parametrize("row", [
    {"system": "s", "conversations": [{"from": "user", "value": "q"}, {"from": "assistant", "value": OPEN_THOUGHT}]},
    {"Question": "q", "Complex_CoT": "t", "Response": "a"},  # medical-o1
    {"input": "q", "reasoning_content": "t", "content": "a", "repo_name": "x", "score": 9, "prompt_tokens_len": 3,
     "reasoning_content_tokens_len": 4, "content_tokens_len": 5},  # R1-Distill-110k
    {"instruction": "q", "output": "<think>\nt\n</think>\n\na", "repo_name": "x", "score": 9},
    {"问题": "q", "思考过程": "t", "答案": "a"},
    {"question": "q", "answer": "<think>t</think>\n<answer>a</answer>"},  # R1-Zero's own form
])  # fmt: skip
def test_sets_with_thoughts(row: dict[str, Any]) -> None:
    last = read_taught(row, "f line 1").messages[-1]
    assert (last["reasoning_content"], last["content"]) == ("t", "a")


@pytest.mark.parametrize(("text", "words"), [
    ("<|begin_of_thought|>t", "elsewhere than once"),
    ("x<|begin_of_thought|>t<|end_of_thought|>a", "elsewhere than once"),
    ("<|begin_of_thought|>t<|end_of_thought|><|begin_of_solution|><|end_of_solution|>", "the answer is empty"),
])  # fmt: skip
def test_a_torn_thought_is_refused(text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_taught({"question": "q", "answer": text}, "f line 1")


def test_calls_that_stand_in_the_text_are_calls() -> None:
    """Hermes writes what is called between marks, as ChatML templates show it, and results likewise."""
    result = '<tool_response>\n{"y": 2}\n</tool_response>'
    said = [HUMAN, {"from": "gpt", "value": f"wait\n{CALLED}"}, {"from": "tool", "value": result}, GPT]
    tools = json.dumps([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}])
    taught = read_taught({"conversations": said, "tools": tools, "task": "x"}, "f line 1")
    call = taught.messages[1]["tool_calls"][0]
    assert (taught.messages[1]["content"], call["function"]) == ("wait", {"name": "look", "arguments": '{"x": 1}'})
    assert (taught.messages[2]["tool_call_id"], taught.messages[2]["content"]) == (call["id"], '{"y": 2}')
    broken = [HUMAN, {"from": "gpt", "value": "<tool_call>{look}</tool_call>"}]
    with pytest.raises(DataError, match=r"conversations\[1\]: what stands between <tool_call> and </tool_call>"):
        read_taught({"conversations": broken}, "f line 1")


def test_a_tool_may_be_flat_and_say_its_type() -> None:
    tool = {"type": "function", "name": "look", "description": "d", "parameters": {"type": "object"}}
    assert [f.name for f in read_taught({"messages": [USER, BOT], "tools": [tool]}, "").functions] == ["look"]


def test_a_prompt_that_is_not_the_question_again_is_refused() -> None:
    with pytest.raises(DataError, match="'prompt' is not what the first user message asks"):
        read_taught({"prompt": "other", "messages": [USER, BOT]}, "f line 1")


@pytest.mark.parametrize(("row", "asked"), [
    ({"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"}, [Q]),  # HH-RLHF
    ({"chosen": "\n\nHuman: x\n\nAssistant: y\n\nz\n\nHuman: q\n\nAssistant: a",
      "rejected": "\n\nHuman: x\n\nAssistant: y\n\nz\n\nHuman: q\n\nAssistant: b"},
     [("user", "x"), ("assistant", "y\n\nz"), Q]),
    ({"prompt": "q", "prompt_id": "x", "chosen": [USER, BOT], "rejected": [USER, BOT | {"content": "b"}],
      "messages": [USER, BOT], "score_chosen": 8.5, "score_rejected": 3.0}, [Q]),  # UltraFeedback, binarised
    ({"dataset": "x", "chosen": [USER, BOT], "rejected": [USER, BOT | {"content": "b"}], "chosen_rating": 5,
      "rejected_rating": 1, "chosen_model": "m", "rejected_model": "n"}, [Q]),  # Argilla
])  # fmt: skip
def test_sets_of_preferences(row: dict[str, Any], asked: list[tuple[str, str]]) -> None:
    said = read_preferred(row, "f line 1")
    assert [(m["role"], m["content"]) for m in said.prompt] == asked
    assert (said.chosen["content"], said.rejected["content"]) == ("a", "b")


ONE = {"question": "q", "answer": "a"}


@pytest.mark.parametrize(("name", "text", "count"), [
    ("one.json", json.dumps(ONE, indent=2), 1),
    ("several.json", json.dumps(ONE, indent=2) + "\n" + json.dumps(ONE, indent=2), 2),
    ("commas.jsonl", f"{json.dumps(ONE)},\n\n{json.dumps(ONE)},\n", 2),
    ("list.json", f"[{json.dumps(ONE)},\r\n{json.dumps(ONE)},]", 2),
    ("data.json", json.dumps({"version": "1", "data": [ONE, ONE]}), 2),
    ("train.json", json.dumps({"train": [ONE]}, indent=1), 1),
])  # fmt: skip
def test_files_of_json(name: str, text: str, count: int, tmp_path: Path) -> None:
    for path, content in ((tmp_path / name, text.encode()), (tmp_path / f"{name}.gz", gzip.compress(text.encode()))):
        path.write_bytes(content)
        assert [row for _, row in read_rows(path)] == [ONE] * count


def test_a_packed_table_is_a_table(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress("问题,答案\nq,a\n".encode("gbk")))
    assert [row for _, row in read_rows(path)] == [{"问题": "q", "答案": "a"}]


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow", "x.xlsx", "x.zip", "x.pkl", "x.docx"])
def test_other_kinds_of_files_say_what_to_do(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PAR1\0\1\2")
    with pytest.raises(DataError, match=r"(save|unpack|write).*(CSV|JSONL|one of them|inside)"):
        list(read_rows(tmp_path / name))


def test_a_broken_line_keeps_its_number(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(f'{json.dumps(ONE)}\n{{"question": "q", \n{json.dumps(ONE)}\n')
    with pytest.raises(DataError, match="line 2 is not a JSON object"):
        list(read_rows(tmp_path / "x.jsonl"))
