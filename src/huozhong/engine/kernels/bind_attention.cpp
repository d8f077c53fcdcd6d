// Spans, and attention alone, for tests.
#include "bindings.h"

Span make_span(const Config& c, int64_t first_row, int64_t length, int64_t start, bool prefill, const int32_t* pages,
               size_t num_pages, int64_t cache_pages, int64_t page_size, int64_t bytes, CacheFormat format, int64_t beyond) {
    Span span{size(first_row, "first_row"), size(length, "length"), size(start, "start"), prefill, {}, {}};
    check(length >= 1, "a span needs at least one row");
    const int64_t end = start + length + beyond;
    check(end <= LARGEST && end <= int64_t(num_pages) * page_size, "the page table is too short for the span");
    const int64_t step = c.grouped ? KEY_TILE : 1, step_bytes = c.step_bytes(format);
    span.offset.reserve((end + step - 1) / step);
    for (int64_t first = 0; first < end; first += page_size, ++pages) {
        check(*pages >= 0 && *pages < cache_pages, "a page is not in the cache");
        const int64_t last = std::min(first + page_size, end);
        if (c.index_top || c.compressed) span.page.push_back(*pages * bytes);
        for (int64_t p = first; p < last; p += step) span.offset.push_back(*pages * bytes + (p - first) / step * step_bytes);
    }
    return span;
}

namespace {

// One sequence's rows against the rows of one layer's cache [P, S, C], put into a cache of its own first; absorbed if
// q_absorb is given.
Out attend(In<float, 3> q, MatrixArg k_up, std::optional<nb::handle> q_absorb, MatrixArg v_up, In<float, 3> cache,
           In<int32_t, 1> pages, int64_t start, const std::string& cache_format, float scale, int32_t threads) {
    Config c{};
    c.heads = k_up.m.count;
    c.nope = k_up.m.out;
    c.rank = k_up.m.in;
    c.v = v_up.m.out;
    c.rope = size(cache.shape(2), "latent_dim") - c.rank;
    c.softmax_scale = scale;
    check(c.rope >= 0, "the cache's rows are shorter than the latent");
    check(q.shape(1) == size_t(c.heads) && q.shape(2) == size_t(c.qk()), "q does not fit the matrices and the cache");
    LatentWeights w{};
    w.k_up = k_up.m;
    w.v_up = shaped(v_up, c.v, c.rank, c.heads, "v_up");
    if (q_absorb) w.q_absorb = shaped(nb::cast<MatrixArg>(*q_absorb), c.rank, c.nope, c.heads, "q_absorb");
    const int64_t page_size = cache.shape(1);
    const CacheFormat format = cache_format_of(cache_format);
    const int64_t bytes = page_bytes(c, page_size, format);
    const Span span = make_span(c, 0, q.shape(0), start, !q_absorb, pages.data(), pages.size(), cache.shape(0), page_size,
                                bytes, format);
    std::vector<uint8_t> memory(bytes * cache.shape(0));
    const Cache all{memory.data(), bytes, int32_t(page_size), format};
    NewArray y({q.shape(0), size_t(c.heads), size_t(c.v)});
    std::vector<SeenRow> rows;
    see_all(span, span.length, 0, rows);
    {
        nb::gil_scoped_release release;
        Worker worker(kernels(), threads);
        for (int32_t p = 0; p < span.end(); ++p)
            worker.write_latent(c, all, span, p,
                                cache.data() + (pages.data()[p / page_size] * page_size + p % page_size) * c.latent());
        if (span.prefill) worker.attend_prefill(c, w, q.data(), span, span.length, all, y.data.get());
        else worker.attend_decode(c, w, q.data(), rows, all, y.data.get());
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
        make_span(c, 0, length, start, prefill, pages.data(), pages.size(), pages.size(), page_size, bytes, format);
    std::vector<uint8_t> memory(bytes * pages.size());
    const Cache cache{memory.data(), bytes, int32_t(page_size), format};
    const int64_t width = int64_t(c.heads) * c.dim;
    NewArray y({q.shape(0), q.shape(1), q.shape(2)});
    {
        nb::gil_scoped_release release;
        Worker worker(kernels(), threads);
        for (int32_t p = 0; p < span.end(); ++p) worker.write_grouped(c, cache, span, p, kv.data() + int64_t(p) * 2 * c.kv_heads * c.dim);
        if (prefill) worker.grouped_prefill(c, q.data(), width, span, cache, y.data.get());
        else worker.grouped_decode(c, q.data(), width, {&span}, cache, y.data.get());
    }
    return y.numpy();
}

// Which keys [N, width] the last rows of a sequence look at that have more than `top` before them: positions [T, top].
// q [T, H, width] at positions start ..., weights [T, H]; the keys are put into a cache of their own first.
nb::ndarray<nb::numpy, int32_t> choose_keys(In<float, 3> q, In<float, 2> weights, In<float, 2> keys, int64_t start,
                                            int32_t top, const std::string& cache_format, int64_t page_size,
                                            In<int32_t, 1> pages, int32_t threads) {
    Config c{};
    c.rank = c.rope = 2;  // the latent rows beside the keys are not looked at
    c.index_heads = size(q.shape(1), "heads");
    c.index_dim = size(q.shape(2), "width");
    c.index_top = top;
    check(c.index_heads && c.index_dim && c.index_dim % GROUP == 0, "the width must be a multiple of 32");
    check(keys.shape(1) == q.shape(2), "keys and queries differ in width");
    check(weights.shape(0) == q.shape(0) && weights.shape(1) == q.shape(1), "one weight per query is needed");
    const int64_t length = size(q.shape(0), "rows");
    check(top >= 1 && start >= top, "every row must have more than `top` keys");
    check(int64_t(keys.shape(0)) == start + length, "a key of every position is needed");
    const CacheFormat format = cache_format_of(cache_format);
    const int64_t bytes = page_bytes(c, page_size, format);
    const std::vector<Span> spans{
        make_span(c, 0, length, start, false, pages.data(), pages.size(), pages.size(), page_size, bytes, format)};
    std::vector<uint8_t> memory(bytes * pages.size());
    const Cache cache{memory.data(), bytes, int32_t(page_size), format};
    const KeyPlace place = latent_place(c, cache);
    New<int32_t> found({q.shape(0), size_t(top)});
    {
        nb::gil_scoped_release release;
        Worker worker(kernels(), threads);
        for (int32_t p = 0; p < spans[0].end(); ++p)
            worker.write_index(c, cache, place, spans[0], p, keys.data() + int64_t(p) * c.index_dim);
        worker.choose_keys(c, q.data(), weights.data(), spans, cache, place);
        std::copy(worker.chosen(c, 0), worker.chosen(c, length), found.data.get());
    }
    return found.numpy();
}

}  // namespace

void add_attention(nb::module_& module) {
    module.def("attend_grouped", &attend_grouped, "q"_a, "kv"_a, "start"_a, "prefill"_a, "cache_format"_a, "page_size"_a,
               "pages"_a, "scale"_a, "threads"_a);
    module.def("choose_keys", &choose_keys, "q"_a, "weights"_a, "keys"_a, "start"_a, "top"_a, "cache_format"_a,
               "page_size"_a, "pages"_a, "threads"_a);
    module.def("attend", &attend, "q"_a, "k_up"_a, "q_absorb"_a.none(), "v_up"_a, "cache"_a, "pages"_a, "start"_a,
               "cache_format"_a, "scale"_a, "threads"_a);
}
