"""Whom one can call: contact lists as people and programs write them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from huozhong.apps.callhome.kin import relation_of
from huozhong.apps.callhome.sounds import pinyin_of, plain
from huozhong.errors import SkillError

MOST = 200
NAMES = ("name", "姓名", "名字", "称呼", "display_name", "displayName", "fullname", "full_name")
RELATIONS = ("relation", "关系", "relationship", "kin", "label", "role", "关系称呼")
NUMBERS = ("number", "phone", "电话", "号码", "手机", "tel", "mobile", "phone_number", "手机号")
OTHERS = ("aliases", "alias", "nicknames", "nickname", "names", "小名", "别名", "外号", "昵称")
_NICKS = (
    "阿{last} 小{last} {last}{last} {last}仔 {last}儿 {last}娃 {given}仔 {given}儿 {given}娃 {last}伢子 {last}崽 {last}妹 "
    "{last}妹子 阿{given}"
).split()
_TITLES = "老{} 小{} 老{}头 老{}头子 {}师傅 {}医生 {}老师 {}大夫 {}伯 {}叔 {}姨 {}婆 {}总 {}姐 {}哥 {}先生".split()
_SAME_TITLES = (("医生", "大夫", "医师", "郎中"), ("老师", "先生"))
IDS = ("id", "编号", "key", "uid")


@dataclass(frozen=True)
class Contact:
    """id: what an answer names it by.  relations: what can be meant (brother: elder or younger).  rank: which of
    several, 1 the eldest, -1 the youngest, None not said.  called: other names for this one."""

    id: str
    name: str
    relation: str
    number: str
    relations: tuple[str, ...]
    rank: int | None
    called: tuple[str, ...]

    @property
    def shown(self) -> str:
        """大儿子建国"""
        return self.relation + self.name if self.name != self.relation else self.name

    def as_json(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name, "relation": self.relation, "number": self.number}


def read_contacts(given: Any) -> list[Contact]:
    """A list of objects (name, relation, number, aliases; Chinese keys too), {"contacts": [...]}, or {name: relation}.

    SkillError: what it cannot read, nobody in it, too many.
    """
    if isinstance(given, Mapping) and isinstance(inner := given.get("contacts", given.get("联系人")), list):
        given = inner
    elif isinstance(given, Mapping):
        given = [{"name": key, **(value if isinstance(value, Mapping) else {"relation": value})}
                 for key, value in given.items()]  # fmt: skip
    if not isinstance(given, Sequence) or isinstance(given, str | bytes) or not given:
        raise SkillError(
            '联系人要写成列表，例如 [{"name": "建国", "relation": "大儿子", "number": "13800000000"}]。',
            'Contacts are a list such as [{"name": "Jianguo", "relation": "elder son", "number": "13800000000"}].',
        )
    if len(given) > MOST:
        raise SkillError(f"联系人太多了，最多 {MOST} 个。", f"Too many contacts; {MOST} at most.")
    return [_contact(one, i) for i, one in enumerate(given)]


def _contact(one: Any, place: int) -> Contact:
    if isinstance(one, str):
        one = {"name": one}
    if not isinstance(one, Mapping):
        raise SkillError(f"第 {place + 1} 个联系人要写成对象。", f"Contact {place + 1} must be an object.")
    name, relation, number = _text(one, NAMES), _text(one, RELATIONS), _text(one, NUMBERS)
    if not name and not relation:
        raise SkillError(
            f"第 {place + 1} 个联系人没有名字也没有关系。", f"Contact {place + 1} has neither a name nor a relation."
        )
    relations, rank, left = relation_of(relation) if relation else ((), None, "")
    also: list[str] = [relation] if relation else []
    if not relations and name:
        relations, rank, left = _in_name(name)
        also.append(left)
    elif left and not re.search("[A-Za-z]", left):
        also.append(left)
    for key in OTHERS:
        value = one.get(key, ())
        also += [str(v) for v in ([value] if isinstance(value, str) else value)]
    called = {plain(word.strip()) for word in (name, *also) if word}
    return Contact(
        _text(one, IDS) or str(place), name or relation, relation or "", number, relations, rank,
        tuple(sorted(word for word in called if word)),
    )  # fmt: skip


def _in_name(name: str) -> tuple[tuple[str, ...], int | None, str]:
    """The relation in what a contact is saved as: 儿子, 大儿子建国; not the 大 in 陈大强."""
    relations, rank, left = relation_of(name)
    if (
        left
        and not re.search("[A-Za-z]", left)
        and (len(plain(name)) - len(left) < 2 or not plain(name).endswith(left))
    ):
        return (), None, ""
    return relations, rank, left


def _text(one: Mapping[str, Any], keys: Sequence[str]) -> str:
    for key in keys:
        value = one.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return ""


def names_of(contact: Contact) -> list[tuple[str, float]]:
    """What somebody may be called by name, each with how unusual that is: 王建国, 建国, 阿国, 国仔, 老王, 王师傅."""
    found: dict[str, float] = {}
    for name in contact.called:
        found[name] = 0.0
        for titles in _SAME_TITLES:
            for title in titles:
                if name.endswith(title) and len(name) - len(title) in (1, 2, 3):
                    for other in titles:
                        found.setdefault(name.removesuffix(title) + other, 0.05)
        if not re.fullmatch(r"[\u4e00-\u9fff]{2,4}", name) or _in_name(name)[0]:
            continue
        given = name[1:] if len(name) == 3 else name[2:] if len(name) == 4 else name
        found.setdefault(given, 0.0)
        last = given[-1]
        for place, nick in enumerate(_NICKS):  # 阿丽, 小丽 and 丽丽 are said of every 丽
            found.setdefault(nick.format(last=last, given=given), 0.05 if place < 3 else 0.1)
        if len(name) == 3:
            for title in _TITLES:
                found.setdefault(title.format(name[0]), 0.2)
    return list(found.items())


def sounding_alike(contact: Contact, contacts: Sequence[Contact]) -> list[tuple[str, float]]:
    """What somebody may be called, and names of others that sound the same: 小梅 may be 晓梅 to whoever writes it down.

    Names of two characters and more; what nearly anybody is called (小丽 of 王丽) is not looked at."""
    mine = names_of(contact)
    heard = {tuple(pinyin_of(c) for c in name) for name, cost in mine if cost == 0.0 and len(name) > 1}
    others = {
        name: 0.0
        for one in contacts
        if one != contact
        for name, cost in names_of(one)
        if cost == 0.0 and len(name) > 1 and tuple(pinyin_of(c) for c in name) in heard
    }
    return [*((name, cost) for name, cost in mine if name not in others), *others.items()]


def given_name(contact: Contact) -> str:
    """The two characters that a name is told apart by: 建国 of 王建国, 王丽; "" where it is no name, or a longer one."""
    name = plain(contact.name)
    if not re.fullmatch(r"[\u4e00-\u9fff]{2,4}", name) or relation_of(name)[0]:
        return ""
    return name[-2:]
