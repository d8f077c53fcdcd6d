"""Reading and working out equations is the package's: `huozhong.acts.solve`."""

from huozhong.acts.solve import (
    MAX_DECIMALS,
    Node,
    Number,
    Operation,
    Solution,
    TooLittle,
    Unsolvable,
    decimals_of,
    intermediate_values,
    leaves,
    parse,
    replace_leaves,
    show,
    solve,
    value_of,
    write,
)

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
