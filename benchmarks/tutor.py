"""Does the tutor give answers away, how many problems does it plan, and how long is the first hint?

    python benchmarks/tutor.py [MODEL] [--data FILE] [--problems 300] [--pupils pleads guesses orders]

Every problem is taken through six turns with each pupil (benchlib/pupils.py), with a page of a book at hand that holds
its whole solution.  What the tutor says is held against the results of the problem's own equation by `verify.leak` and
by a second checker that shares no code with it (benchlib/giveaway.py).  The answer counts as told even where the
problem tells the same number, unless the problem's clause is quoted: whole, letter by letter, between quotation marks
or on a line of its own.  A result on the way that the problem tells, too, is known to everybody.

Beside that: how many problems are planned rightly (the tutor accepts the known answer), how many wrongly, how many it
is not sure of; and whether a wording that tells the answer in one of ninety disguises (benchlib/disguises.py) would be
let through.  FILE: JSONL in Math23K's or GSM8K's form; problems of a test split are passed over; without it, templates
of our own.  Words for people go to stderr; the last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from benchlib.disguises import HARMLESS, disguised
from benchlib.giveaway import given_away, without_quotations
from benchlib.pupils import PUPILS, Exercise, from_file, from_templates, told_in

import huozhong
from huozhong import LLM, SamplingParams
from huozhong.skills.run import run
from huozhong.skills.shelf import AppShelf
from huozhong.skills.tools import keep_in
from huozhong.verify.leak import leaks
from huozhong.verify.numbers import told

NUMERALS = ("digits", "chinese", "english", "fraction", "roman", "pinyin", "spaced")  # the number itself, written
UNSURE = ("没有把握", "I am not sure")


class Model:
    """A model that is asked every question once."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        self._said: dict[str, str] = {}

    def __call__(
        self, messages: list[dict[str, Any]], *, schema: dict[str, Any] | None, max_tokens: int
    ) -> Iterator[str]:
        question = str(messages[-1]["content"])
        if question not in self._said:
            params = SamplingParams(temperature=0, max_tokens=min(max_tokens, 400))
            self._said[question] = self._llm.chat(messages, params).text
        yield self._said[question]


class Lessons:
    """The tutor with one pupil at a time."""

    def __init__(self, model: Model, folder: Path) -> None:
        shelf = AppShelf(folder / "own", Path(huozhong.__file__).parent / "apps")
        skill = shelf.find("tutor").skill
        assert skill is not None
        self._skill, self._model, self._folder, self._shelf = skill, model, folder, shelf
        self.tools = {name: tool.call for name, tool in shelf.tools().items()}

    def says(self, pupil: str, pages: list[str], **given: str) -> str:
        keep = keep_in(self._folder / f"{pupil}.json")
        own = {"keep": keep, "search": lambda question: pages, "tally": lambda what, how: False}
        tools = {**self.tools, **own}
        return list(run(self._skill, given, self._model, tools))[-1].text

    def state(self, pupil: str) -> dict[str, Any]:
        state: dict[str, Any] = keep_in(self._folder / f"{pupil}.json")("lesson")
        return state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", default="ember", help="name, folder or GGUF file (default: ember)")
    parser.add_argument("--data", type=Path, help="problems as JSONL, .xz too (default: templates)")
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--pupils", nargs="*", choices=sorted(PUPILS), default=sorted(PUPILS))
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--skip", type=int, default=0, help="of the seed's problems, those that were looked at before")
    parser.add_argument("--part", default="1/1", help="of the problems, as 3/10, to be run in several sittings")
    parser.add_argument("--cache", type=Path, help="folder for the packed model (default: a new one)")
    options = parser.parse_args()
    exercises = (
        from_file(options.data, options.skip + options.problems, options.seed)
        if options.data
        else from_templates(options.skip + options.problems, options.seed)
    )[options.skip :]
    part, of = (int(number) for number in options.part.split("/"))
    exercises = exercises[part - 1 :: of]
    if not exercises:
        parser.error(f"{options.data} holds no problem with an equation or a solution that comes to its answer")
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder) / "packed"
        with LLM(options.model, cache_dir=cache) as llm:
            lessons = Lessons(Model(llm), Path(folder))
            result = {
                "plans": plans(lessons, exercises),
                "pupils": {name: leaked(lessons, exercises, name, options.seed) for name in options.pupils},
                "disguises": disguises(lessons, exercises, options.seed),
            }
    print(
        json.dumps(
            {"benchmark": "tutor", "model": options.model, "part": options.part, "problems": len(exercises), **result}
        )
    )


# -- plans ---------------------------------------------------------------------------------------------------------


def plans(lessons: Lessons, exercises: list[Exercise]) -> dict[str, Any]:
    """How many are planned rightly, wrongly, not at all; seconds to the first hint."""
    counts: Counter[str] = Counter()
    seconds = []
    for at, exercise in enumerate(exercises):
        began = time.perf_counter()
        first = lessons.says(f"plan{at}", [], problem=exercise.text)
        seconds.append(time.perf_counter() - began)
        kind = "unsure"
        if not any(word in first for word in UNSURE):
            kind = "right" if _accepts(lessons, f"plan{at}", exercise.answer) else "wrong"
        counts[kind] += 1
        if kind == "wrong":
            print(
                f"wrong: {exercise.text} | {exercise.working} | {lessons.state(f'plan{at}')['plan']}", file=sys.stderr
            )
    times = {"median_s": round(statistics.median(seconds), 3), "most_s": round(max(seconds), 3)}
    return {**{kind: counts[kind] for kind in ("right", "unsure", "wrong")}, "first_hint": times}


def _accepts(lessons: Lessons, pupil: str, answer: Fraction) -> bool:
    """Whether the known answer is taken, as a fraction, a decimal or in percent."""
    forms = [str(answer), f"{float(answer):g}", f"{float(answer * 100):g}%"]
    for form in forms:
        lessons.says(pupil, [], mine=form)
        if lessons.state(pupil)["done"]:
            return True
    return False


# -- leaks -----------------------------------------------------------------------------------------------------------


def leaked(lessons: Lessons, exercises: list[Exercise], name: str, seed: int) -> dict[str, Any]:
    """Turns that tell a result of the problem's own equation, by either checker."""
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    for at, exercise in enumerate(exercises):
        pages = [f"《练习册》第 {at % 90 + 7} 页：{exercise.text} 解：{exercise.working}。答：{exercise.answer}。"]
        known = told_in(exercise.text) | {number.value for number in told(exercise.text)}
        for turn, given in enumerate(PUPILS[name](exercise, rng)):
            said = lessons.says(f"{name}{at}", pages, **given, **({"problem": exercise.text} if turn == 0 else {}))
            free = known - {exercise.answer} | told_in(given.get("mine", ""))
            state = lessons.state(f"{name}{at}")
            sum_ = _shown_sum(said, known | {Fraction(one) for one in state["reached"]}, exercise.answer)
            own_words = without_quotations(said, f"{exercise.text}\n{state['problem']}")
            one = leaks(own_words, exercise.results, free, (exercise.text, sum_))
            other = given_away(own_words, exercise.results, free, sum_, "")
            numerals = [leak for leak in one if leak.form in NUMERALS]
            found = {"turns": True, "numerals": numerals, "by_first_checker": one, "by_second_checker": other}
            counts.update(kind for kind, are in {**found, "either": one or other}.items() if are)
            if one or other:
                told_as = [own_words[leak.start : leak.end] for leak in one]
                print(
                    f"leak: {name} | {exercise.text} | {exercise.working} | {told_as} {other} | {said!r}",
                    file=sys.stderr,
                    flush=True,
                )
    return {kind: counts[kind] for kind in ("turns", "numerals", "by_first_checker", "by_second_checker", "either")}


def _shown_sum(said: str, known: set[Fraction], answer: Fraction) -> str:
    """The one sum that may be written for the pupil to work out: of told numbers, with a gap for its result.

    None where the answer stands in it.
    """
    found = re.search(r"([\d./%()]+)([+\-×÷])([\d./%()]+)\s*(?:＝（　　）|= ____)", said)
    if found is None:
        return ""
    bare = [one.strip("()") for one in (found[1], found[3])]
    common = {
        Fraction(one) for one in ("1", "2", "3", "4", "5", "6", "7", "10", "12", "24", "60", "100", "1000", "3.14")
    }
    for one in bare:
        value = Fraction(one[:-1]) / 100 if one.endswith("%") else Fraction(one)
        if value not in (known | common) - {answer}:
            return ""
    return found[0].partition("＝" if "＝" in found[0] else "=")[0].strip()


def disguises(lessons: Lessons, exercises: list[Exercise], seed: int) -> dict[str, Any]:
    """Wordings that tell the answer, let through; harmless wordings, refused; of problems that are planned rightly."""
    rng = random.Random(seed)
    told_kinds: Counter[str] = Counter()
    tried = through = harmless = refused = 0
    for at, exercise in enumerate(exercises):
        state = lessons.state(f"plan{at}")
        fits = exercise.answer.denominator == 1 and 10 < exercise.answer < 20000
        if not state or not state["done"] or not fits or exercise.answer in told_in(exercise.text):
            continue
        state = state | {"done": False, "reached": []}
        turn = lessons.tools["tutor"](state | {"level": 3})
        every = list(disguised(int(exercise.answer)))
        for kind, sentence in rng.sample(every, 20):
            tried += 1
            if (
                lessons.tools["tutor_reword"](turn["state"], turn["answer"], f"{turn['answer']}\n{sentence}")
                != turn["answer"]
            ):
                through += 1
                told_kinds[kind] += 1
        if turn["answer"].isascii() or at % 5:
            continue
        for sentence in HARMLESS:
            if not sentence.isascii():
                harmless += 1
                said = f"{turn['answer']}\n{sentence}"
                refused += lessons.tools["tutor_reword"](turn["state"], turn["answer"], said) != said
    return {"tried": tried, "let_through": through, "kinds": dict(told_kinds), "harmless": harmless, "refused": refused}


if __name__ == "__main__":
    main()
