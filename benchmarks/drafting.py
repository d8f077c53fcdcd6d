"""What guessing ahead is worth on real text: none, the look-up, a drafter, both; by turns in one run.

    python benchmarks/drafting.py questions OUT.jsonl [COUNT]           questions to train a drafter with
    huozhong train draft MODEL --data OUT.jsonl --out FOLDER
    python benchmarks/drafting.py MODEL [--draft FOLDER/drafter] [--rounds 3] [--tokens 128] [--threads 1]

Every question goes to all of them, one after the other, and each must give the same tokens.  Told are, by kind of
question: tokens a second of processor time and by the clock, what was guessed and was right, and where the time went:
the model's forward passes, the drafter's, and all the rest.  The last line is all of it as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchlib.drafting_texts import KINDS, questions

from huozhong.engine.llm import LLM, SamplingParams
from huozhong.engine.sequence import Sequence
from huozhong.engine.speculation.guessing import Proposal
from huozhong.formats.resolve import resolve_model


@dataclass
class Spent:
    """Of one way to guess, over the questions of one kind."""

    tokens: int = 0
    steps: int = 0
    busy: float = 0.0  # seconds of processor time
    clock: float = 0.0
    guessed: int = 0
    right: int = 0
    forward: float = 0.0  # seconds by the clock
    drafting: float = 0.0

    def told(self) -> dict[str, float]:
        rest = self.clock - self.forward - self.drafting
        return {
            "tokens": self.tokens,
            "tokens_per_busy_second": self.tokens / self.busy,
            "tokens_per_second": self.tokens / self.clock,
            "tokens_per_step": self.tokens / max(1, self.steps),
            "guessed": self.guessed,
            "right": self.right,
            "forward_ms": 1e3 * self.forward / max(1, self.steps),
            "drafting_ms": 1e3 * self.drafting / max(1, self.steps),
            "rest_ms": 1e3 * rest / max(1, self.steps),
        }


class Nothing:
    """A look-up that finds nothing."""

    def propose(self, sequence: Sequence, k: int) -> Proposal | None:
        return None


@dataclass
class Way:
    """A model that guesses in one way; its runner's time is noted."""

    llm: LLM
    forward: float = 0.0
    drafting: float = 0.0
    spent: dict[str, Spent] = field(default_factory=lambda: defaultdict(Spent))

    def __post_init__(self) -> None:
        runner: Any = self.llm.runner
        for kind, names in (("forward", ("forward", "forward_with_states")), ("drafting", ("draft", "draft_ahead"))):
            for name in names:
                setattr(runner, name, self._noted(getattr(runner, name), kind))

    def _noted(self, call: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def noted(*args: Any, **more: Any) -> Any:
            began = time.perf_counter()
            try:
                return call(*args, **more)
            finally:
                setattr(self, kind, getattr(self, kind) + time.perf_counter() - began)

        return noted

    def ask(self, kind: str, question: str, tokens: int) -> tuple[int, ...]:
        """Its answer.  The prompt's own time is left out: what is measured begins with the first token."""
        params = SamplingParams(temperature=0.0, max_tokens=tokens)
        spent = self.spent[kind]
        said: list[int] = []
        before: tuple[float, float, float, float, int, int, int] | None = None
        for delta in self.llm.chat_stream([{"role": "user", "content": question}], params):
            said += delta.token_ids
            if before is None:
                before = self._now()
        assert before is not None
        took = [now - then for now, then in zip(self._now(), before, strict=True)]
        spent.clock, spent.busy = spent.clock + took[0], spent.busy + took[1]
        spent.forward, spent.drafting = spent.forward + took[2], spent.drafting + took[3]
        spent.steps, spent.guessed, spent.right = (
            spent.steps + int(took[4]), spent.guessed + int(took[5]), spent.right + int(took[6])
        )  # fmt: skip
        spent.tokens += len(said) - 1
        return tuple(said)

    def _now(self) -> tuple[float, float, float, float, int, int, int]:
        stats = self.llm.stats()
        return (
            time.perf_counter(), time.process_time(), self.forward, self.drafting, stats.steps, stats.drafted_tokens,
            stats.accepted_tokens,
        )  # fmt: skip


def measure(options: argparse.Namespace) -> dict[str, Any]:
    model = resolve_model(options.model)
    ways: dict[str, Way] = {}
    kinds = KINDS
    if options.questions is not None:
        lines = options.questions.read_text(encoding="utf-8").splitlines()
        kinds = {options.questions.stem: [json.loads(line)["question"] for line in lines]}
    with tempfile.TemporaryDirectory() as cache:
        shared: dict[str, Any] = {
            "cache_dir": options.cache or cache, "num_threads": options.threads, "prefix_cache_bytes": 0, "acts": False,
            "max_context": 1024,
        }  # fmt: skip
        ways["none"] = Way(LLM(model, speculation="off", **shared))
        ways["look-up"] = Way(LLM(model, **shared))
        if options.draft is not None:
            ways["drafter"] = Way(LLM(model, draft=options.draft, **shared))
            ways["drafter"].llm._engine.speculator.proposer = Nothing()
            ways["both"] = Way(LLM(model, draft=options.draft, **shared))
            if options.fixed:
                ways[f"always {options.fixed}"] = Way(
                    LLM(model, draft=options.draft, speculation=options.fixed, **shared)
                )
        for number in range(options.rounds + 1):  # the first round is not counted: estimates settle
            for kind, asked in kinds.items():
                for question in asked:
                    answers = {name: way.ask(kind, question, options.tokens) for name, way in ways.items()}
                    if len(set(answers.values())) != 1:
                        sys.exit(f"the answers to {question[:60]!r} differ: {answers}")
            if number == 0:
                for way in ways.values():
                    way.spent.clear()
        for way in ways.values():
            way.llm.close()
    return {kind: {name: way.spent[kind].told() for name, way in ways.items()} for kind in kinds}


def show(found: dict[str, Any]) -> None:
    for kind, ways in found.items():
        print(f"\n{kind}")
        plain = ways["none"]
        for name, told in ways.items():
            gain = told["tokens_per_busy_second"] / plain["tokens_per_busy_second"]
            by_clock = told["tokens_per_second"] / plain["tokens_per_second"]
            print(
                f"  {name:10} {told['tokens_per_busy_second']:7.1f} tokens a busy second ({gain:.2f}x; by the clock "
                f"{by_clock:.2f}x), {told['tokens_per_step']:.2f} a step, {told['right']} of {told['guessed']} guesses "
                f"right; a step: forward {told['forward_ms']:.2f} ms, drafting {told['drafting_ms']:.2f}, rest "
                f"{told['rest_ms']:.2f}"
            )


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "questions":
        lines = [json.dumps({"question": one}) for one in questions(int(sys.argv[3]) if len(sys.argv) > 3 else 1200)]
        Path(sys.argv[2]).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--draft", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--questions", type=Path, default=None, help="other questions than those here (.jsonl)")
    parser.add_argument("--fixed", type=int, default=0, help="also: always so many guesses")
    parser.add_argument("--cache", type=Path, default=None, help="where packed weights are kept")
    options = parser.parse_args()
    found = measure(options)
    show(found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
