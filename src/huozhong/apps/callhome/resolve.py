"""Whom somebody wants to call: one contact, or up to three to choose from, or nobody.

    who("畀個仔打電話", read_contacts([...]), "广州").contact

What is typed, dictated or written by a recogniser goes the same way: every sentence that asks for a call is laid over
the whole utterance, by sound as people speak at the place that was told (`frames`, `align`).  Everybody competes:
each
contact, every relation that is *not* among the contacts (so 舅舅 never becomes 哥哥 for want of a better one),
strangers' names, and sentences that ask for no call.  Only when one contact is clearly cheapest is it the answer;
otherwise up to three are shown.  The bounds were calibrated on utterances other than benchmarks/call_home.py's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.callhome.align import Costs, Words, joined, spans
from huozhong.apps.callhome.belonging import OF, SOMEBODYS, TALKED_OF, Belonging, same_as
from huozhong.apps.callhome.clauses import ALSO, DENIED, DONE, DOUBTED, INSTEAD, NOT_TO, clauses_of
from huozhong.apps.callhome.contacts import Contact, given_name, names_of, sounding_alike
from huozhong.apps.callhome.emergency import COUNTED, EMERGENCY, cried
from huozhong.apps.callhome.frames import BARE, Around
from huozhong.apps.callhome.kin import BY_PLACE, CHILDREN, RANKS, Word, places_of, relations, words_of
from huozhong.apps.callhome.places import Home, home
from huozhong.apps.callhome.ranks import Kin, by_place, fits
from huozhong.apps.callhome.sounds import Token, plain, token
from huozhong.apps.callhome.strangers import TITLES, by_trade, dialled, namesakes, surnamed, titled
from huozhong.apps.callhome.two import both_of, of_two
from huozhong.errors import SkillError

LONGEST = 60  # characters
# how much cheaper the answer must be than whatever else was meant, when it was written exactly so; what a "he" is given
EXACTLY, MARGIN = 0.035, 0.10
# where something was misheard: how much cheaper than anybody else; and the same as the ear errs (sounds.MISHEARD)
HEARD_MARGIN, MISHEARD_MARGIN = 0.05, 0.15
ABSENT = 0.02  # a relation that no contact has may not be cheaper by more than this
NAMED_SHARE = 0.3  # of that margin, towards a sentence that is no order, where the name itself was plain
DEAREST, DEARER = 0.4, 0.08  # what an order may cost at most, and more for every syllable
STRANGER, STRANGERS_SYLLABLE = 0.50, 0.28  # somebody whose name nobody knows
SHORT_STRANGER = 0.28  # of one syllable: 嫡 is not surely 弟
NOT_HERE = 0.20  # a relation that no contact has
OTHERWISE_CALLED = 0.10
NOBODY_HERE = -1
NOBODY = 0.8  # what an order may cost that does not say whom
PLAIN = 0.05  # a name that is written so
OF_WHOM = 0.25  # what an order may cost that leaves out whom
_THEY = ("他", "她", "佢", "伊", "渠", "姖", "其", "俚", "它", "人家")


@dataclass(frozen=True)
class Answer:
    """decision: "call" (one contact; still read back before anything is dialled), "unsure" (up to three candidates to
    show), "emergency" (number 110, 119 or 120; needs a second tap), "none" (no order to call anybody).

    candidates: the likeliest contacts, at most three, the likeliest first.  margin: how much cheaper the first is than
    anything else; cost: what it costs (0: said exactly so).  note: one sentence in Chinese and in English where the
    place that was told is not known.
    """

    decision: Literal["call", "unsure", "emergency", "none"]
    contact: Contact | None = None
    candidates: tuple[Contact, ...] = ()
    number: str | None = None
    margin: float = 0.0
    cost: float = 0.0
    note: tuple[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "decision": self.decision,
            "contact": None if self.contact is None else self.contact.as_json(),
            "candidates": [one.as_json() for one in self.candidates],
            "number": self.number or (self.contact.number if self.contact else None),
            "margin": round(min(self.margin, 99.0), 3),
            "cost": round(min(self.cost, 99.0), 3),
        } | ({} if self.note is None else {"note": dict(zip(("zh", "en"), self.note, strict=True))})


@dataclass(frozen=True)
class _Reading:
    """One clause: costs of each contact in it, of the cheapest rival, of the cheapest sentence that is no order.

    absent: of the cheapest relation that no contact has.  misheard: the same clause, read as by an ear that errs."""

    slots: _Slots
    heard: str
    costs: Costs
    rival: float
    absent: float
    no_order: float
    they: float
    nobody: float
    numbers: Costs
    bare: NDArray[np.bool_]  # whether a contact is cheapest as a name alone
    of_whom: float  # of an order that leaves out whom, for he was spoken of before
    topic: tuple[int, ...]  # whom it begins with, of the contacts: 我女儿好久没信了
    named: int | None  # a contact that is plainly named in it, whatever the sentence
    two: tuple[Costs, Costs]  # of each contact, with another behind it or before it

    @cached_property
    def misheard(self) -> _Reading:
        return self.slots.read(self.heard, True)


def who(said: str, contacts: Sequence[Contact], dialect: str = "") -> Answer:
    """The contact that an utterance asks to call.  dialect: a city, county, province or tongue, as people
    call it; "" not told, and so is a place nobody knows.

    SkillError: more than 60 characters, or nobody to call.
    """
    if not contacts:
        raise SkillError("还没有联系人。", "There are no contacts yet.")
    at = home(dialect)
    return replace(_who(said, contacts, at), note=at.unsure)


def _who(said: str, contacts: Sequence[Contact], at: Home) -> Answer:
    clauses = clauses_of(said)
    whole = "".join(clauses)
    if len(whole) > LONGEST:
        raise SkillError(f"太长了，最多 {LONGEST} 个字。", f"Too long; {LONGEST} characters at most.")
    if not whole:
        return Answer("none")
    slots = _slots(tuple(contacts), at)
    answer = _judged([slots.read(whole)], contacts)
    if len(clauses) > 1:
        denied = any(DENIED.search(clause) or DOUBTED.search(clause) for clause in clauses[1:])
        also = [] if denied else [slots.read(re.sub(ALSO, "", clause)) for clause in clauses]
        if (both := _and_another(also, contacts)) is not None:
            answer = both
        elif denied or answer.decision != "call":
            answer = _together(clauses, [slots.read(INSTEAD.sub("", clause)) for clause in clauses], contacts, answer)
    if answer.decision in ("none", "unsure") and (number := cried(whole)) is not None:
        return Answer("emergency", number=number, candidates=answer.candidates)
    return answer


@lru_cache(maxsize=16)
def _slots(contacts: tuple[Contact, ...], at: Home) -> _Slots:
    return _Slots(contacts, at)


class _Slots:
    """Every way to name everybody, for one list of contacts and one place."""

    def __init__(self, contacts: Sequence[Contact], at: Home) -> None:
        self._contacts, self._point = contacts, at.point
        names = list(relations())
        self._words: list[tuple[Token, ...]] = []
        self._base: list[float] = []
        self._groups: list[int] = []
        self._group = 0
        self._name_group = {i: self._add([(self._tokens(name), cost) for name, cost in sounding_alike(one, contacts)])
                            for i, one in enumerate(contacts)}  # fmt: skip
        self._kin_groups: dict[tuple[str, int | None], int] = {}
        for name in names:
            by_rank: dict[int | None, list[Word]] = {}
            for word in words_of(name, at.point, at.near, at.region):
                by_rank.setdefault(word.rank, []).append(word)
            for rank, words in by_rank.items():
                self._kin_groups[name, rank] = self._add([(word.tokens, word.cost) for word in words])
        ranks: dict[int, list[str]] = {}
        for text, rank in RANKS.items():
            ranks.setdefault(rank, []).append(text)
        for rank in (1, 2, 3, 4, 5):
            ranks.setdefault(rank, []).extend(f"第{'一二三四五'[rank - 1]}{count}" for count in ("个", "只", ""))
        self._rank_groups = {rank: self._add([(self._tokens(one), 0.0) for one in texts])
                             for rank, texts in ranks.items()}  # fmt: skip
        self._place_groups = {rank: self._add([(one, 0.0) for one in texts])
                              for rank, texts in places_of(at.point, at.region).items()}  # fmt: skip
        self._placed = {rank: by_place(rank, contacts) for rank in self._place_groups}
        self._titles = self._add([(self._tokens(one), 0.0) for one in TITLES])
        self._of = self._add([(self._tokens(one), 0.0) for one in OF])
        self._talked_of = self._add([(self._tokens(one), 0.0) for one in TALKED_OF])
        given = {i: name for i, one in enumerate(contacts) if (name := given_name(one))}
        self._pairs = tuple(dict.fromkeys(given.values()))
        self._called = frozenset(name for one in contacts for name, _ in names_of(one))
        self._nicks = {rank for word, rank in BY_PLACE.items() if word in self._called}  # somebody named 老三
        self._own_names = {i: self._add([(self._tokens(one), 0.0) for one in {plain(contacts[i].name): 0, name: 0}])
                           for i, name in given.items()}  # fmt: skip
        self._same = same_as({relation.chinese: name for name, relation in relations().items()})
        self._they = self._add([(self._tokens(one), 0.0) for one in _THEY])
        self._numbers = {number: self._add([(self._tokens(plain(one)), 0.0) for one in words.split()])
                         for number, words in EMERGENCY.items()}  # fmt: skip

    @cached_property
    def _ready(self) -> Words:
        return Words(self._words, self._base, self._groups)

    def _tokens(self, text: str) -> tuple[Token, ...]:
        return tuple(token(c, self._point) for c in text)

    def _add(self, words: Sequence[tuple[tuple[Token, ...], float]]) -> int:
        for tokens, cost in words:
            self._words.append(tokens)
            self._base.append(cost)
            self._groups.append(self._group)
        self._group += 1
        return self._group - 1

    def same(self, one: int, other: int) -> bool:
        """Whether two numbers are one contact."""
        return self._contacts[one] == self._contacts[other]

    def read(self, heard: str, misheard: bool = False) -> _Reading:
        table = spans(heard, self._ready, misheard)
        around = Around(heard, self._point, misheard)
        kin = Kin(table, self._kin_groups, self._rank_groups, self._place_groups)
        names = [(self._contacts[i].relations, table[group]) for i, group in self._own_names.items()]
        belonging = Belonging(heard, kin.whose, table[self._of], table[self._talked_of], names)
        mine = np.stack([self._slot(i, one, table, kin, belonging) for i, one in enumerate(self._contacts)])
        mine = mine + dialled(heard)
        have = {name for one in self._contacts for name in one.relations}
        have |= {"child"} if have & set(CHILDREN) else set()
        others = [kin.any[name] + NOT_HERE for name in relations() if name not in have]
        strange = around.stray * (STRANGERS_SYLLABLE / 0.14) + (STRANGER - 0.40 * STRANGERS_SYLLABLE / 0.14)
        anybody = np.min(np.stack([*mine, *others]), axis=0)
        both = joined(anybody, joined(around.and_(), anybody))
        strange[np.arange(len(heard)), np.arange(len(heard)) + 1] = SHORT_STRANGER
        rivals = np.stack(
            [*others, both, strange, titled(table[self._titles]), by_trade(heard), surnamed(heard, misheard),
             *self._other_children(kin),
             *(() if misheard else self._written_so(heard, mine.min(axis=0), kin, belonging))]
        )  # fmt: skip
        everybody = np.concatenate([mine, rivals])
        # the same relation with another rank, or by name: whoever is meant then is none of these contacts
        wrong = [kin.any[name] + 0.30 for name in have]
        if wrong:
            rivals = np.concatenate([rivals, np.stack(wrong)])
        plainly = mine.min(axis=(1, 2))
        theirs = belonging.rival(mine.min(axis=0), kin.anybody)
        named = int(np.argmin(plainly)) if (plainly <= PLAIN).sum() == 1 and theirs.min() > SOMEBODYS + PLAIN else None
        no_order = float(around.cheapest(np.concatenate([everybody, table[self._they][None]]), False).min())
        strangers = [
            theirs,
            titled(table[self._titles]),
            *(kin.any[one] + SOMEBODYS for one in relations() if one not in have),
        ]
        costs, bare = around.orders_of(mine)
        against = around.cheapest(rivals, True)
        return _Reading(
            self, heard,
            costs, float(against.min()), float(against[: len(others)].min(initial=np.inf)) - NOT_HERE,
            0.0 if DONE.search(heard) else no_order,
            float(around.cheapest(table[self._they][None], True)[0]),
            around.nobody,
            self._urgent(heard, table, around), bare,
            around.of_whom if plainly.min() > PLAIN and not DONE.search(heard) else np.inf,
            _topic(around.topic, mine, np.stack(strangers)), named,
            of_two(mine, around),
        )  # fmt: skip

    def _other_children(self, kin: Kin) -> list[Costs]:
        """老二 where a child that the list does not have may be meant."""
        return [kin.place[rank] for rank, (_, whole) in self._placed.items() if not whole and rank not in self._nicks]

    def _written_so(self, heard: str, mine: Costs, kin: Kin, belonging: Belonging) -> tuple[Costs, Costs]:
        """Somebody's somebody and namesakes, who are meant only where that is what was written."""
        theirs = belonging.rival(mine, kin.anybody) + dialled(heard)
        return theirs, namesakes(heard, self._pairs, self._called)

    def _urgent(self, heard: str, table: Costs, around: Around) -> Costs:
        """[numbers]: the cheapest order's cost for each emergency number; 110块 and 120斤 are none."""
        if COUNTED.search(heard):
            return np.full(len(self._numbers), np.inf, np.float32)
        return around.cheapest(np.stack([table[group] for group in self._numbers.values()]), True)

    def _slot(self, i: int, contact: Contact, table: Costs, kin: Kin, belonging: Belonging) -> Costs:
        """What it costs to call a contact by name, by relation, by relation and rank, by relation and name."""
        named = table[self._name_group[i]]
        found = [named]
        bare = []
        for relation in contact.relations:
            for rank, costs in kin.words[relation].items():
                if (cost := fits(rank, contact, self._contacts)) is not None:
                    found.append(costs + cost)
            if (unranked := kin.words[relation].get(None)) is None:
                continue
            bare.append(unranked)
            for said, ranked in kin.ranked[relation].items():
                if (cost := fits(said, contact, self._contacts)) is not None:
                    found.append(ranked + cost)
        if set(contact.relations) & set(CHILDREN):
            found += [kin.place[rank] + costs[i] for rank, (costs, _) in self._placed.items() if i in costs]
            found.append(kin.words["child"][None])
            bare.append(kin.placed)
        if bare:
            either = np.stack(bare)
            found += [*joined(either, named), *joined(named, either)]
        for relation in contact.relations:
            found += belonging.contact(self._same.get(relation, ()))
        if contact.relations:  # 孙仔浩浩, who is a daughter's son
            found.append(joined(kin.anybody, named) + OTHERWISE_CALLED)
        return np.asarray(np.min(np.stack(found), axis=0), np.float32)


def _topic(starts: Costs, mine: Costs, strangers: Costs) -> tuple[int, ...]:
    """The contacts that a clause may begin with; none where nobody is named, or hardly by a word; NOBODY_HERE where it
    is somebody else (女婿 is no 女)."""

    def reach(costs: Costs, most: float) -> NDArray[np.int64]:
        there = costs + starts[:, None] <= most + 0.001
        lengths = np.arange(len(starts))[None, :] - np.arange(len(starts))[:, None]
        return np.asarray(np.where(there, lengths, 0).max(axis=(-2, -1)))

    lengths = reach(mine, PLAIN)
    longest = int(lengths.max())
    if (strange := int(reach(strangers, SOMEBODYS + PLAIN).max())) > max(1, longest):
        return (NOBODY_HERE,)
    return tuple(int(i) for i in np.flatnonzero(lengths == longest)) if longest > max(1, strange - 1) else ()


def _judged(readings: Sequence[_Reading], contacts: Sequence[Contact]) -> Answer:
    reading = readings[0]
    order = np.argsort(reading.costs, kind="stable")
    best = float(reading.costs[order[0]])
    second = float(reading.costs[order[1]]) if len(order) > 1 else np.inf
    if len(order) > 1 and contacts[int(order[0])] == contacts[int(order[1])]:
        second = float(reading.costs[order[2]]) if len(order) > 2 else np.inf
    urgent = float(reading.numbers.min())
    rival = min(second, reading.rival, reading.no_order, urgent)
    if urgent < min(best, reading.no_order) and urgent <= 0.5 + 0.1 * len(reading.heard):
        return Answer("emergency", number=list(EMERGENCY)[int(np.argmin(reading.numbers))], cost=urgent)
    dearest = DEAREST + DEARER * len(reading.heard)
    two = both_of(
        *reading.two, single=best, rival=min(reading.rival, urgent), no_order=reading.no_order, dearest=dearest
    )
    if two:
        return Answer("unsure", candidates=tuple(contacts[i] for i in two[:3]), cost=float(reading.two[0].min()))
    near = [contacts[int(i)] for i in order if reading.costs[i] <= best + 1.2][:3]
    if reading.no_order < best + 0.05 and reading.no_order <= dearest:
        return Answer("none", margin=reading.no_order - best, cost=best)
    if reading.nobody + 0.05 < best and reading.nobody <= NOBODY:
        return Answer("unsure", candidates=tuple(near), margin=reading.nobody - best, cost=best)
    if best > dearest or rival < best - 0.6:
        shown = tuple(near) if best <= 1.1 * dearest and rival >= best - 0.6 else ()
        return Answer("unsure" if shown else "none", candidates=shown, cost=best)
    if not _sure(reading, int(order[0]), best, second, urgent):
        return Answer("unsure", candidates=tuple(near), margin=rival - best, cost=best)
    return Answer("call", contacts[int(order[0])], tuple(near), margin=rival - best, cost=best)


def _sure(reading: _Reading, first: int, best: float, second: float, urgent: float) -> bool:
    """Whether nobody else may have been meant.  second: what the next contact costs.

    What is written exactly so wants a small margin.  Anything else was misheard somewhere, and is read once more as by
    an ear that errs: 崽子 behind a syllable that nobody knows is any of 孙崽子 and 郎崽子, however like it sounds.
    """
    if reading.absent < best - ABSENT:
        return False
    others = min(second, reading.rival, urgent) - best
    named = reading.named == first
    if best <= (BARE if reading.bare[first] else 0.0) + 0.051:
        return others >= EXACTLY and reading.no_order - best >= (NAMED_SHARE if named else 1.0) * EXACTLY
    if others < HEARD_MARGIN:
        return False
    again = reading.misheard
    cost = float(again.costs[first])
    apart = [float(one) for i, one in enumerate(again.costs) if i != first and not reading.slots.same(i, first)]
    return min([*apart, again.rival, float(again.numbers.min())]) - cost >= MISHEARD_MARGIN


def _and_another(readings: Sequence[_Reading], contacts: Sequence[Contact]) -> Answer | None:
    """给儿子打电话，还有女儿: behind an order somebody else's name alone; both are shown."""
    found: list[Contact] = []
    for reading in readings:
        answer = _judged([reading], contacts)
        if answer.contact is not None and bool(found) == bool(reading.bare[contacts.index(answer.contact)]):
            found.append(answer.contact)
    both = tuple(dict.fromkeys(found))
    return Answer("unsure", candidates=both[:3]) if len(both) > 1 else None


def _together(clauses: list[str], readings: list[_Reading], contacts: Sequence[Contact], whole: Answer) -> Answer:
    """Several clauses: what is denied is left out, "he" is whom an earlier clause named, the last correction counts."""
    called: list[Answer] = []
    about: tuple[int, ...] = ()
    topic: tuple[int, ...] = ()
    spoken: list[Contact] = []
    taken_back = doubted = False
    for clause, reading in zip(clauses, readings, strict=True):
        answer = _judged([reading], contacts)
        if answer.decision == "emergency":
            return answer
        if answer.decision == "call":
            taken_back = False
            called.append(answer)
        elif about and (
            reading.they <= min(DEAREST + DEARER * len(clause), reading.no_order - 0.05)
            or (not called and reading.of_whom <= OF_WHOM)
        ):
            left_out = (
                reading.of_whom <= OF_WHOM
            )  # 打个电话, and who was named may have been spoken of for another's sake
            doubted = doubted or len(about) > 1 or (left_out and about != topic)
            called += [Answer("call", contacts[i], (contacts[i],), margin=MARGIN, cost=reading.they) for i in about]
        elif called and DENIED.search(clause):
            taken_back = reading.named is None or contacts[reading.named] in [one.contact for one in called]
            instead = NOT_TO.match(clause) or INSTEAD.match(clause)
            if not taken_back and reading.named is not None and instead:
                doubted = True
                called.append(Answer("call", contacts[reading.named]))
        doubted = doubted or DOUBTED.search(clause) is not None
        if reading.named is not None or reading.topic:
            about, topic = reading.topic if reading.named is None else (reading.named,), reading.topic
        if reading.topic == (NOBODY_HERE,):  # 老师说儿子病了: "he" is either
            about = ()
        spoken += [contacts[i] for i in about]
    if doubted and called:
        asked = dict.fromkeys([*(answer.contact for answer in called if answer.contact), *spoken])
        return Answer("unsure", candidates=tuple(asked)[:3])
    if not called or taken_back:
        if whole.decision == "call":
            whole = replace(whole, decision="unsure", contact=None)
        return Answer("none", cost=whole.cost) if taken_back else whole
    meant = list(dict.fromkeys(answer.contact.id for answer in called if answer.contact))
    if len(meant) == 1 or any(DENIED.search(clause) for clause in clauses):
        return called[-1]
    if re.match("先|首先", clauses[0]) or re.search("^(然后|再|之后|跟住|接着)", clauses[-1]):
        return called[0]
    both = tuple(dict.fromkeys(answer.contact for answer in called if answer.contact))
    return Answer("unsure", candidates=both[:3])
