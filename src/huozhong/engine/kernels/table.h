// What one instruction set offers: a table of row kernels, all single-threaded, all with results that do not depend on
// how rows are tiled.  kernels.inl implements it once; kernels_*.cpp compile it for one instruction set each.
#pragma once

#include <cstdint>

namespace huozhong {

constexpr int BLOCK = 16;      // output rows interleaved (quant.py)
constexpr int GROUP = 32;      // inputs that share one scale (quant.py)
constexpr int KEY_BLOCK = 64;  // keys per step of the online softmax, counted from position 0

enum class Format : int32_t { f32, q8, q4 };

// A stack of `count` matrices [out, in] in quant.py's layout.  The memory belongs to Python.
struct Matrix {
    Format format;
    int32_t out, in, count;
    const uint8_t* data;
    const uint16_t* scales;  // float16, or null for f32

    int32_t blocks() const { return (out + BLOCK - 1) / BLOCK; }
    int32_t groups() const { return (in + GROUP - 1) / GROUP; }
    int64_t block_bytes() const {
        if (format == Format::f32) return int64_t(in) * BLOCK * 4;
        return int64_t(groups()) * GROUP * BLOCK / (format == Format::q8 ? 1 : 2);
    }
    int64_t matrix_bytes() const { return block_bytes() * blocks(); }
    int64_t matrix_scales() const { return int64_t(blocks()) * groups() * BLOCK; }
};

// Activations as a matmul wants them: float rows for f32, else int8 with a scale and a sum per group of 32.
struct Rows {
    const float* x;
    int64_t stride;  // floats from row to row of x
    const int8_t* q;
    const float* scale;
    const int32_t* sum;
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

// One head, some prompt rows of one sequence, all keys up to each row's own position.
struct Prefill {
    const float* q;  // [rows, nope + rope]
    int64_t q_stride;
    int32_t rows, start;  // position of the first row
    const float* cache;       // rows [rank + rope]; position p's begins at cache + offset[p]
    const int64_t* offset;
    Rows latent;              // the same rows' first `rank` by position, ready for a matmul
    const Matrix *k_up, *v_up;
    int32_t head, rank, rope;
    float scale;
    float* y;  // [rows, v]
    int64_t y_stride;
    float* scratch;  // prefill_scratch() floats
};

// Some heads of one generated row, some keys: unnormalised sums, to be put together by `combine`.
struct Decode {
    const float* q;  // [heads, rank + rope], mapped into the latent space
    int32_t heads, rank, rope;
    const float* cache;
    const int64_t* offset;
    int32_t begin, end;  // keys, begin a multiple of KEY_BLOCK
    float scale;
    float* part;  // [heads] x part_stride: rank sums, maximum, weight sum
    int64_t part_stride;
    float* scratch;  // decode_scratch() floats
};

inline int64_t round16(int64_t n) { return (n + 15) / 16 * 16; }
inline int64_t prefill_scratch(int32_t rows, int32_t nope, int32_t rope, int32_t v) {
    return KEY_BLOCK * (round16(nope) + nope + rope + round16(v) + 4) + rows * (round16(v) + 2) + 64;
}
inline int64_t decode_scratch(int32_t heads, int32_t latent) { return KEY_BLOCK * (latent + heads) + 3 * heads + 64; }

struct Kernels {
    const char* name;
    void (*quantize)(const float* x, int32_t n, int8_t* q, float* scale, int32_t* sum);
    void (*matmul)(const Matmul& job, int32_t first_block, int32_t last_block);
    void (*rms_norm)(const float* x, const float* weight, float eps, int32_t n, float* y);
    void (*silu_mul)(const float* gate, const float* up, int32_t n, float* y);
    float (*largest)(const float* x, int64_t n);
    void (*add_scaled)(float* y, const float* x, float scale, int32_t n);  // y += scale * x
    void (*attend_prefill)(const Prefill& job);
    void (*attend_decode)(const Decode& job);
    // y = the weighted mean of `parts` partial sums, each [rank sums, maximum, weight sum]
    void (*combine)(const float* part, int64_t part_stride, int32_t parts, int32_t rank, float* y);
};

extern const Kernels kernels_plain;
#ifdef HUOZHONG_X86
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;
#endif

}  // namespace huozhong
