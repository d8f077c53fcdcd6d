"""Units and measure words: what they are in units that everybody has, and what they are called in each language."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

_F = Fraction

# said -> (name of the unit shown, how many of it)
UNITS: dict[str, tuple[str, Fraction]] = {
    "公斤": ("kg", _F(1)), "千克": ("kg", _F(1)), "kg": ("kg", _F(1)), "KG": ("kg", _F(1)), "Kg": ("kg", _F(1)),
    "斤": ("g", _F(500)), "市斤": ("g", _F(500)), "两": ("g", _F(50)), "克": ("g", _F(1)), "g": ("g", _F(1)),
    "毫克": ("mg", _F(1)), "mg": ("mg", _F(1)), "吨": ("t", _F(1)), "磅": ("lb", _F(1)), "盎司": ("oz", _F(1)),
    "毫升": ("ml", _F(1)), "ml": ("ml", _F(1)), "mL": ("ml", _F(1)), "ML": ("ml", _F(1)), "升": ("L", _F(1)),
    "L": ("L", _F(1)), "l": ("L", _F(1)), "厘米": ("cm", _F(1)), "公分": ("cm", _F(1)), "cm": ("cm", _F(1)),
    "CM": ("cm", _F(1)), "毫米": ("mm", _F(1)), "mm": ("mm", _F(1)), "米": ("m", _F(1)), "m": ("m", _F(1)),
    "公里": ("km", _F(1)), "千米": ("km", _F(1)), "km": ("km", _F(1)), "平方米": ("m²", _F(1)), "平米": ("m²", _F(1)),
    "英寸": ("in", _F(1)), "寸": ("in", _F(1)), "毫安时": ("mAh", _F(1)), "毫安": ("mAh", _F(1)), "mAh": ("mAh", _F(1)),
    "瓦": ("W", _F(1)), "W": ("W", _F(1)), "w": ("W", _F(1)), "千瓦": ("kW", _F(1)), "伏": ("V", _F(1)),
    "V": ("V", _F(1)), "GB": ("GB", _F(1)), "TB": ("TB", _F(1)), "G": ("GB", _F(1)), "T": ("TB", _F(1)),
    "摄氏度": ("°C", _F(1)), "℃": ("°C", _F(1)), "°C": ("°C", _F(1)), "度": ("°", _F(1)),
    "小时": ("hour", _F(1)), "分钟": ("minute", _F(1)), "秒": ("second", _F(1)), "天": ("day", _F(1)),
    "周": ("week", _F(1)), "个星期": ("week", _F(1)), "个月": ("month", _F(1)), "年": ("year", _F(1)),
    "岁": ("age", _F(1)),
}  # fmt: skip

# what goods come in: said so in every language
CONTAINERS = "袋瓶包盒罐箱桶听双套杯碗盘提筐篮"
# what is counted without a word of its own elsewhere: 3件 is 3
COUNTED = "件个份只条支枝张把台部枚颗粒根串块片卷本单款种位人朵头斗次样副对顶组"
MEASURES = CONTAINERS + COUNTED

# one, several
ENGLISH = {
    "袋": ("bag", "bags"), "瓶": ("bottle", "bottles"), "包": ("pack", "packs"), "盒": ("box", "boxes"),
    "罐": ("can", "cans"), "箱": ("case", "cases"), "桶": ("tub", "tubs"), "听": ("can", "cans"),
    "双": ("pair", "pairs"), "对": ("pair", "pairs"), "套": ("set", "sets"),
    "杯": ("cup", "cups"), "碗": ("bowl", "bowls"), "盘": ("plate", "plates"), "提": ("pack", "packs"),
    "筐": ("basket", "baskets"), "篮": ("basket", "baskets"),
}  # fmt: skip
SPANISH = {
    "袋": ("bolsa", "bolsas"), "瓶": ("botella", "botellas"), "包": ("paquete", "paquetes"), "盒": ("caja", "cajas"),
    "罐": ("lata", "latas"), "箱": ("caja", "cajas"), "桶": ("cubo", "cubos"), "听": ("lata", "latas"),
    "双": ("par", "pares"), "对": ("par", "pares"), "套": ("juego", "juegos"),
    "杯": ("vaso", "vasos"), "碗": ("tazón", "tazones"), "盘": ("plato", "platos"), "提": ("paquete", "paquetes"),
    "筐": ("cesta", "cestas"), "篮": ("cesta", "cestas"),
}  # fmt: skip
JAPANESE = {
    "袋": "袋", "瓶": "本", "包": "袋", "盒": "箱", "罐": "缶", "箱": "箱", "桶": "缶", "听": "缶", "双": "足",
    "对": "組",
    "套": "セット", "杯": "杯", "碗": "杯", "盘": "皿", "提": "パック", "筐": "かご", "篮": "かご",
}  # fmt: skip
KOREAN = {
    "袋": "봉지", "瓶": "병", "包": "팩", "盒": "상자", "罐": "캔", "箱": "상자", "桶": "통", "听": "캔", "双": "켤레",
    "对": "쌍",
    "套": "세트", "杯": "잔", "碗": "그릇", "盘": "접시", "提": "팩", "筐": "바구니", "篮": "바구니",
}  # fmt: skip

# units with words: one, several (English, Spanish); Japanese and Korean put theirs right behind the number
UNIT_WORDS: dict[str, dict[str, Any]] = {
    "en": {
        "hour": ("hour", "hours"), "minute": ("minute", "minutes"), "second": ("second", "seconds"),
        "day": ("day", "days"), "week": ("week", "weeks"), "month": ("month", "months"), "year": ("year", "years"),
        "age": ("year old", "years old"), "in": ("inch", "inches"),
    },
    "es": {
        "hour": ("hora", "horas"), "minute": ("minuto", "minutos"), "second": ("segundo", "segundos"),
        "day": ("día", "días"), "week": ("semana", "semanas"), "month": ("mes", "meses"), "year": ("año", "años"),
        "age": ("año", "años"), "in": ("pulgada", "pulgadas"),
    },
    "ja": {
        "hour": "時間", "minute": "分", "second": "秒", "day": "日間", "week": "週間", "month": "か月", "year": "年",
        "age": "歳", "in": "インチ",
    },
    "ko": {
        "hour": "시간", "minute": "분", "second": "초", "day": "일", "week": "주", "month": "개월", "year": "년",
        "age": "세", "in": "인치",
    },
}  # fmt: skip
