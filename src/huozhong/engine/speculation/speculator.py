"""Speculation: guess the next tokens cheaply, check several in one forward pass, keep what is right.

A guess (draft) is checked by computing the logits after each of its tokens in one pass, as rows of one
generated span, which by the runner's contract have the very bits they have one by one.  Then the request's own
sampler chooses a token at each position in order, with the random number it would have used there anyway, and
a draft token is accepted if and only if it is the token chosen.

That is exact.  Greedy answers are trivially the same.  For sampling, speculative sampling in general (Leviathan
et al. 2023, arXiv:2211.17192; Chen et al. 2023, arXiv:2302.01318) accepts x ~ q with min(1, p(x)/q(x)) and
else draws from the rest of p.  A proposal without randomness has q(x) = 1, so x is accepted with probability
p(x), and else the token comes from p without x, renormalised.  Drawing t from p and accepting iff t = x is the
same experiment: it accepts with p(x), and a t that is not x is distributed as p without x.  It also keeps every
seed: the answer does not depend on whether speculation is on, nor on what was guessed, and log-probabilities,
penalties and constraints need no correction, as each position is sampled as ever.

Two things guess: the look-up in what was already said (`proposers`), which costs next to nothing, and the model's own
multi-token-prediction module or a drafter beside it (`lookahead`, `block`), which cost a part of a forward pass.

`Speculator` drafts only where it pays: it estimates how likely a draft token is accepted, for free, by
comparing guesses that were not computed with what came; it measures what a further row costs; and it adds
rows while they raise the expected tokens per second.  Whether to ask the module at all it decides by measuring tokens
per second with and without it, for each number of requests (`AheadTrial`).
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from huozhong.engine.sequence import Sequence
from huozhong.engine.speculation.guessing import Proposal, Rate
from huozhong.engine.speculation.lookahead import LookAhead
from huozhong.engine.speculation.proposers import Ahead, NgramProposer, Proposer
from huozhong.engine.tasks import GenerateTask

MAX_DRAFT = 8
# A probe computes this many rows only to learn their price, every PROBE_EVERY steps at most: even if a row
# cost as much as a step and none were accepted, that is 2/128 = 1.6% of the time; it is less and less often
# repeated while it does not pay.
PROBE_ROWS = 2
PROBE_EVERY = 128
MAX_PROBE_EVERY = 4096
# While nothing is found that pays, only every fourth step looks, every sixteenth where a row is costly: looking
# costs about 5 us a request, 2% of a step of ember's.  What is worth guessing is longer than what is missed.
PAUSE, LONG_PAUSE = 3, 15
COSTLY_ROW = 0.35  # of a step's share per request
WORTH_PROBING = 0.25  # acceptance below which a row would have to cost next to nothing
MARGIN = 1.1  # a row must promise this much more than it costs: estimates are noisy
TRUSTED_MATCH = 6  # tokens of agreement from which on the look-up is believed sooner than the model's own module

Speculation = Literal["auto", "off"] | int


class Cost:
    """Seconds of a step with `rows` decoding requests, and of each further row in it."""

    def __init__(self) -> None:
        self.step: float | None = None
        self.row: float | None = None
        self._samples = 0

    def add(self, seconds: float, extra: int) -> None:
        """A step took so long with `extra` draft rows."""
        if extra == 0:
            if self.step is None:
                self.step = seconds
            # The machine's other work only ever adds: trust what is quick sooner than what is slow.
            self.step += (0.2 if seconds < self.step else 0.03) * (min(seconds, 2 * self.step) - self.step)
        elif self.step is not None:
            row = min(max(seconds - self.step, 0.0) / extra, 2 * self.step)
            self._samples += 1
            weight = max(0.1, 1 / self._samples)
            self.row = row if self.row is None else self.row + weight * (row - self.row)


@dataclass(slots=True)
class SpeculationStats:
    """drafted: tokens computed as guesses, accepted: of those."""

    drafted: int = 0
    accepted: int = 0
    steps: int = 0  # steps with at least one draft


class AheadTrial:
    """Whether asking the module pays, for a number of requests: tokens per second with it and without, by turns.

    The one that is ahead goes on; the other is tried again now and then, ever more rarely.
    """

    WARM = 24  # steps of each before anything is decided
    TRY = 16  # steps of a later trial
    EDGE = 1.02  # the module must be ahead by this

    def __init__(self) -> None:
        self.plain, self.ahead = Speed(), Speed()
        self.asks = False
        self._on_trial, self._left, self._every = True, self.WARM, 512

    @property
    def prefers_module(self) -> bool:
        return (self.ahead.rate or 0.0) > self.EDGE * (self.plain.rate or 0.0)

    def add(self, tokens: int, seconds: float) -> None:
        """A step of the kind that was asked for."""
        (self.ahead if self.asks else self.plain).add(tokens, seconds)
        self._left -= 1
        if self._left > 0:
            return
        if self.ahead.rate is None:
            self.asks, self._left = True, self.WARM
        elif self._on_trial:
            self.asks, self._left, self._on_trial = self.prefers_module, self._every, False
            self._every = min(2 * self._every, 8192)
        else:
            self.asks, self._left, self._on_trial = not self.asks, self.TRY, True


class Speed:
    """Tokens per second of late; a hiccup of the machine weighs little."""

    def __init__(self) -> None:
        self._tokens: float | None = None
        self._seconds = 0.0

    def add(self, tokens: int, seconds: float) -> None:
        if self._tokens is None:
            self._tokens, self._seconds = float(tokens), seconds
        self._tokens += 0.04 * (tokens - self._tokens)
        self._seconds += 0.04 * (min(seconds, 2 * self._seconds) - self._seconds)

    @property
    def rate(self) -> float | None:
        return None if self._tokens is None or self._seconds <= 0 else self._tokens / self._seconds


class Speculator:
    """Decides, step by step, how many guessed tokens each decoding request computes.

    mode: "auto" (where it pays), "off", or a number: always so many, where there is a guess.
    ahead: the module that guesses, if there is one.
    """

    def __init__(
        self, mode: Speculation = "auto", proposer: Proposer | None = None, ahead: Ahead | None = None
    ) -> None:
        self.mode = mode
        self.ahead = ahead
        self._trials: defaultdict[int, AheadTrial] = defaultdict(AheadTrial)
        self._asked = False  # the module, in this step
        self._asking_took = 0.0
        self.proposer: Proposer = proposer or NgramProposer()
        self.stats = SpeculationStats()
        self._rates: dict[int, Rate] = {}
        self._costs: defaultdict[int, Cost] = defaultdict(Cost)  # by the number of decoding requests
        self._until_probe = 16
        self._pause = self._pause_left = 0  # steps to come without looking; see PAUSE
        self._probe_every = PROBE_EVERY

    @property
    def is_on(self) -> bool:
        return self.mode not in ("off", 0)

    @property
    def wants_states(self) -> bool:
        """Whether the module should see what is computed now.

        Also while it is not asked: keeping states costs next to nothing, and a module that is tried in the middle of
        an answer, of whose beginning it saw nothing, guesses too badly for the trial to be fair.
        """
        return self.ahead is not None and self.is_on

    def plan(self, sequences: list[Sequence], room: int) -> dict[Sequence, list[int]]:
        """Drafts for the decoding requests of a step; at most `room` tokens in all."""
        self._asked, self._asking_took = False, 0.0
        asks = self.ahead is not None and (self.mode != "auto" or self._trials[len(sequences)].asks)
        drafts = self._draft_by_lookup(sequences, room, asks)
        if asks:
            drafts |= self._draft_ahead(sequences, drafts, room - sum(map(len, drafts.values())))
        return _allowed(drafts) if drafts else drafts

    def _draft_by_lookup(self, sequences: list[Sequence], room: int, asks: bool) -> dict[Sequence, list[int]]:
        """asks: the module is asked after this, so that only what is trusted more than it is taken."""
        if self._pause_left > 0:
            self._pause_left -= 1
            return {}
        proposals: dict[Sequence, Proposal] = {}
        for sequence in sequences:
            sequence.guessing.proposal = None
            k = self._max_drafts(sequence)
            proposal = self.proposer.propose(sequence, k) if k > 0 else None
            left_to_module = asks and sequence.guessing.unread is not None
            if proposal is not None and (not left_to_module or proposal.evidence[0] >= TRUSTED_MATCH):
                proposals[sequence] = sequence.guessing.proposal = proposal
        if self.mode == "auto":
            cost = self._costs[len(sequences)]
            is_costly = cost.row is not None and cost.row * len(sequences) > COSTLY_ROW * (cost.step or 0)
            self._pause_left, self._pause = self._pause, min(2 * self._pause + 1, LONG_PAUSE if is_costly else PAUSE)
        if not proposals or room <= 0:
            return {}
        if self.mode != "auto":
            return self._fill(proposals, room)
        drafts = self._where_it_pays(proposals, len(sequences), room)
        if drafts:
            self._pause_left = self._pause = 0
        return drafts

    def _draft_ahead(
        self, sequences: list[Sequence], drafts: dict[Sequence, list[int]], room: int
    ) -> dict[Sequence, list[int]]:
        """The module's guesses for the requests without drafts."""
        assert self.ahead is not None
        able = [s for s in sequences if s not in drafts and s.guessing.unread is not None]
        limits = {s: k for s in able if (k := self._max_drafts(s)) > 0}
        if not limits or room <= 0:
            return {}
        self._asked = True
        began = time.perf_counter()
        proposals = self.ahead.propose(limits)
        self._asking_took = time.perf_counter() - began
        for sequence, proposal in proposals.items():
            sequence.guessing.proposal = proposal
        if self.mode != "auto" or self._costs[len(sequences)].row is None:
            return self._fill(proposals, room)
        return self._where_it_pays(proposals, len(sequences), room)

    def _max_drafts(self, sequence: Sequence) -> int:
        # The last token of an answer is never followed by another: its logits would be wasted.
        limit = MAX_DRAFT if self.mode == "auto" else int(self.mode)
        return min(limit, sequence.max_new_tokens - len(sequence.generated) - 1)

    def learn(self, sequence: Sequence, drafted: int, chosen: list[int]) -> None:
        """A request's step chose these tokens; `drafted` of its guessed ones were computed."""
        proposal = sequence.guessing.proposal
        if proposal is None or not chosen:
            return
        sequence.guessing.proposal = None
        compared = min(len(chosen), max(drafted, 1), len(proposal.tokens))
        hits = 0
        while hits < compared and chosen[hits] == proposal.tokens[hits]:
            self._rate(proposal.evidence[hits]).add(1, 1)
            hits += 1
        if hits < compared:
            self._rate(proposal.evidence[hits]).add(0, 1)
        if drafted:
            self.stats.drafted += drafted
            self.stats.accepted += hits
        if proposal.evidence[0] < LookAhead.EVIDENCE:
            self._request_rate(sequence).add(hits, min(hits + 1, compared))

    def timed(self, rows: int, extra: int, tokens: int, seconds: float) -> None:
        """A step of nothing but `rows` decoding requests and `extra` draft rows took so long and chose `tokens`."""
        self._costs[rows].add(seconds - self._asking_took, extra)
        if self.ahead is not None and self.mode == "auto":
            trial = self._trials[rows]
            if trial.asks == self._asked:
                trial.add(tokens, seconds)
        if extra:
            self.stats.steps += 1

    # -- inside ----------------------------------------------------------------------------------

    def _where_it_pays(self, proposals: dict[Sequence, Proposal], rows: int, room: int) -> dict[Sequence, list[int]]:
        cost = self._costs[rows]
        chances = {s: self._chances(s, p) for s, p in proposals.items()}
        drafts: dict[Sequence, list[int]] = {}
        pays = MARGIN * rows * cost.row / cost.step if cost.step and cost.row is not None else 1.0
        if cost.step is not None and cost.row is not None and max(kept[0] for kept in chances.values()) > pays:
            # A further row pays while it adds more tokens per second than the step has so far.  A draft token is kept
            # only if those before it are, so the best rows over all requests go first.
            options = sorted(((chance, s) for s, kept in chances.items() for chance in kept), key=lambda o: -o[0])
            tokens, seconds = float(rows), cost.step
            for chance, sequence in options[:room]:
                if chance * seconds <= MARGIN * tokens * cost.row:
                    break
                tokens, seconds = tokens + chance, seconds + cost.row
                have = drafts.setdefault(sequence, [])
                have.append(proposals[sequence].tokens[len(have)])
        if drafts:
            self._until_probe, self._probe_every = PROBE_EVERY, PROBE_EVERY
            return drafts
        self._until_probe -= 1
        best = max(chances, key=lambda s: chances[s][0])
        if self._until_probe > 0 or chances[best][0] < WORTH_PROBING or cost.step is None:
            return {}
        self._until_probe = self._probe_every
        self._probe_every = min(2 * self._probe_every, MAX_PROBE_EVERY)
        return {best: proposals[best].tokens[: min(PROBE_ROWS, room)]}

    @staticmethod
    def _fill(proposals: dict[Sequence, Proposal], room: int) -> dict[Sequence, list[int]]:
        drafts = {}
        for sequence, proposal in proposals.items():
            if tokens := proposal.tokens[:room]:
                drafts[sequence] = tokens
                room -= len(tokens)
        return drafts

    def _chances(self, sequence: Sequence, proposal: Proposal) -> list[float]:
        """Of each draft token to be kept, with those before it."""
        own = None if proposal.evidence[0] >= LookAhead.EVIDENCE else self._request_rate(sequence).value
        chances, chance = [], 1.0
        for evidence in proposal.evidence:
            # What holds for such guesses and, for the look-up, for this request's.
            rate = self._rate(evidence).value
            chance *= min(0.98, rate if own is None else (rate + own) / 2)
            chances.append(chance)
        return chances

    def _rate(self, evidence: int) -> Rate:
        # More agreement, or the module's own opinion: better guess; what is seen soon outweighs this.
        prior = LookAhead.chance(evidence) if evidence >= LookAhead.EVIDENCE else min(0.1 * evidence, 0.8)
        return self._rates.setdefault(evidence, Rate(prior, 4, 500))

    @staticmethod
    def _request_rate(sequence: Sequence) -> Rate:
        guessing = sequence.guessing
        if guessing.rate is None:
            guessing.rate = Rate(0.4, 4, 40)
        return guessing.rate


def _allowed(drafts: dict[Sequence, list[int]]) -> dict[Sequence, list[int]]:
    """Only what a request's guide lets follow: the rest would be computed for nothing."""
    kept: dict[Sequence, list[int]] = {}
    for sequence, tokens in drafts.items():
        task = sequence.task
        if isinstance(task, GenerateTask) and task.constraint is not None:
            tokens = tokens[: task.constraint.validate(tokens)]
        if tokens:
            kept[sequence] = tokens
    return kept
