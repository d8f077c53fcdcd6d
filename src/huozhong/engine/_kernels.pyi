# What bindings.cpp offers.  Shapes, types and ranges are checked there: a mistake is a ValueError or TypeError.

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_F32 = NDArray[np.float32]
_I32 = NDArray[np.int32]
_I64 = NDArray[np.int64]
_U8 = NDArray[np.uint8]
_U32 = NDArray[np.uint32]

def available() -> list[str]: ...
def use(name: str) -> bool: ...
def used() -> str: ...

class Matrix:
    def __init__(
        self,
        format: str,
        out_features: int,
        in_features: int,
        count: int,
        data: _U8,
        scales: NDArray[np.uint16] | None,
    ) -> None: ...

class ReadError(OSError): ...

class Model:
    def __init__(
        self, config: Mapping[str, int | float | bool], embedding: Matrix, norm: _F32, head: Matrix, rope: _F32
    ) -> None: ...
    def add_streams(self, weights: Mapping[str, object], rope: _F32) -> None: ...
    def stream(self, path: str, base: _U8, bytes: int, readers: int) -> None: ...
    def open(self) -> None: ...
    def shelf_stats(self) -> dict[str, Any]: ...
    def add_layer(self, weights: Mapping[str, object]) -> None: ...
    def add_prediction(self, weights: Mapping[str, object]) -> None: ...
    def forward(
        self,
        cache: _U8,
        page_size: int,
        cache_format: str,
        tokens: _I32,
        spans: _I64,
        pages: _I32,
        logit_rows: _I32,
        hidden_rows: _I32,
        threads: int,
    ) -> tuple[_F32, _F32]: ...
    def forward_tapped(
        self,
        cache: _U8,
        page_size: int,
        cache_format: str,
        tokens: _I32,
        spans: _I64,
        pages: _I32,
        logit_rows: _I32,
        hidden_rows: _I32,
        threads: int,
        taps: _I32,
    ) -> tuple[_F32, _F32, _F32]: ...
    def draft(
        self,
        index: int,
        states: _F32,
        cache: _U8,
        page_size: int,
        cache_format: str,
        tokens: _I32,
        spans: _I64,
        pages: _I32,
        logit_rows: _I32,
        hidden_rows: _I32,
        threads: int,
    ) -> tuple[_F32, _F32]: ...
    def draft_ahead(
        self,
        index: int,
        states: _F32,
        limits: _I32,
        vocab: int,
        p_min: float,
        cache: _U8,
        page_size: int,
        cache_format: str,
        tokens: _I32,
        spans: _I64,
        pages: _I32,
        logit_rows: _I32,
        hidden_rows: _I32,
        threads: int,
    ) -> tuple[_I32, _F32]: ...

def layer_norm(x: _F32, weight: _F32, bias: _F32, eps: float) -> _F32: ...
def choose_keys(
    q: _F32,
    weights: _F32,
    keys: _F32,
    start: int,
    top: int,
    cache_format: str,
    page_size: int,
    pages: _I32,
    threads: int,
) -> _I32: ...
def linear(x: _F32, matrix: Matrix, index: int, threads: int) -> _F32: ...
def largest(x: _F32, threads: int) -> float: ...
def embed(tokens: _I32, matrix: Matrix) -> _F32: ...
def quantize_rows(x: _F32) -> tuple[NDArray[np.int8], _F32]: ...
def rms_norm(x: _F32, weight: _F32, eps: float) -> _F32: ...
def silu_mul(x: _F32, limit: float = 0.0) -> _F32: ...
def rotate(x: _F32, table: _F32, positions: _I32) -> _F32: ...
def route(
    logits: _F32,
    bias: _F32 | None,
    per_token: int,
    groups: int,
    top_groups: int,
    softmax: bool,
    best_two: bool,
    normalize: bool,
    scale: float,
    sqrt_softplus: bool = False,
    chosen: _I32 | None = None,
) -> tuple[_I32, _F32]: ...
def attend(
    q: _F32,
    k_up: Matrix,
    q_absorb: Matrix | None,
    v_up: Matrix,
    cache: _F32,
    pages: _I32,
    start: int,
    cache_format: str,
    scale: float,
    threads: int,
) -> _F32: ...
def attend_grouped(
    q: _F32,
    kv: _F32,
    start: int,
    prefill: bool,
    cache_format: str,
    page_size: int,
    pages: _I32,
    scale: float,
    threads: int,
) -> _F32: ...
def mix_streams(
    x: _F32, mix: Matrix, base: _F32, scale: _F32, rounds: int, norm_eps: float, eps: float, threads: int = 1
) -> tuple[_F32, _F32, _F32]: ...
def collapse_streams(
    x: _F32, mix: Matrix, base: _F32, scale: _F32, norm_eps: float, eps: float, threads: int = 1
) -> _F32: ...
def spread_streams(x: _F32, y: _F32, post: _F32, comb: _F32) -> _F32: ...
def head_norm(x: _F32, eps: float) -> _F32: ...
def rotate_last(x: _F32, table: _F32, positions: _I32, inverse: bool) -> _F32: ...
def compress_sparse(values: _F32, gates: _F32, rate: int) -> _F32: ...
def compress_heavy(values: _F32, gates: _F32, rate: int) -> _F32: ...
def attend_sinks(
    q: _F32, rows: _F32, sinks: _F32, scale: float, cache_format: str = "f32", threads: int = 1
) -> _F32: ...

class Gated:
    def __init__(
        self,
        vectors: _F32,
        linear: _F32,
        first: _F32 | None,
        first_bias: _F32,
        second: _F32,
        second_bias: _F32,
        last: _F32,
        last_bias: float,
        fields: int,
        gate_scores: _F32 | None,
        gate_mixing: _F32 | None,
        gate_bias: _F32 | None,
        picked: int,
    ) -> None: ...
    def scores(self, ids: _I32, threads: int) -> _F32: ...

def scan_codes(
    chunks: list[_U32], planes: _U32, step: float, keep: int, threads: int
) -> tuple[NDArray[np.int64], _F32]: ...
def encode_rows(
    rows: _F32, centre: _F32, signs: _F32, order: _I32, words: int, threads: int
) -> tuple[NDArray[np.uint16], _U32, int]: ...
def half_dots(bytes: NDArray[np.uint8], offsets: NDArray[np.int64], x: _F32, threads: int) -> _F32: ...
