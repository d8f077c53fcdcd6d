"""The page of the book below a hint, and what is said where there is no plan."""

from __future__ import annotations

import re
from collections.abc import Sequence

from huozhong.acts.read_back import known_numbers
from huozhong.apps.tutor.lesson import Lesson, clauses_of
from huozhong.text.language import is_english
from huozhong.verify.numbers import mentions
from huozhong.verify.working import Working


def unsure(problem: str, working: Working) -> str:
    """What can be said of a problem that nobody could be sure of; a pupil's own sums are checked all the same."""
    english = is_english(problem)
    lines = []
    for at, claim in enumerate(working.claims, 1):
        name = f"Step {at}: " if english else f"第 {at} 步："
        lines.append(f"{'✓' if claim.is_right else '✗'} {name}{claim.written}")
        if not claim.is_right:
            break
    clauses = "\n".join(f"- {clause}" for clause in clauses_of(problem) if mentions(clause))
    if english:
        lines.append(
            "**I am not sure about this problem,** and give no way that may be wrong. I can check your sums.\n\n"
            f"What is known:\n{clauses}\n\nDraw it, and ask a teacher or look into the book."
        )
    else:
        lines.append(
            "**这道题我没有把握，** 不乱指路。你写的每一步算式，我可以帮你验算。\n\n"
            f"已经知道的：\n{clauses}\n\n画个图想一想，再问问老师，或者看看书上的例题。"
        )
    return "\n\n".join(lines)


_NUMBERS = re.compile(r"\(?\d+(?:[./:：]\d+)*%?\)?")


def looked_up(problem: str) -> str:
    """What is looked for in the books: a problem's words without its numbers, which a book's example does not share."""
    return _NUMBERS.sub(" ", problem)


_PLACE = re.compile(r"(《[^》]*》)\s*第\s*(\d+)\s*页[:：]\s*(.*)", re.S)
_MOST_PAGES, _LONGEST_QUOTE = 2, 50
_OF_NUMBERS = set("0123456789./:：()%")
_WORKED = re.compile(r"解[:：法]|答[:：案]|[=＝≈]|分析|Answer|Solution", re.IGNORECASE)


_CLAUSE_ENDS = re.compile(r"[，。；！？,;!?]|[.．](?!\d)")


def _beginning(words: str) -> str:
    """The first clauses, or of a long one the first words; a number is not cut in two, for half of it (4 of 4.5) may be
    what is not to be told."""
    begun, rest = words[:_LONGEST_QUOTE], words[_LONGEST_QUOTE:]
    if not rest:
        return begun
    if ends := [found.start() for found in _CLAUSE_ENDS.finditer(words) if found.start() <= _LONGEST_QUOTE]:
        return begun[: ends[-1]]
    return re.sub(r"[\d./:：()]+$", "", begun) if rest[:1] in _OF_NUMBERS else begun


def pages_below(lesson: Lesson | None, problem: str, pages: Sequence[str]) -> str:
    """课本第 34 页, with its first words where they tell nothing: nothing is quoted that is worked out there, and no
    number that the problem does not tell, for the page may solve this very problem."""
    known = {number.value for number in known_numbers(problem)} | (lesson.known if lesson is not None else set())
    english = is_english(problem)
    out = []
    for passage in pages[:_MOST_PAGES]:
        found = _PLACE.match(str(passage))
        if found is None:
            continue
        place = f"{found[1][1:-1]}, page {found[2]}" if english else f"{found[1]}第 {found[2]} 页"
        words = " ".join(_WORKED.split(found[3], maxsplit=1)[0].split())
        quote = f"{place}{': ' if english else '：'}“{_beginning(words)}”…"
        is_plain = len(words) > 3 and {one.number.value for one in mentions(words)} <= known
        if is_plain and (lesson is None or lesson.is_safe(quote)):
            out.append(quote)
        elif lesson is None or lesson.is_safe(place):
            out.append(place)
    return "".join(f"\n\n> 📖 {one}" for one in out)
