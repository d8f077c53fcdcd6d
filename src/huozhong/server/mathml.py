"""TeX formulas -> MathML, through latex2mathml, with its result checked element by element.

latex2mathml is lenient: an unknown command becomes a letter, half a fraction becomes invalid MathML, and its
text form is not escaped.  So the element tree is taken, checked and serialised here; a formula that fails the
check is shown as its source, which a reader can at least understand.
"""

from __future__ import annotations

import re
from html import unescape
from xml.etree.ElementTree import Element, tostring

MAX_TEX = 2000
MAX_DEPTH = 40

MATHML_TAGS = {
    "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup",
    "munder", "mover", "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom", "menclose",
    "mmultiscripts", "mprescripts", "none",
}  # fmt: skip
MATHML_ATTRIBUTES = {
    "display", "alttext", "mathvariant", "stretchy", "fence", "form", "accent", "separator", "lspace",
    "rspace", "minsize", "maxsize", "width", "height", "depth", "voffset", "linethickness", "displaystyle",
    "scriptlevel", "notation", "columnalign", "columnspacing", "columnlines", "rowlines", "rowspacing",
    "movablelimits", "largeop", "symmetric", "linebreak", "mathcolor",
}  # fmt: skip
_CHILDREN = {
    "mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3,
}  # fmt: skip
# Macros could expand without bound, and latex2mathml keeps them for the formulas after this one.
_FORBIDDEN = re.compile(r"\\(?:re)?newcommand|\\newenvironment|\\[egx]?def\b|\\let\b|\\DeclareMathOperator")
# Environments that latex2mathml does not know, by the nearest ones that it does.
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{(aligned|eqnarray\*?|gathered|gather\*?|dcases|rcases)\}")
_NEAREST = {"gathered": "matrix", "gather": "matrix", "dcases": "cases", "rcases": "cases"}
_WRAPPER = re.compile(r"\\(?:begin|end)\s*\{(?:equation|displaymath|math)\*?\}")


class _Broken(Exception):
    """The converter's tree is not a formula that a browser can show."""


def tex_to_mathml(tex: str, *, block: bool = False) -> str | None:
    """MathML for one formula, with its source in `alttext`; None where it cannot be converted faithfully."""
    if len(tex) > MAX_TEX or _FORBIDDEN.search(tex):
        return None
    from latex2mathml.converter import convert_to_element  # four megabytes of symbols, for the first formula

    known = _ENVIRONMENT.sub(_nearest_environment, _WRAPPER.sub("", tex))
    try:
        root = convert_to_element(known, display="block" if block else "inline")
        _check(root, MAX_DEPTH)
    except Exception:
        # The converter reports broken TeX by exceptions of its own and by IndexError, KeyError,
        # RecursionError ...  Whatever it is, the formula's source is the honest thing to show.
        return None
    root.attrib.pop("xmlns", None)
    root.set("alttext", tex)
    return tostring(root, encoding="unicode")


def _nearest_environment(match: re.Match[str]) -> str:
    name = match[2].rstrip("*")
    return f"\\{match[1]}{{{_NEAREST.get(name, 'align*')}}}"


def _check(element: Element, depth: int) -> None:
    """Raise _Broken unless the tree is well-formed MathML; drop attributes that are not on the list."""
    if depth == 0 or element.tag not in MATHML_TAGS:
        raise _Broken(element.tag)
    if len(element) != _CHILDREN.get(element.tag, len(element)):
        raise _Broken(element.tag)
    text = unescape(element.text or "")
    if element.tag == "mi" and re.match(r"[&{}^_$#]\Z|\\[A-Za-z]", text):
        raise _Broken(text)  # an unknown command or a stray special, passed through as a letter
    element.text = text or None
    element.tail = None
    for name in set(element.attrib) - MATHML_ATTRIBUTES:
        del element.attrib[name]
    for child in element:
        _check(child, depth - 1)
