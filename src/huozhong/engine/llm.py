"""`LLM`: the engine's public face.

    llm = LLM("ember")
    print(llm.chat([{"role": "user", "content": "小明有3个苹果，又买了5个，一共几个？"}]).text)

Every call, alone or from many threads, goes the same way: a request is submitted to the step thread
(`engine.loop`), which batches all of them, and comes back as a stream of `Delta`s.
"""

from __future__ import annotations

import secrets
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Sequence as ListLike
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from huozhong.cost import Meter
from huozhong.engine import generation_config, options
from huozhong.engine.cache.open_prefixes import open_prefixes
from huozhong.engine.collector import Collector
from huozhong.engine.guides.acts import numbers_line, shorter, shown
from huozhong.engine.guides.constraint import Guides
from huozhong.engine.guides.guide import Acts
from huozhong.engine.loop import Engine, Handle
from huozhong.engine.queueing import Progress
from huozhong.engine.requests import (
    Completion,
    Delta,
    EmbeddedText,
    EmbedRequest,
    GenerateRequest,
    Pooling,
    Request,
    SamplingParams,
    ScoredText,
    ScoreRequest,
    TokenLogprob,
    Usage,
)
from huozhong.engine.runner import Runner
from huozhong.engine.several import Conversation, Prompt, are_several, each, listed
from huozhong.engine.speculation.speculator import Speculation
from huozhong.engine.stats import EngineStats
from huozhong.engine.weights.drafter import with_guesser
from huozhong.engine.weights.load import default_cache_dir, load_weights
from huozhong.engine.weights.streaming import bounded
from huozhong.formats.installed import name_of
from huozhong.formats.ready import left_out, small_files_of
from huozhong.formats.resolve import is_built_in, resolve_model
from huozhong.formats.source import open_model
from huozhong.model.architecture import Architecture, CacheFormat, page_size_for, row_bytes
from huozhong.text.messages import checked_messages
from huozhong.text.template import Begun, ChatPrompt, ChatTemplate
from huozhong.text.tokenizer import END_THINK, Tokenizer
from huozhong.text.tools import Function

__all__ = [
    "LLM",
    "Completion",
    "Delta",
    "EmbeddedText",
    "EngineStats",
    "Handle",
    "Progress",
    "SamplingParams",
    "TokenLogprob",
    "Usage",
    "resolve_model",
]

Quantization = Literal["q8", "q4", "none"]
Result = TypeVar("Result")

SWAP_BYTES = 64 * 2**20  # used only when the pages run out


class LLM:
    """A model ready to answer.  Thread-safe; use it as a context manager or `close()` it.

    path: a built-in or stored name, a Hugging Face folder or a .gguf file.
    quantization: weights packed to 8 ("q8") or 4 ("q4") bits, or "none" for weights as they are stored.  None is
        "none" for GGUF, whose weights are quantised already, and "q8" for folders.
    num_threads: None for one per core.  meter: what prices the energy; None for the default price.
    max_context: tokens of prompt and answer together; None for what the model was trained for, at most 32,768.
    cache_dir: where packed weights are kept; None for the user's cache folder.
    cache_tokens: tokens the latent cache holds for all requests together (at least max_context); None for
        sixteen full contexts or 64 MiB, whichever is less.  When it is full, requests wait.
    cache_format: how the cache keeps a number: "f32", "f16", or "q8" for half of f16's memory and answers that may
        differ a little; None for f32 where a folder's weights are not quantised, f16 otherwise.
    expert_memory: bytes for a mixture's experts, the others stay on the disk; None: as many as there is room for.
    prefix_cache_bytes: how much disk may hold computed prompts for later starts (of all models), in prefix_cache_dir
        (None: `prefixes` in the cache folder); 0 for none, None for 2 GiB, but at most 5% of the free disk.
    acts: hold the chats of a model that was taught dialogue acts (its generation_config.json says so) to them: what
        code can do exactly, code does.  False for what the model writes by itself.
    speculation: guess the next tokens from what was said before and check several at once: "auto" where it
        pays, "off", or a number: always so many (for measurements).  No answer depends on it.
    draft: the folder of a drafter (`train draft`), which guesses beside that.
    max_running: how many requests are computed at the same time; others wait.  None for 32.
    step_tokens: how many tokens one step computes at most, so that a long prompt is read in pieces; None for 256.
    progress: called with (bytes packed, bytes in all) while the weights are packed, which the first start does.
    Raises `CheckpointError` for a model that cannot be read and `ConfigError` for an impossible option.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        quantization: Quantization | None = None,
        num_threads: int | None = None,
        max_context: int | None = None,
        cache_dir: str | Path | None = None,
        cache_tokens: int | None = None,
        prefix_cache_dir: str | Path | None = None,
        prefix_cache_bytes: int | None = None,
        cache_format: CacheFormat | None = None,
        expert_memory: int | None = None,
        acts: bool = True,
        speculation: Speculation = "auto",
        draft: str | Path | None = None,
        max_running: int | None = None,
        step_tokens: int | None = None,
        meter: Meter | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        options.check_weights(quantization, num_threads, expert_memory, speculation)
        self.max_running, step_tokens = options.checked_steps(max_running, step_tokens)
        prefixes = Path(prefix_cache_dir or Path(cache_dir or default_cache_dir()) / "prefixes")
        prefix_bytes = options.checked_prefix_bytes(prefix_cache_bytes, prefixes)
        source = open_model(resolve_model(path))
        self.config: Architecture = source.architecture
        self._files, self._where, self.left_out = small_files_of(source), str(source.path), left_out(source)
        self.tokenizer = Tokenizer.from_files(self._files, where=self._where)
        self.path, self.name = source.path, name_of(source.path)
        self.is_built_in = is_built_in(source.path)
        self.max_context = options.checked_context(max_context, self.config.max_position_embeddings)
        if cache_format is None:
            cache_format = "f32" if source.kind == "folder" and quantization == "none" else "f16"
        options.check_cache_format(cache_format)
        layers = self.config.num_layers + int(draft is not None or self.config.num_nextn_predict_layers > 0)
        page_size, bytes_per_token = page_size_for(self.config), layers * row_bytes(self.config, cache_format)
        num_pages = -(-options.checked_cache_tokens(cache_tokens, self.max_context, bytes_per_token) // page_size)
        eos_ids = {*self.config.eos_token_ids, *generation_config.eos_ids(self._files, where=self._where)}
        self._wants_acts = acts and generation_config.uses_acts(self._files, where=self._where)
        # The slow part comes last, so that a wrong option is told at once.
        weights = load_weights(source, quantization, cache_dir, progress)
        self.quantization = weights.format
        weights = with_guesser(weights, source, draft, speculation)
        weights = bounded(weights, expert_memory, num_pages * page_size * bytes_per_token)
        runner = Runner(weights, num_pages, page_size, num_threads, cache_format)
        self._engine = Engine(
            runner,
            self.tokenizer,
            max_context=self.max_context,
            eos_ids=frozenset(eos_ids or {self.tokenizer.eos_id}),
            meter=meter if meter is not None else Meter(),
            token_budget=step_tokens,
            max_running=self.max_running,
            swap_bytes=SWAP_BYTES,
            speculation=speculation,
            store=open_prefixes(prefixes, prefix_bytes, runner, source),
        )
        # Also at interpreter exit: a daemon thread inside native code must not outlive the arrays it reads.
        self._finalizer = weakref.finalize(self, Engine.close, self._engine)

    @cached_property
    def template(self) -> ChatTemplate:
        """The model's chat template; `TokenizerError` if it has none (a model that only continues texts)."""
        return ChatTemplate.from_files(self._files, self.tokenizer, where=self._where)

    @cached_property
    def defaults(self) -> SamplingParams:
        """How the model itself wants to be sampled: what holds where a call gives no `params`.

        From generation_config.json; temperature 1 and nothing cut away where a model says nothing.
        Raises `CheckpointError` for a file that asks for the impossible.
        """
        return generation_config.sampling_defaults(self._files, where=self._where)

    @cached_property
    def acts(self) -> bool:
        """Whether chats are held to the model's dialogue acts; they are written inside <think>."""
        return self._wants_acts and self.template.opens_thinking() and self.tokenizer.has(END_THINK)

    @property
    def currency(self) -> str:
        """In which answers' bills are."""
        return self._engine.meter.currency

    @property
    def runner(self) -> Runner:
        """What computes the forward passes, for measurements; nothing else may run meanwhile."""
        return self._engine.runner

    # -- whole answers ---------------------------------------------------------------------------

    def generate(
        self, prompts: Prompt | ListLike[Prompt], params: SamplingParams | ListLike[SamplingParams] | None = None
    ) -> list[Completion]:
        """Continue each prompt; all run as one batch.  Answers come in the order of the prompts.

        params: for all, or one for each.

        A string is a new text (the begin-of-text token is put before it, special tokens spelled in it are plain
        text); ids are taken as they are.  An answer that itself begins with `<think>` is split into reasoning and text.
        """
        texts = listed(prompts)
        return self._all(
            [
                GenerateRequest(ChatPrompt(self.text_tokens(text)), own)
                for text, own in zip(texts, each(params, len(texts), self.defaults), strict=True)
            ],
            Completion.from_deltas,
        )

    @overload
    def chat(
        self, messages: Conversation, params: SamplingParams | None = None, *, thinking: bool = True
    ) -> Completion: ...

    @overload
    def chat(
        self,
        messages: ListLike[Conversation],
        params: SamplingParams | ListLike[SamplingParams] | None = None,
        *,
        thinking: bool = True,
    ) -> list[Completion]: ...

    def chat(
        self,
        messages: Conversation | ListLike[Conversation],
        params: SamplingParams | ListLike[SamplingParams] | None = None,
        *,
        thinking: bool = True,
    ) -> Completion | list[Completion]:
        """Answer a conversation, or several at once, as one batch; their answers come in the same order.

        With `thinking`, what the model writes before `</think>` is `reasoning`.  params: for all, or one for each.
        """
        several = are_several(messages)
        conversations: list[Any] = list(messages) if several else [messages]
        requests = [
            self._request(self.prompt(one, thinking=thinking, acts=own.guide is None), own)
            for one, own in zip(conversations, each(params, len(conversations), self.defaults), strict=True)
        ]
        answers = self._all(requests, Completion.from_deltas)
        return answers if several else answers[0]

    # -- streams ---------------------------------------------------------------------------------

    def stream(self, prompt: Prompt, params: SamplingParams | None = None) -> Iterator[Delta]:
        """Like `generate` for one prompt, piece by piece.  Leaving the loop early aborts the request.

        An error in the engine is raised here.
        """
        return self._stream(ChatPrompt(self.text_tokens(prompt)), params or self.defaults)

    def chat_stream(
        self,
        messages: ListLike[Mapping[str, Any]],
        params: SamplingParams | None = None,
        *,
        thinking: bool = True,
    ) -> Iterator[Delta]:
        """Like `chat`, piece by piece."""
        params = params or self.defaults
        return self._stream(self.prompt(messages, thinking=thinking, acts=params.guide is None), params)

    def submit(
        self,
        prompt: ChatPrompt,
        params: SamplingParams,
        on_delta: Callable[[Delta], None],
        *,
        user: str | None = None,
        watched: bool = False,
    ) -> Handle:
        """Start a request; returns at once.

        on_delta is called from the step thread, so it must be quick and must not wait.  The last delta has
        `finish_reason` or `error`; nothing comes after it.
        prompt: made by `prompt`, or `ChatPrompt(ids)` for ids that stand for themselves.
        user: whose request it is; when many wait, users take turns.
        watched: deltas say how far the prompt is read, and each what was used until then.
        Raises `RequestError` (`ContextLengthError` when no room is left for an answer).
        """
        return self._engine.submit(self._request(prompt, params, user, watched), on_delta)

    @property
    def guides(self) -> Guides:
        """What compiles guides: after `guides.prepare(guide)`, `submit` with it returns at once."""
        return self._engine.guides

    # -- tokens ----------------------------------------------------------------------------------

    def prompt(
        self,
        messages: ListLike[Mapping[str, Any]],
        *,
        thinking: bool = True,
        functions: ListLike[Function] = (),
        acts: bool = True,
        begun: Begun | None = None,
        counted: bool = False,
    ) -> ChatPrompt:
        """A conversation ready for `submit`; functions: what the model may call.  Raises `RequestError`.

        begun: how the answer begins; the model says only what follows.
        acts: False where the answer will have another guide, which leaves no room for the model's acts.
        counted: every token of it, also where the context cannot hold it (a `ContextLengthError` otherwise).
        """
        most = None if counted else self.max_context
        if not acts or functions or begun is not None or not self.acts:
            return self.template.prompt(messages, thinking=thinking, functions=functions, begun=begun, most=most)
        # An act is written before the answer in any case; without thinking it is not shown.
        given = tuple(checked_messages(messages))
        if any(len(str(message.get("content") or "")) > LONGEST_READ for message in given):
            return self.template.prompt(given, thinking=thinking, most=most)
        said = self._without_useless(given)
        prompt = self.template.prompt(shown(said), thinking=True, most=most)
        return replace(prompt, acts=said if said[-1]["role"] == "user" else None, shows_reasoning=thinking)

    def score(self, ids: list[int]) -> NDArray[np.float64]:
        """Log-probabilities (float64 [len(ids) - 1], natural) of ids[1:], each given all before it."""
        return self._all([ScoreRequest(ids)], ScoredText.from_deltas)[0].logprobs

    def stats(self) -> EngineStats:
        """What the engine has done so far: steps, hits, preemptions, speculation."""
        return self._engine.stats()

    def embed(self, texts: Prompt | ListLike[Prompt], *, pooling: Pooling = "mean") -> NDArray[np.float32]:
        """One vector of length 1 per text: float32 [N, D], pooled from the states after the final norm.

        "mean" pools all tokens: a model that was trained to continue texts keeps in its last token's state mostly
        what comes next, and in all of them together what was said.  "last" is for models that were trained for
        it.  Raises `RequestError` (`ContextLengthError`) for a text that cannot be embedded.
        """
        requests = [EmbedRequest(self.text_tokens(text), pooling) for text in listed(texts)]
        vectors = [found.unit_vector() for found in self._all(requests, EmbeddedText.from_deltas)]
        return np.stack(vectors) if vectors else np.empty((0, self.config.hidden_size), np.float32)

    def submit_embed(self, ids: list[int], on_delta: Callable[[Delta], None], *, pooling: Pooling = "mean") -> Handle:
        """Start to embed one text, as `submit` starts an answer; `EmbeddedText.from_deltas` reads what comes back."""
        return self._engine.submit(EmbedRequest(ids, pooling), on_delta)

    def submit_score(self, ids: list[int], on_delta: Callable[[Delta], None], *, told: int | None = None) -> Handle:
        """Start to score one text; `ScoredText.from_deltas` reads what comes back.  told: see `ScoreRequest`."""
        return self._engine.submit(ScoreRequest(ids, told), on_delta)

    def check_text(self, ids: list[int]) -> None:
        """`RequestError` (`ContextLengthError`) for ids that can be neither embedded nor scored."""
        self._engine.check(EmbedRequest(ids))

    def text_tokens(self, prompt: Prompt) -> list[int]:
        """The ids of a text that stands for itself: what its texts begin with, then the text's.  Ids stay."""
        if not isinstance(prompt, str):
            return prompt
        begin = self.tokenizer.begin
        ids = begin + self.tokenizer.encode(prompt, begins=not begin, most=self.max_context)
        return ids or [id for id in (self.tokenizer.bos_id,) if id is not None]  # something has to be gone on from

    # -- end -------------------------------------------------------------------------------------

    def close(self) -> None:
        """Abort what still runs and end the step thread.  Closing twice is allowed."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------------

    def _all(self, requests: ListLike[Request], result: Callable[[Iterable[Delta]], Result]) -> list[Result]:
        """Every request's result, once all are complete.  If one fails, or Ctrl-C comes, all of them end."""
        if len(requests) > 1:
            for request in requests:  # a bad one fails before any runs
                self._engine.check(request)
        collectors = [Collector() for _ in requests]
        handles: list[Handle] = []
        try:
            for request, collector in zip(requests, collectors, strict=True):
                handles.append(self._engine.submit(request, collector.put))
            return [result(collector) for collector in collectors]
        finally:
            for handle in handles:
                handle.abort()

    def _without_useless(self, said: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...]:
        """A problem without the clauses that look useless, if the model is surer of its plan for it then.

        Two plans of a line each are written for that, and only where a clause has nothing in common with any other.
        """
        other = shorter(said)
        if other is None:
            return said
        requests: list[Request] = []
        for messages in (said, other):
            start = self.template.prompt(shown(messages), thinking=True).ids
            line = self.tokenizer.encode(numbers_line(messages))
            requests.append(GenerateRequest(ChatPrompt([*start, *line]), _PLAN, None))
        plan, other_plan = (one.mean_logprob for one in self._all(requests, Completion.from_deltas))
        return other if other_plan > plan else said

    def _request(
        self, prompt: ChatPrompt, params: SamplingParams, user: str | None = None, watched: bool = False
    ) -> GenerateRequest:
        """With the model's dialogue acts as its guide, where the prompt asks for them and no other is given."""
        if prompt.acts is not None and params.guide is None and not params.ignore_eos:
            params = replace(params, guide=Acts(prompt.acts, _acts_seed(params, prompt)))
        return GenerateRequest(prompt, params, user, watched)

    def _stream(self, prompt: ChatPrompt, params: SamplingParams) -> Iterator[Delta]:
        collector = Collector(each=True)
        # Submitted here and not in the generator, so that a bad request is raised by the call itself.
        handle = self.submit(prompt, params, collector.put)

        def deltas(owner: LLM) -> Iterator[Delta]:  # holding the LLM, which would be closed if nobody did
            try:
                for delta in collector:
                    if delta.error is not None:
                        raise delta.error
                    yield delta
            finally:
                handle.abort()

        return deltas(self)


# Characters of a message that acts read; longer ones are no wish, and reading takes time that grows with the square.
LONGEST_READ = 1500
_PLAN = SamplingParams(temperature=0.0, max_tokens=48, stop=("\n",), logprobs=0)


def _acts_seed(params: SamplingParams, prompt: ChatPrompt) -> int:
    """Of a request without a seed: greedy answers depend on nothing but their prompt, others on chance."""
    if params.seed is not None:
        return params.seed
    return zlib.crc32(np.array(prompt.ids, np.int64).tobytes()) if params.is_greedy else secrets.randbits(32)
