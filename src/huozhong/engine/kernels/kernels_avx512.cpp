#include "table.h"
#include "vec_avx512.h"

#include "kernels.inl"

namespace huozhong {
const Kernels kernels_avx512 = {"avx512", false, quantize, matmul, rms_norm, silu_mul, largest, add_scaled,
    attend_prefill, attend_decode, grouped_prefill, grouped_decode, combine, load_row, store_row,
    scan, encode, half_dot};
}
