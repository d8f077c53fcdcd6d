// The parts of compressed attention and of hyper-connected streams alone, for tests.
#include "bindings.h"

namespace {

Config stream_config(const In<float, 3>& x, MatrixArg mix, const In<float, 1>& base, const In<float, 1>& scale, bool last,
                     float norm_eps, float eps) {
    Config c{};
    c.streams = size(x.shape(1), "streams");
    c.hidden = size(x.shape(2), "width");
    c.eps = norm_eps;
    c.stream_eps = eps;
    check(c.streams >= 1 && c.streams <= MAX_STREAMS && c.hidden >= 1, "streams must lie between 1 and 8");
    const int32_t numbers = last ? c.streams : (2 + c.streams) * c.streams;
    shaped(mix, numbers, size(int64_t(c.streams) * c.hidden, "width"), 1, "the mix");
    check(base.size() == size_t(numbers) && scale.size() == (last ? 1 : 3), "base or scale does not fit");
    return c;
}

// x [T, S, D] collapsed [T, D], and how what is made of it spreads: post [T, S], comb [T, S, S].
nb::tuple mix_streams(In<float, 3> x, MatrixArg mix, In<float, 1> base, In<float, 1> scale, int32_t rounds, float norm_eps,
                      float eps, int32_t threads) {
    Config c = stream_config(x, mix, base, scale, false, norm_eps, eps);
    check(rounds >= 1, "at least one round is needed");
    c.sinkhorn = rounds;
    const size_t tokens = size(x.shape(0), "rows"), streams = c.streams;
    NewArray y({tokens, size_t(c.hidden)}), post({tokens, streams}), comb({tokens, streams, streams});
    {
        nb::gil_scoped_release release;
        Worker worker(kernels(), threads);
        worker.collapse(c, {mix.m, base.data(), scale.data()}, x.data(), int32_t(tokens), true, y.data.get());
        std::copy_n(worker.post(), tokens * streams, post.data.get());
        std::copy_n(worker.comb(), tokens * streams * streams, comb.data.get());
    }
    return nb::make_tuple(y.numpy(), post.numpy(), comb.numpy());
}

Out collapse_streams(In<float, 3> x, MatrixArg mix, In<float, 1> base, In<float, 1> scale, float norm_eps, float eps,
                     int32_t threads) {
    const Config c = stream_config(x, mix, base, scale, true, norm_eps, eps);
    NewArray y({x.shape(0), x.shape(2)});
    {
        nb::gil_scoped_release release;
        Worker(kernels(), threads)
            .collapse(c, {mix.m, base.data(), scale.data()}, x.data(), size(x.shape(0), "rows"), false, y.data.get());
    }
    return y.numpy();
}

Out spread_streams(In<float, 3> x, In<float, 2> y, In<float, 2> post, In<float, 3> comb) {
    const size_t tokens = x.shape(0), streams = x.shape(1), width = x.shape(2);
    check(streams >= 1 && streams <= size_t(MAX_STREAMS), "streams must lie between 1 and 8");
    check(y.shape(0) == tokens && y.shape(1) == width, "y does not fit the streams");
    check(post.shape(0) == tokens && post.shape(1) == streams && comb.shape(0) == tokens && comb.shape(1) == streams &&
              comb.shape(2) == streams, "post or comb does not fit the streams");
    const int32_t n = size(width, "width");
    NewArray out({tokens, streams, width});
    std::copy_n(x.data(), x.size(), out.data.get());
    for (size_t t = 0; t < tokens; ++t)
        kernels().spread_streams(out.data.get() + t * streams * width, y.data() + t * width, post.data() + t * streams,
                                 comb.data() + t * streams * streams, int32_t(streams), n);
    return out.numpy();
}

Out head_norm(In<float, 3> x, float eps) {
    NewArray y({x.shape(0), x.shape(1), x.shape(2)});
    const int64_t n = size(x.shape(2), "width");
    for (size_t r = 0; r < x.shape(0) * x.shape(1); ++r)
        kernels().rms_norm(x.data() + r * n, nullptr, eps, int32_t(n), y.data.get() + r * n);
    return y.numpy();
}

// The last numbers of every head rotated at its row's position, or back.
Out rotate_last(In<float, 3> x, In<float, 3> table, In<int32_t, 1> positions, bool inverse) {
    const int64_t heads = size(x.shape(1), "heads"), width = size(x.shape(2), "width");
    const int64_t dim = 2 * int64_t(size(table.shape(2), "rope"));
    check(table.shape(1) == 2 && dim <= width, "the rope table does not fit x");
    check(positions.size() == x.shape(0), "one position per row is needed");
    NewArray y({x.shape(0), x.shape(1), x.shape(2)});
    std::copy_n(x.data(), x.size(), y.data.get());
    Worker worker(kernels(), 1);
    for (size_t t = 0; t < positions.size(); ++t) {
        const int64_t position = positions.data()[t];
        check(position >= 0 && position < int64_t(table.shape(0)), "a position is not in the rope table");
        worker.rotate(y.data.get() + (int64_t(t) * heads + 1) * width - dim, width, int32_t(heads),
                      table.data() + position * dim, int32_t(dim), inverse);
    }
    return y.numpy();
}

// Whole windows of a sequence from its beginning, before norm and rotation: values, gates [N, 2 K] -> [N / rate, K].
Out compress_sparse(In<float, 2> values, In<float, 2> gates, int32_t rate) {
    check(rate >= 1 && rate <= MOST_SPARSE, "rate must lie between 1 and 4");
    check(values.shape(0) == gates.shape(0) && values.shape(1) == gates.shape(1) && values.shape(1) % 2 == 0,
          "values and gates must have the same shape, two halves wide");
    const int64_t n = size(values.shape(1), "width") / 2, windows = size(values.shape(0), "rows") / rate;
    NewArray y({size_t(windows), size_t(n)});
    for (int64_t window = 0; window < windows; ++window) {
        const float *v[2 * MOST_SPARSE], *g[2 * MOST_SPARSE];
        int32_t count = 0;
        for (int64_t p = std::max<int64_t>(0, (window - 1) * rate); p < (window + 1) * rate; ++p, ++count) {
            const int64_t at = 2 * n * p + (p >= window * rate ? n : 0);
            v[count] = values.data() + at;
            g[count] = gates.data() + at;
        }
        kernels().gated_mean(v, g, count, int32_t(n), y.data.get() + window * n);
    }
    return y.numpy();
}

// values, gates [N, K] -> [N / rate, K]
Out compress_heavy(In<float, 2> values, In<float, 2> gates, int32_t rate) {
    check(rate >= 1 && rate <= LARGEST, "rate is out of range");
    check(values.shape(0) == gates.shape(0) && values.shape(1) == gates.shape(1), "values and gates must have the same shape");
    const int64_t n = size(values.shape(1), "width"), windows = size(values.shape(0), "rows") / rate;
    NewArray y({size_t(windows), size_t(n)});
    std::vector<float> states(6 * n), none(n);
    for (int64_t p = 0; p < windows * rate; ++p) {
        float* state = states.data() + p % 2 * 3 * n;
        const float* before = p % rate ? states.data() + (p + 1) % 2 * 3 * n : nullptr;
        kernels().gated_step(before, values.data() + p * n, gates.data() + p * n, none.data(), n, int32_t(n), state);
        if ((p + 1) % rate == 0)
            for (int64_t d = 0; d < n; ++d) y.data[p / rate * n + d] = state[2 * n + d] / state[n + d];
    }
    return y.numpy();
}

// Heads q [H, K] of one row against rows [N, K], put into a cache of their own first; a sink has a score and no value.
Out attend_sinks(In<float, 2> q, In<float, 2> rows, In<float, 1> sinks, float scale, const std::string& cache_format,
                 int32_t threads) {
    Config c{};
    c.compressed = true;
    c.heads = size(q.shape(0), "heads");
    c.dim = size(q.shape(1), "width");
    c.softmax_scale = scale;
    check(c.heads >= 1 && c.dim >= 1 && rows.shape(0) >= 1, "heads, rows and their width are at least 1");
    check(rows.shape(1) == q.shape(1) && sinks.size() == q.shape(0), "rows or sinks do not fit q");
    const CacheFormat format = cache_format_of(cache_format);
    const int32_t count = size(rows.shape(0), "rows");
    const int64_t bytes = c.row_bytes(format);
    std::vector<uint8_t> memory(bytes * count);
    const Cache cache{memory.data(), int64_t(memory.size()), count, format};
    std::vector<int64_t> places(count);
    NewArray y({q.shape(0), q.shape(1)});
    {
        nb::gil_scoped_release release;
        for (int32_t i = 0; i < count; ++i) {
            places[i] = i * bytes;
            kernels().store_row(format, rows.data() + int64_t(i) * c.dim, c.dim, memory.data() + places[i]);
        }
        Worker(kernels(), threads).attend_listed(c, sinks.data(), q.data(), {{0, places.data(), count, -1}}, cache, y.data.get());
    }
    return y.numpy();
}

}  // namespace

void add_compressed(nb::module_& module) {
    module.def("mix_streams", &mix_streams, "x"_a, "mix"_a, "base"_a, "scale"_a, "rounds"_a, "norm_eps"_a, "eps"_a,
               "threads"_a = 1);
    module.def("collapse_streams", &collapse_streams, "x"_a, "mix"_a, "base"_a, "scale"_a, "norm_eps"_a, "eps"_a,
               "threads"_a = 1);
    module.def("spread_streams", &spread_streams, "x"_a, "y"_a, "post"_a, "comb"_a);
    module.def("head_norm", &head_norm, "x"_a, "eps"_a);
    module.def("rotate_last", &rotate_last, "x"_a, "table"_a, "positions"_a, "inverse"_a);
    module.def("compress_sparse", &compress_sparse, "values"_a, "gates"_a, "rate"_a);
    module.def("compress_heavy", &compress_heavy, "values"_a, "gates"_a, "rate"_a);
    module.def("attend_sinks", &attend_sinks, "q"_a, "rows"_a, "sinks"_a, "scale"_a, "cache_format"_a = "f32",
               "threads"_a = 1);
}
