"""The raw files of the data folder, read once: problems, poems, and what people asked of other systems."""

from __future__ import annotations

import hashlib
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

    def examined(self, question: str) -> bool:
        """Whether one of Math23K's test problems is worded like this."""
        return _bare(question) in self._test

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


def _bare(question: str) -> str:
    return re.sub(r"[\W_]", "", question)
