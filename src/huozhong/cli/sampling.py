"""Where `train` gets its answers from: the engine, as a sampler with the policy's current weights or as a teacher."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from huozhong.engine.llm import LLM, Delta, SamplingParams
from huozhong.errors import EngineError
from huozhong.model.transformer import save_transformer
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.distill.run import TeacherAnswer
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
        gathered = [_Gathered() for _ in asks]
        handles = []
        try:
            for ask, answer in zip(asks, gathered, strict=True):
                params = SamplingParams(
                    temperature=0.0 if greedy else 1.0, seed=ask.seed, max_tokens=max_tokens, logprobs=0
                )
                handles.append(llm.submit(list(ask.prompt), params, answer.put))
            return [answer.drawn() for answer in gathered]
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


class _Gathered:
    """One answer's deltas; waiting for the last one."""

    def __init__(self) -> None:
        self._deltas: list[Delta] = []
        self._done = threading.Event()

    def put(self, delta: Delta) -> None:
        self._deltas.append(delta)
        if delta.is_last:
            self._done.set()

    def drawn(self) -> Drawn:
        self._done.wait()
        last = self._deltas[-1]
        if last.error is not None:
            raise last.error
        if last.finish_reason == "abort":
            raise EngineError("the engine was closed while it answered; run the same command again.")
        ids = tuple(token for delta in self._deltas for token in delta.token_ids)
        logprobs = tuple(entry.logprob for delta in self._deltas for entry in delta.logprobs)
        return Drawn(ids, logprobs, finished=last.finish_reason == "stop")


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
        return SubjectTeacher(UrlSubject(url, model=model, concurrency=concurrency))
    assert model is not None
    return SubjectTeacher(open_local(model, concurrency=concurrency))
