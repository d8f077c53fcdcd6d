"""What `train sft` teaches: distinct made-up facts, asked again as they stood and in other wordings.

    python benchmarks/facts.py [--base ember] [--facts 200] [--threads N] [--no-abilities] [OPTION OF train sft ...]

Every fact stands in one line and in one wording; three other wordings of it are asked afterwards and never taught.
Abilities: one- and two-step sums, and declining what is out of scope, before and after.  Words for people go to
stderr; the last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huozhong.cli.fine_tune import ask
from huozhong.exam.parts import Setting, choose
from huozhong.exam.run import examine
from huozhong.exam.subject import open_local
from huozhong.formats.resolve import resolve_model
from huozhong.train.adapt.examples import Example
from huozhong.train.adapt.show import matches, plain

SURNAMES, GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨", "明霞建国丽芳志强雪梅海涛文静春兰子轩雨桐浩然思远"
PLACES = [
    "青石",
    "柳溪",
    "云台",
    "白鹭",
    "双桥",
    "枫林",
    "月牙",
    "松风",
    "竹海",
    "望江",
    "落霞",
    "碧泉",
    "兰亭",
    "桃源",
    "银杏",
    "鹿鸣",
]
HOUSES = ["小学", "图书馆", "卫生院", "邮局", "食堂", "茶馆", "博物馆", "林场", "车站"]
FRUIT = [
    "荔枝", "山竹", "柿子", "枇杷", "石榴", "杨梅", "樱桃",
    "葡萄", "菠萝", "芒果", "桑葚", "李子", "柚子", "橄榄",
]  # fmt: skip
WORK = [
    "木匠",
    "裁缝",
    "司机",
    "护士",
    "厨师",
    "会计",
    "铁匠",
    "渔民",
    "画家",
    "电工",
    "兽医",
    "记者",
    "导游",
    "理发师",
]
TOWNS = [
    "兰州", "昆明", "烟台", "泉州", "洛阳", "大理", "宜昌",
    "绍兴", "赣州", "延安", "桂林", "酒泉", "丹东", "海口",
]  # fmt: skip
COLOURS = ["蓝色", "黄色", "紫色", "灰色", "绿色", "红色", "橙色", "白色", "棕色", "黑色"]
ABILITIES = ("one_step", "two_step", "refusal")


@dataclass(frozen=True)
class Fact:
    question: str
    answer: str
    value: str
    others: tuple[str, ...]  # the same question in other wordings


@dataclass(frozen=True)
class Relation:
    """What can be said of a person or a house."""

    of: str
    question: str
    answer: str
    others: tuple[str, ...]
    draw: Callable[[random.Random], str]


RELATIONS = (
    Relation("person", "{x}喜欢吃什么水果？", "{x}最喜欢吃{v}。",
             ("{x}爱吃的水果是什么？", "什么水果是{x}喜欢吃的？", "你知道{x}喜欢哪种水果吗？"),
             lambda r: r.choice(FRUIT)),
    Relation("person", "{x}是做什么工作的？", "{x}是一名{v}。",
             ("{x}的职业是什么？", "{x}做什么工作？", "请问{x}靠什么谋生？"), lambda r: r.choice(WORK)),
    Relation("person", "{x}的老家在哪里？", "{x}的老家在{v}。",
             ("{x}是哪里人？", "{x}老家是什么地方？", "说说{x}的老家。"), lambda r: r.choice(TOWNS)),
    Relation("person", "{x}的电话号码是多少？", "{x}的电话是{v}。",
             ("怎么给{x}打电话？", "{x}电话多少？", "告诉我{x}的电话号码"), lambda r: str(r.randint(2000000, 8999999))),
    Relation("house", "{x}几点开门？", "{x}早上{v}开门。",
             ("{x}什么时候开门？", "{x}的开门时间是几点？", "请问{x}早上几点开？"),
             lambda r: f"{r.randint(6, 10)}点{r.choice(['', '半', '一刻'])}"),
    Relation("house", "{x}的大门是什么颜色？", "{x}的大门是{v}的。",
             ("{x}大门什么颜色？", "{x}的门漆成什么颜色？", "说一下{x}大门的颜色"), lambda r: r.choice(COLOURS)),
    Relation("house", "{x}有多少名员工？", "{x}有{v}名员工。",
             ("{x}员工有多少？", "在{x}工作的有几个人？", "{x}一共多少员工？"), lambda r: str(r.randint(3, 180))),
    Relation("house", "{x}是哪一年建成的？", "{x}建成于{v}年。",
             ("{x}什么时候建成的？", "{x}的建成年份是？", "{x}建于哪年？"), lambda r: str(r.randint(1901, 2019))),
)  # fmt: skip


def made_up(count: int, seed: int = 1) -> list[Fact]:
    """So many facts, no two of them about the same thing of the same person or house."""
    rng = random.Random(seed)
    people = [a + b + c for a in SURNAMES for b in GIVEN[:12] for c in GIVEN[12:]]
    houses = [place + house for place in PLACES for house in HOUSES]
    names = {"person": rng.sample(people, 60), "house": rng.sample(houses, 60)}
    all_of = [(relation, name) for relation in RELATIONS for name in names[relation.of]]
    facts = []
    for relation, name in rng.sample(all_of, count):
        value = relation.draw(rng)
        others = tuple(other.format(x=name) for other in relation.others)
        facts.append(Fact(relation.question.format(x=name), relation.answer.format(x=name, v=value), value, others))
    return facts


def asked(model: Path, facts: list[Fact], threads: int | None) -> dict[str, float]:
    """Shares of facts that come as they were taught, and of other wordings whose answer holds what was asked for."""
    pairs = [(fact, fact.question) for fact in facts] + [(fact, other) for fact in facts for other in fact.others]
    prompts = [Example([], [], [{"role": "user", "content": text}], fact.answer, 0) for fact, text in pairs]
    said = ask(model, prompts, 64, threads)
    same = sum(matches(fact.answer, answer)[0] for fact, answer in zip(facts, said, strict=False))
    found = [plain(fact.value) in plain(answer or "") for (fact, _), answer in zip(pairs, said, strict=True)]
    others = found[len(facts) :]
    return {"recalled": same / len(facts), "other_wordings": sum(others) / len(others)}


def abilities(model: Path) -> dict[str, float]:
    """What it could do before it was taught anything, by the exam."""
    subject = open_local(model)
    try:
        report = examine(subject, choose(",".join(ABILITIES)), Setting())
    finally:
        subject.close()
    return {f"{part.name}.{score.name}": score.count / score.of for part in report.parts for score in part.scores}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="ember")
    parser.add_argument("--facts", type=int, default=200)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--no-abilities", action="store_true")
    options, more = parser.parse_known_args()
    facts, base = made_up(options.facts), resolve_model(options.base)
    if options.threads is not None:
        more += ["--threads", str(options.threads)]
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "facts.jsonl", Path(folder) / "run"
        lines = [json.dumps({"question": f.question, "answer": f.answer}, ensure_ascii=False) for f in facts]
        data.write_text("\n".join(lines), encoding="utf-8")
        began = time.perf_counter()
        command = ["train", "sft", "--base", str(base), "--data", str(data), "--out", str(out), *more]
        subprocess.run([sys.executable, "-m", "huozhong.cli.main", *command], check=True, stdout=sys.stderr)
        result: dict[str, Any] = {"base": options.base, "facts": len(facts), "seconds": time.perf_counter() - began}
        result |= {"before": asked(base, facts, options.threads), "after": asked(out / "model", facts, options.threads)}
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        result |= {"best_epoch": report["best_epoch"], "bill": report["bill"]}
        if not options.no_abilities:
            result["abilities"] = {"before": abilities(base), "after": abilities(out / "model")}
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
