"""What a machine made says so: a line that people see, and metadata that programs read.

China's measures for labelling AI-generated content (in force since 2025-09-01) ask for both; the metadata's names are
those of GB 45438-2025.  Taking them off is an offence there, and everywhere a lie.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

VISIBLE = ("AI 生成", "Made by AI")


def visible(model: str, extra: str = "", *, english: bool = False) -> str:
    """The line under what a model wrote.  extra: what the app adds, such as 仅供娱乐."""
    return " · ".join(part for part in (VISIBLE[english], extra, model) if part)


def metadata(model: str, number: str | None = None) -> dict[str, Any]:
    """The implicit label, for a file's metadata.  number: of what was made; a fresh one where none is given."""
    return {
        "AIGC": {
            "Label": "1",
            "ContentProducer": f"huozhong:{model}",
            "ProduceID": number or secrets.token_hex(8),
            "ReservedCode1": "",
            "ContentPropagator": "",
            "PropagateID": "",
            "ReservedCode2": "",
        }
    }


def sealed(text: str, model: str, extra: str = "", *, english: bool = False) -> str:
    """A text to be handed on as a file: with the visible line, and the metadata as a last line that Markdown hides."""
    line = visible(model, extra, english=english)
    hidden = json.dumps(metadata(model), ensure_ascii=False).replace("--", "- -")
    return (
        f"{text.rstrip()}\n\n（{line}）\n\n<!-- {hidden} -->\n"
        if not english
        else f"{text.rstrip()}\n\n({line})\n\n<!-- {hidden} -->\n"
    )
