"""Lines of people's files as examples: every form, every mistake with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from huozhong.errors import DataError
from huozhong.model.layers import IGNORED
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.adapt.examples import Encoder, Example, groups, pack, read_examples, read_rows, split

R1 = (
    "{{bos_token}}{% for m in messages %}{% if m['role'] == 'user' %}{{'<｜User｜>' + m['content']}}"
    "{% else %}{{'<｜Assistant｜>' + m['content'] + eos_token}}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{'<｜Assistant｜><think>\\n'}}{% endif %}"
)


PLAIN = "{% for m in messages %}{{ '[' + m['role'] + ']' + m['content'] + eos_token }}{% endfor %}[assistant]"
PLAIN = PLAIN.replace("[assistant]", "{% if add_generation_prompt %}[assistant]{% endif %}")
CALLED = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{}\n```"
CALLED += "<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>"
R1_TOOLS = (
    "{{bos_token}}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] }}{% elif m['role'] == 'user' %}"
    "{{'<｜User｜>' + m['content']}}{% elif m['content'] is none %}{% for c in m['tool_calls'] %}"
    "{{'<｜Assistant｜><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>' + c['type'] + '<｜tool▁sep｜>'}}"
    "{{c['function']['name'] + '\\n```json\\n' + c['function']['arguments'] + '\\n```<｜tool▁call▁end｜>'}}"
    "{{'<｜tool▁calls▁end｜>' + eos_token}}"
    "{% endfor %}{% else %}{{'<｜Assistant｜>' + m['content'] + eos_token}}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{'<｜Assistant｜><think>\\n'}}{% endif %}"
)
QWEN_TOOLS = (
    "{% if tools %}{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}{% for m in messages %}"
    "{{ '[' + m.role + ']' }}{% if m.content %}{{ m.content }}{% endif %}{% for c in m.tool_calls or [] %}"
    '{{ \'<tool_call>\\n{"name": "\' + c.function.name + \'", "arguments": \' }}{{ c.function.arguments | tojson }}'
    "{{ '}\\n</tool_call>' }}{% endfor %}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


@pytest.fixture
def encoder(tokenizer: Tokenizer) -> Encoder:
    return Encoder(tokenizer, ChatTemplate(tokenizer.config["chat_template"], tokenizer), 200)


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r, ensure_ascii=False)) + "\n" for r in rows))
    return path


def said(example: Example, tokenizer: Tokenizer) -> str:
    kept = [i for i, learn in zip(example.ids, example.mask, strict=True) if learn]
    return tokenizer.decode(kept, skip_special=False)


@pytest.mark.parametrize("row", [
    {"question": "几点？", "answer": "五点。"}, {"问": "几点？", "答": "五点。"}, {"问题": "几点？", "答案": "五点。"},
    {"instruction": "几点？", "output": "五点。", "input": ""},
    {"messages": [{"role": "user", "content": "几点？"}, {"role": "assistant", "content": "五点。"}]},
])  # fmt: skip
def test_every_form_is_the_same_example(row: dict[str, Any], encoder: Encoder, tmp_path: Path) -> None:
    (example,) = read_examples(write(tmp_path / "a.jsonl", row), encoder)
    tokenizer = encoder.tokenizer
    assert example.prompt == [{"role": "user", "content": "几点？"}]
    assert example.answer == "五点。"
    # served as usual this model thinks first, so it learns to say at once that there is nothing to think about
    assert said(example, tokenizer) == "</think>五点。<｜end▁of▁sentence｜>"
    template = encoder.template
    assert template is not None
    prompt = template.tokens(example.prompt)  # type: ignore[arg-type]
    assert example.ids[: len(prompt)] == prompt
    assert example.mask == [False] * len(prompt) + [True] * (len(example.ids) - len(prompt))


def test_reasoning_is_learnt_where_it_is_given(encoder: Encoder, tmp_path: Path) -> None:
    answer = {"role": "assistant", "content": "8", "reasoning_content": "3+5=8"}
    row = {"messages": [{"role": "user", "content": "3+5"}, answer]}
    (example,) = read_examples(write(tmp_path / "a.jsonl", row), encoder)
    assert said(example, encoder.tokenizer) == "3+5=8</think>8<｜end▁of▁sentence｜>"


def test_a_text_to_continue_has_no_template(encoder: Encoder, tmp_path: Path) -> None:
    (example,) = read_examples(write(tmp_path / "a.jsonl", {"prompt": "The quick", "completion": " fox"}), encoder)
    tokenizer = encoder.tokenizer
    assert example.ids == [tokenizer.bos_id, *tokenizer.encode("The quick"), *tokenizer.encode(" fox"), 2]
    assert said(example, tokenizer) == " fox<｜end▁of▁sentence｜>"


THOUGHT = "<think>\nadd\n</think>\n\nit is 4."


@pytest.mark.parametrize("row", [
    {"question": "2+2", "answer": THOUGHT}, {"question": "2+2", "answer": "add\n</think>\n\nit is 4."},
    {"question": "2+2", "reasoning": "add", "answer": "it is 4."}, {"input": "2+2", "output": THOUGHT},
    {"messages": [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": THOUGHT}]},
    {"messages": [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": "it is 4.", "thinking": "add"}]},
    {"conversations": [{"from": "human", "value": "2+2"}, {"from": "gpt", "value": THOUGHT}]},
])  # fmt: skip
def test_a_thought_written_into_the_answer_is_learnt_as_the_thought(
    row: dict[str, Any], encoder: Encoder, tmp_path: Path
) -> None:
    tokenizer = encoder.tokenizer
    path = write(tmp_path / "a.jsonl", row)
    (example,) = read_examples(path, encoder)
    assert said(example, tokenizer) == "add</think>it is 4.<｜end▁of▁sentence｜>"
    # R1's distilled models: history without the thought, prompts that open it
    (example,) = read_examples(path, Encoder(tokenizer, ChatTemplate(R1, tokenizer), 200))
    assert said(example, tokenizer) == "add\n</think>\n\nit is 4.<｜end▁of▁sentence｜>"
    assert example.answer == "it is 4."
    # a model that knows no thinking learns to write it
    (example,) = read_examples(path, Encoder(tokenizer, ChatTemplate(PLAIN, tokenizer), 200))
    assert said(example, tokenizer) == f"{THOUGHT}<｜end▁of▁sentence｜>"
    assert tokenizer.token_id("</think>") not in example.ids


def test_a_template_that_hides_reasoning_is_learnt_as_it_is_served(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """R1's distilled models: every answer stands alone behind the prompt that it is served with."""
    template = ChatTemplate(R1, tokenizer)
    turns = [{"role": "user", "content": "3+5"}, {"role": "assistant", "content": "<8"},
             {"role": "user", "content": "2+2"}, {"role": "assistant", "content": "<think>4"}]  # fmt: skip
    first, second = Encoder(tokenizer, template, 200).answers(turns, [False, True, False, True], ())
    for number, (ids, mask) in ((1, first), (3, second)):
        prompt = template.tokens(turns[:number])
        assert ids[: len(prompt)] == prompt
        assert mask == [False] * len(prompt) + [True] * (len(ids) - len(prompt))
        text = tokenizer.decode(ids[len(prompt) :], skip_special=False)
        assert text == f"\n</think>\n\n{turns[number]['content']}<｜end▁of▁sentence｜>"
        assert ids[len(prompt) :].count(tokenizer.token_id("<think>")) == 0  # the one in the answer is text, no mark


def test_a_thought_in_the_middle_is_learnt_in_a_row_of_its_own(encoder: Encoder, tmp_path: Path) -> None:
    """Later turns are served without it, so it cannot stand in one row with them."""
    turns = [{"role": "user", "content": "3+5"}, {"role": "assistant", "content": "8", "reasoning_content": "add"},
             {"role": "user", "content": "2+2"}, {"role": "assistant", "content": "4"}]  # fmt: skip
    one, two = read_examples(write(tmp_path / "a.jsonl", {"messages": turns}), encoder)
    assert said(one, encoder.tokenizer) == "add</think>8<｜end▁of▁sentence｜>"
    assert said(two, encoder.tokenizer) == "</think>4<｜end▁of▁sentence｜>"
    assert one.key == two.key
    assert (one.line, two.line) == (1, 1)


TOOL = {"type": "function", "function": {"name": "weather", "description": "天气", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}}}}  # fmt: skip
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "北京"}'}}


@pytest.mark.parametrize("template", ["R1", "QWEN"])
def test_a_conversation_that_ends_in_a_call_teaches_the_call(
    template: str, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    encoder = Encoder(tokenizer, ChatTemplate({"R1": R1_TOOLS, "QWEN": QWEN_TOOLS}[template], tokenizer), 900)
    called = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    row = {"messages": [{"role": "user", "content": "北京天气？"}, called], "tools": [TOOL]}
    (example,) = read_examples(write(tmp_path / "a.jsonl", row), encoder)
    assert (
        said(example, tokenizer)
        == {
            "R1": "\n</think>\n\n" + CALLED.replace("{}", '{"city": "北京"}'),
            "QWEN": '<tool_call>\n{"name": "weather", "arguments": {"city": "北京"}}\n</tool_call>'
            "<｜end▁of▁sentence｜>",
        }[template]
    )
    assert example.answer == 'weather({"city": "北京"})'
    assert "天气" in tokenizer.decode(example.ids[: example.mask.index(True)])  # the tools are in the prompt
    assert encoder.template is not None
    prompt = encoder.template.tokens(example.prompt, tools=example.functions)  # type: ignore[arg-type]
    assert example.ids[: len(prompt)] == prompt


def test_what_has_weight_0_is_not_learnt(encoder: Encoder, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "坏", "weight": 0},
             {"role": "user", "content": "b"}, {"role": "assistant", "content": "好", "weight": 1}]  # fmt: skip
    (example,) = read_examples(write(tmp_path / "a.jsonl", {"messages": turns}), encoder)
    assert said(example, encoder.tokenizer) == "</think>好<｜end▁of▁sentence｜>"
    assert "坏" in encoder.tokenizer.decode(example.ids)


def test_where_a_line_is_from_is_told(encoder: Encoder, tmp_path: Path) -> None:
    labels: set[str] = set()
    path = write(tmp_path / "a.jsonl", {"id": 7, "question": "x", "answer": "y", "source": "z"})
    read_examples(path, encoder, labels)
    assert labels == {"id", "source"}


@pytest.mark.parametrize(("row", "words"), [
    ("{oops", "line 2 is not a JSON object"), ("[1]", "line 2 is not a JSON object"),
    ({"question": "x"}, "line 2: 'answer' is missing"), ({"w": "x"}, "line 2: 'question' is missing (it has 'w')"),
    ({"question": "x", "answer": ""}, "line 2: 'answer' must be text"),
    ({"question": "x", "answer": 3}, "line 2: 'answer' must be text"),
    ({"messages": [{"role": "user", "content": "x"}]}, "line 2: messages must be a list of at least two"),
    ({"messages": [{"role": "assistant", "content": "x"}, {"role": "user", "content": "x"}]}, "line 2: the last"),
    ({"messages": [{"role": "owl", "content": "x"}, {"role": "assistant", "content": "x"}]},
     "line 2: messages[0]: the role is 'owl'"),
    ({"question": "长" * 300, "answer": "x"}, "line 2 is 9"),
])  # fmt: skip
def test_a_bad_line_is_named(row: Any, words: str, encoder: Encoder, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"question": "x", "answer": "y"}, row)
    with pytest.raises(DataError) as caught:
        read_examples(path, encoder)
    assert words in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_files_that_are_no_data(encoder: Encoder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_examples(tmp_path / "nowhere.jsonl", encoder)
    with pytest.raises(DataError, match="no lines"):
        read_examples(write(tmp_path / "empty.jsonl", ""), encoder)
    (tmp_path / "binary.jsonl").write_bytes(b"\x80\x00\x81")
    with pytest.raises(DataError, match="is not text in UTF-8, UTF-16, GB18030 or Big5"):
        read_examples(tmp_path / "binary.jsonl", encoder)


def test_a_list_over_many_lines_is_read_too(encoder: Encoder, tmp_path: Path) -> None:
    """As Alpaca's own file is one."""
    rows = [{"instruction": f"q{n}", "input": "", "output": "a, [b]"} for n in range(3)]
    (tmp_path / "a.json").write_text("\n" + json.dumps(rows, indent=2))
    examples = read_examples(tmp_path / "a.json", encoder)
    assert [(e.line, e.answer) for e in examples] == [(3, "a, [b]"), (8, "a, [b]"), (13, "a, [b]")]
    (tmp_path / "a.json").write_text(json.dumps([*rows, {"instruction": "x"}, 7], indent=2))
    with pytest.raises(DataError, match="line 17: 'answer' is missing"):
        read_examples(tmp_path / "a.json", encoder)
    for text, line in (("[\n7]", 2), ('[\n\n{"a": ]', 3)):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(DataError, match=f"line {line} is not a JSON object"):
            read_examples(tmp_path / "a.json", encoder)
    (tmp_path / "a.json").write_text("[ ]")
    with pytest.raises(DataError, match="has no lines"):
        read_examples(tmp_path / "a.json", encoder)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030", "cp950"])
def test_files_in_other_encodings_are_read(encoding: str, encoder: Encoder, tmp_path: Path) -> None:
    text = "圖書館什麼時候開門？" if encoding == "cp950" else "图书馆什么时候开门？"
    (tmp_path / "a.jsonl").write_bytes(
        json.dumps({"question": text, "answer": "五"}, ensure_ascii=False).encode(encoding)
    )
    (example,) = read_examples(tmp_path / "a.jsonl", encoder)
    assert example.prompt == [{"role": "user", "content": text}]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize(("ending", "between"), [(".csv", ","), (".CSV", ";"), (".tsv", "\t")])
def test_a_table_as_spreadsheets_save_it(encoding: str, ending: str, between: str, tmp_path: Path) -> None:
    rows = [
        ["问题", "答案", "备注"],
        ["几点开门？", '"早上九点，\n周日休息""。"', ""],
        ["", "", ""],
        ["在哪里？", "在二楼。", ""],
    ]
    path = tmp_path / f"table{ending}"
    path.write_bytes("\r\n".join(between.join(row) for row in rows).encode(encoding))
    assert list(read_rows(path)) == [
        (3, {"问题": "几点开门？", "答案": '早上九点，\n周日休息"。', "备注": ""}),
        (5, {"问题": "在哪里？", "答案": "在二楼。", "备注": ""}),
    ]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "question,answer\na,b\nc,d,e\n", "line 3 has more cells"),
        ("a.csv", f'question,answer\na,"{"x" * 200_000}', "line 2 has more cells than .* never ends"),
        ("a.csv", "question,answer\n", "has no lines"),
        ("a.xlsx", "PK", "is a spreadsheet's own file; save it from there as CSV"),
    ],
)
def test_a_table_that_cannot_be_read(name: str, text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=words):
        list(read_rows(tmp_path / name))


def test_a_model_without_a_template_says_what_to_write(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no chat template: write"):
        read_examples(write(tmp_path / "a.jsonl", {"question": "x", "answer": "y"}), Encoder(tokenizer, None, 200))


def example(question: str, ids: int = 3) -> Example:
    return Example([1] * ids, [True] * ids, question, "a", 1)


def test_a_question_is_never_on_both_sides() -> None:
    examples = [example(f"q{i % 40}") for i in range(120)]
    training, heldout = split(examples, seed=3)
    assert len(training) + len(heldout) == 120
    assert len(heldout) == 12
    assert {e.key for e in training}.isdisjoint({e.key for e in heldout})
    assert split(examples, seed=3) == (training, heldout)
    assert split(examples[:4], seed=3) == (examples[:4], [])


def test_packing_keeps_documents_apart() -> None:
    packed = pack([([5, 6, 7], [False, True, True]), ([8, 9], [True, True])])
    assert packed.tokens_BT.tolist() == [[5, 6, 7, 8, 9]]
    assert packed.targets_BT.tolist() == [[6, 7, IGNORED, 9, IGNORED]]
    assert packed.doc_BT.tolist() == [[0, 0, 0, 1, 1]]
    assert packed.pos_BT.tolist() == [[0, 1, 2, 0, 1]]
    assert packed.count == 3
    assert groups([5, 5, 30, 2, 2], limit=10) == [[0, 1], [2], [3, 4]]
