// The row kernels, written once over the vectors of a vec_*.h.  Everything is in an anonymous namespace, and no
// library template is used: code compiled for one instruction set must not be linked into another's.
//
// Every output is a fixed sequence of float operations, whatever the vector width or the tile it falls in: lanes run
// over outputs, and where a sum must run over lanes it keeps 16 of them and adds those in one order.

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

template <class F> inline float reduce(const Sixteen& a, F f) {
    float x[16];
    for (int i = 0; i < 16 / W; ++i) store(x + i * W, a.part[i]);
    for (int half = 8; half; half /= 2)
        for (int i = 0; i < half; ++i) x[i] = f(x[i], x[i + half]);
    return x[0];
}
inline float reduce_add(const Sixteen& a) { return reduce(a, [](float x, float y) { return x + y; }); }
inline float reduce_max(const Sixteen& a) { return reduce(a, [](float x, float y) { return x > y ? x : y; }); }

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

void quantize(const float* x, int32_t n, int8_t* q, float* scale, int32_t* sum) {
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
        Int total = set1(int32_t(0));
        for (int i = 0; i < GROUP / W; ++i) {
            const Int whole = to_int(mul(v[i], set1(inverse)));
            store_bytes(q + i * W, whole);
            total = add(total, whole);
        }
        int32_t lanes[W], all = 0;
        store(lanes, total);
        for (int32_t lane : lanes) all += lane;
        scale[g] = top / 127.0f;
        sum[g] = all;
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

struct Q8 {
    static constexpr int offset = Q8_OFFSET, bytes = GROUP * BLOCK;
    template <int N> static inline void dot_group(Int* acc, const uint8_t* w, const int8_t* const* x) {
        for (int quad = 0; quad < 8; ++quad) {
            const Bytes b = load_bytes(w + quad * 4 * BLOCK);
            for (int t = 0; t < N; ++t) acc[t] = dot_q8(acc[t], b, x[t] + 4 * quad);
        }
    }
};

struct Q4 {
    static constexpr int offset = 8, bytes = GROUP * BLOCK / 2;
    template <int N> static inline void dot_group(Int* acc, const uint8_t* w, const int8_t* const* x) {
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
};

// N tokens through one block of 16 rows.  Per group: an exact integer sum, then one fused multiply-add.
template <class Q, int N> void tile_integer(const Matmul& job, int32_t block, int32_t t0) {
    const Matrix& m = *job.matrix;
    const int32_t groups = m.groups();
    const uint8_t* data = m.data + job.index * m.matrix_bytes() + block * m.block_bytes();
    const uint16_t* scales = m.scales + job.index * m.matrix_scales() + int64_t(block) * groups * BLOCK;
    for (int lane = 0; lane < BLOCK; lane += W) {
        const int8_t* x[N];
        const float* x_scale[N];
        const int32_t* x_sum[N];
        Vec y[N];
        for (int t = 0; t < N; ++t) {
            const int64_t row = row_of(job, t0 + t);
            x[t] = job.x.q + row * groups * GROUP;
            x_scale[t] = job.x.scale + row * groups;
            x_sum[t] = job.x.sum + row * groups;
            y[t] = set1(0.0f);
        }
        const uint8_t* w = data + 4 * lane;
        for (int32_t g = 0; g < groups; ++g, w += Q::bytes) {
            // One token is as fast as memory: at 4 bits the hardware's own prefetching falls behind.
            if constexpr (N == 1 && Q::bytes == 256)
                for (int line = 0; line < Q::bytes; line += 64) prefetch(w + 4096 + line);
            Int acc[N];
            for (int t = 0; t < N; ++t) acc[t] = set1(-Q::offset * x_sum[t][g]);
            Q::template dot_group<N>(acc, w, x);
            const Vec scale = load_half(scales + g * BLOCK + lane);
            for (int t = 0; t < N; ++t) {
                y[t] = fma(to_float(acc[t]), mul(scale, set1(x_scale[t][g])), y[t]);
                x[t] += GROUP;
            }
        }
        for (int t = 0; t < N; ++t) put(job, t0 + t, block * BLOCK + lane, y[t]);
    }
}

// Inputs i, i + 4, ... go to sum i % 4; the four are added as (0 + 1) + (2 + 3).
template <int N> void tile_float(const Matmul& job, int32_t block, int32_t t0) {
    const Matrix& m = *job.matrix;
    const float* data =
        reinterpret_cast<const float*>(m.data + job.index * m.matrix_bytes() + block * m.block_bytes());
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
                const Vec w = load(data + (i + j) * BLOCK + lane);
                for (int t = 0; t < N; ++t) y[t][j] = fma(w, set1(x[t][i + j]), y[t][j]);
            }
        for (int j = 0; i + j < m.in; ++j) {
            const Vec w = load(data + (i + j) * BLOCK + lane);
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

void matmul(const Matmul& job, int32_t first, int32_t last) {
    switch (job.matrix->format) {
        case Format::q8: return blocks_integer<Q8>(job, first, last);
        case Format::q4: return blocks_integer<Q4>(job, first, last);
        case Format::f32:
            for (int32_t block = first; block < last; ++block) {
                int32_t t = 0;
                for (; t + TILE_F32 <= job.tokens; t += TILE_F32) tile_float<TILE_F32>(job, block, t);
                for (; t < job.tokens; ++t) tile_float<1>(job, block, t);
            }
    }
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
    float* turned = keys_natural + KEY_BLOCK * key_stride;
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
            rotary_rows[k] = job.cache + job.offset[begin + there] + job.rank;
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
    for (int32_t k = begin; k < end; ++k)
        for (int32_t i = 0; i < job.rank + job.rope; i += 16) prefetch(job.cache + job.offset[k] + i);
}

void attend_decode(const Decode& job) {
    float* turned = job.scratch;
    float* scores = turned + KEY_BLOCK * (job.rank + job.rope);
    for (int32_t head = 0; head < job.heads; ++head) {
        float* part = job.part + head * job.part_stride;
        for (int32_t i = 0; i < job.rank + 2; ++i) part[i] = i == job.rank ? -INFINITE : 0;
    }
    prefetch_keys(job, job.begin);
    for (int32_t begin = job.begin; begin < job.end; begin += KEY_BLOCK) {
        prefetch_keys(job, begin + KEY_BLOCK);
        const int32_t keys = job.end - begin < KEY_BLOCK ? job.end - begin : KEY_BLOCK;
        const float* rows[KEY_BLOCK];
        for (int32_t k = 0; k < KEY_BLOCK; ++k) rows[k] = job.cache + job.offset[begin + (k < keys ? k : keys - 1)];
        turn(rows, job.rank + job.rope, turned);
        int32_t head = 0;
        for (; head + 4 <= job.heads; head += 4) decode_heads<4>(job, head, turned, rows, keys, scores);
        for (; head < job.heads; ++head) decode_heads<1>(job, head, turned, rows, keys, scores);
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
