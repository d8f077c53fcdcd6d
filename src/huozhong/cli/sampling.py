"""Where `train` gets its answers from: the engine, as a sampler with the policy's current weights or as a teacher."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from huozhong.engine.collector import Collector
from huozhong.engine.llm import LLM, Completion, SamplingParams
from huozhong.errors import EngineError
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.distill.run import TeacherAnswer
from huozhong.train.model_folder import save_transformer
from huozhong.train.rl.rollout import Ask, Drawn

if TYPE_CHECKING:
    from huozhong.exam.subject import Subject
    from huozhong.model.transformer import Transformer

MEMORY = Path("/dev/shm")  # a file system in memory, where there is one


class EngineSampler:
    """`train.rollout.Sampler` through the engine: the weights go through a folder in memory and are packed anew.

    precision: how the folder keeps the weights before they are packed; "float32" where nothing may be lost.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        quantization: Literal["q8", "q4", "none"] = "q8",
        num_threads: int | None = None,
        precision: Literal["bfloat16", "float32"] = "bfloat16",
        max_context: int | None = None,
    ) -> None:
        self._files = tokenizer.files()
        self._quantization, self._num_threads, self._precision = quantization, num_threads, precision
        self._max_context = max_context
        self._folder = tempfile.TemporaryDirectory(prefix="huozhong-", dir=MEMORY if MEMORY.is_dir() else None)
        self._llm: LLM | None = None

    def load(self, model: Transformer) -> None:
        self._release()
        folder = Path(self._folder.name)
        save_transformer(model, folder / "model", extra_files=self._files, dtype=self._precision)
        self._llm = LLM(
            folder / "model",
            quantization=self._quantization,
            num_threads=self._num_threads,
            max_context=self._max_context,
            cache_dir=folder / "cache",
            prefix_cache_bytes=0,
            speculation="off",
        )

    def generate(self, asks: Sequence[Ask], *, max_tokens: int, greedy: bool = False) -> list[Drawn]:
        llm = self._llm
        assert llm is not None, "load the weights first"
        collectors = [Collector() for _ in asks]
        handles = []
        try:
            for ask, collector in zip(asks, collectors, strict=True):
                params = SamplingParams(
                    temperature=0.0 if greedy else 1.0, seed=ask.seed, max_tokens=max_tokens, logprobs=0
                )
                handles.append(llm.submit(ChatPrompt(list(ask.prompt)), params, collector.put))
            return [_drawn(Completion.from_deltas(collector)) for collector in collectors]
        finally:
            for handle in handles:
                handle.abort()

    def close(self) -> None:
        self._release()
        self._folder.cleanup()

    def _release(self) -> None:
        if self._llm is not None:
            self._llm.close()
            self._llm = None


def _drawn(answer: Completion) -> Drawn:
    if answer.finish_reason == "abort":
        raise EngineError("the engine was closed while it answered; run the same command again.")
    logprobs = tuple(entry.logprob for entry in answer.logprobs)
    return Drawn(answer.token_ids, logprobs, finished=answer.finish_reason == "stop")


class SubjectTeacher:
    """`train.distill.Teacher` through whoever the exam can ask: a URL or a local model."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def answer(
        self, question: str, *, temperature: float, seed: int, max_tokens: int, thinking: bool | None
    ) -> TeacherAnswer:
        from huozhong.exam.subject import Asking

        asking = Asking(max_tokens=max_tokens, thinking=thinking)
        answer = self._subject.answer(question, asking, temperature=temperature, seed=seed)
        finished = answer.finish_reason in ("stop", None) and answer.error is None
        return TeacherAnswer(answer.text, answer.reasoning, finished, answer.error)

    def close(self) -> None:
        self._subject.close()


def open_teacher(url: str | None, model: str | None, concurrency: int) -> SubjectTeacher:
    """A server, or else the local model of that name or folder.  Raises ConfigError, ExamError, CheckpointError."""
    from huozhong.exam.subject import UrlSubject, open_local

    if url is not None:
        return SubjectTeacher(UrlSubject(url, model=model, concurrency=concurrency, forgives=max(8, 2 * concurrency)))
    assert model is not None
    return SubjectTeacher(open_local(model, concurrency=concurrency))
