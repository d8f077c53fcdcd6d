"""What code answers exactly once the model has said what is asked: sums, units, comparison, fractions, equations."""

from huozhong.acts.exact.act import do, kinds_possible
from huozhong.acts.exact.done import Done

__all__ = ["Done", "do", "kinds_possible"]
