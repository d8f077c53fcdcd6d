// Weights as quant.py lays them out, and activations as a matmul wants them.
#pragma once

#include <cstdint>

namespace huozhong {

constexpr int BLOCK = 16;   // output rows interleaved (quant.py)
constexpr int GROUP = 32;   // inputs that share one scale (quant.py)
constexpr int SUPER = 256;  // inputs of a K-quant's super-block

enum class Format : int32_t {
    f32, f16, bf16, q8, q4, q4_1, q5_0, q5_1, iq4_nl, mxfp4, q4_k, q5_k, q6_k, q2_k, q3_k, iq4_xs, q8_k
};
constexpr const char* FORMAT_NAMES[] = {"f32",   "f16",  "bf16", "q8",   "q4",   "q4_1", "q5_0",   "q5_1", "iq4_nl",
                                        "mxfp4", "q4_k", "q5_k", "q6_k", "q2_k", "q3_k", "iq4_xs", "q8_k"};

// The numbers of a nibble: iq4_nl's and iq4_xs's plus 128, mxfp4's plus 12.
constexpr uint8_t IQ4_TABLE[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
constexpr uint8_t MXFP4_TABLE[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};

inline bool is_float(Format f) { return f <= Format::bf16; }
inline bool is_super(Format f) { return f >= Format::q4_k; }

// Bytes of `data` for one block of 16 rows: per input (floats), per group of 32, or per super-block of 256.
inline int64_t unit_bytes(Format f) {
    switch (f) {
        case Format::f32: return 64;
        case Format::f16:
        case Format::bf16: return 32;
        case Format::q8: return 512;
        case Format::q4:
        case Format::q4_1:
        case Format::iq4_nl:
        case Format::mxfp4: return 256;
        case Format::q5_0:
        case Format::q5_1: return 320;
        case Format::q4_k: return 320 + 8 * 256;
        case Format::q5_k: return 320 + 8 * 320;
        case Format::q6_k: return 320 + 8 * 384;
        case Format::q2_k: return 320 + 8 * 128;
        case Format::q3_k: return 320 + 8 * 192;
        case Format::iq4_xs: return 192 + 8 * 256;
        case Format::q8_k: return 320 + 8 * 512;
    }
    return 0;
}

// float16 (mxfp4: bfloat16) numbers of `scales` per group of a block: the scale, and the minimum of q4_1 and q5_1.
inline int32_t unit_scales(Format f) {
    if (f == Format::q4_1 || f == Format::q5_1) return 2 * BLOCK;
    return is_float(f) || is_super(f) ? 0 : BLOCK;
}

// A stack of `count` matrices [out, in] in quant.py's layout.  The memory belongs to Python.
struct Matrix {
    Format format;
    int32_t out, in, count;
    const uint8_t* data;
    const uint16_t* scales;  // float16 or bfloat16, or null

    int32_t blocks() const { return (out + BLOCK - 1) / BLOCK; }
    int32_t groups() const { return (in + GROUP - 1) / GROUP; }
    int32_t units() const { return is_float(format) ? in : is_super(format) ? in / SUPER : groups(); }
    int64_t block_bytes() const { return units() * unit_bytes(format); }
    int64_t block_scales() const { return int64_t(groups()) * unit_scales(format); }
    int64_t matrix_bytes() const { return block_bytes() * blocks(); }
    int64_t matrix_scales() const { return block_scales() * blocks(); }
};

// Activations: float rows, and int8 with a scale and sums per group of 32 (what a matmul's format does not want may be
// null).
struct Rows {
    const float* x;
    int64_t stride;  // floats from row to row of x
    const int8_t* q;
    const float* scale;
    const int32_t* sum;   // of a group
    const int32_t* half;  // of its first 16
};

// y[t] (+)= W[index] x[row(t)], row(t) = rows ? rows[t] : first + t * step
struct Matmul {
    const Matrix* matrix;
    int32_t index;
    Rows x;
    const int32_t* rows;
    int32_t first, step, tokens;
    float* y;
    int64_t y_stride;
    bool add;
};

}  // namespace huozhong
