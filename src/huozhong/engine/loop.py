"""The step thread: every request, from whatever thread it came, is served here.

`step()` reads as its sentence: schedule, run, postprocess.  Requests and aborts arrive through an inbox that
is emptied between steps, so scheduler, pages and sequences belong to one thread and need no locks.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence as ListLike
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from huozhong.cost import Meter
from huozhong.engine.answering import chunk_of, go_on, scored
from huozhong.engine.billing import charge, reading, usage
from huozhong.engine.cache.pages import PagePool
from huozhong.engine.cache.prefixes import PrefixStore
from huozhong.engine.guides.constraint import Beginning, Guides
from huozhong.engine.output import OutputText
from huozhong.engine.queueing import Progress
from huozhong.engine.requests import (
    Delta,
    EmbedRequest,
    FinishReason,
    GenerateRequest,
    Request,
    ScoreRequest,
    checked_ids,
)
from huozhong.engine.runner import Runner
from huozhong.engine.sampler import TokenCounts
from huozhong.engine.scheduler import Scheduler, Slice
from huozhong.engine.sequence import Sequence
from huozhong.engine.speculation.block import module_of
from huozhong.engine.speculation.speculator import Speculation, Speculator
from huozhong.engine.stats import EngineStats, expert_counters
from huozhong.engine.tasks import EmbedTask, GenerateTask, ScoreTask, Task
from huozhong.engine.thought import ThoughtLimit
from huozhong.errors import EngineError, HuozhongError
from huozhong.text.tokenizer import Tokenizer

log = logging.getLogger(__name__)

F32 = NDArray[np.float32]
Outputs = ListLike[F32 | None]  # of each slice

MAX_STALL = 0.25  # seconds that a piece of somebody's prompt may keep others from their next token
MIN_PIECE = 32  # tokens of a prompt below which a step costs much the same


class Handle:
    """A submitted request: its number, and the way to end it."""

    def __init__(self, engine: Engine, sequence: Sequence) -> None:
        self.request_id = sequence.request_id
        self._engine = engine
        self._sequence = sequence

    def abort(self) -> None:
        """End the request before the next step: its last delta says "abort".  A finished one stays."""
        self._engine.abort(self._sequence)

    def progress(self) -> Progress:
        """Its place among those that wait, and how much of its prompt is read; from any thread."""
        return self._engine.progress(self._sequence)


class Engine:
    """The step loop around one runner.

    `submit`, `abort` and `close` may be called from any thread.
    eos_ids: tokens that end an answer.  token_budget: how many tokens one step computes at most.
    swap_bytes: room for the pages of requests that are preempted for lack of memory.
    speculation: "auto", "off" or how many tokens are guessed; see `Speculator`.
    store: prompt pages on disk; it is closed with the engine.
    """

    def __init__(
        self,
        runner: Runner,
        tokenizer: Tokenizer,
        *,
        max_context: int,
        eos_ids: frozenset[int],
        meter: Meter,
        token_budget: int = 256,
        max_running: int = 32,
        swap_bytes: int = 0,
        speculation: Speculation = "auto",
        store: PrefixStore | None = None,
    ) -> None:
        assert runner.num_pages * runner.page_size >= max_context, "the pool must hold one full context"
        self.runner = runner
        self.tokenizer = tokenizer
        self.max_context = max_context
        self.eos_ids = eos_ids
        self.meter = meter
        # A model's table may be longer than its tokenizer's: the tokens in between have no meaning.
        self.vocab_size = min(runner.architecture.vocab_size, tokenizer.vocab_size)
        self.speculator = Speculator(speculation, ahead=module_of(runner))
        self.scheduler = Scheduler(
            PagePool(runner.num_pages, runner.page_size),
            token_budget=token_budget,
            max_running=max_running,
            memory=runner,
            swap_bytes=swap_bytes,
            store=store,
            plan_drafts=self.speculator.plan if self.speculator.is_on else None,
        )
        self.store = store
        self.num_steps = 0
        self.num_generated = 0  # sampled
        self.num_forced = 0  # known from a guide
        self.runner_seconds = 0.0
        self._prompt_rate: float | None = None  # tokens of prompts per second, lately
        self.guides = Guides(tokenizer, self.vocab_size, eos_ids)
        self._ids = itertools.count(1)
        self._wake = threading.Condition()
        self._arrivals: deque[Sequence] = deque()
        self._aborts: deque[Sequence] = deque()
        self._closing = False
        self._thread: threading.Thread | None = None

    # -- from any thread -------------------------------------------------------------------------

    def submit(self, request: Request, on_delta: Callable[[Delta], None]) -> Handle:
        """Queue a request; see `LLM.submit`."""
        ids = self.check(request)
        room, user, watched = 0, None, False
        if isinstance(request, GenerateRequest):
            room, user, watched = self.max_context - len(ids), request.user, request.watched
            if request.params.max_tokens is not None:
                room = min(room, request.params.max_tokens)
        sequence = Sequence(next(self._ids), ids, room, self._task(request, ids), on_delta, user, watched)
        with self._wake:
            if self._closing:
                raise EngineError("this model has been closed; make a new LLM.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="huozhong-steps", daemon=True)
                self._thread.start()
            self._arrivals.append(sequence)
            self._wake.notify()
        return Handle(self, sequence)

    def check(self, request: Request) -> NDArray[np.int32]:
        """A request's tokens as int32 [T]; `RequestError` or `ContextLengthError` if it cannot be served."""
        return checked_ids(request, self.max_context, self.runner.architecture.vocab_size)

    def _task(self, request: Request, ids: NDArray[np.int32]) -> Task:
        if isinstance(request, ScoreRequest):
            return ScoreTask(ids, request.told)
        if isinstance(request, EmbedRequest):
            return EmbedTask(request.pooling)
        prompt, params = request.prompt, request.params
        limit = params.max_reasoning_tokens
        begins: Beginning = "reasoning" if prompt.opens_thinking else "either" if prompt.may_think else "answer"
        return GenerateTask(
            params,
            OutputText.of(prompt, self.tokenizer, params.stop),
            TokenCounts(ids, self.vocab_size) if params.has_penalties else None,
            None if params.guide is None else self.guides.constraint(params.guide, begins),
            None if limit is None else ThoughtLimit(limit, self.tokenizer, self.vocab_size),
        )

    def abort(self, sequence: Sequence) -> None:
        """End a request before the next step."""
        with self._wake:
            if not sequence.is_finished:
                self._aborts.append(sequence)
                self._wake.notify()

    def progress(self, sequence: Sequence) -> Progress:
        """How far a request is; see `Handle.progress`."""
        return self.scheduler.queueing.progress(sequence, self._prompt_rate)

    def close(self) -> None:
        """Abort everything and end the step thread; from the step thread itself, after the current step."""
        with self._wake:
            self._closing = True
            self._wake.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        elif thread is None and self.store is not None:
            self.store.close()

    def stats(self) -> EngineStats:
        """Counters since the start; each is exact, and they may be a step apart from one another."""
        scheduler, guesses = self.scheduler, self.speculator.stats
        return EngineStats(
            steps=self.num_steps,
            generated_tokens=self.num_generated + self.num_forced,
            forced_tokens=self.num_forced,
            prompt_tokens=scheduler.stats.prompt_tokens,
            memory_hit_tokens=scheduler.stats.memory_hit_tokens,
            disk_hit_tokens=scheduler.stats.disk_hit_tokens,
            disk_pages_written=0 if self.store is None else self.store.pages_written,
            preemptions=scheduler.stats.preemptions,
            swapped_out=scheduler.stats.swapped_out,
            drafted_tokens=guesses.drafted,
            accepted_tokens=guesses.accepted,
            speculating_steps=guesses.steps,
            running=len(scheduler.running),
            waiting=len(scheduler.waiting),
            used_pages=scheduler.pool.num_used,
            num_pages=scheduler.pool.num_pages,
            swap_bytes=0 if scheduler.swap is None else scheduler.swap.used,
            runner_seconds=self.runner_seconds,
            **expert_counters(self.runner.experts()),
        )

    # -- the step thread -------------------------------------------------------------------------

    def step(self) -> None:
        """Compute the next tokens of whoever is next: schedule, run, postprocess."""
        began = time.perf_counter()
        slices: list[Slice] = []
        try:
            slices = self.scheduler.schedule()
            if not slices:  # everyone waits for the disk
                assert self.store is not None
                return self.store.wait(0.02)
            for slice_ in slices:
                if slice_.prefill and slice_.start == slice_.sequence.cache_hit_tokens:  # nothing is computed yet
                    self._tell_reading(slice_.sequence)
            outputs, states = self._run(slices, began)
        except Exception as error:
            self._fail_step(slices, error)
        else:
            self._postprocess(slices, outputs, states, began)

    def _run(self, slices: list[Slice], began: float) -> tuple[Outputs, Outputs]:
        """The forward pass: what each slice wants of it, and where drafting needs them the hidden states."""
        chunks = [chunk_of(s) for s in slices]
        entered = time.perf_counter()
        outputs: Outputs
        states: Outputs
        if self.speculator.wants_states:
            outputs, states = self.runner.forward_with_states(chunks)
        else:
            outputs, states = self.runner.forward(chunks), [None] * len(slices)
        now = time.perf_counter()
        self.runner_seconds += now - entered
        self.num_steps += 1
        charge(slices, self.meter)
        self._pace(slices, now - began)
        return outputs, states

    def _postprocess(self, slices: list[Slice], outputs: Outputs, states: Outputs, began: float) -> None:
        """Choose tokens and tell the callers; an error ends the request that it came from."""
        generated = self.num_generated
        for slice_, output, states_TD in zip(slices, outputs, states, strict=True):
            try:
                self._take_output(slice_, output)
                self._keep_states(slice_, states_TD)
            except Exception as error:
                log.exception("request %d failed", slice_.sequence.request_id)
                self._fail(slice_.sequence, error)
        if self.speculator.is_on:
            rows = sum(s.count for s in slices)
            extra = sum(len(s.drafts) for s in slices)
            if rows - extra == len(slices) and not any(s.prefill for s in slices):
                tokens = self.num_generated - generated
                self.speculator.timed(len(slices), extra, tokens, time.perf_counter() - began)
        self.scheduler.save_pages(1)

    def _serve(self) -> None:
        self.meter.start()
        try:
            while self._take_inbox():
                if self.scheduler.has_work:
                    self.step()
        finally:  # also after a mistake of ours: nobody may wait for a thread that is gone
            with self._wake:
                self._closing = True
            for sequence in (*self.scheduler.running, *self.scheduler.waiting, *self._arrivals):
                self._finish(sequence, "abort", Delta())
            self.meter.stop()
            if self.store is not None:
                self._save_all()
                self.store.close()

    def _save_all(self) -> None:
        """Copy what the disk does not have yet, as far as the writer keeps up within a few seconds."""
        assert self.store is not None
        deadline = time.monotonic() + 5
        while self.scheduler.has_unsaved and time.monotonic() < deadline:
            if not self.scheduler.save_pages(16):
                self.store.wait(0.05)

    def _take_inbox(self) -> bool:
        """Queue what has arrived, end what was aborted, sleep when there is nothing to do; False: close."""
        with self._wake:
            if not (self._arrivals or self._aborts or self._closing or self.scheduler.has_work):
                self.meter.stop()
                while not (self._arrivals or self._aborts or self._closing):
                    # Nobody waits: time to copy prompt pages for the disk, one by one.
                    if not self.scheduler.save_pages(1):
                        self._wake.wait(0.05 if self.scheduler.has_unsaved else None)
                self.meter.start()
                self.meter.lap()  # what passed between the last charge and the pause is nobody's
            if self._closing:
                return False
            arrivals, aborts = list(self._arrivals), list(self._aborts)
            self._arrivals.clear()
            self._aborts.clear()
        for sequence in arrivals:
            self.scheduler.add(sequence)
        for sequence in aborts:
            if not sequence.is_finished:
                self._finish(sequence, "abort", Delta())
        return True

    def _pace(self, slices: list[Slice], seconds: float) -> None:
        """From now on compute no more of prompts beside decoding requests than keeps those waiting MAX_STALL."""
        prompt_tokens = sum(s.count for s in slices if s.prefill)
        if prompt_tokens < MIN_PIECE:
            return
        rate = prompt_tokens / seconds
        self._prompt_rate = rate if self._prompt_rate is None else 0.7 * self._prompt_rate + 0.3 * rate
        budget = int(self._prompt_rate * MAX_STALL)
        self.scheduler.busy_budget = min(max(budget, MIN_PIECE), self.scheduler.token_budget)

    def _take_output(self, done: Slice, output: F32 | None) -> None:
        # First, as a finished request has no pages.  Drafts do not count as computed until they are accepted.
        self.scheduler.advance(done)
        sequence, task = done.sequence, done.sequence.task
        if done.prefill:
            self._tell_reading(sequence)
        if not isinstance(task, GenerateTask):
            assert output is not None
            task.add(done.start, output)
            if done.reaches_end:
                told = scored(sequence.prompt, task, self.tokenizer)
                self._finish(sequence, "stop", Delta(values=task.values, logprobs=told))
        elif done.drafts:
            assert output is not None
            self._verify(done, task, output)
        elif done.reaches_end:
            assert output is not None
            token = self._choose(sequence, task, output)
            if sequence.guessing.proposal is not None:
                self.speculator.learn(sequence, 0, [token])

    def _keep_states(self, done: Slice, states_TD: F32 | None) -> None:
        """Show the prediction module what was computed, as far as it stays: a wrong guess's state leads nowhere."""
        sequence = done.sequence
        if self.speculator.ahead is None or sequence.is_finished or sequence.reads_whole_prompt:
            return
        if states_TD is None:
            sequence.guessing.unread = None
        else:
            self.speculator.ahead.observe(sequence, done.start, states_TD[: sequence.num_computed - done.start])

    def _verify(self, done: Slice, task: GenerateTask, logits_TV: F32) -> None:
        """Choose token after token, as ever, as long as the next logits were computed after the one chosen.

        The state of the sampler (random numbers, penalties, stop strings) thus goes through exactly what it
        would go through without the guess.
        """
        sequence = done.sequence
        chosen: list[int] = []
        drafts, known = done.drafts, sequence.num_tokens
        for position in range(done.count):
            token = self._choose(sequence, task, logits_TV[position])
            chosen.append(token)
            if sequence.is_finished or position == len(drafts) or token != drafts[position]:
                break
            if sequence.num_tokens > known + len(chosen):
                break  # its guide went on
        self.speculator.learn(sequence, len(drafts), chosen)
        if not sequence.is_finished:
            self.scheduler.accept(sequence, len(chosen) - 1)

    def _choose(self, sequence: Sequence, task: GenerateTask, logits_V: F32) -> int:
        """Choose the next token, and what its guide knows to follow, and tell the caller; that may be the end."""
        token, delta = go_on(sequence, task, logits_V[: self.vocab_size], self.tokenizer, self.eos_ids)
        if sequence.first_token_at is None:
            sequence.first_token_at = time.perf_counter()
        self.num_generated += 1
        self.num_forced += len(delta.token_ids) - 1
        if delta.finish_reason is not None:
            self._finish(sequence, delta.finish_reason, delta)
        else:
            used = usage(sequence, self.meter) if sequence.watched else None
            self._deliver(sequence, replace(delta, usage=used) if sequence.watched else delta)
        return token

    def _tell_reading(self, sequence: Sequence) -> None:
        if sequence.watched:
            self._deliver(sequence, Delta(reading=reading(sequence)))

    # -- the end of a request --------------------------------------------------------------------

    def _finish(self, sequence: Sequence, reason: FinishReason, delta: Delta) -> None:
        """Free the request's pages, then send its last delta with all text that was held back."""
        self._forget(sequence)
        task = sequence.task
        text, reasoning = task.output.finish() if isinstance(task, GenerateTask) else ("", "")
        found = task.output.stop_string if isinstance(task, GenerateTask) else None
        last = replace(
            delta,
            text=delta.text + text,
            reasoning=delta.reasoning + reasoning,
            finish_reason=reason,
            stop_string=found,
            usage=usage(sequence, self.meter),
        )
        self._deliver(sequence, last)

    def _fail_step(self, slices: list[Slice], error: Exception) -> None:
        """End the requests that were computed, or if it was not even decided which, all of them; not the engine."""
        log.error("an engine step failed", exc_info=error)
        for sequence in [s.sequence for s in slices] or [*self.scheduler.running, *self.scheduler.waiting]:
            self._fail(sequence, error)

    def _fail(self, sequence: Sequence, error: Exception) -> None:
        self._forget(sequence)
        told = (
            error
            if isinstance(error, HuozhongError)
            else EngineError(
                f"the engine failed while answering ({type(error).__name__}: {error}); other requests go on. "
                "Ask again, and if it fails again, report it with the log."
            )
        )
        if told is not error:
            told.__cause__ = error
        self._deliver(sequence, Delta(error=told, usage=usage(sequence, self.meter)))

    def _forget(self, sequence: Sequence) -> None:
        sequence.is_finished = True
        self.scheduler.remove(sequence)

    def _deliver(self, sequence: Sequence, delta: Delta) -> None:
        try:
            sequence.on_delta(delta)
        except Exception:
            # The receiver is broken; nobody can be told, so the request ends and the log says why.
            log.exception("the receiver of request %d failed; the request is ended", sequence.request_id)
            self._forget(sequence)
