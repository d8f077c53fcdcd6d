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
from huozhong.train.adapt.examples import Encoder, Example, groups, pack, read_examples, split

R1 = (
    "{{bos_token}}{% for m in messages %}{% if m['role'] == 'user' %}{{'<｜User｜>' + m['content']}}"
    "{% else %}{{'<｜Assistant｜>' + m['content'] + eos_token}}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{'<｜Assistant｜><think>\\n'}}{% endif %}"
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


def test_a_template_that_hides_reasoning_is_learnt_as_it_is_served(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """R1's distilled models: history without reasoning, prompts that open it."""
    encoder = Encoder(tokenizer, ChatTemplate(R1, tokenizer), 200)
    (example,) = read_examples(write(tmp_path / "a.jsonl", {"question": "3+5", "answer": "</think>8"}), encoder)
    assert encoder.template is not None
    prompt = encoder.template.tokens([{"role": "user", "content": "3+5"}])
    assert example.ids[: len(prompt)] == prompt
    assert said(example, tokenizer) == "\n</think>\n\n</think>8<｜end▁of▁sentence｜>"
    assert example.ids.count(tokenizer.token_id("</think>")) == 1  # the one in the answer is text, not a mark


@pytest.mark.parametrize(("row", "words"), [
    ("{oops", "line 2 is not a JSON object"), ("[1]", "line 2 is not a JSON object"),
    ({"question": "x"}, "line 2: 'answer' is missing"), ({"q": "x"}, "line 2: 'question' is missing (it has 'q')"),
    ({"question": "x", "answer": ""}, "line 2: 'answer' must be text"),
    ({"question": "x", "answer": 3}, "line 2: 'answer' must be text"),
    ({"messages": [{"role": "user", "content": "x"}]}, "line 2: messages must be a list of at least two"),
    ({"messages": [{"role": "assistant", "content": "x"}, {"role": "user", "content": "x"}]}, "line 2: the last"),
    ({"messages": [{"role": "owl", "content": "x"}, {"role": "assistant", "content": "x"}]},
     "line 2: messages[0].role"),
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
    (tmp_path / "gbk.jsonl").write_bytes('{"问": "几点？"}'.encode("gbk"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_examples(tmp_path / "gbk.jsonl", encoder)


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
