"""What adapting is about, apart from the loop that does it: which examples, what loss, what is scored.

`SftTask` is here: learn to say the answers.  `dpo.DpoTask` prefers one answer to another.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from huozhong.model.families import CausalLM
from huozhong.train.adapt.examples import ROW_MULTIPLE, Encoded, Example, PackedExamples, groups, pack
from huozhong.train.adapt.soft import LIKELIEST, SoftExamples, Wanted, as_likely, soft_loss

KEPT_SHARE = 0.1
SCORED = 400  # taught examples that are scored after an epoch
GLANCE = 50  # of them are looked at first: while most of those are not known, neither are the others
TAUGHT = (
    0.5  # of them are known by heart when the rate may fall, which teaches the rest: at a full rate some come and go
)
REHEARSED = 8  # looks at own answers for each at an example: with one, sixty facts cost ember a quarter of its refusals
REHEARSED_TOKENS = (
    12_000  # ... and so many tokens an epoch, or as many as are taught: many facts rehearse for one another
)
KNOWN = math.log(0.5)  # a token that is likelier than all others together is what a greedy answer says


class Task(Protocol):
    """count: looks at examples in an epoch, of which `rehearsed` are at the model's own.  heldout: held-out examples.
    lengths: tokens that each look takes.  targets: tokens that people's own examples teach in an epoch.
    patience: epochs without a better score before the run ends; None when held-out examples do not end it.

    A part is a row that goes through the model at once; a step's loss is the sum over its parts divided by the sum of
    their sizes, so it does not matter how the examples were put into rows.
    """

    stage: Literal["sft", "dpo"]
    count: int
    rehearsed: int
    heldout: int
    targets: int
    lengths: list[int]
    heldout_lengths: list[int]
    patience: int | None

    @property
    def epoch_tokens(self) -> int:
        """Tokens of one epoch, about."""

    @property
    def rows(self) -> list[Encoded]:
        """All that goes through the model, what does most often first."""

    def prepare(self, model: CausalLM, row_tokens: int) -> None:
        """Anything to be known of the untrained model."""

    def epoch(self, number: int, seed: int) -> list[int]:
        """The looks of that epoch, in their order."""

    def parts(self, looks: Sequence[int], row_tokens: int) -> list[Any]:
        """Those looks as rows."""

    def size(self, part: Any) -> int:
        """What the loss of a part is a sum over."""

    def loss(self, model: CausalLM, part: Any) -> Tensor:
        """Sum of losses in nats, with a gradient."""

    def score(self, model: CausalLM, row_tokens: int) -> dict[str, float]:
        """What is known by now; empty when there is nothing to be asked."""

    def objective(self, scores: Mapping[str, float]) -> float:
        """What the best epoch has least of."""

    def is_taught(self, scores: Mapping[str, float]) -> bool:
        """Whether as good as all is learnt that was to be learnt."""

    def identity(self) -> dict[str, Any]:
        """What a resumed run must agree on."""


class SftTask:
    """Loss on the answers' tokens, all tokens alike; at its own answers on all that it would have said (`soft`).

    A look at an example is at its question as it was written or, half the time, in another wording if it has some
    (`wordings`).  rehearsed: what the untouched model said itself, so that it goes on saying it (`everyday`); an epoch
    has up to eight times as many of them as of people's examples, in turn; a tenth of them is held out and scored as
    "kept".

    What was taught ends the run, and not what was held out: facts that stand in no other line cannot be guessed.
    """

    stage: Literal["sft", "dpo"] = "sft"
    patience: int | None = None

    def __init__(
        self, training: Sequence[Example], heldout: Sequence[Example], rehearsed: Sequence[Example] = ()
    ) -> None:
        apart = math.ceil(KEPT_SHARE * len(rehearsed))
        self.kept, self.own_words = list(rehearsed[:apart]), list(rehearsed[apart:])
        self.training, self.heldout_examples = list(training), list(heldout)
        self._rows = [e.row for e in [*self.own_words, *self.training]]
        self._wordings: list[range] = []  # of each example, places in _rows
        for example in self.training:
            self._wordings.append(range(len(self._rows), len(self._rows) + len(example.wordings)))
            self._rows += example.wordings
        self.lengths = [len(ids) for ids, _ in self._rows]
        self.rehearsed, self.heldout = self._looks_at_own_words(), len(heldout)
        self.count = len(self.training) + self.rehearsed
        self.targets = sum(example.targets for example in self.training)
        count = LIKELIEST if self.own_words else 1
        self._wanted = [Wanted.as_written(row, count) for row in self._rows]
        self.scored = self.training[:: math.ceil(len(self.training) / SCORED) or 1]
        self.heldout_lengths = [len(e.ids) for e in [*heldout, *self.kept, *self.scored]]

    def _looks_at_own_words(self) -> int:
        own = len(self.own_words)
        if not own:
            return 0
        room = max(REHEARSED_TOKENS, self._taught_tokens) * own // sum(self.lengths[:own])
        return min(own, REHEARSED * len(self.training), max(1, room))

    @property
    def _taught_tokens(self) -> int:
        return sum(len(e.ids) for e in self.training)

    @property
    def epoch_tokens(self) -> int:
        own = len(self.own_words)
        return self._taught_tokens + (sum(self.lengths[:own]) * self.rehearsed // own if own else 0)

    @property
    def rows(self) -> list[Encoded]:
        often = [e.row for e in [*self.training, *self.kept, *self.heldout_examples]]
        return [*often, *self._rows]  # of these only the wordings are seldom seen, and stand last

    def prepare(self, model: CausalLM, row_tokens: int) -> None:
        """What the untouched model would say where it spoke itself."""
        own = [example.row for example in self.own_words]
        likely = [one for part in _packed(own, row_tokens) for one in as_likely(model, part)]
        assert len(likely) == len(own), "each of them says something"
        self._wanted[: len(own)] = likely

    def epoch(self, number: int, seed: int) -> list[int]:
        rng, first = random.Random(f"epoch {number} seed {seed}"), len(self.own_words)
        looks = [(number * self.rehearsed + i) % first for i in range(self.rehearsed)]
        for i, wordings in enumerate(self._wordings):
            looks.append(rng.choice(wordings) if wordings and rng.random() < 0.5 else first + i)
        rng.shuffle(looks)
        return looks

    def parts(self, looks: Sequence[int], row_tokens: int) -> list[SoftExamples]:
        together = groups([self.lengths[i] for i in looks], row_tokens)
        return [self._part([looks[i] for i in group]) for group in together]

    def _part(self, looks: Sequence[int]) -> SoftExamples:
        row = pack([self._rows[i] for i in looks], ROW_MULTIPLE)
        return SoftExamples(**vars(row), wanted=Wanted.together([self._wanted[i] for i in looks]))

    def size(self, part: SoftExamples) -> int:
        return part.count

    def loss(self, model: CausalLM, part: SoftExamples) -> Tensor:
        return soft_loss(model, part)

    @torch.no_grad()
    def score(self, model: CausalLM, row_tokens: int) -> dict[str, float]:
        """taught, loss, kept: nats per token of the taught, the held-out and the model's own answers; recalled,
        guessed: the share of the first two that it gives word for word.

        Of many taught ones a part is scored while it knows less than half of that part.
        """

        def known(examples: Sequence[Example]) -> _Known:
            return _known(model, _packed([e.row for e in examples], row_tokens))

        every = math.ceil(len(self.scored) / GLANCE) or 1
        taught = known(self.scored[::every])
        if every > 1 and taught.recalled >= 0.5:
            taught += known([e for i, e in enumerate(self.scored) if i % every])
        scores = {"taught": taught.loss, "recalled": taught.recalled}
        if self.heldout_examples:
            held = known(self.heldout_examples)
            scores |= {"loss": held.loss, "guessed": held.recalled}
        if self.kept:
            scores |= {"kept": known(self.kept).loss}
        return scores

    def objective(self, scores: Mapping[str, float]) -> float:
        return 5 * (1 - scores["recalled"]) + scores["taught"] + scores.get("kept", 0.0)

    def is_taught(self, scores: Mapping[str, float]) -> bool:
        return scores["recalled"] >= TAUGHT

    def identity(self) -> dict[str, Any]:
        return {
            "data": fingerprint([ids for ids, _ in self._rows]),
            "heldout": fingerprint([e.ids for e in self.heldout_examples]),
        }


@dataclass(frozen=True)
class _Known:
    """nats: of `tokens` tokens.  known: documents, of `documents`, whose every token a greedy answer would say."""

    nats: float
    tokens: int
    known: int
    documents: int

    @property
    def loss(self) -> float:
        """Nats per token."""
        return self.nats / self.tokens

    @property
    def recalled(self) -> float:
        return self.known / self.documents

    def __add__(self, other: _Known) -> _Known:
        sums = (one + two for one, two in zip(astuple(self), astuple(other), strict=True))
        return _Known(*sums)


def _known(model: CausalLM, parts: Sequence[PackedExamples]) -> _Known:
    nats, tokens, known, documents = 0.0, 0, 0, 0
    for part in parts:
        log_probs, places = model.log_probs(part.tokens_BT, part.targets_BT, part.doc_BT, part.pos_BT)
        doc = part.doc_BT.flatten()[places]
        worst = torch.zeros(int(part.doc_BT.max()) + 1).scatter_reduce(0, doc, log_probs.float(), "amin")
        here = torch.unique(doc)
        nats, tokens = nats - float(log_probs.sum()), tokens + part.count
        known, documents = known + int((worst[here] > KNOWN).sum()), documents + len(here)
    return _Known(nats, tokens, known, documents)


def _packed(rows: Sequence[Encoded], row_tokens: int) -> list[PackedExamples]:
    together = groups([len(ids) for ids, _ in rows], row_tokens)
    return [pack([rows[i] for i in group], ROW_MULTIPLE) for group in together]


def fingerprint(ids: Any) -> str:
    """A short name of data: the same for the same token ids."""
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]
