"""Clauses of a problem that look useless: 钟敲了2下, in a question about tiles.

A clause that tells a number, but shares no unit and no pair of characters with any other clause, may have nothing to
do with what is asked.  Whether it is so the model says: planned without it, it must be surer (`LLM.prompt`).
Rates, shares and scales are never left out.
"""

from __future__ import annotations

import re

from huozhong.acts.measures import NAME
from huozhong.text.language import is_english
from huozhong.verify.numbers import mentions, told

_BORDER = re.compile(r"(?<=[，。；？！．?!;,])(?!\d)")
_ASKS = re.compile(r"多少|几|[？?]")
_NEEDED = re.compile(
    r"[%％‰折倍比℃度πx=:：/]|分之|利率|定期|存期|每|照|平均|其中|剩|余|共|相|又|再|它|如果|若|第[一二三四五]|升|降|增"
    r"|减|积|商|差|底|高|长|宽|边|径"
)
_SMALL = frozenset("的了是有在和与一二三四五六七八九十个只每各共多少几人小大这那还又已经从到把被用去来给上下")
_UNIT = re.compile(rf"\s*({NAME.pattern})")
_UNIT_ALONE = re.compile(rf"(?:多少|几|每|一)({NAME.pattern})")
FEWEST = 1  # numbers that are left


def without_useless(question: str) -> str | None:
    """The question without the clauses that look useless; None where there is none, or nothing would be left."""
    if is_english(question) or not _ASKS.search(question):
        return None
    clauses = [clause for clause in _BORDER.split(question) if clause]
    found = [_features(clause) for clause in clauses]
    kept = []
    for at, clause in enumerate(clauses):
        others = set().union(*(found[:at] + found[at + 1 :]))
        if mentions(clause) and not _ASKS.search(clause) and not _NEEDED.search(clause) and not found[at] & others:
            continue
        kept.append(clause)
    shorter = "".join(kept)
    if len(kept) == len(clauses) or len(told(shorter)) < FEWEST:
        return None
    return shorter


def _features(clause: str) -> set[str]:
    """Pairs of characters that say something, and units."""
    bare = re.sub(r"[^\u4e00-\u9fff#]", "", re.sub(r"[\d.()/%]+", "#", clause))
    pairs = {bare[at : at + 2] for at in range(len(bare) - 1)}
    found = {pair for pair in pairs if "#" not in pair and not _SMALL.issuperset(pair)}
    for mention in mentions(clause):
        unit = _UNIT.match(clause, mention.end)
        found |= {f"#{unit[1]}"} if unit else set()
    return found | {f"#{unit[1]}" for unit in _UNIT_ALONE.finditer(clause)}
