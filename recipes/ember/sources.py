"""The raw files of the data folder, read once: problems, poems, prose and what people asked of other systems."""

from __future__ import annotations

import hashlib
import lzma
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import poems
from word_problems import Source, read_problem

from huozhong.exam.held_out import overlaps
from huozhong.text.data import read_jsonl


def held_out(text: str) -> bool:
    """Never trained on: what shares a sentence with the exam's texts, and one poem in a hundred beside."""
    return overlaps(text) or int.from_bytes(hashlib.sha256(text.encode()).digest()[:2]) < 655


def distinct(rows: Iterator[str], at_most: int, low: int = 4, high: int = 60) -> list[str]:
    """Questions of a sensible length, each once."""
    out: dict[str, None] = {}
    for row in rows:
        text = row.strip()
        if low <= len(text) <= high * (4 if text.isascii() else 1):
            out[text] = None
        if len(out) >= at_most:
            break
    return list(out)


def one_in_ten(text: str) -> bool:
    return hashlib.sha256(_bare(text).encode()).digest()[0] < 26


def read_rows(folder: Path, name: str) -> list[dict]:
    return list(read_jsonl(folder / f"{name}.jsonl.xz"))


class Sources:
    """What the recipe reads; each part when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        test = (row for row in self._rows("math23k/math23k") if row["split"] == "test")
        self._test = {_bare(row["question"]) for row in test}

    @cached_property
    def poems(self) -> list[poems.Poem]:
        tang, song = self._rows("chinese_poetry/tang_shi"), self._rows("chinese_poetry/song_shi")
        # Song poems in order of their fame until there are about as many quatrains as the Tang left.
        song = sorted(song, key=lambda row: -row.get("pop", 0))
        famous = self._rows("chinese_poetry/famous")
        rows = famous + tang + [row for row in song if row["form"].endswith("绝句")][:36_000]
        rows += [row for row in song if row["form"].endswith("律诗")][:8_000]
        unique = {re.sub(r"\W", "", row["text"]): row for row in reversed(rows)}
        return [poem for poem in poems.choose(unique.values(), set()) if not held_out(poem.text)]

    @cached_property
    def problems(self) -> list[Source]:
        """Math23K's training part and Ape210K's validation part."""
        rows = [row for row in self._rows("math23k/math23k") if row["split"] == "train"]
        rows += [row for row in self._rows("ape10k/valid") if not one_in_ten(row["question"])]
        return self._read(rows)

    @cached_property
    def held_out_problems(self) -> list[Source]:
        """A tenth of Ape210K's validation part, which `by_kind` measures with."""
        return self._read([row for row in self._rows("ape10k/valid") if one_in_ten(row["question"])])

    def _read(self, rows: list[dict]) -> list[Source]:
        found = []
        for row in rows:
            if row["verified"] and not self.examined(row["question"]) and len(row["question"]) <= 140:
                source = read_problem(row["question"], row["equation"], row["answer"])
                if source is not None:
                    found.append(source)
        return found

    @cached_property
    def gsm8k(self) -> list[dict]:
        return self._rows("gsm8k/train")

    def _rows(self, name: str) -> list[dict]:
        return read_rows(self.folder, name)

    def _lines(self, name: str) -> Iterator[str]:
        with lzma.open(self.folder / name, "rt", encoding="utf-8") as file:
            for line in file:
                yield line.rstrip("\n")

    def examined(self, question: str) -> bool:
        """Whether one of Math23K's test problems is worded like this."""
        return _bare(question) in self._test

    def _tatoeba(self) -> Iterator[dict]:
        for row in self._rows("tatoeba_cmn_eng/pairs"):
            zh, en = row.get("zh") or row.get("cmn"), row.get("en") or row.get("eng")
            if zh and en and len(zh) <= 40 and len(en) <= 90:
                yield {"cmn": zh, "eng": en}

    @cached_property
    def out_of_scope(self) -> list[str]:
        """Questions that people asked of other systems: ember answers them with an honest no."""
        rows = (row["instruction"] for row in self._rows("dolly6k/dolly_part"))
        found = distinct(rows, 4000)
        reading = (row["question"] for row in self._rows("zh_reading/qa"))
        found += distinct(reading, 8000)
        for name in ("crosswoz", "kdconv"):
            found += distinct((row["messages"][0] for row in self._rows(f"sft_misc/{name}")), 1000)
        found += distinct((row["messages"][0] for row in self._rows("sft_misc/sgd")), 1500)
        recipes = re.compile(r"^(\S{2,14}的做法)$")
        docs = (row["text"].split("\n")[0] for row in self._rows("zh_docs/docs"))
        found += distinct((line for line in docs if recipes.match(line)), 400)
        found += distinct((f"《{row['title']}》是怎么规定的" for row in self._rows("laws/laws")), 800)
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
