"""Text for benchmarks where none is given: what is sold at made-up markets, with rules that a small model can learn.

Every document has its own place, people and prices, the sums are right, and what is dear today was scarce yesterday:
so there is something to learn near (spelling, grammar), in the middle (who is who) and far (sums, causes).
"""

from __future__ import annotations

import random
from pathlib import Path

_SOUNDS = ("ba", "lo", "mi", "tu", "re", "ka", "so", "ne", "di", "vu", "pa", "li", "go", "sha", "the", "or", "an", "el")
_GOODS = ("rice", "tea", "salt", "apples", "onions", "honey", "wool", "oil", "beans", "fish", "paper", "bricks")
_WHY = {"rain": "the road was under water", "frost": "the frost had come early", "feast": "everybody wanted some"}
_MOODS = ("gladly", "slowly", "without a word", "with a laugh", "after a while", "as always")


def _name(chance: random.Random) -> str:
    return "".join(chance.choice(_SOUNDS) for _ in range(chance.randint(2, 3))).capitalize()


def document(chance: random.Random) -> str:
    """One market day, of about a kilobyte."""
    place, seller, buyers = _name(chance), _name(chance), [_name(chance) for _ in range(3)]
    goods = chance.sample(_GOODS, 4)
    price = {thing: chance.randint(2, 20) for thing in goods}
    scarce, why = chance.choice(goods), chance.choice(sorted(_WHY))
    price[scarce] += 15
    lines = [f"The market of {place}. {seller} sells {', '.join(goods[:-1])} and {goods[-1]}."]
    lines.append(f"Yesterday there was little {scarce}, because {_WHY[why]}; so {scarce} is dear today.")
    left = {thing: chance.randint(20, 60) for thing in goods}
    for _ in range(chance.randint(6, 10)):
        buyer, thing = chance.choice(buyers), chance.choice(goods)
        count = min(left[thing], chance.randint(1, 9))
        left[thing] -= count
        lines.append(
            f'"What does {thing} cost?" asked {buyer}. "{price[thing]} a pound," said {seller}. {buyer} took {count} '
            f"and paid {count * price[thing]}, {chance.choice(_MOODS)}. {seller} had {left[thing]} left."
        )
    lines.append(f"In the evening {seller} counted: " + ", ".join(f"{left[thing]} of {thing}" for thing in goods) + ".")
    return " ".join(lines)


def write(folder: Path, megabytes: float, seed: int = 1) -> Path:
    """A text file of about that size, a document a paragraph; the same for the same seed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"markets-{megabytes:g}-{seed}.txt"
    if not path.exists():
        chance, size, texts = random.Random(seed), 0, []
        while size < megabytes * 1e6:
            texts.append(document(chance))
            size += len(texts[-1])
        path.write_text("\n\n".join(texts), encoding="utf-8")
    return path
