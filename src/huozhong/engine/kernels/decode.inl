// Decode attention: generated rows over the cache; included by kernels.inl.  Rows of one sequence share the loading of
// keys; each keeps sums of its own, so that its result does not depend on the others.

namespace {

constexpr int32_t DIRECT_QUERIES = 16;  // up to so many read float16 keys as they are; for more they are converted once

// R queries of a job, which may be of several rows: row by row, and head by head.
template <int R> struct Queries {
    const float* q[R];
    Sums<R> sums;
    int32_t visible[R];  // keys, from position 0

    template <class Job> Queries(const Job& job, int32_t index, int32_t position, int32_t width) {
        for (int r = 0; r < R; ++r) {
            const int32_t row = (index + r) / job.heads, head = (index + r) % job.heads;
            q[r] = job.q + row * job.q_stride + int64_t(head) * width;
            sums.row[r] = job.part + row * job.row_stride + head * job.part_stride;
            visible[r] = position + row + 1;
        }
    }
    // Scores [R, KEY_BLOCK] of `keys` keys from `begin` on become softmax weights; rescale [R] is for the sums so far.
    void online_softmax_rows(float* scores, int32_t begin, int32_t keys, int32_t width, float* rescale) const {
        for (int r = 0; r < R; ++r) {
            const int32_t valid = visible[r] - begin;
            float* end = sums.row[r] + width;
            rescale[r] = online_softmax(scores + r * KEY_BLOCK, valid < keys ? valid : keys, end[0], end[1]);
        }
    }
};

template <class Job> inline void start_parts(const Job& job, int32_t width) {
    for (int32_t row = 0; row < job.rows; ++row)
        for (int32_t head = 0; head < job.heads; ++head)
            start_sums(job.part + row * job.row_stride + head * job.part_stride, width);
}

// Asks for the block of keys at `begin`, while the one before is worked on.
inline void prefetch_keys(const LatentDecode& job, int32_t begin) {
    const int32_t end = begin + KEY_BLOCK < job.end ? begin + KEY_BLOCK : job.end;
    const int64_t bytes = cached_bytes(job.format, job.rank) + cached_bytes(job.format, job.rope);
    for (int32_t k = begin; k < end; ++k)
        for (int64_t i = 0; i < bytes; i += 64) prefetch(job.cache + job.offset[k] + i);
}

// scores [R, KEY_BLOCK] of R query rows against rows of keys that are not transposed: lanes run over a row's numbers
template <class B, int R>
void score_rows(const float* const* q, const typename B::Row* const* rows, int32_t keys, int32_t width, float scale,
                float* scores) {
    constexpr int PARTS = 16 / W;
    for (int32_t k = 0; k < keys; k += ROW_KEYS) {  // KEY_BLOCK rows: behind the last key it is repeated
        Vec sum[R][ROW_KEYS][PARTS];
        for (auto& row : sum)
            for (auto& one : row)
                for (Vec& part : one) part = set1(0.0f);
        int32_t d = 0;
        for (; d + 16 <= width; d += 16)
            for (int part = 0; part < PARTS; ++part) {
                Vec key[ROW_KEYS];
                for (int i = 0; i < ROW_KEYS; ++i) key[i] = load(rows[k + i] + d + part * W);
                for (int r = 0; r < R; ++r) {
                    const Vec x = load(q[r] + d + part * W);
                    for (int i = 0; i < ROW_KEYS; ++i) sum[r][i][part] = fma(x, key[i], sum[r][i][part]);
                }
            }
        Lanes16 all[R * ROW_KEYS];
        for (int r = 0; r < R; ++r)
            for (int i = 0; i < ROW_KEYS; ++i)
                for (int part = 0; part < PARTS; ++part) {
                    const int left = lanes_left(width - d - part * W);
                    Vec& to = all[r * ROW_KEYS + i].part[part];
                    to = sum[r][i][part];
                    if (left) to = fma(load_n(q[r] + d + part * W, left), load_n(rows[k + i] + d + part * W, left), to);
                }
        float sums[R * ROW_KEYS];
        store_sums<R * ROW_KEYS>(all, sums);
        for (int r = 0; r < R; ++r)
            for (int i = 0; i < ROW_KEYS; ++i) scores[r * KEY_BLOCK + k + i] = sums[r * ROW_KEYS + i] * scale;
    }
}

template <class B>
void decode_rows(const LatentDecode& job, const typename B::Row* const* rows, int32_t begin, int32_t keys,
                 float* scores) {
    in_passes(0, job.rows * job.heads, [&](auto pass, int32_t index) {
        constexpr int R = decltype(pass)::rows;
        const Queries<R> queries(job, index, job.position, job.rank + job.rope);
        float rescale[R];
        score_rows<B, R>(queries.q, rows, keys, job.rank + job.rope, job.scale, scores);
        queries.online_softmax_rows(scores, begin, keys, job.rank, rescale);
        accumulate<B, R>(scores, rescale, rows, keys, job.rank, queries.sums);
    });
}

// Both products read the rows as they lie: adding lanes at the end of each score costs less than transposing keys.
void attend_decode(const LatentDecode& job) {
    const int32_t latent = job.rank + job.rope;
    float* unpacked = job.scratch;
    float* scores = unpacked + KEY_BLOCK * latent;
    start_parts(job, job.rank);
    prefetch_keys(job, job.begin);
    for (int32_t begin = job.begin; begin < job.end; begin += KEY_BLOCK) {
        prefetch_keys(job, begin + KEY_BLOCK);
        const int32_t keys = job.end - begin < KEY_BLOCK ? job.end - begin : KEY_BLOCK;
        const uint8_t* at[KEY_BLOCK];
        for (int32_t k = 0; k < KEY_BLOCK; ++k)  // those behind the last key are masked later
            at[k] = job.cache + job.offset[begin + (k < keys ? k : keys - 1)];
        if (job.format == CacheFormat::f16 && job.rows * job.heads <= DIRECT_QUERIES) {
            const uint16_t* rows[KEY_BLOCK];
            for (int32_t k = 0; k < KEY_BLOCK; ++k) rows[k] = reinterpret_cast<const uint16_t*>(at[k]);
            decode_rows<HalfRows>(job, rows, begin, keys, scores);
            continue;
        }
        const float* rows[KEY_BLOCK];
        for (int32_t k = 0; k < KEY_BLOCK; ++k) {
            rows[k] = k < keys ? unpacked + k * latent : rows[keys - 1];
            if (job.format == CacheFormat::f32) rows[k] = reinterpret_cast<const float*>(at[k]);
            if (job.format == CacheFormat::f32 || k >= keys) continue;
            load_row(job.format, at[k], job.rank, unpacked + k * latent);
            load_row(job.format, at[k] + cached_bytes(job.format, job.rank), job.rope,
                     unpacked + k * latent + job.rank);
        }
        decode_rows<Floats>(job, rows, begin, keys, scores);
    }
}

// The cached numbers of a tile, and how they become floats.  A scale belongs to 32 numbers of one position.
struct CachedFloat {
    static constexpr CacheFormat format = CacheFormat::f32;
    using Number = float;
    struct Scale {};
    static Scale key_scale(const uint8_t*, int32_t, int32_t, int) { return {}; }
    static Scale value_scale(const float*, int32_t, int32_t) { return {}; }
    static Vec get(const float* p, Scale) { return load(p); }
};
struct CachedHalf : CachedFloat {
    static constexpr CacheFormat format = CacheFormat::f16;
    using Number = uint16_t;
    static Vec get(const uint16_t* p, Scale) { return load_half(p); }
};
struct CachedByte {
    static constexpr CacheFormat format = CacheFormat::q8;
    using Number = int8_t;
    using Scale = Vec;
    static Scale key_scale(const uint8_t* tile, int32_t dim, int32_t group, int lane) {
        return load_half(reinterpret_cast<const uint16_t*>(tile + KEY_TILE * dim) + group * KEY_TILE + lane);
    }
    static Scale value_scale(const float* scales, int32_t group, int32_t key) {
        return set1(scales[group * KEY_BLOCK + key]);
    }
    static Vec get(const int8_t* p, Scale scale) { return mul(load_i8(p), scale); }
};
template <class E> inline Vec get_n(const typename E::Number* p, int n, typename E::Scale scale) {
    if (n == W) return E::get(p, scale);
    typename E::Number x[W] = {};
    for (int i = 0; i < n; ++i) x[i] = p[i];
    return E::get(x, scale);
}

// Four tiles of keys, four of values, and the values' scales [groups, KEY_BLOCK].
struct Tiles {
    const uint8_t *keys[KEY_BLOCK / KEY_TILE], *values[KEY_BLOCK / KEY_TILE];
    const float* scales;
};

// scores [R, KEY_BLOCK] of R queries against four tiles of keys
template <class E, int R>
void score_tiles(const float* const* q, int32_t dim, const Tiles& tiles, float scale, float* scores) {
    for (int k = 0; k < KEY_BLOCK; k += KEY_VECS * W) {
        const typename E::Number* at[KEY_VECS];
        Vec sum[R][KEY_VECS];
        for (int i = 0; i < KEY_VECS; ++i) {
            const uint8_t* tile = tiles.keys[(k + i * W) / KEY_TILE];
            at[i] = reinterpret_cast<const typename E::Number*>(tile) + (k + i * W) % KEY_TILE;
            for (int r = 0; r < R; ++r) sum[r][i] = set1(0.0f);
        }
        const int32_t step = E::format == CacheFormat::q8 ? GROUP : dim;  // numbers that share a scale
        for (int32_t first = 0; first < dim; first += step) {
            typename E::Scale scales[KEY_VECS];
            for (int i = 0; i < KEY_VECS; ++i)
                scales[i] =
                    E::key_scale(tiles.keys[(k + i * W) / KEY_TILE], dim, first / GROUP, (k + i * W) % KEY_TILE);
            const int32_t end = dim - first < step ? dim : first + step;
            for (int32_t d = first; d < end; ++d) {
                Vec key[KEY_VECS];
                for (int i = 0; i < KEY_VECS; ++i) key[i] = E::get(at[i] + d * KEY_TILE, scales[i]);
                for (int r = 0; r < R; ++r) {
                    const Vec x = set1(q[r][d]);
                    for (int i = 0; i < KEY_VECS; ++i) sum[r][i] = fma(x, key[i], sum[r][i]);
                }
            }
        }
        for (int r = 0; r < R; ++r)
            for (int i = 0; i < KEY_VECS; ++i) store(scores + r * KEY_BLOCK + k + i * W, mul(sum[r][i], set1(scale)));
    }
}

// Some columns of accumulate_tiles; `left`: how many of each vector's lanes there are, if not all.
template <class E, int R, bool ALL>
inline void accumulate_tile_columns(const float* p, const float* rescale, const Tiles& tiles, int32_t keys, int32_t dim,
                             int32_t column, const Sums<R>& sums) {
    Vec sum[R][KEY_VECS];
    int left[KEY_VECS];
    for (int i = 0; i < KEY_VECS; ++i) left[i] = ALL ? W : lanes_left(dim - column - i * W);
    for (int r = 0; r < R; ++r)
        for (int i = 0; i < KEY_VECS; ++i) {
            const float* at = sums.row[r] + column + i * W;
            sum[r][i] = mul(set1(rescale[r]), ALL ? load(at) : load_n(at, left[i]));
        }
    for (int32_t k = 0; k < keys; ++k) {
        const auto* row = reinterpret_cast<const typename E::Number*>(tiles.values[k / KEY_TILE]) +
                          (k % KEY_TILE) * dim + column;
        Vec value[KEY_VECS];
        for (int i = 0; i < KEY_VECS; ++i) {
            const auto scale = [&] { return E::value_scale(tiles.scales, (column + i * W) / GROUP, k); };
            if constexpr (ALL) value[i] = E::get(row + i * W, scale());
            else value[i] = left[i] ? get_n<E>(row + i * W, left[i], scale()) : set1(0.0f);
        }
        for (int r = 0; r < R; ++r)
            for (int i = 0; i < KEY_VECS; ++i) sum[r][i] = fma(set1(p[r * KEY_BLOCK + k]), value[i], sum[r][i]);
    }
    for (int r = 0; r < R; ++r)
        for (int i = 0; i < KEY_VECS; ++i) {
            float* at = sums.row[r] + column + i * W;
            if constexpr (ALL) store(at, sum[r][i]);
            else store_n(at, sum[r][i], left[i]);
        }
}

// sums [R, dim] = sums * rescale + p [R, KEY_BLOCK] x values [keys, dim], the values of 16 keys side by side
template <class E, int R>
void accumulate_tiles(const float* p, const float* rescale, const Tiles& tiles, int32_t keys, int32_t dim,
                      const Sums<R>& sums) {
    int32_t column = 0;
    for (; column + KEY_VECS * W <= dim; column += KEY_VECS * W)
        accumulate_tile_columns<E, R, true>(p, rescale, tiles, keys, dim, column, sums);
    for (; column < dim; column += KEY_VECS * W)
        accumulate_tile_columns<E, R, false>(p, rescale, tiles, keys, dim, column, sums);
}

template <class E> void decode_tiles(const GroupedAttention& job) {
    float* scores = job.scratch;
    float* value_scales = scores + MAX_QUERIES * KEY_BLOCK;
    const int64_t tile_bytes = KEY_TILE * cached_bytes(E::format, job.dim);
    const int32_t groups = E::format == CacheFormat::q8 ? (job.dim + GROUP - 1) / GROUP : 0;
    start_parts(job, job.dim);
    for (int32_t begin = job.begin; begin < job.end; begin += KEY_BLOCK) {
        const int32_t count = job.end - begin < KEY_BLOCK ? job.end - begin : KEY_BLOCK;
        Tiles tiles;
        tiles.scales = value_scales;
        for (int32_t i = 0; i < KEY_BLOCK / KEY_TILE; ++i) {
            const int32_t there = i * KEY_TILE < count ? i : (count - 1) / KEY_TILE;  // behind the last: masked
            tiles.keys[i] = job.cache + job.tile[begin / KEY_TILE + there];
            tiles.values[i] = tiles.keys[i] + job.value_offset;
            for (int32_t group = 0; group < groups; ++group)
                load_row(CacheFormat::f16, tiles.values[i] + KEY_TILE * job.dim + group * KEY_TILE * 2, KEY_TILE,
                         value_scales + group * KEY_BLOCK + i * KEY_TILE);
            if (begin + KEY_BLOCK + i * KEY_TILE < job.end) {  // fetch the next block while this one is worked on
                const uint8_t* next = job.cache + job.tile[begin / KEY_TILE + KEY_BLOCK / KEY_TILE + i];
                for (int64_t line = 0; line < tile_bytes; line += 64) {
                    prefetch(next + line);
                    prefetch(next + job.value_offset + line);
                }
            }
        }
        in_passes(0, job.rows * job.heads, [&](auto pass, int32_t index) {
            constexpr int R = decltype(pass)::rows;
            const Queries<R> queries(job, index, job.start, job.dim);
            float rescale[R];
            score_tiles<E, R>(queries.q, job.dim, tiles, job.scale, scores);
            queries.online_softmax_rows(scores, begin, count, job.dim, rescale);
            accumulate_tiles<E, R>(scores, rescale, tiles, count, job.dim, queries.sums);
        });
    }
}

void grouped_decode(const GroupedAttention& job) {
    switch (job.format) {
        case CacheFormat::f32: return decode_tiles<CachedFloat>(job);
        case CacheFormat::f16: return decode_tiles<CachedHalf>(job);
        case CacheFormat::q8: return decode_tiles<CachedByte>(job);
    }
}

// DeepSeek-V3.2's indexer: heads' dot products, cut off below 0 and weighted.
void index_scores(const float* dots, int64_t stride, const float* weights, int32_t heads, int32_t keys, float* scores) {
    const Vec zero = set1(0.0f);
    for (int32_t k = 0; k < keys; k += W) {
        const int left = lanes_left(keys - k);
        Vec sum = zero;
        for (int32_t h = 0; h < heads; ++h)
            sum = fma(set1(weights[h]),
                      max(left == W ? load(dots + h * stride + k) : load_n(dots + h * stride + k, left), zero), sum);
        store_n(scores + k, sum, left);
    }
}

void combine(const float* part, int64_t part_stride, int32_t parts, int32_t rank, float sink, float* y) {
    float top = sink;
    for (int32_t i = 0; i < parts; ++i) {
        const float maximum = part[i * part_stride + rank];
        top = maximum > top ? maximum : top;
    }
    float total = exp1(sink - top);
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
