"""Make ember's tokenizer and token shards from the data folder: `python recipes/ember/build_data.py DATA OUT`.

What goes in, from which public source and under which licence, is listed in recipes/ember/README.md.
Deterministic: the same data folder, seed and scale give the same shards.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import random
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import arithmetic
import drills
import easy_problems
import poems
import school_problems
import talk
from backwards import backwards
from common import IDIOMS, MEANINGS, SAYINGS
from rethink import AGAIN, cannot_be, exchanged, rethought
from rich.console import Console
from solve import Solution, Unsolvable, parse, solve
from word_problems import (
    Problem,
    Source,
    as_published,
    changed,
    in_letters,
    read_problem,
    restyle,
    shaken,
    told_in,
)

from huozhong.exam.held_out import overlaps
from huozhong.exam.questions import written_questions
from huozhong.text.data import read_jsonl
from huozhong.text.default_template import DEFAULT_TEMPLATE
from huozhong.text.shards import write_shard
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.verify.arithmetic import is_exam_expression

VOCAB_SIZE = 6144
MAX_TOKENS = 254  # longer conversations are left out; rows have 256 tokens
# Past the 256 tokens that it was trained on ember talks nonsense, so it is shown the last two questions only.
TWO_QUESTIONS = """\
{%- set turns = messages | rejectattr('role', 'equalto', 'system') | list -%}
{%- for m in (turns[-3:] if add_generation_prompt else turns[-4:]) -%}"""
CHAT_TEMPLATE = DEFAULT_TEMPLATE.replace("{%- for m in messages -%}", TWO_QUESTIONS)
Turn = talk.Turn


def held_out(text: str) -> bool:
    """Never trained on: what shares a sentence with the exam's texts, and one poem in a hundred beside."""
    return overlaps(text) or int.from_bytes(hashlib.sha256(text.encode()).digest()[:2]) < 655


# -- sources ------------------------------------------------------------------------------------------


class Data:
    """The raw files, read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        test = (row for row in self._rows("math23k/math23k") if row["split"] == "test")
        self._test = {_bare(row["question"]) for row in test}
        self.problems = self._problems()
        tang, song = self._rows("chinese_poetry/tang_shi"), self._rows("chinese_poetry/song_shi")
        # Song poems in order of their fame until there are about as many quatrains as the Tang left.
        song = sorted(song, key=lambda row: -row.get("pop", 0))
        famous = self._rows("chinese_poetry/famous")
        rows = famous + tang + [row for row in song if row["form"].endswith("绝句")][:36_000]
        rows += [row for row in song if row["form"].endswith("律诗")][:8_000]
        unique = {re.sub(r"\W", "", row["text"]): row for row in reversed(rows)}
        self.poems = poems.choose(unique.values(), set())
        meanings = {row["idiom"]: row["explanation"] for row in self._rows("idioms/idioms")}
        self.unknown_idioms = [name for name in meanings if len(name) == 4 and name not in IDIOMS]
        meanings |= MEANINGS
        self.idioms = [(name, meanings[name]) for name in IDIOMS if name in meanings and len(meanings[name]) <= 60]
        self.unknown_sayings = self._unknown_sayings()
        self.pairs = [(row["cmn"], row["eng"]) for row in self._tatoeba()]
        self.out_of_scope = self._out_of_scope()

    def _rows(self, name: str) -> list[dict]:
        return list(read_jsonl(self.folder / f"{name}.jsonl.xz"))

    def _lines(self, name: str) -> Iterator[str]:
        with lzma.open(self.folder / name, "rt", encoding="utf-8") as file:
            for line in file:
                yield line.rstrip("\n")

    def _problems(self) -> list[Source]:
        rows = [row for row in self._rows("math23k/math23k") if row["split"] == "train"]
        rows += self._rows("ape10k/valid")
        if (more := self.folder / "ape10k/test.jsonl").exists():  # made by ape.py; the stages so far went without
            rows += read_jsonl(more)
        found = []
        for row in rows:
            if row["verified"] and not self.examined(row["question"]) and len(row["question"]) <= 140:
                source = read_problem(row["question"], row["equation"], row["answer"])
                if source is not None:
                    found.append(source)
        return found

    def examined(self, question: str) -> bool:
        """Whether one of Math23K's test problems is worded like this."""
        return _bare(question) in self._test

    def _unknown_sayings(self) -> list[str]:
        known = {first for first, _ in SAYINGS}
        riddles = (row["riddle"] for row in self._rows("idioms/xiehouyu"))
        return [first for first in riddles if re.fullmatch(r"[\u4e00-\u9fff]{3,10}", first) and first not in known]

    def _tatoeba(self) -> Iterator[dict]:
        for row in self._rows("tatoeba_cmn_eng/pairs"):
            zh, en = row.get("zh") or row.get("cmn"), row.get("en") or row.get("eng")
            if zh and en and len(zh) <= 40 and len(en) <= 90:
                yield {"cmn": zh, "eng": en}

    def _out_of_scope(self) -> list[str]:
        """Questions that people asked of other systems: ember answers them with an honest no."""
        rows = (row["instruction"] for row in self._rows("dolly6k/dolly_part"))
        found = talk.distinct(rows, 4000)
        reading = (row["question"] for row in self._rows("zh_reading/qa"))
        found += talk.distinct(reading, 8000)
        for name in ("crosswoz", "kdconv"):
            found += talk.distinct((row["messages"][0] for row in self._rows(f"sft_misc/{name}")), 1000)
        found += talk.distinct((row["messages"][0] for row in self._rows("sft_misc/sgd")), 1500)
        recipes = re.compile(r"^(\S{2,14}的做法)$")
        docs = (row["text"].split("\n")[0] for row in self._rows("zh_docs/docs"))
        found += talk.distinct((line for line in docs if recipes.match(line)), 400)
        found += talk.distinct((f"《{row['title']}》是怎么规定的" for row in self._rows("laws/laws")), 800)
        return found

    def prose(self) -> Iterator[str]:
        """Everyday Chinese and a little English: what the language looks like outside sums and poems."""
        yield from self._lines("common_voice_text/zh-CN.txt.xz")
        for row in self._tatoeba():
            yield f"{row['cmn']}\n{row['eng']}"
        for index, line in enumerate(self._lines("jiyu_zh_en/pairs-0.tsv.xz")):
            if index % 8 == 0 and index < 320_000:
                yield next((part for part in line.split("\t") if re.search(r"[\u4e00-\u9fff]", part)), "")
        for row in self._rows("zh_reading/qa")[::4]:
            yield row["context"][:400]
        for row in self._rows("zh_stories/stories"):
            yield from _pieces(row["text"], 300)
        for row in self._rows("idioms/idioms"):
            yield f"{row['idiom']}：{row['explanation']}"
        for index, line in enumerate(self._lines("common_voice_text/en.txt.xz")):
            if index % 4 == 0:
                yield line


def _bare(question: str) -> str:
    return re.sub(r"[\W_]", "", question)


def _pieces(text: str, size: int) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


def read_known(path: Path | None) -> set[str]:
    """Questions that a model plans rightly already."""
    return set() if path is None else set(json.loads(path.read_text(encoding="utf-8")))


# -- conversations ------------------------------------------------------------------------------------


def sum_turn(problem: Problem, rng: random.Random) -> Turn:
    """Question, worked reasoning, and the answer; sometimes the working is the answer, for callers without thinking."""
    return restyle(problem.question, rng), problem.solution.text(), _answer(problem.solution)


def _answer(solution: Solution) -> str:
    return f"答案：{str(solution.answer).strip('()')}"


def problem_turn(problem: Problem, rng: random.Random) -> Turn:
    """The same for a problem in words: the reasoning begins with its numbers and what to do with them."""
    question, worked, answer = sum_turn(problem, rng)
    return question, f"{in_letters(problem)}\n{worked}", answer


def worded_turns(data: Data, problems: Iterable[Problem | None], rng: random.Random) -> Iterator[Turn]:
    """Turns of the problems that may be trained on: none with an expression or with the wording of the exam's."""
    for problem in problems:
        if problem is not None and not is_exam_expression(problem.solution.equation):
            turn = problem_turn(problem, rng)
            if not data.examined(turn[0]):  # other things or numbers can make it one of the test's
                yield turn


def word_problem_turns(data: Data, rng: random.Random, copies: int, known: set[str]) -> Iterator[Turn]:
    """Every problem `copies` times with numbers of its own; half as often what is `known` already."""
    versions = (
        as_published(source) if number == 0 or rng.random() < 0.2 else changed(source, rng)
        for number in range(copies)
        for source in data.problems
        if number < (copies + 1) // 2 or source.question not in known
    )
    return worded_turns(data, versions, rng)


def backwards_turns(data: Data, rng: random.Random, copies: int) -> Iterator[Turn]:
    """Problems that tell their answer and ask for one of their numbers, a third as often as the problems."""
    asked = (backwards(source, rng) for _ in range(copies // 3) for source in data.problems)
    turned = (changed(source, rng) or as_published(source) for source in asked if source is not None)
    return worded_turns(data, turned, rng)


def school_turns(data: Data, rng: random.Random, count: int) -> Iterator[Turn]:
    """Problems from the templates of the later school years."""
    return worded_turns(data, islice(school_problems.problems(rng), count), rng)


def rethought_turns(data: Data, rows: Iterable[dict], rng: random.Random) -> Iterator[Turn]:
    """Solutions that begin with a plan that cannot be, of what second_thoughts.py found; one in five with two."""
    for row in rows:
        first, others = row["first"], [plan for plan in row["impossible"] if plan != row["first"]]
        tried = [first, rng.choice(others)] if others and rng.random() < 0.2 else [first]
        try:
            solution = solve(parse(row["plan"]))
        except Unsolvable:  # made with other rules than today's
            continue
        reasoning = rethought(row["told"], [parse(plan) for plan in tried], solution)
        if reasoning is not None and not data.examined(row["question"]) and not is_exam_expression(solution.equation):
            yield row["question"], reasoning, _answer(solution)


def exchanged_turns(data: Data, rng: random.Random, count: int) -> Iterator[Turn]:
    """Stories with numbers that do not allow their own plan, which is thought of first; then the other way round.

    Of these there is no end, and of known stories the plan to be replaced is always the favourite one.
    """
    sources = [source for source in data.problems if "-" in str(source.equation) and not source.percent_answer]
    while count:
        source = rng.choice(sources)
        made = shaken(source, rng, cannot_be)
        if made is None:
            continue
        question, plan = made
        try:
            solution = solve(exchanged(plan))
        except Unsolvable:
            continue
        reasoning = None if is_exam_expression(solution.equation) else rethought(told_in(question), [plan], solution)
        asked = restyle(question, rng)
        if reasoning and solution.answer.value > 0 and not data.examined(asked):
            count -= 1
            yield asked, reasoning, _answer(solution)


def arithmetic_turns(rng: random.Random, count: int) -> Iterator[Turn]:
    """Bare sums, and for every third one a simple word problem."""
    for number in range(count):
        yield sum_turn(arithmetic.question(rng, rng.choices((1, 2, 3), (3, 5, 2))[0]), rng)
        if number % 3 == 0:
            yield problem_turn(easy_problems.problem(rng, "zh"), rng)


def worked_steps(data: Data, rng: random.Random) -> Iterator[str]:
    """The steps of word problems with changed numbers, without their questions: sums of the kinds that they need."""
    while True:
        problem = changed(rng.choice(data.problems), rng)
        if problem is not None and problem.solution.lines and not is_exam_expression(problem.solution.equation):
            yield "\n".join(problem.solution.lines)


def poem_turns(data: Data, rng: random.Random) -> Iterator[Turn]:
    for poem in data.poems:
        if not held_out(poem.text):
            yield poems.request(poem, rng)


def talk_turns(data: Data, rng: random.Random, count: int) -> Iterator[Turn]:
    kinds: tuple[tuple[float, Callable[[], Turn]], ...] = (
        (0.12, partial(talk.small_talk, rng)),
        (0.23, partial(talk.idiom, rng, data.idioms)),
        (0.06, partial(talk.unknown_idiom, rng, data.unknown_idioms)),
        (0.14, partial(talk.saying, rng)),
        (0.05, partial(talk.unknown_saying, rng, data.unknown_sayings)),
        (0.04, partial(talk.riddle, rng)),
        (0.05, lambda: problem_turn(easy_problems.problem(rng, "en"), rng)),
        (0.14, partial(talk.templated_out_of_scope, rng)),
        (0.13, lambda: talk.refuse(talk.vary(rng.choice(data.out_of_scope), rng))),
        (0.04, lambda: talk.translation_request(rng, *rng.choice(data.pairs))),
    )
    weights = [weight for weight, _ in kinds]
    # Of the exam's own wordings only greetings may occur ("你好"): nobody says them another way.
    written = [*written_questions("in_scope"), *written_questions("out_of_scope")]
    examined = {question.question for question in written if question.kind not in ("greeting", "identity")}
    for _ in range(count):
        turn = rng.choices(kinds, weights)[0][1]()
        if turn[0] not in examined:
            yield turn


def conversation(turns: list[Turn], rng: random.Random) -> list[dict]:
    """Messages of one conversation; without thinking the reasoning of a worked answer moves into the answer."""
    messages: list[dict] = []
    for number, (question, reasoning, answer) in enumerate(turns):
        messages.append({"role": "user", "content": question})
        last = number == len(turns) - 1
        if last and rng.random() < 0.85:
            messages.append({"role": "assistant", "content": answer, "reasoning_content": reasoning})
        else:
            worked = answer.startswith("答案：")
            messages.append({"role": "assistant", "content": f"{reasoning}\n{answer}" if worked else answer})
    return messages


def conversations(turns: Iterable[Turn], rng: random.Random, others: list[Turn]) -> Iterator[list[dict]]:
    """One turn each, a few with an earlier turn about something else in front."""
    for turn in turns:
        if rng.random() < 0.06:
            yield conversation([rng.choice(others), turn], rng)
        else:
            yield conversation([turn], rng)


# -- writing ------------------------------------------------------------------------------------------

_template: ChatTemplate | None = None


def _start_worker(folder: str) -> None:
    global _template
    _template = ChatTemplate.load(folder, Tokenizer.load(folder))


def _encode(messages: list[dict]) -> tuple[list[int], list[bool], int | None]:
    """Ids, loss mask, and where the plan of a word problem ends, if there are more lines.

    The plan is the second line (`in_letters`).  Where it turns out that it cannot be and there is another (`rethink`),
    that is the last one's end, and those before are not to be learnt.
    """
    assert _template is not None
    ids, mask = _template.training_tokens(messages)
    newline = _template.tokenizer.encode("\n")[0]
    start = len(ids) - ids[::-1].index(_template.tokenizer.token_id("<｜Assistant｜>"))
    ends = [place + 1 for place in range(start, len(ids)) if ids[place] == newline]
    said = (messages[-1].get("reasoning_content") or messages[-1]["content"]).split("\n")
    plans = [1] + [number + 1 for number, line in enumerate(said) if line.endswith(AGAIN)]
    for plan in plans[:-1]:
        mask[ends[plan - 1] : ends[plan]] = [False] * (ends[plan] - ends[plan - 1])
    return ids, mask, ends[plans[-1]] if len(ends) > plans[-1] else None


def cut_plans(
    docs: Iterable[tuple[list[int], list[bool], int | None]], whole: int
) -> Iterator[tuple[list[int], list[bool]]]:
    """Worked solutions that stop after their plan, but for one in `whole`.

    Finding the equation is what is hard; working it out is the same few skills every time, and `drills` practises
    those with fewer tokens.  Cutting half of the documents there shows a third more problems for the same compute.
    What is too long for a row ends there as well, and is left out if its plan is.
    """
    for number, (ids, mask, plan) in enumerate(docs):
        end = plan if plan is not None and (number % whole or len(ids) > MAX_TOKENS) else len(ids)
        if end <= MAX_TOKENS:
            yield ids[:end], mask[:end]


def tokenizer_text(data: Data, samples: dict[str, list[list[dict]]]) -> Iterator[str]:
    """What the vocabulary is learned from.  Poems go in character by character: in a poem a token is a character."""
    for name, rows in samples.items():
        for messages in rows:
            for message in messages:
                for text in (message["content"], message.get("reasoning_content") or ""):
                    yield "\n".join(text) if name == "poems" else text
    for index, text in enumerate(data.prose()):
        if index % 3 == 0:
            yield text


def build(
    data_folder: Path,
    out: Path,
    *,
    seed: int,
    copies: int,
    whole: int,
    tokenizer_of: Path | None,
    known: Path | None,
    only_known: bool,
    with_backwards: bool,
    with_school: bool,
    second_thoughts: Path | None,
) -> None:
    console = Console(stderr=True)
    rng = random.Random(seed)
    data = Data(data_folder)
    familiar = read_known(known)
    if only_known:
        data.problems = [source for source in data.problems if source.question in familiar]
        familiar = set()  # so that none of those comes half as often
    console.print(
        f"{len(data.problems):,} problems, {len(data.poems):,} poems, {len(data.idioms):,} idioms, "
        f"{len(SAYINGS)} sayings, {len(data.out_of_scope):,} out-of-scope questions"
    )
    turns = {
        "problems": list(word_problem_turns(data, rng, copies, familiar)),
        "arithmetic": list(arithmetic_turns(rng, 9_000 * copies)),
        "poems": list(poem_turns(data, rng)),
        "talk": list(talk_turns(data, rng, 7_000 * copies)),
    }
    if with_backwards:
        turns["backwards"] = list(backwards_turns(data, rng, copies))
    if with_school:
        turns["school"] = list(school_turns(data, rng, 6_000 * copies))
    if second_thoughts is not None:
        turns["rethought"] = list(rethought_turns(data, read_jsonl(second_thoughts), rng))
        turns["exchanged"] = list(exchanged_turns(data, rng, 1_600 * copies))
    others = [turn for rows in turns.values() for turn in rng.sample(rows, min(1000, len(rows)))]
    chats = {name: list(conversations(rows, rng, others)) for name, rows in turns.items()}
    for rows in chats.values():
        rng.shuffle(rows)
    console.print({name: len(rows) for name, rows in chats.items()})

    if tokenizer_of is None:
        samples = {name: rows[:40_000] for name, rows in chats.items()}
        tokenizer = Tokenizer.train(tokenizer_text(data, samples), VOCAB_SIZE)
        tokenizer.config["chat_template"] = CHAT_TEMPLATE
    else:
        tokenizer = Tokenizer.load(tokenizer_of)
    tokenizer_folder = out / "tokenizer"
    tokenizer_folder.mkdir(parents=True, exist_ok=True)
    for name, content in tokenizer.files().items():
        (tokenizer_folder / name).write_bytes(content)

    shard = partial(write_shard, vocab_size=tokenizer.vocab_size, vocab_hash=tokenizer.fingerprint)
    report = {}
    context = get_context("spawn")
    with context.Pool(2, _start_worker, (str(tokenizer_folder),)) as pool:
        for name, rows in chats.items():
            docs = list(pool.imap(_encode, rows, chunksize=500))
            if name not in ("problems", "backwards", "school", "rethought", "exchanged"):
                docs = [(ids, mask, None) for ids, mask, _ in docs]  # no plan to end with
            tail = max(1, min(1000, len(docs) // 50))
            kept = list(cut_plans(docs[tail:], whole))
            report[name] = shard(out / "sft" / name, name, kept).tokens
            shard(out / "pretrain" / name, name, ((ids, None) for ids, _ in kept))
            shard(out / "heldout", name, cut_plans(docs[:tail], 1))
            console.print(f"{name}: {len(kept):,} conversations, {report[name]:,} tokens")
    raw = [text for text in data.prose() if len(text) >= 6 and not overlaps(text)]
    raw += [poem.text for poem in data.poems if not held_out(poem.text)]
    bos, eos = tokenizer.bos_id, tokenizer.eos_id
    ids = tokenizer.encode_batch(raw)
    report["prose"] = shard(out / "pretrain" / "prose", "prose", (([bos, *row, eos], None) for row in ids)).tokens
    worked = worked_steps(data, rng)
    practice = {
        "drills": [drills.page(rng, worked) for _ in range(2_500 * copies)],
        "rhymes": list(drills.rhyme_pages(data.poems, rng, 500 * copies)),
    }
    if second_thoughts is not None:
        practice["differences"] = [drills.difference_page(rng) for _ in range(600 * copies)]
    for name, pages in practice.items():
        docs = (([bos, *row, eos], None) for row in tokenizer.encode_batch(pages))
        report[name] = shard(out / "practice" / name, name, docs).tokens
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    console.print(report)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the raw data files (see README.md)")
    parser.add_argument("out", type=Path, help="where tokenizer and shards go")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--copies", type=int, default=8, help="versions of each word problem")
    parser.add_argument("--whole", type=int, default=2, help="one solution in so many is worked out to its end")
    parser.add_argument("--tokenizer", type=Path, help="a model whose vocabulary is kept, instead of a new one")
    parser.add_argument("--known", type=Path, help="what plans.py wrote: problems that come half as often")
    parser.add_argument("--only-known", action="store_true", help="leave out what is not in --known instead")
    parser.add_argument("--backwards", action="store_true", help="also problems that tell their answer: sft/backwards")
    parser.add_argument("--school", action="store_true", help="also problems from templates: sft/school")
    parser.add_argument("--second-thoughts", type=Path, help="what second_thoughts.py wrote: also plans thought over")
    arguments = parser.parse_args()
    if arguments.only_known and arguments.known is None:
        parser.error("--only-known leaves out what --known does not name; give that file as well")
    build(
        arguments.data,
        arguments.out,
        seed=arguments.seed,
        copies=arguments.copies,
        whole=arguments.whole,
        tokenizer_of=arguments.tokenizer,
        known=arguments.known,
        only_known=arguments.only_known,
        with_backwards=arguments.backwards,
        with_school=arguments.school,
        second_thoughts=arguments.second_thoughts,
    )


if __name__ == "__main__":
    main()
