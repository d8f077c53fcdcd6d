// The row kernels, written once over the vectors of a vec_*.h.  Everything is in an anonymous namespace, and no
// library template is used: code compiled for one instruction set must not be linked into another's.
//
// Every output is a fixed sequence of float operations, whatever the vector width or the tile it falls in: lanes run
// over outputs, and where a sum must run over lanes it keeps 16 of them and adds those in one order.

#include "half.h"

namespace {
using namespace huozhong;

constexpr float INFINITE = __builtin_huge_valf();

// -- sums over lanes, exp -----------------------------------------------------------------------------------------

struct Sixteen { Vec part[16 / W]; };

inline Sixteen sixteen(float x) {
    Sixteen out;
    for (Vec& part : out.part) part = set1(x);
    return out;
}

inline int lanes_left(int n) { return n >= W ? W : n > 0 ? n : 0; }

// The lanes are added, or compared, as a tree: i with i + 8, then i + 4, 2, 1.
inline float reduce_add(const Sixteen& a) { return add_across(a.part); }
inline float reduce_max(const Sixteen& a) { return max_across(a.part); }

// e^x to about 2 units in the last place (Cephes' expf); 0 below -87, which covers -infinity; e^0 is exactly 1.
inline Vec exp(Vec x) {
    const Vec low = set1(-87.0f);
    const Vec c = min(set1(88.0f), max(low, x));
    const Vec n = round(mul(c, set1(1.44269504088896341f)));
    const Vec r = fma(n, set1(2.12194440e-4f), fma(n, set1(-0.693359375f), c));
    Vec p = set1(1.9875691500e-4f);
    p = fma(p, r, set1(1.3981999507e-3f));
    p = fma(p, r, set1(8.3334519073e-3f));
    p = fma(p, r, set1(4.1665795894e-2f));
    p = fma(p, r, set1(1.6666665459e-1f));
    p = fma(p, r, set1(5.0000001201e-1f));
    p = add(fma(p, mul(r, r), r), set1(1.0f));
    return zero_where_less(mul(p, power_of_two(n)), x, low);
}
inline float exp1(float x) {
    float out[W];
    store(out, exp(set1(x)));
    return out[0];
}

// -- rows ---------------------------------------------------------------------------------------------------------

void quantize(const float* x, int32_t n, int8_t* q, float* scale, int32_t* sum, int32_t* half) {
    for (int32_t g = 0; g * GROUP < n; ++g, x += GROUP, q += GROUP) {
        Vec v[GROUP / W];
        Sixteen largest = sixteen(0);
        for (int i = 0; i < GROUP / W; ++i) {
            const int left = lanes_left(n - g * GROUP - i * W);
            v[i] = left == W ? load(x + i * W) : load_n(x + i * W, left);
            Vec& part = largest.part[i % (16 / W)];
            part = max(part, abs(v[i]));
        }
        const float top = reduce_max(largest), inverse = top > 0 ? 127.0f / top : 0.0f;
        Int totals[2] = {set1(int32_t(0)), set1(int32_t(0))};
        for (int i = 0; i < GROUP / W; ++i) {
            const Vec scaled = mul(v[i], set1(inverse));  // NaN becomes -127, in the next line: sums cannot overflow
            const Int whole = to_int(min(max(scaled, set1(-127.0f)), set1(127.0f)));
            store_bytes(q + i * W, whole);
            Int& total = totals[i * W / 16];
            total = add(total, whole);
        }
        scale[g] = top / 127.0f;
        half[g] = sum_across(totals[0]);
        sum[g] = half[g] + sum_across(totals[1]);
    }
}

void rms_norm(const float* x, const float* weight, float eps, int32_t n, float* y) {
    Sixteen squares = sixteen(0);
    for (int32_t i = 0; i < n; i += W) {
        const Vec v = n - i >= W ? load(x + i) : load_n(x + i, n - i);
        Vec& part = squares.part[i / W % (16 / W)];
        part = fma(v, v, part);
    }
    const Vec factor = set1(1.0f / __builtin_sqrtf(reduce_add(squares) / float(n) + eps));
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        store_n(y + i, mul(mul(load_n(x + i, left), factor), load_n(weight + i, left)), left);
    }
}

void silu_mul(const float* gate, const float* up, int32_t n, float* y) {
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        const Vec g = load_n(gate + i, left), u = load_n(up + i, left);
        store_n(y + i, mul(div(g, add(set1(1.0f), exp(sub(set1(0.0f), g)))), u), left);
    }
}

float largest(const float* x, int64_t n) {
    Vec top[8];
    for (Vec& part : top) part = set1(-INFINITE);
    int64_t i = 0;
    for (; i + 8 * W <= n; i += 8 * W)
        for (int j = 0; j < 8; ++j) top[j] = max(load(x + i + j * W), top[j]);
    float out = -INFINITE;
    for (const Vec& part : top) {
        float lanes[W];
        store(lanes, part);
        for (float lane : lanes) out = lane > out ? lane : out;
    }
    for (; i < n; ++i) out = x[i] > out ? x[i] : out;
    return out;
}

void add_scaled(float* y, const float* x, float scale, int32_t n) {
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        store_n(y + i, fma(set1(scale), load_n(x + i, left), load_n(y + i, left)), left);
    }
}

// -- matrices -----------------------------------------------------------------------------------------------------

inline int32_t row_of(const Matmul& job, int32_t t) { return job.rows ? job.rows[t] : job.first + t * job.step; }

inline void put(const Matmul& job, int32_t t, int32_t o, Vec y) {
    const int left = lanes_left(job.matrix->out - o);
    float* out = job.y + t * job.y_stride + o;
    if (job.add) y = add(load_n(out, left), y);
    store_n(out, y, left);
}

// What a format is to tile_integer: `open` finds a group's weights and scale, `dot` adds the group's products.
//   offset: what dot leaves in the sum per unit of x (quant.py stores bytes unsigned)
//   halves: 16 inputs share a scale, not 32, and the second half has sums of its own
//   minimum: weights are scale * q + least
struct Plain {  // a scale per group of 32
    static constexpr bool halves = false, minimum = false;
    const uint8_t* w;
    const uint16_t* s;
    Vec scale, second, least;
    Plain(const Matrix&, const uint8_t* data, const uint16_t* scales, int lane) : w(data + 4 * lane), s(scales + lane) {}
    void take(int32_t g) { scale = load_half(s + g * BLOCK); }
};

struct Q8 : Plain {
    static constexpr int offset = Q8_OFFSET, bytes = GROUP * BLOCK;
    using Plain::Plain;
    void open(int32_t g) { take(g); }
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        for (int quad = 0; quad < 8; ++quad) {
            const Bytes b = load_bytes(w + quad * 4 * BLOCK);
            for (int t = 0; t < N; ++t) acc[t] = dot_q8(acc[t], b, x[t] + 4 * quad);
        }
        w += bytes;
    }
};

// Four quads of bytes hold eight of nibbles: 0..3 low, 4..7 high.
template <int N> inline void dot_nibbles(const uint8_t* w, Int* acc, const int8_t* const* x) {
    for (int quad = 0; quad < 4; ++quad) {
        Bytes b = load_bytes(w + quad * 4 * BLOCK);
        keep(b);
        const Bytes low = low_nibbles(b), high = high_nibbles(b);
        for (int t = 0; t < N; ++t) {
            acc[t] = dot_q4(acc[t], low, x[t] + 4 * quad);
            acc[t] = dot_q4(acc[t], high, x[t] + 4 * quad + 16);
        }
    }
}

// The fifth bits: bit q of a byte belongs to quad q.
template <int N, int QUAD = 0> inline void dot_five(const uint8_t* w, Bytes fifth, Int* acc, const int8_t* const* x) {
    Bytes b = load_bytes(w + QUAD * 4 * BLOCK);
    keep(b);
    const Bytes low = or_shifted<4 - QUAD>(low_nibbles(b), fifth, 16);
    const Bytes high = or_shifted<-QUAD>(high_nibbles(b), fifth, 16);
    for (int t = 0; t < N; ++t) {
        acc[t] = dot_q4(acc[t], low, x[t] + 4 * QUAD);
        acc[t] = dot_q4(acc[t], high, x[t] + 4 * QUAD + 16);
    }
    if constexpr (QUAD < 3) dot_five<N, QUAD + 1>(w, fifth, acc, x);
}

// The upper two of six bits: bits 2 q, 2 q + 1 of a byte belong to quad q of its half.
template <int N, int QUAD = 0>
inline void dot_six(const uint8_t* w, Bytes first, Bytes second, Int* low_acc, Int* high_acc, const int8_t* const* x) {
    Bytes b = load_bytes(w + QUAD * 4 * BLOCK);
    keep(b);
    const Bytes low = or_shifted<4 - 2 * QUAD>(low_nibbles(b), first, 48);
    const Bytes high = or_shifted<4 - 2 * QUAD>(high_nibbles(b), second, 48);
    for (int t = 0; t < N; ++t) {
        low_acc[t] = dot_q4(low_acc[t], low, x[t] + 4 * QUAD);
        high_acc[t] = dot_q4(high_acc[t], high, x[t] + 4 * QUAD + 16);
    }
    if constexpr (QUAD < 3) dot_six<N, QUAD + 1>(w, first, second, low_acc, high_acc, x);
}

struct Q4 : Plain {
    static constexpr int offset = 8, bytes = GROUP * BLOCK / 2;
    using Plain::Plain;
    void open(int32_t g) { take(g); }
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_nibbles<N>(w, acc, x);
        w += bytes;
    }
};

struct Q4_1 : Q4 {
    static constexpr int offset = 0;
    static constexpr bool minimum = true;
    using Q4::Q4;
    void open(int32_t g) {
        scale = load_half(s + 2 * g * BLOCK);
        least = load_half(s + (2 * g + 1) * BLOCK);
    }
};

struct Q5_0 : Plain {
    static constexpr int offset = 16, bytes = 320;
    using Plain::Plain;
    void open(int32_t g) { take(g); }
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_five<N>(w, load_bytes(w + 256), acc, x);
        w += bytes;
    }
};

// A record of 256 inputs: float16 d [16] and dmin [16]; bytes scale [8, 16], minimum [8, 16]; 8 groups.
template <int BYTES> struct Super {
    static constexpr int offset = 0, bytes = BYTES;
    static constexpr bool halves = false, minimum = true;
    const uint8_t *w, *head = nullptr;
    int lane;
    Vec d, dmin, scale, second, least;
    Super(const Matrix&, const uint8_t* data, const uint16_t*, int lane) : w(data), lane(lane) {}
    void open(int32_t g) {
        const int part = g % 8;
        if (part == 0) {
            head = w;
            d = load_half(reinterpret_cast<const uint16_t*>(head) + lane);
            dmin = sub(set1(0.0f), load_half(reinterpret_cast<const uint16_t*>(head) + BLOCK + lane));
            w += 320;
        }
        scale = mul(d, load_u8(head + 64 + part * BLOCK + lane));
        least = mul(dmin, load_u8(head + 192 + part * BLOCK + lane));
    }
};

struct Q4K : Super<256> {
    using Super::Super;
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_nibbles<N>(w + 4 * lane, acc, x);
        w += bytes;
    }
};

struct Q5K : Super<320> {
    using Super::Super;
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_five<N>(w + 4 * lane, load_bytes(w + 256 + 4 * lane), acc, x);
        w += bytes;
    }
};

// A record of 256 inputs: float16 d [16], 32 bytes of nothing; int8 scale [16, 16]; 8 groups.
struct Q6K {
    static constexpr int offset = 32, bytes = 384;
    static constexpr bool halves = true, minimum = false;
    const uint8_t *w, *head = nullptr;
    int lane;
    Vec d, scale, second, least;
    Q6K(const Matrix&, const uint8_t* data, const uint16_t*, int lane) : w(data), lane(lane) {}
    void open(int32_t g) {
        const int part = g % 8;
        if (part == 0) {
            head = w;
            d = load_half(reinterpret_cast<const uint16_t*>(head) + lane);
            w += 320;
        }
        scale = mul(d, load_i8(reinterpret_cast<const int8_t*>(head) + 64 + 2 * part * BLOCK + lane));
        second = mul(d, load_i8(reinterpret_cast<const int8_t*>(head) + 64 + (2 * part + 1) * BLOCK + lane));
    }
    template <int N> void dot(Int* low, Int* high, const int8_t* const* x) {
        dot_six<N>(w + 4 * lane, load_bytes(w + 256 + 4 * lane), load_bytes(w + 320 + 4 * lane), low, high, x);
        w += bytes;
    }
};

// N tokens through one block of 16 rows.  Per group: an exact integer sum, then one fused multiply-add (two, where 16
// inputs share a scale or where there is a minimum).
template <class Q, int N> void tile_integer(const Matmul& job, int32_t block, int32_t t0) {
    const Matrix& m = *job.matrix;
    const int32_t groups = m.groups();
    const uint8_t* data = m.data + job.index * m.matrix_bytes() + block * m.block_bytes();
    const uint16_t* scales = m.scales + job.index * m.matrix_scales() + block * m.block_scales();
    for (int lane = 0; lane < BLOCK; lane += W) {
        const int8_t* x[N];
        const float* x_scale[N];
        const int32_t* x_sum[N];
        const int32_t* x_half[N];
        Vec y[N];
        for (int t = 0; t < N; ++t) {
            const int64_t row = row_of(job, t0 + t);
            x[t] = job.x.q + row * groups * GROUP;
            x_scale[t] = job.x.scale + row * groups;
            x_sum[t] = job.x.sum + row * groups;
            x_half[t] = job.x.half + row * groups;
            y[t] = set1(0.0f);
        }
        Q q(m, data, scales, lane);
        for (int32_t g = 0; g < groups; ++g) {
            q.open(g);
            // One token is as fast as memory: with few bits the hardware's own prefetching falls behind.
            if constexpr (N == 1 && Q::bytes < 512)
                for (int line = 0; line < Q::bytes; line += 64) prefetch(q.w + 4096 + line);
            Int acc[N], high[N];
            for (int t = 0; t < N; ++t) {
                if constexpr (Q::halves) {
                    acc[t] = set1(-Q::offset * x_half[t][g]);
                    high[t] = set1(-Q::offset * (x_sum[t][g] - x_half[t][g]));
                } else {
                    acc[t] = set1(-Q::offset * x_sum[t][g]);
                }
            }
            q.template dot<N>(acc, high, x);
            for (int t = 0; t < N; ++t) {
                const Vec xs = set1(x_scale[t][g]);
                y[t] = fma(to_float(acc[t]), mul(q.scale, xs), y[t]);
                if constexpr (Q::halves) y[t] = fma(to_float(high[t]), mul(q.second, xs), y[t]);
                if constexpr (Q::minimum) y[t] = fma(q.least, set1(x_scale[t][g] * float(x_sum[t][g])), y[t]);
                x[t] += GROUP;
            }
        }
        for (int t = 0; t < N; ++t) put(job, t0 + t, block * BLOCK + lane, y[t]);
    }
}

struct F32 {
    using Number = float;
    static Vec load_row(const float* p) { return load(p); }
};
struct F16 {
    using Number = uint16_t;
    static Vec load_row(const uint16_t* p) { return load_half(p); }
};
struct BF16 {
    using Number = uint16_t;
    static Vec load_row(const uint16_t* p) { return load_bfloat(p); }
};

// Inputs i, i + 4, ... go to sum i % 4; the four are added as (0 + 1) + (2 + 3).
template <class F, int N> void tile_float(const Matmul& job, int32_t block, int32_t t0) {
    const Matrix& m = *job.matrix;
    const auto* data = reinterpret_cast<const typename F::Number*>(m.data + job.index * m.matrix_bytes() +
                                                                   block * m.block_bytes());
    for (int lane = 0; lane < BLOCK; lane += W) {
        const float* x[N];
        Vec y[N][4];
        for (int t = 0; t < N; ++t) {
            x[t] = job.x.x + row_of(job, t0 + t) * job.x.stride;
            for (Vec& sum : y[t]) sum = set1(0.0f);
        }
        int32_t i = 0;
        for (; i + 4 <= m.in; i += 4)
            for (int j = 0; j < 4; ++j) {
                const Vec w = F::load_row(data + int64_t(i + j) * BLOCK + lane);
                for (int t = 0; t < N; ++t) y[t][j] = fma(w, set1(x[t][i + j]), y[t][j]);
            }
        for (int j = 0; i + j < m.in; ++j) {
            const Vec w = F::load_row(data + int64_t(i + j) * BLOCK + lane);
            for (int t = 0; t < N; ++t) y[t][j] = fma(w, set1(x[t][i + j]), y[t][j]);
        }
        for (int t = 0; t < N; ++t)
            put(job, t0 + t, block * BLOCK + lane, add(add(y[t][0], y[t][1]), add(y[t][2], y[t][3])));
    }
}

template <class Q, int N> inline void rest_integer(const Matmul& job, int32_t block, int32_t t0) {
    if constexpr (N > 0) {
        if (job.tokens - t0 == N) tile_integer<Q, N>(job, block, t0);
        else rest_integer<Q, N - 1>(job, block, t0);
    }
}

template <class Q> void blocks_integer(const Matmul& job, int32_t first, int32_t last) {
    for (int32_t block = first; block < last; ++block) {
        int32_t t = 0;
        for (; t + TILE <= job.tokens; t += TILE) tile_integer<Q, TILE>(job, block, t);
        rest_integer<Q, TILE - 1>(job, block, t);
    }
}

template <class F> void blocks_float(const Matmul& job, int32_t first, int32_t last) {
    for (int32_t block = first; block < last; ++block) {
        int32_t t = 0;
        for (; t + TILE_F32 <= job.tokens; t += TILE_F32) tile_float<F, TILE_F32>(job, block, t);
        for (; t < job.tokens; ++t) tile_float<F, 1>(job, block, t);
    }
}

void matmul(const Matmul& job, int32_t first, int32_t last) {
    switch (job.matrix->format) {
        case Format::f32: return blocks_float<F32>(job, first, last);
        case Format::f16: return blocks_float<F16>(job, first, last);
        case Format::bf16: return blocks_float<BF16>(job, first, last);
        case Format::q8: return blocks_integer<Q8>(job, first, last);
        case Format::q4: return blocks_integer<Q4>(job, first, last);
        case Format::q4_1: return blocks_integer<Q4_1>(job, first, last);
        case Format::q5_0: return blocks_integer<Q5_0>(job, first, last);
        case Format::q4_k: return blocks_integer<Q4K>(job, first, last);
        case Format::q5_k: return blocks_integer<Q5K>(job, first, last);
        case Format::q6_k: return blocks_integer<Q6K>(job, first, last);
    }
}

// -- the cache's numbers --------------------------------------------------------------------------------------------

void load_row(CacheFormat format, const uint8_t* from, int32_t n, float* x) {
    if (format == CacheFormat::f32) {
        __builtin_memcpy(x, from, n * sizeof(float));
        return;
    }
    const auto* half = reinterpret_cast<const uint16_t*>(from);
    int32_t i = 0;
    for (; i + W <= n; i += W) store(x + i, load_half(half + i));
    for (; i < n; ++i) x[i] = half_to_float(half[i]);
}

void store_row(CacheFormat format, const float* x, int32_t n, uint8_t* to) {
    if (format == CacheFormat::f32) {
        __builtin_memcpy(to, x, n * sizeof(float));
        return;
    }
    auto* half = reinterpret_cast<uint16_t*>(to);
    for (int32_t i = 0; i < n; ++i) half[i] = float_to_half(x[i]);
}

// -- attention ----------------------------------------------------------------------------------------------------

// out [width, KEY_BLOCK] = the rows' floats, turned.
void turn(const float* const* rows, int32_t width, float* out) {
    int32_t d = 0;
    for (; d + W <= width; d += W)
        for (int k = 0; k < KEY_BLOCK; k += W) {
            const float* part[W];
            for (int i = 0; i < W; ++i) part[i] = rows[k + i] + d;
            transpose(part, out + d * KEY_BLOCK + k, KEY_BLOCK);
        }
    for (; d < width; ++d)
        for (int k = 0; k < KEY_BLOCK; ++k) out[d * KEY_BLOCK + k] = rows[k][d];
}

// scores [R, KEY_BLOCK] of R query rows against a turned block of keys
template <int R>
void score(const float* q, int64_t q_stride, const float* keys, int32_t width, float scale, float* scores) {
    for (int k = 0; k < KEY_BLOCK; k += KEY_VECS * W) {
        Vec sum[R][KEY_VECS];
        for (int r = 0; r < R; ++r)
            for (int i = 0; i < KEY_VECS; ++i) sum[r][i] = set1(0.0f);
        for (int32_t d = 0; d < width; ++d) {
            Vec key[KEY_VECS];
            for (int i = 0; i < KEY_VECS; ++i) key[i] = load(keys + d * KEY_BLOCK + k + i * W);
            for (int r = 0; r < R; ++r) {
                const Vec x = set1(q[r * q_stride + d]);
                for (int i = 0; i < KEY_VECS; ++i) sum[r][i] = fma(x, key[i], sum[r][i]);
            }
        }
        for (int r = 0; r < R; ++r)
            for (int i = 0; i < KEY_VECS; ++i)
                store(scores + r * KEY_BLOCK + k + i * W, mul(sum[r][i], set1(scale)));
    }
}

// One step of the online softmax (Milakov & Gimelshein 2018): scores of the first `valid` keys become weights relative
// to the new maximum; the return value is what earlier sums must be multiplied by.
float soften(float* scores, int32_t valid, float& maximum, float& total) {
    if (valid <= 0) {
        for (int k = 0; k < KEY_BLOCK; ++k) scores[k] = 0;
        return 1;
    }
    for (int k = valid; k < KEY_BLOCK; ++k) scores[k] = -INFINITE;
    Sixteen top = sixteen(-INFINITE);
    for (int k = 0; k < KEY_BLOCK; k += W) {
        Vec& part = top.part[k / W % (16 / W)];
        part = max(part, load(scores + k));
    }
    const float block_top = reduce_max(top), new_top = block_top > maximum ? block_top : maximum;
    Sixteen sum = sixteen(0);
    for (int k = 0; k < KEY_BLOCK; k += W) {
        const Vec p = exp(sub(load(scores + k), set1(new_top)));
        store(scores + k, p);
        Vec& part = sum.part[k / W % (16 / W)];
        part = add(part, p);
    }
    const float shrink = exp1(maximum - new_top);
    maximum = new_top;
    total = total * shrink + reduce_add(sum);
    return shrink;
}

template <int R, int V>
inline void mix_columns(const float* p, const float* shrink, const float* const* rows, int32_t keys, int32_t column,
                        int32_t left, float* sums, int64_t stride) {
    Vec sum[R][V];
    for (int r = 0; r < R; ++r)
        for (int i = 0; i < V; ++i) {
            const float* at = sums + r * stride + column + i * W;
            sum[r][i] = mul(set1(shrink[r]), V > 1 ? load(at) : load_n(at, left));
        }
    for (int32_t k = 0; k < keys; ++k) {
        Vec value[V];
        for (int i = 0; i < V; ++i) {
            const float* at = rows[k] + column + i * W;
            value[i] = V > 1 ? load(at) : load_n(at, left);
        }
        for (int r = 0; r < R; ++r)
            for (int i = 0; i < V; ++i) sum[r][i] = fma(set1(p[r * KEY_BLOCK + k]), value[i], sum[r][i]);
    }
    for (int r = 0; r < R; ++r)
        for (int i = 0; i < V; ++i) {
            float* at = sums + r * stride + column + i * W;
            if (V > 1) store(at, sum[r][i]);
            else store_n(at, sum[r][i], left);
        }
}

// sums [R, width] = sums * shrink + p [R, KEY_BLOCK] x rows [keys, width]
template <int R>
void mix(const float* p, const float* shrink, const float* const* rows, int32_t keys, int32_t width, float* sums,
         int64_t stride) {
    int32_t column = 0;
    if constexpr (KEY_VECS > 1) {
        for (; column + KEY_VECS * W <= width; column += KEY_VECS * W)
            mix_columns<R, KEY_VECS>(p, shrink, rows, keys, column, W, sums, stride);
        for (; column + 2 * W <= width; column += 2 * W)
            mix_columns<R, 2>(p, shrink, rows, keys, column, W, sums, stride);
    }
    for (; column < width; column += W)
        mix_columns<R, 1>(p, shrink, rows, keys, column, lanes_left(width - column), sums, stride);
}

inline void divide(const float* sums, float total, int32_t n, float* y) {
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        store_n(y + i, div(load_n(sums + i, left), set1(total)), left);
    }
}

// Scores, softmax and sums of R prompt rows (positions pos ...) against the block of keys that begins at `begin`.
template <int R>
void prefill_rows(const Prefill& job, int32_t row, const float* turned, const float* const* values, int32_t begin,
                  int32_t keys, float* state, float* scores) {
    const int32_t width = job.k_up->out + job.rope, v = job.v_up->out;
    const int64_t stride = round16(v) + 2;
    float shrink[R];
    score<R>(job.q + row * job.q_stride, job.q_stride, turned, width, job.scale, scores);
    for (int r = 0; r < R; ++r) {
        float* at = state + (row + r) * stride;
        const int32_t valid = job.start + row + r + 1 - begin;
        shrink[r] = soften(scores + r * KEY_BLOCK, valid < keys ? valid : keys, at[stride - 2], at[stride - 1]);
    }
    mix<R>(scores, shrink, values, keys, v, state + row * stride, stride);
}

void attend_prefill(const Prefill& job) {
    const int32_t nope = job.k_up->out, v = job.v_up->out, end = job.start + job.rows;
    const int64_t key_stride = round16(nope), value_stride = round16(v), stride = value_stride + 2;
    float* keys_natural = job.scratch;
    float* rotary = keys_natural + KEY_BLOCK * key_stride;
    float* turned = rotary + KEY_BLOCK * job.rope;
    float* values = turned + KEY_BLOCK * (nope + job.rope);
    float* scores = values + KEY_BLOCK * value_stride;
    float* state = scores + 4 * KEY_BLOCK;
    for (int64_t i = 0; i < job.rows * stride; ++i) state[i] = 0;
    for (int32_t row = 0; row < job.rows; ++row) state[row * stride + stride - 2] = -INFINITE;
    for (int32_t begin = 0; begin < end; begin += KEY_BLOCK) {
        const int32_t keys = end - begin < KEY_BLOCK ? end - begin : KEY_BLOCK;
        matmul({job.k_up, job.head, job.latent, nullptr, begin, 1, keys, keys_natural, key_stride, false}, 0,
               job.k_up->blocks());
        matmul({job.v_up, job.head, job.latent, nullptr, begin, 1, keys, values, value_stride, false}, 0,
               job.v_up->blocks());
        const float *key_rows[KEY_BLOCK], *rotary_rows[KEY_BLOCK], *value_rows[KEY_BLOCK];
        for (int32_t k = 0; k < KEY_BLOCK; ++k) {
            const int32_t there = k < keys ? k : keys - 1;  // keys that do not exist are masked later
            key_rows[k] = keys_natural + there * key_stride;
            rotary_rows[k] = rotary + k * job.rope;
            load_row(job.format, job.cache + job.offset[begin + there] + job.rank * element_bytes(job.format), job.rope,
                     rotary + k * job.rope);
            value_rows[k] = values + there * value_stride;
        }
        turn(key_rows, nope, turned);
        turn(rotary_rows, job.rope, turned + nope * KEY_BLOCK);
        int32_t row = begin - job.start > 0 ? begin - job.start : 0;  // earlier rows see none of these keys
        for (; row + 4 <= job.rows; row += 4) prefill_rows<4>(job, row, turned, value_rows, begin, keys, state, scores);
        for (; row < job.rows; ++row) prefill_rows<1>(job, row, turned, value_rows, begin, keys, state, scores);
    }
    for (int32_t row = 0; row < job.rows; ++row)
        divide(state + row * stride, state[row * stride + stride - 1], v, job.y + row * job.y_stride);
}

template <int R>
void decode_heads(const Decode& job, int32_t head, const float* turned, const float* const* rows, int32_t keys,
                  float* scores) {
    const int32_t latent = job.rank + job.rope;
    float shrink[R];
    score<R>(job.q + head * latent, latent, turned, latent, job.scale, scores);
    for (int r = 0; r < R; ++r) {
        float* at = job.part + (head + r) * job.part_stride + job.rank;
        shrink[r] = soften(scores + r * KEY_BLOCK, keys, at[0], at[1]);
    }
    mix<R>(scores, shrink, rows, keys, job.rank, job.part + head * job.part_stride, job.part_stride);
}

// Blocks of keys are read by columns, which the hardware does not foresee.
void prefetch_keys(const Decode& job, int32_t begin) {
    const int32_t end = begin + KEY_BLOCK < job.end ? begin + KEY_BLOCK : job.end;
    const int64_t bytes = (job.rank + job.rope) * element_bytes(job.format);
    for (int32_t k = begin; k < end; ++k)
        for (int64_t i = 0; i < bytes; i += 64) prefetch(job.cache + job.offset[k] + i);
}

void attend_decode(const Decode& job) {
    const int32_t latent = job.rank + job.rope;
    float* turned = job.scratch;
    float* natural = turned + KEY_BLOCK * latent;
    float* scores = natural + KEY_BLOCK * latent;
    for (int32_t head = 0; head < job.heads; ++head) {
        float* part = job.part + head * job.part_stride;
        for (int32_t i = 0; i < job.rank + 2; ++i) part[i] = i == job.rank ? -INFINITE : 0;
    }
    prefetch_keys(job, job.begin);
    for (int32_t begin = job.begin; begin < job.end; begin += KEY_BLOCK) {
        prefetch_keys(job, begin + KEY_BLOCK);
        const int32_t keys = job.end - begin < KEY_BLOCK ? job.end - begin : KEY_BLOCK;
        const float* rows[KEY_BLOCK];
        for (int32_t k = 0; k < KEY_BLOCK; ++k) {
            const uint8_t* row = job.cache + job.offset[begin + (k < keys ? k : keys - 1)];
            if (job.format == CacheFormat::f32) {
                rows[k] = reinterpret_cast<const float*>(row);
            } else {
                rows[k] = natural + k * latent;
                if (k < keys) load_row(job.format, row, latent, natural + k * latent);
                else __builtin_memcpy(natural + k * latent, rows[keys - 1], latent * sizeof(float));
            }
        }
        turn(rows, latent, turned);
        int32_t head = 0;
        for (; head + GROUP_ROWS <= job.heads; head += GROUP_ROWS)
            decode_heads<GROUP_ROWS>(job, head, turned, rows, keys, scores);
        for (; head + 2 <= job.heads; head += 2) decode_heads<2>(job, head, turned, rows, keys, scores);
        for (; head < job.heads; ++head) decode_heads<1>(job, head, turned, rows, keys, scores);
    }
}

// -- grouped attention ----------------------------------------------------------------------------------------------

struct CachedFloat {
    using Number = float;
    static Vec get(const float* p) { return load(p); }
    static Vec get_n(const float* p, int n) { return load_n(p, n); }
};
struct CachedHalf {
    using Number = uint16_t;
    static Vec get(const uint16_t* p) { return load_half(p); }
    static Vec get_n(const uint16_t* p, int n) {
        float x[W];
        for (int i = 0; i < W; ++i) x[i] = i < n ? half_to_float(p[i]) : 0.0f;
        return load(x);
    }
};

// scores [R, KEY_BLOCK] of R heads of one row against four tiles of keys
template <class E, int R>
void score_tiles(const float* q, int32_t dim, const typename E::Number* const* tiles, float scale, float* scores) {
    for (int k = 0; k < KEY_BLOCK; k += KEY_VECS * W) {
        const typename E::Number* at[KEY_VECS];
        Vec sum[R][KEY_VECS];
        for (int i = 0; i < KEY_VECS; ++i) {
            at[i] = tiles[(k + i * W) / KEY_TILE] + (k + i * W) % KEY_TILE;
            for (int r = 0; r < R; ++r) sum[r][i] = set1(0.0f);
        }
        for (int32_t d = 0; d < dim; ++d) {
            Vec key[KEY_VECS];
            for (int i = 0; i < KEY_VECS; ++i) key[i] = E::get(at[i] + d * KEY_TILE);
            for (int r = 0; r < R; ++r) {
                const Vec x = set1(q[r * dim + d]);
                for (int i = 0; i < KEY_VECS; ++i) sum[r][i] = fma(x, key[i], sum[r][i]);
            }
        }
        for (int r = 0; r < R; ++r)
            for (int i = 0; i < KEY_VECS; ++i) store(scores + r * KEY_BLOCK + k + i * W, mul(sum[r][i], set1(scale)));
    }
}

// sums [R, dim] = sums * shrink + p [R, KEY_BLOCK] x values [keys, dim], the values of 16 keys side by side
template <class E, int R>
void mix_tiles(const float* p, const float* shrink, const typename E::Number* const* tiles, int32_t keys, int32_t dim,
               float* sums, int64_t stride) {
    for (int32_t column = 0; column < dim; column += KEY_VECS * W) {
        Vec sum[R][KEY_VECS];
        int left[KEY_VECS];
        for (int i = 0; i < KEY_VECS; ++i) left[i] = lanes_left(dim - column - i * W);
        for (int r = 0; r < R; ++r)
            for (int i = 0; i < KEY_VECS; ++i)
                sum[r][i] = mul(set1(shrink[r]), load_n(sums + r * stride + column + i * W, left[i]));
        for (int32_t k = 0; k < keys; ++k) {
            const typename E::Number* row = tiles[k / KEY_TILE] + (k % KEY_TILE) * dim + column;
            Vec value[KEY_VECS];
            for (int i = 0; i < KEY_VECS; ++i)
                value[i] = left[i] == W ? E::get(row + i * W) : left[i] ? E::get_n(row + i * W, left[i]) : set1(0.0f);
            for (int r = 0; r < R; ++r)
                for (int i = 0; i < KEY_VECS; ++i) sum[r][i] = fma(set1(p[r * KEY_BLOCK + k]), value[i], sum[r][i]);
        }
        for (int r = 0; r < R; ++r)
            for (int i = 0; i < KEY_VECS; ++i) store_n(sums + r * stride + column + i * W, sum[r][i], left[i]);
    }
}

template <class E, int R>
void decode_group(const Grouped& job, int32_t head, const typename E::Number* const* keys,
                  const typename E::Number* const* values, int32_t count, float* scores) {
    float shrink[R];
    score_tiles<E, R>(job.q + head * job.dim, job.dim, keys, job.scale, scores);
    for (int r = 0; r < R; ++r) {
        float* at = job.part + (head + r) * job.part_stride + job.dim;
        shrink[r] = soften(scores + r * KEY_BLOCK, count, at[0], at[1]);
    }
    mix_tiles<E, R>(scores, shrink, values, count, job.dim, job.part + head * job.part_stride, job.part_stride);
}

template <class E> void decode_all(const Grouped& job) {
    float* scores = job.scratch;
    for (int32_t head = 0; head < job.heads; ++head) {
        float* part = job.part + head * job.part_stride;
        for (int32_t i = 0; i < job.dim + 2; ++i) part[i] = i == job.dim ? -INFINITE : 0;
    }
    const int64_t tile_bytes = int64_t(KEY_TILE) * job.dim * sizeof(typename E::Number);
    for (int32_t begin = job.begin; begin < job.end; begin += KEY_BLOCK) {
        const int32_t count = job.end - begin < KEY_BLOCK ? job.end - begin : KEY_BLOCK;
        const typename E::Number *keys[KEY_BLOCK / KEY_TILE], *values[KEY_BLOCK / KEY_TILE];
        for (int32_t i = 0; i < KEY_BLOCK / KEY_TILE; ++i) {
            const int32_t there = i * KEY_TILE < count ? i : (count - 1) / KEY_TILE;  // what is not there is masked
            const uint8_t* tile = job.cache + job.tile[begin / KEY_TILE + there];
            keys[i] = reinterpret_cast<const typename E::Number*>(tile);
            values[i] = reinterpret_cast<const typename E::Number*>(tile + job.value_offset);
            if (begin + KEY_BLOCK + i * KEY_TILE < job.end) {  // the next block's, while this one is worked on
                const uint8_t* next = job.cache + job.tile[begin / KEY_TILE + KEY_BLOCK / KEY_TILE + i];
                for (int64_t line = 0; line < tile_bytes; line += 64) {
                    prefetch(next + line);
                    prefetch(next + job.value_offset + line);
                }
            }
        }
        int32_t head = 0;
        for (; head + GROUP_ROWS <= job.heads; head += GROUP_ROWS)
            decode_group<E, GROUP_ROWS>(job, head, keys, values, count, scores);
        for (; head + 2 <= job.heads; head += 2) decode_group<E, 2>(job, head, keys, values, count, scores);
        for (; head < job.heads; ++head) decode_group<E, 1>(job, head, keys, values, count, scores);
    }
}

void grouped_decode(const Grouped& job) {
    if (job.format == CacheFormat::f32) decode_all<CachedFloat>(job);
    else decode_all<CachedHalf>(job);
}

template <int R>
void prefill_group(const Grouped& job, int32_t row, int32_t head, const float* keys, const float* const* values,
                   int32_t begin, int32_t count, float* state, float* scores) {
    const int64_t stride = job.dim + 2;
    float shrink[R], *at = state + (int64_t(row) * job.heads + head) * stride;
    const int32_t valid = job.start + row + 1 - begin;
    score<R>(job.q + row * job.q_stride + head * job.dim, job.dim, keys, job.dim, job.scale, scores);
    for (int r = 0; r < R; ++r)
        shrink[r] = soften(scores + r * KEY_BLOCK, valid < count ? valid : count, at[r * stride + job.dim],
                           at[r * stride + job.dim + 1]);
    mix<R>(scores, shrink, values, count, job.dim, at, stride);
}

// A block of keys and values is unpacked once for all rows and heads.
void grouped_prefill(const Grouped& job) {
    const int32_t end = job.start + job.rows;
    const int64_t stride = job.dim + 2, element = element_bytes(job.format);
    float* keys = job.scratch;                 // [dim, KEY_BLOCK]
    float* values = keys + KEY_BLOCK * job.dim;  // [KEY_BLOCK, dim]
    float* scores = values + KEY_BLOCK * job.dim;
    float* state = scores + KEY_BLOCK * job.heads;
    for (int64_t i = 0; i < job.rows * job.heads; ++i)
        for (int64_t d = 0; d < stride; ++d) state[i * stride + d] = d == job.dim ? -INFINITE : 0;
    for (int32_t begin = 0; begin < end; begin += KEY_BLOCK) {
        const int32_t count = end - begin < KEY_BLOCK ? end - begin : KEY_BLOCK;
        const float* value_rows[KEY_BLOCK];
        for (int32_t i = 0; i < KEY_BLOCK / KEY_TILE; ++i) {
            const int32_t there = i * KEY_TILE < count ? i : (count - 1) / KEY_TILE;
            const uint8_t* tile = job.cache + job.tile[begin / KEY_TILE + there];
            for (int32_t d = 0; d < job.dim; ++d)
                load_row(job.format, tile + d * KEY_TILE * element, KEY_TILE, keys + d * KEY_BLOCK + i * KEY_TILE);
            load_row(job.format, tile + job.value_offset, KEY_TILE * job.dim, values + i * KEY_TILE * job.dim);
        }
        for (int32_t k = 0; k < KEY_BLOCK; ++k) value_rows[k] = values + k * job.dim;
        for (int32_t row = begin - job.start > 0 ? begin - job.start : 0; row < job.rows; ++row) {
            int32_t head = 0;
            for (; head + GROUP_ROWS <= job.heads; head += GROUP_ROWS)
                prefill_group<GROUP_ROWS>(job, row, head, keys, value_rows, begin, count, state, scores);
            for (; head + 2 <= job.heads; head += 2)
                prefill_group<2>(job, row, head, keys, value_rows, begin, count, state, scores);
            for (; head < job.heads; ++head)
                prefill_group<1>(job, row, head, keys, value_rows, begin, count, state, scores);
        }
    }
    for (int32_t row = 0; row < job.rows; ++row)
        for (int32_t head = 0; head < job.heads; ++head) {
            const float* at = state + (int64_t(row) * job.heads + head) * stride;
            divide(at, at[job.dim + 1], job.dim, job.y + row * job.y_stride + head * job.dim);
        }
}

void combine(const float* part, int64_t part_stride, int32_t parts, int32_t rank, float* y) {
    float top = -INFINITE, total = 0;
    for (int32_t i = 0; i < parts; ++i) {
        const float maximum = part[i * part_stride + rank];
        top = maximum > top ? maximum : top;
    }
    for (int32_t i = 0; i < rank; ++i) y[i] = 0;
    for (int32_t i = 0; i < parts; ++i) {
        const float* at = part + i * part_stride;
        const float weight = exp1(at[rank] - top);
        total += weight * at[rank + 1];
        add_scaled(y, at, weight, rank);
    }
    divide(y, total, rank, y);
}

}  // namespace
