"""Guessing a block at once with a drafter of the DSpark kind (Cheng et al. 2026, arXiv:2607.05147).

Some layers of the model, side by side, become one vector a position, and that the keys and values of every layer of the
drafter.  A block of the last token and `mask` tokens behind it runs through these layers once, its rows seeing each
other and all that came before; row i guesses the i-th token.  Which token follows which is a table, so that the guesses
of a block are chosen one after the other, each knowing the one before, and a last row says how sure each is.

It keeps what it read of a request in memory of its own (`guessing.SeenStates`), newest positions first to stay; what
it never saw (a prompt from the cache, a request that was swapped out) makes its guesses worse and no answer wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels import ops
from huozhong.engine.runner import Runner
from huozhong.engine.sequence import Sequence
from huozhong.engine.speculation.guessing import Proposal, SeenStates
from huozhong.engine.speculation.lookahead import MAX_UNREAD, MIN_CHANCE, LookAhead
from huozhong.engine.speculation.proposers import Ahead
from huozhong.engine.weights.dspark import BlockLayer, BlockWeights
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.model.architecture import GroupedAttention
from huozhong.model.rope import rope_table

F32 = NDArray[np.float32]

WINDOW = 4096  # positions of a request that are kept, up to twice as many for a while
THREADED = 1 << 22  # numbers of a matrix from which on threads are worth being started for one product


def module_of(runner: Runner) -> Ahead | None:
    """What guesses from the states of the runner's model, if anything does."""
    if runner.weights.block is not None:
        return BlockDrafter(runner, runner.weights.block)
    return LookAhead(runner) if runner.weights.prediction else None


class BlockDrafter:
    """`speculation.proposers.Ahead` with such a drafter."""

    def __init__(self, runner: Runner, weights: BlockWeights) -> None:
        attention = weights.config.architecture.attention
        assert isinstance(attention, GroupedAttention)
        self._runner, self._w, self._a = runner, weights, attention
        self._eps = float(weights.config.architecture.rms_norm_eps)
        positions = runner.num_pages * runner.page_size + weights.config.block
        self._rope = rope_table(weights.config.architecture.rope, positions)

    def observe(self, sequence: Sequence, start: int, states_TD: F32) -> None:
        """states_TD: the layers that are looked at, side by side.  They are read when somebody asks."""
        a, seen = self._a, sequence.guessing.unread
        if not isinstance(seen, SeenStates) or seen.unread.end != start:
            seen = SeenStates(start, len(self._w.layers), a.num_kv_heads, a.head_dim, WINDOW)
            sequence.guessing.unread = seen
        seen.unread.add(states_TD)
        if seen.unread.rows > MAX_UNREAD:
            self._read(seen)

    def propose(self, limits: Mapping[Sequence, int]) -> dict[Sequence, Proposal]:
        able: list[tuple[Sequence, SeenStates, int]] = []
        for sequence, limit in limits.items():
            seen = sequence.guessing.unread
            if isinstance(seen, SeenStates) and seen.unread.end == sequence.num_tokens - 1:
                self._read(seen)
                able.append((sequence, seen, min(limit, self._w.config.block)))
        if not able:
            return {}
        last = [int(sequence.tokens(sequence.num_tokens - 1, sequence.num_tokens)[0]) for sequence, _, _ in able]
        rows_SBD = self._blocks([seen for _, seen, _ in able], last)
        proposals = {}
        for (sequence, _, limit), token, rows_BD in zip(able, last, rows_SBD, strict=True):
            if (proposal := self._chosen(rows_BD[:limit], token)) is not None:
                proposals[sequence] = proposal
        return proposals

    # -- inside ----------------------------------------------------------------------------------

    def _read(self, seen: SeenStates) -> None:
        """Make keys and values of what was kept."""
        w, unread = self._w, seen.unread
        if not unread.rows:
            return
        read_TD = ops.rms_norm(self._linear(np.concatenate(unread.parts), w.fc), w.hidden_norm, self._eps)
        positions = np.arange(unread.start, unread.end)
        pairs = [self._keys_and_values(read_TD, layer, positions) for layer in w.layers]
        seen.add(np.stack([keys for keys, _ in pairs]), np.stack([values for _, values in pairs]))
        unread.clear()

    def _blocks(self, seen: list[SeenStates], last: list[int]) -> F32:
        """The states [S, B, D] of a block behind each request's last token."""
        w, size = self._w, self._w.config.block
        tokens_SB = np.full((len(last), size), w.config.mask, np.int32)
        tokens_SB[:, 0] = last
        x_TD = ops.embed(tokens_SB.reshape(-1), self._runner.weights.embedding)
        positions = np.concatenate([np.arange(one.end, one.end + size) for one in seen])
        for number, layer in enumerate(w.layers):
            h_TD = ops.rms_norm(x_TD, layer.input_norm, self._eps)
            q_THK = self._heads(self._linear(h_TD, layer.query), layer.query_norm, positions)
            keys, values = self._keys_and_values(h_TD, layer, positions)
            attended = [
                self._attend(
                    q_THK[s * size : (s + 1) * size],
                    np.concatenate((one.keys[number, : one.count], keys[s * size : (s + 1) * size])),
                    np.concatenate((one.values[number, : one.count], values[s * size : (s + 1) * size])),
                )
                for s, one in enumerate(seen)
            ]
            x_TD = x_TD + self._linear(np.concatenate(attended), layer.out)
            h_TD = ops.rms_norm(x_TD, layer.mlp_norm, self._eps)
            x_TD = x_TD + self._linear(ops.silu_mul(self._linear(h_TD, layer.gate_up)), layer.down)
        return ops.rms_norm(x_TD, w.norm, self._eps).reshape(len(last), size, -1)

    def _chosen(self, rows_BD: F32, token: int) -> Proposal | None:
        """The guesses of a block, one after the other, as long as it is likely that all are right."""
        w, together = self._w, 1.0
        scores_BV = self._linear(rows_BD, w.head or self._runner.weights.head)
        tokens: list[int] = []
        evidence: list[int] = []
        for row_D, scores_V in zip(rows_BD, scores_BV, strict=True):
            after = np.zeros(0, np.float32) if w.after is None else w.after[token].astype(np.float32)
            if w.follows is not None:
                scores_V = scores_V + self._linear(after[None], w.follows)[0]
            best = int(scores_V.argmax())
            token = best if w.guessed is None else int(w.guessed[best])
            together *= (chance := self._chance(row_D, after, scores_V))
            tokens.append(token)
            evidence.append(LookAhead.evidence(chance))
            if not together >= MIN_CHANCE:
                break
        return Proposal(tokens, evidence) if tokens else None

    def _chance(self, row_D: F32, after: F32, scores_V: F32) -> float:
        """How likely the drafter finds its guess: by its last row, or by its scores."""
        if self._w.sure is None:
            return float(1 / np.exp(scores_V - scores_V.max()).sum())
        weight, bias = self._w.sure
        seen = np.concatenate((row_D, after))[: len(weight)]
        return float(1 / (1 + np.exp(-(seen @ weight + bias))))

    def _keys_and_values(self, h_TD: F32, layer: BlockLayer, positions: NDArray[np.int64]) -> tuple[F32, F32]:
        """[T, G, K] each, keys normed and rotated."""
        kv = self._linear(h_TD, layer.kv)
        keys, values = np.split(kv, 2, axis=1)
        shape = (len(kv), self._a.num_kv_heads, self._a.head_dim)
        return self._heads(keys, layer.key_norm, positions), values.reshape(shape)

    def _heads(self, rows: F32, norm: F32, positions: NDArray[np.int64]) -> F32:
        """[T, heads, K] of [T, heads * K], each head normed and rotated by its position, in halves."""
        heads = rows.reshape(-1, self._a.head_dim)
        x = ops.rms_norm(np.ascontiguousarray(heads), norm, self._eps).reshape(len(rows), -1, self._a.head_dim)
        cos, sin = self._rope[positions, 0][:, None], self._rope[positions, 1][:, None]
        half = cos.shape[-1]
        first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
        return np.concatenate((first * cos - second * sin, second * cos + first * sin, rest), axis=-1)

    def _attend(self, q_BHK: F32, keys_NGK: F32, values_NGK: F32) -> F32:
        """softmax(q k / sqrt(K)) v [B, H * K]: every row sees every key."""
        size, heads, width = q_BHK.shape
        groups = keys_NGK.shape[1]
        q_GRK = q_BHK.reshape(size, groups, -1, width).swapaxes(0, 1).reshape(groups, -1, width)
        scores_GRN = q_GRK @ keys_NGK.transpose(1, 2, 0) * np.float32(width**-0.5)
        weights_GRN = np.exp(scores_GRN - scores_GRN.max(axis=-1, keepdims=True))
        weights_GRN /= weights_GRN.sum(axis=-1, keepdims=True)
        out_GRK = weights_GRN @ values_NGK.swapaxes(0, 1)
        out = out_GRK.reshape(groups, size, heads // groups, width).swapaxes(0, 1).reshape(size, heads * width)
        return np.ascontiguousarray(out, np.float32)

    def _linear(self, x_TI: F32, matrix: PackedMatrix) -> F32:
        threads = self._runner.num_threads if matrix.out_features * matrix.in_features >= THREADED else 1
        return ops.linear(np.ascontiguousarray(x_TI, np.float32), matrix, num_threads=threads)
