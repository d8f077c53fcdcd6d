// Products of matrices in every weight format with rows of activations; included by kernels.inl.

#include <cstdlib>

#include "weights.inl"

namespace {

inline int32_t row_of(const Matmul& job, int32_t t) { return job.rows ? job.rows[t] : job.first + t * job.step; }

inline void store_output(const Matmul& job, int32_t t, int32_t o, Vec y) {
    const int left = lanes_left(job.matrix->out - o);
    float* out = job.y + t * job.y_stride + o;
    if (job.add) y = add(load_n(out, left), y);
    store_n(out, y, left);
}

// A thread's own memory, kept from one product to the next.
struct Room {
    void* data = nullptr;
    int64_t size = 0;
    ~Room() { std::free(data); }
    void* of(int64_t bytes) {
        if (bytes > size) {
            std::free(data);
            data = std::malloc(bytes);
            if (data == nullptr) std::abort();
            size = bytes;
        }
        return data;
    }
};

// What is the same for every row of weights, for each token and group (each half of one): where the weights' bytes have an
// offset what the sums begin with, minus it times the inputs; where weights have a minimum what that is multiplied with,
// the inputs' sum.  Made once: a number read from memory into all lanes costs no arithmetic unit anything, one that is
// computed does.
template <class Q> struct Shared {
    static constexpr int each = Q::half_scales ? 2 : 1;
    static_assert(Q::offset == 0 || !Q::has_minimum, "one of the two");
    const void* made = nullptr;
    Shared(const Matmul& job, Room& room) {
        if constexpr (Q::offset != 0 || Q::has_minimum) {
            const int32_t groups = job.matrix->groups();
            auto* out = static_cast<char*>(room.of(int64_t(job.tokens) * groups * each * 4));
            made = out;
            for (int32_t t = 0; t < job.tokens; ++t) {
                const int64_t at = int64_t(row_of(job, t)) * groups;
                for (int32_t g = 0; g < groups; ++g) {
                    const int32_t sum = job.x.sum[at + g], first = Q::half_scales ? job.x.half[at + g] : sum;
                    const float scale = job.x.scale[at + g];
                    out = put(out, first, scale);
                    if constexpr (Q::half_scales) out = put(out, sum - first, scale);
                }
            }
        }
    }
    static char* put(char* out, int32_t sum, float scale) {
        if constexpr (Q::has_minimum) *reinterpret_cast<float*>(out) = scale * float(sum);
        else *reinterpret_cast<int32_t*>(out) = -Q::offset * sum;
        return out + 4;
    }
    const int32_t* begin(const Matmul& job, int32_t t) const {
        return static_cast<const int32_t*>(made) + int64_t(t) * job.matrix->groups() * each;
    }
    const float* sums(const Matmul& job, int32_t t) const {
        return static_cast<const float*>(made) + int64_t(t) * job.matrix->groups() * each;
    }
};

// N tokens through one block of 16 rows.  Per group: an exact integer sum, then one fused multiply-add (two, where 16
// inputs share a scale or where there is a minimum).
template <class Q, int N> void tile_integer(const Matmul& job, const Shared<Q>& shared, int32_t block, int32_t t0) {
    constexpr int each = Shared<Q>::each, V = Q::vectors;
    const Matrix& m = *job.matrix;
    const int32_t groups = m.groups();
    const uint8_t* data = m.data + job.index * m.matrix_bytes() + block * m.block_bytes();
    const uint16_t* scales = m.scales + job.index * m.matrix_scales() + block * m.block_scales();
    for (int lane = 0; lane < BLOCK; lane += V * W) {
        const int8_t* x[N];
        const float* x_scale[N];
        const int32_t* begin[N];
        const float* sums[N];
        Vec y[V][N];
        for (int t = 0; t < N; ++t) {
            const int64_t row = row_of(job, t0 + t);
            x[t] = job.x.q + row * groups * GROUP;
            x_scale[t] = job.x.scale + row * groups;
            if constexpr (Q::offset != 0) begin[t] = shared.begin(job, t0 + t);
            if constexpr (Q::has_minimum) sums[t] = shared.sums(job, t0 + t);
            for (int v = 0; v < V; ++v) y[v][t] = set1(0.0f);
        }
        Q q(m, data, scales, lane);
        for (int32_t g = 0; g < groups; ++g) {
            q.open(g);
            // With one token the loop waits for memory alone; with few bits a weight the hardware prefetches too late.
            if constexpr (N == 1 && Q::bytes < 512)
                for (int line = 0; line < Q::bytes; line += 64) prefetch(q.w + 4096 + line);
            Int acc[V][N], high[V][N];
            for (int t = 0; t < N; ++t)
                for (int v = 0; v < V; ++v) {
                    if constexpr (Q::offset != 0) {
                        acc[v][t] = set1(begin[t][each * g]);
                        if constexpr (Q::half_scales) high[v][t] = set1(begin[t][each * g + 1]);
                    } else {
                        acc[v][t] = high[v][t] = set1(0);
                    }
                }
            q.template dot<N>(acc[0], high[0], x);
            for (int v = 0; v < V; ++v) {
                q.load_scales(g, v);
                for (int t = 0; t < N; ++t) {
                    const Vec xs = set1(x_scale[t][g]);
                    y[v][t] = fma(to_float(acc[v][t]), mul(q.scale, xs), y[v][t]);
                    if constexpr (Q::half_scales) y[v][t] = fma(to_float(high[v][t]), mul(q.second_scale, xs), y[v][t]);
                    if constexpr (Q::has_minimum) {
                        y[v][t] = fma(q.minimum, set1(sums[t][each * g]), y[v][t]);
                        if constexpr (Q::half_scales)
                            y[v][t] = fma(q.second_minimum, set1(sums[t][each * g + 1]), y[v][t]);
                    }
                }
            }
            for (int t = 0; t < N; ++t) x[t] += GROUP;
        }
        for (int v = 0; v < V; ++v)
            for (int t = 0; t < N; ++t) store_output(job, t0 + t, block * BLOCK + lane + v * W, y[v][t]);
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

template <class Q, int N>
inline void rest_integer(const Matmul& job, const Shared<Q>& shared, int32_t block, int32_t t0) {
    if constexpr (N > 0) {
        if (job.tokens - t0 == N) tile_integer<Q, N>(job, shared, block, t0);
        else rest_integer<Q, N - 1>(job, shared, block, t0);
    }
}

template <class Q> void blocks_integer(const Matmul& job, int32_t first, int32_t last) {
    thread_local Room room;
    const Shared<Q> shared(job, room);
    for (int32_t block = first; block < last; ++block) {
        int32_t t = 0;
        for (; t + TILE <= job.tokens; t += TILE) tile_integer<Q, TILE>(job, shared, block, t);
        rest_integer<Q, TILE - 1>(job, shared, block, t);
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
        case Format::q5_1: return blocks_integer<Q5_1>(job, first, last);
        case Format::iq4_nl: return blocks_integer<IQ4NL>(job, first, last);
        case Format::mxfp4: return blocks_integer<MXFP4>(job, first, last);
        case Format::q4_k: return blocks_integer<Q4K>(job, first, last);
        case Format::q5_k: return blocks_integer<Q5K>(job, first, last);
        case Format::q6_k: return blocks_integer<Q6K>(job, first, last);
        case Format::q2_k: return blocks_integer<Q2K>(job, first, last);
        case Format::q3_k: return blocks_integer<Q3K>(job, first, last);
        case Format::iq4_xs: return blocks_integer<IQ4XS>(job, first, last);
        case Format::q8_k: return blocks_integer<Q8K>(job, first, last);
    }
}

}  // namespace
