"""A model whose experts stay on the disk: the same bits, whatever fits into memory; a disk that fails is an error."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from tests.conftest import LINES, tiny_config

from huozhong.engine import kernels
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.engine.weights import streaming
from huozhong.engine.weights.load import load_weights
from huozhong.errors import CheckpointError, ConfigError
from huozhong.model.transformer import Transformer
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.model_folder import save_transformer

GREEDY = SamplingParams(max_tokens=24, temperature=0, ignore_eos=True)
PROMPTS = [LINES[i % 5][i:] for i in range(8)]
FEW, SOME = 450_000, 2_000_000  # bytes: four or five experts of 192, and some more


@pytest.fixture(scope="module", params=["q8", "q8 with a prediction module", "q4"])
def folder(request: pytest.FixtureRequest, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three layers of 64 experts, four for each token, in groups."""
    torch.manual_seed(11)
    model = Transformer(
        tiny_config(
            tokenizer.vocab_size, num_hidden_layers=4, hidden_size=128, moe_intermediate_size=128, n_routed_experts=64,
            num_experts_per_tok=4, n_group=4, topk_group=2, num_nextn_predict_layers=int("module" in request.param),
        )
    ).eval()  # fmt: skip
    path = tmp_path_factory.mktemp("models") / request.param.split()[0]
    save_transformer(model, path, extra_files=tokenizer.files(), dtype="float32")
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def opened(folder: Path, cache: Path, memory: int | None, **options: object) -> LLM:
    quantization = "q4" if folder.name == "q4" else "q8"
    return LLM(
        folder, quantization=quantization, cache_dir=cache, prefix_cache_bytes=0, expert_memory=memory, **options
    )  # type: ignore[arg-type]


@pytest.fixture(params=[kernels.available()[0], "plain"])
def instructions(request: pytest.FixtureRequest) -> None:
    kernels.use(request.param)


@pytest.mark.usefixtures("instructions")
def test_every_answer_has_the_bits_that_it_has_in_memory(folder: Path, cache: Path) -> None:
    with opened(folder, cache, None) as llm:
        expected = [one.token_ids for one in llm.generate(PROMPTS, GREEDY)]
        assert llm.stats().expert_slots == 0
    for memory in (FEW, SOME):
        with opened(folder, cache, memory) as llm:
            together = [one.token_ids for one in llm.generate(PROMPTS, GREEDY)]
            alone = [llm.generate([prompt], GREEDY)[0].token_ids for prompt in PROMPTS[:2]]
            stats = llm.stats()
        assert together == expected, memory
        assert alone == expected[:2], memory
        assert 4 <= stats.expert_slots < 192
        assert stats.expert_reads >= stats.expert_misses > 0


def test_what_is_used_often_stays_and_the_next_layers_are_read_ahead(folder: Path, cache: Path) -> None:
    with opened(folder, cache, 4_500_000, speculation="off") as llm:
        llm.generate([PROMPTS[0]], SamplingParams(max_tokens=60, temperature=0, ignore_eos=True))
        stats = llm.stats()
    assert stats.expert_guesses >= stats.expert_ahead > stats.expert_guesses / 2
    by_chance = stats.expert_slots / 192
    assert stats.expert_hits / (stats.expert_hits + stats.expert_misses) > 1.2 * by_chance
    # One read takes as long as it takes; several at a time add up.
    assert 0 < stats.expert_busy_seconds <= stats.expert_reading_seconds
    assert stats.expert_reading_seconds < streaming.READERS * stats.expert_busy_seconds * 1.01


def test_many_at_once_get_what_each_gets_alone(folder: Path, cache: Path) -> None:
    with opened(folder, cache, None) as llm:
        expected = [llm.generate([prompt], GREEDY)[0].text for prompt in PROMPTS]
    found: dict[int, str] = {}
    with opened(folder, cache, SOME, step_tokens=40) as llm:

        def ask(number: int) -> None:
            found[number] = llm.generate([PROMPTS[number]], GREEDY)[0].text

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(PROMPTS))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [found[number] for number in range(len(PROMPTS))] == expected


def test_a_disk_that_fails_ends_the_request_in_a_sentence_and_may_come_back(folder: Path, cache: Path) -> None:
    with opened(folder, cache, None) as llm:
        expected = llm.generate([PROMPTS[1]], GREEDY)[0].text
    (packed,) = cache.glob("*.packed")
    whole = packed.read_bytes()
    with opened(folder, cache, FEW) as llm:
        assert llm.generate([PROMPTS[1]], GREEDY)[0].text == expected
        with packed.open("r+b") as file:
            file.truncate(4096)
        with pytest.raises(CheckpointError, match=r"cannot be read from the disk: .*shorter"):
            llm.generate([PROMPTS[0]], GREEDY)
        with packed.open("r+b") as file:
            file.write(whole)
        assert llm.generate([PROMPTS[1]], GREEDY)[0].text == expected


def test_a_model_larger_than_memory_is_streamed_by_itself(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = load_weights(folder, folder.name, cache).layers  # type: ignore[arg-type]
    experts = sum(m.nbytes for layer in layers if layer.moe for m in (*layer.moe.gate_up, layer.moe.down))
    monkeypatch.setattr(streaming, "MARGIN", 0)
    monkeypatch.setattr(streaming, "available_memory", lambda: 1 << 40)
    with opened(folder, cache, None) as llm:
        assert llm.stats().expert_slots == 0
    monkeypatch.setattr(streaming, "available_memory", lambda: experts * 3 // 4)
    with opened(folder, cache, None, max_context=64) as llm:
        stats = llm.stats()
        assert 4 <= stats.expert_slots < 192


def test_what_cannot_be_is_refused_in_words(folder: Path, tiny_folder: Path, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"need at least .*four of them"):
        opened(folder, cache, 1000)
    with pytest.raises(ConfigError, match="expert_memory is 0"):
        opened(folder, cache, 0)
    (tmp_path / "file").write_text("no folder")
    with pytest.warns(UserWarning, match="cannot be kept"), pytest.raises(ConfigError, match="see cache_dir"):
        opened(folder, tmp_path / "file", FEW)
    torch.manual_seed(1)
    dense = Transformer(tiny_config(320, n_routed_experts=0, first_k_dense_replace=2, n_shared_experts=0))
    save_transformer(dense, tmp_path / "dense", extra_files=Tokenizer.train(LINES * 4, 320).files(), dtype="float32")
    with pytest.raises(ConfigError, match="this one has none"):
        LLM(tmp_path / "dense", cache_dir=cache, expert_memory=FEW)
