"""Whom one can mean: relations, the words for each of them by place, and which of several (the eldest, the second)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from huozhong.apps.callhome.places import regions
from huozhong.apps.callhome.sounds import Token, plain, points, sound_numbers, token

YOUNGEST = -1
RANKS = {"大": 1, "长": 1, "头": 1, "二": 2, "两": 2, "次": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8,
         "小": YOUNGEST, "幺": YOUNGEST, "么": YOUNGEST, "满": YOUNGEST, "细": YOUNGEST, "尾": YOUNGEST, "大汉": 1, "细汉": YOUNGEST,
         "尕": YOUNGEST, "碎": YOUNGEST, "屘": YOUNGEST, "孻": YOUNGEST, "老幺": YOUNGEST, "最小": YOUNGEST, "晚": YOUNGEST, "嫩": YOUNGEST}  # fmt: skip
CHILDREN = ("son", "daughter")
# of whom there is one: 二爸 and 碎爸 are uncles, 大奶奶 is a great-aunt
ONE_OF_A_KIND = ("father", "mother", "husband", "wife", "father's father", "father's mother", "mother's father",
                 "mother's mother", "wife's father", "wife's mother", "husband's father", "husband's mother")  # fmt: skip
# "老大", "大的": a child by its place alone
BY_PLACE = {"老大": 1, "老二": 2, "老三": 3, "老四": 4, "老五": 5, "老幺": YOUNGEST, "老小": YOUNGEST, "老满": YOUNGEST,
            "大的": 1, "二的": 2, "三的": 3, "小的": YOUNGEST, "阿大": 1, "阿二": 2, "阿三": 3, "大个": 1, "细个": YOUNGEST,
            "小个": YOUNGEST, "大嘅": 1, "细嘅": YOUNGEST, "大嗰个": 1, "细嗰个": YOUNGEST, "最大的": 1, "顶大的": 1,
            "最小的": YOUNGEST, "顶小的": YOUNGEST, "老末": YOUNGEST, "老巴子": YOUNGEST}  # fmt: skip
# 娃 is a son in some places and a child in others
_CHILD_BY_PLACE = {"大娃": 1, "二娃": 2, "三娃": 3, "幺娃": YOUNGEST, "大娃子": 1, "二娃子": 2}
_OF_ONE_SEX = {
    "son": ("幺儿", "满崽", "孻仔", "尾仔", "幺娃儿"),
    "daughter": ("幺女", "幺妹", "满女", "孻女", "满妹子", "满妹几"),
}
# their first character tells no rank
NO_RANK = (
    "细佬 细妹 小妹 小弟 大佬 老大 小子 小小 小囡 大爷 大爹 大大 大妈 大娘 大伯 小人 大夫 小卖部 小店 小娃儿 小孩 小孩儿 "
    "细路 细路仔 大家 大官 满爷 小囡五 细伢子 细人子 细仔哥 细妹仔 大伯伯 大伯母 细佬哥 大家姐 大嫲 大嬷 大姆 尕娃 小孩子 小伙 小伙子 小大子 小伢 小伢子 小把戏 小丫头 小妮 小妮儿 小嫚 小囡鱼 小娘鱼 小小 小官儿 "
    "小鬼头 小大姐 大大爷 大爸爸 大娒 满满 晚晚 细伢子 细人 细妹仔 小老弟 细囝 细文仔 大老汉 大爷爷"
).split()
_LATE = ("舅", "舅舅", "叔", "叔叔", "姑", "姨", "儿子", "儿", "闺女", "丫头", "姑娘", "疙瘩", "小子")
ELSEWHERE = 0.4  # a word that means somebody else at the place that was told
LESS_COMMON = 0.04  # words of other places


@dataclass(frozen=True)
class Word:
    """One way to say a relation.  tokens: its syllables.  rank: which of several it names, or None.  cost: as a word
    of this relation at the place that was told, 0 where it is the usual one."""

    tokens: tuple[Token, ...]
    rank: int | None
    cost: float

    @property
    def written(self) -> str:
        return "".join(one.written for one in self.tokens)


@dataclass(frozen=True)
class Relation:
    name: str  # English, and its key
    chinese: str
    english: tuple[str, ...]
    words: tuple[str, ...]


@cache
def relations() -> dict[str, Relation]:
    """All relations by name, in the order of words.txt."""
    found = {}
    for line in Path(__file__).with_name("words.txt").read_text(encoding="utf-8").splitlines():
        if line and line[0] != "#":
            name, chinese, english, words = (part.strip() for part in line.split("|"))
            found[name] = Relation(
                name, chinese, tuple(one.strip() for one in english.split(",")),
                tuple(dict.fromkeys(plain(word) for word in words.split())),
            )  # fmt: skip
    return found


@cache
def _said() -> dict[tuple[str, str], tuple[tuple[str, tuple[int, ...]], ...]]:
    """(relation, point) -> words of the lexicon with the numbers of their syllables."""
    found: dict[tuple[str, str], list[tuple[str, tuple[int, ...]]]] = {}
    numbers = sound_numbers()
    for line in Path(__file__).with_name("kin.tsv").read_text(encoding="utf-8").splitlines():
        if line[0] != "#":
            relation, point, word, sounds = line.split("\t")
            entry = (plain(word), tuple(numbers[one] for one in sounds.split()))
            found.setdefault((relation, point), []).append(entry)
    return {key: tuple(words) for key, words in found.items()}


@cache
def words_of(relation: str, point: int | None, neighbours: tuple[int, ...] = (), region: str = "") -> tuple[Word, ...]:
    """Every way to say a relation at a point (None: not told, so of all of them), ranks included.

    region: whose words, as people write them, come first; "": those of the lexicon alone."""
    names = points()
    here = [names[point]] if point is not None else list(names)
    own = not region or regions()[region].own
    found: dict[tuple[Token, ...], Word] = {}

    def add(tokens: tuple[Token, ...], cost: float) -> None:
        known = found.get(tokens)
        if known is None or cost < known.cost:
            rank = None if relation in ONE_OF_A_KIND else rank_in("".join(one.written for one in tokens))
            found[tokens] = Word(tokens, rank, cost)

    usual = _usual(region).get(relation, ()) if region else ()
    meant_here = {word for place in here for word, _ in _said().get((relation, place), ())} if own else set()
    meant_here.update(usual)

    # what a region says in so many words goes before the lexicon
    claimed = {word for words in _usual(region).values() for word in words} if region else set()

    def cost_of(word: str, else_cost: float) -> float:
        if word in meant_here and (word in usual or word not in claimed):
            return 0.0
        if point is not None and _means_another(word, relation, here[0] if own else "", region):
            return ELSEWHERE
        return 0.0 if word == plain(relations()[relation].chinese) else else_cost

    for place, else_cost in [(one, 0.0 if own else LESS_COMMON) for one in here] + [
        (names[one], LESS_COMMON) for one in neighbours
    ]:
        for word, sounds in _said().get((relation, place), ()):
            add(tuple(Token(c, s) for c, s in zip(word, sounds, strict=True)), cost_of(word, else_cost))
    for word in (*usual, *relations()[relation].words):
        add(tuple(token(one, point) for one in word), cost_of(word, LESS_COMMON))
    for word in _OF_ONE_SEX.get(relation, ()):
        tokens = tuple(token(c, point) for c in plain(word))
        found[tokens] = Word(tokens, YOUNGEST, 0.0)
    if relation == "child":  # which of them is meant is another matter (`ranks.by_place`)
        return tuple(word for word in found.values() if word.written not in BY_PLACE)
    return tuple(found.values())


@cache
def places_of(point: int | None, region: str = "") -> dict[int, tuple[tuple[Token, ...], ...]]:
    """老大, 老二, 老幺: by rank how a child is named by its place alone, whether a son or a daughter."""
    sons = "娃" in _usual(region).get("son", ()) if region else False
    found: dict[int, list[tuple[Token, ...]]] = {}
    for word, rank in (BY_PLACE if sons else BY_PLACE | _CHILD_BY_PLACE).items():
        found.setdefault(rank, []).append(tuple(token(c, point) for c in plain(word)))
    return {rank: tuple(words) for rank, words in found.items()}


@cache
def _usual(region: str) -> dict[str, tuple[str, ...]]:
    """Relation's name -> the words of a region."""
    said = regions()[region].said
    return {name: said.get(one.chinese, ()) for name, one in relations().items()}


@cache
def _meanings(place: str, region: str) -> dict[str, frozenset[str]]:
    """A word -> the relations that it means at a point of the lexicon and in a region."""
    found: dict[str, set[str]] = {}
    for name in relations():
        words = [word for word, _ in _said().get((name, place), ())]
        for word in (*words, *(_usual(region).get(name, ()) if region else ())):
            found.setdefault(word, set()).add(name)
    return {word: frozenset(names) for word, names in found.items()}


def _means_another(word: str, relation: str, place: str, region: str) -> bool:
    return bool(_meanings(place, region).get(word, frozenset()) - {relation})


def rank_in(word: str) -> int | None:
    """二舅 -> 2: which of several a word names by its first character."""
    if len(word) < 2 or word in NO_RANK:
        return None
    if word[0] == "老" and word[1:] in _LATE:  # 老舅, 老儿子: the youngest; 老弟 and 老妹 are any
        return YOUNGEST
    return RANKS.get(word[0])


@lru_cache(maxsize=2048)
def relation_of(text: str) -> tuple[tuple[str, ...], int | None, str]:
    """What a contact list says of somebody ("大儿子", "younger son", "二舅", "儿子建国") -> what can be meant, which of
    several, what is left of the text.  Nothing where no relation can be found."""
    wanted = plain(text.strip())
    if re.search(r"[A-Za-z]", wanted):
        return _english(wanted.lower())
    found: list[tuple[float, str, int | None, str]] = []
    for name, relation in relations().items():
        for order, word in enumerate((plain(relation.chinese), *relation.words)):
            at = wanted.find(word)
            if at < 0:
                continue
            before, after = re.sub("^(我的|我家|我)", "", wanted[:at]), wanted[at + len(word) :]
            rank = rank_in(word)
            if number := re.fullmatch(r"第?([一二三四五])个?", before):
                rank, before = RANKS.get(number[1], 1), ""
            elif rank is None and before in RANKS:
                rank, before = RANKS[before], ""
            found.append((10 * len(word) - 4 * len(before + after) - (order > 0), name, rank, before + after))
    if not found:
        return (), None, wanted
    best = max(score for score, *_ in found)
    first = next(one for one in found if one[0] == best)
    names = tuple(dict.fromkeys(name for score, name, *_ in found if score == best))
    if "child" in names:
        return CHILDREN, BY_PLACE.get(wanted), first[3]
    return names, first[2], first[3]


_ENGLISH_RANKS = {"eldest": 1, "oldest": 1, "elder": 1, "older": 1, "first": 1, "big": 1, "second": 2, "third": 3,
                  "youngest": YOUNGEST, "younger": YOUNGEST, "little": YOUNGEST, "small": YOUNGEST}  # fmt: skip


def _english(text: str) -> tuple[tuple[str, ...], int | None, str]:
    text = text.replace("-", " ").replace("_", " ").replace("’", "'")
    known = [(one.replace("-", " "), name) for name, relation in relations().items() for one in relation.english]
    for phrase, _ in sorted(known, key=lambda pair: -len(pair[0])):
        if match := re.search(rf"\b{re.escape(phrase)}\b", text):
            names = tuple(dict.fromkeys(name for other, name in known if other == phrase))
            left = (text[: match.start()] + " " + text[match.end() :]).split()
            rank = next((_ENGLISH_RANKS[one] for one in left if one in _ENGLISH_RANKS), None)
            rest = " ".join(one for one in left if one not in _ENGLISH_RANKS and one not in ("my", "the"))
            return (CHILDREN if names == ("child",) else names), rank, rest
    return (), None, text
