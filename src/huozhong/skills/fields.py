"""What an app asks people to fill in: each field a line of its `fields` block.

    name: text 你的名字 / Your name
    weight: number(1, 300, kg) 体重 / Weight
    mood: choice(happy, sad) 心情 / How are you
    born: date? 生日 / Birthday

A key (a Python identifier, Chinese ones too), a type, `?` where it may be left empty, and what people read: Chinese
and, after ` / `, English.  Types: text, long, number(min, max, unit), choice(a, b, …), date, yes-no, photo, sound,
file.  An option and a unit are written in both languages alike, choice(开心 / Happy, 平静 / Calm): the value is what
stands first.
"""

from __future__ import annotations

import datetime
import json
import keyword
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from huozhong.errors import SkillError

TYPES = ("text", "long", "number", "choice", "date", "yes-no", "photo", "sound", "file")
MOST_FIELDS = 30
LONGEST = {"text": 500, "long": 20_000, "file": 60_000}  # characters
_LONGEST_LABEL = 100
_LINE = re.compile(
    r"(?P<key>[^:：\s]+)\s*[:：]\s*(?P<type>[a-z-]+)\s*(?:[(（](?P<options>[^()（）]*)[)）])?(?P<maybe>\??)(?:\s+(?P<label>.*))?$"
)
_YES, _NO = ("yes", "true", "1", "是", "对", "on"), ("no", "false", "0", "否", "不", "不是", "off", "")

Value = str | float | bool | None
Language = Literal["zh", "en"]  # the reader's


@dataclass(frozen=True)
class Field:
    """key: its name in prompts and blocks.  labels: Chinese, English.  options: of a choice; what they are called in
    English, where that is another word, in `english`.

    least, most, unit: of a number; the unit's English name in `english`, too.
    """

    key: str
    type: str
    labels: tuple[str, str]
    optional: bool = False
    options: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    unit: str = ""
    english: Mapping[str, str] = field(default_factory=dict)

    def shown(self, value: str, language: Language) -> str:
        """An option or a unit as readers of a language see it."""
        return self.english.get(value, value) if language == "en" else value

    def schema(self) -> dict[str, Any]:
        """The field as a JSON schema, for programs that fill it in."""
        schema: dict[str, Any] = {"type": "string", "title": " / ".join(dict.fromkeys(self.labels))}
        match self.type:
            case "number":
                schema["type"] = "number"
                schema |= {"minimum": self.least} if self.least is not None else {}
                schema |= {"maximum": self.most} if self.most is not None else {}
            case "choice":
                schema["enum"] = list(self.options)
                if self.english:
                    schema["description"] = "; ".join(f"{value}: {word}" for value, word in self.english.items())
            case "date":
                schema["format"] = "date"
            case "yes-no":
                schema["type"] = "boolean"
            case "text" | "long":
                schema["maxLength"] = LONGEST[self.type]
        return schema

    def read(self, given: Any) -> Value:
        """What somebody filled in, as this field's value.  `SkillError` says what is wrong with it, in one sentence."""
        if given is None or (isinstance(given, str) and not given.strip() and self.type != "yes-no"):
            if self.optional:
                return None
            raise self._wrong("请填写。", "fill it in.")
        match self.type:
            case "number":
                return self._number(given)
            case "choice":
                for option in self.options:
                    if given in (option, self.english.get(option)):
                        return option
                english = ", ".join(self.shown(option, "en") for option in self.options)
                raise self._wrong(f"请选一个：{'、'.join(self.options)}。", f"choose one of {english}.")
            case "date":
                return self._date(given)
            case "yes-no":
                return self._yes_no(given)
            case _:
                return self._text(given)

    def _number(self, given: Any) -> float:
        try:
            if isinstance(given, bool):
                raise ValueError
            number = float(given.strip().replace("，", ",").replace(",", "") if isinstance(given, str) else given)
        except (ValueError, TypeError, OverflowError):
            raise self._wrong("请填一个数。", "give a number.") from None
        if not math.isfinite(number):
            raise self._wrong("请填一个数。", "give a number.")
        if self.least is not None and number < self.least:
            raise self._wrong(f"不能小于 {_plain(self.least)}。", f"it is at least {_plain(self.least)}.")
        if self.most is not None and number > self.most:
            raise self._wrong(f"不能大于 {_plain(self.most)}。", f"it is at most {_plain(self.most)}.")
        return int(number) if number.is_integer() and abs(number) < 2**53 else number

    def _date(self, given: Any) -> str:
        found = re.fullmatch(r"\s*(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?\s*", str(given))
        try:
            if found is None:
                raise ValueError
            return datetime.date(*(int(part) for part in found.groups())).isoformat()
        except ValueError:
            raise self._wrong("请写成 2026-11-30 这样的日期。", "write a date like 2026-11-30.") from None

    def _yes_no(self, given: Any) -> bool:
        if isinstance(given, bool):
            return given
        said = str(given).strip().lower()
        if said in _YES or said in _NO:
            return said in _YES
        raise self._wrong("请回答是或否。", "answer yes or no.")

    def _text(self, given: Any) -> str:
        text = given if isinstance(given, str) else str(given) if isinstance(given, int | float) else None
        if text is None:
            raise self._wrong("请填文字。", "give text.")
        most = LONGEST.get(self.type, LONGEST["long"])
        if len(text) > most:
            raise self._wrong(f"最多 {most} 个字。", f"at most {most} characters.")
        return text.strip()

    def _wrong(self, chinese: str, english: str) -> SkillError:
        return SkillError(f"「{self.labels[0]}」：{chinese}", f"'{self.labels[1]}': {english}")

    def as_json(self) -> dict[str, Any]:
        """What a form needs to ask for it."""
        return {
            "key": self.key,
            "type": self.type,
            "labels": {"zh": self.labels[0], "en": self.labels[1]},
            "optional": self.optional,
            "options": [{"value": one, "labels": {"zh": one, "en": self.shown(one, "en")}} for one in self.options],
            "least": self.least,
            "most": self.most,
            "unit": {"zh": self.unit, "en": self.shown(self.unit, "en")},
        }


def read_fields(block: str, first_line: int) -> tuple[Field, ...]:
    """The fields of a block, one a line.  first_line: its number in the file, for errors."""
    fields: list[Field] = []
    for number, line in enumerate(block.splitlines(), start=first_line):
        if line.strip() and not line.lstrip().startswith("#"):
            one = _read_field(line.strip(), number)
            if one.key in (known.key for known in fields):
                raise _bad(number, f"“{one.key}”写了两次", f"'{one.key}' stands there twice")
            fields.append(one)
    if len(fields) > MOST_FIELDS:
        raise _bad(first_line, f"最多 {MOST_FIELDS} 个栏目", f"an app has at most {MOST_FIELDS} fields")
    return tuple(fields)


def read_values(fields: tuple[Field, ...], given: Mapping[str, Any]) -> dict[str, Value]:
    """Everything that was filled in, as values; `SkillError` for the first that is wrong or that nobody asked for."""
    for key in given:
        if key not in (one.key for one in fields):
            raise SkillError(f"没有“{key}”这一栏。", f"There is no field {json.dumps(key, ensure_ascii=False)}.")
    return {one.key: one.read(given.get(one.key)) for one in fields}


def _read_field(line: str, number: int) -> Field:
    found = _LINE.match(line)
    if found is None:
        raise _bad(number, "一栏写成「名字: 类型 说明」", "a field is written 'key: type What people read'")
    key, kind, (options, both) = found["key"], found["type"], _options(found["options"])
    if not key.isidentifier() or keyword.iskeyword(key) or len(key) > 40:
        raise _bad(
            number, f"“{key[:40]}”不能作名字，只用字母、汉字、数字和下划线", f"'{key[:40]}' is no name for a field"
        )
    if kind not in TYPES:
        raise _bad(
            number,
            f"没有“{kind}”这种类型，可以用：{'、'.join(TYPES)}",
            f"there is no type '{kind}'; use {', '.join(TYPES)}",
        )
    chinese, _, english = (found["label"] or key).partition(" / ")
    labels = (chinese.strip()[:_LONGEST_LABEL], (english or chinese).strip()[:_LONGEST_LABEL])
    read = Field(key, kind, labels, optional=bool(found["maybe"]), english=both)
    if kind == "choice":
        if len(options) < 2:
            raise _bad(
                number, "choice 后面要有至少两个选项：choice(甲, 乙)", "a choice needs two options: choice(a, b)"
            )
        return replace(read, options=options)
    if kind == "number" and options:
        return replace(read, **_bounds(options, number))
    if options:
        raise _bad(number, f"{kind} 后面不用括号", f"{kind} takes nothing in brackets")
    return read


def _options(text: str | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """What stands in the brackets, each once; and what of it is called otherwise in English."""
    parts = [part.strip().partition(" / ") for part in re.split("[,，、]", text or "") if part.strip()]
    english = {value.strip(): word.strip() for value, _, word in parts if word.strip()}
    return tuple(dict.fromkeys(value.strip() for value, _, _ in parts)), english


def _bounds(options: tuple[str, ...], number: int) -> dict[str, Any]:
    """min, max and unit, each of which may be missing; what is no number is the unit."""
    numbers = [float(option) for option in options if re.fullmatch(r"-?\d+(\.\d+)?", option)]
    units = [option for option in options if not re.fullmatch(r"-?\d+(\.\d+)?", option)]
    if len(numbers) > 2 or len(units) > 1 or numbers != sorted(numbers):
        raise _bad(number, "写成 number(最小, 最大, 单位)", "write number(min, max, unit)")
    bounds: dict[str, Any] = {"unit": units[0] if units else ""}
    return bounds | dict(zip(("least", "most"), numbers, strict=False))


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() else str(number)


def _bad(line: int, chinese: str, english: str) -> SkillError:
    return SkillError(f"第 {line} 行：{chinese}。", f"Line {line}: {english}.")
