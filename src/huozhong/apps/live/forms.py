"""Facts as viewers say them: 三十九块九一斤 is ¥39.9 per 500 g, 八折 20% off, 买二送一 buy 2, get 1 free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from huozhong.apps.live import measures
from huozhong.apps.live.facts import (
    Amount,
    Clock,
    Count,
    Date,
    Fact,
    Link,
    Money,
    Name,
    Off,
    Offer,
    Per,
    Percent,
    Plain,
    Size,
    Verbatim,
)  # fmt: skip
from huozhong.apps.live.numbers import written

LANGUAGES = ("en", "ja", "ko", "es")
_TO = "–"
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
_MESES = ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
"noviembre",
          "diciembre")  # fmt: skip
# each language's own words; {a} {b} are filled in
_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "per": "{a} per {b}", "each": "{a} each", "for": "{a} for {b}", "pack": "{a} pack",
        "gift": "buy {a}, get {b} free",
        "order": "order {a}, get {b}", "full": "{b} off when you spend {a}", "less": "{a} off",
        "nth": "{a} for the {b} one",
        "free": "the {a} one free", "about": "about {a}", "over": "over {a}", "pack_of": "pack of {a}",
        "off": "{a} off", "half": "half price", "off_of": "{a} off when you buy {b}",
        "off_nth": "{a} off the {b} one", "size": "size {a}", "one": "one size", "link": "link {a}",
        "number": "No. {a}",
        "large": "size L (large)", "medium": "size M (medium)", "small": "size S (small)",
        "extra large": "size XL (extra large)",
    },
    "es": {
        "per": "{a} por {b}", "each": "{a} por unidad", "for": "{a} por {b}", "pack": "paquete de {a}",
        "gift": "compra {a} y llévate {b} gratis", "order": "pide {a} y recibe {b}",
        "full": "{b} menos al gastar {a}", "less": "{a} menos", "nth": "{a} por la {b}.ª unidad",
        "free": "la {a}.ª unidad gratis", "about": "unos {a}", "over": "más de {a}", "pack_of": "paquete de {a}",
        "off": "{a} de descuento", "half": "a mitad de precio",
        "off_of": "{a} de descuento al comprar {b}", "off_nth": "{a} de descuento en la {b}.ª unidad",
        "size": "talla {a}", "one": "talla única", "link": "enlace {a}", "number": "n.º {a}", "large": "talla L",
        "medium": "talla M", "small": "talla S", "extra large": "talla XL",
    },
    "ja": {
        "per": "{b}{a}", "each": "1個{a}", "for": "{b}で{a}", "pack": "{a}入り", "gift": "{a}個買うと{b}個無料",
        "order": "{a}個注文で{b}個お届け", "full": "{a}以上で{b}引き", "less": "{a}引き", "nth": "{b}個目は{a}",
        "free": "{a}個目は無料", "about": "約{a}", "over": "{a}以上", "pack_of": "{a}入り",
        "off": "{a}オフ", "half": "半額", "off_of": "{b}個で{a}オフ",
        "off_nth": "{b}個目は{a}オフ",
        "size": "{a}サイズ", "one": "フリーサイズ", "link": "リンク{a}番", "number": "{a}番", "large": "Lサイズ",
        "medium": "Mサイズ", "small": "Sサイズ", "extra large": "XLサイズ",
    },
    "ko": {
        "per": "{b}당 {a}", "each": "개당 {a}", "for": "{b}에 {a}", "pack": "{a}들이", "gift": "{a}개 사면 {b}개 무료",
        "order": "{a}개 주문하면 {b}개", "full": "{a} 이상 {b} 할인", "less": "{a} 할인", "nth": "{b}번째는 {a}",
        "free": "{a}번째는 무료", "about": "약 {a}", "over": "{a} 이상", "pack_of": "{a}들이",
        "off": "{a} 할인", "half": "반값", "off_of": "{b}개 사면 {a} 할인",
        "off_nth": "{b}번째는 {a} 할인", "size": "{a} 사이즈", "one": "프리 사이즈", "link": "{a}번 링크",
        "number": "{a}번",
        "large": "L 사이즈", "medium": "M 사이즈", "small": "S 사이즈", "extra large": "XL 사이즈",
    },
}  # fmt: skip


def form(fact: Fact, language: str) -> str:
    """A fact in `language`, one of LANGUAGES."""
    if isinstance(fact, Name):
        return fact.words.get(language) or fact.words.get("en") or fact.text
    if isinstance(fact, Verbatim):
        return fact.text
    return _FORMS[type(fact)](fact, language)


def _number(value: Fraction, language: str) -> str:
    return written(value, comma=language == "es")


def _say(key: str, language: str, a: str = "", b: str = "") -> str:
    return _WORDS[language][key].format(a=a, b=b)


def _cash(value: Fraction, currency: str, language: str) -> str:
    shown = _number(value, language)
    if currency != "¥":
        return f"{shown} {currency}" if language == "es" else f"{currency}{shown}"
    # ¥ is another currency's sign in Japan
    words = {"en": f"¥{shown}", "es": f"{shown} yuanes", "ja": f"{shown}元", "ko": f"{shown}위안"}
    return words[language]


def _counted(value: Fraction, low: Fraction | None, measure: str, language: str) -> str:
    """3 boxes; where the measure is nobody's word elsewhere, 3."""
    shown = (_number(low, language) + _TO if low is not None else "") + _number(value, language)
    tables = {"en": measures.ENGLISH, "es": measures.SPANISH}
    if language in tables:
        words = tables[language].get(measure)
        return f"{shown} {words[value != 1]}" if words else shown
    asian = measures.JAPANESE if language == "ja" else measures.KOREAN
    return shown + asian.get(measure, "個" if language == "ja" else "개")


def _united(value: Fraction, low: Fraction | None, unit: str, language: str) -> str:
    """1.5 kg, 48 hours, 20–30 cm."""
    shown = (_number(low, language) + _TO if low is not None else "") + _number(value, language)
    table: Mapping[str, str | tuple[str, str]] = measures.UNIT_WORDS[language]
    word = table.get(unit)
    if word is None:
        return f"{shown}{unit}" if unit == "°" else f"{shown} {unit}"
    if isinstance(word, str):
        return shown + word
    return f"{shown} {word[abs(value) != 1]}"


def _of(per: Per, language: str) -> str:
    """What something is for: 500 g, box, 3 packs."""
    if per.unit in measures.UNITS:
        name, factor = measures.UNITS[per.unit]
        value = per.number * factor
        if name == "g" and value >= 1000:
            name, value = "kg", value / 1000
        return name if value == 1 and name != "g" and language in ("en", "es") else _united(value, None, name, language)
    words = {"en": measures.ENGLISH, "es": measures.SPANISH}.get(language, {}).get(per.unit)
    if per.number == 1 and words:
        return words[0]
    return _counted(per.number, None, per.unit, language)


def _with(shown: str, per: Per | None, language: str) -> str:
    if per is None:
        return shown
    if per.number == 1 and per.unit in measures.COUNTED:
        return _say("each", language, shown)
    return _say("per" if per.number == 1 else "for", language, shown, _of(per, language))


def _money(fact: Money, language: str) -> str:
    shown = _cash(fact.value, fact.currency, language)
    if fact.low is not None:
        low = _number(fact.low, language)
        shown = f"¥{low}{_TO}{shown[1:]}" if language == "en" else f"{low}{_TO}{shown}"
    if fact.about:
        shown = _say(fact.about, language, shown)
    return _with(shown, fact.per, language)


def _amount(fact: Amount, language: str) -> str:
    shown = _united(fact.value, fact.low, fact.unit, language)
    if fact.times is not None:
        times = _counted(fact.times.number, None, fact.times.unit, language) if fact.times.unit else ""
        shown = f"{shown} × {times or _number(fact.times.number, language)}"
    if fact.pack:
        shown = _say("pack", language, shown)
    return _with(shown, fact.per, language)


def _count(fact: Count, language: str) -> str:
    shown = _counted(fact.value, fact.low, fact.measure, language)
    if fact.pack:
        shown = _say("pack_of", language, shown)
    return _with(shown, fact.per, language)


def _size(fact: Size, language: str) -> str:
    if fact.text in _WORDS[language]:
        return _say(fact.text, language)
    return _say("size", language, fact.text + (_TO + fact.high if fact.high else ""))


def _off(fact: Off, language: str) -> str:
    share = _number(fact.percent, language) + "%"
    if fact.number is not None:
        return _say("off_of", language, share, str(fact.number))
    if fact.nth is not None:
        return _say("off_nth", language, share, _nth(fact.nth, language))
    return _say("half", language) if fact.half else _say("off", language, share)


def _nth(number: int, language: str) -> str:
    if language != "en":
        return str(number)
    return f"{number}{'th' if number % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _offer(fact: Offer, language: str) -> str:
    a, b = _number(fact.a, language), _number(fact.b, language)
    if fact.kind in ("gift", "order"):
        return _say(fact.kind, language, a, b)
    if fact.kind == "full":
        return _say("full", language, _cash(fact.a, "¥", language), _cash(fact.b, "¥", language))
    if fact.kind == "less":
        return _say("less", language, _cash(fact.a, "¥", language))
    nth = _nth(int(fact.a), language)
    if fact.kind == "free":
        return _say("free", language, nth)
    return _say("nth", language, _cash(fact.b, "¥", language), nth)


def _percent(fact: Percent, language: str) -> str:
    low = _number(fact.low, language) + _TO if fact.low is not None else ""
    return low + _number(fact.value, language) + "%"


def _clock(fact: Clock, language: str) -> str:
    hour = fact.hour
    if language == "en" and fact.part:
        hour, minute = hour % 12 or 12, f":{fact.minute:02d}" if fact.minute else ""
        return f"{hour}{minute} {fact.part}"
    if fact.part == "pm" and hour < 12:
        hour += 12
    elif fact.part == "am" and hour == 12:
        hour = 0
    return f"{hour}:{fact.minute:02d}"


def _date(fact: Date, language: str) -> str:
    year = fact.year
    if language == "en":
        return f"{_MONTHS[fact.month - 1]} {fact.day}" + (f", {year}" if year else "")
    if language == "es":
        return f"{fact.day} de {_MESES[fact.month - 1]}" + (f" de {year}" if year else "")
    if language == "ja":
        return (f"{year}年" if year else "") + f"{fact.month}月{fact.day}日"
    return (f"{year}년 " if year else "") + f"{fact.month}월 {fact.day}일"


def _link(fact: Link, language: str) -> str:
    return _say("link" if fact.link else "number", language, str(fact.number))


def _plain(fact: Plain, language: str) -> str:
    return _number(fact.value, language)


_FORMS: dict[type, Callable[..., str]] = {
    Money: _money, Amount: _amount, Count: _count, Size: _size, Off: _off, Offer: _offer, Percent: _percent,
    Clock: _clock, Date: _date, Link: _link, Plain: _plain,
}  # fmt: skip
