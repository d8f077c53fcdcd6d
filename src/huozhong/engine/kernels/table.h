// What one instruction set offers: a table of row kernels, all single-threaded, all with results that do not depend on
// how rows are tiled.  kernels.inl implements it once; kernels_*.cpp compile it for one instruction set each.
#pragma once

#include <cstdint>

#include "matrix.h"

namespace huozhong {

constexpr int KEY_BLOCK = 64;  // keys per step of the online softmax, counted from position 0
constexpr int KEY_TILE = 16;   // keys that lie interleaved in the cache of grouped attention

// q8: int8 numbers, and behind them a float16 scale for each group of 32 (cache_rows.py).
enum class CacheFormat : int32_t { f32, f16, q8 };
inline int64_t even(int64_t n) { return n + n % 2; }
// What n numbers take that lie side by side.
inline int64_t cached_bytes(CacheFormat f, int64_t n) {
    return f == CacheFormat::f32 ? 4 * n : f == CacheFormat::f16 ? 2 * n : even(n) + 2 * ((n + GROUP - 1) / GROUP);
}

// What an indexer's key of n numbers takes (n a multiple of 32).
inline int64_t index_bytes(CacheFormat f, int64_t n) { return f == CacheFormat::f32 ? 4 * n : n + n / GROUP * 2; }

// One head, some prompt rows of one sequence, all keys up to each row's own position.
struct LatentPrefill {
    const float* q;  // [rows, nope + rope]
    int64_t q_stride;
    int32_t rows, start;  // position of the first row
    const uint8_t* cache;     // rows [rank], [rope]; position p's begins at cache + offset[p]
    CacheFormat format;
    const int64_t* offset;
    Rows latent;              // the same rows' first `rank` by position, ready for a matmul
    const Matrix *k_up, *v_up;
    int32_t head, rank, rope;
    float scale;
    float* y;  // [rows, v]
    int64_t y_stride;
    float* scratch;  // prefill_scratch() floats
};

// Some heads of some generated rows of one sequence, some keys: unnormalised sums, to be put together by `combine`.
// Row r is at position + r and sees the keys up to there.
struct LatentDecode {
    const float* q;  // row r, head h: q + r * q_stride + h * (rank + rope); mapped into the latent space
    int64_t q_stride;
    int32_t rows, position, heads, rank, rope;
    const uint8_t* cache;
    CacheFormat format;
    const int64_t* offset;
    int32_t begin, end;  // keys, begin a multiple of KEY_BLOCK
    float scale;
    float* part;  // row r, head h: part + r * row_stride + h * part_stride: rank sums, maximum, weight sum
    int64_t row_stride, part_stride;
    float* scratch;  // decode_scratch() floats
};

// One group of grouped attention: `heads` query heads of some rows, and the keys and values that they share.  Keys lie in
// tiles of 16, transposed: [dim, 16]; the 16 values' rows [16, dim] lie value_offset bytes behind them.  Behind a tile in
// q8 lie its scales, [groups of 32, 16].
struct GroupedAttention {
    const float* q;  // row r, head h: q + r * q_stride + h * dim
    int64_t q_stride;
    int32_t rows, start, heads, dim;
    const uint8_t* cache;  // this group's; the tile of positions 16 i ... begins at cache + tile[i]
    CacheFormat format;
    const int64_t* tile;
    int64_t value_offset;
    float scale;
    float* y;  // prefill: row r, head h: y + r * y_stride + h * dim
    int64_t y_stride;
    int32_t begin, end;  // decode: these keys, begin a multiple of KEY_BLOCK
    float* part;         // decode: row r, head h: part + r * row_stride + h * part_stride: dim sums, maximum, weight sum
    int64_t row_stride, part_stride;
    float* scratch;  // grouped_scratch() or grouped_decode_scratch() floats
};

constexpr int MAX_STREAMS = 8;  // of a hyper-connected model
constexpr int MAX_QUERIES = 8;  // at least every set's PASS_QUERIES: the room for scores

inline int64_t round16(int64_t n) { return (n + 15) / 16 * 16; }
// Pairs of bfloat16 (attention.inl) take the room of a float each: half as many as there are numbers.
inline int64_t prefill_scratch(int32_t rows, int32_t nope, int32_t rope, int32_t v) {
    const int64_t qk = nope + rope;
    return KEY_BLOCK * (round16(nope) + rope + qk + round16(v) + MAX_QUERIES) + rows * (round16(v) + 2) +
           KEY_BLOCK * (qk / 2 + 1) + KEY_BLOCK / 2 * v + rows * (qk / 2 + 1);
}
inline int64_t decode_scratch(int32_t latent) { return KEY_BLOCK * (latent + MAX_QUERIES); }
inline int64_t grouped_scratch(int32_t rows, int32_t heads, int32_t dim) {
    return KEY_BLOCK * (2 * int64_t(dim) + MAX_QUERIES) + int64_t(rows) * heads * (dim + 2) +
           KEY_BLOCK * (dim / 2 + 1) + KEY_BLOCK / 2 * dim + int64_t(rows) * heads * (dim / 2 + 1);
}
inline int64_t grouped_decode_scratch(int32_t dim) { return KEY_BLOCK * (MAX_QUERIES + (dim + GROUP - 1) / GROUP); }

// A network over rows of numbered values, one a field, whose gate picks the fields that a row reads.
constexpr int GATED_LANES = 32;  // hidden widths are multiples of it
constexpr int GATED_ROWS = 128;  // rows that go through the network together: one matrix serves all of them

struct GatedNetwork {
    const float* vectors;     // [values, width]; folded: [values, hidden], and `first` is null
    const float* linear;      // [values]
    const float* first;       // [fields, width, hidden]
    const float* first_bias;  // [hidden]
    const float* second;      // [hidden, second_hidden]
    const float *second_bias, *last;  // [second_hidden]
    float last_bias;
    const float* gate_scores;  // [values]; null: every field is read
    const float* gate_mixing;  // [fields, fields]: what a field's score adds to the others'
    const float* gate_bias;    // [fields]
    int32_t fields, width, hidden, second_hidden, picked;
};
inline int64_t gated_scratch(const GatedNetwork& n, int32_t rows) {
    return int64_t(rows) * (n.hidden + n.second_hidden) + 2 * int64_t(n.fields) + (int64_t(rows) * n.fields + 3) / 4;
}

// Vectors as bits (reference_scan.py is the twin).  16 lie interleaved, one a lane: a block is [words][16] words of 32
// bits, and behind them 16 scales and 16 offsets as float16.  A bit is set where the rotated coordinate is negative.
constexpr int SCAN_LANES = 16;
constexpr int PLANES = 5;  // bits of each coordinate of what is searched for

struct CodeScan {
    const uint32_t* codes;   // [blocks][words + 1][16]
    int32_t words;
    const uint32_t* planes;  // [words][PLANES], the lowest bit first; set where the number's bit is not
    float step;              // what the lowest bit stands for
};

// Rows as unit vectors in float16, and as codes.
struct Encoder {
    int32_t dim, width;      // width: dim filled up to a multiple of 32
    int32_t words;           // of the rotated coordinates, 32 * words are kept
    const float* centre;     // [dim]
    const float* signs;      // [ROTATIONS][width]: 1 or -1
    const int32_t* order;    // [ROTATIONS][width]
};
constexpr int ROTATIONS = 3;
inline int64_t encode_scratch(int32_t width) { return 3 * int64_t(width) * SCAN_LANES; }

struct Kernels {
    const char* name;
    bool bf16;  // prompts' attention rounds its factors to bfloat16, unless the cache holds float32
    // sum, half: of every group of 32, and of its first 16
    void (*quantize)(const float* x, int32_t n, int8_t* q, float* scale, int32_t* sum, int32_t* half);
    void (*matmul)(const Matmul& job, int32_t first_block, int32_t last_block);
    void (*rms_norm)(const float* x, const float* weight, float eps, int32_t n, float* y);  // weight null: of ones
    void (*layer_norm)(const float* x, const float* weight, const float* bias, float eps, int32_t n, float* y);
    // silu(gate) * up; gate is cut off above limit, up above limit and below -limit
    void (*silu_mul)(const float* gate, const float* up, int32_t n, float limit, float* y);
    float (*largest)(const float* x, int64_t n);
    void (*add_scaled)(float* y, const float* x, float scale, int32_t n);  // y += scale * x
    void (*attend_prefill)(const LatentPrefill& job);
    void (*attend_decode)(const LatentDecode& job);
    void (*grouped_prefill)(const GroupedAttention& job);
    void (*grouped_decode)(const GroupedAttention& job);
    // y = the weighted mean of `parts` partial sums, each [rank sums, maximum, weight sum], and of nothing with the score
    // `sink` (-infinity: none)
    void (*combine)(const float* part, int64_t part_stride, int32_t parts, int32_t rank, float sink, float* y);
    // scores [keys] = sum over h of weights[h] * max(dots[h * stride ...], 0): what an indexer thinks of some keys
    void (*index_scores)(const float* dots, int64_t stride, const float* weights, int32_t heads, int32_t keys,
                         float* scores);
    // n numbers of the cache from and to floats
    void (*load_row)(CacheFormat format, const uint8_t* from, int32_t n, float* x);
    void (*store_row)(CacheFormat format, const float* x, int32_t n, uint8_t* to);
    // at most GATED_ROWS rows; scratch: gated_scratch() floats
    void (*gated_rows)(const GatedNetwork& network, const int32_t* ids, int32_t rows, float* score, float* scratch);
    // score [blocks * 16]: what is estimated of each vector.  Returns how many blocks, whose numbers counted from
    // `first` are in `reaching`, hold one that reaches `floor`.
    int32_t (*scan)(const CodeScan& job, int32_t first, int32_t last, float floor, float* score, int32_t* reaching);
    // Up to 16 rows: units [count][width] and one block of codes.  False if a row has no length or is not finite.
    bool (*encode)(const Encoder& job, const float* rows, int32_t count, uint16_t* units, uint32_t* block, float* scratch);
    float (*half_dot)(const uint16_t* row, const float* x, int32_t n);  // n: a multiple of 16
    // Streams x [streams, n], at most MAX_STREAMS: y = sum over s of weights[s] * x[s]
    void (*collapse_streams)(const float* x, const float* weights, int32_t streams, int32_t n, float* y);
    // x[k] = post[k] * y + sum over j of comb[j * streams + k] * x[j], in place
    void (*spread_streams)(float* x, const float* y, const float* post, const float* comb, int32_t streams, int32_t n);
    // y = each number's mean over `rows` rows of values, weighted by the softmax of its gates
    void (*gated_mean)(const float* const* values, const float* const* gates, int32_t rows, int32_t n, float* y);
    // The same one row after the other: of each number its largest gate, the sum of weights and of weighted values so far,
    // each [n], `stride` apart.  before null: this row is the first.
    void (*gated_step)(const float* before, const float* value, const float* gate, const float* bias, int64_t stride,
                       int32_t n, float* after);
};

extern const Kernels kernels_plain;
#ifdef HUOZHONG_X86
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx2vnni;  // only where HUOZHONG_AVXVNNI: not every compiler knows these instructions
extern const Kernels kernels_avx512;
extern const Kernels kernels_avx512bf16;  // only where HUOZHONG_BF16: not every compiler knows these instructions
#endif
#ifdef HUOZHONG_ARM
extern const Kernels kernels_neon;
extern const Kernels kernels_neondot;
#endif

using Scan = decltype(Kernels::scan);
#ifdef HUOZHONG_VPOPCNT
int32_t scan_avx512popcnt(const CodeScan& job, int32_t first, int32_t last, float floor, float* score, int32_t* reaching);
#endif
// A set's scan, or a faster one with the same results that this processor has beside the set.
Scan scan_of(const Kernels& k);

// Those that this processor can run, fastest first; null behind the last.
const Kernels* const* available_kernels();

}  // namespace huozhong
