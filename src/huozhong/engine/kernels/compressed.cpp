// Compressed attention (DeepSeek-V4, section 2.3): the last positions, and entries that stand for many earlier ones.  All
// heads share one key, which is the value too; what a row sees is a list of places in the cache.
#include <algorithm>
#include <cmath>

#include "decode_plan.h"
#include "worker.inl"

namespace huozhong {

void Worker::compressed_attention(const Config& c, const LayerWeights& layer, const float* rope, const Cache& cache,
                                  const Batch& batch, const float* x, float* y) {
    const CompressedWeights& w = layer.compressed;
    const bool compresses = w.kind != Compression::none, sparse = w.kind == Compression::sparse;
    const int32_t tokens = batch.tokens.size(), width = c.heads * c.dim, down_width = w.down.out();
    const int64_t index_width = int64_t(c.index_heads) * c.index_dim;
    const bool integers = any_integers(w.down) || (compresses && any_integers(w.compress)) ||
                          (sparse && !is_float(w.index_weights.format));
    Rows h = normalize(in_, h_, x, layer.attention_norm, c.eps, tokens, c.hidden, c.hidden, integers);
    float* down = grow(down_, int64_t(tokens) * down_width);
    jobs_.clear();
    add_jobs(jobs_, w.down, 0, h, nullptr, 0, 1, tokens, down);
    if (compresses)
        add_jobs(jobs_, w.compress, 0, h, nullptr, 0, 1, tokens, grow(raw_, int64_t(tokens) * w.compress.out()));
    if (sparse)
        jobs_.push_back({&w.index_weights, 0, h, nullptr, 0, 1, tokens, grow(index_weights_, int64_t(tokens) * c.index_heads),
                         c.index_heads, false});
    run(jobs_);
    h = normalize(mid_, mid_h_, down, w.q_norm, c.eps, tokens, down_width, c.q_rank,
                  !is_float(w.q_up.format) || (sparse && !is_float(w.index_query.format)));
    float* q = grow(q_, int64_t(tokens) * width);
    jobs_.assign({{&w.q_up, 0, h, nullptr, 0, 1, tokens, q, width, false}});
    if (sparse)
        jobs_.push_back({&w.index_query, 0, h, nullptr, 0, 1, tokens, grow(index_q_, tokens * index_width), index_width,
                         false});
    run(jobs_);
    keep_rows(c, w, rope, batch.spans, cache, down, q);
    if (compresses) compress(c, w, rope, batch.spans, cache, raw_.data());
    if (sparse)
        choose_keys(c, index_q_.data(), index_weights_.data(), batch.spans, cache, entry_place(c, w.kind, cache));
    std::vector<SeenRow> rows;
    list_keys(c, w.kind, batch.spans, cache, rows);
    float* heads = grow(y_, int64_t(tokens) * width);
    attend_listed(c, w.sinks, q, rows, cache, heads);
    for (const Span& span : batch.spans)
        for_rows(span.length, c.heads * c.rope * 8, [&](int32_t i) {
            rotate(heads + int64_t(span.first_row + i) * width + c.dim - c.rope, c.dim, c.heads,
                   rope + int64_t(span.start + i) * c.rope, c.rope, true);
        });
    project_out(c, w, heads, tokens, y);
}

// Rows of `down` (behind the query latent) into the cache, normed and rotated; queries as they are used.
void Worker::keep_rows(const Config& c, const CompressedWeights& w, const float* rope, const std::vector<Span>& spans,
                       const Cache& cache, float* down, float* q) {
    const bool sparse = w.kind == Compression::sparse;
    const int32_t width = c.heads * c.dim, down_width = c.q_rank + c.dim;
    const int64_t index_width = int64_t(c.index_heads) * c.index_dim;
    const float index_scale = sparse ? float(1.0 / std::sqrt(double(index_width))) : 0.0f;
    for (const Span& span : spans)
        for_rows(span.length, width * 12, [&](int32_t i) {
            const int64_t t = span.first_row + i;
            const int32_t position = span.start + i;
            const float* table = rope + int64_t(position) * c.rope;
            float* row = down + t * down_width + c.q_rank;
            k_.rms_norm(row, w.kv_norm, c.eps, c.dim, row);
            rotate(row + c.dim - c.rope, 0, 1, table, c.rope);
            k_.store_row(cache.format, row, c.dim, cache.base + span.offset[position]);
            float* heads = q + t * width;
            for (int32_t head = 0; head < c.heads; ++head)
                k_.rms_norm(heads + head * c.dim, nullptr, c.eps, c.dim, heads + head * c.dim);
            rotate(heads + c.dim - c.rope, c.dim, c.heads, table, c.rope);
            if (!sparse) return;
            rotate(index_q_.data() + t * index_width + c.index_dim - c.rope, c.index_dim, c.index_heads, table, c.rope);
            for (int32_t head = 0; head < c.index_heads; ++head) index_weights_[t * c.index_heads + head] *= index_scale;
        });
}

// Of every row: the last positions in order, then the entries that it sees in order.
void Worker::list_keys(const Config& c, Compression kind, const std::vector<Span>& spans, const Cache& cache,
                       std::vector<SeenRow>& rows) {
    listed_.clear();
    const bool sparse = kind == Compression::sparse;
    const KeyPlace place = kind == Compression::none ? KeyPlace{} : entry_place(c, kind, cache);
    std::vector<int64_t> first;  // the rows' places in listed_, which moves while it grows
    int64_t further = 0;
    for (const Span& span : spans)
        for (int32_t i = 0; i < span.length; ++i) {
            const int32_t position = span.start + i, entries = place.rate ? (position + 1) / place.rate : 0;
            first.push_back(int64_t(listed_.size()));
            listed_.insert(listed_.end(), span.offset.begin() + std::max(0, position + 1 - c.window),
                           span.offset.begin() + position + 1);
            if (sparse && entries > c.index_top) {
                const int64_t* chosen = chosen_offsets(c, further++);
                listed_.insert(listed_.end(), chosen, chosen + c.index_top);
            } else {
                for (int32_t e = 0; e < entries; ++e) listed_.push_back(place.offset(span, e));
            }
            rows.push_back({span.first_row + i, nullptr, int32_t(int64_t(listed_.size()) - first.back()), -1});
        }
    for (size_t i = 0; i < rows.size(); ++i) rows[i].offset = listed_.data() + first[i];
}

void Worker::attend_listed(const Config& c, const float* sinks, const float* q, const std::vector<SeenRow>& rows,
                           const Cache& cache, float* y) {
    for (size_t first = 0, next; first < rows.size(); first = next) {
        int64_t floats = 0;
        for (next = first; next < rows.size() && floats < PART_FLOATS; ++next)
            floats += int64_t((rows[next].keys - 1) / DECODE_KEYS + 1) * c.heads * (c.dim + 2);
        attend_listed_block(c, sinks, q, rows.data() + first, int32_t(next - first), cache, y);
    }
}

void Worker::attend_listed_block(const Config& c, const float* sinks, const float* q, const SeenRow* seen, int32_t count,
                                 const Cache& cache, float* y) {
    DecodePlan plan(seen, count, c.heads);
    // A block of keys is unpacked once for all heads of a piece: few pieces, where there are enough for the threads.
    plan.cut(plan.parts / c.heads < 4 * threads_ ? DECODE_HEADS : c.heads);
    if (int32_t(plan.pieces.size()) < threads_) plan.cut((c.heads + threads_ - 1) / threads_);
    const int64_t stride = c.dim + 2, width = int64_t(c.heads) * c.dim;
    float* all_parts = grow(parts_, plan.parts * stride);
    const int64_t scratch = decode_scratch(c.dim);
    float* all_scratch = grow(scratch_, scratch * threads_);
    Pool::get().run(threads_, plan.pieces.size(), [&](int32_t item, int32_t thread) {
        const DecodePlan::Piece& piece = plan.pieces[item];
        const SeenRow& row = plan.rows[piece.row].seen;
        LatentDecode job{};
        plan.fill(job, piece, c.dim, all_parts);
        job.q = q + row.batch_row * width + piece.head * c.dim;
        job.q_stride = width;
        job.position = row.keys - 1;
        job.rank = c.dim;  // a row is all of the key, and the value too
        job.cache = cache.base;
        job.format = cache.format;
        job.offset = row.offset;
        job.scale = c.softmax_scale;
        job.scratch = all_scratch + scratch * thread;
        k_.attend_decode(job);
    });
    for_rows(count * c.heads, int64_t(c.dim) * 16, [&](int32_t i) {
        const DecodePlan::Row& row = plan.rows[i / c.heads];
        const int32_t head = i % c.heads;
        k_.combine(all_parts + plan.part(row, 0, head) * stride, stride * c.heads, row.parts, c.dim, sinks[head],
                   y + row.seen.batch_row * width + head * c.dim);
    });
}

// heads [tokens, heads * dim] -> y [tokens, hidden], through a matrix for each group of heads.
void Worker::project_out(const Config& c, const CompressedWeights& w, const float* heads, int32_t tokens, float* y) {
    const int32_t groups = c.out_groups, in = c.heads / groups * c.dim, width = groups * c.out_rank;
    const Rows slices = prepare(mid_, heads, in, tokens * groups, in, w.out_groups);
    float* out = grow(group_out_, int64_t(tokens) * width);
    jobs_.clear();
    for (int32_t g = 0; g < groups; ++g)
        jobs_.push_back({&w.out_groups, g, slices, nullptr, g, groups, tokens, out + int64_t(g) * c.out_rank, width, false});
    run(jobs_);
    const Rows h = prepare(in_, out, width, tokens, width, w.out);
    run({{&w.out, 0, h, nullptr, 0, 1, tokens, y, c.hidden, false}});
}

}  // namespace huozhong
