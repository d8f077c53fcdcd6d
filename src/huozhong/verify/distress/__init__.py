"""Words that must not go to a small model: rules that find them, and fixed texts that answer.

    finding = check([{"role": "user", "content": "我不想活了"}])
    finding.kind, finding.rule, finding.reply("zh")

The data with sources and notes lies in data/; nothing here is learnt, and nothing is sent or kept.
"""

from huozhong.verify.distress.check import Finding, check, language_of
from huozhong.verify.distress.phones import CHINA, VARIABLE, read_numbers

__all__ = ["CHINA", "VARIABLE", "Finding", "check", "language_of", "read_numbers"]
