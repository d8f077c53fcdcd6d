"""Where the token table starts: from how often tokens follow one another in the text, instead of from noise.

The first thing that a language model learns is which tokens are frequent and which stand side by side, and it learns it
slowly: every token must come up again and again.  Counting all pairs of a text takes a second.  What is counted here,
the positive pointwise mutual information of neighbours (Church & Hanks 1990), is what word vectors factorise implicitly
(Levy & Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization", NeurIPS).

The architecture stays as it is.  The table has two parts:

- column 0 is 1 + 0.1·(log p - mean), so every hidden state has nearly the same entry there, and the product with it is
  the logarithm of a token's frequency: what a bias would do, which the format has not;
- the other columns are the leading eigenvectors of the symmetric information, each times the root of its eigenvalue.

The final norm is small outside column 0: a table that is its own head would otherwise say every token twice.

Shapes: N tokens, V vocabulary, D width, K = D - 1 eigenvectors, S = K + spare ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from huozhong.errors import ConfigError
from huozhong.model.transformer import Transformer
from huozhong.text.data import Source
from huozhong.text.shards import open_shards

COUNTED = 8_000_000  # tokens, at most: enough for every common pair, in two seconds
BLOCK = 4096  # of a longer text so many at a time are counted, spread evenly
SCALE = 0.3  # standard deviation of the table's entries, searched at width 320 (docs/log)
BIAS = 0.1  # change of column 0 for a factor of e in frequency
GAIN = 0.1  # of the final norm outside column 0
SPARE, ROUNDS = 16, 2  # of the randomised eigenvectors (Halko et al. 2011, arXiv:0909.4061, §4.4)


def start_from_counts(model: Transformer, sources: Sequence[Source], *, seed: int) -> None:
    """Write the table and the final norm of a new model in place, with those of a head or a prediction module.

    Raises ConfigError where the text has fewer than two tokens, DataError where a shard cannot be read.
    """
    config = model.config
    tokens_N = counted_tokens(sources)
    if len(tokens_N) < 2:
        raise ConfigError('init_table = "counts" needs a text of at least two tokens; take "noise" for this one.')
    table_VD, gain_D = table_and_gain(tokens_N, config.vocab_size, config.hidden_size, seed=seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("embed_tokens.weight", "lm_head.weight", "shared_head.head.weight")):
                weight.copy_(table_VD)
            elif name.endswith(("model.norm.weight", "shared_head.norm.weight")):
                weight.copy_(gain_D)


def counted_tokens(sources: Sequence[Source]) -> npt.NDArray[np.int64]:
    """[N] tokens of the sources, each at most in its share of COUNTED."""
    whole = sum(source.weight for source in sources)
    pieces = []
    for source in sources:
        shards = open_shards(source.path)
        total = sum(len(shard.tokens_N) for shard in shards)
        part = min(1.0, COUNTED * source.weight / whole / max(1, total))
        for shard in shards:
            blocks = max(1, len(shard.tokens_N) // BLOCK)
            chosen = np.unique(np.linspace(0, blocks - 1, max(1, round(part * blocks))).astype(np.int64))
            if len(chosen) == blocks:
                pieces.append(shard.tokens_N.astype(np.int64))
            else:
                pieces += [shard.tokens_N[b * BLOCK : (b + 1) * BLOCK].astype(np.int64) for b in chosen]
    return np.concatenate(pieces)


def information(tokens_N: npt.NDArray[np.int64], vocab_size: int) -> Tensor:
    """Positive pointwise mutual information of neighbours, log(p(a, b) / p(a) / p(b)) where it is above 0.

    Sparse (CSR, float32), [V, V]: row the first token, column the second.
    """
    pairs, counts = np.unique(tokens_N[:-1] * vocab_size + tokens_N[1:], return_counts=True)
    first, second = pairs // vocab_size, pairs % vocab_size
    before = np.bincount(first, counts, vocab_size)
    after = np.bincount(second, counts, vocab_size)
    values = np.log(counts * float(counts.sum()) / (before[first] * after[second]))
    kept = values > 0
    rows_V1 = np.concatenate([[0], np.cumsum(np.bincount(first[kept], minlength=vocab_size))])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(rows_V1),
            torch.from_numpy(second[kept]),
            torch.from_numpy(values[kept]).float(),
            (vocab_size, vocab_size),
            check_invariants=False,
        )


def table_and_gain(tokens_N: npt.NDArray[np.int64], vocab_size: int, width: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """The table [V, D] and the final norm's weights [D], both float32."""
    counts_V = np.bincount(tokens_N, minlength=vocab_size) + 0.5
    log_p_V = torch.from_numpy(np.log(counts_V / counts_V.sum())).float()
    vectors_VK = SCALE * _unit(_eigenvectors(information(tokens_N, vocab_size), width - 1, seed))
    column_V1 = 1 + BIAS * (log_p_V - log_p_V.mean())[:, None]
    rms = ((1 + (width - 1) * SCALE**2) / width) ** 0.5  # of a row: what the final norm divides by
    gain_D = torch.full((width,), GAIN)
    gain_D[0] = rms / BIAS
    return torch.cat([column_V1, vectors_VK], dim=1), gain_D


def _eigenvectors(information_VV: Tensor, count: int, seed: int) -> Tensor:
    """[V, K]: of the mean of the matrix and its transpose, largest first, times the roots of their absolute values."""
    transposed_VV = information_VV.to_sparse(layout=torch.sparse_coo).t().coalesce().to_sparse_csr()

    def times(x_VS: Tensor) -> Tensor:
        product_VS: Tensor = information_VV @ x_VS + transposed_VV @ x_VS
        return product_VS / 2

    size = information_VV.shape[0]
    found = min(size, count + SPARE)
    basis_VS = torch.randn(size, found, generator=torch.Generator().manual_seed(seed))
    for _ in range(ROUNDS):
        basis_VS = torch.linalg.qr(times(basis_VS))[0]
    small_SS = basis_VS.T @ times(basis_VS)
    values_S, eigenvectors_SS = torch.linalg.eigh((small_SS + small_SS.T) / 2)
    best = values_S.abs().argsort(descending=True)[:count]
    vectors_VK = basis_VS @ eigenvectors_SS[:, best] * values_S[best].abs().sqrt()
    # A table wider than its vocabulary has columns that nothing fills.
    return torch.nn.functional.pad(vectors_VK, (0, count - vectors_VK.shape[1]))


def _unit(x: Tensor) -> Tensor:
    """Scaled to a mean square of 1; nothing stays nothing."""
    return x / x.square().mean().sqrt().clamp_min(1e-12)
