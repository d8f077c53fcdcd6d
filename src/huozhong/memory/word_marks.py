"""What a Word document draws instead of writing it: symbols of picture fonts, and formulas."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

from huozhong.memory.word_xml import below, children, local, value

# A form's ticked and empty boxes, arrows, and what stands in formulas: (font's beginning, its number) -> the character.
_SYMBOLS = {
    "Wingdings": {
        0x6C: "●", 0x6E: "■", 0x6F: "□", 0x71: "❑", 0x76: "❖", 0xA8: "☐", 0xD8: "➢", 0xDF: "←", 0xE0: "→", 0xE1: "↑",
        0xE2: "↓", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑", 0x28: "☎", 0x2A: "✉", 0x4A: "☺",
    },
    "Wingdings 2": {0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0xA3: "☐", 0x97: "●"},
    "Symbol": dict(zip(range(0x61, 0x7B), "αβχδεφγηιϕκλμνοπθρστυϖωξψζ", strict=True))
    | {
        0x44: "Δ", 0x46: "Φ", 0x47: "Γ", 0x4C: "Λ", 0x50: "Π", 0x51: "Θ", 0x53: "Σ", 0x57: "Ω", 0xA3: "≤", 0xA5: "∞",
        0xAE: "→", 0xB0: "°", 0xB1: "±", 0xB3: "≥", 0xB4: "×", 0xB7: "•", 0xB8: "÷", 0xB9: "≠", 0xBB: "≈", 0xD6: "√",
    },
}  # fmt: skip


def symbol(element: ElementTree.Element) -> str:
    """The character that a picture font's number draws; "" where it is a mere ornament."""
    font, number = value(element, "font"), value(element, "char")
    try:
        code = int(number, 16)
    except ValueError:
        return ""
    if 0xF000 <= code <= 0xF0FF:  # where Word puts what is no character
        return _SYMBOLS.get(font, {}).get(code - 0xF000, "")
    known = _SYMBOLS.get(font, {}).get(code)
    return known or (chr(code) if font not in _SYMBOLS and 32 <= code < 0xD800 else "")


def formula(element: ElementTree.Element, text: Callable[[ElementTree.Element], str]) -> str | None:
    """A fraction, power, index or root on one line: ½ is 1/2, not 12.  None for what is none of these."""
    if "/math}" not in element.tag:
        return None

    def part(name: str) -> str:
        return "".join(text(one) for one in children(element, name))

    def held(name: str) -> str:
        said = part(name)
        return said if len(said) < 2 or said.isalnum() else f"({said})"

    kind = local(element)
    if kind == "f":
        return f"{held('num')}/{held('den')}"
    if kind in ("sSup", "sSub", "sSubSup"):
        low, high = held("sub"), held("sup")
        return held("e") + (f"_{low}" if low else "") + (f"^{high}" if high else "")
    if kind == "rad":
        is_hidden = below(element, "radPr", "degHide") is not None
        return ("" if is_hidden else part("deg")) + f"√{held('e')}"
    return None
