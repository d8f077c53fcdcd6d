"""Whether the house's model can translate at all: three sentences that any translator gets right."""

from __future__ import annotations

import re
from typing import Any

from huozhong.apps.live.slots import Part
from huozhong.apps.live.translator import Translator, translated

_SENTENCES = (
    ("大家好，谢谢你们！", r"hello|hi\b|everyone|thank"),
    ("这个苹果很好吃。", r"apple"),
    ("今天下雨，我在家看书。", r"rain|book|read"),
)


def trial(translator: Translator) -> dict[str, Any]:
    """{"can": two of three were right, "said": what the model made of each}."""
    said = [translated(translator, Part(text, (), 0, len(text)), "en") for text, _ in _SENTENCES]
    right = [bool(re.search(wanted, one, re.IGNORECASE)) for one, (_, wanted) in zip(said, _SENTENCES, strict=True)]
    shown = [{"zh": text, "en": one} for one, (text, _) in zip(said, _SENTENCES, strict=True)]
    return {"can": sum(right) >= 2, "said": shown}
