// Whole forward passes of small random models: every instruction set, one thread and several, bit for bit the same.
// Built with sanitizers it looks for reads and writes out of bounds, undefined behaviour and races.
#include <algorithm>
#include <thread>

#include "model.h"
#include "testing.h"

namespace testing {
namespace {

struct Shape {
    const char* name;
    Config config;
    std::vector<Format> formats;  // of the weights, in turn
    CacheFormat cache;
    int32_t page_size, layers, dense_width, expert_width;
    bool shared, biases;
};

Config common(int32_t vocab, int32_t hidden, int32_t heads, int32_t rope) {
    Config c{};
    c.vocab = vocab;
    c.hidden = hidden;
    c.heads = heads;
    c.rope = rope;
    c.groups = c.top_groups = 1;
    c.routed_scale = 1.5f;
    c.eps = c.latent_eps = 1e-6f;
    c.softmax_scale = 0.2f;
    c.normalize = true;
    return c;
}

Config latent(Config c, int32_t rank, int32_t q_rank, int32_t nope, int32_t v) {
    c.rank = rank;
    c.q_rank = q_rank;
    c.nope = nope;
    c.v = v;
    return c;
}

Config sparse(Config c, int32_t heads, int32_t dim, int32_t top) {
    c.index_heads = heads;
    c.index_dim = dim;
    c.index_top = top;
    return c;
}

Config grouped(Config c, int32_t kv_heads, int32_t dim) {
    c.grouped = true;
    c.kv_heads = kv_heads;
    c.dim = dim;
    return c;
}

// Layers see the last 20 positions, and the best 9 of one entry for each 4 positions, or one for each 32.
Config compressed(Config c, int32_t dim, int32_t out_groups, int32_t index_dim) {
    c.compressed = c.sqrt_softplus = true;
    c.dim = dim;
    c.q_rank = 24;
    c.window = 20;
    c.out_groups = out_groups;
    c.out_rank = 13;
    c.sparse_rate = 4;
    c.heavy_rate = 32;
    c.streams = 4;
    c.sinkhorn = 20;
    c.stream_eps = 1e-6f;
    c.limit = 1.5f;
    return sparse(c, 3, index_dim, 9);
}

Config experts(Config c, int32_t count, int32_t per_token, int32_t groups, int32_t top_groups, bool softmax) {
    c.experts = count;
    c.experts_per_token = per_token;
    c.groups = groups;
    c.top_groups = top_groups;
    c.softmax_scores = softmax;
    c.best_two = !softmax;
    return c;
}

// The first layer is dense; the others have experts where the configuration has.
class RandomModel {
  public:
    RandomModel(const Shape& shape, uint64_t seed) : shape_(shape), random_(seed) {
        const Config& c = model.config = shape.config;
        model.embedding = matrix(c.vocab, c.hidden);
        model.head = matrix(c.vocab, c.hidden);
        model.norm = vector(c.hidden);
        model.positions = 400;
        model.rope = vector(int64_t(model.positions) * c.rope);
        // Every third layer of a sparse model looks at the keys of the one before.
        if (c.compressed) {
            model.compress_rope = vector(int64_t(model.positions) * c.rope);
            model.head_mix = mix(c.streams, 1);
            for (int32_t i = 0; i < shape.layers; ++i) model.layers.push_back(compressed_layer(i));
            return;
        }
        for (int32_t i = 0; i < shape.layers; ++i) model.layers.push_back(layer(i > 0 && c.experts, i % 3 == 2));
        model.prediction.push_back({vector(c.hidden), vector(c.hidden), vector(c.hidden),
                                    matrix(c.hidden, 2 * c.hidden), layer(c.experts, false)});
    }

    Model model;

  private:
    const float* vector(int64_t n) {
        vectors_.push_back(floats(random_, n, 0.5f));
        return vectors_.back().get();
    }
    Matrix matrix(int32_t out, int32_t in, int32_t count = 1) {
        return matrix(shape_.formats[turn_++ % shape_.formats.size()], out, in, count);
    }
    Matrix matrix(Format format, int32_t out, int32_t in, int32_t count = 1) {
        if (is_super(format) && in % SUPER) format = Format::q5_0;
        matrices_.push_back(std::make_unique<RandomMatrix>(random_, format, out, in, count, 0.3f));
        return matrices_.back()->m;
    }
    DenseWeights dense(int32_t width, int32_t count = 1) {
        const int32_t hidden = shape_.config.hidden;
        return {{{matrix(width, hidden, count), matrix(width, hidden, count)}}, matrix(hidden, width, count)};
    }
    LayerWeights layer(bool moe, bool shares) {
        const Config& c = shape_.config;
        LayerWeights out{};
        out.attention_norm = vector(c.hidden);
        out.mlp_norm = vector(c.hidden);
        if (c.grouped) {
            GroupedWeights& w = out.grouped;
            w.qkv = {{matrix(c.heads * c.dim, c.hidden), matrix(c.kv_heads * c.dim, c.hidden),
                      matrix(c.kv_heads * c.dim, c.hidden)}};
            w.out = matrix(c.hidden, c.heads * c.dim);
            if (shape_.biases) {
                w.bias = vector(w.qkv.out());
                w.out_bias = vector(c.hidden);
                w.q_norm = vector(c.dim);
                w.k_norm = vector(c.dim);
            }
        } else {
            LatentWeights& w = out.latent;
            const int32_t query = c.heads * c.qk();
            w.down = {{matrix(c.q_rank ? c.q_rank : query, c.hidden), matrix(c.latent(), c.hidden)}};
            if (c.q_rank) {
                w.q_norm = vector(c.q_rank);
                w.q_up = matrix(query, c.q_rank);
            }
            w.kv_norm = vector(c.rank);
            const Format up = is_float(shape_.formats[0]) ? Format::f32 : Format::q8;
            w.k_up = matrix(up, c.nope, c.rank, c.heads);
            w.v_up = matrix(up, c.v, c.rank, c.heads);
            w.q_absorb = matrix(up, c.rank, c.nope, c.heads);
            w.out = matrix(c.hidden, c.heads * c.v);
            if (c.index_top && !shares)
                w.index = {true, matrix(c.index_heads * c.index_dim, c.q_rank), matrix(c.index_dim, c.hidden),
                           matrix(Format::f32, c.index_heads, c.hidden), vector(c.index_dim), vector(c.index_dim)};
        }
        out.is_moe = moe;
        if (moe) {
            out.moe = experts();
        } else {
            out.dense = dense(shape_.dense_width);
        }
        return out;
    }
    MoeWeights experts() {
        const Config& c = shape_.config;
        MoeWeights out{};
        out.router = matrix(Format::f32, c.experts, c.hidden);
        if (shape_.biases) out.bias = vector(c.experts);
        out.experts = dense(shape_.expert_width, c.experts);
        out.has_shared = shape_.shared;
        if (shape_.shared) out.shared = dense(shape_.expert_width + 3);
        return out;
    }
    StreamWeights mix(int32_t numbers, int32_t scales) {
        const int32_t width = shape_.config.streams * shape_.config.hidden;
        return {matrix(Format::f32, numbers, width), vector(numbers), vector(scales)};
    }
    // Layer 0 compresses nothing and has its experts from a table; the others take turns.
    LayerWeights compressed_layer(int32_t number) {
        const Config& c = shape_.config;
        LayerWeights out{};
        out.attention_norm = vector(c.hidden);
        out.mlp_norm = vector(c.hidden);
        out.attention_mix = mix((2 + c.streams) * c.streams, 3);
        out.mlp_mix = mix((2 + c.streams) * c.streams, 3);
        out.is_moe = true;
        out.moe = experts();
        if (number == 0) {
            for (int32_t i = 0; i < c.vocab * c.experts_per_token; ++i) table_.push_back(random_.below(c.experts));
            out.moe.table = table_.data();
            out.moe.bias = nullptr;
        }
        CompressedWeights& w = out.compressed;
        w.kind = Compression(number % 3);
        const bool sparse = w.kind == Compression::sparse;
        w.down = {{matrix(c.q_rank, c.hidden), matrix(c.dim, c.hidden)}};
        w.q_norm = vector(c.q_rank);
        w.kv_norm = vector(c.dim);
        w.sinks = vector(c.heads);
        w.q_up = matrix(c.heads * c.dim, c.q_rank);
        w.out_groups = matrix(c.out_rank, c.heads / c.out_groups * c.dim, c.out_groups);
        w.out = matrix(c.hidden, c.out_groups * c.out_rank);
        if (w.kind == Compression::none) return out;
        const int32_t gates = sparse ? 2 * c.dim : c.dim;
        w.compress = {{matrix(gates, c.hidden), matrix(gates, c.hidden)}};
        w.bias = vector(int64_t(c.rate(w.kind)) * gates);
        w.norm = vector(c.dim);
        if (!sparse) return out;
        w.compress.all.push_back(matrix(2 * c.index_dim, c.hidden));
        w.compress.all.push_back(matrix(2 * c.index_dim, c.hidden));
        w.index_query = matrix(c.index_heads * c.index_dim, c.q_rank);
        w.index_weights = matrix(Format::f32, c.index_heads, c.hidden);
        w.index_bias = vector(int64_t(c.sparse_rate) * 2 * c.index_dim);
        w.index_norm = vector(c.index_dim);
        return out;
    }

    const Shape& shape_;
    Random random_;
    size_t turn_ = 0;
    std::vector<int32_t> table_;
    std::vector<Array<float>> vectors_;
    std::vector<std::unique_ptr<RandomMatrix>> matrices_;
};

struct Piece { int32_t sequence, length; bool prefill; };
using Step = std::vector<Piece>;

// Prompts, prompts beside generated rows, several generated rows at once, pieces that cross pages and blocks of keys.
const std::vector<Step> STEPS = {
    {{0, 5, true}, {1, 1, true}},
    {{0, 1, false}, {1, 70, true}},
    {{2, 17, true}, {0, 3, false}, {1, 2, false}},
    {{1, 190, true}, {2, 1, false}},
    {{0, 1, false}, {1, 4, false}, {2, 47, true}},
    {{1, 1, false}},
};
constexpr int32_t SEQUENCES = 3, LONGEST = 300;

// A page of any layer.
int64_t page_bytes(const Shape& s) {
    const Config& c = s.config;
    if (!c.compressed) return c.page_bytes(s.page_size, s.cache);
    return std::max(PageParts(c, Compression::sparse, s.page_size, s.cache).bytes,
                    PageParts(c, Compression::heavy, s.page_size, s.cache).bytes);
}

// bindings.cpp's make_span, without its checks.
Span make_span(const Shape& s, const Piece& piece, int32_t first_row, int32_t start, const std::vector<int32_t>& pages) {
    const Config& c = s.config;
    const int64_t step = c.grouped ? KEY_TILE : 1, step_bytes = c.step_bytes(s.cache);
    const int64_t bytes = page_bytes(s);
    Span span{first_row, piece.length, start, piece.prefill, {}, {}};
    if (c.index_top)
        for (int64_t p = 0; p < span.end(); p += s.page_size) span.page.push_back(pages[p / s.page_size] * bytes);
    for (int64_t p = 0; p < span.end(); p += step)
        span.offset.push_back(pages[p / s.page_size] * bytes + p % s.page_size / step * step_bytes);
    return span;
}

// All steps' logits and hidden states, and the drafts of a prediction module on the last ones.
std::vector<Array<float>> run_steps(const Shape& s, const Model& model, const Kernels& kernels, int32_t threads) {
    const Config& c = s.config;
    const int32_t per_sequence = (LONGEST + s.page_size - 1) / s.page_size, pages = SEQUENCES * per_sequence;
    const int64_t bytes = page_bytes(s), layer_bytes = pages * bytes;
    Array<uint8_t> cache((s.layers + 1) * layer_bytes);
    Random random(3);
    const std::vector<int32_t> order = random.permutation(pages);
    int32_t length[SEQUENCES] = {};
    std::vector<Array<float>> out;
    for (const Step& step : STEPS) {
        Batch batch;
        for (const Piece& piece : step) {
            const std::vector<int32_t> own(order.begin() + piece.sequence * per_sequence,
                                           order.begin() + (piece.sequence + 1) * per_sequence);
            const int32_t first = batch.tokens.size();
            batch.spans.push_back(make_span(s, piece, first, length[piece.sequence], own));
            for (int32_t i = 0; i < piece.length; ++i) batch.tokens.push_back(random.below(c.vocab));
            if (!piece.prefill)
                for (int32_t i = 0; i < piece.length; ++i) batch.logit_rows.push_back(first + i);
            length[piece.sequence] += piece.length;
        }
        const int32_t rows = batch.tokens.size();
        batch.logit_rows.push_back(rows - 1);
        for (int32_t i = 0; i < rows; ++i) batch.hidden_rows.push_back(i);
        // A worker of its own for each step: its buffers then have exactly the lengths that the step needs.
        Worker worker(kernels, threads), drafter(kernels, threads);
        Array<float> logits(int64_t(batch.logit_rows.size()) * c.vocab), hidden(int64_t(rows) * c.hidden);
        model.forward(worker, {cache.get(), bytes, s.page_size, s.cache}, layer_bytes, batch, logits.get(), hidden.get());
        out.push_back(std::move(logits));
        out.push_back(std::move(hidden));
        if (!model.prediction.empty()) {
            Array<float> draft(out[out.size() - 2].size()), states(out.back().size());
            model.draft(drafter, 0, {cache.get() + s.layers * layer_bytes, bytes, s.page_size, s.cache}, batch,
                        out.back().get(), draft.get(), states.get());
            out.push_back(std::move(draft));
            out.push_back(std::move(states));
        }
        for (const Array<float>& y : out) all_finite(std::string(kernels.name) + " " + s.name, y);
    }
    return out;
}

void compare(const Shape& s, const Model& model, const std::vector<Array<float>>& expected, const Kernels& kernels,
             int32_t threads) {
    const std::vector<Array<float>> got = run_steps(s, model, kernels, threads);
    for (size_t i = 0; i < got.size(); ++i)
        same(std::string(kernels.name) + " " + s.name + ", " + std::to_string(threads) + " threads, output " +
                 std::to_string(i),
             got[i], expected[i]);
}

// The first set, on one thread, says what the others must compute.
void check(const Shape& s, const std::vector<const Kernels*>& sets, const std::vector<int32_t>& threads) {
    const RandomModel random(s, 5);
    const Model& model = random.model;
    const std::vector<Array<float>> expected = run_steps(s, model, *sets.front(), 1);
    for (const Kernels* k : sets) {
        const bool rounds = k->bf16 && s.cache != CacheFormat::f32;  // to bits of its own
        const std::vector<Array<float>> own = rounds ? run_steps(s, model, *k, 1) : std::vector<Array<float>>();
        for (int32_t count : threads) compare(s, model, rounds ? own : expected, *k, count);
    }
    // Two callers of the one pool at a time.
    const std::vector<Array<float>> last = run_steps(s, model, *sets.back(), 1);
    std::thread other([&] { compare(s, model, last, *sets.back(), 2); });
    compare(s, model, last, *sets.back(), 4);
    other.join();
}

}  // namespace
}  // namespace testing

// With an argument: only the fastest set, and only several threads.
int main(int argc, char**) {
    using namespace testing;
    using F = Format;
    using V = std::vector<int32_t>;
    const std::vector<Format> floats{F::f32}, halves{F::f16, F::bf16}, mixed{F::q8, F::q4, F::q4_1, F::q5_0};
    const std::vector<Format> super{F::q4_k, F::q5_k, F::q6_k};
    const CacheFormat f32 = CacheFormat::f32, f16 = CacheFormat::f16, q8 = CacheFormat::q8;
    const Shape shapes[] = {
        {"latent f32", latent(common(50, 33, 3, 6), 21, 19, 11, 9), floats, f32, 7, 2, 45, 0, false, false},
        {"latent q8 experts", experts(latent(common(67, 96, 9, 8), 40, 0, 24, 17), 6, 2, 3, 2, false), {F::q8, F::q4}, f16,
         64, 2, 100, 37, true, true},
        {"latent mixed experts", experts(latent(common(80, 256, 4, 16), 64, 48, 32, 32), 8, 3, 1, 1, true), mixed, f32, 16,
         3, 160, 64, false, false},
        {"grouped f32", grouped(common(51, 35, 6, 10), 2, 13), floats, f32, 16, 2, 47, 0, false, true},
        {"grouped halves", grouped(common(64, 64, 7, 8), 1, 20), halves, f16, 48, 2, 70, 0, false, false},
        {"grouped K experts", experts(grouped(common(70, 256, 8, 32), 2, 32), 5, 2, 1, 1, true), super, f16, 64, 2, 256, 256,
         true, true},
        {"latent q8 cache", latent(common(50, 64, 5, 6), 33, 19, 11, 9), {F::q8}, q8, 7, 2, 45, 0, false, false},
        {"sparse f32", sparse(latent(common(50, 33, 3, 6), 21, 19, 11, 9), 5, 32, 40), floats, f32, 16, 3, 45, 0, false,
         false},
        {"sparse f16 cache", sparse(experts(latent(common(67, 96, 9, 8), 40, 24, 24, 17), 6, 2, 3, 2, false), 7, 96, 70),
         {F::q8, F::q4}, f16, 48, 4, 100, 37, true, true},
        {"sparse q8 cache", sparse(latent(common(50, 64, 5, 6), 33, 19, 11, 9), 4, 64, 3), {F::q8}, q8, 16, 2, 45, 0,
         false, false},
        {"compressed f32", compressed(experts(common(50, 33, 6, 6), 5, 2, 1, 1, false), 19, 3, 32), floats, f32, 64, 4, 0, 45,
         true, true},
        {"compressed f16 cache", compressed(experts(common(67, 96, 8, 8), 6, 2, 1, 1, false), 40, 2, 64), {F::q8, F::q4}, f16,
         64, 3, 0, 37, true, true},
        {"compressed q8 cache", compressed(experts(common(67, 64, 9, 4), 6, 3, 1, 1, false), 33, 3, 32), mixed, q8, 128, 3, 0,
         20, true, true},
        {"grouped q8 cache", grouped(common(51, 64, 6, 10), 2, 33), {F::q8}, q8, 32, 2, 47, 0, false, true},
        {"grouped mixed", grouped(common(90, 130, 5, 16), 5, 16), mixed, f32, 32, 2, 99, 0, false, true},
    };
    const std::vector<const Kernels*> fastest{available_kernels()[0]};
    for (const Shape& s : shapes) check(s, argc > 1 ? fastest : sets(), argc > 1 ? V{3} : V{1, 3});
    report(argc > 1 ? fastest : sets());
}
