"""What a guide costs a step: microseconds per mask, for a vocabulary like ember's and one of 150,000 tokens.

    python benchmarks/masks.py

The large vocabulary is ember's and random pairs of its tokens.  Each guide is followed at random for 200 tokens.
"""

from __future__ import annotations

import json
import random
import time

import numpy as np

from huozhong.engine.guides.constraint import Guides
from huozhong.engine.guides.guide import Grammar, Guide, JsonObject, JsonSchema, Regex
from huozhong.engine.llm import resolve_model
from huozhong.errors import RequestError
from huozhong.text.tokenizer import Tokenizer
from huozhong.text.tools import HERMES, Function, ToolChoice

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "items"],
    "properties": {
        "name": {"type": "string"},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"price": {"type": "number"}, "kind": {"enum": ["a", "b", "c"]}},
                "required": ["price", "kind"],
                "additionalProperties": False,
            },
        },
    },
}


class Enlarged:
    """Ember's tokenizer with more tokens, as far as `Guides` looks at one."""

    def __init__(self, tokenizer: Tokenizer, vocab_size: int) -> None:
        self._tokenizer, self.vocab_size = tokenizer, vocab_size
        rng = random.Random(1)
        plain = [tokenizer.bytes_of(i) for i in range(tokenizer.vocab_size) if not tokenizer.is_control(i)]
        seen = set(plain)
        self._more: list[bytes] = []
        while tokenizer.vocab_size + len(self._more) < vocab_size:
            pair = rng.choice(plain) + rng.choice(plain)
            if pair not in seen:
                seen.add(pair)
                self._more.append(pair)

    def bytes_of(self, id: int) -> bytes:
        known = self._tokenizer.vocab_size
        return self._tokenizer.bytes_of(id) if id < known else self._more[id - known]

    def __getattr__(self, name: str) -> object:
        return getattr(self._tokenizer, name)


def measure(guides: Guides, guide: Guide) -> dict[str, float]:
    rng = np.random.default_rng(0)
    begun = time.perf_counter()
    constraint = guides.constraint(guide)
    built = time.perf_counter() - begun
    masks, advances = [], []
    for _ in range(200):
        begun = time.perf_counter()
        allowed = constraint.mask()
        masks.append(time.perf_counter() - begun)
        token = int(rng.choice(allowed.nonzero()[0]))
        begun = time.perf_counter()
        constraint.advance(token)
        advances.append(time.perf_counter() - begun)
        if constraint.is_finished:
            break
    us = 1e6 * np.array(masks)
    return {
        "compile_ms": round(1e3 * built, 2),
        "mask_us_p50": round(float(np.median(us)), 1),
        "mask_us_max": round(float(us.max()), 1),
        "advance_us_p50": round(1e6 * float(np.median(advances)), 1),
    }


def main() -> None:
    tokenizer = Tokenizer.load(resolve_model("ember"))
    tools = HERMES.grammar(
        [Function(f"f{i}", parameters=SCHEMA) for i in range(20)], ToolChoice(), tokenizer.split_specials
    )
    guides = {
        "json_object": JsonObject(),
        "json_schema": JsonSchema(SCHEMA),
        "regex": Regex("[a-z]+(, [a-z]+)*"),
        "20 tools, auto": Grammar(tools),
        "hostile": Grammar('start: s\ns: s s | "a" | /./ | s s s'),
    }
    result: dict[str, object] = {}
    for size in (tokenizer.vocab_size, 150_000):
        vocabulary = tokenizer if size == tokenizer.vocab_size else Enlarged(tokenizer, size)
        compiler = Guides(vocabulary, size, frozenset({tokenizer.eos_id}))  # type: ignore[arg-type]
        begun = time.perf_counter()
        compiler.constraint(Regex("a"))
        row: dict[str, object] = {"tables_ms": round(1e3 * (time.perf_counter() - begun), 1)}
        for name, guide in guides.items():
            try:
                row[name] = measure(compiler, guide)
            except RequestError as error:
                row[name] = str(error)[:120]
        result[str(size)] = row
    print(json.dumps({"benchmark": "masks", "vocabulary": result}, ensure_ascii=False))


if __name__ == "__main__":
    main()
