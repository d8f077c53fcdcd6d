"""Bare practice: many short sums on one page, and which words rhyme.  No conversation, so few tokens are wasted."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction

from arithmetic import expression
from poems import Poem, ends_of
from rethink import too_little
from solve import Node, Number, Operation, TooLittle, Unsolvable, solve

from huozhong.verify.arithmetic import is_exam_expression
from huozhong.verify.poem import rhyme_groups

PAGE = 190  # characters of sums after which a page is full


def _whole(rng: random.Random, digits: int) -> Number:
    return Number(Fraction(rng.randint(10 ** (digits - 1), 10**digits - 1)))


def _decimal(rng: random.Random) -> Number:
    places = rng.choice((1, 1, 2))
    return Number(Fraction(rng.randint(11, 99 * 10**places), 10**places))


def _sum(rng: random.Random) -> Node:
    op = rng.choice("+-")
    if rng.random() < 0.3:
        a, b = _decimal(rng), rng.choice((_decimal, lambda r: _whole(r, 2)))(rng)
    else:
        a, b = _whole(rng, rng.choice((2, 3, 3, 4, 5))), _whole(rng, rng.choice((1, 2, 3, 3, 4)))
    if op == "-" and a.value < b.value:
        a, b = b, a
    return Operation(op, a, b)


def _close_difference(rng: random.Random) -> Node:
    """Numbers with the same beginning, as long division subtracts them: 4851-4410, 22.3-19.8."""
    a = rng.randint(20, 10 ** rng.choice((2, 3, 3, 4, 4)) - 1)
    b = a - rng.randint(0, max(1, a // rng.choice((2, 5, 10, 10, 30))))
    scale = rng.choice((1, 1, 1, 10, 100))
    return Operation("-", Number(Fraction(a, scale)), Number(Fraction(b, scale)))


def _short_product(rng: random.Random) -> Node:
    a, b = _whole(rng, rng.choice((1, 2, 3, 3, 4))), Number(Fraction(rng.randint(2, 9) * rng.choice((1, 1, 1, 10))))
    if rng.random() < 0.25:
        a = _decimal(rng)
    return Operation("×", *((a, b) if rng.random() < 0.7 else (b, a)))


def _long_product(rng: random.Random) -> Node:
    a, b = _whole(rng, rng.choice((2, 3))), _whole(rng, 2)
    if rng.random() < 0.25:
        a = _decimal(rng)
    return Operation("×", *((a, b) if rng.random() < 0.7 else (b, a)))


def _quotient(rng: random.Random) -> Node:
    divisor, quotient = _whole(rng, rng.choice((1, 2, 2))), _whole(rng, rng.choice((1, 2, 2, 3)))
    if rng.random() < 0.2:  # the tens' divisors, where a digit too low leaves ten of them
        divisor = Number(Fraction(rng.randint(11, 19)))
    if divisor.value == 1:
        divisor = Number(Fraction(7))
    kind = rng.random()
    if kind < 0.35:  # the digits at which one is tempted to take the next ten: 4897÷83=59, not 60
        first = rng.choice(("", str(rng.randint(1, 9))))
        quotient = Number(Fraction(int(first + "".join(rng.choices("99810", k=rng.choice((1, 2))))) or 99))
    elif kind < 0.65:  # round ones, as problems in books have them: nothing is left after the first digit
        quotient = Number(Fraction(rng.randint(1, 9) * 10 ** rng.choice((0, 1, 1, 1, 2, 2, 3))))
    shrink = rng.choice((1, 1, 1, 10))
    return Operation("÷", Number(divisor.value * quotient.value / shrink), divisor)


def _fraction(rng: random.Random) -> Number:
    bottom = rng.randint(2, rng.choice((6, 12, 20)))
    return Number(Fraction(rng.randint(1, bottom * rng.choice((1, 1, 2)) - 1), bottom), "fraction")


def _fractions(rng: random.Random) -> Node:
    """Two fractions, or a fraction and a whole number: common denominators, and what there is to reduce."""
    op, a = rng.choice("+-×÷"), _fraction(rng)
    b = _fraction(rng) if rng.random() < 0.7 else _whole(rng, rng.choice((1, 1, 2, 3)))
    if a.value < b.value if op == "-" else rng.random() < 0.5:
        a, b = b, a
    return Operation(op, a, b)


_KINDS = (_sum, _close_difference, _short_product, _long_product, _quotient, _fractions)
_WEIGHTS = (4, 2, 3, 2, 7, 2)


def _one_digit_quotient(rng: random.Random) -> str:
    """How often a divisor goes into a number, as schools write it: 485÷49=9……44.  The choice in every long division."""
    while True:
        divisor, digit = rng.randint(11, 99), rng.randint(1, 9)
        rest = rng.choice((rng.randrange(divisor), rng.randrange(min(4, divisor)), divisor - 1 - rng.randrange(4)))
        sum_ = f"{divisor * digit + rest}÷{divisor}"
        if not is_exam_expression(sum_):
            return f"{sum_}={digit}" + (f"……{rest}" if rest else "")


def _line(rng: random.Random) -> str:
    while True:
        if rng.random() < 0.12:
            return expression(rng, 1).solution.text()
        node = rng.choices(_KINDS, _WEIGHTS)[0](rng)
        try:
            text = solve(node).text()
        except Unsolvable:
            continue
        if not is_exam_expression(str(node)):
            return text


def _any_difference(rng: random.Random) -> Node:
    """Of any two numbers, the larger first or not: hundreds, a few tens, the same beginning, decimals, fractions."""
    kind = rng.random()
    if kind < 0.5:
        zeros = 10 ** rng.choice((0, 1, 1, 2, 3)) if kind < 0.2 else 1
        top = 99 if kind < 0.2 else 10 ** rng.choice((1, 2, 2, 3, 3, 4))
        a, b = (Number(Fraction(rng.randint(1, top) * zeros)) for _ in "ab")
    elif kind < 0.7:
        close = _close_difference(rng)
        assert isinstance(close, Operation)
        return close if rng.random() < 0.5 else Operation("-", close.right, close.left)
    elif kind < 0.85:
        a, b = _decimal(rng), rng.choice((_decimal, _decimal, lambda r: _whole(r, 2)))(rng)
    else:
        a, b = _fraction(rng), rng.choice((_fraction, _fraction, _decimal))(rng)
    return Operation("-", *((a, b) if rng.random() < 0.5 else (b, a)))


def difference_page(rng: random.Random) -> str:
    """Differences that go and differences that do not, of which there is too little to take it from."""
    lines: list[str] = []
    while sum(map(len, lines)) < PAGE:
        node = _any_difference(rng)
        done: list[str] = []
        try:
            solve(node, done)
        except TooLittle as difference:
            done.append(too_little(difference))
        except Unsolvable:
            continue
        if not is_exam_expression(str(node)):
            lines += done
    return "\n".join(lines)


def page(rng: random.Random, worked: Iterator[str]) -> str:
    """About two hundred characters of sums, one below the other; some from `worked`, the steps of word problems."""
    lines: list[str] = []
    while sum(map(len, lines)) < PAGE:
        kind = rng.random()
        lines.append(next(worked) if kind < 0.35 else _one_digit_quotient(rng) if kind < 0.55 else _line(rng))
    return "\n".join(lines)


def rhyme_pages(poems: list[Poem], rng: random.Random, count: int) -> Iterator[str]:
    """Words that poems end on, by rhyme track, the usual ones more often: `江阳韵：长、光、霜 ...`."""
    usual = Counter(end for poem in poems for end in ends_of(poem))
    tracks: dict[str, list[str]] = defaultdict(list)
    for word in usual:
        for track in sorted(rhyme_groups(word)):
            tracks[track].append(word)
    names = sorted(tracks)
    for _ in range(count):
        name = rng.choices(names, [sum(usual[w] for w in tracks[n]) ** 0.5 for n in names])[0]
        words = dict.fromkeys(rng.choices(tracks[name], [usual[w] ** 0.7 for w in tracks[name]], k=40))
        yield f"{name}韵：{'、'.join(words)}"
