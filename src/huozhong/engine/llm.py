"""`LLM`: the engine's public face.

    llm = LLM("ember")
    print(llm.chat([{"role": "user", "content": "小明有3个苹果，又买了5个，一共几个？"}]).text)

Every call, alone or from many threads, goes the same way: a request is submitted to the step thread
(`engine.loop`), which batches all of them, and comes back as a stream of `Delta`s.
"""

from __future__ import annotations

import json
import queue
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as ListLike
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeGuard, get_args

import numpy as np

from huozhong.cost import Meter
from huozhong.engine.cache.prefixes import PrefixStore, default_capacity, fingerprint
from huozhong.engine.guides.guide import Guide
from huozhong.engine.kernels import arithmetic
from huozhong.engine.loop import Engine, Handle
from huozhong.engine.runner import Runner
from huozhong.engine.sequence import Completion, Delta, Pooling, SamplingParams, Sequence, TokenLogprob, Usage
from huozhong.engine.speculation.speculator import MAX_DRAFT, Speculation
from huozhong.engine.stats import EngineStats
from huozhong.engine.weights.layout import default_cache_dir, load_weights, source_fingerprint
from huozhong.errors import CheckpointError, ConfigError, EngineError, RequestError
from huozhong.formats import installed as store
from huozhong.formats.gguf import vocab as gguf_vocab
from huozhong.formats.source import ModelSource, gguf_files, open_model
from huozhong.model.architecture import Architecture, CacheFormat, row_bytes
from huozhong.text.template import ChatPrompt, ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.text.tools import Function

__all__ = [
    "LLM", "Completion", "Delta", "EngineStats", "Handle", "SamplingParams", "TokenLogprob", "Usage", "resolve_model",
]  # fmt: skip

Quantization = Literal["q8", "q4", "none"]
Prompt = str | list[int]

PAGE_SIZE = 64
DEFAULT_CONTEXT = 32768  # where the model would take more: its cache would take gigabytes
# Room in the cache for all running requests: sixteen full contexts, but no more than this many bytes
# (one full context is always there).
CACHE_CONTEXTS = 16
CACHE_BYTES = 64 * 2**20
SWAP_BYTES = 64 * 2**20  # used only when the pages run out
MODELS = Path(__file__).resolve().parent.parent / "models"


def resolve_model(name_or_path: str | Path) -> Path:
    """Where the model of a name (built in, or in the store) or of a path lies: a folder, or a .gguf file.

    Names come before paths; a path with a "/" in it is never a name.

    Raises `CheckpointError` with what there is when there is no such model.
    """
    path = Path(name_or_path).expanduser()
    builtin = sorted(folder.name for folder in MODELS.glob("*") if (folder / "config.json").is_file())
    if isinstance(name_or_path, str) and name_or_path in builtin:
        return MODELS / name_or_path
    if isinstance(name_or_path, str) and (stored := store.find(name_or_path)) is not None:
        return stored
    if (path / "config.json").is_file() or (path.suffix == ".gguf" and path.is_file()):
        return path
    if path.is_dir() and gguf_files(path):
        return path
    known = f"built-in models: {', '.join(builtin)}" if builtin else "no model is built in"
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder without config.json, so it holds no model ({known}).")
    raise CheckpointError(f"there is no model {str(name_or_path)!r}: give a folder, a .gguf file or a name ({known}).")


class LLM:
    """A model ready to answer.  Thread-safe; use it as a context manager or `close()` it.

    path: a built-in or stored name, a Hugging Face folder or a .gguf file.
    quantization: weights packed to 8 ("q8") or 4 ("q4") bits, or "none" for weights as they are stored.  None is
        "none" for GGUF, whose weights are quantised already, and "q8" for folders.
    num_threads: None for one per core.
    max_context: tokens of prompt and answer together; None for what the model was trained for, at most 32,768.
    cache_dir: where packed weights are kept; None for the user's cache folder.
    cache_tokens: tokens the latent cache holds for all requests together (at least max_context); None for
        sixteen full contexts or 64 MiB, whichever is less.  When it is full, requests wait.
    cache_format: how the cache keeps a number: "f32", "f16", or "q8" for half of f16's memory and answers that may
        differ a little; None for f32 where a folder's weights are not quantised, f16 otherwise.
    prefix_cache_bytes: how much disk may hold computed prompts for later starts (all models in that folder
        together); 0 for none, None for 2 GiB, but at most 5% of the free disk.
    prefix_cache_dir: where; None for `prefixes` in the cache folder.
    speculation: guess the next tokens from what was said before and check several at once: "auto" where it
        pays, "off", or a number: always so many (for measurements).  No answer depends on it.
    meter: what prices the energy; None for the default price.
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
        speculation: Speculation = "auto",
        meter: Meter | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if quantization not in ("q8", "q4", "none", None):
            raise ConfigError(f"quantization is {quantization!r}; it must be 'q8', 'q4' or 'none'.")
        if num_threads is not None and (not isinstance(num_threads, int) or num_threads < 1):
            raise ConfigError(f"num_threads is {num_threads!r}; it must be a whole number of at least 1.")
        _check_speculation(speculation)
        prefixes = Path(prefix_cache_dir or Path(cache_dir or default_cache_dir()) / "prefixes")
        prefix_bytes = _checked_prefix_bytes(prefix_cache_bytes, prefixes)
        source = open_model(resolve_model(path))
        self.config: Architecture = source.architecture
        self._files = _small_files(source)
        self._where = str(source.path)
        self.tokenizer = Tokenizer.from_files(self._files, where=self._where)
        self.name = store.name_of(source.path)
        self.max_context = _checked_context(max_context, self.config)
        if cache_format is None:
            cache_format = "f32" if source.kind == "folder" and quantization == "none" else "f16"
        if cache_format not in get_args(CacheFormat):
            raise ConfigError(f"cache_format is {cache_format!r}; it must be 'f32', 'f16' or 'q8'.")
        layers = self.config.num_layers + min(self.config.num_nextn_predict_layers, 1)
        bytes_per_token = layers * row_bytes(self.config, cache_format)
        num_pages = _num_pages(cache_tokens, self.max_context, bytes_per_token)
        eos_ids = _eos_ids(self._files, self._where, self.config, self.tokenizer)
        # The slow part comes last, so that a wrong option is told at once.
        weights = load_weights(source, quantization, cache_dir, progress)
        self.quantization = weights.format
        # One module guesses (on its own guesses, where more are wanted); further ones would be for nothing.
        weights = replace(weights, prediction=weights.prediction[: int(speculation not in ("off", 0))])
        runner = Runner(weights, num_pages, PAGE_SIZE, num_threads, cache_format)
        self._engine = Engine(
            runner,
            self.tokenizer,
            max_context=self.max_context,
            eos_ids=eos_ids,
            meter=meter if meter is not None else Meter(),
            swap_bytes=SWAP_BYTES,
            speculation=speculation,
            store=_prefix_store(prefixes, prefix_bytes, runner, source),
        )
        # Also at interpreter exit: a daemon thread inside native code must not outlive the arrays it reads.
        self._finalizer = weakref.finalize(self, Engine.close, self._engine)

    @cached_property
    def template(self) -> ChatTemplate:
        """The model's chat template; `TokenizerError` if it has none (a model that only continues texts)."""
        return ChatTemplate.from_files(self._files, self.tokenizer, where=self._where)

    # -- whole answers ---------------------------------------------------------------------------

    def generate(self, prompts: Prompt | ListLike[Prompt], params: SamplingParams | None = None) -> list[Completion]:
        """Continue each prompt; all run as one batch.  Answers come in the order of the prompts.

        A string is a new text (the begin-of-text token is put before it, and special tokens spelled in it are
        plain text); a list of ids is taken as it is.  An answer that itself begins with `<think>` is split
        into reasoning and text too.
        """
        many: list[Prompt]
        if isinstance(prompts, str) or _is_ids(prompts):
            many = [prompts]
        else:
            many = list(prompts)  # type: ignore[arg-type]  # a plain list of ids was told apart above
        prompt_ids = [self.text_tokens(prompt) for prompt in many]
        for ids in prompt_ids:  # a bad prompt fails before any runs
            self._engine.check_prompt(ids)
        return self._whole([ChatPrompt(ids) for ids in prompt_ids], params or SamplingParams())

    def chat(
        self,
        messages: ListLike[Mapping[str, Any]],
        params: SamplingParams | None = None,
        *,
        thinking: bool = True,
    ) -> Completion:
        """Answer a conversation.  With `thinking`, what the model writes before `</think>` is `reasoning`."""
        return self._whole([self.prompt(messages, thinking=thinking)], params or SamplingParams())[0]

    # -- streams ---------------------------------------------------------------------------------

    def stream(self, prompt: Prompt, params: SamplingParams | None = None) -> Iterator[Delta]:
        """Like `generate` for one prompt, piece by piece.  Leaving the loop early aborts the request.

        An error in the engine is raised here.
        """
        return self._stream(ChatPrompt(self.text_tokens(prompt)), params or SamplingParams())

    def chat_stream(
        self,
        messages: ListLike[Mapping[str, Any]],
        params: SamplingParams | None = None,
        *,
        thinking: bool = True,
    ) -> Iterator[Delta]:
        """Like `chat`, piece by piece."""
        return self._stream(self.prompt(messages, thinking=thinking), params or SamplingParams())

    def submit(
        self,
        prompt: ChatPrompt,
        params: SamplingParams,
        on_delta: Callable[[Delta], None],
        *,
        user: str | None = None,
    ) -> Handle:
        """Start a request; returns at once.

        on_delta is called from the step thread, so it must be quick and must not wait.  The last delta has
        `finish_reason` or `error`; nothing comes after it.
        prompt: made by `prompt`, or `ChatPrompt(ids)` for ids that stand for themselves.
        user: whose request it is; when many wait, users take turns.
        Raises `RequestError` (`ContextLengthError` when the prompt leaves no room for an answer).
        """
        return self._engine.submit(prompt, params, on_delta, user=user)

    def prepare(self, guide: Guide) -> None:
        """Compile a guide, so that `submit` with it returns at once; `RequestError` if it cannot be followed."""
        self._engine.guides.constraint(guide)

    # -- tokens ----------------------------------------------------------------------------------

    def prompt(
        self, messages: ListLike[Mapping[str, Any]], *, thinking: bool = True, functions: ListLike[Function] = ()
    ) -> ChatPrompt:
        """A conversation ready for `submit`; functions: what the model may call.  Raises `RequestError`."""
        return self.template.prompt(messages, thinking=thinking, functions=functions)

    def score(self, ids: list[int]) -> np.ndarray:
        """Log-probabilities (float64 [len(ids) - 1], natural) of ids[1:], each given all before it."""
        gatherer = _Gatherer()
        with _abort_on_exit() as handles:
            handle, sequence = self._engine.submit_score(ids, gatherer.put)
            handles.append(handle)
            last = gatherer.wait()[-1]
        if last.error is not None:
            raise last.error
        if last.finish_reason == "abort":
            raise EngineError("this model was closed while it scored a text.")
        assert sequence.scores is not None
        return sequence.scores

    def stats(self) -> EngineStats:
        """What the engine has done so far: steps, hits, preemptions, speculation."""
        return self._engine.stats()

    def embed(self, texts: Prompt | ListLike[Prompt], *, pooling: Pooling = "mean") -> np.ndarray:
        """One vector of length 1 per text: float32 [N, D], pooled from the states after the final norm.

        "mean" pools all tokens: a model that was trained to continue texts keeps in its last token's state mostly
        what comes next, and in all of them together what was said.  "last" is for models that were trained for
        it.  Raises `RequestError` (`ContextLengthError`) for a text that cannot be embedded.
        """
        many: list[Prompt] = [texts] if isinstance(texts, str) or _is_ids(texts) else list(texts)  # type: ignore[arg-type]
        prompt_ids = [self.text_tokens(text) for text in many]
        for ids in prompt_ids:  # a bad text fails before any runs
            self._engine.check_text(ids)
        gatherers = [_Gatherer() for _ in prompt_ids]
        sequences = []
        with _abort_on_exit() as handles:
            for ids, gatherer in zip(prompt_ids, gatherers, strict=True):
                handle, sequence = self.submit_embed(ids, gatherer.put, pooling=pooling)
                handles.append(handle)
                sequences.append(sequence)
            for gatherer in gatherers:
                last = gatherer.wait()[-1]
                if last.error is not None:
                    raise last.error
                if last.finish_reason == "abort":
                    raise EngineError("this model was closed while it embedded a text.")
        if not sequences:
            return np.empty((0, self.config.hidden_size), np.float32)
        return np.stack([unit_vector(sequence) for sequence in sequences])

    def submit_embed(
        self, ids: list[int], on_delta: Callable[[Delta], None], *, pooling: Pooling = "mean"
    ) -> tuple[Handle, Sequence]:
        """Start to embed one text; after the last delta `unit_vector` of the sequence is its vector."""
        if pooling not in ("mean", "last"):
            raise RequestError(f"pooling is {pooling!r}; it must be 'mean' or 'last'.", param="pooling")
        return self._engine.submit_embed(ids, on_delta, pooling)

    def check_text(self, ids: list[int]) -> None:
        """`RequestError` (`ContextLengthError`) for ids that can be neither embedded nor scored."""
        self._engine.check_text(ids)

    def text_tokens(self, prompt: Prompt) -> list[int]:
        """The ids of a text that stands for itself: the begin-of-text token, then the text's.  Ids stay."""
        if not isinstance(prompt, str):
            return prompt
        begin = [] if self.tokenizer.bos_id is None else [self.tokenizer.bos_id]
        return begin + self.tokenizer.encode(prompt)

    # -- end -------------------------------------------------------------------------------------

    def close(self) -> None:
        """Abort what still runs and end the step thread.  Closing twice is allowed."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------------

    def _whole(self, prompts: list[ChatPrompt], params: SamplingParams) -> list[Completion]:
        gatherers = [_Gatherer() for _ in prompts]
        with _abort_on_exit() as handles:
            for prompt, gatherer in zip(prompts, gatherers, strict=True):
                handles.append(self.submit(prompt, params, gatherer.put))
            return [Completion.from_deltas(gatherer.wait()) for gatherer in gatherers]

    def _stream(self, prompt: ChatPrompt, params: SamplingParams) -> Iterator[Delta]:
        collector = _Collector()
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


def unit_vector(sequence: Sequence, dimensions: int | None = None) -> np.ndarray:
    """An embedded text's vector: float32, its first `dimensions` numbers (None: all), of length 1."""
    assert sequence.pooled_D is not None
    vector = sequence.pooled_D[:dimensions]
    length = np.sqrt(np.sum(vector * vector))
    return (vector / (length or 1.0)).astype(np.float32)


class _Gatherer:
    """A whole answer's deltas; its reader is woken once, as waking it at every token would slow the steps."""

    def __init__(self) -> None:
        self._deltas: list[Delta] = []
        self._done = threading.Event()

    def put(self, delta: Delta) -> None:
        self._deltas.append(delta)
        if delta.is_last:
            self._done.set()

    def wait(self) -> list[Delta]:
        self._done.wait()
        return self._deltas


class _Collector:
    """Deltas from the step thread, iterated in another one until the last."""

    def __init__(self) -> None:
        self._deltas: queue.SimpleQueue[Delta] = queue.SimpleQueue()
        self.put = self._deltas.put

    def __iter__(self) -> Iterator[Delta]:
        while True:
            delta = self._deltas.get()
            yield delta
            if delta.is_last:
                return


@contextmanager
def _abort_on_exit() -> Iterator[list[Handle]]:
    """A list of requests that end if the block is left by an error or Ctrl-C (a finished one stays)."""
    handles: list[Handle] = []
    try:
        yield handles
    finally:
        for handle in handles:
            handle.abort()


def _is_ids(prompts: Any) -> TypeGuard[list[int]]:
    return isinstance(prompts, list) and len(prompts) > 0 and all(isinstance(i, int) for i in prompts)


def _checked_context(max_context: int | None, config: Architecture) -> int:
    limit = config.max_position_embeddings
    if max_context is None:
        return min(limit, DEFAULT_CONTEXT)
    if isinstance(max_context, bool) or not isinstance(max_context, int) or not 2 <= max_context <= limit:
        raise ConfigError(f"max_context is {max_context!r}; this model allows 2 to {limit} tokens.")
    return max_context


def _num_pages(cache_tokens: int | None, max_context: int, bytes_per_token: int) -> int:
    if cache_tokens is None:
        cache_tokens = max(max_context, min(CACHE_CONTEXTS * max_context, CACHE_BYTES // bytes_per_token))
    if isinstance(cache_tokens, bool) or not isinstance(cache_tokens, int) or cache_tokens < max_context:
        raise ConfigError(f"cache_tokens is {cache_tokens!r}; it must hold one context ({max_context} tokens).")
    return -(-cache_tokens // PAGE_SIZE)


def _check_speculation(speculation: Any) -> None:
    is_number = isinstance(speculation, int) and not isinstance(speculation, bool)
    if speculation not in ("auto", "off") and not (is_number and 0 <= speculation <= MAX_DRAFT):
        raise ConfigError(
            f"speculation is {speculation!r}; it must be 'auto', 'off' or a number from 0 to {MAX_DRAFT}."
        )


def _checked_prefix_bytes(size: Any, folder: Path) -> int:
    if size is None:
        return default_capacity(folder)
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise ConfigError(f"prefix_cache_bytes is {size!r}; it must be a whole number, 0 for no cache on disk.")
    return size


def _prefix_store(folder: Path, capacity: int, runner: Runner, source: ModelSource) -> PrefixStore | None:
    """None where the store could not hold a single page.  Its pages are of exactly this model and format."""
    page_bytes = runner.cache.pages.shape[0] * runner.page_bytes
    if capacity < 2 * page_bytes:
        return None
    name = fingerprint(
        {
            "weights": source_fingerprint(source, runner.weights.format),
            "architecture": repr(runner.architecture),
            "arithmetic": arithmetic(),
            "cache": runner.cache.format,
            "page_size": runner.page_size,
            "page_bytes": page_bytes,
        }
    )
    return PrefixStore(folder, name, page_bytes, capacity)


def _small_files(source: ModelSource) -> dict[str, bytes]:
    """Tokenizer, template and generation settings as a folder has them; a GGUF file's are made from its keys."""
    if source.kind == "gguf":
        return gguf_vocab.small_files(source.metadata, where=str(source.path))
    return source.small_files()


def _eos_ids(files: Mapping[str, bytes], where: str, config: Architecture, tokenizer: Tokenizer) -> frozenset[int]:
    """Every token that ends an answer: generation_config.json's and config.json's, else the tokenizer's."""
    listed: list[Any] = list(config.eos_token_ids)
    if (raw := files.get("generation_config.json")) is not None:
        try:
            more = json.loads(raw).get("eos_token_id")
        except (ValueError, AttributeError) as error:
            raise CheckpointError(
                f"generation_config.json of {where} is not a JSON object ({error}); fetch the model again."
            ) from error
        listed += more if isinstance(more, list) else [more]
    return frozenset(i for i in listed if isinstance(i, int)) or frozenset({tokenizer.eos_id})
