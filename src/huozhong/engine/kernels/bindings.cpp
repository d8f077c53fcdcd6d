// The Python module of the kernels: which are used, and the single ops.
#include "bindings.h"

#include <atomic>

namespace {
std::atomic<const Kernels*> chosen{nullptr};
}

const Kernels& kernels() {
    const Kernels* k = chosen.load();
    if (!k) chosen.store(k = available_kernels()[0]);
    return *k;
}

Format format_of(const std::string& name) {
    int32_t i = 0;
    for (const char* known : FORMAT_NAMES) {
        if (name == known) return Format(i);
        ++i;
    }
    fail("unknown weight format " + name);
}

CacheFormat cache_format_of(const std::string& name) {
    if (name == "f32") return CacheFormat::f32;
    if (name == "f16") return CacheFormat::f16;
    if (name == "q8") return CacheFormat::q8;
    fail("unknown cache format " + name);
}

namespace {

bool use(const std::string& name) {
    for (auto k = available_kernels(); *k; ++k)
        if (name == (*k)->name) {
            chosen.store(*k);
            return true;
        }
    return false;
}

// -- single ops ----------------------------------------------------------------------------------------------------

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

Out layer_norm(In<float, 2> x, In<float, 1> weight, In<float, 1> bias, float eps) {
    check(x.shape(1) == weight.size() && x.shape(1) == bias.size(), "x, weight and bias differ in width");
    NewArray y({x.shape(0), x.shape(1)});
    const int64_t n = size(x.shape(1), "columns");
    for (size_t r = 0; r < x.shape(0); ++r)
        kernels().layer_norm(x.data() + r * n, weight.data(), bias.data(), eps, int32_t(n), y.data.get() + r * n);
    return y.numpy();
}

Out silu_mul(In<float, 2> x, float limit) {
    if (limit <= 0) limit = std::numeric_limits<float>::infinity();
    check(x.shape(1) % 2 == 0, "x must hold two halves");
    const int64_t n = size(x.shape(1), "columns") / 2;
    NewArray y({x.shape(0), size_t(n)});
    for (size_t r = 0; r < x.shape(0); ++r)
        kernels().silu_mul(x.data() + 2 * r * n, x.data() + (2 * r + 1) * n, int32_t(n), limit, y.data.get() + r * n);
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

nb::tuple route(In<float, 2> logits, std::optional<In<float, 1>> bias, int32_t per_token, int32_t groups,
                int32_t top_groups, bool softmax, bool best_two, bool normalize, float scale, bool sqrt_softplus,
                std::optional<In<int32_t, 2>> chosen) {
    Config c{};
    c.experts = size(logits.shape(1), "experts");
    c.experts_per_token = per_token;
    c.groups = groups;
    c.top_groups = top_groups;
    c.softmax_scores = softmax;
    c.sqrt_softplus = sqrt_softplus;
    check(!(softmax && sqrt_softplus), "scores are a softmax or a root of softplus, not both");
    c.best_two = best_two;
    c.normalize = normalize;
    c.routed_scale = scale;
    check(!bias || bias->size() == logits.shape(1), "one bias per expert is needed");
    check_routing(c);
    const size_t tokens = size(logits.shape(0), "rows");
    if (chosen) {
        check(chosen->shape(0) == tokens && chosen->shape(1) == size_t(per_token), "the given experts do not fit");
        check_table(chosen->data(), chosen->size(), c);
    }
    auto* experts = new int32_t[tokens * per_token];
    nb::capsule owner(experts, [](void* p) noexcept { delete[] static_cast<int32_t*>(p); });
    NewArray weights({tokens, size_t(per_token)});
    Worker(kernels(), 1).route(c, logits.data(), bias ? bias->data() : nullptr, chosen ? chosen->data() : nullptr,
                                int32_t(tokens), experts, weights.data.get());
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
    module.def("largest", &largest, "x"_a, "threads"_a);
    module.def("linear", &linear, "x"_a, "matrix"_a, "index"_a, "threads"_a);
    module.def("embed", &embed, "tokens"_a, "matrix"_a);
    module.def("quantize_rows", &quantize_rows, "x"_a);
    module.def("rms_norm", &rms_norm, "x"_a, "weight"_a, "eps"_a);
    module.def("layer_norm", &layer_norm, "x"_a, "weight"_a, "bias"_a, "eps"_a);
    module.def("silu_mul", &silu_mul, "x"_a, "limit"_a = 0.0f);
    module.def("rotate", &rotate, "x"_a, "table"_a, "positions"_a);
    module.def("route", &route, "logits"_a, "bias"_a.none(), "per_token"_a, "groups"_a, "top_groups"_a, "softmax"_a,
               "best_two"_a, "normalize"_a, "scale"_a, "sqrt_softplus"_a = false, "chosen"_a.none() = nb::none());
    add_attention(module);
    add_compressed(module);
    add_model(module);
    add_gated(module);
    add_scan(module);
}
