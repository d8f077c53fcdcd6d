"""The elders' phone, measured: `python benchmarks/call_home.py [--orders 20000] [--tags] [--model ember]`.

`--each 20000 --kinds "12% wrong;clean"` asks for so many of these kinds alone, and says how it stands as it goes.

    orders    simulated sentences of people of 33 regions (benchlib/orders.py): written cleanly; with 12% of their
              syllables wrong; by an ear that only knows Mandarin, which is harder; told the place, not told it, told a
              neighbour.  Every false dial is printed: the place, what was said, what was heard, who was meant, who was
              rung; "another's name" where the noise wrote the very word for somebody else of the list
    none      sentences that ask for no call, and orders for people who are not in the list: nobody may be dialled
    baselines the same sentences by exact match, by likeness of pinyin (difflib), and by a language model with the list
    tags      recorded names (espeak-ng, several voices in four tongues), said again in a room with noise
    whisper   --whisper FOLDER: espeak-ng's Mandarin through Whisper base (faster-whisper) and the resolver

Ends in one JSON line.  The ear is a simulation, the voices are synthetic; neither is an old lady in a kitchen.
"""

from __future__ import annotations

import argparse
import difflib
import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from benchlib.orders import Said, lists, no_order, order, stranger

from huozhong.apps.callhome.contacts import Contact, names_of
from huozhong.apps.callhome.kin import relations, words_of
from huozhong.apps.callhome.places import home, regions
from huozhong.apps.callhome.resolve import who
from huozhong.apps.callhome.sounds import pinyin_of, plain

EVERYWHERE = tuple(regions())
KINDS = {"clean": (0.0, True), "12% wrong": (0.12, True), "mandarin ear": (0.0, False), "ear, 12% wrong": (0.12, False)}
Judge = Callable[[Said, Sequence[Contact], str], Contact | None]


def ours(said: Said, people: Sequence[Contact], dialect: str) -> Contact | None:
    return who(said.text, people, dialect).contact


def exact(said: Said, people: Sequence[Contact], dialect: str) -> Contact | None:
    """A name or the usual word for the relation, found in the sentence; the longest."""
    found = [(len(word), i) for i, one in enumerate(people) for word in _words(one) if word in said.text]
    return people[max(found)[1]] if found else None


def by_pinyin(said: Said, people: Sequence[Contact], dialect: str) -> Contact | None:
    """The same by pinyin, slid over the sentence: what most similar programs do."""
    heard = [pinyin_of(c) for c in said.text]
    best, chosen = 0.0, None
    for one in people:
        for word in _words(one):
            spelled = " ".join(pinyin_of(c) for c in word)
            for i in range(len(heard) - len(word) + 1):
                score = difflib.SequenceMatcher(None, spelled, " ".join(heard[i : i + len(word)])).ratio()
                if score > best:
                    best, chosen = score, one
    return chosen if best >= 0.75 else None


def _words(one: Contact) -> list[str]:
    return [plain(word) for word in (*one.called, *(relations()[name].chinese for name in one.relations)) if word]


def language_model(name: str) -> Judge:
    from huozhong import LLM, SamplingParams

    llm = LLM(name)

    def judge(said: Said, people: Sequence[Contact], dialect: str) -> Contact | None:
        names = "、".join(one.shown for one in people)
        question = f"联系人：{names}。老人说：“{said.text}”。要打给谁？只回答联系人，没有就回答“没有”。"
        answer = llm.chat([{"role": "user", "content": question}], SamplingParams(temperature=0, max_tokens=24)).text
        found = [one for one in people if one.shown in answer or one.name in answer]
        return found[0] if len(found) == 1 else None

    return judge


@dataclass
class Wrongs:
    """False dials as they come.  named: of how many the noise wrote another contact's own name."""

    lines: list[str] = field(default_factory=list)
    named: int = 0

    def add(self, said: Said, people: Sequence[Contact], told: str, rung: Contact) -> None:
        meant = "nobody" if said.wanted is None else people[said.wanted].shown
        named = plain(said.slot) in spelled(rung, told)
        self.named += named
        self.lines.append("\t".join((told, said.said, said.text, meant, rung.shown, "another's name" * named)))
        print(self.lines[-1], flush=True)


@lru_cache(maxsize=256)
def spelled(one: Contact, dialect: str) -> frozenset[str]:
    """Every way to write whom one can call."""
    at = home(dialect)
    kin = (word.written for name in one.relations for word in words_of(name, at.point, at.near, at.region))
    return frozenset(plain(word) for word in (*(name for name, _ in names_of(one)), *kin))


def marked(utterances: Iterable[tuple[Said, list[Contact], str]], judge: Judge, wrongs: Wrongs | None = None,
           every: int = 0) -> dict[str, float]:  # fmt: skip
    """every: after how many a line says how it stands."""
    answered = right = wrong = n = 0
    seconds = []
    for n, (said, people, told) in enumerate(utterances, 1):
        begin = time.process_time()
        one = judge(said, people, told)
        seconds.append(time.process_time() - begin)
        answered += one is not None
        right += one is not None and said.wanted is not None and one == people[said.wanted]
        if one is not None and (said.wanted is None or one != people[said.wanted]):
            wrong += 1
            if wrongs is not None:
                wrongs.add(said, people, told, one)
        if every and n % every == 0:
            print(f"{n}: {answered} answered, {right} right, {wrong} wrong", flush=True)
    n = max(1, n)
    return {
        "n": n, "answered": round(answered / n, 4), "right": round(right / n, 4),
        "right of answered": round(right / max(1, answered), 4),
        "wrong": round(wrong / n, 5), "ms": round(1000 * float(np.median(seconds or [0])), 1),
        "ms at most": round(1000 * max(seconds or [0]), 1),
    }  # fmt: skip


def utterances(kind: str, count: int, seed: random.Random) -> list[tuple[Said, list[Contact], str]]:
    return list(one_by_one(kind, count, seed))


def one_by_one(kind: str, count: int, seed: random.Random) -> Iterator[tuple[Said, list[Contact], str]]:
    people, place = lists(seed), ""
    found = 0
    while found < count:
        if found % 20 == 0:
            people, place = lists(seed), seed.choice(EVERYWHERE)
        if kind in KINDS:
            said = order(people, place, seed, *KINDS[kind])
            if said is None:
                continue
        else:
            said = (no_order if kind == "no order" else stranger)(people, place, seed, seed.choice((0.0, 0.12)))
        found += 1
        yield said, people, place


def one_left_out(made: list[tuple[Said, list[Contact], str]]) -> dict[str, Any]:
    """Every region's orders with its own words and sounds unknown: its nearest neighbour is told instead."""
    told = [(said, people, regions()[place].near[0]) for said, people, place in made]
    whole: dict[str, Any] = dict(marked(told, ours))
    whole["right by region"] = {
        region: marked([a for a, (_, _, place) in zip(told, made, strict=True) if place == region], ours)["right"]
        for region in EVERYWHERE
    }
    return whole


def orders(count: int, seed: random.Random, model: str | None) -> dict[str, Any]:
    results: dict[str, Any] = {}
    wrongs = Wrongs()
    share = max(40, count // 6)
    for kind in (*KINDS, "no order", "stranger"):
        made = utterances(kind, share, seed)
        results[kind] = marked(made, ours, wrongs)
        print(kind, results[kind], flush=True)
        if kind == "12% wrong":
            results["place not told"] = marked([(a, b, "") for a, b, _ in made[: share // 4]], ours)
            results["one place left out"] = one_left_out(made[: share // 2])
            judges: dict[str, Judge] = {"exact match": exact, "likeness of pinyin": by_pinyin}
            if model:
                judges[f"language model {model}"] = language_model(model)
            for name, judge in judges.items():
                results[name] = marked(made[: 100 if model and "model" in name else share], judge)
                print(name, results[name], flush=True)
    every = [results[kind] for kind in (*KINDS, "no order", "stranger")]
    results["false dials of all"] = round(len(wrongs.lines) / sum(one["n"] for one in every), 6)
    results["of these another's name"] = wrongs.named
    return results


def kinds(names: Sequence[str], count: int, seed: int) -> dict[str, Any]:
    """So many utterances of some kinds alone, each kind from its own start of the same seed.

    "left out KIND": every place's own words and sounds unknown, its nearest neighbour told instead."""
    results: dict[str, Any] = {}
    for name in names:
        wrongs = Wrongs()
        left_out = name.startswith("left out ")
        made = (
            (said, people, regions()[place].near[0] if left_out else place)
            for said, people, place in one_by_one(name.removeprefix("left out "), count, random.Random(seed))
        )
        results[name] = marked(made, ours, wrongs, 500) | {"another's name": wrongs.named}
        print(name, results[name], flush=True)
    return results


def tags(voices: Sequence[str], seed: int) -> dict[str, Any]:
    """Three recordings of twelve names at 30 dB; each said again three times, far away, at 20 and at 10 dB."""
    from benchlib.spoken import NAMES, Speaker, recorded

    from huozhong.errors import SkillError
    from huozhong.senses.hear import Tags, hear, tag

    random_numbers = np.random.default_rng(seed)
    rows: list[tuple[int, bool, bool, float]] = []
    unknown: list[bool] = []
    for tongue, names in NAMES.items():
        for voice in voices:
            speaker = Speaker(tongue, voice)
            known = Tags([tag(n, recorded(speaker, n, random_numbers, 30, False)) for n in names for _ in range(3)])
            assert known.usual > 0
            for decibels in (20, 10):
                for name in names:
                    sound = recorded(speaker, name, random_numbers, decibels, True)
                    begin = time.process_time()
                    try:
                        found = hear(sound, known)
                    except SkillError:
                        rows.append((decibels, False, False, 0.0))
                        continue
                    taken = time.process_time() - begin
                    rows.append((decibels, found.nearest[0] == name, found.word not in (None, name), taken))
            for name in names[::3]:
                others = Tags([one for one in known.recordings if one.word != name])
                unknown.append(hear(recorded(speaker, name, random_numbers, 20, True), others).word is not None)
        print("tags", tongue, len(rows), flush=True)
    result: dict[str, Any] = {
        f"{decibels} dB": {
            "n": sum(row[0] == decibels for row in rows),
            "nearest right": round(float(np.mean([row[1] for row in rows if row[0] == decibels])), 4),
            "wrong after refusal": round(float(np.mean([row[2] for row in rows if row[0] == decibels])), 4),
        }
        for decibels in (20, 10)
    }
    result["unknown names taken for known ones"] = round(float(np.mean(unknown)), 4)
    result["ms a query"] = round(1000 * float(np.median([row[3] for row in rows])), 1)
    return result


def whisper(folder: str, seed: random.Random) -> dict[str, Any]:
    """Real sound, a real recogniser: twelve people, two sentences each, espeak-ng's pinyin voice."""
    import pypinyin
    from benchlib.spoken import Speaker, said
    from faster_whisper import WhisperModel

    ear = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1)
    people = lists(seed)
    right = wrong = unsure = 0
    for one in people:
        for frame in ("帮我打电话给{}", "给{}打个电话"):
            text = frame.format(one.name if not one.relations else relations()[one.relations[0]].chinese)
            spelled = " ".join(pypinyin.lazy_pinyin(text, style=pypinyin.Style.TONE3, neutral_tone_with_five=True))
            samples = said(Speaker("cmn-latn-pinyin", ""), spelled, 50, 140).samples
            pieces, _ = ear.transcribe(samples, language="zh", temperature=0.0, beam_size=5, max_new_tokens=24)
            heard = "".join(piece.text for piece in pieces)
            answer = who(heard, people, "北京")
            right += answer.contact == one
            wrong += answer.contact not in (None, one)
            unsure += answer.contact is None
            print(
                f"{text} -> {heard} -> {answer.decision} {answer.contact.shown if answer.contact else ''}", flush=True
            )
    return {"n": right + wrong + unsure, "right": right, "wrong": wrong, "unsure": unsure}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1200, help="sentences in all; 20000 for the full run")
    parser.add_argument("--each", type=int, help="only this many of each of --kinds")
    parser.add_argument(
        "--kinds", default="12% wrong;clean", help='with --each; "left out" before one tells the neighbour'
    )
    parser.add_argument("--tags", action="store_true", help="recorded names too (needs espeak-ng)")
    parser.add_argument("--voices", default="m2,f1,f3", help="espeak-ng's variants")
    parser.add_argument("--model", help="a language model as one more baseline, e.g. ember")
    parser.add_argument("--whisper", help="a folder with Whisper in CTranslate2's format (faster-whisper)")
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args()
    seed = random.Random(given.seed)
    result: dict[str, Any] = {}
    if given.each:
        result["kinds"] = kinds(given.kinds.split(";"), given.each, given.seed)
    elif given.orders:
        result["orders"] = orders(given.orders, seed, given.model)
    if given.tags:
        result["tags"] = tags(given.voices.split(","), given.seed)
    if given.whisper:
        result["whisper"] = whisper(given.whisper, seed)
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
