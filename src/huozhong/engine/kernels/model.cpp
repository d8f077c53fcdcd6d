#include "model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "experts.h"
#include "worker.inl"

namespace huozhong {
namespace {

constexpr int32_t SHARE_DIVISOR = 3;  // a piece is at most a thread's share of what is left, divided by this

// Bytes touched per block of outputs, as a measure of time.
int64_t work_of(const Matmul& job) { return job.matrix->block_bytes() * (2 + job.tokens) / 2; }

// Every row `count` times.
std::vector<float> copies(const float* rows, int32_t tokens, int32_t width, int32_t count) {
    std::vector<float> out;
    out.reserve(int64_t(tokens) * count * width);
    for (int32_t t = 0; t < tokens; ++t, rows += width)
        for (int32_t i = 0; i < count; ++i) out.insert(out.end(), rows, rows + width);
    return out;
}

}  // namespace

// -- activations and loops ------------------------------------------------------------------------------------------

Rows Activations::rows(const float* x, int64_t stride, int32_t count, int32_t in) {
    groups_ = (in + GROUP - 1) / GROUP;
    const size_t need = size_t(count) * groups_;
    if (scale_.size() < need) {
        q_.resize(need * GROUP);
        scale_.resize(need);
        sum_.resize(need);
        half_.resize(need);
    }
    return {x, stride, q_.data(), scale_.data(), sum_.data(), half_.data()};
}

// All jobs' blocks of outputs in one loop.  Pieces shrink towards the end (guided self-scheduling, Polychronopoulos and
// Kuck 1987): long ones read memory in one go, short ones leave no thread waiting for another's last.
void Worker::run(const std::vector<Matmul>& jobs) {
    int64_t left = 0;
    for (const Matmul& job : jobs)
        if (job.tokens) left += work_of(job) * job.matrix->blocks();
    const bool small = left < 2 * MIN_PARALLEL_BYTES;
    items_.clear();
    for (int32_t j = 0; j < int32_t(jobs.size()); ++j) {
        const Matmul& job = jobs[j];
        if (!job.tokens) continue;
        const int64_t per_block = work_of(job);
        const int32_t blocks = job.matrix->blocks();
        for (int32_t first = 0; first < blocks;) {
            const int64_t wanted = small ? left : std::max(left / (SHARE_DIVISOR * threads_), MIN_PARALLEL_BYTES);
            const int32_t count = std::clamp<int64_t>((wanted + per_block - 1) / per_block, 1, blocks - first);
            items_.push_back({j, first, first + count});
            first += count;
            left -= count * per_block;
        }
    }
    Pool::get().run(small ? 1 : threads_, items_.size(), [&](int32_t item, int32_t) {
        const Item& at = items_[item];
        k_.matmul(jobs[at.job], at.first, at.last);
    });
}

void Worker::add_jobs(std::vector<Matmul>& jobs, const Matrices& matrices, int32_t index, const Rows& h,
                      const int32_t* rows, int32_t first, int32_t step, int32_t tokens, float* y) {
    const int64_t width = matrices.out();
    for (const Matrix& m : matrices.all) {
        jobs.push_back({&m, index, h, rows, first, step, tokens, y, width, false});
        y += m.out;
    }
}

void Worker::quantize(Activations& to, const float* x, int32_t row, int32_t in) {
    k_.quantize(x, in, to.q(row), to.scale(row), to.sum(row), to.half(row));
}

Rows Worker::prepare(Activations& to, const float* x, int64_t stride, int32_t count, int32_t in, const Matrix& matrix) {
    const Rows rows = to.rows(x, stride, count, in);
    if (!is_float(matrix.format)) for_rows(count, in * 4, [&](int32_t r) { quantize(to, x + r * stride, r, in); });
    return rows;
}

// RMS norm of every row into h, prepared for a matmul.
Rows Worker::normalize(Activations& to, std::vector<float>& h, const float* x, const float* weight, float eps,
                       int32_t count, int64_t stride, int32_t in, bool integers) {
    float* out = grow(h, int64_t(count) * in);
    const Rows rows = to.rows(out, in, count, in);
    for_rows(count, in * 8, [&](int32_t r) {
        float* y = out + int64_t(r) * in;
        k_.rms_norm(x + r * stride, weight, eps, in, y);
        if (integers) quantize(to, y, r, in);
    });
    return rows;
}

// silu(gate) * up of every row into h, prepared for a matmul.
Rows Worker::gate(Activations& to, std::vector<float>& h, const float* gate_up, int32_t count, int32_t width,
                  float limit, const Matrix& matrix) {
    if (limit <= 0) limit = std::numeric_limits<float>::infinity();
    float* out = grow(h, int64_t(count) * width);
    const Rows rows = to.rows(out, width, count, width);
    for_rows(count, width * 16, [&](int32_t r) {
        const float* both = gate_up + int64_t(r) * 2 * width;
        float* y = out + int64_t(r) * width;
        k_.silu_mul(both, both + width, width, limit, y);
        if (!is_float(matrix.format)) quantize(to, y, r, width);
    });
    return rows;
}

void Worker::linear(const float* x, int32_t tokens, const Matrix& matrix, int32_t index, float* y, bool add) {
    const Rows rows = prepare(in_, x, matrix.in, tokens, matrix.in, matrix);
    run({{&matrix, index, rows, nullptr, 0, 1, tokens, y, matrix.out, add}});
}

void Worker::embed(const Matrix& m, const int32_t* tokens, int32_t count, float* y) {
    for_rows(count, m.in * 64, [&](int32_t r) { unpack_row(m, tokens[r], y + int64_t(r) * m.in); });
}

// -- feed-forward ---------------------------------------------------------------------------------------------------

void Worker::dense(const Config& c, const DenseWeights& w, const float* norm, int32_t tokens, float* x) {
    Rows h = normalize(in_, h_, x, norm, c.eps, tokens, c.hidden, c.hidden, any_integers(w.gate_up));
    float* both = grow(gate_up_, int64_t(tokens) * w.gate_up.out());
    jobs_.clear();
    add_jobs(jobs_, w.gate_up, 0, h, nullptr, 0, 1, tokens, both);
    run(jobs_);
    h = gate(mid_, mid_h_, both, tokens, w.down.in, c.limit, w.down);
    run({{&w.down, 0, h, nullptr, 0, 1, tokens, x, c.hidden, true}});
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
    const Rows h = normalize(in_, h_, wanted, norm, c.eps, rows, c.hidden, c.hidden, !is_float(head.format));
    run({{&head, 0, h, nullptr, 0, 1, rows, y, c.vocab, false}});
}

void Worker::likeliest(const float* x, int32_t count, const Matrix& head, int32_t* tokens, float* probabilities) {
    float* y = grow(gate_up_, int64_t(count) * head.out);
    linear(x, count, head, 0, y, false);
    for (int32_t r = 0; r < count; ++r, y += head.out) {
        const float* best = std::max_element(y, y + head.out);
        float total = 0;
        // Tokens less likely than the best by e^-16 are left out: they hardly change the sum.
        for (int32_t i = 0; i < head.out; ++i)
            if (y[i] > *best - 16.0f) total += std::exp(y[i] - *best);
        tokens[r] = int32_t(best - y);
        probabilities[r] = total > 0 ? 1.0f / total : 0.0f;  // 0: nothing but NaN
    }
}

void Worker::mtp_input(const Config& c, const PredictionWeights& w, const float* embedded, const float* states,
                       int32_t tokens, float* x) {
    float* both = grow(h_, int64_t(tokens) * 2 * c.hidden);
    for_rows(tokens, c.hidden * 16, [&](int32_t t) {
        float* row = both + int64_t(t) * 2 * c.hidden;
        k_.rms_norm(embedded + int64_t(t) * c.hidden, w.enorm, c.eps, c.hidden, row);
        k_.rms_norm(states + int64_t(t) * c.hidden, w.hnorm, c.eps, c.hidden, row + c.hidden);
    });
    linear(both, tokens, w.eh_proj, 0, x, false);
}

void Model::run_layer(Worker& worker, const LayerWeights& layer, const LayerWeights* next, const Cache& cache,
                      const Batch& batch, float* x) const {
    if (config.grouped) worker.grouped_attention(config, layer, rope, cache, batch, x);
    else worker.latent_attention(config, layer, rope, cache, batch, x);
    const int32_t tokens = batch.tokens.size();
    const Likely ahead = next ? worker.likely(config, *next, batch.tokens, x) : Likely{};
    if (layer.is_moe) worker.moe(config, layer, batch.tokens, x, x, ahead);
    else worker.dense(config, layer.dense, layer.mlp_norm, tokens, x);
}

void Model::run_compressed(Worker& worker, const LayerWeights& layer, const LayerWeights* next, const Cache& cache,
                           const Batch& batch, float* part, float* x) const {
    const int32_t tokens = batch.tokens.size();
    const int64_t size = int64_t(tokens) * config.hidden;
    float* y = part + size;
    worker.collapse(config, layer.attention_mix, x, tokens, true, part);
    const float* table = layer.compressed.kind == Compression::none ? rope : compress_rope;
    worker.compressed_attention(config, layer, table, cache, batch, part, y);
    worker.spread(config, y, tokens, x);
    const Likely ahead = next ? worker.likely(config, *next, batch.tokens, x) : Likely{};
    worker.collapse(config, layer.mlp_mix, x, tokens, true, part);
    std::fill(y, y + size, 0.0f);
    worker.moe(config, layer, batch.tokens, part, y, ahead);
    worker.spread(config, y, tokens, x);
}

void Model::finish(Worker& worker, const float* last_norm, const Batch& batch, const float* x, float* logits,
                   float* hidden) const {
    for (size_t i = 0; i < batch.hidden_rows.size(); ++i)
        worker.norm(x + int64_t(batch.hidden_rows[i]) * config.hidden, last_norm, config.eps, config.hidden,
                    hidden + i * config.hidden);
    worker.logits(config, head, last_norm, batch, x, logits);
}

void Model::forward(Worker& worker, Cache cache, int64_t layer_stride, const Batch& batch, float* logits, float* hidden,
                    const std::vector<int32_t>& taps, float* tapped) const {
    const int32_t tokens = batch.tokens.size();
    const int64_t size = int64_t(tokens) * config.hidden;
    std::vector<float> part(config.compressed ? 2 * size : size), x;
    worker.embed(embedding, batch.tokens.data(), tokens, part.data());
    if (config.compressed) x = copies(part.data(), tokens, config.hidden, config.streams);
    else x.swap(part);
    for (size_t i = 0; i < layers.size(); ++i) {
        // Guessed again: what was guessed a layer ago did not know what that layer's experts would add.
        const Likely now = worker.likely(config, layers[i], batch.tokens, x.data());
        if (now.layer) now.layer->moe.shelf->guess(now.layer->moe.shelf_layer, now.experts);
        const LayerWeights* next = i + 1 < layers.size() ? &layers[i + 1] : nullptr;
        if (config.compressed) run_compressed(worker, layers[i], next, cache, batch, part.data(), x.data());
        else run_layer(worker, layers[i], next, cache, batch, x.data());
        cache.base += layer_stride;
        const size_t tap = std::find(taps.begin(), taps.end(), int32_t(i)) - taps.begin();
        for (size_t r = 0; tap < taps.size() && r < batch.hidden_rows.size(); ++r)
            std::copy_n(x.data() + int64_t(batch.hidden_rows[r]) * config.hidden, config.hidden,
                        tapped + (r * taps.size() + tap) * config.hidden);
    }
    if (config.compressed) {
        worker.collapse(config, head_mix, x.data(), tokens, false, part.data());
        x.swap(part);
    }
    finish(worker, norm, batch, x.data(), logits, hidden);
}

void Model::draft(Worker& worker, int32_t index, Cache cache, const Batch& batch, const float* states, float* logits,
                  float* hidden) const {
    const PredictionWeights& module = prediction[index];
    const int32_t tokens = batch.tokens.size();
    std::vector<float> embedded(int64_t(tokens) * config.hidden), x(embedded.size());
    worker.embed(embedding, batch.tokens.data(), tokens, embedded.data());
    worker.mtp_input(config, module, embedded.data(), states, tokens, x.data());
    run_layer(worker, module.layer, nullptr, cache, batch, x.data());
    finish(worker, module.norm, batch, x.data(), logits, hidden);
}

void Model::draft_ahead(Worker& worker, int32_t index, const Cache& cache, Batch batch, const float* states,
                        const int32_t* limits, int32_t most, int32_t vocab, float p_min, int32_t* tokens,
                        float* probabilities) const {
    struct Chain { int32_t span, done; float probability; };
    const PredictionWeights& module = prediction[index];
    const bool own_head = !module.guessed.empty();
    Matrix head_part = own_head ? module.head : head;
    if (!own_head) head_part.out = vocab;
    const int32_t d = config.hidden, spans = batch.spans.size();
    std::fill(tokens, tokens + int64_t(spans) * most, 0);
    std::fill(probabilities, probabilities + int64_t(spans) * most, 0.0f);
    std::vector<Chain> chains;
    std::vector<int32_t> last;  // the rows that guess
    for (int32_t s = 0; s < spans; ++s) {
        chains.push_back({s, 0, 1.0f});
        last.push_back(batch.spans[s].first_row + batch.spans[s].length - 1);
    }
    std::vector<float> embedded, x, state(states, states + int64_t(batch.tokens.size()) * d), next, probability;
    std::vector<int32_t> guess;
    while (true) {
        const int32_t rows = batch.tokens.size(), count = chains.size();
        embedded.resize(int64_t(rows) * d);
        x.resize(int64_t(rows) * d);
        worker.embed(embedding, batch.tokens.data(), rows, embedded.data());
        worker.mtp_input(config, module, embedded.data(), state.data(), rows, x.data());
        run_layer(worker, module.layer, nullptr, cache, batch, x.data());
        next.resize(int64_t(count) * d);
        guess.resize(count);
        probability.resize(count);
        for (int32_t i = 0; i < count; ++i)
            worker.norm(x.data() + int64_t(last[i]) * d, module.norm, config.eps, d, next.data() + int64_t(i) * d);
        worker.likeliest(next.data(), count, head_part, guess.data(), probability.data());
        if (own_head)
            for (int32_t& token : guess) token = module.guessed[token];
        // Every span that goes on gives the next pass one row, one position further.
        Batch ahead;
        std::vector<Chain> going;
        state.clear();
        last.clear();
        for (int32_t i = 0; i < count; ++i) {
            Chain chain = chains[i];
            const int64_t at = int64_t(chain.span) * most + chain.done++;
            tokens[at] = guess[i];
            probabilities[at] = probability[i];
            chain.probability *= probability[i];
            if (chain.done == limits[chain.span] || !(chain.probability >= p_min)) continue;
            Span& span = batch.spans[i];
            last.push_back(going.size());
            ahead.spans.push_back({int32_t(going.size()), 1, span.end(), false, std::move(span.offset),
                                   std::move(span.page)});
            ahead.tokens.push_back(guess[i]);
            state.insert(state.end(), next.begin() + int64_t(i) * d, next.begin() + int64_t(i + 1) * d);
            going.push_back(chain);
        }
        if (going.empty()) return;
        batch = std::move(ahead);
        chains = std::move(going);
    }
}

}  // namespace huozhong
