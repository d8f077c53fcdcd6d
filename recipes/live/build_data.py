"""Make the small translator's tokenizer and shards: `python recipes/live/build_data.py DATA OUT`.

DATA holds jiyu_zh_en/pairs-*.tsv.xz and tatoeba_cmn_eng/pairs.jsonl.xz (shared/data of the project).  2,000 Tatoeba
pairs are held out first, chosen by a hash of their Chinese side, and no pair that shares a side with one of them is
learnt from.  Deterministic.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import sellers

from huozhong.text.data import read_jsonl
from huozhong.text.shards import write_shard
from huozhong.text.tokenizer import BOS, EOS, PAD, Tokenizer

TO_ENGLISH, TO_CHINESE = "<｜2en｜>", "<｜2zh｜>"
SLOTS = tuple(f"⟦{i}⟧" for i in range(1, 5))
SPECIALS = (PAD, BOS, EOS, TO_ENGLISH, TO_CHINESE, *SLOTS)
VOCABULARY = 8192
HELD_OUT = 2000
# "source<｜2en｜>target": what is before the direction is never learnt to be said
TEMPLATE = "{{ bos_token }}{{ messages[-1]['content'] }}{{ '<｜2en｜>' }}"

Pair = tuple[str, str]
_WORD = re.compile(r"[a-z']+|[㐀-鿿]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*%?")
_NAME = re.compile(r"[A-Za-z]{2,}")
_HAN = re.compile(r"[㐀-鿿]")
_ODD = re.compile(r"[^ -~]")  # in English: what plain ASCII has not


def key(text: str) -> str:
    """What two sentences share that differ in marks, blanks and capitals alone."""
    return re.sub(r"[\W_]+", "", text.lower())


def tidy(pair: Pair) -> Pair:
    zh, en = (" ".join(side.split()) for side in pair)
    for curly, plain in (("’", "'"), ("‘", "'"), ("“", '"'), ("”", '"'), ("–", "-"), ("—", "-"), ("…", "...")):
        en = en.replace(curly, plain)
    return zh, en


def fits(pair: Pair) -> bool:
    """Whether the two sides can well be the same sentence: lengths that go together, the same figures, plain marks."""
    zh, en = pair
    han, words = len(_HAN.findall(zh)), len(en.split())
    if not 2 <= han <= 32 or not 1 <= words <= 26 or _ODD.search(en):
        return False
    if len(zh) > 1.6 * han + 6 or not 0.3 * han - 1 <= words <= 1.05 * han + 3:
        return False
    return not (set(_NUMBER.findall(en)) - set(_NUMBER.findall(zh)) and _NUMBER.search(zh))


def jiyu(folder: Path) -> Iterator[Pair]:
    for file in sorted(folder.glob("pairs-*.tsv.xz")):
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                sides = line.rstrip("\n").split("\t")
                if len(sides) == 2:
                    yield tidy((sides[0], sides[1]))


def tatoeba(folder: Path) -> tuple[list[Pair], list[Pair]]:
    """Pairs to learn from, and the held-out ones, one of each Chinese sentence."""
    pairs = [tidy((line["zh"], line["en"])) for line in read_jsonl(folder / "pairs.jsonl.xz")]
    order = sorted({zh for zh, _ in pairs}, key=lambda zh: hashlib.sha256(zh.encode()).digest())
    chosen = set(order[:HELD_OUT])
    held: dict[str, Pair] = {}
    for pair in pairs:
        if pair[0] in chosen:
            held.setdefault(pair[0], pair)
    sides = {key(side) for zh, en in pairs if zh in chosen for side in (zh, en)}
    return [p for p in pairs if key(p[0]) not in sides and key(p[1]) not in sides], list(held.values())


def likeness(wanted: Iterable[Pair], all_pairs: list[Pair]) -> list[float]:
    """How much each pair sounds like the wanted ones: its words' mean log ratio (Moore and Lewis 2010, unigrams)."""
    one, other = Counter[str](), Counter[str]()
    for pairs, counts in ((wanted, one), (all_pairs[::4], other)):
        for pair in pairs:
            counts.update(set(_WORD.findall(" ".join(pair).lower())))
    n, m = one.total() + len(other), other.total() + len(other)
    ratio = {word: math.log((one[word] + 0.5) / n) - math.log((other[word] + 0.5) / m) for word in other | one}
    scores = []
    for pair in all_pairs:
        words = _WORD.findall(" ".join(pair).lower())
        scores.append(sum(ratio.get(word, -2.0) for word in words) / max(1, len(words)))
    return scores


def slotted(pair: Pair, rng: random.Random) -> Pair:
    """The pair with its figures, and at times its Latin names, as slots, where both sides have the same ones."""
    zh, en = pair
    figures = _NUMBER.findall(zh)
    same = figures and sorted(figures) == sorted(_NUMBER.findall(en)) and len(set(figures)) == len(figures)
    chosen = figures if same and rng.random() < 0.8 else []
    names = [name for name in _NAME.findall(zh) if re.search(rf"\b{name}\b", en)]
    if rng.random() < 0.6 and len(set(names)) == len(names):
        chosen = chosen + names
    if not 0 < len(chosen) <= len(SLOTS):
        return pair
    chosen.sort(key=zh.index)
    for slot, said in zip(SLOTS, chosen, strict=False):
        bounds = rf"(?<![A-Za-z0-9.]){re.escape(said)}(?![A-Za-z0-9])"
        if len(re.findall(bounds, en)) != 1 or len(re.findall(bounds, zh)) != 1:
            return pair
        zh, en = re.sub(bounds, slot, zh), re.sub(bounds, slot, en)
    return zh, en


def document(tokenizer: Tokenizer, pair: Pair) -> tuple[list[int], list[bool]]:
    """Begin, Chinese, direction, English, end; learnt is what comes after the direction."""
    assert tokenizer.bos_id is not None
    before = [tokenizer.bos_id, *tokenizer.encode(pair[0] + TO_ENGLISH, specials=True, begins=False)]
    after = [*tokenizer.encode(pair[1], specials=True, begins=False), tokenizer.eos_id]
    return before + after, [False] * len(before) + [True] * len(after)


def build(data: Path, out: Path, *, most: int, made_up: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    short, held = tatoeba(data / "tatoeba_cmn_eng")
    (out / "held.jsonl").write_text(
        "".join(json.dumps({"zh": zh, "en": en}, ensure_ascii=False) + "\n" for zh, en in held), encoding="utf-8"
    )
    never = {key(side) for pair in held for side in pair}
    seen: set[str] = set()
    pairs: list[Pair] = []
    for pair in jiyu(data / "jiyu_zh_en"):
        if fits(pair) and (zh := key(pair[0])) not in seen and zh not in never and key(pair[1]) not in never:
            seen.add(zh)
            pairs.append(pair)
    scores = likeness(short, pairs)
    best = sorted(range(len(pairs)), key=lambda i: -scores[i])[:most]
    chosen = [pairs[i] for i in sorted(best)]
    rng = random.Random(23)
    goods = list(sellers.sentences(rng, made_up))
    print(f"{len(pairs)} pairs fit, {len(chosen)} chosen, {len(short)} of Tatoeba, {len(held)} held out")
    texts = chain.from_iterable([*chosen, *short, *goods[:4000]])
    tokenizer = Tokenizer.train(texts, VOCABULARY, SPECIALS, chat_template=TEMPLATE)
    (out / "tokenizer").mkdir(exist_ok=True)
    for name, content in tokenizer.files().items():
        (out / "tokenizer" / name).write_bytes(content)
    for name, part in (("jiyu", chosen), ("tatoeba", short), ("sellers", goods), ("heldout", held)):
        documents = (document(tokenizer, pair if part is held else slotted(pair, rng)) for pair in part)
        found = write_shard(
            out / name, name, documents, vocab_size=tokenizer.vocab_size, vocab_hash=tokenizer.fingerprint
        )
        print(name, found.documents, "pairs,", found.tokens, "tokens,", found.loss_tokens, "learnt")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, help="the folder with jiyu_zh_en and tatoeba_cmn_eng")
    parser.add_argument("out", type=Path)
    parser.add_argument("--most", type=int, default=420_000, help="so many of the published pairs")
    parser.add_argument("--made-up", type=int, default=30_000, help="so many sellers' sentences")
    arguments = parser.parse_args()
    build(arguments.data, arguments.out, most=arguments.most, made_up=arguments.made_up)


if __name__ == "__main__":
    main()
