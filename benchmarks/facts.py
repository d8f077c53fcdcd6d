"""What `train sft` teaches: distinct made-up facts, asked again as they stood and in other wordings.

    python benchmarks/facts.py [--base ember] [--facts 200] [--language zh] [--seed 1] [--kinds report] [--threads N]
                               [--no-abilities] [OPTION OF train sft ...]

Every fact stands in one line and in one wording; three other wordings of it are asked afterwards and never taught
(`benchlib/made_up.py`).  What is tuned is tuned on `--kinds tune`, and on the questions of `benchlib/unknown.py`, which
are to be declined.  Abilities, before and after: in Chinese one- and two-step sums, and declining what is out of scope;
in English common knowledge, and bits per byte of a text.  Processor seconds are told beside those of the clock, which
mean little beside other programs.  Words for people go to stderr; the last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchlib.common_knowledge import QUESTIONS
from benchlib.made_up import Fact, made_up
from benchlib.unknown import UNKNOWN

from huozhong.cli.answered import ask
from huozhong.exam.parts import Setting, choose
from huozhong.exam.run import examine
from huozhong.exam.subject import open_local
from huozhong.formats.resolve import resolve_model
from huozhong.train.adapt.examples import Example
from huozhong.train.adapt.show import matches, plain
from huozhong.verify.refusal import is_refusal

ABILITIES = {"zh": ("one_step", "two_step", "refusal"), "en": ("perplexity",)}


def asked(model: Path, facts: list[Fact], threads: int | None) -> dict[str, float]:
    """Shares of facts that come as they were taught, and of other wordings whose answer holds what was asked for."""
    pairs = [(fact, fact.question) for fact in facts] + [(fact, other) for fact in facts for other in fact.others]
    prompts = [Example([], [], [{"role": "user", "content": text}], fact.answer, 0) for fact, text in pairs]
    said = ask(model, prompts, 64, threads)
    same = sum(matches(fact.answer, answer)[0] for fact, answer in zip(facts, said, strict=False))
    found = [plain(fact.value) in plain(answer or "") for (fact, _), answer in zip(pairs, said, strict=True)]
    others = found[len(facts) :]
    return {"recalled": same / len(facts), "other_wordings": sum(others) / len(others)}


def declined(model: Path, threads: int | None) -> float:
    """Share of `benchlib.unknown` that is answered with an honest no."""
    prompts = [Example([], [], [{"role": "user", "content": text}], "", 0) for text in UNKNOWN]
    return sum(is_refusal(answer or "") for answer in ask(model, prompts, 64, threads)) / len(UNKNOWN)


def abilities(model: Path, language: str, threads: int | None) -> dict[str, float]:
    """What it could do before it was taught anything."""
    subject = open_local(model)
    try:
        report = examine(subject, choose(",".join(ABILITIES[language])), Setting())
    finally:
        subject.close()
    found = {f"{part.name}.{score.name}": score.count / score.of for part in report.parts for score in part.scores}
    if language == "en":
        found |= {
            f"bits_per_byte.{kind}": bits for part in report.parts for kind, bits in (part.bits_per_byte or {}).items()
        }
        prompts = [Example([], [], [{"role": "user", "content": text}], "", 0) for text, _ in QUESTIONS]
        said = [plain(answer or "") for answer in ask(model, prompts, 48, threads)]
        right = [any(plain(v) in answer for v in values) for (_, values), answer in zip(QUESTIONS, said, strict=True)]
        found["common_knowledge"] = sum(right) / len(right)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="ember")
    parser.add_argument("--facts", type=int, default=200)
    parser.add_argument("--language", choices=("zh", "en"), default="zh")
    parser.add_argument("--kinds", choices=("report", "tune"), default="report")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--no-abilities", action="store_true")
    options, more = parser.parse_known_args()
    base = resolve_model(options.base)
    facts = made_up(options.facts, options.seed, options.language, options.kinds)
    if options.threads is not None:
        more += ["--threads", str(options.threads)]
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "facts.jsonl", Path(folder) / "run"
        lines = [json.dumps({"question": f.question, "answer": f.answer}, ensure_ascii=False) for f in facts]
        data.write_text("\n".join(lines), encoding="utf-8")
        began = time.perf_counter()
        command = ["train", "sft", "--base", str(base), "--data", str(data), "--out", str(out), *more]
        subprocess.run([sys.executable, "-m", "huozhong.cli.main", *command], check=True, stdout=sys.stderr)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        result: dict[str, Any] = {
            **{name: getattr(options, name) for name in ("base", "language", "kinds", "seed")},
            "facts": len(facts),
            "seconds": time.perf_counter() - began,
            "processor_seconds": used.ru_utime + used.ru_stime,
        }
        result |= {"before": asked(base, facts, options.threads), "after": asked(out / "model", facts, options.threads)}
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        result |= {"best_epoch": report["best_epoch"], "bill": report["bill"]}
        result["declined"] = {
            "before": declined(base, options.threads),
            "after": declined(out / "model", options.threads),
        }
        if not options.no_abilities:
            told = (options.language, options.threads)
            result["abilities"] = {"before": abilities(base, *told), "after": abilities(out / "model", *told)}
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
