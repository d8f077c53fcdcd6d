// Products of matrices in every weight format with rows of activations; included by kernels.inl.

namespace {

inline int32_t row_of(const Matmul& job, int32_t t) { return job.rows ? job.rows[t] : job.first + t * job.step; }

inline void store_output(const Matmul& job, int32_t t, int32_t o, Vec y) {
    const int left = lanes_left(job.matrix->out - o);
    float* out = job.y + t * job.y_stride + o;
    if (job.add) y = add(load_n(out, left), y);
    store_n(out, y, left);
}

// What tile_integer needs of a format: `open` finds a group's weights and scales, `dot` adds the group's products.
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

// A super-block of 256 inputs: float16 d [16] and dmin [16]; bytes scale [8, 16], minimum [8, 16]; 8 groups.
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

// A super-block of 256 inputs: float16 d [16], 32 bytes unused; int8 scale [16, 16]; 8 groups.
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
            // With one token the loop waits for memory alone; with few bits a weight the hardware prefetches too late.
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

}  // namespace
