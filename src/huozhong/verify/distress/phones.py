"""The numbers to ring: China's, unless a place sets its own.

HUOZHONG_NUMBERS="police=911,ambulance=911,fire=911,mind=988,youth=988"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from huozhong.errors import ConfigError

VARIABLE = "HUOZHONG_NUMBERS"

# 12356: the National Health Commission's mental health line; 12355: the Communist Youth League's line for the young.
CHINA: Mapping[str, str] = MappingProxyType(
    {
        "police": "110",
        "ambulance": "120",
        "fire": "119",
        "traffic": "122",
        "mind": "12356",
        "youth": "12355",
        "fraud": "96110",
    }
)

_NUMBER = re.compile(r"\+?[0-9][0-9 -]{0,18}[0-9]")


def read_numbers(text: str) -> dict[str, str]:
    """China's numbers with those changed that `text` names, as `name=number,…`.  Raises `ConfigError`."""
    numbers = dict(CHINA)
    for part in filter(None, (part.strip() for part in text.replace("，", ",").split(","))):
        name, sign, number = (piece.strip() for piece in part.partition("="))
        if not sign or name not in CHINA:
            raise ConfigError(f"{part!r} is no number to ring; write name=number, with a name of {', '.join(CHINA)}.")
        if not _NUMBER.fullmatch(number):
            raise ConfigError(f"{number!r} is not a telephone number; write it in digits, as {name}={CHINA[name]}.")
        numbers[name] = number
    return numbers
