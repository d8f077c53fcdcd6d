#include "table.h"
#define HUOZHONG_BF16_PAIRS  // vec_avx512.h: pairs of bfloat16
#include "vec_avx512.h"

#include "kernels.inl"

namespace huozhong {
const Kernels kernels_avx512bf16 = {"avx512bf16", true, quantize, matmul, rms_norm, layer_norm, silu_mul, largest,
    add_scaled, attend_prefill, attend_decode, grouped_prefill, grouped_decode, combine, index_scores, load_row,
    store_row, gated_rows, scan, encode, half_dot, collapse_streams, spread_streams,
    gated_mean, gated_step};
}
