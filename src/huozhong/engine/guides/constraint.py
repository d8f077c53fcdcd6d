"""Holding an answer to a guide: which tokens may come next, in every state of the answer.

The parsing is the `llguidance` library's, imported when the first guide comes.  A guide is compiled in the
thread that submits the request; the step thread only asks for masks, which takes microseconds
(`benchmarks/masks.py`).  Limits keep a hostile grammar from stalling the others.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.guides.acts import ActsConstraint, ActsVocabulary
from huozhong.engine.guides.guide import Acts, Grammar, Guide, JsonObject, JsonSchema, Regex
from huozhong.engine.guides.schemas import fit
from huozhong.errors import RequestError
from huozhong.text.arguments import JSON_BLANKS
from huozhong.text.tokenizer import END_THINK, THINK, Tokenizer

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer
    from llguidance._lib import JsonCompileOptions

Mask = NDArray[np.bool_]
# Where an answer begins: with itself, inside <think>, or with either of the two.
Beginning = Literal["answer", "reasoning", "either"]

NUM_KEPT = 32  # compiled guides: the tools and schemas of one program come again and again
# Between two JSON tokens, what programs write there: a space, or a new line and its indent.  Any blanks at all would
# be valid JSON too, and a small model that knows nothing better writes them for ever.
JSON_OPTIONS: JsonCompileOptions = {"whitespace_flexible": True, "whitespace_pattern": JSON_BLANKS}
# Per mask at most about 10 ms of parsing and 7 ms of lexing; the library's own defaults are several times that.
MAX_ITEMS_PER_MASK = 20_000
MAX_FUEL_PER_MASK = 100_000
MAX_ITEMS_PER_ROW = 5_000  # four for each property that may come next; the library's 2,000 are too few for 500

TRIAL_SECONDS = 5  # of one core; a real schema with 300 properties takes a tenth
# As long as that may take on a machine that is busy with others: who waits has left by then.
_PATIENCE = 60.0
_ASKED_EVERY = 0.05  # seconds between two looks whether a trial is still wanted
# JSON Schema's keywords that join schemas, or intersect regular expressions.
_SCHEMA_MERGES = ("allOf", "anyOf", "oneOf", "not", "$ref", "pattern", "patternProperties", "format")


class Constraint:
    """One answer's state under its guide.  Used by the step thread alone.

    Reasoning is free (but for the end of the answer, which cannot come inside it); the guide holds from the
    first token after </think> on.
    """

    def __init__(self, matcher: LLMatcher, guides: Guides, begins: Beginning) -> None:
        self._matcher = matcher
        self._guides = guides
        self._state: Beginning = begins
        self._mask_V: Mask | None = None

    def mask(self) -> Mask:
        """bool [V]: the tokens that may come next; never all False.

        Raises `RequestError` when the guide has become too complex to follow.
        """
        if self._mask_V is None:
            self._mask_V = self._guides.reasoning_V if self._state == "reasoning" else self._answer_mask()
        return self._mask_V

    def advance(self, token: int) -> None:
        """Take a token that `mask` allows into the answer."""
        self._mask_V = None
        if self._state == "reasoning":
            if token == self._guides.end_think_id:
                self._state = "answer"
            return
        if self._state == "either":
            self._state = "reasoning" if token == self._guides.think_id else "answer"
            if self._state == "reasoning":
                return
        if not self._matcher.consume_token(token):
            raise _too_complex(self._matcher)

    def take_forced(self) -> list[int]:
        """Tokens that follow without being asked for: none, each is sampled."""
        return []

    @property
    def is_finished(self) -> bool:
        """Whether the answer is complete and nothing but its end can follow."""
        return self._state == "answer" and self._matcher.is_stopped()

    def validate(self, drafts: list[int]) -> int:
        """How many of these tokens, one after the other, are allowed from here on.  Changes nothing."""
        state = self._state
        for index, token in enumerate(drafts):
            if state == "either":
                state = "reasoning" if token == self._guides.think_id else "answer"
            if state == "answer":
                return index + int(self._matcher.validate_tokens(drafts[index:]))
            if not self._guides.reasoning_V[token]:
                return index
            if token == self._guides.end_think_id:
                state = "answer"
        return len(drafts)

    def _answer_mask(self) -> Mask:
        words = np.zeros(-(-self._guides.vocab_size // 32), np.int32)
        self._matcher.unsafe_compute_mask_ptr(words.ctypes.data, words.nbytes)
        if self._matcher.is_error():
            raise _too_complex(self._matcher)
        bits = np.unpackbits(words.view(np.uint8), bitorder="little")[: self._guides.vocab_size]
        mask_V = bits.view(np.bool_)
        if self._state == "either" and self._guides.think_id is not None:
            mask_V[self._guides.think_id] = True
        if not mask_V.any():
            raise RequestError(
                "this model's vocabulary cannot spell what the guide asks for next; change the guide.", param="guide"
            )
        return mask_V


class Guides:
    """Compiles guides for one vocabulary and keeps the last few of them.  Thread-safe."""

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, eos_ids: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self.vocab_size = vocab_size
        self.eos_ids = sorted(i for i in eos_ids if i < vocab_size)
        self.think_id = self._id(THINK)
        self.end_think_id = self._id(END_THINK)
        self._lock = threading.Lock()
        self._kept: OrderedDict[Guide, LLMatcher] = OrderedDict()

    def constraint(self, guide: Guide, begins: Beginning = "answer") -> Constraint | ActsConstraint:
        """A fresh answer's state; `RequestError` (param "guide") for a guide that cannot be followed."""
        if isinstance(guide, Acts):
            if begins != "reasoning":
                raise RequestError("dialogue acts are written while thinking: the prompt must open it.", param="guide")
            return ActsConstraint.of(guide, self._acts_vocabulary)
        if begins != "answer" and self.end_think_id is None:
            raise RequestError(
                "this model has no token for the end of its reasoning, so a guide needs thinking to be off.",
                param="guide",
            )
        matcher = self._compiled(guide, lambda: True)
        with self._lock:
            return Constraint(matcher.deep_copy(), self, begins)

    def prepare(self, guide: Guide, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Compile a guide and keep it for a while; `RequestError` (param "guide") if it cannot be followed.

        is_wanted: asked now and then while a guide is tried that may take long; False ends that, with a `RequestError`
        (code "aborted").
        """
        if not isinstance(guide, Acts):
            self._compiled(guide, is_wanted)

    def _compiled(self, guide: Guide, is_wanted: Callable[[], bool]) -> LLMatcher:
        with self._lock:
            matcher = self._kept.pop(guide, None)
        if matcher is None:  # not under the lock: one that takes long must not hold up the others
            matcher = self._compile(guide, is_wanted)
        with self._lock:
            self._kept[guide] = matcher
            if len(self._kept) > NUM_KEPT:
                self._kept.popitem(last=False)
        return matcher

    @cached_property
    def reasoning_V(self) -> Mask:
        """bool [V]: everything but the end of the answer."""
        mask_V = np.ones(self.vocab_size, np.bool_)
        mask_V[self.eos_ids] = False
        return mask_V

    def is_light(self, guide: Guide) -> bool:
        """Whether a guide is ready in milliseconds, so that nobody need wait for it; others may take seconds."""
        return _is_simple(guide) or guide in self._kept

    def _compile(self, guide: Guide, is_wanted: Callable[[], bool]) -> LLMatcher:
        from llguidance import LLMatcher, LLParserLimits

        limits = LLParserLimits(
            max_items_in_row=MAX_ITEMS_PER_ROW,
            step_max_items=MAX_ITEMS_PER_MASK,
            step_lexer_fuel=MAX_FUEL_PER_MASK,
            verbose_errors=False,
        )
        try:
            what, text = _llguidance_text(guide)
        except ValueError as error:
            raise RequestError(f"the JSON schema cannot be used: {error}.", param="guide") from None
        if not _is_simple(guide):
            _try_apart(what, text, is_wanted)
        matcher = LLMatcher(self._vocabulary, text, log_level=0, limits=limits)
        if not matcher.is_error():  # the first mask builds most of what later ones need, and finds hostile grammars
            words = np.zeros(-(-self.vocab_size // 32), np.int32)
            matcher.unsafe_compute_mask_ptr(words.ctypes.data, words.nbytes)
        if matcher.is_error():
            raise RequestError(f"{what} cannot be used: {_reason(matcher)}.", param="guide")
        return matcher

    @cached_property
    def _vocabulary(self) -> LLTokenizer:
        from llguidance import LLTokenizer, TokenizerWrapper

        return LLTokenizer(
            TokenizerWrapper(_Vocabulary(self._tokenizer, self.vocab_size)),
            n_vocab=self.vocab_size,
            eos_token=self.eos_ids or [self._tokenizer.eos_id],
        )

    @cached_property
    def _acts_vocabulary(self) -> ActsVocabulary:
        assert self.end_think_id is not None
        return ActsVocabulary(self._tokenizer, self.vocab_size, frozenset(self.eos_ids), self.end_think_id)

    def _id(self, token: str) -> int | None:
        return self._tokenizer.token_id(token) if self._tokenizer.has(token) else None


class _Vocabulary:
    """Our tokenizer as llguidance wants to see one; 0xFF marks control tokens, which no text can spell."""

    def __init__(self, tokenizer: Tokenizer, vocab_size: int) -> None:
        self.eos_token_id = tokenizer.eos_id
        self.bos_token_id = tokenizer.bos_id
        self.special_token_ids = [i for i in range(vocab_size) if tokenizer.is_control(i)]
        self.tokens = [
            b"\xff" + tokenizer.bytes_of(i) if tokenizer.is_control(i) else tokenizer.bytes_of(i)
            for i in range(vocab_size)
        ]
        self._tokenizer = tokenizer

    def __call__(self, text: bytes) -> list[int]:
        return self._tokenizer.encode_bytes(text)


def _llguidance_text(guide: Guide) -> tuple[str, str]:
    """(what to call it in an error, the library's grammar)."""
    from llguidance import LLMatcher

    match guide:
        case JsonObject():
            return "a JSON object", LLMatcher.grammar_from_json_schema({"type": "object"}, overrides=JSON_OPTIONS)
        case JsonSchema(schema=schema, strict=strict):
            options: JsonCompileOptions = {**JSON_OPTIONS, "lenient": not strict}
            held = fit(json.loads(schema), strict=strict).schema
            return "the JSON schema", LLMatcher.grammar_from_json_schema(held, overrides=options)
        case Regex(pattern=pattern):
            return "the regular expression", LLMatcher.grammar_from_regex(pattern)
        case Grammar(lark=lark):
            return "the grammar", json.dumps({"grammars": [{"lark_grammar": lark}]})
        case Acts():
            raise AssertionError("acts are no grammar")


def _is_simple(guide: Guide) -> bool:
    """Whether a guide has little of what can make the library's compiler slow: rules, references, intersections."""
    match guide:
        case JsonObject():
            return True
        case JsonSchema(schema=text):
            return len(text) < 20_000 and _merges(text) <= 8
        case Regex(pattern=text):
            return len(text) < 1_000
        case Grammar(lark=text):
            marks = sum(map(text.count, ("&", "~", "\\u")))
            return len(text) < 4_000 and text.count("\n") < 100 and marks + _merges(text) <= 8
        case Acts():
            return True


def _merges(text: str) -> int:
    return sum(text.count(f'"{word}"') for word in _SCHEMA_MERGES)


def _try_apart(what: str, text: str, is_wanted: Callable[[], bool]) -> None:
    """Compile a guide in a process of its own first: one made to stall or crash the library ends that process.

    Raises `RequestError` when it does not get through.  (In llguidance 1.9 a chain of 4,000 rules overflows the
    stack, and forty patterns in one `allOf` take minutes.)
    """
    deadline = time.monotonic() + _PATIENCE
    # A file: what a pipe does not hold at once, `communicate` never finishes writing once it has timed out.
    with tempfile.TemporaryFile() as given:
        given.write(text.encode())
        given.seek(0)
        trial = subprocess.Popen(
            [sys.executable, "-c", _TRIAL, str(TRIAL_SECONDS)],
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    with trial:
        while trial.returncode is None and time.monotonic() < deadline and is_wanted():
            with contextlib.suppress(subprocess.TimeoutExpired):
                trial.wait(timeout=_ASKED_EVERY)
        if trial.returncode is None:
            trial.kill()
    if not is_wanted():
        raise RequestError("nobody waits for this guide any more.", param="guide", code="aborted")
    if trial.returncode != 0:
        raise RequestError(f"{what} is too complex to be compiled; simplify it.", param="guide")


# A vocabulary of the 256 bytes is enough to try a grammar.  Its complaints are not read: the real compilation tells
# them.  The thread has less stack than any that will compile in earnest.  Whoever is being answered comes first.
_TRIAL = """
import os, resource, sys, threading, time
os.nice(10)
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper
class Bytes:
    eos_token_id, bos_token_id, special_token_ids = 256, None, [256]
    tokens = [bytes([i]) for i in range(256)] + [b"\\xffend"]
    __call__ = staticmethod(list)
def attempt():
    vocabulary = LLTokenizer(TokenizerWrapper(Bytes()), n_vocab=257, eos_token=256)
    LLMatcher(vocabulary, text, log_level=0).compute_bitmask()
resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
spent = time.process_time()
resource.setrlimit(resource.RLIMIT_CPU, (int(spent + float(sys.argv[1])) + 1,) * 2)
text = sys.stdin.buffer.read().decode()
threading.stack_size(2**21)
thread = threading.Thread(target=attempt)
thread.start()
thread.join()
"""


def _reason(matcher: LLMatcher) -> str:
    """The library's complaint as one line."""
    lines = [line.strip() for line in matcher.get_error().splitlines()] or ["no reason given"]
    told = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), lines[0])
    return told[:300].rstrip(".:")


def _too_complex(matcher: LLMatcher) -> RequestError:
    return RequestError(
        f"the guide became too complex to follow at this point of the answer ({_reason(matcher)}); simplify it.",
        param="guide",
    )
