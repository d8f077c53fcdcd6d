"""Sits the exam: asks the questions from several threads, marks the answers, keeps them when stopped."""

from __future__ import annotations

import math
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from huozhong.errors import DataError, HuozhongError
from huozhong.exam.held_out import held_out_texts
from huozhong.exam.lines import read_file
from huozhong.exam.parts import PARTS, PERPLEXITY, Part, Question, Setting
from huozhong.exam.report import Item, PartResult, Report, Score
from huozhong.exam.subject import Answer, Asking, Subject

# Called with the part's name, how many of its questions are done, and how many there are.
Progress = Callable[[str, int, int], None]


def examine(
    subject: Subject,
    parts: Sequence[str],
    setting: Setting,
    asking: Asking | None = None,
    *,
    on_progress: Progress = lambda part, done, total: None,
    on_item: Callable[[Item], None] = lambda item: None,
) -> Report:
    """Ask `subject` the named parts and mark it.

    All questions are made first, so that a missing file or package is an error before any work is done.  A
    Ctrl-C or an error of the subject ends the exam early: the report then has what was answered until then,
    `complete` False and `stopped_by` saying why (an error's sentence, or "interrupted").
    """
    asking = asking or Asking()
    plan = {part.name: _questions(part, setting) for part in PARTS if part.name in parts}
    passages = _passages(setting) if PERPLEXITY in parts else {}
    results: list[PartResult] = []
    stopped_by: str | None = None
    started = time.perf_counter()
    try:
        for part in PARTS:
            if part.name in plan:
                result, stopped_by = _ask_part(part, plan[part.name], subject, asking, on_progress, on_item)
                results.append(result)
                if stopped_by:
                    break
        if PERPLEXITY in parts and not stopped_by:
            results.append(_perplexity(subject, passages, on_progress))
    except KeyboardInterrupt:
        stopped_by = "interrupted"
    except HuozhongError as error:
        stopped_by = str(error)
    return Report(
        model=subject.name,
        kind=subject.kind,
        quantization=subject.quantization,
        seed=setting.seed,
        limit=setting.limit,
        max_tokens=asking.max_tokens,
        thinking=asking.thinking,
        poem_temperature=setting.poem_temperature,
        parts=tuple(results),
        seconds=time.perf_counter() - started,
        bill=subject.bill(),
        stopped_by=stopped_by,
    )


def _questions(part: Part, setting: Setting) -> list[Question] | str:
    questions = part.ask(setting)
    if isinstance(questions, str) or setting.limit is None or setting.limit >= len(questions):
        return questions
    kept = sorted(random.Random(f"limit {setting.seed}").sample(range(len(questions)), setting.limit))
    return [questions[index] for index in kept]


def _ask_part(
    part: Part,
    questions: list[Question] | str,
    subject: Subject,
    asking: Asking,
    on_progress: Progress,
    on_item: Callable[[Item], None],
) -> tuple[PartResult, str | None]:
    """One part, and what stopped it early, if anything did."""
    if isinstance(questions, str):
        return PartResult(part.name, part.zh, part.en, note=questions), None
    items: list[Item] = []
    stopped_by: str | None = None
    started = time.perf_counter()
    on_progress(part.name, 0, len(questions))
    pool = _Pool(subject, asking, questions)
    try:
        for question, answer in pool.answers():
            item = Item.of(part.name, question, answer, part.mark(question, answer))
            items.append(item)
            on_item(item)
            on_progress(part.name, len(items), len(questions))
    except KeyboardInterrupt:
        stopped_by = "interrupted"
    except HuozhongError as error:
        stopped_by = str(error)
    finally:
        pool.stop()
    items.sort(key=lambda item: item.id)
    scores = tuple(Score.count_marks(mark, items) for mark in part.marks)
    seconds = time.perf_counter() - started
    result = PartResult(part.name, part.zh, part.en, len(questions), scores, tuple(items), seconds)
    return result, stopped_by


GRACE = 2.0  # seconds


class _Pool:
    """Daemon threads that ask: a program that is told to end need not wait for a slow server."""

    def __init__(self, subject: Subject, asking: Asking, questions: list[Question]) -> None:
        self._subject, self._asking = subject, asking
        self._waiting: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Question, Answer] | BaseException] = queue.SimpleQueue()
        self._count = len(questions)
        self._stopped = threading.Event()
        for question in questions:
            self._waiting.put(question)
        workers = min(subject.concurrency, len(questions))
        self._threads = [threading.Thread(target=self._work, name="exam", daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def answers(self) -> Iterator[tuple[Question, Answer]]:
        """Answers as they come; the first error of a thread is raised."""
        for _ in range(self._count):
            done = self._done.get()
            if isinstance(done, BaseException):
                raise done
            yield done

    def stop(self) -> None:
        """Take no further question.  Answers under way get a moment to end, but are not waited for."""
        self._stopped.set()
        deadline = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                question = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                answer = self._subject.answer(
                    question.text, self._asking, temperature=question.temperature, seed=question.seed
                )
            except BaseException as error:  # carried to the thread that waits, and raised there
                self._done.put(error)
                return
            self._done.put((question, answer))


# ---- perplexity


def _passages(setting: Setting) -> dict[str, list[str]]:
    """Texts by kind."""
    if setting.text is not None:
        text = read_file(Path(setting.text))
        if not text.strip():
            raise DataError(f"{setting.text} is empty; give a text to measure perplexity on.")
        return {"text": [text]}
    passages: dict[str, list[str]] = {}
    for passage in held_out_texts():
        passages.setdefault(passage.kind, []).append(passage.text)
    return passages


def _perplexity(subject: Subject, passages: dict[str, list[str]], on_progress: Progress) -> PartResult:
    """Bits per byte (UTF-8) of each kind of text and of all together."""
    zh, en = "未见文本", "held-out text"
    total = sum(len(texts) for texts in passages.values())
    on_progress(PERPLEXITY, 0, total)
    bits: dict[str, float] = {}
    size: dict[str, int] = {}
    done = 0
    started = time.perf_counter()
    for kind, texts in passages.items():
        for text in texts:
            nats = subject.negative_log_likelihood(text)
            if nats is None:
                note = "only a local model's probabilities can be read"
                return PartResult(PERPLEXITY, zh, en, note=note)
            bits[kind] = bits.get(kind, 0.0) + nats / math.log(2)
            size[kind] = size.get(kind, 0) + len(text.encode())
            done += 1
            on_progress(PERPLEXITY, done, total)
    per_byte = {kind: bits[kind] / size[kind] for kind in bits}
    per_byte["all"] = sum(bits.values()) / sum(size.values())
    seconds = time.perf_counter() - started
    return PartResult(PERPLEXITY, zh, en, asked=total, seconds=seconds, bits_per_byte=per_byte)
