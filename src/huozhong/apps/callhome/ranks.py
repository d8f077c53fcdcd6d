"""Which of several: 大儿子, and 老二, who may be a son or a daughter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from huozhong.apps.callhome.align import Costs, joined
from huozhong.apps.callhome.contacts import Contact
from huozhong.apps.callhome.kin import CHILDREN, ONE_OF_A_KIND, YOUNGEST

AS_WRITTEN, NEARLY = 0.0, 0.05
FURTHER = 0.002  # who is shown first where several may be meant: the second son before the elder daughter


class Kin:
    """Tables of one utterance.  words: of a relation, by the rank that a word says itself (None: none).  ranked: with a
    rank's word before it.  any: whichever of these is cheapest.  anybody: the same of all relations.
    place: by rank, a child that is named by its place alone (老二, 二娃, 二孩子)."""

    def __init__(
        self,
        table: Costs,
        groups: Mapping[tuple[str, int | None], int],
        ranks: Mapping[int, int],
        places: Mapping[int, int],
    ) -> None:
        self.words: dict[str, dict[int | None, Costs]] = {}
        for (name, rank), group in groups.items():
            self.words.setdefault(name, {})[rank] = table[group]
        which = table[list(ranks.values())]
        bare = np.stack([np.min(np.stack(list(words.values())), axis=0) for words in self.words.values()])
        self.any = dict(zip(self.words, np.minimum(bare, joined(which.min(axis=0), bare)), strict=True))
        several = [name for name in self.words if name not in ONE_OF_A_KIND and None in self.words[name]]
        ranked = joined(which[None], np.stack([self.words[name][None] for name in several])[:, None])
        self.ranked: dict[str, dict[int, Costs]] = {name: {} for name in self.words}
        self.ranked.update({name: dict(zip(ranks, ranked[i], strict=True)) for i, name in enumerate(several)})
        self.place = {
            rank: np.minimum(table[group], self.ranked["child"].get(rank, np.float32(np.inf)))
            for rank, group in places.items()
        }
        self.placed = np.min(np.stack(list(self.place.values())), axis=0)
        self.anybody = np.minimum(bare.min(axis=0), self.placed)
        self.whose = self.any | {one: np.minimum(self.any[one], self.placed) for one in CHILDREN}  # 老大媳妇


def fits(said: int | None, contact: Contact, contacts: Sequence[Contact]) -> float | None:
    """What it costs that a rank was said of a contact among all of its relation; None where somebody else is meant."""
    if said is None or said == contact.rank:
        return AS_WRITTEN
    alike = [one.rank for one in contacts if set(one.relations) & set(contact.relations)]
    known = sorted(rank for rank in alike if rank is not None and rank > 0)
    if contact.rank is None:
        return (
            (0.10 if said in (1, YOUNGEST) else 0.30)
            if len(alike) == 1 or said not in known + [YOUNGEST] * (YOUNGEST in alike)
            else None
        )
    if said == YOUNGEST and YOUNGEST not in alike and len(known) > 1 and contact.rank == known[-1]:
        return NEARLY
    if contact.rank == YOUNGEST and said > 1 and len(alike) == said and said not in known:
        return NEARLY
    if said == 1 and 1 not in known and contact.rank == (known or [0])[0] and len(alike) > 1:
        return 0.10
    return None


def by_place(said: int, contacts: Sequence[Contact]) -> tuple[dict[int, float], bool]:
    """Who may be meant by 老大, 老二, 老幺: the contacts' numbers with what each costs, and whether they are all.

    Where there are sons and daughters, sons may be counted alone or all children together, and nobody wrote down who
    was born before whom: of two sons and a daughter 老二 is any of them but the eldest of all.
    """
    children = {i: one for i, one in enumerate(contacts) if set(one.relations) & set(CHILDREN)}
    as_told = {i: one for i, one in children.items() if set(CHILDREN) <= set(one.relations)}
    if as_told:  # the list itself says 老二
        named = {i: AS_WRITTEN for i, one in as_told.items() if one.rank == said}
        if len(named) == 1:
            return named, True
        return dict.fromkeys(children, 0.30), False
    sexes = [[i for i, one in children.items() if sex in one.relations] for sex in CHILDREN]
    if not all(sexes) or _counted_together([[children[i].rank for i in sex] for sex in sexes]):
        family = list(children.values())
        together = [_child_of_any(one) for one in family]
        costs = {i: fits(said, _child_of_any(one), together) for i, one in children.items()}
        found = {i: cost for i, cost in costs.items() if cost is not None}
        return found, min(found.values(), default=1.0) <= NEARLY
    return _either(said, contacts, sexes)


def _child_of_any(one: Contact) -> Contact:
    return Contact(one.id, one.name, one.relation, one.number, CHILDREN, one.rank, one.called)


def _counted_together(sexes: Sequence[Sequence[int | None]]) -> bool:
    """大儿子, 二女儿: an only daughter who is the second was counted among all children."""
    ranks = [rank for sex in sexes for rank in sex]
    every = sorted(len(ranks) if rank == YOUNGEST else rank or 0 for rank in ranks)
    if every != list(range(1, len(ranks) + 1)):
        return False
    return any(1 not in sex and min((rank for rank in sex if rank and rank > 0), default=0) > 1 for sex in sexes)


def _either(said: int, contacts: Sequence[Contact], sexes: Sequence[Sequence[int]]) -> tuple[dict[int, float], bool]:
    """Everybody whose place among all children may be this one, and whether nobody is missing who might be, too."""
    many = [max(len(sex), *(contacts[i].rank or 0 for i in sex)) for sex in sexes]
    wanted = sum(many) if said == YOUNGEST else said
    found, whole = {}, True
    for sex, count, others in zip(sexes, many, reversed(many), strict=True):
        for i in sex:
            rank = contacts[i].rank
            first = last = count if rank == YOUNGEST or (len(sex) == 1 and rank is None) else rank or 1
            if rank is None and len(sex) > 1:
                last = count
            if first <= wanted <= last + others:
                among = (count if said == YOUNGEST else said) - first
                found[i] = FURTHER * min(4, abs(among))
        whole = whole and count == len(sex)
    return found, whole
