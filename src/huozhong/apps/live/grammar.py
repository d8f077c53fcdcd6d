"""Which stretches of a seller's sentence are facts: read from left to right, the first rule that fits wins.

A rule is a pattern and what it makes of a match; it may decline.  In patterns `{N}` is a number in figures or in
Chinese, `{U}` a unit, `{M}` a measure word, `{P}` what a price or an amount is for (一斤, /箱, 3个).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

from huozhong.apps.live.facts import (
    Clock,
    Fact,
    Lock,
    Name,
    Percent,
    Plain,
)
from huozhong.apps.live.numbers import DIGIT
from huozhong.apps.live.pieces import CONTAINER, FOR, GOODS_UNIT, MEASURE, NUMBER, SIZE, TO, UNIT
from huozhong.apps.live.prices import (
    about_fact,
    bare_money_fact,
    before_price_fact,
    discount_fact,
    foreign_fact,
    full_fact,
    gift_fact,
    less_fact,
    money_fact,
    nth_fact,
)
from huozhong.apps.live.quantities import (
    amount_fact,
    clock_fact,
    count_fact,
    date_fact,
    festival_fact,
    half_fact,
    latin_fact,
    letters_fact,
    link_fact,
    metres_fact,
    of_amount_fact,
    packed_fact,
    percent_fact,
    plain_fact,
    size_fact,
    some_fact,
    telephone_fact,
    year_fact,
)
from huozhong.verify.written import IDIOMS

Make = Callable[[re.Match[str]], Fact | None]

_WIDE = str.maketrans({chr(0xFF01 + i): chr(0x21 + i) for i in range(94)} | {"￥": "¥", "×": "*", "✕": "*", "～": "~"})
_LATIN = re.compile(r"[A-Za-z]")


def locks(text: str, names: Mapping[str, Fact] = {}) -> list[Lock]:
    """The facts of a text, in order; they never overlap.  names: words with forms of their own, longest first."""
    plain = text.translate(_WIDE)
    idioms = {match.start(): match.end() for match in IDIOMS.finditer(plain)}
    found: list[Lock] = []
    at = 0
    while at < len(plain):
        lock = _name(plain, at, names) or (_behind(plain, at, idioms[at]) if at in idioms else _read(plain, at))
        if lock is not None:
            found.append(_as_before(lock, found, plain))
            at = lock.end
        else:
            at = idioms.get(at, at + 1)
    return found


def _behind(text: str, at: int, end: int) -> Lock | None:
    """床单一米八: what looks like an idiom (单一) may be the end of a word and the beginning of a fact."""
    lock = _read(text, end - 1) if end - at == 2 else None
    return lock if lock is not None and lock.end >= end + 2 and not isinstance(lock.fact, Plain) else None


def _as_before(lock: Lock, found: list[Lock], text: str) -> Lock:
    """今晚七点到九点: the second time is of the same half of the day."""
    if found and isinstance(lock.fact, Clock) and isinstance(found[-1].fact, Clock):
        between = text[found[-1].end : lock.start].strip()
        if between in ("到", "至", "-", "~") and not lock.fact.part and lock.fact.hour <= 12:
            return replace(lock, fact=replace(lock.fact, part=found[-1].fact.part))
    return lock


def _name(text: str, at: int, names: Mapping[str, Fact]) -> Lock | None:
    for said, fact in names.items():
        if text.startswith(said, at):
            end = at + len(said)
            inside = _LATIN.match(said[0]) and at and _LATIN.match(text[at - 1])
            if not inside and not (
                _LATIN.match(said[-1]) and end < len(text) and text[end].isalnum() and text[end].isascii()
            ):
                return Lock(at, end, fact)
    return None


def _read(text: str, at: int) -> Lock | None:
    for pattern, make in _RULES:
        match = pattern.match(text, at)
        if match is not None and match.end() > at:
            fact = make(match)
            if fact is not None:
                return Lock(at, match.end(), fact)
    return None


def _rule(pattern: str, make: Make) -> tuple[re.Pattern[str], Make]:
    filled = pattern
    for name, part in (
        ("{N}", NUMBER),
        ("{U}", f"(?:{UNIT})"),
        ("{M}", MEASURE),
        ("{C}", CONTAINER),
        ("{P}", FOR),
        ("{D}", f"[{DIGIT}]"),
    ):
        filled = filled.replace(name, part)
    return re.compile(filled), make


_ONE = "[零一二三四五六七八九]"
# 九 in 三十九块九一斤 belongs to the price, 两 in 九块九两包 does not, nor does 两 in 九块两包
_NO_TAIL = (
    rf"(?![十百千万.毛%]|[{DIGIT}](?!{GOODS_UNIT})|(?!包邮){MEASURE}|斤|公斤|千克|升|米|(?:{UNIT})(?!码)|折|号|码|点)"
)
_FEN = rf"(?:毛|角)(?:(?P<fen>{_ONE}|\d)(?!{GOODS_UNIT}))?分?"
_JIAO = rf"(?:零(?P<cent>{_ONE})分|(?P<tail>{_ONE}|\d(?!\d))(?:{_FEN}|{_NO_TAIL}))"
_YUAN = rf"(?P<n>{{N}})\s*(?:块|元)(?:钱)?(?:{_JIAO})?(?:钱)?"
_X = r"(?:\s*[*xX乘]\s*(?P<x>{N})\s*(?P<xu>{M})?)?"
_PACK = r"(?P<pack>装)?(?:(?:一|/|每)(?P<of>{C})(?!{D}))?"
_LINKS = r"(?:链接|连接|宝贝|商品)"

_RULES: list[tuple[re.Pattern[str], Make]] = [
    _rule(r"1\d{2}[- ]?\d{4}[- ]?\d{4}(?!\d)|[48]00[- ]?\d{3}[- ]?\d{4}(?!\d)|0\d{2,3}-\d{7,8}(?!\d)", telephone_fact),
    _rule(r"[零〇幺一二三四五六七八九]{7,}(?![十百千万])", telephone_fact),
    _rule(r"(?P<year>(?:19|20)\d\d)[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})(?:日|号)?(?!\d)", date_fact),
    _rule(r"(?P<year>(?:19|20)\d\d|[一二][零〇九][零〇一二三四五六七八九]{2})年(?!老|质|保)", year_fact),
    _rule(r"(?P<low>[一二两三四五六七八])(?P<n>[二三四五六七八九])(?P<u>{U}|{M})(?![A-Za-z])", some_fact),
    _rule(r"(?P<n>{N})(?P<about>多|来|几)(?:块|元)(?:钱)?", about_fact),
    _rule(r"(?P<month>{N})月(?P<day>{N})[日号]", date_fact),
    _rule(r"双\s?(?P<n>十一|十二|11|12)(?!\d)", festival_fact),
    _rule(r"(?P<h>[01]?\d|2[0-4]):(?P<m>[0-5]\d)(?![\d:])", clock_fact),
    _rule(
        r"(?P<part>凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上)\s*(?P<h>\d{1,2}|[零一二两三四五六七八九十]{1,3})(?:点|:)(?P<m>半|一刻|三刻|整|钟|[零一二三四五六七八九十]{1,3}分?|[0-5]?\d分?)?",
        clock_fact,
    ),
    _rule(
        r"(?P<h>\d{1,2}|[零一二两三四五六七八九十]{1,3})点(?P<m>半|一刻|三刻|整|钟|[零一二三四五六七八九十]{1,3}分|[0-5]?\d分)?(?![一二三四五六七八九\d]|儿|点|心)",
        clock_fact,
    ),
    _rule(r"每?满\s*(?P<a>{N})\s*(?:块|元)?(?:立|直)?[减省]\s*(?P<b>{N})(?:块钱|元钱|块|元)?", full_fact),
    _rule(
        r"[买拍]\s*(?P<a>{N})(?P<ma>{M})?(?P<verb>送|赠|免|发|得|到手)\s*(?P<b>{N})(?!块|元|斤|{U}(?!码))(?:(?P<mb>{M})(?!{M}))?",
        gift_fact,
    ),
    _rule(r"第(?P<nth>{N}){M}(?:(?P<n>对|{N})折|半价)", discount_fact),
    _rule(r"第(?P<nth>{N}){M}(?:只要|才|仅)?(?:" + _YUAN + r"|(?:免费|免单|不要钱))", nth_fact),
    _rule(r"(?P<a>{N})[件个份双套瓶盒袋箱包条只](?:(?P<n>对|{N})折|半价)(?P<nth>)?", discount_fact),
    _rule(
        r"(?:打\s*)?(?:(?P<n>对|\d(?:\.\d+)?|\d\d|[一二三四五六七八九]{1,2}|[一二三四五六七八九]点[一二三四五六七八九])\s*折(?![叠扇耳])|半价)(?P<nth>)?(?P<a>)?",
        discount_fact,
    ),
    _rule(r"(?:立减|直减|直降|立省)\s*(?P<n>{N})(?:块钱|元|块)?", less_fact),
    _rule(
        r"(?:一|每|(?P<fn>{N}))(?P<fu>公斤|千克|斤|升|米|{C}|件|个|只|条|支|张|枚|棵)(?:只要|才|就|卖|是|仅|只)?\s*"
        + _YUAN,
        before_price_fact,
    ),
    _rule(
        r"(?:一|每|(?P<fn>{N}))(?P<fu>{C}|斤|公斤|件)(?:只要|才|仅|只)?(?P<n>{N})(?=[，。！？、,.!?\s]|$|(?:{N}){C})",
        before_price_fact,
    ),
    _rule(
        r"(?:一|每)(?P<fu>公斤|千克|斤|升|米|{C}|件|个|只|条|支|张)(?P<fn>)?(?:只要|才|仅)?\s*¥?(?P<n>\d+\.\d{1,2})(?:元)?(?!\d|{U}|{M})",
        before_price_fact,
    ),
    _rule(r"¥\s*(?:(?P<low>{N})" + TO + r"¥?)?(?P<n>{N})(?:\s*元)?{P}?", money_fact),
    _rule(r"(?P<sign>[$€£])\s*(?P<n>{N})|(?P<n2>)(?!)", foreign_fact),
    _rule(r"(?P<n>{N})\s*(?P<word>美元|美金|欧元|英镑|港币|港元)", foreign_fact),
    _rule(r"(?:(?P<low>{N})(?:块|元)?" + TO + ")?" + _YUAN + r"{P}?", money_fact),
    _rule(r"(?P<jiao>{D}|\d)[毛角](?:(?P<fen>{D}|\d)(?!" + GOODS_UNIT + r"))?分?(?:钱)?(?P<n>)?{P}?", money_fact),
    _rule(r"(?P<n>{N})米(?P<b>{D}{1,2}|\d{1,2})(?![\d十百.])(?!{M}|{U})", metres_fact),
    _rule(
        r"(?P<n>{N})?(?P<u>公斤|千克|斤|升|米|小时|年|天|里|平米|吨)半(?P<pack>装)?(?:(?:一|/|每)(?P<of>{C}))?",
        half_fact,
    ),
    _rule(r"(?P<n>(?!))?半(?P<u>公斤|千克|斤|升|米|小时|年|天|吨)(?P<pack>装)?(?:(?:一|/|每)(?P<of>{C}))?", half_fact),
    _rule(
        r"(?:一|每)(?P<fu>{C})(?:里?有|装|是|净重|大概|里面有)?\s*(?P<n>{N})\s*(?P<u>{U}|{M})(?![A-Za-z])(?!{D})(?!装)",
        of_amount_fact,
    ),
    _rule(r"(?P<x>{N})(?P<xu>{M})\s*[*xX]\s*(?P<n>{N})\s*(?P<u>{U})(?![A-Za-z])", packed_fact),
    _rule(r"(?P<n>{N}){P}", bare_money_fact),
    _rule(
        r"(?P<minus>零下|-)?(?:(?P<low>{N})\s*{U}?" + TO + r")?(?P<n>{N})\s*(?P<u>{U})(?![A-Za-z码杀])" + _X + _PACK,
        amount_fact,
    ),
    _rule(
        r"百分之(?:(?P<low>{N})" + TO + ")?(?P<n>百|{N})|(?!)",
        lambda m: Percent(Fraction(100)) if m["n"] == "百" else percent_fact(m),
    ),
    _rule(r"(?:(?P<low>{N})%?" + TO + r")?(?P<n>{N})\s*%", percent_fact),
    _rule(r"(?P<n>[一二三四五六七八九]|\d)(?P<cheng>成)(?![为功立本员就])", percent_fact),
    _rule(rf"(?P<s>{SIZE}(?:/{SIZE})+)(?:码|号)?(?![A-Za-z\d])", letters_fact),
    _rule(rf"(?P<s>{SIZE})(?:码|号)?(?:{TO}(?P<high>{SIZE}))?(?:码|号)?(?![A-Za-z\d])", letters_fact),
    _rule(r"(?P<n>{N})码?(?:" + TO + r"(?P<high>{N}))?码", size_fact),
    _rule(r"(?P<n>均|加大|大|中|小)码(?P<high>)?", size_fact),
    _rule(r"(?P<n>\d\d(?:\.5)?)(?P<high>)?号(?=鞋|的鞋|脚)", size_fact),
    _rule(r"(?P<n>\d{1,3}|[零一二三四五六七八九十百]{1,4})号(?P<link>" + _LINKS + ")?", link_fact),
    _rule(r"\d+(?:\.\d+)?[A-Z][A-Za-z\d]*(?:[-+.][A-Za-z\d]+)*", latin_fact),
    _rule(r"[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ\d]*(?:[-&'.+·/][A-Za-z\d]+)*(?: [A-Z\d][A-Za-zÀ-ÿ\d]*)*\+?(?!恤)", latin_fact),
    _rule(r"(?P<n>{N})(?!{M}{0,1}[百千])", bare_money_fact),
    _rule(r"(?:(?P<low>{N}){M}?" + TO + r")?(?P<n>{N})\s*(?P<u>{M})" + _PACK, count_fact),
    _rule(r"(?P<n>{N})", plain_fact),
]


def named(words: Iterable[tuple[str, Mapping[str, str]]]) -> dict[str, Fact]:
    """Words of a glossary as facts, the longest first."""
    made: dict[str, Fact] = {said: Name(said, dict(forms)) for said, forms in words if said}
    return dict(sorted(made.items(), key=lambda item: -len(item[0])))
