// What attention of prompts (prefill.inl) and of generated rows (decode.inl) share: scores, online softmax and weighted
// sums over a block of keys; included by kernels.inl.
//
// Where a processor multiplies pairs of bfloat16 (HUOZHONG_BF16_PAIRS), prompts' attention does so, unless the cache
// holds float32: queries, keys, softmax weights and values are rounded to bfloat16, sums stay float.  Attention of
// generated rows always computes in float.

namespace {

// What the products are computed from: one float a lane, or two bfloat16 that are multiplied and added at once.
struct Floats {
    using Number = float;
    using Row = float;
    static constexpr int per_lane = 1;
};
#ifdef HUOZHONG_BF16_PAIRS
struct Bf16Pairs {
    using Number = uint32_t;
    using Row = uint32_t;
    static constexpr int per_lane = 2;
};
#endif

struct HalfRows : Floats {  // rows of float16
    using Row = uint16_t;
};
inline Vec load(const uint16_t* p) { return load_half(p); }
inline Vec load_n(const uint16_t* p, int n) {
    uint16_t x[W] = {};
    for (int i = 0; i < n; ++i) x[i] = p[i];
    return load_half(x);
}

// out [width, KEY_BLOCK] = KEY_BLOCK rows [width], transposed.
void transpose_keys(const float* const* rows, int32_t width, float* out) {
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

// scores [R, KEY_BLOCK] of R query rows against a transposed block of keys [steps, KEY_BLOCK]
template <class B, int R>
void score(const typename B::Number* const* q, const typename B::Number* keys, int32_t steps, float scale,
           float* scores) {
    for (int k = 0; k < KEY_BLOCK; k += KEY_VECS * W) {
        Vec sum[R][KEY_VECS];
        for (int r = 0; r < R; ++r)
            for (int i = 0; i < KEY_VECS; ++i) sum[r][i] = set1(0.0f);
        for (int32_t d = 0; d < steps; ++d) {
            decltype(load(keys)) key[KEY_VECS];
            for (int i = 0; i < KEY_VECS; ++i) key[i] = load(keys + d * KEY_BLOCK + k + i * W);
            for (int r = 0; r < R; ++r) {
                const auto x = set1(q[r][d]);
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
float online_softmax(float* scores, int32_t valid, float& maximum, float& total) {
    if (valid <= 0) {
        for (int k = 0; k < KEY_BLOCK; ++k) scores[k] = 0;
        return 1;
    }
    for (int k = valid; k < KEY_BLOCK; ++k) scores[k] = -INFINITE;
    Lanes16 top = lanes16(-INFINITE);
    for (int k = 0; k < KEY_BLOCK; k += W) {
        Vec& part = top.part[k / W % (16 / W)];
        part = max(part, load(scores + k));
    }
    const float block_top = reduce_max(top), new_top = block_top > maximum ? block_top : maximum;
    Lanes16 sum = lanes16(0);
    for (int k = 0; k < KEY_BLOCK; k += W) {
        const Vec p = exp(sub(load(scores + k), set1(new_top)));
        store(scores + k, p);
        Vec& part = sum.part[k / W % (16 / W)];
        part = add(part, p);
    }
    const float rescale = exp1(maximum - new_top);
    maximum = new_top;
    total = total * rescale + reduce_add(sum);
    return rescale;
}

// R rows of unnormalised outputs, accumulated block by block.  Behind a row's sums lie its maximum and its sum of
// softmax weights.
template <int R> struct Sums { float* row[R]; };

// V vectors of columns of `accumulate`; with V = 1 there may be only `left` lanes.
template <class B, int R, int V>
inline void accumulate_columns(const typename B::Number* p, const float* rescale, const typename B::Row* const* rows,
                        int32_t steps, int32_t column, int32_t left, const Sums<R>& sums) {
    Vec sum[R][V];
    for (int r = 0; r < R; ++r)
        for (int i = 0; i < V; ++i) {
            const float* at = sums.row[r] + column + i * W;
            sum[r][i] = mul(set1(rescale[r]), V > 1 ? load(at) : load_n(at, left));
        }
    for (int32_t k = 0; k < steps; ++k) {
        decltype(load(rows[k])) value[V];
        for (int i = 0; i < V; ++i) {
            const auto* at = rows[k] + column + i * W;
            value[i] = V > 1 ? load(at) : load_n(at, left);
        }
        for (int r = 0; r < R; ++r) {
            const auto x = set1(p[r * (KEY_BLOCK / B::per_lane) + k]);
            for (int i = 0; i < V; ++i) sum[r][i] = fma(x, value[i], sum[r][i]);
        }
    }
    for (int r = 0; r < R; ++r)
        for (int i = 0; i < V; ++i) {
            float* at = sums.row[r] + column + i * W;
            if (V > 1) store(at, sum[r][i]);
            else store_n(at, sum[r][i], left);
        }
}

// sums [R, width] = sums * rescale + p [R, KEY_BLOCK / per_lane] x rows [steps, width]
template <class B, int R>
void accumulate(const typename B::Number* p, const float* rescale, const typename B::Row* const* rows, int32_t steps,
         int32_t width, const Sums<R>& sums) {
    int32_t column = 0;
    if constexpr (KEY_VECS > 1) {
        for (; column + KEY_VECS * W <= width; column += KEY_VECS * W)
            accumulate_columns<B, R, KEY_VECS>(p, rescale, rows, steps, column, W, sums);
        for (; column + 2 * W <= width; column += 2 * W)
            accumulate_columns<B, R, 2>(p, rescale, rows, steps, column, W, sums);
    }
    for (; column < width; column += W)
        accumulate_columns<B, R, 1>(p, rescale, rows, steps, column, lanes_left(width - column), sums);
}

inline void divide(const float* sums, float total, int32_t n, float* y) {
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        store_n(y + i, div(load_n(sums + i, left), set1(total)), left);
    }
}

inline void start_sums(float* sums, int32_t width) {
    for (int32_t i = 0; i < width + 2; ++i) sums[i] = i == width ? -INFINITE : 0;
}

// f(Pass<R>(), i) for queries i ... count, R at a time: PASS_QUERIES as long as possible, then 2, then 1.
template <int R> struct Pass { static constexpr int rows = R; };
template <class F> inline void in_passes(int32_t i, int32_t count, F f) {
    for (; i + PASS_QUERIES <= count; i += PASS_QUERIES) f(Pass<PASS_QUERIES>(), i);
    for (; i + 2 <= count; i += 2) f(Pass<2>(), i);
    for (; i < count; ++i) f(Pass<1>(), i);
}

}  // namespace
