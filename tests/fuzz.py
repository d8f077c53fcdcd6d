"""Damage for model files: seeded mutations of bytes and of JSON, and the promise that every reader must keep."""

from __future__ import annotations

import copy
import json
import random
import struct
import time
from collections.abc import Callable
from typing import Any

from huozhong.errors import HuozhongError

SECONDS = 5.0  # of a processor, for one damaged file of a few kilobytes; healthy ones take milliseconds
_SIZES = (
    0, 1, 2, 3, 7, 8, 9, 31, 32, 33, 255, 256, 65535, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32,
    1 << 40, (1 << 53) + 1, (1 << 62), (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 32,
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 7, 64, 255, 4097, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63, 2**64, -(2**63),
    10**400, 0.0, 0.5, -1.5, 1e-300, 1e308, float("inf"), float("nan"), "", "x", "\ud800", "\0", "a" * 5000, "F32",
    "BF16", "I64", "../x", [], [0], [[]], {}, {"type": "x"}, [None], ["a", "b"], [0, 10**12],
)  # fmt: skip


def damaged_bytes(random: random.Random, content: bytes, other: bytes) -> bytes:
    """`content` after one to three of: flipped bytes, a cut, a lying size, a splice of itself or of `other`."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if not data:
            break
        # Headers hold what can lie, so half of the damage lies in the first part of a file.
        at = random.randrange(len(data) if random.random() < 0.5 else max(1, len(data) // 8))
        kind = random.randrange(6)
        if kind == 0:
            for _ in range(random.choice((1, 1, 2, 8))):
                data[min(at + random.randrange(16), len(data) - 1)] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[at] = random.randrange(256)
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            form, size = random.choice((("<Q", 64), ("<I", 32)))
            data[at : at + size // 8] = struct.pack(form, random.choice(_SIZES) % (1 << size))
        elif kind == 4:
            source = random.choice((bytes(data), other))
            start = random.randrange(len(source))
            data[at : at + random.choice((0, 0, 8, 64))] = source[start : start + random.choice((1, 8, 64, 512))]
        else:
            del data[at : at + random.choice((1, 4, 8, 24))]
    return bytes(data)


def damaged_json(random: random.Random, content: bytes) -> bytes:
    """Valid JSON of another meaning: one to three values replaced, removed, or moved somewhere else."""
    value = json.loads(content)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        spots: list[tuple[Any, Any]] = []
        _collect(random, value, spots)
        if not spots:
            break
        box, key = random.choice(spots)
        kind = random.randrange(5)
        if kind <= 2:
            box[key] = copy.deepcopy(random.choice(_VALUES))
        elif kind == 3:
            del box[key]
        else:
            there, other = random.choice(spots)
            box[key] = json.loads(json.dumps(there[other]))
    if random.random() < 0.01:
        return b'{"a":' * 100_000
    return json.dumps(value, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def _collect(random: random.Random, value: Any, spots: list[tuple[Any, Any]]) -> None:
    """Places of a document; of a long list or object only a few, so that a vocabulary does not drown the rest."""
    keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    for key in keys if len(keys) <= 40 else random.sample(keys, 10):
        spots.append((value, key))
        if isinstance(value[key], dict | list):
            _collect(random, value[key], spots)


def keeps_its_promise(read: Callable[[], object], what: str) -> bool:
    """Whether `read` succeeds.  It may fail with a HuozhongError of one line; anything else is a test failure."""
    began = time.process_time()
    try:
        read()
        opened = True
    except HuozhongError as error:
        message = str(error)
        assert message, what
        assert len(message) < 30_000, f"{what}: a message of {len(message)} characters"
        opened = False
    except BaseException as error:  # the tokenizers library panics with a BaseException
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
    took = time.process_time() - began
    assert took < SECONDS, f"{what}: took {took:.1f} s"
    return opened
