// Attention of prompt rows, a block of keys and values at a time; included by kernels.inl.

namespace {

// A block of keys and values as the products want it, and the queries.  `scratch`: memory for what is rounded.
template <class B> struct KeyBlock;

template <> struct KeyBlock<Floats> {
    const float* keys;
    const float* rows[KEY_BLOCK];
    int32_t steps;  // of a sum over keys

    float* set_queries(const float*, int64_t, int32_t, int32_t, int32_t, float* scratch) { return scratch; }
    void fill(const float* transposed, const float* const* values, int32_t, int32_t count, int32_t, float*) {
        keys = transposed;
        steps = count;
        for (int k = 0; k < KEY_BLOCK; ++k) rows[k] = values[k];
    }
    static const float* weights(const float* scores, int, uint32_t*) { return scores; }
};

#ifdef HUOZHONG_BF16_PAIRS
template <> struct KeyBlock<Bf16Pairs> {
    const uint32_t *queries, *keys;
    const uint32_t* rows[KEY_BLOCK / 2];
    int32_t steps;

    // Rounds `rows` x `heads` queries of `width` numbers to pairs; returns the scratch memory behind them.
    float* set_queries(const float* q, int64_t stride, int32_t rows_, int32_t heads, int32_t width,
                       float* scratch) {
        auto* to = reinterpret_cast<uint32_t*>(scratch);
        const int64_t pairs = (width + 1) / 2;
        queries = to;
        for (int32_t row = 0; row < rows_; ++row)
            for (int32_t head = 0; head < heads; ++head, to += pairs)
                pair_neighbours(q + row * stride + int64_t(head) * width, width, to);
        return reinterpret_cast<float*>(to);
    }
    // Always a full block, so that the number of products does not depend on how a prompt was cut.
    void fill(const float* transposed, const float* const* values, int32_t width, int32_t count, int32_t v,
              float* scratch) {
        auto* to = reinterpret_cast<uint32_t*>(scratch);
        keys = to;
        const float* d = transposed;
        for (int32_t i = 0; i < width; i += 2, d += 2 * KEY_BLOCK, to += KEY_BLOCK) {
            if (i + 1 < width) {
                pair_rows(d, d + KEY_BLOCK, KEY_BLOCK, to);
            } else {
                const float zeros[KEY_BLOCK] = {};
                pair_rows(d, zeros, KEY_BLOCK, to);
            }
        }
        steps = KEY_BLOCK / 2;
        for (int k = 0; k < steps; ++k, to += v) {
            rows[k] = to;
            if (2 * k + 1 < count) {
                pair_rows(values[2 * k], values[2 * k + 1], v, to);
            } else {  // behind the last key memory may hold anything, even NaN
                for (int32_t i = 0; i < v; ++i) to[i] = 0;
                if (2 * k < count) {
                    pair_rows(values[2 * k], values[2 * k], v, to);
                    for (int32_t i = 0; i < v; ++i) to[i] &= 0xffff;
                }
            }
        }
    }
    static const uint32_t* weights(const float* scores, int r, uint32_t* to) {
        for (int i = 0; i < r; ++i) pair_neighbours(scores + i * KEY_BLOCK, KEY_BLOCK, to + i * (KEY_BLOCK / 2));
        return to;
    }
};
#endif

// Scores, softmax and weighted sums of R queries against a block.  valid: how many of its keys each may see.
template <class B, int R>
inline void attend_block(const typename B::Number* const* q, const KeyBlock<B>& block, int32_t width, int32_t v,
                         float scale, const int32_t* valid, const Sums<R>& sums, float* scores) {
    float rescale[R];
    uint32_t pairs[B::per_lane == 2 ? R * KEY_BLOCK / 2 : 1];
    score<B, R>(q, block.keys, (width + B::per_lane - 1) / B::per_lane, scale, scores);
    for (int r = 0; r < R; ++r)
        rescale[r] = online_softmax(scores + r * KEY_BLOCK, valid[r], sums.row[r][v], sums.row[r][v + 1]);
    accumulate<B, R>(KeyBlock<B>::weights(scores, R, pairs), rescale, block.rows, block.steps, v, sums);
}

// Query number `index` as the products want it; q: the same query in float.
template <class B>
inline const typename B::Number* query(const KeyBlock<B>& block, const float* q, int64_t index, int32_t width);
template <> inline const float* query(const KeyBlock<Floats>&, const float* q, int64_t, int32_t) { return q; }
#ifdef HUOZHONG_BF16_PAIRS
template <> inline const uint32_t* query(const KeyBlock<Bf16Pairs>& block, const float*, int64_t index, int32_t width) {
    return block.queries + index * ((width + 1) / 2);
}
#endif

template <class B> void prefill_latent(const LatentPrefill& job) {
    const int32_t nope = job.k_up->out, v = job.v_up->out, width = nope + job.rope, end = job.start + job.rows;
    const int64_t key_stride = round16(nope), value_stride = round16(v), stride = value_stride + 2;
    float* expanded_keys = job.scratch;
    float* rotary = expanded_keys + KEY_BLOCK * key_stride;
    float* transposed = rotary + KEY_BLOCK * job.rope;
    float* values = transposed + KEY_BLOCK * width;
    float* scores = values + KEY_BLOCK * value_stride;
    float* state = scores + MAX_QUERIES * KEY_BLOCK;
    KeyBlock<B> block;
    float* scratch = block.set_queries(job.q, job.q_stride, job.rows, 1, width, state + job.rows * stride);
    for (int32_t row = 0; row < job.rows; ++row) start_sums(state + row * stride, v);
    for (int32_t begin = 0; begin < end; begin += KEY_BLOCK) {
        const int32_t keys = end - begin < KEY_BLOCK ? end - begin : KEY_BLOCK;
        matmul({job.k_up, job.head, job.latent, nullptr, begin, 1, keys, expanded_keys, key_stride, false}, 0,
               job.k_up->blocks());
        matmul({job.v_up, job.head, job.latent, nullptr, begin, 1, keys, values, value_stride, false}, 0,
               job.v_up->blocks());
        const float *key_rows[KEY_BLOCK], *rotary_rows[KEY_BLOCK], *value_rows[KEY_BLOCK];
        for (int32_t k = 0; k < KEY_BLOCK; ++k) {
            const int32_t there = k < keys ? k : keys - 1;  // keys that do not exist are masked later
            key_rows[k] = expanded_keys + there * key_stride;
            rotary_rows[k] = rotary + k * job.rope;
            load_row(job.format, job.cache + job.offset[begin + there] + cached_bytes(job.format, job.rank), job.rope,
                     rotary + k * job.rope);
            value_rows[k] = values + there * value_stride;
        }
        transpose_keys(key_rows, nope, transposed);
        transpose_keys(rotary_rows, job.rope, transposed + nope * KEY_BLOCK);
        block.fill(transposed, value_rows, width, keys, v, scratch);
        const int32_t first = begin - job.start > 0 ? begin - job.start : 0;  // earlier rows see none of these keys
        in_passes(first, job.rows, [&](auto pass, int32_t row) {
            constexpr int R = decltype(pass)::rows;
            const typename B::Number* q[R];
            Sums<R> sums;
            int32_t valid[R];
            for (int r = 0; r < R; ++r) {
                q[r] = query<B>(block, job.q + (row + r) * job.q_stride, row + r, width);
                sums.row[r] = state + (row + r) * stride;
                valid[r] = job.start + row + r + 1 - begin;
                if (valid[r] > keys) valid[r] = keys;
            }
            attend_block<B, R>(q, block, width, v, job.scale, valid, sums, scores);
        });
    }
    for (int32_t row = 0; row < job.rows; ++row)
        divide(state + row * stride, state[row * stride + v + 1], v, job.y + row * job.y_stride);
}

void attend_prefill(const LatentPrefill& job) {
#ifdef HUOZHONG_BF16_PAIRS
    if (job.format != CacheFormat::f32) return prefill_latent<Bf16Pairs>(job);
#endif
    prefill_latent<Floats>(job);
}

// A tile's 16 keys to keys [dim, KEY_BLOCK], and 16 values' rows to values [16, dim].
void unpack_tile(CacheFormat format, const uint8_t* tile, const uint8_t* rows, int32_t dim, float* keys,
                 float* values) {
    if (format != CacheFormat::q8) {
        for (int32_t d = 0; d < dim; ++d)
            load_row(format, tile + cached_bytes(format, int64_t(d) * KEY_TILE), KEY_TILE, keys + d * KEY_BLOCK);
        load_row(format, rows, KEY_TILE * dim, values);
        return;
    }
    const auto *key_scales = reinterpret_cast<const uint16_t*>(tile + KEY_TILE * dim);
    const auto *value_scales = reinterpret_cast<const uint16_t*>(rows + KEY_TILE * dim);
    for (int32_t d = 0; d < dim; ++d)
        for (int i = 0; i < KEY_TILE; i += W)
            store(keys + d * KEY_BLOCK + i, mul(load_i8(reinterpret_cast<const int8_t*>(tile) + d * KEY_TILE + i),
                                                load_half(key_scales + d / GROUP * KEY_TILE + i)));
    for (int32_t k = 0; k < KEY_TILE; ++k) {
        const auto* q = reinterpret_cast<const int8_t*>(rows) + k * dim;
        float* to = values + k * dim;
        for (int32_t first = 0; first < dim; first += GROUP) {
            const float scale = half_to_float(value_scales[first / GROUP * KEY_TILE + k]);
            const int32_t end = dim - first < GROUP ? dim : first + GROUP;
            int32_t d = first;
            for (; d + W <= end; d += W) store(to + d, mul(load_i8(q + d), set1(scale)));
            for (; d < end; ++d) to[d] = float(q[d]) * scale;
        }
    }
}

// A block of keys and values is unpacked once for all rows and heads.
template <class B> void prefill_grouped(const GroupedAttention& job) {
    const int32_t end = job.start + job.rows, dim = job.dim;
    const int64_t stride = dim + 2;
    float* keys = job.scratch;               // [dim, KEY_BLOCK]
    float* values = keys + KEY_BLOCK * dim;  // [KEY_BLOCK, dim]
    float* scores = values + KEY_BLOCK * dim;
    float* state = scores + MAX_QUERIES * KEY_BLOCK;
    KeyBlock<B> block;
    float* scratch = block.set_queries(job.q, job.q_stride, job.rows, job.heads, dim,
                                    state + int64_t(job.rows) * job.heads * stride);
    for (int64_t i = 0; i < job.rows * job.heads; ++i) start_sums(state + i * stride, dim);
    for (int32_t begin = 0; begin < end; begin += KEY_BLOCK) {
        const int32_t count = end - begin < KEY_BLOCK ? end - begin : KEY_BLOCK;
        const float* value_rows[KEY_BLOCK];
        for (int32_t i = 0; i < KEY_BLOCK / KEY_TILE; ++i) {
            const int32_t there = i * KEY_TILE < count ? i : (count - 1) / KEY_TILE;
            const uint8_t* tile = job.cache + job.tile[begin / KEY_TILE + there];
            unpack_tile(job.format, tile, tile + job.value_offset, dim, keys + i * KEY_TILE,
                        values + i * KEY_TILE * dim);
        }
        for (int32_t k = 0; k < KEY_BLOCK; ++k) value_rows[k] = values + k * dim;
        block.fill(keys, value_rows, dim, count, dim, scratch);
        for (int32_t row = begin - job.start > 0 ? begin - job.start : 0; row < job.rows; ++row) {
            const int32_t visible = job.start + row + 1 - begin, valid = visible < count ? visible : count;
            in_passes(0, job.heads, [&](auto pass, int32_t head) {
                constexpr int R = decltype(pass)::rows;
                const typename B::Number* q[R];
                Sums<R> sums;
                int32_t each[R];
                for (int r = 0; r < R; ++r) {
                    const int64_t index = int64_t(row) * job.heads + head + r;
                    q[r] = query<B>(block, job.q + row * job.q_stride + (head + r) * dim, index, dim);
                    sums.row[r] = state + index * stride;
                    each[r] = valid;
                }
                attend_block<B, R>(q, block, dim, dim, job.scale, each, sums, scores);
            });
        }
    }
    for (int32_t row = 0; row < job.rows; ++row)
        for (int32_t head = 0; head < job.heads; ++head) {
            const float* at = state + (int64_t(row) * job.heads + head) * stride;
            divide(at, at[dim + 1], dim, job.y + row * job.y_stride + head * dim);
        }
}

void grouped_prefill(const GroupedAttention& job) {
#ifdef HUOZHONG_BF16_PAIRS
    if (job.format != CacheFormat::f32) return prefill_grouped<Bf16Pairs>(job);
#endif
    prefill_grouped<Floats>(job);
}

}  // namespace
