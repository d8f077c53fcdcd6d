"""What a round of `parallel.local` sends of the way that the weights went: few numbers, two bits each, nothing lost.

    way  = weights before the round − weights now            whole numbers of 2^-40 (`to_grid`)
    want = way + what earlier rounds did not send
    pack: in each chunk of 4,096 the `keep` share with the largest magnitude; of each its place and a value of `bits`
    kept for the next round = want − sent                    exactly, because all of these are whole numbers

Error feedback is Seide et al. 2014 (1-bit SGD) and Karimireddy et al. 2019, arXiv:1901.09847; top-k inside chunks is
SparseLoCo's (Sarfi et al. 2025, arXiv:2508.15706).  Ties are broken by place and means are taken over whole numbers,
so NumPy (`pack_reference`, which says what is meant) and torch (`pack`, which is fast) give the same bytes everywhere.

A message, little endian:  levels of all chunks · places of all chunks · values of all chunks.

    places   keep = 1: none.  Up to 341 a chunk: 12 bits each, ascending.  More: a bit for each of the 4,096.
    values   1 bit: sign; level = the mean.   2 bits: sign, and which of two levels (Lloyd's algorithm, three rounds).
             4, 8, 16 bits: multiples of a step.   32 bits: float32, no levels.
    levels   16 bits each: exponent (8 bits), then 8 leading bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from huozhong.errors import TrainingError
from huozhong.train.parallel.settings import CHUNK, Squeeze

GRID = 2.0**-40
LARGEST = 2**50  # in units of the grid: a weight that moves by 1,024 in a round is no training any more
LLOYD_ROUNDS = 3

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


def to_grid(values: Tensor) -> Tensor:
    """Floats as whole numbers of GRID, int64.  Raises TrainingError for what is no number, or 1,024 and more."""
    scaled = values.double() / GRID
    if not bool((scaled.abs() < LARGEST).all()):
        raise TrainingError(
            "a weight moved by 1,024 or more in one round, or is no number any more; lower muon_lr and adamw_lr."
        )
    return scaled.round_().long()


def from_grid(numbers: Tensor) -> Tensor:
    """Back to floats, float64; the quotient is exact."""
    return numbers.double() * GRID


# -- torch ---------------------------------------------------------------------------------------------


@torch.no_grad()
def pack(want_N: Tensor, how: Squeeze) -> tuple[Tensor, Tensor]:
    """(message as uint8, what a receiver reads from it as int64 [N]) for int64 `want_N`."""
    count = len(want_N)
    chunks_CK = torch.nn.functional.pad(want_N, (0, -count % CHUNK)).view(-1, CHUNK)
    at_Ck = _largest(chunks_CK, how)
    picked_Ck = chunks_CK if at_Ck is None else chunks_CK.gather(1, at_Ck)
    levels, codes_Ck, sent_Ck = _quantize(picked_Ck, how)
    message = torch.cat([_bytes16(levels), _pack_places(at_Ck, how), _pack_codes(codes_Ck, how.bits)])
    if at_Ck is None:
        return message, sent_Ck.reshape(-1)[:count]
    return message, torch.zeros_like(chunks_CK).scatter_(1, at_Ck, sent_Ck).view(-1)[:count]


@torch.no_grad()
def unpack(message: Tensor, count: int, how: Squeeze) -> Tensor:
    """int64 [count] from a message.  Raises TrainingError when it has another length than such a message has."""
    check_length(len(message), count, how)
    chunks = -(-count // CHUNK)
    levels, places, values = torch.split(message, list(how.parts(count)))
    levels_CL = _ints16(levels).view(chunks, how.levels)
    codes_Ck = _unpack_codes(values, how.bits, chunks * how.kept).view(chunks, how.kept)
    numbers_Ck = _dequantize(levels_CL, codes_Ck, how)
    at_Ck = _unpack_places(places, chunks, how)
    if at_Ck is None:
        return numbers_Ck.reshape(-1)[:count]
    return torch.zeros(chunks, CHUNK, dtype=torch.int64).scatter_(1, at_Ck, numbers_Ck).view(-1)[:count]


def check_length(length: int, count: int, how: Squeeze) -> None:
    """TrainingError for a message that cannot be about `count` numbers."""
    if length != how.size(count):
        raise TrainingError(
            f"a message of {length:,} bytes came where {how.size(count):,} were due: the members of this run do not "
            "have the same recipe; give all of them the same."
        )


def _largest(chunks_CK: Tensor, how: Squeeze) -> Tensor | None:
    """Places of the numbers that are sent, ascending; None for all."""
    if how.places == "all":
        return None
    order_K = CHUNK - 1 - torch.arange(CHUNK)
    keys_CK = (chunks_CK.abs() << 12) | order_K  # no two alike: of equal magnitudes the earlier place wins
    chosen_Ck = keys_CK.topk(how.kept, dim=1, sorted=False).values
    return (CHUNK - 1 - (chosen_Ck & (CHUNK - 1))).sort(dim=1).values


def _quantize(x_Ck: Tensor, how: Squeeze) -> tuple[Tensor, Tensor, Tensor]:
    """(levels as mini-floats [C, levels], codes, the numbers that they stand for)."""
    if how.bits == 32:
        floats = x_Ck.float()
        return x_Ck[:, :0], floats.view(torch.int32).long() & 0xFFFFFFFF, floats.long()
    size_Ck, negative_Ck = x_Ck.abs(), x_Ck < 0
    if how.bits == 1:
        levels_CL = _mini(size_Ck.sum(1, keepdim=True) // how.kept)
        codes_Ck = negative_Ck.long()
    elif how.bits == 2:
        levels_CL = _mini(_two_levels(size_Ck))
        low_C, high_C = _from_mini(levels_CL).unbind(1)
        codes_Ck = negative_Ck.long() * 2 + (size_Ck > ((low_C + high_C) // 2)[:, None]).long()
    else:
        most = (1 << how.bits - 1) - 1
        # a step that is cut short would leave the largest out of reach: one more in the last place of the level
        step_C1 = size_Ck.amax(1, keepdim=True) // most + 1
        levels_CL = _mini(step_C1 + (step_C1 >> 7))
        step_C1 = _from_mini(levels_CL)
        times_Ck = ((size_Ck + step_C1 // 2) // step_C1).clamp_max(most)
        codes_Ck = torch.where(negative_Ck, -times_Ck, times_Ck) + most
    return levels_CL, codes_Ck, _dequantize(levels_CL, codes_Ck, how)


def _dequantize(levels_CL: Tensor, codes_Ck: Tensor, how: Squeeze) -> Tensor:
    if how.bits == 32:
        return codes_Ck.to(torch.int32).view(torch.float32).long()
    level_CL = _from_mini(levels_CL)
    if how.bits == 1:
        return torch.where(codes_Ck == 1, -level_CL, level_CL)
    if how.bits == 2:
        size_Ck = torch.where((codes_Ck & 1) == 1, level_CL[:, 1:], level_CL[:, :1])
        return torch.where(codes_Ck >= 2, -size_Ck, size_Ck)
    return (codes_Ck - ((1 << how.bits - 1) - 1)) * level_CL


def _two_levels(size_Ck: Tensor) -> Tensor:
    """[C, 2]: the means of the smaller and of the larger magnitudes, parted where they meet."""
    kept, middle_C1 = size_Ck.shape[1], size_Ck.sum(1, keepdim=True) // size_Ck.shape[1]
    for _ in range(LLOYD_ROUNDS):
        high_Ck = size_Ck > middle_C1
        count_C1, all_C1 = high_Ck.sum(1, keepdim=True), size_Ck.sum(1, keepdim=True)
        above_C1 = (size_Ck * high_Ck).sum(1, keepdim=True)
        high_C1 = above_C1 // count_C1.clamp_min(1)
        low_C1 = (all_C1 - above_C1) // (kept - count_C1).clamp_min(1)
        middle_C1 = (low_C1 + high_C1) // 2
    return torch.cat([low_C1, high_C1], dim=1)


def _mini(numbers: Tensor) -> Tensor:
    """Whole numbers below 2^53, cut after 8 leading bits, in 16 bits."""
    exponent = (torch.frexp(numbers.double()).exponent.long() - 8).clamp_min(0)
    packed: Tensor = exponent << 8 | numbers >> exponent
    return packed


def _from_mini(minis: Tensor) -> Tensor:
    return (minis & 0xFF) << (minis >> 8)


def _bytes16(numbers: Tensor) -> Tensor:
    flat = numbers.reshape(-1)
    return torch.stack([flat & 0xFF, flat >> 8], dim=1).to(torch.uint8).view(-1)


def _ints16(data: Tensor) -> Tensor:
    pairs = data.view(-1, 2).long()
    return pairs[:, 0] | pairs[:, 1] << 8


def _pack_places(at_Ck: Tensor | None, how: Squeeze) -> Tensor:
    if at_Ck is None:
        return torch.empty(0, dtype=torch.uint8)
    if how.places == "map":
        map_CK = torch.zeros(len(at_Ck), CHUNK, dtype=torch.uint8).scatter_(1, at_Ck, 1)
        return _pack_codes(map_CK, 1)
    flat = at_Ck.reshape(-1)
    one, two = torch.nn.functional.pad(flat, (0, len(flat) % 2)).view(-1, 2).unbind(1)
    threes = torch.stack([one & 0xFF, one >> 8 | (two & 0xF) << 4, two >> 4], dim=1)
    return threes.to(torch.uint8).view(-1)[: -(-len(flat) * 3 // 2)]


def _unpack_places(data: Tensor, chunks: int, how: Squeeze) -> Tensor | None:
    if how.places == "all":
        return None
    if how.places == "map":
        map_CK = _unpack_codes(data, 1, chunks * CHUNK).view(chunks, CHUNK)
        if bool((map_CK.sum(1) != how.kept).any()):
            raise TrainingError("a member's message is damaged: its map has another number of places than was due.")
        return map_CK.nonzero()[:, 1].view(chunks, how.kept)
    threes = torch.nn.functional.pad(data, (0, -len(data) % 3)).view(-1, 3).long()
    one, two = threes[:, 0] | (threes[:, 1] & 0xF) << 8, threes[:, 1] >> 4 | threes[:, 2] << 4
    return torch.stack([one, two], dim=1).view(-1)[: chunks * how.kept].view(chunks, how.kept)


def _pack_codes(codes: Tensor, bits: int) -> Tensor:
    """Codes of `bits` bits, the first in a byte's lowest bits."""
    flat = codes.reshape(-1)
    if bits >= 8:
        return torch.stack([flat >> 8 * i & 0xFF for i in range(bits // 8)], dim=1).to(torch.uint8).view(-1)
    each = 8 // bits
    rows = torch.nn.functional.pad(flat, (0, -len(flat) % each)).view(-1, each)
    out = torch.zeros(len(rows), dtype=torch.uint8)
    for i in range(each):
        out |= (rows[:, i] << bits * i).to(torch.uint8)
    return out


def _unpack_codes(data: Tensor, bits: int, count: int) -> Tensor:
    if bits >= 8:
        rows = data.view(-1, bits // 8).long()
        return (rows << 8 * torch.arange(bits // 8)).sum(1)
    parts = [data >> bits * i & (2**bits - 1) for i in range(8 // bits)]
    return torch.stack(parts, dim=1).view(-1)[:count].long()


# -- NumPy: the same, chunk by chunk, as plainly as it can be said ----------------------------------------


def pack_reference(want_N: Ints, how: Squeeze) -> tuple[bytes, Ints]:
    """What `pack` does."""
    levels, places, codes, sent = [], [], [], np.zeros_like(want_N)
    padded = np.pad(want_N, (0, -len(want_N) % CHUNK))
    for start in range(0, len(padded), CHUNK):
        chunk = padded[start : start + CHUNK]
        at = np.sort(np.argsort(-np.abs(chunk), kind="stable")[: how.kept])
        chunk_levels, chunk_codes = _quantize_reference(chunk[at], how)
        levels += chunk_levels
        codes += chunk_codes
        places.append(at)
        whole = np.zeros_like(chunk)
        whole[at] = [_number(code, chunk_levels, how) for code in chunk_codes]
        sent[start : start + CHUNK] = whole[: len(want_N) - start]
    message = b"".join(level.to_bytes(2, "little") for level in levels)
    if how.places == "index":
        message += _bits([int(place) for at in places for place in at], 12)
    elif how.places == "map":
        message += _bits([int(bit) for at in places for bit in np.isin(np.arange(CHUNK), at)], 1)
    return message + _bits(codes, how.bits), sent


def _quantize_reference(x_k: Ints, how: Squeeze) -> tuple[list[int], list[int]]:
    sizes = [abs(int(x)) for x in x_k]
    if how.bits == 32:
        return [], [int(np.float32(x).view(np.uint32)) for x in x_k]
    if how.bits == 1:
        return [_mini_reference(sum(sizes) // len(sizes))], [int(x < 0) for x in x_k]
    if how.bits == 2:
        middle = sum(sizes) // len(sizes)
        for _ in range(LLOYD_ROUNDS):
            low, high = [s for s in sizes if s <= middle], [s for s in sizes if s > middle]
            means = sum(low) // max(1, len(low)), sum(high) // max(1, len(high))
            middle = sum(means) // 2
        levels = [_mini_reference(mean) for mean in means]
        middle = sum(_number(code, levels, how) for code in (0, 1)) // 2
        return levels, [2 * int(x < 0) + int(s > middle) for x, s in zip(x_k, sizes, strict=True)]
    most = (1 << how.bits - 1) - 1
    step = max(sizes) // most + 1
    levels = [_mini_reference(step + (step >> 7))]
    step = _number(most + 1, levels, how)
    times = [min(most, (s + step // 2) // step) for s in sizes]
    return levels, [most + (-t if x < 0 else t) for x, t in zip(x_k, times, strict=True)]


def _number(code: int, levels: list[int], how: Squeeze) -> int:
    """What a code stands for."""
    if how.bits == 32:
        return int(float(np.array(code, dtype=np.uint32).view(np.float32)))
    sizes = [(level & 0xFF) << (level >> 8) for level in levels]
    if how.bits == 1:
        return -sizes[0] if code else sizes[0]
    if how.bits == 2:
        return -sizes[code & 1] if code >= 2 else sizes[code & 1]
    return (code - ((1 << how.bits - 1) - 1)) * sizes[0]


def _mini_reference(number: int) -> int:
    exponent = max(0, number.bit_length() - 8)
    return (exponent << 8) | (number >> exponent)


def _bits(numbers: list[int], width: int) -> bytes:
    """Numbers of `width` bits one after the other, lowest bits first."""
    bits: Any = (np.array(numbers, dtype=np.uint64)[:, None] >> np.arange(width, dtype=np.uint64)) & np.uint64(1)
    return np.packbits(bits.astype(np.uint8).reshape(-1), bitorder="little").tobytes()
