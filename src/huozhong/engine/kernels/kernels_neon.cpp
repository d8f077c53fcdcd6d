#include "table.h"
#include "vec_neon.h"

#include "kernels.inl"

namespace huozhong {
const Kernels kernels_neon = {"neon", false, quantize, matmul, rms_norm, layer_norm, silu_mul, largest,
    add_scaled, attend_prefill, attend_decode, grouped_prefill, grouped_decode, combine, index_scores, load_row,
    store_row, gated_rows, scan, encode, half_dot, collapse_streams, spread_streams,
    gated_mean, gated_step};
}
