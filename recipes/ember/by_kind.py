"""How many problems of each held-out kind a model plans rightly: `python recipes/ember/by_kind.py MODEL DATA_FOLDER`.

Nothing here is trained on, and it is not anybody's test set: problems of our own in everyday school wording
(held_out.tsv, by grade), the same with useless sentences from templates of their own, and with numbers in words; kinds
whose templates are left out of training; GSM8K's last training problems and those of TAL's bank with one number as
answer; a tenth of Ape210K's validation part.  The numbers' line is given, as the guide gives it; one greedy plan
counts, by its value.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from string import ascii_lowercase

import distractors
import exact_questions
import gsm8k
import school
import talk_questions
from follow_ups import follow_up
from plan_text import spoken
from sources import Sources, read_rows

from huozhong.acts.labels import CANNOT
from huozhong.acts.reading import read
from huozhong.acts.solve import Unsolvable, parse, value_of
from huozhong.acts.turn import PROBLEM
from huozhong.acts.wording import worded
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.verify.numbers import first_line, told

HERE = Path(__file__).resolve().parent
PARAMS = SamplingParams(temperature=0.0, max_tokens=48, stop=("\n",))
Asked = tuple[str, str, Fraction]  # kind, question, answer
_TAL = re.compile(r"\\[a-zA-Z]+|[{}_^]")


def own() -> list[tuple[int, str, Fraction]]:
    """Grade, question and answer of our own problems."""
    lines = (HERE / "held_out.tsv").read_text(encoding="utf-8").splitlines()
    return [
        (int(grade), question, Fraction(answer)) for grade, question, answer in (line.split("\t") for line in lines)
    ]


def asked(sources: Sources) -> Iterator[Asked]:
    rng = random.Random(17)
    problems = own()
    for grade, question, answer in problems:
        yield f"own {grade}", question, answer
    for _, question, answer in problems:
        said = spoken(question, rng, 1.0)
        if said != question:
            yield "own, numbers in words", said, answer
    for count in range(1, 6):
        for _, question, answer in problems[::2]:
            text = distractors.distracted(question, count, rng, (), distractors.HELD_OUT)
            if text is not None:
                yield f"own, {count} useless", text, answer
    for kind in school.HELD_OUT_KINDS:
        for one in school.problems(rng, 8, [kind]):
            yield kind[0], one.question, value_of(one.equation)
    english = gsm8k.held_out(list(gsm8k.read(sources.gsm8k)))
    for question, node in english:
        yield "english", question, value_of(node)
    for source in sources.held_out_problems:
        yield "ape", source.question, value_of(source.equation)
    yield from _tal(sources.folder)


def _tal(folder: Path) -> Iterator[Asked]:
    """Of TAL's bank what is easy, short, asks for a number and tells two."""
    for row in read_rows(folder, "tal_scq5k/zh_train"):
        question = re.sub(r"\s+", "", row["question"].replace("$", ""))
        answer = row["options"][row["answer"]].replace("$", "").strip()
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:[\u4e00-\u9fff]{0,3})", answer)
        if row["difficulty"] not in "01" or found is None or _TAL.search(question) or len(question) > 110:
            continue
        if len(told(question)) >= 2 and not re.search("[ā-ǜ]|（~|~|最[大小少多]|图|个位|质数|因数|余", question):
            yield "tal", re.sub(r"(?:有|为|是|用)?．$", lambda m: m[0][:-1] + "多少？", question), Fraction(found[1])


def value_of_plan(plan: str, question: str) -> Fraction | None:
    """What a plan in letters comes to; None for what is none."""
    numbers = dict(zip(ascii_lowercase, told(question), strict=False))
    try:
        return value_of(parse(re.sub("[a-z]", lambda match: str(numbers[match[0]]), plan.strip())))
    except (Unsolvable, KeyError, ValueError, IndexError, AttributeError, OverflowError):
        return None


def is_right(plan: str, question: str, answer: Fraction) -> bool:
    value = value_of_plan(plan, question)
    if value is None:
        return False
    rounded = {math.ceil(value)} if "至少" in question else {math.floor(value)} if "最多" in question else set()
    share = {value * 100} if re.search("百分之几|率", question) else set()
    return answer in {value} | rounded | share or (value.denominator > 100 and abs(value - answer) < Fraction(1, 100))


def measure(llm: LLM, rows: Sequence[Asked]) -> tuple[dict[str, tuple[int, int]], list[str]]:
    prompts = []
    rows = [(kind, read(question).text, _in_its_unit(question, answer)) for kind, question, answer in rows]
    for at, (kind, question, answer) in enumerate(rows):
        prompt = llm.prompt([{"role": "user", "content": question}])
        start = prompt.ids
        question = str(prompt.acts[-1]["content"]) if prompt.acts else question  # without what looks useless
        rows[at] = (kind, question, answer)
        prompts.append([*start, *llm.tokenizer.encode(f"{first_line(told(question))}\n")])
    right: dict[str, tuple[int, int]] = {}
    wrong = []
    for (kind, question, answer), said in zip(rows, llm.generate(prompts, PARAMS), strict=True):
        plan = (said.reasoning or "") + said.text
        good = is_right(plan.split("\n")[0], question, answer)
        hits, total = right.get(kind, (0, 0))
        right[kind] = (hits + good, total + 1)
        if not good:
            wrong.append(f"{kind}\t{question}\t{first_line(told(question))}\t{plan!r}\t{answer}")
    return right, wrong


def _in_its_unit(question: str, answer: Fraction) -> Fraction:
    """The answer in the unit that the question is shown to the model in."""
    units = read(question).units
    return answer / units.converted(Fraction(1))


def labels(llm: LLM, data: Path) -> dict[str, tuple[int, int]]:
    """How often the first line begins as it should: fresh draws of what is trained on, so only a floor for mistakes."""
    rng = random.Random(23)
    rows: list[tuple[str, list[dict], str]] = []
    rows += [("talk", messages[-3:], label) for messages, label in islice(talk_questions.questions(rng), 300)]
    rows += [("exact", [_user(question)], label) for question, label in islice(exact_questions.questions(rng), 200)]
    rows += [("problem", [_user(question)], PROBLEM) for _, question, _ in own()]
    for one in school.problems(rng, 200):
        follow = follow_up(one.question, one.equation, rng)
        if follow is not None:
            answer = worded(follow.before, told(follow.before), follow.equation)
            rows.append(("follow", [_user(follow.before), _answer(answer), _user(follow.question)], follow.label))
    elsewhere = Sources(data).out_of_scope
    rows += [("elsewhere", [_user(text)], CANNOT) for text in rng.sample(elsewhere, 200)]
    prompts = [llm.prompt(messages).ids for _, messages, _ in rows]
    right: dict[str, tuple[int, int]] = {}
    said = llm.generate(prompts, SamplingParams(temperature=0.0, max_tokens=8))
    for (kind, _, label), answer in zip(rows, said, strict=True):
        hits, total = right.get(f"label: {kind}", (0, 0))
        right[f"label: {kind}"] = (hits + ((answer.reasoning or "") + answer.text).startswith(label), total + 1)
    return right


def _user(text: str) -> dict:
    return {"role": "user", "content": text}


def _answer(text: str) -> dict:
    return {"role": "assistant", "content": text}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", help="a name or a folder")
    parser.add_argument("data", type=Path, help="the data folder, see README.md")
    parser.add_argument("--wrong", type=Path, help="write what was planned wrongly to this file")
    parser.add_argument("--kinds", help="only the kinds that begin with this")
    arguments = parser.parse_args()
    rows = [row for row in asked(Sources(arguments.data)) if row[0].startswith(arguments.kinds or "")]
    with LLM(arguments.model) as llm:
        right, wrong = measure(llm, rows) if rows else ({}, [])
        if arguments.kinds is None or arguments.kinds == "label":
            right |= labels(llm, arguments.data)
    for kind, (hits, total) in right.items():
        print(f"{kind:24} {hits:4} / {total:4}  {hits / total:6.1%}")
    if arguments.wrong:
        arguments.wrong.write_text("\n".join(wrong) + "\n", encoding="utf-8")
    print(json.dumps({kind: round(hits / total, 4) for kind, (hits, total) in right.items()}, ensure_ascii=False))


if __name__ == "__main__":
    main()
