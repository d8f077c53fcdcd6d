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

struct Lanes16 { Vec part[16 / W]; };

inline Lanes16 lanes16(float x) {
    Lanes16 out;
    for (Vec& part : out.part) part = set1(x);
    return out;
}

inline int lanes_left(int n) { return n >= W ? W : n > 0 ? n : 0; }

// The lanes are added, or compared, as a tree: i with i + 8, then i + 4, 2, 1.
inline float reduce_add(const Lanes16& a) { return add_across(a.part); }
inline float reduce_max(const Lanes16& a) { return max_across(a.part); }

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
        Lanes16 largest = lanes16(0);
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
    Lanes16 squares = lanes16(0);
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

inline void store_output(const Matmul& job, int32_t t, int32_t o, Vec y) {
    const int left = lanes_left(job.matrix->out - o);
    float* out = job.y + t * job.y_stride + o;
    if (job.add) y = add(load_n(out, left), y);
    store_n(out, y, left);
}

// What a format is to tile_integer: `open` finds a group's weights and scale, `dot` adds the group's products.
//   offset: what dot leaves in the sum per unit of x (quant.py stores bytes unsigned)
//   half_scales: 16 inputs share a scale, not 32, and the second half has sums of its own
//   has_minimum: weights are scale * q + minimum
struct GroupScaled {  // a scale per group of 32
    static constexpr bool half_scales = false, has_minimum = false;
    const uint8_t* w;
    const uint16_t* s;
    Vec scale, second_scale, minimum;
    GroupScaled(const Matrix&, const uint8_t* data, const uint16_t* scales, int lane)
        : w(data + 4 * lane), s(scales + lane) {}
    void load_scale(int32_t g) { scale = load_half(s + g * BLOCK); }
};

struct Q8 : GroupScaled {
    static constexpr int offset = Q8_OFFSET, bytes = GROUP * BLOCK;
    using GroupScaled::GroupScaled;
    void open(int32_t g) { load_scale(g); }
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
        keep_in_register(b);
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
    keep_in_register(b);
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
    keep_in_register(b);
    const Bytes low = or_shifted<4 - 2 * QUAD>(low_nibbles(b), first, 48);
    const Bytes high = or_shifted<4 - 2 * QUAD>(high_nibbles(b), second, 48);
    for (int t = 0; t < N; ++t) {
        low_acc[t] = dot_q4(low_acc[t], low, x[t] + 4 * QUAD);
        high_acc[t] = dot_q4(high_acc[t], high, x[t] + 4 * QUAD + 16);
    }
    if constexpr (QUAD < 3) dot_six<N, QUAD + 1>(w, first, second, low_acc, high_acc, x);
}

struct Q4 : GroupScaled {
    static constexpr int offset = 8, bytes = GROUP * BLOCK / 2;
    using GroupScaled::GroupScaled;
    void open(int32_t g) { load_scale(g); }
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_nibbles<N>(w, acc, x);
        w += bytes;
    }
};

struct Q4_1 : Q4 {
    static constexpr int offset = 0;
    static constexpr bool has_minimum = true;
    using Q4::Q4;
    void open(int32_t g) {
        scale = load_half(s + 2 * g * BLOCK);
        minimum = load_half(s + (2 * g + 1) * BLOCK);
    }
};

struct Q5_0 : GroupScaled {
    static constexpr int offset = 16, bytes = 320;
    using GroupScaled::GroupScaled;
    void open(int32_t g) { load_scale(g); }
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_five<N>(w, load_bytes(w + 256), acc, x);
        w += bytes;
    }
};

// A record of 256 inputs: float16 d [16] and dmin [16]; bytes scale [8, 16], minimum [8, 16]; 8 groups.
template <int BYTES> struct KQuant {
    static constexpr int offset = 0, bytes = BYTES;
    static constexpr bool half_scales = false, has_minimum = true;
    const uint8_t *w, *head = nullptr;
    int lane;
    Vec d, dmin, scale, second_scale, minimum;
    KQuant(const Matrix&, const uint8_t* data, const uint16_t*, int lane) : w(data), lane(lane) {}
    void open(int32_t g) {
        const int part = g % 8;
        if (part == 0) {
            head = w;
            d = load_half(reinterpret_cast<const uint16_t*>(head) + lane);
            dmin = sub(set1(0.0f), load_half(reinterpret_cast<const uint16_t*>(head) + BLOCK + lane));
            w += 320;
        }
        scale = mul(d, load_u8(head + 64 + part * BLOCK + lane));
        minimum = mul(dmin, load_u8(head + 192 + part * BLOCK + lane));
    }
};

struct Q4K : KQuant<256> {
    using KQuant::KQuant;
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_nibbles<N>(w + 4 * lane, acc, x);
        w += bytes;
    }
};

struct Q5K : KQuant<320> {
    using KQuant::KQuant;
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_five<N>(w + 4 * lane, load_bytes(w + 256 + 4 * lane), acc, x);
        w += bytes;
    }
};

// A record of 256 inputs: float16 d [16], 32 bytes of nothing; int8 scale [16, 16]; 8 groups.
struct Q6K {
    static constexpr int offset = 32, bytes = 384;
    static constexpr bool half_scales = true, has_minimum = false;
    const uint8_t *w, *head = nullptr;
    int lane;
    Vec d, scale, second_scale, minimum;
    Q6K(const Matrix&, const uint8_t* data, const uint16_t*, int lane) : w(data), lane(lane) {}
    void open(int32_t g) {
        const int part = g % 8;
        if (part == 0) {
            head = w;
            d = load_half(reinterpret_cast<const uint16_t*>(head) + lane);
            w += 320;
        }
        scale = mul(d, load_i8(reinterpret_cast<const int8_t*>(head) + 64 + 2 * part * BLOCK + lane));
        second_scale = mul(d, load_i8(reinterpret_cast<const int8_t*>(head) + 64 + (2 * part + 1) * BLOCK + lane));
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
                if constexpr (Q::half_scales) {
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
                if constexpr (Q::half_scales) y[t] = fma(to_float(high[t]), mul(q.second_scale, xs), y[t]);
                if constexpr (Q::has_minimum) y[t] = fma(q.minimum, set1(x_scale[t][g] * float(x_sum[t][g])), y[t]);
                x[t] += GROUP;
            }
        }
        for (int t = 0; t < N; ++t) store_output(job, t0 + t, block * BLOCK + lane, y[t]);
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
            store_output(job, t0 + t, block * BLOCK + lane, add(add(y[t][0], y[t][1]), add(y[t][2], y[t][3])));
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
    } else if (format == CacheFormat::f16) {
        const auto* half = reinterpret_cast<const uint16_t*>(from);
        int32_t i = 0;
        for (; i + W <= n; i += W) store(x + i, load_half(half + i));
        for (; i < n; ++i) x[i] = half_to_float(half[i]);
    } else {
        const auto* q = reinterpret_cast<const int8_t*>(from);
        const auto* scales = reinterpret_cast<const uint16_t*>(from + even(n));
        for (int32_t i = 0; i < n; i += GROUP) {
            const float scale = half_to_float(scales[i / GROUP]);
            int32_t j = i, end = n - i < GROUP ? n : i + GROUP;
            for (; j + W <= end; j += W) store(x + j, mul(load_i8(q + j), set1(scale)));
            for (; j < end; ++j) x[j] = float(q[j]) * scale;
        }
    }
}

// Groups of 32 numbers as int8 with a float16 scale each; what is too large for one becomes the largest there is.
void store_bytes_row(const float* x, int32_t n, uint8_t* to) {
    auto* scales = reinterpret_cast<uint16_t*>(to + even(n));
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        Vec v[GROUP / W];
        Lanes16 largest = lanes16(0);
        for (int i = 0; i < GROUP / W; ++i) {
            v[i] = load_n(x + first + i * W, lanes_left(count - i * W));
            Vec& part = largest.part[i % (16 / W)];
            part = max(part, abs(v[i]));
        }
        uint16_t half = float_to_half(reduce_max(largest) / 127.0f) & 0x7fff;
        if (half > 0x7bff) half = 0x7bff;
        const float scale = half_to_float(half), inverse = scale > 0 ? 1.0f / scale : 0.0f;
        int8_t q[GROUP];
        for (int i = 0; i < GROUP / W; ++i)  // NaN becomes -127
            store_bytes(q + i * W, to_int(min(max(mul(v[i], set1(inverse)), set1(-127.0f)), set1(127.0f))));
        __builtin_memcpy(to + first, q, count);
        scales[first / GROUP] = half;
    }
    if (n % 2) to[n] = 0;
}

void store_row(CacheFormat format, const float* x, int32_t n, uint8_t* to) {
    if (format == CacheFormat::f32) {
        __builtin_memcpy(to, x, n * sizeof(float));
    } else if (format == CacheFormat::f16) {
        auto* half = reinterpret_cast<uint16_t*>(to);
        for (int32_t i = 0; i < n; ++i) half[i] = float_to_half(x[i]);
    } else {
        store_bytes_row(x, n, to);
    }
}

}  // namespace

#include "attention.inl"
#include "generated.inl"
