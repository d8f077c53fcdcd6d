"""Reading and working out equations is the package's: `huozhong.acts.solve`."""

from huozhong.acts.solve import (
    Node,
    Operation,
    Solution,
    TooLittle,
    Unsolvable,
    intermediate_values,
    leaves,
    parse,
    replace_leaves,
    solve,
    value_of,
    write,
)
from huozhong.verify.numbers import MAX_DECIMALS, Number, decimals_of, show

__all__ = [
    "MAX_DECIMALS",
    "Node",
    "Number",
    "Operation",
    "Solution",
    "TooLittle",
    "Unsolvable",
    "decimals_of",
    "intermediate_values",
    "leaves",
    "parse",
    "replace_leaves",
    "show",
    "solve",
    "value_of",
    "write",
]
