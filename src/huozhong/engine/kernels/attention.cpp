// Attention of a batch: projections, rotation, the cache, and the pieces that threads take.
#include <algorithm>
#include <cstring>

#include "decode_plan.h"
#include "model.h"
#include "worker.inl"

namespace huozhong {
namespace {

constexpr int32_t PREFILL_ROWS = 256;  // latent: prompt rows per item: their keys are expanded once
constexpr int32_t GROUPED_ROWS = 64;   // grouped: prompt rows per item, each of a group's heads

}  // namespace

// Rotary embedding in place of `count` slices of `dim` floats, `stride` apart; table: cosines, then sines.
void Worker::rotate(float* x, int64_t stride, int32_t count, const float* table, int32_t dim, bool back) {
    const float *cosines = table, *sines = table + dim / 2, sign = back ? -1.0f : 1.0f;
    for (int32_t n = 0; n < count; ++n, x += stride)
        for (int32_t i = 0; i < dim / 2; ++i) {
            const float even = x[2 * i], odd = x[2 * i + 1], sine = sign * sines[i];
            x[2 * i] = even * cosines[i] - odd * sine;
            x[2 * i + 1] = even * sine + odd * cosines[i];
        }
}

// -- latent attention -----------------------------------------------------------------------------------------------

// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1).
void Worker::latent_attention(const Config& c, const LayerWeights& layer, const float* rope, const Cache& cache,
                              const Batch& batch, float* x) {
    const LatentWeights& w = layer.latent;
    const int32_t tokens = batch.tokens.size(), width = c.heads * c.qk(), down_width = w.down.out();
    const IndexWeights& index = w.index;
    const int64_t index_width = int64_t(c.index_heads) * c.index_dim;
    const bool integers = any_integers(w.down) || (index.there && !is_float(index.key.format));
    Rows h = normalize(in_, h_, x, layer.attention_norm, c.eps, tokens, c.hidden, c.hidden, integers);
    float* down = grow(down_, int64_t(tokens) * down_width);
    jobs_.clear();
    add_jobs(jobs_, w.down, 0, h, nullptr, 0, 1, tokens, down);
    if (index.there) {
        float* key = grow(index_key_, int64_t(tokens) * c.index_dim);
        float* weights = grow(index_weights_, int64_t(tokens) * c.index_heads);
        jobs_.push_back({&index.key, 0, h, nullptr, 0, 1, tokens, key, c.index_dim, false});
        jobs_.push_back({&index.weights, 0, h, nullptr, 0, 1, tokens, weights, c.index_heads, false});
    }
    run(jobs_);
    float* q = grow(q_, int64_t(tokens) * width);
    if (w.q_norm) {
        h = normalize(mid_, mid_h_, down, w.q_norm, c.latent_eps, tokens, down_width, c.q_rank,
                      !is_float(w.q_up.format) || (index.there && !is_float(index.query.format)));
        jobs_.assign({{&w.q_up, 0, h, nullptr, 0, 1, tokens, q, width, false}});
        if (index.there)
            jobs_.push_back({&index.query, 0, h, nullptr, 0, 1, tokens, grow(index_q_, tokens * index_width), index_width,
                             false});
        run(jobs_);
    } else {
        for (int32_t t = 0; t < tokens; ++t)
            std::memcpy(q + int64_t(t) * width, down + int64_t(t) * down_width, width * sizeof(float));
    }
    float* rows = grow(row_, int64_t(tokens) * c.latent());
    for (const Span& span : batch.spans)
        for_rows(span.length, (width + c.latent()) * 8, [&](int32_t i) {
            const int64_t t = span.first_row + i;
            const int32_t position = span.start + i;
            const float* table = rope + int64_t(position) * c.rope;
            float* row = rows + t * c.latent();
            const float* latent = down + t * down_width + down_width - c.latent();
            k_.rms_norm(latent, w.kv_norm, c.latent_eps, c.rank, row);
            std::memcpy(row + c.rank, latent + c.rank, c.rope * sizeof(float));
            rotate(row + c.rank, 0, 1, table, c.rope);
            write_latent(c, cache, span, position, row);
            rotate(q + t * width + c.nope, c.qk(), c.heads, table, c.rope);
            if (index.there) finish_index(c, index, table, t, cache, span, position);
        });
    if (index.there)
        choose_keys(c, index_q_.data(), index_weights_.data(), batch.spans, cache, latent_place(c, cache));
    float* y = grow(y_, int64_t(tokens) * c.heads * c.v);
    std::vector<SeenRow> absorbed;
    int64_t further = 0;  // rows that do not see every key
    for (const Span& span : batch.spans) {
        const int32_t all = c.index_top ? std::clamp(c.index_top - span.start, 0, span.length) : span.length;
        if (!span.prefill)
            see_all(span, all, int32_t(&span - batch.spans.data()), absorbed);
        else if (all)
            attend_prefill(c, w, q + int64_t(span.first_row) * width, span, all, cache,
                           y + int64_t(span.first_row) * c.heads * c.v);
        for (int32_t i = all; i < span.length; ++i)
            absorbed.push_back({span.first_row + i, chosen_offsets(c, further++), c.index_top, -1});
    }
    attend_decode(c, w, q, absorbed, cache, y);
    h = prepare(in_, y, c.heads * c.v, tokens, c.heads * c.v, w.out);
    run({{&w.out, 0, h, nullptr, 0, 1, tokens, x, c.hidden, true}});
}

void Worker::write_latent(const Config& c, const Cache& cache, const Span& span, int32_t position, const float* row) {
    uint8_t* to = cache.base + span.offset[position];
    k_.store_row(cache.format, row, c.rank, to);
    k_.store_row(cache.format, row + c.rank, c.rope, to + cached_bytes(cache.format, c.rank));
}

// Un-absorbed attention of one span: q [length, heads, qk] -> y [length, heads, v].
void Worker::attend_prefill(const Config& c, const LatentWeights& w, const float* q, const Span& span,
                            int32_t length, const Cache& cache, float* y) {
    const int32_t end = span.start + length;
    float* unpacked = grow(latent_h_, int64_t(end) * c.rank);
    const Rows latent = latent_.rows(unpacked, c.rank, end, c.rank);
    for_rows(end, c.rank * 4, [&](int32_t p) {
        float* row = unpacked + int64_t(p) * c.rank;
        k_.load_row(cache.format, cache.base + span.offset[p], c.rank, row);
        if (!is_float(w.k_up.format)) quantize(latent_, row, p, c.rank);
    });
    const int64_t scratch = prefill_scratch(std::min(length, PREFILL_ROWS), c.nope, c.rope, c.v);
    float* all_scratch = grow(scratch_, scratch * threads_);
    const int32_t pieces = (length + PREFILL_ROWS - 1) / PREFILL_ROWS;
    Pool::get().run(threads_, pieces * c.heads, [&](int32_t item, int32_t thread) {
        // The last rows have most keys: they go first, so that no thread is left with the longest item.
        const int32_t head = item % c.heads, first = (pieces - 1 - item / c.heads) * PREFILL_ROWS;
        LatentPrefill job{};
        job.q = q + (int64_t(first) * c.heads + head) * c.qk();
        job.q_stride = int64_t(c.heads) * c.qk();
        job.rows = std::min(length - first, PREFILL_ROWS);
        job.start = span.start + first;
        job.cache = cache.base;
        job.format = cache.format;
        job.offset = span.offset.data();
        job.latent = latent;
        job.k_up = &w.k_up;
        job.v_up = &w.v_up;
        job.head = head;
        job.rank = c.rank;
        job.rope = c.rope;
        job.scale = c.softmax_scale;
        job.y = y + (int64_t(first) * c.heads + head) * c.v;
        job.y_stride = int64_t(c.heads) * c.v;
        job.scratch = all_scratch + scratch * thread;
        k_.attend_prefill(job);
    });
}

// Absorbed attention of rows that may see some keys only: q [T, heads, qk] -> y [T, heads, v], T the rows of the batch.
void Worker::attend_decode(const Config& c, const LatentWeights& w, const float* q,
                           const std::vector<SeenRow>& rows, const Cache& cache, float* y) {
    for (size_t first = 0, next; first < rows.size(); first = next) {
        int64_t floats = 0;
        for (next = first; next < rows.size() && floats < PART_FLOATS; ++next)
            floats += int64_t((rows[next].keys - 1) / DECODE_KEYS + 1) * c.heads * (c.rank + 2);
        attend_block(c, w, q, rows.data() + first, int32_t(next - first), cache, y);
    }
}

void Worker::attend_block(const Config& c, const LatentWeights& w, const float* q, const SeenRow* seen, int32_t seen_rows,
                          const Cache& cache, float* y) {
    DecodePlan plan(seen, seen_rows, c.heads);
    // A block of keys is unpacked once for all heads of a piece: few pieces, where there are enough for the threads.
    plan.cut(plan.parts / c.heads < 4 * threads_ ? DECODE_HEADS : 2 * DECODE_HEADS);
    if (int32_t(plan.pieces.size()) < threads_) plan.cut((c.heads + threads_ - 1) / threads_);
    const std::vector<DecodePlan::Row>& rows = plan.rows;
    const int32_t count = rows.size();

    const int32_t width = c.heads * c.qk();
    float* compact = grow(compact_q_, int64_t(count) * width);
    float* q_latent = grow(q_latent_, int64_t(count) * c.heads * c.latent());
    for (int32_t r = 0; r < count; ++r) {
        std::memcpy(compact + int64_t(r) * width, q + rows[r].seen.batch_row * width, width * sizeof(float));
        for (int32_t h = 0; h < c.heads; ++h)
            std::memcpy(q_latent + (int64_t(r) * c.heads + h) * c.latent() + c.rank,
                        compact + int64_t(r) * width + h * c.qk() + c.nope, c.rope * sizeof(float));
    }
    Rows in = prepare(mid_, compact, c.qk(), count * c.heads, c.nope, w.q_absorb);
    jobs_.clear();
    for (int32_t h = 0; h < c.heads; ++h)
        jobs_.push_back({&w.q_absorb, h, in, nullptr, h, c.heads, count, q_latent + int64_t(h) * c.latent(),
                         int64_t(c.heads) * c.latent(), false});
    run(jobs_);

    float* all_parts = grow(parts_, plan.parts * (c.rank + 2));
    const int64_t scratch = decode_scratch(c.latent());
    float* all_scratch = grow(scratch_, scratch * threads_);
    Pool::get().run(threads_, plan.pieces.size(), [&](int32_t item, int32_t thread) {
        const DecodePlan::Piece& piece = plan.pieces[item];
        LatentDecode job{};
        plan.fill(job, piece, c.rank, all_parts);
        job.q = q_latent + (int64_t(piece.row) * c.heads + piece.head) * c.latent();
        job.q_stride = int64_t(c.heads) * c.latent();
        job.position = rows[piece.row].seen.keys - 1;
        job.rank = c.rank;
        job.rope = c.rope;
        job.cache = cache.base;
        job.format = cache.format;
        job.offset = rows[piece.row].seen.offset;
        job.scale = c.softmax_scale;
        job.scratch = all_scratch + scratch * thread;
        k_.attend_decode(job);
    });

    float* mixed = grow(mixed_, int64_t(count) * c.heads * c.rank);
    for_rows(count * c.heads, rows.back().parts * c.rank * 8, [&](int32_t i) {
        const DecodePlan::Row& row = rows[i / c.heads];
        const int64_t stride = c.rank + 2;
        k_.combine(all_parts + plan.part(row, 0, i % c.heads) * stride, stride * c.heads, row.parts, c.rank,
                   NO_SINK, mixed + int64_t(i) * c.rank);
    });
    in = prepare(mid_, mixed, c.rank, count * c.heads, c.rank, w.v_up);
    float* out = grow(compact_y_, int64_t(count) * c.heads * c.v);
    jobs_.clear();
    for (int32_t h = 0; h < c.heads; ++h)
        jobs_.push_back({&w.v_up, h, in, nullptr, h, c.heads, count, out + int64_t(h) * c.v,
                         int64_t(c.heads) * c.v, false});
    run(jobs_);
    for (int32_t r = 0; r < count; ++r)
        std::memcpy(y + rows[r].seen.batch_row * c.heads * c.v, out + int64_t(r) * c.heads * c.v,
                    c.heads * c.v * sizeof(float));
}

// -- grouped attention ----------------------------------------------------------------------------------------------

// Grouped-query attention (Ainslie et al. 2023, arXiv:2305.13245).
void Worker::grouped_attention(const Config& c, const LayerWeights& layer, const float* rope, const Cache& cache,
                               const Batch& batch, float* x) {
    const GroupedWeights& w = layer.grouped;
    const int32_t tokens = batch.tokens.size(), width = w.qkv.out(), inner = c.heads * c.dim;
    Rows h = normalize(in_, h_, x, layer.attention_norm, c.eps, tokens, c.hidden, c.hidden, any_integers(w.qkv));
    float* qkv = grow(q_, int64_t(tokens) * width);
    jobs_.clear();
    add_jobs(jobs_, w.qkv, 0, h, nullptr, 0, 1, tokens, qkv);
    run(jobs_);
    for (const Span& span : batch.spans)
        for_rows(span.length, width * 16, [&](int32_t i) {
            const int32_t position = span.start + i;
            float* row = qkv + int64_t(span.first_row + i) * width;
            if (w.bias) k_.add_scaled(row, w.bias, 1.0f, width);
            for (int32_t head = 0; head < c.heads + c.kv_heads; ++head) {
                const float* norm = head < c.heads ? w.q_norm : w.k_norm;
                if (norm) k_.rms_norm(row + head * c.dim, norm, c.eps, c.dim, row + head * c.dim);
            }
            rotate(row, c.dim, c.heads + c.kv_heads, rope + int64_t(position) * c.rope, c.rope);
            write_grouped(c, cache, span, position, row + inner);
        });
    float* y = grow(y_, int64_t(tokens) * inner);
    std::vector<const Span*> generated;
    for (const Span& span : batch.spans) {
        if (span.prefill) {
            grouped_prefill(c, qkv + int64_t(span.first_row) * width, width, span, cache,
                            y + int64_t(span.first_row) * inner);
        } else {
            generated.push_back(&span);
        }
    }
    if (!generated.empty()) grouped_decode(c, qkv, width, generated, cache, y);
    h = prepare(in_, y, inner, tokens, inner, w.out);
    run({{&w.out, 0, h, nullptr, 0, 1, tokens, x, c.hidden, true}});
    if (w.out_bias)
        for (int32_t t = 0; t < tokens; ++t) k_.add_scaled(x + int64_t(t) * c.hidden, w.out_bias, 1.0f, c.hidden);
}

void Worker::write_grouped(const Config& c, const Cache& cache, const Span& span, int32_t position, const float* kv) {
    const CacheFormat format = cache.format;
    const int64_t values = cache.page_size * cached_bytes(format, c.dim);
    const int64_t element = format == CacheFormat::f32 ? 4 : format == CacheFormat::f16 ? 2 : 1;
    const int32_t slot = position % KEY_TILE, scales = format == CacheFormat::q8 ? (c.dim + GROUP - 1) / GROUP : 0;
    uint8_t* tile = cache.base + span.offset[position / KEY_TILE];
    std::vector<uint8_t> row(cached_bytes(format, c.dim));
    const auto store_scales = [&](uint8_t* to) {
        for (int32_t i = 0; i < scales; ++i)
            std::memcpy(to + KEY_TILE * c.dim + (i * KEY_TILE + slot) * 2, row.data() + even(c.dim) + 2 * i, 2);
    };
    for (int32_t group = 0; group < c.kv_heads; ++group, tile += 2 * values) {
        k_.store_row(format, kv + group * c.dim, c.dim, row.data());
        for (int32_t d = 0; d < c.dim; ++d)
            std::memcpy(tile + (int64_t(d) * KEY_TILE + slot) * element, row.data() + d * element, element);
        store_scales(tile);
        k_.store_row(format, kv + (c.kv_heads + group) * c.dim, c.dim, row.data());
        std::memcpy(tile + values + slot * c.dim * element, row.data(), c.dim * element);
        store_scales(tile + values);
    }
}

void Worker::grouped_prefill(const Config& c, const float* q, int64_t stride, const Span& span, const Cache& cache,
                             float* y) {
    const int32_t heads = c.heads / c.kv_heads, pieces = (span.length + GROUPED_ROWS - 1) / GROUPED_ROWS;
    const int64_t values = cache.page_size * cached_bytes(cache.format, c.dim);
    const int64_t scratch = grouped_scratch(std::min(span.length, GROUPED_ROWS), heads, c.dim);
    float* all_scratch = grow(scratch_, scratch * threads_);
    Pool::get().run(threads_, pieces * c.kv_heads, [&](int32_t item, int32_t thread) {
        const int32_t group = item % c.kv_heads, first = (pieces - 1 - item / c.kv_heads) * GROUPED_ROWS;
        GroupedAttention job{};
        job.q = q + first * stride + group * heads * c.dim;
        job.q_stride = stride;
        job.rows = std::min(span.length - first, GROUPED_ROWS);
        job.start = span.start + first;
        job.heads = heads;
        job.dim = c.dim;
        job.cache = cache.base + group * 2 * values;
        job.format = cache.format;
        job.tile = span.offset.data();
        job.value_offset = values;
        job.scale = c.softmax_scale;
        job.y = y + (int64_t(first) * c.heads + group * heads) * c.dim;
        job.y_stride = int64_t(c.heads) * c.dim;
        job.scratch = all_scratch + scratch * thread;
        k_.grouped_prefill(job);
    });
}

void Worker::grouped_decode(const Config& c, const float* q, int64_t stride, const std::vector<const Span*>& spans,
                            const Cache& cache, float* y) {
    const int32_t heads = c.heads / c.kv_heads;
    std::vector<SeenRow> seen;
    for (size_t i = 0; i < spans.size(); ++i) see_all(*spans[i], spans[i]->length, int32_t(i), seen);
    DecodePlan plan(seen.data(), seen.size(), c.heads);
    plan.cut(heads);
    const std::vector<DecodePlan::Row>& rows = plan.rows;
    const int64_t values = cache.page_size * cached_bytes(cache.format, c.dim);
    float* all_parts = grow(parts_, plan.parts * (c.dim + 2));
    const int64_t scratch = grouped_decode_scratch(c.dim);
    float* all_scratch = grow(scratch_, scratch * threads_);
    int64_t work = 0;
    for (const DecodePlan::Row& row : rows)
        work += 2 * int64_t(row.seen.keys) * c.kv_heads * cached_bytes(cache.format, c.dim);
    Pool::get().run(work < MIN_PARALLEL_BYTES ? 1 : threads_, plan.pieces.size(), [&](int32_t item, int32_t thread) {
        const DecodePlan::Piece& piece = plan.pieces[item];
        const DecodePlan::Row& row = rows[piece.row];
        GroupedAttention job{};
        plan.fill(job, piece, c.dim, all_parts);
        job.q = q + row.seen.batch_row * stride + piece.head * c.dim;
        job.q_stride = stride;
        job.start = row.seen.keys - 1;
        job.dim = c.dim;
        job.cache = cache.base + piece.head / heads * 2 * values;
        job.format = cache.format;
        job.tile = row.seen.offset;
        job.value_offset = values;
        job.scale = c.softmax_scale;
        job.scratch = all_scratch + scratch * thread;
        k_.grouped_decode(job);
    });
    for_rows(rows.size() * c.heads, rows.back().parts * c.dim * 8, [&](int32_t i) {
        const DecodePlan::Row& row = rows[i / c.heads];
        const int64_t part_stride = c.dim + 2;
        k_.combine(all_parts + plan.part(row, 0, i % c.heads) * part_stride, part_stride * c.heads, row.parts, c.dim,
                   NO_SINK, y + (row.seen.batch_row * c.heads + i % c.heads) * c.dim);
    });
}

}  // namespace huozhong
