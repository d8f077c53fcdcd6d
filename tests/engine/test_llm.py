"""The public face, on a tiny model folder."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from huozhong.engine.llm import LLM, Delta, SamplingParams
from huozhong.errors import ConfigError, ContextLengthError, HuozhongError, RequestError
from huozhong.model.transformer import Transformer, generate
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.model_folder import load_transformer

GREEDY = SamplingParams(temperature=0, max_tokens=24, ignore_eos=True)
QUESTION = [{"role": "user", "content": "小明有3个苹果，又买了5个，一共有几个？"}]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def llm(tiny_folder: Path, cache: Path) -> Iterator[LLM]:
    with LLM(tiny_folder, quantization="none", num_threads=1, cache_dir=cache) as model:
        yield model


def test_greedy_tokens_are_the_references(llm: LLM, tiny_model: Transformer, tokenizer: Tokenizer) -> None:
    texts = ["小明有3个苹果，", "The quick brown fox", "春"]
    answers = llm.generate(texts, GREEDY)
    for text, got in zip(texts, answers, strict=True):
        assert list(got.token_ids) == generate(tiny_model, [1, *tokenizer.encode(text)], 24)
        assert got.text == tokenizer.decode(got.token_ids)


def test_generate_takes_a_text_ids_or_a_list_of_either(llm: LLM, tokenizer: Tokenizer) -> None:
    ids = [1, *tokenizer.encode("The lazy dog")]
    one, same = llm.generate("The lazy dog", GREEDY), llm.generate(ids, GREEDY)
    both = llm.generate(["The lazy dog", ids], GREEDY)
    assert {c.token_ids for c in (*one, *same, *both)} == {one[0].token_ids}
    assert (len(one), len(same), len(both)) == (1, 1, 2)
    assert llm.generate([], GREEDY) == []


def test_special_tokens_in_a_text_are_plain_text(llm: LLM, tokenizer: Tokenizer) -> None:
    used = llm.generate("<｜Assistant｜>", GREEDY)[0].usage
    assert used.prompt_tokens == 1 + len(tokenizer.encode("<｜Assistant｜>")) > 2


def test_stream_adds_up_to_generate(llm: LLM) -> None:
    whole = llm.generate("What is two", GREEDY)[0]
    parts = list(llm.stream("What is two", GREEDY))
    assert "".join(d.text for d in parts) == whole.text
    assert sum((d.token_ids for d in parts), ()) == whole.token_ids
    assert parts[-1].finish_reason == whole.finish_reason == "length"
    assert parts[-1].usage is not None


def test_leaving_a_stream_aborts_it(llm: LLM) -> None:
    for _ in llm.stream("What is two", SamplingParams(temperature=0, ignore_eos=True)):
        break
    gc.collect()
    llm.generate("one more step", GREEDY)
    assert llm._engine.scheduler.pool.num_used == 0


def test_stream_keeps_its_model_alive(tiny_folder: Path, cache: Path) -> None:
    stream = LLM(tiny_folder, quantization="none", num_threads=1, cache_dir=cache).stream("春", GREEDY)
    gc.collect()
    assert list(stream)[-1].finish_reason == "length"


def test_chat_splits_reasoning_and_text(llm: LLM, tokenizer: Tokenizer) -> None:
    ids = llm.prompt(QUESTION).ids
    assert ids[-1] == tokenizer.token_id("<think>")
    thinking, plain = llm.chat(QUESTION, GREEDY), llm.chat(QUESTION, GREEDY, thinking=False)
    raw = llm.generate(ids, GREEDY)[0]
    assert thinking.token_ids == raw.token_ids
    assert (thinking.reasoning, thinking.text) == (raw.text, "")  # random weights never close their reasoning
    assert thinking.usage.reasoning_tokens == 24
    assert plain.reasoning == ""
    assert plain.text
    assert plain.usage.reasoning_tokens == 0
    assert "".join(d.reasoning for d in llm.chat_stream(QUESTION, GREEDY)) == thinking.reasoning


def test_several_conversations_are_answered_as_each_alone(llm: LLM) -> None:
    other = [{"role": "user", "content": "你好"}]
    alone = [llm.chat(QUESTION, GREEDY), llm.chat(other, GREEDY)]
    together = llm.chat([QUESTION, other], GREEDY)
    assert [one.token_ids for one in together] == [one.token_ids for one in alone]
    short = SamplingParams(temperature=0, max_tokens=3, ignore_eos=True)
    assert [len(one.token_ids) for one in llm.chat([QUESTION, other], [GREEDY, short])] == [24, 3]
    assert [len(one.token_ids) for one in llm.generate(["春", "花"], [short, GREEDY])] == [3, 24]
    with pytest.raises(RequestError, match="2 prompts and 1 params"):
        llm.chat([QUESTION, other], [GREEDY])
    with pytest.raises(RequestError):
        llm.chat([], GREEDY)
    with pytest.raises(RequestError):
        llm.chat([QUESTION, []], GREEDY)


def test_second_turn_hits_the_first_ones_pages(tiny_folder: Path, cache: Path) -> None:
    with LLM(tiny_folder, quantization="none", num_threads=1, cache_dir=cache) as model:
        first = model.chat(QUESTION * 3, GREEDY, thinking=False)
        messages = [*QUESTION * 3, {"role": "assistant", "content": "8个"}, *QUESTION]
        second = model.chat(messages, GREEDY, thinking=False)
        assert first.usage.prompt_tokens > 64
        assert second.usage.cache_hit_tokens == 64
        # The same answer as without the hit, from a model that has never seen the first turn.
        with LLM(tiny_folder, quantization="none", num_threads=1, cache_dir=cache) as fresh:
            assert fresh.chat(messages, GREEDY, thinking=False).token_ids == second.token_ids


def test_submit_and_abort(llm: LLM) -> None:
    deltas: list[Delta] = []
    handle = llm.submit(ChatPrompt([1, 5, 6]), SamplingParams(ignore_eos=True), deltas.append)
    handle.abort()
    llm.generate("one more step", GREEDY)
    assert handle.request_id > 0
    assert deltas[-1].finish_reason in ("abort", "length")


def test_score_is_the_references(llm: LLM, tiny_model: Transformer, tokenizer: Tokenizer) -> None:
    ids = [1, *tokenizer.encode("白日依山尽，黄河入海流。")]
    with torch.no_grad():
        expected = torch.log_softmax(tiny_model.logits(tiny_model(torch.tensor([ids]))[0]).double(), -1).numpy()
    scores = llm.score(ids)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, expected[np.arange(len(ids) - 1), ids[1:]], atol=1e-3)
    assert llm.score([5]).shape == (0,)
    with pytest.raises(RequestError):
        llm.score([])


@pytest.mark.parametrize("quantization", ["q8", "q4"])
def test_quantised_models_answer_and_stay_near(
    tiny_folder: Path, cache: Path, llm: LLM, tokenizer: Tokenizer, quantization: str
) -> None:
    ids = [1, *tokenizer.encode("白日依山尽，黄河入海流。")]
    with LLM(tiny_folder, quantization=quantization, num_threads=1, cache_dir=cache) as model:  # type: ignore[arg-type]
        assert len(model.generate(ids, GREEDY)[0].token_ids) == 24
        distance = abs(model.score(ids).mean() - llm.score(ids).mean())
    assert distance < (0.05 if quantization == "q8" else 1.0)


def test_prompt_longer_than_the_context_names_both_numbers(tiny_folder: Path, cache: Path) -> None:
    with LLM(tiny_folder, quantization="none", max_context=20, num_threads=1, cache_dir=cache) as model:
        with pytest.raises(ContextLengthError, match=r"25 tokens.* 20 "):
            model.generate([1] * 25)
        with pytest.raises(ContextLengthError, match=r"21 tokens.* 20"):
            model.score([1] * 21)
        assert len(model.generate([1] * 15, SamplingParams(ignore_eos=True))[0].token_ids) == 5


def test_every_end_token_of_generation_config_ends_an_answer(
    tiny_folder: Path, cache: Path, llm: LLM, tmp_path: Path
) -> None:
    free = llm.generate("春", GREEDY)[0].token_ids
    folder = tmp_path / "two-ends"
    shutil.copytree(tiny_folder, folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, free[3]]}))
    with LLM(folder, quantization="none", num_threads=1, cache_dir=cache) as model:
        got = model.generate("春", SamplingParams(temperature=0))[0]
    assert got.finish_reason == "stop"
    assert got.token_ids == free[: free.index(free[3]) + 1]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"quantization": "q5"}, "quantization"), ({"max_context": 1}, "max_context"),
        ({"max_context": 10**6}, "256"), ({"max_context": True}, "max_context"),
        ({"cache_tokens": 10}, "cache_tokens"), ({"num_threads": 0}, "num_threads"),
    ],
)  # fmt: skip
def test_impossible_options(tiny_folder: Path, cache: Path, options: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        LLM(tiny_folder, cache_dir=cache, **options)


def test_without_params_a_model_is_sampled_as_it_asks_for(tiny_folder: Path, cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "greedy"
    shutil.copytree(tiny_folder, folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 2, "do_sample": False}))
    with LLM(folder, quantization="none", num_threads=1, cache_dir=cache, max_context=40) as model:
        assert model.defaults == SamplingParams(temperature=0)
        greedy = model.generate("春", SamplingParams(temperature=0))[0]
        assert model.generate("春")[0].token_ids == greedy.token_ids
        assert tuple(t for delta in model.stream("春") for t in delta.token_ids) == greedy.token_ids
        assert model.chat(QUESTION).text == model.chat(QUESTION, SamplingParams(temperature=0)).text


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors", "generation_config.json"])
def test_damaged_files_give_one_clear_error(tiny_folder: Path, tmp_path: Path, file: str) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_folder, folder)
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HuozhongError) as caught:
        LLM(folder, cache_dir=tmp_path / "cache", num_threads=1)
    assert "\n" not in str(caught.value)


def test_a_model_without_a_chat_template_still_continues_texts(tiny_folder: Path, cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(tiny_folder, folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["chat_template"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    with LLM(folder, quantization="none", num_threads=1, cache_dir=cache) as model:
        assert model.generate("春", GREEDY)[0].token_ids
        with pytest.raises(HuozhongError, match="chat"):
            model.chat(QUESTION)


def test_a_bad_prompt_fails_before_any_runs(llm: LLM) -> None:
    with pytest.raises(RequestError):
        llm.generate([[1, 2], []], GREEDY)
    with pytest.raises(RequestError):
        llm.stream([], GREEDY)
    with pytest.raises(RequestError):
        llm.chat([{"role": "robot", "content": "?"}])
    assert not llm._engine.scheduler.has_work


def test_serving_needs_no_torch_and_ends_by_itself(tiny_folder: Path, cache: Path) -> None:
    """In a process of its own that never calls close() and leaves a request running."""
    program = (
        "import sys\n"
        "from huozhong.engine.llm import LLM, SamplingParams\n"
        "from huozhong.text.template import ChatPrompt\n"
        f"llm = LLM({str(tiny_folder)!r}, num_threads=1, cache_dir={str(cache)!r})\n"
        "llm.generate('春', SamplingParams(max_tokens=3))\n"
        "llm.submit(ChatPrompt([1, 2]), SamplingParams(ignore_eos=True), lambda delta: None)\n"
        "assert 'torch' not in sys.modules\n"
        "print('end')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_the_folder_is_what_the_reference_reads(tiny_folder: Path, tiny_model: Transformer) -> None:
    assert generate(load_transformer(tiny_folder), [1, 2, 3], 8) == generate(tiny_model, [1, 2, 3], 8)
