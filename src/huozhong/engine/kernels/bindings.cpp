// What Python sees of the kernels.  Everything that comes from Python is checked here: shapes, types, ranges; a
// mistake is a ValueError or TypeError, and the code behind may trust its arguments.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "model.h"
#include "pool.h"

namespace nb = nanobind;
using namespace nb::literals;
using namespace huozhong;

namespace {

template <class T, int N> using In = nb::ndarray<const T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;
template <class T, int N> using InOut = nb::ndarray<T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;
using Out = nb::ndarray<nb::numpy, float>;

constexpr int64_t LARGEST = int64_t(1) << 30;  // rows, features, positions: products of two fit into 64 bits

[[noreturn]] void fail(const std::string& message) { throw nb::value_error(message.c_str()); }
void check(bool good, const char* message) {
    if (!good) fail(message);
}
int32_t size(int64_t n, const char* name) {
    if (n < 0 || n > LARGEST) fail(std::string(name) + " is out of range");
    return int32_t(n);
}

// A new float array that NumPy owns.
template <class T> struct New {
    std::unique_ptr<T[]> data;
    std::vector<size_t> shape;

    explicit New(std::vector<size_t> s) : shape(std::move(s)) {
        size_t n = 1;
        for (size_t length : shape) n *= length;
        data.reset(new T[n]);
    }
    nb::ndarray<nb::numpy, T> numpy() {
        T* p = data.release();
        nb::capsule owner(p, [](void* q) noexcept { delete[] static_cast<T*>(q); });
        return nb::ndarray<nb::numpy, T>(p, shape.size(), shape.data(), owner);
    }
};
using NewArray = New<float>;

// -- which kernels ----------------------------------------------------------------------------------------------------

std::atomic<const Kernels*> chosen{nullptr};

const Kernels& kernels() {
    const Kernels* k = chosen.load();
    if (!k) chosen.store(k = available_kernels()[0]);
    return *k;
}

bool use(const std::string& name) {
    for (auto k = available_kernels(); *k; ++k)
        if (name == (*k)->name) {
            chosen.store(*k);
            return true;
        }
    return false;
}

// -- matrices ---------------------------------------------------------------------------------------------------------

Format format_of(const std::string& name) {
    static const char* const NAMES[] = {"f32", "f16", "bf16", "q8", "q4", "q4_1", "q5_0", "q4_k", "q5_k", "q6_k"};
    for (int32_t i = 0; i < 10; ++i)
        if (name == NAMES[i]) return Format(i);
    fail("unknown weight format " + name);
}

CacheFormat cache_format_of(const std::string& name) {
    if (name == "f32") return CacheFormat::f32;
    if (name == "f16") return CacheFormat::f16;
    fail("unknown cache format " + name);
}

struct PyMatrix {
    Matrix m;
    nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> data;
    std::optional<nb::ndarray<const uint16_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>> scales;

    PyMatrix(const std::string& format, int64_t out, int64_t in, int64_t count, In<uint8_t, 1> data_,
             std::optional<In<uint16_t, 1>> scales_)
        : data(data_), scales(scales_) {
        const Format f = format_of(format);
        check(out >= 1 && in >= 1 && count >= 1, "a matrix needs at least one row, column and layer");
        check(!is_super(f) || in % SUPER == 0, "a K-quant needs a multiple of 256 inputs");
        m = {f, size(out, "out_features"), size(in, "in_features"), size(count, "count"), data.data(), nullptr};
        const __int128 bytes = __int128(m.matrix_bytes()) * count, halves = __int128(m.matrix_scales()) * count;
        check(__int128(data.size()) == bytes, "a matrix has the wrong number of bytes of weights");
        check(scales.has_value() == (unit_scales(f) > 0), "scales belong to q8, q4, q4_1 and q5_0, and only to them");
        if (scales) {
            check(__int128(scales->size()) == halves, "a matrix has the wrong number of scales");
            m.scales = scales->data();
        }
    }
};

using MatrixArg = const PyMatrix&;

Matrix shaped(MatrixArg matrix, int32_t out, int32_t in, int32_t count, const char* name) {
    const Matrix& m = matrix.m;
    if (m.out != out || m.in != in || m.count != count) fail(std::string("the shape of ") + name + " does not fit");
    return m;
}

Out linear(In<float, 2> x, MatrixArg matrix, int64_t index, int32_t threads) {
    check(x.shape(1) == size_t(matrix.m.in), "x does not have in_features columns");
    check(index >= 0 && index < matrix.m.count, "the stack has no matrix of that index");
    const int32_t tokens = size(x.shape(0), "rows");
    NewArray y({x.shape(0), size_t(matrix.m.out)});
    {
        nb::gil_scoped_release release;
        Worker(kernels(), threads).linear(x.data(), tokens, matrix.m, int32_t(index), y.data.get(), false);
    }
    return y.numpy();
}

Out embed(In<int32_t, 1> tokens, MatrixArg matrix) {
    for (size_t i = 0; i < tokens.size(); ++i)
        check(tokens.data()[i] >= 0 && tokens.data()[i] < matrix.m.out, "a token is not in the vocabulary");
    NewArray y({tokens.size(), size_t(matrix.m.in)});
    Worker(kernels(), 1).embed(matrix.m, tokens.data(), size(tokens.size(), "rows"), y.data.get());
    return y.numpy();
}

nb::tuple quantize_rows(In<float, 2> x) {
    const int32_t rows = size(x.shape(0), "rows"), n = size(x.shape(1), "columns"), groups = (n + GROUP - 1) / GROUP;
    auto* q = new int8_t[size_t(rows) * groups * GROUP];
    nb::capsule owner(q, [](void* p) noexcept { delete[] static_cast<int8_t*>(p); });
    NewArray scale({size_t(rows), size_t(groups)});
    std::vector<int32_t> sum(groups), half(groups);
    for (int32_t r = 0; r < rows; ++r)
        kernels().quantize(x.data() + int64_t(r) * n, n, q + int64_t(r) * groups * GROUP,
                           scale.data.get() + int64_t(r) * groups, sum.data(), half.data());
    const size_t shape[3] = {size_t(rows), size_t(groups), GROUP};
    return nb::make_tuple(nb::ndarray<nb::numpy, int8_t>(q, 3, shape, owner), scale.numpy());
}

Out rms_norm(In<float, 2> x, In<float, 1> weight, float eps) {
    check(x.shape(1) == weight.size(), "x and weight differ in width");
    NewArray y({x.shape(0), x.shape(1)});
    const int64_t n = size(x.shape(1), "columns");
    for (size_t r = 0; r < x.shape(0); ++r)
        kernels().rms_norm(x.data() + r * n, weight.data(), eps, int32_t(n), y.data.get() + r * n);
    return y.numpy();
}

Out silu_mul(In<float, 2> x) {
    check(x.shape(1) % 2 == 0, "x must hold two halves");
    const int64_t n = size(x.shape(1), "columns") / 2;
    NewArray y({x.shape(0), size_t(n)});
    for (size_t r = 0; r < x.shape(0); ++r)
        kernels().silu_mul(x.data() + 2 * r * n, x.data() + (2 * r + 1) * n, int32_t(n), y.data.get() + r * n);
    return y.numpy();
}

Out rotate(In<float, 3> x, In<float, 3> table, In<int32_t, 1> positions) {
    const int64_t heads = size(x.shape(1), "heads"), dim = size(x.shape(2), "width");
    check(table.shape(1) == 2 && int64_t(table.shape(2)) * 2 == dim, "the rope table does not fit x");
    check(positions.size() == x.shape(0), "one position per row is needed");
    NewArray y({x.shape(0), x.shape(1), x.shape(2)});
    std::copy(x.data(), x.data() + x.size(), y.data.get());
    Worker worker(kernels(), 1);
    for (size_t t = 0; t < positions.size(); ++t) {
        const int64_t position = positions.data()[t];
        check(position >= 0 && position < int64_t(table.shape(0)), "a position is not in the rope table");
        worker.rotate(y.data.get() + int64_t(t) * heads * dim, dim, int32_t(heads), table.data() + position * dim,
                      int32_t(dim));
    }
    return y.numpy();
}

void check_routing(const Config& c) {
    check(c.groups >= 1 && c.experts >= 1 && c.experts % c.groups == 0, "groups must divide experts");
    check(c.top_groups >= 1 && c.top_groups <= c.groups, "topk_group is out of range");
    check(c.experts_per_token >= 1 && c.experts_per_token <= c.experts / c.groups * c.top_groups,
          "more experts per token than the kept groups hold");
}

nb::tuple route(In<float, 2> logits, std::optional<In<float, 1>> bias, int32_t per_token, int32_t groups,
                int32_t top_groups, bool softmax, bool best_two, bool normalize, float scale) {
    Config c{};
    c.experts = size(logits.shape(1), "experts");
    c.experts_per_token = per_token;
    c.groups = groups;
    c.top_groups = top_groups;
    c.softmax_scores = softmax;
    c.best_two = best_two;
    c.normalize = normalize;
    c.routed_scale = scale;
    check(!bias || bias->size() == logits.shape(1), "one bias per expert is needed");
    check_routing(c);
    const size_t tokens = size(logits.shape(0), "rows");
    auto* experts = new int32_t[tokens * per_token];
    nb::capsule owner(experts, [](void* p) noexcept { delete[] static_cast<int32_t*>(p); });
    NewArray weights({tokens, size_t(per_token)});
    Worker(kernels(), 1).route(c, logits.data(), bias ? bias->data() : nullptr, int32_t(tokens), experts, weights.data.get());
    const size_t shape[2] = {tokens, size_t(per_token)};
    return nb::make_tuple(nb::ndarray<nb::numpy, int32_t>(experts, 2, shape, owner), weights.numpy());
}

// The largest of an array: as fast as memory is read, which is what benchmarks compare with.
float largest(In<float, 1> x, int32_t threads) {
    check(threads >= 1 && threads <= 1024, "threads must lie between 1 and 1024");
    const int64_t n = x.size(), items = 4 * int64_t(threads);
    const float* data = x.data();
    std::vector<float> found(items);
    nb::gil_scoped_release release;
    Pool::get().run(threads, int32_t(items), [&](int32_t item, int32_t) {
        const int64_t first = n * item / items, last = n * (item + 1) / items;
        found[item] = kernels().largest(data + first, last - first);
    });
    return *std::max_element(found.begin(), found.end());
}

// -- spans and the cache ------------------------------------------------------------------------------------------------

// How positions lie in a page (model.h, Cache).
int64_t page_bytes(const Config& c, int64_t page_size, CacheFormat format) {
    check(page_size >= 1 && page_size <= LARGEST, "page_size is out of range");
    check(!c.grouped || page_size % KEY_TILE == 0, "pages of grouped attention hold a multiple of 16 positions");
    return page_size * c.row() * element_bytes(format);
}

// beyond: positions behind the span that its offsets cover too.
Span make_span(const Config& c, int64_t first_row, int64_t length, int64_t start, bool prefill, const int32_t* pages,
               size_t num_pages, int64_t cache_pages, int64_t page_size, CacheFormat format, int64_t beyond = 0) {
    Span span{size(first_row, "first_row"), size(length, "length"), size(start, "start"), prefill, {}};
    check(length >= 1, "a span needs at least one row");
    const int64_t end = start + length + beyond;
    check(end <= LARGEST && end <= int64_t(num_pages) * page_size, "the page table is too short for the span");
    const int64_t bytes = page_bytes(c, page_size, format), element = element_bytes(format);
    const int64_t step = c.grouped ? KEY_TILE : 1, step_bytes = (c.grouped ? KEY_TILE * c.dim : c.latent()) * element;
    span.offset.reserve((end + step - 1) / step);
    for (int64_t first = 0; first < end; first += page_size, ++pages) {
        check(*pages >= 0 && *pages < cache_pages, "a page is not in the cache");
        const int64_t last = std::min(first + page_size, end);
        for (int64_t p = first; p < last; p += step) span.offset.push_back(*pages * bytes + (p - first) / step * step_bytes);
    }
    return span;
}

// One sequence's rows against one layer's cache [P, S, C]; absorbed if q_absorb is given.
Out attend(In<float, 3> q, MatrixArg k_up, std::optional<nb::handle> q_absorb, MatrixArg v_up, In<float, 3> cache,
           In<int32_t, 1> pages, int64_t start, float scale, int32_t threads) {
    Config c{};
    c.heads = k_up.m.count;
    c.nope = k_up.m.out;
    c.rank = k_up.m.in;
    c.v = v_up.m.out;
    c.rope = size(cache.shape(2), "latent_dim") - c.rank;
    c.softmax_scale = scale;
    check(c.rope >= 0, "the cache's rows are shorter than the latent");
    check(q.shape(1) == size_t(c.heads) && q.shape(2) == size_t(c.qk()), "q does not fit the matrices and the cache");
    Latent w{};
    w.k_up = k_up.m;
    w.v_up = shaped(v_up, c.v, c.rank, c.heads, "v_up");
    if (q_absorb) w.q_absorb = shaped(nb::cast<MatrixArg>(*q_absorb), c.rank, c.nope, c.heads, "q_absorb");
    const int64_t page_size = cache.shape(1);
    const Span span = make_span(c, 0, q.shape(0), start, !q_absorb, pages.data(), pages.size(), cache.shape(0), page_size,
                                CacheFormat::f32);
    auto* base = reinterpret_cast<uint8_t*>(const_cast<float*>(cache.data()));  // only read
    const Cache all{base, page_bytes(c, page_size, CacheFormat::f32), int32_t(page_size), CacheFormat::f32};
    NewArray y({q.shape(0), size_t(c.heads), size_t(c.v)});
    {
        nb::gil_scoped_release release;
        Worker worker(kernels(), threads);
        if (span.prefill) worker.attend_prefill(c, w, q.data(), span, all, y.data.get());
        else worker.attend_decode(c, w, q.data(), {&span}, all, y.data.get());
    }
    return y.numpy();
}

// q [T, H, K] at positions start ... against kv [N, 2, G, K], put into a cache of its own first.
Out attend_grouped(In<float, 3> q, In<float, 4> kv, int64_t start, bool prefill, const std::string& cache_format,
                   int64_t page_size, In<int32_t, 1> pages, float scale, int32_t threads) {
    Config c{};
    c.grouped = true;
    c.heads = size(q.shape(1), "heads");
    c.dim = size(q.shape(2), "width");
    c.kv_heads = size(kv.shape(2), "groups");
    c.softmax_scale = scale;
    check(kv.shape(1) == 2 && kv.shape(3) == size_t(c.dim), "kv does not fit q");
    check(c.heads && c.dim && c.kv_heads && c.heads % c.kv_heads == 0, "groups must divide heads");
    const int64_t length = size(q.shape(0), "rows");
    check(start >= 0 && int64_t(kv.shape(0)) == start + length, "keys and values of every position are needed");
    const CacheFormat format = cache_format_of(cache_format);
    const int64_t bytes = page_bytes(c, page_size, format);
    const Span span =
        make_span(c, 0, length, start, prefill, pages.data(), pages.size(), pages.size(), page_size, format);
    std::vector<uint8_t> memory(bytes * pages.size());
    const Cache cache{memory.data(), bytes, int32_t(page_size), format};
    const int64_t width = int64_t(c.heads) * c.dim;
    NewArray y({q.shape(0), q.shape(1), q.shape(2)});
    {
        nb::gil_scoped_release release;
        Worker worker(kernels(), threads);
        for (int32_t p = 0; p < span.end(); ++p) worker.write_grouped(c, cache, span, p, kv.data() + int64_t(p) * c.row());
        if (prefill) worker.grouped_prefill(c, q.data(), width, span, cache, y.data.get());
        else worker.grouped_decode(c, q.data(), width, {&span}, cache, y.data.get());
    }
    return y.numpy();
}

// -- the model ----------------------------------------------------------------------------------------------------------

class PyModel {
  public:
    PyModel(nb::dict config, nb::handle embedding, In<float, 1> norm, nb::handle head, In<float, 3> rope) {
        Config& c = model_.config;
        const auto number = [&](const char* key) { return size(nb::cast<int64_t>(config[key]), key); };
        c.vocab = number("vocab");
        c.hidden = number("hidden");
        c.heads = number("heads");
        c.grouped = nb::cast<bool>(config["grouped"]);
        c.rope = number("rope");
        if (c.grouped) {
            c.kv_heads = number("kv_heads");
            c.dim = number("dim");
            check(c.kv_heads && c.dim && c.heads % c.kv_heads == 0, "groups must divide heads");
            check(c.rope <= c.dim, "more of a head is rotated than there is");
        } else {
            c.rank = number("rank");
            c.q_rank = number("q_rank");
            c.nope = number("nope");
            c.v = number("v");
            c.latent_eps = nb::cast<float>(config["latent_eps"]);
            check(c.rank && c.nope && c.rope && c.v, "a width is zero");
        }
        c.experts = number("experts");
        c.experts_per_token = number("experts_per_token");
        c.groups = number("groups");
        c.top_groups = number("top_groups");
        c.softmax_scores = nb::cast<bool>(config["softmax_scores"]);
        c.best_two = nb::cast<bool>(config["best_two"]);
        c.normalize = nb::cast<bool>(config["normalize"]);
        c.routed_scale = nb::cast<float>(config["routed_scale"]);
        c.eps = nb::cast<float>(config["eps"]);
        c.softmax_scale = nb::cast<float>(config["softmax_scale"]);
        check(c.vocab && c.hidden && c.heads, "a width is zero");
        check(rope.shape(1) == 2 && int64_t(rope.shape(2)) * 2 == c.rope, "the rope table does not fit");
        model_.embedding = matrix(embedding, c.vocab, c.hidden, 1, "embedding");
        model_.head = matrix(head, c.vocab, c.hidden, 1, "head");
        model_.norm = vector(nb::cast(norm), c.hidden, "norm");
        model_.rope = rope.data();
        model_.positions = size(rope.shape(0), "positions");
        owners_.push_back(nb::cast(rope));
    }

    void add_layer(nb::dict w) { model_.layers.push_back(layer(w)); }

    void add_prediction(nb::dict w) {
        const int32_t hidden = model_.config.hidden;
        model_.prediction.push_back({vector(w["enorm"], hidden, "enorm"), vector(w["hnorm"], hidden, "hnorm"),
                                     vector(w["norm"], hidden, "norm"),
                                     matrix(w["eh_proj"], hidden, 2 * hidden, 1, "eh_proj"),
                                     layer(nb::cast<nb::dict>(w["layer"]))});
    }

    // spans: rows of (first_row, length, start, prefill, first entry in pages, entries in pages)
    // cache: [layers, pages, bytes of a page].  Returns logits of logit_rows and hidden states of hidden_rows.
    nb::tuple forward(InOut<uint8_t, 3> cache, int64_t page_size, const std::string& cache_format, In<int32_t, 1> tokens,
                      In<int64_t, 2> spans, In<int32_t, 1> pages, In<int32_t, 1> logit_rows,
                      In<int32_t, 1> hidden_rows, int32_t threads) {
        const Batch batch = make_batch(cache, page_size, cache_format, tokens, spans, pages, logit_rows, hidden_rows);
        const Cache all{cache.data(), int64_t(cache.shape(2)), int32_t(page_size), cache_format_of(cache_format)};
        return run(batch, threads, [&](float* logits, float* hidden) {
            model_.forward(*worker_, all, all.page_bytes * cache.shape(1), batch, logits, hidden);
        });
    }

    // Prediction module `index`; its cache is the layer behind the model's own and the modules' before it.
    nb::tuple draft(int64_t index, In<float, 2> states, InOut<uint8_t, 3> cache, int64_t page_size,
                    const std::string& cache_format, In<int32_t, 1> tokens, In<int64_t, 2> spans, In<int32_t, 1> pages,
                    In<int32_t, 1> logit_rows, In<int32_t, 1> hidden_rows, int32_t threads) {
        const Batch batch = make_batch(cache, page_size, cache_format, tokens, spans, pages, logit_rows, hidden_rows);
        const Cache own = module_cache(index, states, batch, cache, page_size, cache_format);
        return run(batch, threads, [&](float* logits, float* hidden) {
            model_.draft(*worker_, int32_t(index), own, batch, states.data(), logits, hidden);
        });
    }

    // Tokens and chances [spans, largest limit]; see Model::draft_ahead.  limits: how many tokens each span guesses.
    nb::tuple draft_ahead(int64_t index, In<float, 2> states, In<int32_t, 1> limits, int64_t vocab, float least,
                          InOut<uint8_t, 3> cache, int64_t page_size, const std::string& cache_format,
                          In<int32_t, 1> tokens, In<int64_t, 2> spans, In<int32_t, 1> pages, In<int32_t, 1> logit_rows,
                          In<int32_t, 1> hidden_rows, int32_t threads) {
        check(limits.size() == spans.shape(0) && limits.size() >= 1, "one limit per span is needed");
        for (size_t i = 0; i < limits.size(); ++i)
            check(limits.data()[i] >= 1 && limits.data()[i] <= 64, "a limit must lie between 1 and 64");
        check(vocab >= 1 && vocab <= model_.config.vocab, "vocab must lie between 1 and the model's");
        Batch batch = make_batch(cache, page_size, cache_format, tokens, spans, pages, logit_rows, hidden_rows,
                                 limits.data());
        const Cache own = module_cache(index, states, batch, cache, page_size, cache_format);
        const int32_t most = *std::max_element(limits.data(), limits.data() + limits.size());
        New<int32_t> guessed({limits.size(), size_t(most)});
        NewArray chances({limits.size(), size_t(most)});
        with_worker(threads, [&] {
            model_.draft_ahead(*worker_, int32_t(index), own, std::move(batch), states.data(), limits.data(), most,
                               int32_t(vocab), least, guessed.data.get(), chances.data.get());
        });
        return nb::make_tuple(guessed.numpy(), chances.numpy());
    }

  private:
    Cache module_cache(int64_t index, const In<float, 2>& states, const Batch& batch, InOut<uint8_t, 3>& cache,
                       int64_t page_size, const std::string& cache_format) {
        check(index >= 0 && index < int64_t(model_.prediction.size()), "there is no such prediction module");
        check(states.shape(0) == batch.tokens.size() && states.shape(1) == size_t(model_.config.hidden),
              "one hidden state per token is needed");
        const int64_t bytes = cache.shape(2), layer = int64_t(model_.layers.size()) + index;
        return {cache.data() + layer * bytes * cache.shape(1), bytes, int32_t(page_size), cache_format_of(cache_format)};
    }

    Layer layer(nb::dict w) {
        const Config& c = model_.config;
        Layer layer{};
        layer.attention_norm = vector(w["attention_norm"], c.hidden, "attention_norm");
        layer.mlp_norm = vector(w["mlp_norm"], c.hidden, "mlp_norm");
        if (c.grouped) layer.grouping = grouping(w);
        else layer.latent = latent(w);
        layer.is_moe = w.contains("router");
        if (layer.is_moe) {
            check_routing(c);
            Moe& m = layer.moe;
            m.router = matrix(w["router"], c.experts, c.hidden, 1, "router");
            check(m.router.format == Format::f32, "the router must be f32");
            if (w.contains("router_bias")) m.bias = vector(w["router_bias"], c.experts, "router_bias");
            m.experts = dense(w["gate_up"], w["mlp_down"], c.experts);
            m.has_shared = w.contains("shared_gate_up");
            if (m.has_shared) m.shared = dense(w["shared_gate_up"], w["shared_down"], 1);
        } else {
            layer.dense = dense(w["gate_up"], w["mlp_down"], 1);
        }
        return layer;
    }

    Batch make_batch(InOut<uint8_t, 3> cache, int64_t page_size, const std::string& cache_format, In<int32_t, 1> tokens,
                     In<int64_t, 2> spans, In<int32_t, 1> pages, In<int32_t, 1> logit_rows, In<int32_t, 1> hidden_rows,
                     const int32_t* limits = nullptr) {
        const Config& c = model_.config;
        check(cache.shape(0) == model_.layers.size() + model_.prediction.size(),
              "the cache has another number of layers than the model");
        const CacheFormat format = cache_format_of(cache_format);
        const int64_t bytes = page_bytes(c, page_size, format);
        check(cache.shape(1) >= 1, "the cache is empty");
        check(int64_t(cache.shape(2)) == bytes, "the cache's pages have another size than the model's");
        check(spans.shape(1) == 6, "a span is six numbers");
        Batch batch;
        batch.tokens.assign(tokens.data(), tokens.data() + tokens.size());
        const int64_t count = size(tokens.size(), "rows");
        check(count >= 1, "a batch needs at least one row");
        for (int32_t token : batch.tokens) check(token >= 0 && token < c.vocab, "a token is not in the vocabulary");
        int64_t row = 0;
        for (size_t i = 0; i < spans.shape(0); ++i) {
            const int64_t* s = spans.data() + 6 * i;
            check(s[0] == row, "spans must follow one another");
            check(s[4] >= 0 && s[5] >= 0 && s[4] <= int64_t(pages.size()) && s[5] <= int64_t(pages.size()) - s[4],
                  "a span's pages are not there");
            const int64_t beyond = limits ? limits[i] - 1 : 0;
            batch.spans.push_back(make_span(c, s[0], s[1], s[2], s[3] != 0, pages.data() + s[4], s[5], cache.shape(1),
                                            page_size, format, beyond));
            check(batch.spans.back().end() + beyond <= model_.positions, "a position is not in the rope table");
            row += s[1];
        }
        check(row == count, "spans must cover every row");
        batch.logit_rows.assign(logit_rows.data(), logit_rows.data() + logit_rows.size());
        batch.hidden_rows.assign(hidden_rows.data(), hidden_rows.data() + hidden_rows.size());
        for (const auto* wanted : {&batch.logit_rows, &batch.hidden_rows})
            for (int32_t r : *wanted) check(r >= 0 && r < count, "a wanted row is not in the batch");
        return batch;
    }

    template <class F> nb::tuple run(const Batch& batch, int32_t threads, F f) {
        NewArray logits({batch.logit_rows.size(), size_t(model_.config.vocab)});
        NewArray hidden({batch.hidden_rows.size(), size_t(model_.config.hidden)});
        with_worker(threads, [&] { f(logits.data.get(), hidden.data.get()); });
        return nb::make_tuple(logits.numpy(), hidden.numpy());
    }

    template <class F> void with_worker(int32_t threads, F f) {
        check(threads >= 1 && threads <= 1024, "threads must lie between 1 and 1024");
        nb::gil_scoped_release release;
        std::lock_guard<std::mutex> only(model_.busy);
        if (!worker_ || &kernels() != used_ || threads != threads_) {
            used_ = &kernels();
            threads_ = threads;
            worker_ = std::make_unique<Worker>(*used_, threads);
        }
        f();
    }

    Matrix matrix(nb::handle object, int32_t out, int32_t in, int32_t count, const char* name) {
        owners_.push_back(nb::borrow(object));
        return shaped(nb::cast<MatrixArg>(object), out, in, count, name);
    }
    const float* vector(nb::handle object, int32_t n, const char* name) {
        const auto array = nb::cast<In<float, 1>>(object);
        if (array.size() != size_t(n)) fail(std::string("the length of ") + name + " does not fit");
        owners_.push_back(nb::borrow(object));
        return array.data();
    }
    // A tuple of matrices whose outputs add up to `out`.
    Parts parts(nb::handle object, int32_t out, int32_t in, int32_t count, const char* name) {
        Parts all;
        owners_.push_back(nb::borrow(object));
        for (nb::handle part : nb::cast<nb::tuple>(object)) {
            all.all.push_back(nb::cast<MatrixArg>(part).m);
            const Matrix& m = all.all.back();
            if (m.in != in || m.count != count) fail(std::string("the shape of ") + name + " does not fit");
        }
        if (all.all.empty() || all.out() != out) fail(std::string("the shape of ") + name + " does not fit");
        return all;
    }
    Latent latent(nb::dict w) {
        const Config& c = model_.config;
        const int32_t query = c.heads * c.qk();
        Latent a{};
        a.down = parts(w["down"], (c.q_rank ? c.q_rank : query) + c.latent(), c.hidden, 1, "down");
        if (c.q_rank) {
            a.q_norm = vector(w["q_norm"], c.q_rank, "q_norm");
            a.q_up = matrix(w["q_up"], query, c.q_rank, 1, "q_up");
        }
        a.kv_norm = vector(w["kv_norm"], c.rank, "kv_norm");
        a.k_up = matrix(w["k_up"], c.nope, c.rank, c.heads, "k_up");
        a.v_up = matrix(w["v_up"], c.v, c.rank, c.heads, "v_up");
        a.q_absorb = matrix(w["q_absorb"], c.rank, c.nope, c.heads, "q_absorb");
        a.out = matrix(w["out"], c.hidden, c.heads * c.v, 1, "out");
        // Both read one preparation of the cached latents.
        check(is_float(a.k_up.format) == is_float(a.v_up.format), "k_up and v_up must both be floats or integers");
        return a;
    }
    Grouping grouping(nb::dict w) {
        const Config& c = model_.config;
        const int32_t inner = c.heads * c.dim, width = inner + 2 * c.kv_heads * c.dim;
        Grouping a{};
        a.qkv = parts(w["qkv"], width, c.hidden, 1, "qkv");
        a.out = matrix(w["out"], c.hidden, inner, 1, "out");
        if (w.contains("qkv_bias")) a.bias = vector(w["qkv_bias"], width, "qkv_bias");
        if (w.contains("out_bias")) a.out_bias = vector(w["out_bias"], c.hidden, "out_bias");
        check(w.contains("q_norm") == w.contains("k_norm"), "q_norm and k_norm belong together");
        if (w.contains("q_norm")) {
            a.q_norm = vector(w["q_norm"], c.dim, "q_norm");
            a.k_norm = vector(w["k_norm"], c.dim, "k_norm");
        }
        return a;
    }
    Dense dense(nb::handle gate_up, nb::handle down, int32_t count) {
        const int32_t width = nb::cast<MatrixArg>(down).m.in, hidden = model_.config.hidden;
        return {parts(gate_up, 2 * width, hidden, count, "gate_up"), matrix(down, hidden, width, count, "down")};
    }

    Model model_;
    std::vector<nb::object> owners_;
    std::unique_ptr<Worker> worker_;
    const Kernels* used_ = nullptr;
    int32_t threads_ = 0;
};

}  // namespace

NB_MODULE(_kernels, module) {
    module.doc() = "CPU kernels of huozhong.engine; use them through huozhong.engine.kernels.";
    module.def("available", [] {
        std::vector<std::string> names;
        for (auto k = available_kernels(); *k; ++k) names.push_back((*k)->name);
        return names;
    });
    module.def("use", &use, "name"_a);
    module.def("used", [] { return std::string(kernels().name); });
    nb::class_<PyMatrix>(module, "Matrix")
        .def(nb::init<const std::string&, int64_t, int64_t, int64_t, In<uint8_t, 1>, std::optional<In<uint16_t, 1>>>(),
             "format"_a, "out_features"_a, "in_features"_a, "count"_a, "data"_a, "scales"_a.none());
    nb::class_<PyModel>(module, "Model")
        .def(nb::init<nb::dict, nb::handle, In<float, 1>, nb::handle, In<float, 3>>(), "config"_a, "embedding"_a,
             "norm"_a, "head"_a, "rope"_a)
        .def("add_layer", &PyModel::add_layer, "weights"_a)
        .def("add_prediction", &PyModel::add_prediction, "weights"_a)
        .def("draft", &PyModel::draft, "index"_a, "states"_a, "cache"_a.noconvert(), "page_size"_a, "cache_format"_a,
             "tokens"_a, "spans"_a, "pages"_a, "logit_rows"_a, "hidden_rows"_a, "threads"_a)
        .def("draft_ahead", &PyModel::draft_ahead, "index"_a, "states"_a, "limits"_a, "vocab"_a, "least"_a,
             "cache"_a.noconvert(), "page_size"_a, "cache_format"_a, "tokens"_a, "spans"_a, "pages"_a, "logit_rows"_a,
             "hidden_rows"_a, "threads"_a)
        .def("forward", &PyModel::forward, "cache"_a.noconvert(), "page_size"_a, "cache_format"_a, "tokens"_a, "spans"_a,
             "pages"_a, "logit_rows"_a, "hidden_rows"_a, "threads"_a);
    module.def("largest", &largest, "x"_a, "threads"_a);
    module.def("linear", &linear, "x"_a, "matrix"_a, "index"_a, "threads"_a);
    module.def("embed", &embed, "tokens"_a, "matrix"_a);
    module.def("quantize_rows", &quantize_rows, "x"_a);
    module.def("rms_norm", &rms_norm, "x"_a, "weight"_a, "eps"_a);
    module.def("silu_mul", &silu_mul, "x"_a);
    module.def("rotate", &rotate, "x"_a, "table"_a, "positions"_a);
    module.def("route", &route, "logits"_a, "bias"_a.none(), "per_token"_a, "groups"_a, "top_groups"_a, "softmax"_a,
               "best_two"_a, "normalize"_a, "scale"_a);
    module.def("attend_grouped", &attend_grouped, "q"_a, "kv"_a, "start"_a, "prefill"_a, "cache_format"_a, "page_size"_a,
               "pages"_a, "scale"_a, "threads"_a);
    module.def("attend", &attend, "q"_a, "k_up"_a, "q_absorb"_a.none(), "v_up"_a, "cache"_a, "pages"_a, "start"_a,
               "scale"_a, "threads"_a);
}
