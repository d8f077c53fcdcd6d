"""Two people in one order: 给儿子和女儿打电话, 打给大儿子还是小儿子.

Nobody can be called together with somebody else, and which of the two comes first is not ours to guess: both are shown.
"""

from __future__ import annotations

import numpy as np

from huozhong.apps.callhome.align import Costs, joined
from huozhong.apps.callhome.frames import Around

ALIKE = 0.05  # contacts that the same words mean cost no more than so much more than each other
PLAINLY_TWO = 0.10  # how much cheaper two must be than any of them alone
NO_MESSAGE = 0.20  # and than a sentence that is no order: 叫儿子跟女儿打电话 is a message to the son


def of_two(mine: Costs, around: Around) -> tuple[Costs, Costs]:
    """[contacts] twice: what the cheapest order costs that names this contact and another, this one first or last.

    mine: [contacts, n + 1, n + 1], what it costs to hear each in a span.
    """
    anybody, and_ = mine.min(axis=0), around.and_()
    first = around.orders_of_two(joined(mine, joined(and_, anybody)))
    return first, around.orders_of_two(joined(joined(anybody, and_), mine))


def both_of(first: Costs, last: Costs, *, single: float, rival: float, no_order: float, dearest: float) -> list[int]:
    """The numbers of those who are named together, as they were named; none where one alone, somebody who is no
    contact, or no call may be meant.

    Where two contacts have the same name or relation there may be more than two.
    """
    cost = float(max(first.min(), last.min()))
    if cost > dearest or cost + PLAINLY_TWO > single or cost + NO_MESSAGE > no_order or rival + ALIKE < cost:
        return []
    before, behind = (
        [int(i) for i in np.argsort(costs, kind="stable") if costs[i] <= costs.min() + ALIKE] for costs in (first, last)
    )
    others = [i for i in behind if i != before[0]] or [i for i in before if i != behind[0]]
    if not others:
        return []  # one name twice
    found = [before[0], others[0], *before[1:], *others[1:]]
    return list(dict.fromkeys(found))
