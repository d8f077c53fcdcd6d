"""Make ember's token shards from the data folder: `python recipes/ember/build_data.py DATA OUT --tokenizer MODEL`.

What goes in, from which public source and under which licence, is listed in recipes/ember/README.md.
Deterministic: the same data folder, seed and scale give the same shards.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path

import exact_questions
import gsm8k
import poems
import talk_questions
from chat_template import SHOWN
from follow_ups import follow_up
from problem_docs import Problems, whole_solution
from rich.console import Console
from sources import Sources

from huozhong.acts.solve import Unsolvable
from huozhong.acts.tables import reply
from huozhong.acts.wording import worded
from huozhong.text.shards import write_shard
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.verify.numbers import told

MAX_TOKENS = 254  # longer documents are left out; rows have 256 tokens
Document = tuple[list[int], list[bool]]


class Maker:
    """Turns examples into documents; one in each worker process."""

    def __init__(self, data: Path, tokenizer: Path) -> None:
        self.sources = Sources(data)
        self.tokenizer = Tokenizer.load(tokenizer)
        self.template = ChatTemplate.load(tokenizer, self.tokenizer)
        self.problems = Problems(self.sources, self.sources.problems)
        self.english = list(gsm8k.read(self.sources.gsm8k))[: -gsm8k.LEFT_OUT]

    # -- documents -------------------------------------------------------------------------------------

    def asked(self, messages: list[dict], learnt: list[tuple[str, bool]]) -> Document:
        """A conversation up to its last question, and the beginning of a reasoning, of which code makes the rest."""
        ids = self.template.tokens(messages)
        mask = [False] * len(ids)
        for text, learn in learnt:
            part = self.tokenizer.encode(text)
            ids += part
            mask += [learn] * len(part)
        return ids, mask

    def plan(self, question: str, first: str, plan: str, earlier: Sequence[dict] = ()) -> Document:
        """The model begins the first line, code goes on with it; the plan is the model's."""
        learnt = [(first[:2], True), (f"{first[2:]}\n", False), (f"{plan}\n", True)]
        return self.asked([*earlier, _user(question)], learnt)

    def earlier(self, rng: random.Random) -> list[dict]:
        """Mostly nothing, sometimes another question and the beginning of its answer: a new problem is no follow-up."""
        luck = rng.random()
        if luck > 0.14:
            return []
        if luck > 0.09:
            messages, label = next(talk_questions.questions(rng))
            answer = reply(label, messages, rng.randrange(1000))
            return [*messages[-1:], _assistant(answer)] if answer else []
        question, _, _, equation = next(self.problems.with_equations(rng, 1), ("", "", "", None))
        return [_user(question), _assistant(worded(question, told(question), equation))] if equation else []

    def conversation(self, question: str, reasoning: str, answer: str) -> Document:
        said = {"role": "assistant", "content": answer, "reasoning_content": reasoning}
        return self.template.training_tokens([_user(question), said])

    # -- kinds -----------------------------------------------------------------------------------------

    def published(self, rng: random.Random, count: int) -> Iterator[Document]:
        for source in rng.choices(self.problems.chosen, k=count):
            if (example := self.problems.published(source, rng)) is not None:
                yield self.plan(*example, self.earlier(rng))

    def school(self, rng: random.Random, count: int) -> Iterator[Document]:
        for example in self.problems.of_templates(rng, count):
            if example is not None:
                yield self.plan(*example, self.earlier(rng))

    def foreign(self, rng: random.Random, count: int) -> Iterator[Document]:
        for example in self.problems.english(self.english, rng, count):
            if example is not None:
                yield self.plan(*example)

    def useless(self, rng: random.Random, count: int) -> Iterator[Document]:
        for example in self.problems.with_useless(rng, count):
            if example is not None:
                yield self.plan(*example)

    def whole(self, rng: random.Random, count: int) -> Iterator[Document]:
        """Solutions to their end."""
        for question, first, plan, equation in self.problems.with_equations(rng, count):
            solution = whole_solution(f"{first}\n{plan}", equation)
            if solution is not None:
                yield self.conversation(question, *solution)

    def follow(self, rng: random.Random, count: int) -> Iterator[Document]:
        """Follow-ups on problems, after the beginning of a teacher's answer."""
        for number in range(count):
            if number % 8 == 0:
                question, equation = rng.choice(self.english)
            else:
                found = next(self.problems.with_equations(rng, 1), None)
                if found is None:
                    continue
                question, _, _, equation = found
            one = follow_up(question, equation, rng)
            if one is None:
                continue
            try:
                answer = worded(one.before, told(one.before), one.equation)
            except Unsolvable:
                continue
            messages = [_user(one.before), _assistant(answer), _user(one.question)]
            yield self.asked(messages, [(one.label, True), (f"\n{one.first}\n", False), (f"{one.plan}\n", True)])

    def talk(self, rng: random.Random, count: int) -> Iterator[Document]:
        """Small talk, tables, what ember cannot do: the label, of which code makes the answer."""
        asked = talk_questions.questions(rng)
        for number in range(count):
            if number % 5 == 0:
                question = rng.choice(self.sources.out_of_scope)
                yield self.asked([_user(question)], [(talk_questions.cannot_kind(question), True)])
            else:
                messages, label = next(asked)
                yield self.asked([_shortened(message) for message in messages[-3:]], [(label, True)])

    def exact(self, rng: random.Random, count: int) -> Iterator[Document]:
        """What code works out: the label."""
        for question, label in islice(exact_questions.questions(rng), count):
            yield self.asked([*self.earlier(rng), _user(question)], [(label, True)])

    def verses(self, rng: random.Random, count: int) -> Iterator[Document]:
        for poem in rng.choices(self.sources.poems, k=count):
            yield self.conversation(*poems.request(poem, rng))


def _user(text: str) -> dict:
    return {"role": "user", "content": text}


def _assistant(text: str) -> dict:
    """An earlier answer, of which the chat template shows the beginning."""
    return {"role": "assistant", "content": text[:SHOWN]}


def _shortened(message: dict) -> dict:
    return _assistant(message["content"]) if message["role"] == "assistant" else message


# -- writing -------------------------------------------------------------------------------------------

_maker: Maker | None = None
CHUNK = 1000
# Documents of each kind at scale 1.
KINDS = {
    "published": 40_000,
    "school": 30_000,
    "foreign": 8_000,
    "whole": 6_000,
    "verses": 8_000,
    "follow": 9_000,
    "talk": 12_000,
    "exact": 8_000,
    "useless": 10_000,
}
# Seed and kinds of each part: the first stage's, and everything.
PARTS = {"one": (1, ["published", "school", "foreign", "verses"]), "two": (2, list(KINDS))}


def _start_worker(data: Path, tokenizer: Path) -> None:
    global _maker
    _maker = Maker(data, tokenizer)


def _chunk(job: tuple[str, str, int]) -> list[Document]:
    kind, seed, count = job
    assert _maker is not None
    make: Callable[[random.Random, int], Iterator[Document]] = getattr(_maker, kind)
    return [doc for doc in make(random.Random(seed), count) if len(doc[0]) <= MAX_TOKENS]


def build(
    data: Path,
    out: Path,
    *,
    tokenizer: Path,
    seed: int,
    scale: float,
    kinds: list[str],
    workers: int = 2,
) -> dict[str, int]:
    """Write a shard of each kind to OUT/kind; returns their tokens."""
    console = Console(stderr=True)
    words = Tokenizer.load(tokenizer)
    shard = partial(write_shard, vocab_size=words.vocab_size, vocab_hash=words.fingerprint)
    report = {}
    with get_context("spawn").Pool(workers, _start_worker, (data, tokenizer)) as pool:
        for kind in kinds:
            count = round(KINDS[kind] * scale)
            jobs = [(kind, f"{seed} {kind} {at}", min(CHUNK, count - at)) for at in range(0, count, CHUNK)]
            docs = list(chain.from_iterable(pool.imap(_chunk, jobs)))
            random.Random(f"{seed} {kind}").shuffle(docs)
            tail = max(1, min(400, len(docs) // 50))
            shard(out / "heldout", kind, docs[:tail])
            report[kind] = shard(out / kind, kind, docs[tail:]).tokens
            console.print(f"{kind}: {len(docs):,} documents, {report[kind]:,} tokens")
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, help="folder with the raw data files (see README.md)")
    parser.add_argument("out", type=Path, help="where the shards go")
    parser.add_argument(
        "--tokenizer", type=Path, required=True, help="the model whose vocabulary and template are used"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0, help="how many documents, as a factor")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--workers", type=int, default=2)
    a = parser.parse_args()
    build(
        a.data,
        a.out,
        tokenizer=a.tokenizer,
        seed=a.seed,
        scale=a.scale,
        kinds=a.kinds,
        workers=a.workers,
    )


if __name__ == "__main__":
    main()
