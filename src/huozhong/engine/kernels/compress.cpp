// Windows of positions become entries (DeepSeek-V4, sections 2.3.1 and 2.3.2): means of values that are weighted by the
// softmax of gates, normed, and rotated at the window's first position.
//
// Whether a window's positions come in one batch or in many, its numbers pass the same operations in the same order.
#include <algorithm>
#include <cstring>

#include "worker.inl"

namespace huozhong {
namespace {

constexpr int32_t SLICE = 128;  // numbers of a heavy window that a thread follows at a time

struct Window { const Span* span; int32_t number; };

// Those whose last positions are in the batch.
std::vector<Window> closed_windows(const std::vector<Span>& spans, int32_t rate) {
    std::vector<Window> windows;
    for (const Span& span : spans)
        for (int32_t i = span.start / rate; i < span.end() / rate; ++i) windows.push_back({&span, i});
    return windows;
}

// Where positions keep what later windows need.
struct Ring {
    uint8_t* base;
    int64_t open, slot;
    int32_t page_size;

    Ring(const Config& c, Compression kind, const Cache& cache)
        : base(cache.base), page_size(cache.page_size) {
        const PageParts parts(c, kind, cache.page_size, cache.format);
        open = parts.open;
        slot = parts.slot;
    }
    float* at(const Span& span, int32_t position) const {
        return reinterpret_cast<float*>(base + span.page[position / page_size] + open + position % RING * slot);
    }
};

}  // namespace

void Worker::compress(const Config& c, const CompressedWeights& w, const float* rope, const std::vector<Span>& spans,
                      const Cache& cache, float* raw) {
    if (w.kind == Compression::sparse) compress_sparse(c, w, rope, spans, cache, raw);
    if (w.kind == Compression::heavy) compress_heavy(c, w, rope, spans, cache, raw);
}

// Number `number` of a sequence's entries, or its key: norm, rotation, and into the cache.
void Worker::write_entry(const Config& c, const KeyPlace& place, const float* norm, const float* rope, const Span& span,
                         int32_t number, const Cache& cache, float* mixed) {
    k_.rms_norm(mixed, norm, c.eps, c.dim, mixed);
    rotate(mixed + c.dim - c.rope, 0, 1, rope + int64_t(number) * place.rate * c.rope, c.rope);
    k_.store_row(cache.format, mixed, c.dim, cache.base + place.offset(span, number));
}

// A sparse window reads the first halves of the window before it, and the second halves of its own.
void Worker::compress_sparse(const Config& c, const CompressedWeights& w, const float* rope, const std::vector<Span>& spans,
                             const Cache& cache, float* raw) {
    const KeyPlace place = entry_place(c, w.kind, cache);
    const Ring ring(c, w.kind, cache);
    const int32_t rate = c.sparse_rate, own = 4 * c.dim, width = own + 4 * c.index_dim;
    for (const Span& span : spans)
        for_rows(span.length, width * 4, [&](int32_t i) {
            float* row = raw + int64_t(span.first_row + i) * width;
            const int32_t at = (span.start + i) % rate;
            k_.add_scaled(row + 2 * c.dim, w.bias + int64_t(at) * 2 * c.dim, 1.0f, 2 * c.dim);
            k_.add_scaled(row + own + 2 * c.index_dim, w.index_bias + int64_t(at) * 2 * c.index_dim, 1.0f, 2 * c.index_dim);
        });
    const std::vector<Window> windows = closed_windows(spans, rate);
    const int32_t room = c.dim + c.index_dim;
    float* all = grow(entries_, int64_t(windows.size()) * room);
    for_rows(windows.size(), 2 * rate * width, [&](int32_t i) {
        const Span& span = *windows[i].span;
        const int32_t number = windows[i].number, first = std::max(0, (number - 1) * rate), count = (number + 1) * rate - first;
        const float* rows[2 * MOST_SPARSE];
        for (int32_t r = 0; r < count; ++r) {
            const int32_t position = first + r, inside = position - span.start;
            rows[r] = inside < 0 ? ring.at(span, position) : raw + int64_t(span.first_row + inside) * width;
        }
        // Values [2 n], then gates [2 n], at `from` of a row.
        const auto mix = [&](int32_t from, int32_t n, float* y) {
            const float *values[2 * MOST_SPARSE], *gates[2 * MOST_SPARSE];
            for (int32_t r = 0; r < count; ++r) {
                values[r] = rows[r] + from + (first + r >= number * rate ? n : 0);
                gates[r] = values[r] + 2 * n;
            }
            k_.gated_mean(values, gates, count, n, y);
        };
        float *entry = all + int64_t(i) * room, *key = entry + c.dim;
        mix(0, c.dim, entry);
        mix(own, c.index_dim, key);
        write_entry(c, place, w.norm, rope, span, number, cache, entry);
        k_.rms_norm(key, w.index_norm, c.eps, c.index_dim, key);
        rotate(key + c.index_dim - c.rope, 0, 1, rope + int64_t(number) * rate * c.rope, c.rope);
        write_index(c, cache, place, span, number, key);
    });
    for (const Span& span : spans)
        for_rows(span.length, width * 4, [&](int32_t i) {
            const int32_t position = span.start + i, last = (position / cache.page_size + 1) * cache.page_size;
            if (position + RING < std::min(span.end(), last)) return;  // it would be overwritten
            std::memcpy(ring.at(span, position), raw + int64_t(span.first_row + i) * width, width * sizeof(float));
        });
}

// A heavy window is followed position by position.
void Worker::compress_heavy(const Config& c, const CompressedWeights& w, const float* rope, const std::vector<Span>& spans,
                            const Cache& cache, const float* raw) {
    const KeyPlace place = entry_place(c, w.kind, cache);
    const Ring ring(c, w.kind, cache);
    const int32_t rate = c.heavy_rate, dim = c.dim, slices = (dim + SLICE - 1) / SLICE;
    const std::vector<Window> windows = closed_windows(spans, rate);
    float* all = grow(entries_, int64_t(windows.size()) * dim);
    struct Item { const Span* span; int32_t slice; float* entries; };
    std::vector<Item> items;
    int64_t done = 0, most = 0;
    for (const Span& span : spans) {
        for (int32_t slice = 0; slice < slices; ++slice) items.push_back({&span, slice, all + done * dim});
        done += span.end() / rate - span.start / rate;
        most = std::max<int64_t>(most, span.length);
    }
    for_rows(items.size(), most * SLICE * 32, [&](int32_t i) {
        const Span& span = *items[i].span;
        const int32_t from = items[i].slice * SLICE, n = std::min(SLICE, dim - from);
        float* entry = items[i].entries + from;
        for (int32_t r = 0; r < span.length; ++r) {
            const int32_t position = span.start + r, at = position % rate;
            const float* row = raw + int64_t(span.first_row + r) * 2 * dim + from;
            float* state = ring.at(span, position) + from;
            k_.gated_step(at ? ring.at(span, position - 1) + from : nullptr, row, row + dim, w.bias + int64_t(at) * dim + from,
                          dim, n, state);
            if (at + 1 < rate) continue;
            for (int32_t d = 0; d < n; ++d) entry[d] = state[2 * dim + d] / state[dim + d];
            entry += dim;
        }
    });
    for_rows(windows.size(), dim * 16, [&](int32_t i) {
        write_entry(c, place, w.norm, rope, *windows[i].span, windows[i].number, cache, all + int64_t(i) * dim);
    });
}

}  // namespace huozhong
