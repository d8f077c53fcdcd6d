"""What llama.cpp says with SmolLM2, for test_smollm2.py to compare with: written once into smollm2.json.

    python tests/real/record.py        needs llama-cpp-python 0.3.36 and `make real`

Greedy answers with the gap between the best token's logit and the second's, and the mean negative log-likelihood of a
text, as llama.cpp computes them on its CPU backend.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.real.fetch import SMOLLM2

RECORDED = Path(__file__).with_name("smollm2.json")
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
QUESTIONS = [
    "Write one sentence about the sea.",
    "Say the days of the week in order.",
    "Repeat after me: one two three four five six seven eight nine ten.",
    "What is photosynthesis?",
]
TOKENS = 32
TEXT = (
    "The lamp on the windowsill burned low, and nobody in the house had thought to fill it. Anna counted the steps of "
    "the tall clock in the hall, as she did every night when the wind came down from the hills. Seventeen, eighteen; "
    "then the door below was opened, and the cold walked up the stairs before her brother did. He carried a basket of "
    "apples and a letter with a broken seal. It was from the harbour, he said, and it was three weeks old. The ship "
    "had not come in, but another had seen her lights beyond the northern islands, where the ice is late to leave. "
    "They read it twice by the last of the lamp. Then they ate an apple each, and neither of them said what both were "
    "counting now, which was no longer steps but days."
)


def prompt(question: str) -> str:
    turns = [("system", SYSTEM), ("user", question)]
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns) + "<|im_start|>assistant\n"


def logits_of(model: Any) -> NDArray[np.float64]:
    """What the model thinks of the next token."""
    return np.ctypeslib.as_array(model._ctx.get_logits_ith(-1), (model.n_vocab(),)).astype(np.float64)


def main() -> None:
    from llama_cpp import Llama

    model = Llama(str(SMOLLM2), n_ctx=512, n_threads=1, verbose=False)
    answers = {}
    for question in QUESTIONS:
        model.reset()
        said: list[int] = []
        gaps: list[float] = []
        ids = model.tokenize(prompt(question).encode(), add_bos=False, special=True)
        for token in model.generate(ids, top_k=1, temp=0.0, repeat_penalty=1.0):
            if token == model.token_eos() or len(said) == TOKENS:
                break
            second, best = np.sort(logits_of(model))[-2:]
            said.append(token)
            gaps.append(round(float(best - second), 3))
        answers[question] = {"ids": said, "gaps": gaps, "text": model.detokenize(said).decode()}
    ids = model.tokenize(TEXT.encode(), add_bos=False)
    model.reset()
    losses = []
    for id, following in pairwise(ids):  # one at a time, since this version hands out the last token's logits only
        model.eval([id])
        logits = logits_of(model)
        logits -= logits.max()
        losses.append(np.log(np.exp(logits).sum()) - logits[following])
    recorded = {"answers": answers, "text_ids": ids, "loss": float(np.mean(losses))}
    RECORDED.write_text(json.dumps(recorded, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
