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

`Speculator` drafts only where it pays: it estimates how likely a draft token is accepted, for free, by
comparing guesses that were not computed with what came; it measures what a further row costs; and it adds
rows while they raise the expected tokens per second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from huozhong.engine.sequence import Sequence

MAX_DRAFT = 8
# A probe computes this many rows only to learn their price, every PROBE_EVERY steps at most: even if a row
# cost as much as a step and none were accepted, that is 2/128 = 1.6% of the time; it is less and less often
# repeated while it does not pay.
PROBE_ROWS = 2
PROBE_EVERY = 128
MAX_PROBE_EVERY = 4096
# While nothing is found that pays, only every fourth step looks, every sixteenth where a row is dear: looking
# costs about 5 us a request, 2% of a step of ember's.  What is worth guessing is longer than what is missed.
NAP, LONG_NAP = 3, 15
DEAR = 0.35  # of a step's share per request
WORTH_PROBING = 0.25  # acceptance below which a row would have to cost next to nothing
MARGIN = 1.1  # a row must promise this much more than it costs: estimates are noisy
_CHAIN = 8  # earlier occurrences looked at
_DEEPEST = 12  # tokens of agreement that are told apart
_INDEX_AT_ONCE = 4096  # tokens of a long prompt indexed per step, about 2 ms

Speculation = Literal["auto", "off"] | int


@dataclass(frozen=True, slots=True)
class Proposal:
    """Guessed next tokens; evidence: a small number, guesses with the same one are about equally good."""

    tokens: list[int]
    evidence: int


class Proposer(Protocol):
    """Anything that guesses.  It must not depend on chance: see the module's text."""

    def propose(self, sequence: Sequence, k: int) -> Proposal | None:
        """At most k tokens that may follow the request's known tokens; None without an idea."""


class NgramIndex:
    """Where each pair of tokens occurred, newest first: constant work per token.

    The longest agreement among the last few occurrences of the final pair is looked for, token by token.
    """

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self._last: dict[int, int] = {}  # pair -> position of its second token
        self._before: list[int | None] = []  # the pair's previous occurrence

    def extend(self, tokens: list[int]) -> None:
        """Go on with these tokens."""
        last, before = self._last, self._before
        previous = self.tokens[-1] if self.tokens else None
        position = len(self.tokens)
        for token in tokens:
            if previous is None:
                before.append(None)
            else:
                pair = previous << 32 | token
                before.append(last.get(pair))
                last[pair] = position
            previous = token
            position += 1
        self.tokens += tokens

    def propose(self, k: int) -> Proposal | None:
        """What followed the longest earlier occurrence of the end (the newest of equals)."""
        if not self.tokens:
            return None
        tokens, end = self.tokens, len(self.tokens) - 1
        best, best_length = None, 1
        candidate = self._before[end]
        for _ in range(_CHAIN):
            if candidate is None:
                break
            length = 2
            while length < _DEEPEST and length <= candidate and tokens[candidate - length] == tokens[end - length]:
                length += 1
            if length > best_length:
                best, best_length = candidate, length
                if length == _DEEPEST:
                    break
            candidate = self._before[candidate]
        if best is None:
            return None
        drafts = tokens[best + 1 : best + 1 + k]
        while len(drafts) < k:  # the occurrence runs into the end itself: the text goes in circles
            drafts.append(drafts[len(drafts) - (end - best)])
        return Proposal(drafts, best_length)


class NgramProposer:
    """Prompt look-up (Saxena 2023) over prompt and answer; works with every model."""

    def propose(self, sequence: Sequence, k: int) -> Proposal | None:
        """None also while a long prompt is not yet wholly indexed."""
        index = sequence.ngrams
        if index is None:
            index = sequence.ngrams = NgramIndex()
        known, total = len(index.tokens), sequence.num_tokens
        if known < sequence.prompt_len:
            stop = min(known + _INDEX_AT_ONCE, sequence.prompt_len)
            index.extend(sequence.prompt[known:stop].tolist())
            known = stop
        if known < sequence.prompt_len:
            return None
        if known < total:
            index.extend(sequence.generated[known - sequence.prompt_len :])
        return index.propose(k)


class Rate:
    """A share of successes that forgets slowly; starts from `prior` with the weight of `weight` trials."""

    def __init__(self, prior: float, weight: float, memory: float) -> None:
        self._hits, self._trials = prior * weight, weight
        self._keep = 1 - 1 / memory

    def add(self, hits: int, trials: int) -> None:
        kept = self._keep**trials
        self._hits = self._hits * kept + hits
        self._trials = self._trials * kept + trials

    @property
    def value(self) -> float:
        return self._hits / self._trials


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
    """drafted: tokens computed as guesses, accepted: of those; shadow_*: guesses compared without computing."""

    drafted: int = 0
    accepted: int = 0
    steps: int = 0  # steps with at least one draft
    probes: int = 0
    shadow_trials: int = 0
    shadow_hits: int = 0


class Speculator:
    """Decides, step by step, how many guessed tokens each decoding request computes.

    mode: "auto" (where it pays), "off", or a number: always so many, where there is a guess.
    """

    def __init__(self, mode: Speculation = "auto", proposer: Proposer | None = None) -> None:
        self.mode = mode
        self.proposer: Proposer = proposer or NgramProposer()
        self.stats = SpeculationStats()
        self._rates: dict[int, Rate] = {}
        self._costs: dict[int, Cost] = {}
        self._until_probe = 16
        self._nap = self._asleep = 0  # steps to come without looking; see NAP
        self._probe_every = PROBE_EVERY

    @property
    def is_on(self) -> bool:
        return self.mode not in ("off", 0)

    def plan(self, sequences: list[Sequence], room: int) -> dict[Sequence, list[int]]:
        """Drafts for the decoding requests of a step; at most `room` tokens in all."""
        if self._asleep > 0:
            self._asleep -= 1
            return {}
        proposals: dict[Sequence, Proposal] = {}
        limit = MAX_DRAFT if self.mode == "auto" else int(self.mode)
        for sequence in sequences:
            sequence.proposal = None
            # The last token of an answer is never followed by another: its logits would be wasted.
            k = min(limit, sequence.max_new_tokens - len(sequence.generated) - 1)
            if k > 0 and sequence.lets_guess and (proposal := self.proposer.propose(sequence, k)):
                proposals[sequence] = sequence.proposal = proposal
        if self.mode == "auto":
            cost = self._costs.get(len(sequences))
            is_dear = cost is not None and cost.row is not None and cost.row * len(sequences) > DEAR * (cost.step or 0)
            self._asleep, self._nap = self._nap, min(2 * self._nap + 1, LONG_NAP if is_dear else NAP)
        if not proposals or room <= 0:
            return {}
        if self.mode != "auto":
            return _allowed(self._first(proposals, limit, room))
        drafts = self._where_it_pays(proposals, len(sequences), room)
        if drafts:
            self._asleep = self._nap = 0
        return _allowed(drafts)

    def learn(self, sequence: Sequence, drafted: int, chosen: list[int]) -> None:
        """A request's step chose these tokens; `drafted` of its guessed ones were computed."""
        proposal = sequence.proposal
        if proposal is None or not chosen:
            return
        sequence.proposal = None
        compared = min(len(chosen), max(drafted, 1), len(proposal.tokens))
        hits = 0
        while hits < compared and chosen[hits] == proposal.tokens[hits]:
            hits += 1
        if drafted:
            self.stats.drafted += drafted
            self.stats.accepted += hits
        else:
            self.stats.shadow_trials += 1
            self.stats.shadow_hits += hits
        trials = min(hits + 1, compared)
        self._rate(proposal.evidence).add(hits, trials)
        self._own_rate(sequence).add(hits, trials)

    def timed(self, rows: int, extra: int, seconds: float) -> None:
        """A step of nothing but `rows` decoding requests and `extra` draft rows took so long."""
        self._costs.setdefault(rows, Cost()).add(seconds, extra)
        if extra:
            self.stats.steps += 1

    # -- inside ----------------------------------------------------------------------------------

    def _where_it_pays(self, proposals: dict[Sequence, Proposal], rows: int, room: int) -> dict[Sequence, list[int]]:
        cost = self._costs.setdefault(rows, Cost())
        chances = {s: self._chance(s, p.evidence) for s, p in proposals.items()}
        drafts: dict[Sequence, list[int]] = {}
        pays = MARGIN * rows * cost.row / cost.step if cost.step and cost.row is not None else 1.0
        if cost.step is not None and cost.row is not None and max(chances.values()) > pays:
            # A further row pays while it adds more tokens per second than the step has so far.  The chance of
            # the j-th draft token to be kept is chance^j, so the best rows over all requests go first.
            options = sorted(
                ((chance ** (j + 1), s) for s, chance in chances.items() for j in range(len(proposals[s].tokens))),
                key=lambda option: -option[0],
            )
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
        best = max(chances, key=lambda s: chances[s])
        if self._until_probe > 0 or chances[best] < WORTH_PROBING or cost.step is None:
            return {}
        self._until_probe = self._probe_every
        self._probe_every = min(2 * self._probe_every, MAX_PROBE_EVERY)
        self.stats.probes += 1
        return {best: proposals[best].tokens[: min(PROBE_ROWS, room)]}

    @staticmethod
    def _first(proposals: dict[Sequence, Proposal], limit: int, room: int) -> dict[Sequence, list[int]]:
        drafts = {}
        for sequence, proposal in proposals.items():
            if tokens := proposal.tokens[: min(limit, room)]:
                drafts[sequence] = tokens
                room -= len(tokens)
        return drafts

    def _chance(self, sequence: Sequence, evidence: int) -> float:
        """Of a draft token to be accepted: what holds for such guesses, and for this request's."""
        own = self._own_rate(sequence).value
        return min(0.98, (self._rate(evidence).value + own) / 2)

    def _rate(self, evidence: int) -> Rate:
        # More agreement, better guess; what is seen soon outweighs this.
        return self._rates.setdefault(evidence, Rate(min(0.1 * evidence, 0.8), 4, 500))

    @staticmethod
    def _own_rate(sequence: Sequence) -> Rate:
        if sequence.guess_rate is None:
            sequence.guess_rate = Rate(0.4, 4, 40)
        return sequence.guess_rate


def _allowed(drafts: dict[Sequence, list[int]]) -> dict[Sequence, list[int]]:
    """Only what a request's guide lets follow: the rest would be computed for nothing."""
    kept = {s: d if s.constraint is None else d[: s.constraint.validate(d)] for s, d in drafts.items()}
    return {sequence: tokens for sequence, tokens in kept.items() if tokens}
