// Sparse attention (DeepSeek-V3.2, section 2.1): an indexer gives every earlier key a score, and a row attends to the
// best `index_top` of them.  A row that has no more keys than that before it attends to all, as if there were no indexer.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "model.h"
#include "worker.inl"

namespace huozhong {

// A row that has more keys than index_top; `row` counts rows of the batch.
struct IndexRow {
    const Span* span;
    int32_t keys;
    int64_t row;
};

namespace {

constexpr int32_t ROUND_ROWS = 64;    // rows whose scores are kept at once
constexpr int32_t GROUP_QUERIES = 512;  // of rows that read a page of keys together: they stay in the caches
constexpr int32_t ITEM_PAGES = 8;     // pages of keys per item
constexpr int32_t BINS = 4096;

// The keys of one page as the matrix that they are.
Matrix page_keys(const Config& c, const Cache& cache, const KeyPlace& place, const Span& span, int32_t page, int32_t keys) {
    const uint8_t* data = cache.base + span.page[page] + place.keys;
    if (cache.format == CacheFormat::f32) return {Format::f32, keys, c.index_dim, 1, data, nullptr};
    return {Format::q8, keys, c.index_dim, 1, data,
            reinterpret_cast<const uint16_t*>(data + int64_t(place.per_page) * c.index_dim)};
}

// Whole numbers in the order of the floats; NaN comes first of all, and both zeros are one.
uint32_t ordered(float x) {
    if (std::isnan(x)) return 0;
    x += 0.0f;
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// The positions of the `top` best of n scores, in order; of equals the earlier ones.
struct Best {
    std::vector<uint32_t> keys, candidates;

    void operator()(const float* scores, int32_t n, int32_t top, int32_t* positions) {
        keys.resize(n);
        candidates.clear();
        std::vector<int32_t> bins(BINS, 0);
        for (int32_t i = 0; i < n; ++i) ++bins[(keys[i] = ordered(scores[i])) >> 20];
        int32_t bin = BINS - 1, needed = top;
        for (; bins[bin] < needed; --bin) needed -= bins[bin];
        for (int32_t i = 0; i < n; ++i)
            if (int32_t(keys[i] >> 20) == bin) candidates.push_back(keys[i]);
        std::nth_element(candidates.begin(), candidates.begin() + (needed - 1), candidates.end(), std::greater<>());
        const uint32_t last = candidates[needed - 1];
        const auto above = [last](uint32_t key) { return key > last; };
        needed -= int32_t(std::count_if(candidates.begin(), candidates.begin() + (needed - 1), above));  // of equals
        for (int32_t i = 0; top > 0; ++i) {
            if (keys[i] < last || (keys[i] == last && needed-- <= 0)) continue;
            *positions++ = i;
            --top;
        }
    }
};

}  // namespace

void Worker::write_index(const Config& c, const Cache& cache, const KeyPlace& place, const Span& span, int32_t number,
                         const float* key) {
    uint8_t* page = cache.base + span.page[number / place.per_page] + place.keys;
    const int32_t slot = number % place.per_page, lane = slot % BLOCK, groups = c.index_dim / GROUP;
    const int64_t before = int64_t(slot / BLOCK) * BLOCK;  // positions of earlier blocks
    if (cache.format == CacheFormat::f32) {
        for (int32_t d = 0; d < c.index_dim; ++d)
            std::memcpy(page + ((before * c.index_dim) + int64_t(d) * BLOCK + lane) * 4, key + d, 4);
        return;
    }
    std::vector<uint8_t> row(cached_bytes(CacheFormat::q8, c.index_dim));
    k_.store_row(CacheFormat::q8, key, c.index_dim, row.data());
    uint8_t* data = page + before * c.index_dim;
    for (int32_t d = 0; d < c.index_dim; ++d)
        data[d / 4 * (4 * BLOCK) + lane * 4 + d % 4] = row[d] ^ 0x80;  // plus 128
    uint8_t* scales = page + int64_t(place.per_page) * c.index_dim + before * groups * 2;
    for (int32_t g = 0; g < groups; ++g)
        std::memcpy(scales + (g * BLOCK + lane) * 2, row.data() + c.index_dim + 2 * g, 2);
}

// Key, query and weights of one row of the batch as they are used: normed, rotated, scaled.
void Worker::finish_index(const Config& c, const IndexWeights& w, const float* table, int64_t row, const Cache& cache,
                          const Span& span, int32_t position) {
    float* key = index_key_.data() + row * c.index_dim;
    std::vector<float> normed(c.index_dim);
    k_.layer_norm(key, w.key_norm, w.key_bias, INDEX_EPS, c.index_dim, normed.data());
    rotate(normed.data(), 0, 1, table, c.rope);
    write_index(c, cache, latent_place(c, cache), span, position, normed.data());
    rotate(index_q_.data() + row * c.index_heads * c.index_dim, c.index_dim, c.index_heads, table, c.rope);
    const float scale = float(1.0 / std::sqrt(double(c.index_heads) * c.index_dim));
    for (int32_t h = 0; h < c.index_heads; ++h) index_weights_[row * c.index_heads + h] *= scale;
}

// Scores [count, stride] of rows against all keys that they see (and some behind).
void Worker::score_rows(const Config& c, const Rows& query, const float* weights, const IndexRow* rows, int32_t count,
                        const Cache& cache, const KeyPlace& place, float* scores, int64_t stride) {
    struct Piece { int32_t first, rows, page; };
    const int32_t heads = c.index_heads, most = std::max(1, GROUP_QUERIES / heads), size = place.per_page;
    std::vector<Piece> pieces;
    for (int32_t first = 0, next; first < count; first = next) {
        for (next = first + 1; next < count && next < first + most; ++next)
            if (rows[next].span != rows[first].span) break;
        for (int32_t page = 0; page * size < rows[next - 1].keys; page += ITEM_PAGES)
            pieces.push_back({first, next - first, page});
    }
    const int64_t room = int64_t(most) * heads * size;
    float* all_dots = grow(index_dots_, room * threads_);
    Pool::get().run(threads_, pieces.size(), [&](int32_t item, int32_t thread) {
        const Piece& piece = pieces[item];
        const IndexRow &first = rows[piece.first], &last = rows[piece.first + piece.rows - 1];
        float* dots = all_dots + room * thread;
        for (int32_t page = piece.page; page < piece.page + ITEM_PAGES && page * size < last.keys; ++page) {
            const int32_t keys = std::min(size, last.keys - page * size);
            const Matrix matrix = page_keys(c, cache, place, *first.span, page, keys);
            k_.matmul({&matrix, 0, query, nullptr, int32_t(first.row * heads), 1, piece.rows * heads, dots, size, false},
                      0, matrix.blocks());
            for (int32_t r = 0; r < piece.rows; ++r)
                k_.index_scores(dots + int64_t(r) * heads * size, size, weights + (first.row + r) * heads, heads, keys,
                                scores + (piece.first + r) * stride + int64_t(page) * size);
        }
    });
}

void Worker::choose_keys(const Config& c, const float* query, const float* weights, const std::vector<Span>& spans,
                         const Cache& cache, const KeyPlace& place) {
    std::vector<IndexRow> rows;
    int32_t tokens = 0;
    for (const Span& span : spans) {
        for (int32_t i = 0; i < span.length; ++i) {
            const int32_t keys = (span.start + i + 1) / place.rate;
            if (keys > c.index_top) rows.push_back({&span, keys, span.first_row + i});
        }
        tokens += span.length;
    }
    if (rows.empty()) return;
    const int64_t all = int64_t(rows.size()) * c.index_top;
    if (int64_t(chosen_.size()) < all) {
        chosen_.resize(all);
        chosen_offsets_.resize(all);
    }
    const int32_t queries = tokens * c.index_heads, width = c.index_dim;
    const Rows in = index_in_.rows(query, width, queries, width);
    if (cache.format != CacheFormat::f32)
        for_rows(queries, width * 4, [&](int32_t r) { quantize(index_in_, query + int64_t(r) * width, r, width); });
    std::vector<Best> best(threads_);
    for (int32_t first = 0; first < int32_t(rows.size()); first += ROUND_ROWS) {
        const int32_t count = std::min<int32_t>(ROUND_ROWS, rows.size() - first);
        int64_t stride = 0;
        for (int32_t r = first; r < first + count; ++r) {
            const int64_t size = place.per_page;
            stride = std::max(stride, (rows[r].keys + size - 1) / size * size);
        }
        float* scores = grow(index_scores_, stride * count);
        score_rows(c, in, weights, rows.data() + first, count, cache, place, scores, stride);
        Pool::get().run(threads_, count, [&](int32_t r, int32_t thread) {
            const IndexRow& row = rows[first + r];
            int32_t* positions = chosen_.data() + int64_t(first + r) * c.index_top;
            int64_t* offsets = chosen_offsets_.data() + int64_t(first + r) * c.index_top;
            best[thread](scores + r * stride, row.keys, c.index_top, positions);
            for (int32_t i = 0; i < c.index_top; ++i) offsets[i] = place.offset(*row.span, positions[i]);
        });
    }
}

}  // namespace huozhong
