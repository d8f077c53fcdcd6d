#include "model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "half.h"
#include "pool.h"

namespace huozhong {
namespace {

constexpr float LATENT_NORM_EPS = 1e-6f;  // whatever rms_norm_eps says (reference.py)
constexpr int32_t PREFILL_ROWS = 256;     // prompt rows per item: their keys are expanded once
constexpr int32_t DECODE_HEADS = 8;       // heads per item: their keys are turned once
constexpr int32_t DECODE_KEYS = 256;      // keys per item; fixed, for it fixes the order of sums
constexpr int64_t SMALL = 16384;          // bytes touched, below which a second thread does not pay

float* grow(std::vector<float>& buffer, int64_t size) {
    if (int64_t(buffer.size()) < size) buffer.resize(size);
    return buffer.data();
}

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

}  // namespace

// -- activations and loops ------------------------------------------------------------------------------------------

Rows Activations::rows(const float* x, int64_t stride, int32_t count, int32_t in, Format format) {
    if (format == Format::f32) return {x, stride, nullptr, nullptr, nullptr};
    groups_ = (in + GROUP - 1) / GROUP;
    const size_t need = size_t(count) * groups_;
    if (scale_.size() < need) {
        q_.resize(need * GROUP);
        scale_.resize(need);
        sum_.resize(need);
    }
    return {nullptr, 0, q_.data(), scale_.data(), sum_.data()};
}

// f(row) for every row, on several threads where it pays.
template <class F> void Worker::for_rows(int32_t rows, int64_t work_per_row, F f) {
    const int64_t total = rows * work_per_row;
    const int32_t items = total < SMALL ? 1 : std::min<int64_t>(rows, std::min<int64_t>(4 * threads_, total / 8192));
    Pool::get().run(threads_, items, [&](int32_t item, int32_t) {
        const int32_t first = int64_t(rows) * item / items, last = int64_t(rows) * (item + 1) / items;
        for (int32_t row = first; row < last; ++row) f(row);
    });
}

// All jobs' blocks of outputs in one loop.
void Worker::run(const std::vector<Matmul>& jobs) {
    int64_t work = 0;
    for (const Matmul& job : jobs) work += job.matrix->matrix_bytes() * (2 + job.tokens) / 2;
    const int64_t parts = std::clamp<int64_t>(work / SMALL, 1, 8 * threads_);
    items_.clear();
    for (int32_t j = 0; j < int32_t(jobs.size()); ++j) {
        const Matmul& job = jobs[j];
        if (!job.tokens) continue;
        const int64_t own = job.matrix->matrix_bytes() * (2 + job.tokens) / 2;
        const int32_t blocks = job.matrix->blocks();
        const int32_t pieces = std::clamp<int64_t>((own * parts + work - 1) / work, 1, blocks);
        for (int32_t i = 0; i < pieces; ++i)
            items_.push_back({j, int32_t(int64_t(blocks) * i / pieces), int32_t(int64_t(blocks) * (i + 1) / pieces)});
    }
    Pool::get().run(parts == 1 ? 1 : threads_, items_.size(), [&](int32_t item, int32_t) {
        const Item& at = items_[item];
        k_.matmul(jobs[at.job], at.first, at.last);
    });
}

Rows Worker::prepare(Activations& to, const float* x, int64_t stride, int32_t count, int32_t in, Format format) {
    const Rows rows = to.rows(x, stride, count, in, format);
    if (format != Format::f32)
        for_rows(count, in * 4, [&](int32_t r) { k_.quantize(x + r * stride, in, to.q(r), to.scale(r), to.sum(r)); });
    return rows;
}

// RMS norm of every row into h, prepared for a matmul.
Rows Worker::normalize(Activations& to, std::vector<float>& h, const float* x, const float* weight, float eps,
                       int32_t count, int64_t stride, int32_t in, Format format) {
    float* out = grow(h, int64_t(count) * in);
    const Rows rows = to.rows(out, in, count, in, format);
    for_rows(count, in * 8, [&](int32_t r) {
        float* y = out + int64_t(r) * in;
        k_.rms_norm(x + r * stride, weight, eps, in, y);
        if (format != Format::f32) k_.quantize(y, in, to.q(r), to.scale(r), to.sum(r));
    });
    return rows;
}

// silu(gate) * up of every row into h, prepared for a matmul.
Rows Worker::gate(Activations& to, std::vector<float>& h, const std::vector<float>& gate_up, int32_t count,
                  int32_t width, Format format) {
    float* out = grow(h, int64_t(count) * width);
    const Rows rows = to.rows(out, width, count, width, format);
    for_rows(count, width * 16, [&](int32_t r) {
        const float* both = gate_up.data() + int64_t(r) * 2 * width;
        float* y = out + int64_t(r) * width;
        k_.silu_mul(both, both + width, width, y);
        if (format != Format::f32) k_.quantize(y, width, to.q(r), to.scale(r), to.sum(r));
    });
    return rows;
}

void Worker::linear(const float* x, int32_t tokens, const Matrix& matrix, int32_t index, float* y, bool add) {
    const Rows rows = prepare(in_, x, matrix.in, tokens, matrix.in, matrix.format);
    run({{&matrix, index, rows, nullptr, 0, 1, tokens, y, matrix.out, add}});
}

void Worker::embed(const Matrix& m, const int32_t* tokens, int32_t count, float* y) {
    for_rows(count, m.in * 64, [&](int32_t r) {
        const int32_t block = tokens[r] / BLOCK, lane = tokens[r] % BLOCK;
        const uint8_t* data = m.data + block * m.block_bytes();
        const uint16_t* scales = m.scales + int64_t(block) * m.groups() * BLOCK;
        float* out = y + int64_t(r) * m.in;
        for (int32_t i = 0; i < m.in; ++i) {
            const int32_t g = i / GROUP, quad = i % GROUP / 4, byte = lane * 4 + i % 4;
            if (m.format == Format::f32) {
                std::memcpy(out + i, data + (int64_t(i) * BLOCK + lane) * 4, 4);
            } else if (m.format == Format::q8) {
                const int32_t q = int32_t(data[int64_t(g) * 512 + quad * 64 + byte]) - 128;
                out[i] = float(q) * half_to_float(scales[g * BLOCK + lane]);
            } else {
                const uint8_t both = data[int64_t(g) * 256 + quad % 4 * 64 + byte];
                const int32_t q = int32_t(quad < 4 ? both & 15 : both >> 4) - 8;
                out[i] = float(q) * half_to_float(scales[g * BLOCK + lane]);
            }
        }
    });
}

// Rotary embedding in place of `count` slices of `dim` floats, `stride` apart; table: cosines, then sines.
void Worker::rotate(float* x, int64_t stride, int32_t count, const float* table, int32_t dim) {
    const float *cosines = table, *sines = table + dim / 2;
    for (int32_t n = 0; n < count; ++n, x += stride)
        for (int32_t i = 0; i < dim / 2; ++i) {
            const float even = x[2 * i], odd = x[2 * i + 1];
            x[2 * i] = even * cosines[i] - odd * sines[i];
            x[2 * i + 1] = even * sines[i] + odd * cosines[i];
        }
}

// -- attention ------------------------------------------------------------------------------------------------------

void Worker::attention(const Config& c, const Layer& layer, const float* rope, float* cache, const Batch& batch,
                       float* x) {
    const Attention& w = layer.attention;
    const int32_t tokens = batch.tokens.size(), width = c.heads * c.qk(), down_width = w.down.out;
    const Format format = w.down.format;
    Rows h = normalize(in_, h_, x, layer.attention_norm, c.eps, tokens, c.hidden, c.hidden, format);
    float* down = grow(down_, int64_t(tokens) * down_width);
    run({{&w.down, 0, h, nullptr, 0, 1, tokens, down, down_width, false}});
    float* q = grow(q_, int64_t(tokens) * width);
    if (w.q_norm) {
        h = normalize(mid_, mid_h_, down, w.q_norm, LATENT_NORM_EPS, tokens, down_width, c.q_rank, format);
        run({{&w.q_up, 0, h, nullptr, 0, 1, tokens, q, width, false}});
    } else {
        for (int32_t t = 0; t < tokens; ++t)
            std::memcpy(q + int64_t(t) * width, down + int64_t(t) * down_width, width * sizeof(float));
    }
    for (const Span& span : batch.spans)
        for_rows(span.length, (width + c.latent()) * 8, [&](int32_t i) {
            const int64_t t = span.first_row + i, position = span.start + i;
            const float* table = rope + position * c.rope;
            float* row = cache + span.offset[position];
            const float* latent = down + t * down_width + down_width - c.latent();
            k_.rms_norm(latent, w.kv_norm, LATENT_NORM_EPS, c.rank, row);
            std::memcpy(row + c.rank, latent + c.rank, c.rope * sizeof(float));
            rotate(row + c.rank, 0, 1, table, c.rope);
            rotate(q + t * width + c.nope, c.qk(), c.heads, table, c.rope);
        });
    float* y = grow(y_, int64_t(tokens) * c.heads * c.v);
    std::vector<const Span*> generated;
    for (const Span& span : batch.spans) {
        if (span.prefill) {
            attend_prefill(c, w, q + int64_t(span.first_row) * width, span, cache,
                           y + int64_t(span.first_row) * c.heads * c.v);
        } else {
            generated.push_back(&span);
        }
    }
    if (!generated.empty()) attend_decode(c, w, q, generated, cache, y);
    h = prepare(in_, y, c.heads * c.v, tokens, c.heads * c.v, format);
    run({{&w.out, 0, h, nullptr, 0, 1, tokens, x, c.hidden, true}});
}

// Un-absorbed attention of one span: q [length, heads, qk] -> y [length, heads, v].
void Worker::attend_prefill(const Config& c, const Attention& w, const float* q, const Span& span,
                            const float* cache, float* y) {
    const Format format = w.k_up.format;
    float* copied = format == Format::f32 ? grow(latent_h_, int64_t(span.end()) * c.rank) : nullptr;
    const Rows latent = latent_.rows(copied, c.rank, span.end(), c.rank, format);
    for_rows(span.end(), c.rank * 4, [&](int32_t p) {
        const float* row = cache + span.offset[p];
        if (copied) std::memcpy(copied + int64_t(p) * c.rank, row, c.rank * sizeof(float));
        else k_.quantize(row, c.rank, latent_.q(p), latent_.scale(p), latent_.sum(p));
    });
    const int64_t scratch = prefill_scratch(std::min(span.length, PREFILL_ROWS), c.nope, c.rope, c.v);
    float* all_scratch = grow(scratch_, scratch * threads_);
    const int32_t pieces = (span.length + PREFILL_ROWS - 1) / PREFILL_ROWS;
    Pool::get().run(threads_, pieces * c.heads, [&](int32_t item, int32_t thread) {
        // The last rows have most keys: they go first, so that no thread is left with the longest item.
        const int32_t head = item % c.heads, first = (pieces - 1 - item / c.heads) * PREFILL_ROWS;
        Prefill job{};
        job.q = q + (int64_t(first) * c.heads + head) * c.qk();
        job.q_stride = int64_t(c.heads) * c.qk();
        job.rows = std::min(span.length - first, PREFILL_ROWS);
        job.start = span.start + first;
        job.cache = cache;
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

// Absorbed attention of all generated rows: q [T, heads, qk] -> y [T, heads, v], T the rows of the batch.
void Worker::attend_decode(const Config& c, const Attention& w, const float* q,
                           const std::vector<const Span*>& spans, const float* cache, float* y) {
    struct Row { const Span* span; int32_t position, parts; int64_t first_part; };
    std::vector<Row> rows;
    struct Piece { int32_t row, head, part; };
    std::vector<Piece> pieces;
    const int64_t part_stride = c.rank + 2;
    int64_t parts = 0;
    for (const Span* span : spans)
        for (int32_t i = 0; i < span->length; ++i) {
            const int32_t position = span->start + i, count = position / DECODE_KEYS + 1;
            for (int32_t part = 0; part < count; ++part)
                for (int32_t head = 0; head < c.heads; head += DECODE_HEADS)
                    pieces.push_back({int32_t(rows.size()), head, part});
            rows.push_back({span, position, count, parts});
            parts += int64_t(count) * c.heads;
        }
    const int32_t count = rows.size();
    const auto batch_row = [&](const Row& row) { return int64_t(row.span->first_row + row.position - row.span->start); };

    const int32_t width = c.heads * c.qk();
    float* compact = grow(compact_q_, int64_t(count) * width);
    float* q_latent = grow(q_latent_, int64_t(count) * c.heads * c.latent());
    for (int32_t r = 0; r < count; ++r) {
        std::memcpy(compact + int64_t(r) * width, q + batch_row(rows[r]) * width, width * sizeof(float));
        for (int32_t h = 0; h < c.heads; ++h)
            std::memcpy(q_latent + (int64_t(r) * c.heads + h) * c.latent() + c.rank,
                        compact + int64_t(r) * width + h * c.qk() + c.nope, c.rope * sizeof(float));
    }
    Rows in = prepare(mid_, compact, c.qk(), count * c.heads, c.nope, w.q_absorb.format);
    jobs_.clear();
    for (int32_t h = 0; h < c.heads; ++h)
        jobs_.push_back({&w.q_absorb, h, in, nullptr, h, c.heads, count, q_latent + int64_t(h) * c.latent(),
                         int64_t(c.heads) * c.latent(), false});
    run(jobs_);

    float* all_parts = grow(parts_, parts * part_stride);
    const int64_t scratch = decode_scratch(DECODE_HEADS, c.latent());
    float* all_scratch = grow(scratch_, scratch * threads_);
    Pool::get().run(threads_, pieces.size(), [&](int32_t item, int32_t thread) {
        const Piece& piece = pieces[item];
        const Row& row = rows[piece.row];
        Decode job{};
        job.q = q_latent + (int64_t(piece.row) * c.heads + piece.head) * c.latent();
        job.heads = std::min(DECODE_HEADS, c.heads - piece.head);
        job.rank = c.rank;
        job.rope = c.rope;
        job.cache = cache;
        job.offset = row.span->offset.data();
        job.begin = piece.part * DECODE_KEYS;
        job.end = std::min(job.begin + DECODE_KEYS, row.position + 1);
        job.scale = c.softmax_scale;
        job.part = all_parts + (row.first_part + int64_t(piece.part) * c.heads + piece.head) * part_stride;
        job.part_stride = part_stride;
        job.scratch = all_scratch + scratch * thread;
        k_.attend_decode(job);
    });

    float* mixed = grow(mixed_, int64_t(count) * c.heads * c.rank);
    for_rows(count * c.heads, rows.back().parts * c.rank * 8, [&](int32_t i) {
        const Row& row = rows[i / c.heads];
        k_.combine(all_parts + (row.first_part + i % c.heads) * part_stride, part_stride * c.heads, row.parts, c.rank,
                   mixed + int64_t(i) * c.rank);
    });
    in = prepare(mid_, mixed, c.rank, count * c.heads, c.rank, w.v_up.format);
    float* out = grow(compact_y_, int64_t(count) * c.heads * c.v);
    jobs_.clear();
    for (int32_t h = 0; h < c.heads; ++h)
        jobs_.push_back({&w.v_up, h, in, nullptr, h, c.heads, count, out + int64_t(h) * c.v,
                         int64_t(c.heads) * c.v, false});
    run(jobs_);
    for (int32_t r = 0; r < count; ++r)
        std::memcpy(y + batch_row(rows[r]) * c.heads * c.v, out + int64_t(r) * c.heads * c.v,
                    c.heads * c.v * sizeof(float));
}

// -- feed-forward ---------------------------------------------------------------------------------------------------

void Worker::dense(const Config& c, const Dense& w, const float* norm, int32_t tokens, float* x) {
    const Format format = w.gate_up.format;
    Rows h = normalize(in_, h_, x, norm, c.eps, tokens, c.hidden, c.hidden, format);
    float* both = grow(gate_up_, int64_t(tokens) * w.gate_up.out);
    run({{&w.gate_up, 0, h, nullptr, 0, 1, tokens, both, w.gate_up.out, false}});
    h = gate(mid_, mid_h_, gate_up_, tokens, w.down.in, format);
    run({{&w.down, 0, h, nullptr, 0, 1, tokens, x, c.hidden, true}});
}

void Worker::route(const Config& c, const float* logits, const float* bias, int32_t tokens, int32_t* experts,
                   float* weights) {
    const int32_t per_group = c.experts / c.groups;
    std::vector<float> score(c.experts), choice(c.experts), group(c.groups);
    std::vector<int32_t> order(std::max(c.experts, c.groups));
    // Best first; of equals the lower number; NaN last.
    const auto better = [](const std::vector<float>& value) {
        return [&value](int32_t a, int32_t b) {
            const float x = std::isnan(value[a]) ? -std::numeric_limits<float>::infinity() : value[a];
            const float y = std::isnan(value[b]) ? -std::numeric_limits<float>::infinity() : value[b];
            return x != y ? x > y : a < b;
        };
    };
    for (int32_t t = 0; t < tokens; ++t, logits += c.experts, experts += c.experts_per_token) {
        for (int32_t e = 0; e < c.experts; ++e) {
            score[e] = sigmoid(logits[e]);
            choice[e] = score[e] + bias[e];
        }
        std::vector<bool> kept(c.groups, c.groups == 1);
        if (c.groups > 1) {
            for (int32_t g = 0; g < c.groups; ++g) {
                float best = -std::numeric_limits<float>::infinity(), second = best;
                for (int32_t e = g * per_group; e < (g + 1) * per_group; ++e) {
                    if (choice[e] > best) {
                        second = best;
                        best = choice[e];
                    } else if (choice[e] > second) {
                        second = choice[e];
                    }
                }
                group[g] = best + second;
            }
            std::iota(order.begin(), order.begin() + c.groups, 0);
            std::sort(order.begin(), order.begin() + c.groups, better(group));
            for (int32_t i = 0; i < c.top_groups; ++i) kept[order[i]] = true;
        }
        int32_t candidates = 0;
        for (int32_t e = 0; e < c.experts; ++e)
            if (kept[e / per_group]) order[candidates++] = e;
        std::partial_sort(order.begin(), order.begin() + c.experts_per_token, order.begin() + candidates,
                          better(choice));
        float total = 0;
        for (int32_t i = 0; i < c.experts_per_token; ++i) total += score[order[i]];
        for (int32_t i = 0; i < c.experts_per_token; ++i) {
            experts[i] = order[i];
            const float weight = c.normalize ? score[order[i]] / (total + 1e-20f) : score[order[i]];
            *weights++ = weight * c.routed_scale;
        }
    }
}

void Worker::moe(const Config& c, const Layer& layer, int32_t tokens, float* x) {
    const Moe& w = layer.moe;
    const int32_t per_token = c.experts_per_token, slots = tokens * per_token;
    const Format format = w.experts.gate_up.format;
    const Rows h = normalize(in_, h_, x, layer.mlp_norm, c.eps, tokens, c.hidden, c.hidden, format);
    float* router = grow(router_, int64_t(tokens) * c.experts);
    run({{&w.router, 0, {h_.data(), c.hidden, nullptr, nullptr, nullptr}, nullptr, 0, 1, tokens, router, c.experts,
          false}});
    experts_.resize(slots);
    grow(weights_, slots);
    route(c, router, w.bias, tokens, experts_.data(), weights_.data());

    // Slots are (token, choice) pairs, ordered by expert: slot_rows_ is a slot's token, slots_ a pair's slot.
    std::vector<int32_t> first(c.experts + 1, 0);
    for (int32_t expert : experts_) ++first[expert + 1];
    std::partial_sum(first.begin(), first.end(), first.begin());
    std::vector<int32_t> next(first.begin(), first.end() - 1);
    slot_rows_.resize(slots);
    slots_.resize(slots);
    for (int32_t i = 0; i < slots; ++i) {
        slots_[i] = next[experts_[i]]++;
        slot_rows_[slots_[i]] = i / per_token;
    }

    const int32_t width = w.experts.down.in, shared_width = w.has_shared ? w.shared.down.in : 0;
    float* both = grow(gate_up_, int64_t(slots) * 2 * width);
    float* shared_both = grow(shared_gate_up_, int64_t(tokens) * 2 * shared_width);
    jobs_.clear();
    for (int32_t e = 0; e < c.experts; ++e)
        if (first[e + 1] > first[e])
            jobs_.push_back({&w.experts.gate_up, e, h, slot_rows_.data() + first[e], 0, 0, first[e + 1] - first[e],
                             both + int64_t(first[e]) * 2 * width, 2 * width, false});
    if (w.has_shared)
        jobs_.push_back({&w.shared.gate_up, 0, h, nullptr, 0, 1, tokens, shared_both, 2 * shared_width, false});
    run(jobs_);

    const Rows hidden = gate(mid_, mid_h_, gate_up_, slots, width, format);
    float* out = grow(expert_out_, int64_t(slots) * c.hidden);
    jobs_.clear();
    for (int32_t e = 0; e < c.experts; ++e)
        if (first[e + 1] > first[e])
            jobs_.push_back({&w.experts.down, e, hidden, nullptr, first[e], 1, first[e + 1] - first[e],
                             out + int64_t(first[e]) * c.hidden, c.hidden, false});
    if (w.has_shared) {
        const Rows shared = gate(shared_in_, shared_h_, shared_gate_up_, tokens, shared_width, format);
        jobs_.push_back({&w.shared.down, 0, shared, nullptr, 0, 1, tokens, x, c.hidden, true});
    }
    run(jobs_);
    for_rows(tokens, per_token * c.hidden * 8, [&](int32_t t) {
        for (int32_t i = t * per_token; i < (t + 1) * per_token; ++i)
            k_.add_scaled(x + int64_t(t) * c.hidden, out + int64_t(slots_[i]) * c.hidden, weights_[i], c.hidden);
    });
}

// -- the whole ------------------------------------------------------------------------------------------------------

void Worker::logits(const Config& c, const Matrix& head, const float* norm, const Batch& batch, const float* x,
                    float* y) {
    const int32_t rows = batch.logit_rows.size();
    if (!rows) return;
    float* wanted = grow(q_, int64_t(rows) * c.hidden);
    for (int32_t i = 0; i < rows; ++i)
        std::memcpy(wanted + int64_t(i) * c.hidden, x + int64_t(batch.logit_rows[i]) * c.hidden,
                    c.hidden * sizeof(float));
    const Rows h = normalize(in_, h_, wanted, norm, c.eps, rows, c.hidden, c.hidden, head.format);
    run({{&head, 0, h, nullptr, 0, 1, rows, y, c.vocab, false}});
}

void Model::forward(Worker& worker, float* cache, int64_t layer_stride, const Batch& batch, float* logits) const {
    const int32_t tokens = batch.tokens.size();
    std::vector<float> x(int64_t(tokens) * config.hidden);
    worker.embed(embedding, batch.tokens.data(), tokens, x.data());
    for (const Layer& layer : layers) {
        worker.attention(config, layer, rope, cache, batch, x.data());
        if (layer.is_moe) worker.moe(config, layer, tokens, x.data());
        else worker.dense(config, layer.dense, layer.mlp_norm, tokens, x.data());
        cache += layer_stride;
    }
    worker.logits(config, head, norm, batch, x.data(), logits);
}

}  // namespace huozhong
