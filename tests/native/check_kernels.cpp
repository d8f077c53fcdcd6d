// Every row kernel of every instruction set against the plain one's, bit for bit, on random data of awkward sizes in
// arrays whose ends are guarded.
#include <cmath>

#include "testing.h"

namespace testing {
namespace {

std::string label(const Kernels& k, const char* kernel, std::initializer_list<int64_t> sizes) {
    std::string out = std::string(k.name) + " " + kernel;
    for (int64_t size : sizes) out += " " + std::to_string(size);
    return out;
}

constexpr int32_t LENGTHS[] = {1, 3, 4, 5, 8, 15, 16, 17, 31, 32, 33, 40, 64, 95, 130, 256, 257};

struct Quantized {
    Array<int8_t> q;
    Array<float> scale;
    Array<int32_t> sum, half;

    explicit Quantized(int64_t groups) : q(groups * GROUP), scale(groups), sum(groups), half(groups) {}
};

Quantized quantized(const Kernels& k, const Array<float>& x, int32_t rows, int32_t n) {
    const int64_t groups = (n + GROUP - 1) / GROUP;
    Quantized out(rows * groups);
    for (int32_t r = 0; r < rows; ++r)
        k.quantize(x.get() + int64_t(r) * n, n, out.q.get() + r * groups * GROUP, out.scale.get() + r * groups,
                   out.sum.get() + r * groups, out.half.get() + r * groups);
    return out;
}

void check_rows(const Kernels& k, Random& random) {
    const Kernels& plain = kernels_plain;
    for (int32_t n : LENGTHS)
        for (float size : {0.0f, 1e-30f, 1.0f, 30.0f, 1e30f}) {
            const Array<float> x = floats(random, n, size), w = floats(random, n);
            const Quantized expected = quantized(plain, x, 1, n), got = quantized(k, x, 1, n);
            const auto what = [&](const char* kernel) { return label(k, kernel, {n, int64_t(size)}); };
            same(what("quantize"), got.q, expected.q);
            same(what("quantize's scales"), got.scale, expected.scale);
            same(what("quantize's sums"), got.sum, expected.sum);
            same(what("quantize's half sums"), got.half, expected.half);
            Array<float> y(n), z(n);
            k.rms_norm(x.get(), w.get(), 1e-6f, n, y.get());
            plain.rms_norm(x.get(), w.get(), 1e-6f, n, z.get());
            same(what("rms_norm"), y, z);
            k.rms_norm(x.get(), nullptr, 1e-6f, n, y.get());
            plain.rms_norm(x.get(), nullptr, 1e-6f, n, z.get());
            same(what("rms_norm without weights"), y, z);
            k.layer_norm(x.get(), w.get(), x.get(), 1e-6f, n, y.get());
            plain.layer_norm(x.get(), w.get(), x.get(), 1e-6f, n, z.get());
            same(what("layer_norm"), y, z);
            for (float limit : {INFINITY, 0.5f}) {
                k.silu_mul(x.get(), w.get(), n, limit, y.get());
                plain.silu_mul(x.get(), w.get(), n, limit, z.get());
                same(what("silu_mul"), y, z);
            }
            k.add_scaled(y.get(), x.get(), 0.7f, n);
            plain.add_scaled(z.get(), x.get(), 0.7f, n);
            same(what("add_scaled"), y, z);
            if (k.largest(x.get(), n) != plain.largest(x.get(), n)) fail(what("largest"));
        }
}

// Dots lie `stride` apart, which is more than there are keys.
void check_index_scores(const Kernels& k, Random& random) {
    for (int32_t keys : LENGTHS)
        for (int32_t heads : {1, 3, 64}) {
            const int32_t stride = keys + 5;
            const Array<float> dots = floats(random, int64_t(heads - 1) * stride + keys), weights = floats(random, heads);
            Array<float> y(keys), z(keys);
            k.index_scores(dots.get(), stride, weights.get(), heads, keys, y.get());
            kernels_plain.index_scores(dots.get(), stride, weights.get(), heads, keys, z.get());
            same(label(k, "index_scores", {keys, heads}), y, z);
        }
}

void check_streams(const Kernels& k, Random& random) {
    for (int32_t n : LENGTHS)
        for (int32_t streams : {1, 4, MAX_STREAMS}) {
            const Array<float> x = floats(random, int64_t(streams) * n), y = floats(random, n);
            const Array<float> post = floats(random, streams), comb = floats(random, streams * streams);
            Array<float> got(n), expected(n), all = floats(random, x.size()), plain(x.size());
            std::memcpy(plain.get(), all.get(), all.size() * sizeof(float));
            k.collapse_streams(x.get(), post.get(), streams, n, got.get());
            kernels_plain.collapse_streams(x.get(), post.get(), streams, n, expected.get());
            same(label(k, "collapse_streams", {n, streams}), got, expected);
            k.spread_streams(all.get(), y.get(), post.get(), comb.get(), streams, n);
            kernels_plain.spread_streams(plain.get(), y.get(), post.get(), comb.get(), streams, n);
            same(label(k, "spread_streams", {n, streams}), all, plain);
        }
}

void check_gates(const Kernels& k, Random& random) {
    for (int32_t n : LENGTHS)
        for (float size : {1.0f, 200.0f}) {
            std::vector<Array<float>> values, gates;
            const float *v[8], *g[8];
            for (int i = 0; i < 8; ++i) {
                v[i] = values.emplace_back(floats(random, n)).get();
                g[i] = gates.emplace_back(floats(random, n, size)).get();
            }
            for (int32_t rows : {1, 4, 8}) {
                Array<float> got(n), expected(n);
                k.gated_mean(v, g, rows, n, got.get());
                kernels_plain.gated_mean(v, g, rows, n, expected.get());
                same(label(k, "gated_mean", {n, rows, int64_t(size)}), got, expected);
                all_finite("gated_mean", got);
            }
            const Array<float> before = floats(random, 3 * n);
            for (const float* start : {static_cast<const float*>(nullptr), before.get()}) {
                Array<float> got(3 * n), expected(3 * n);
                k.gated_step(start, v[0], g[0], g[1], n, n, got.get());
                kernels_plain.gated_step(start, v[0], g[0], g[1], n, n, expected.get());
                same(label(k, "gated_step", {n, int64_t(size)}), got, expected);
            }
        }
}

// What is not a number may give any number, but no undefined behaviour on the way.
void run_not_finite(const Kernels& k, Random& random) {
    const float special[] = {NAN, INFINITY, -INFINITY, 3e38f, -1e-45f};
    for (Format format : FORMATS) {
        const int32_t in = 512, tokens = 3;
        const RandomMatrix matrix(random, format, 20, in);
        Array<float> x = floats(random, tokens * in), y(tokens * matrix.m.out), z(in);
        for (int32_t i = 0; i < x.size(); ++i)
            if (i % 64 >= 32 || i < in) x[i] = special[random.below(5)];
        const Quantized q = quantized(k, x, tokens, in);
        k.matmul({&matrix.m, 0, {x.get(), in, q.q.get(), q.scale.get(), q.sum.get(), q.half.get()}, nullptr, 0, 1, tokens,
                  y.get(), matrix.m.out, false}, 0, matrix.m.blocks());
        k.rms_norm(x.get(), x.get(), 1e-6f, in, z.get());
        k.silu_mul(x.get(), x.get(), in, 10.0f, z.get());
        k.combine(x.get(), 130, 4, 128, -INFINITY, z.get());
        const float* rows[3] = {x.get(), x.get() + in, x.get() + 2 * in};
        k.gated_mean(rows, rows, 3, in, z.get());
        k.gated_step(x.get(), x.get(), x.get(), x.get(), in / 4, in / 4, z.get());
    }
}

const CacheFormat CACHES[] = {CacheFormat::f32, CacheFormat::f16, CacheFormat::q8};

void check_cache_rows(const Kernels& k, Random& random) {
    for (CacheFormat format : CACHES)
        for (int32_t n : LENGTHS) {
            const Array<float> x = floats(random, n, 100);
            const auto what = [&](const char* kernel) { return label(k, kernel, {n, int64_t(format)}); };
            Array<uint8_t> row(cached_bytes(format, n)), expected(row.size());
            k.store_row(format, x.get(), n, row.get());
            kernels_plain.store_row(format, x.get(), n, expected.get());
            same(what("store_row"), row, expected);
            Array<float> y(n), z(n);
            k.load_row(format, row.get(), n, y.get());
            kernels_plain.load_row(format, row.get(), n, z.get());
            same(what("load_row"), y, z);
        }
}

struct Shape { int32_t out, in, tokens; };

void check_matmul(const Kernels& k, Random& random, Format format, const Shape& s, bool picked, bool add) {
    const RandomMatrix matrix(random, format, s.out, s.in, 2);
    const int32_t rows = s.tokens + 2;
    const Array<float> x = floats(random, int64_t(rows) * s.in);
    const Quantized q = quantized(kernels_plain, x, rows, s.in);
    Array<int32_t> order(s.tokens);
    for (int32_t t = 0; t < s.tokens; ++t) order[t] = random.below(rows);
    Matmul job{&matrix.m, 1, {x.get(), s.in, q.q.get(), q.scale.get(), q.sum.get(), q.half.get()},
               picked ? order.get() : nullptr, 2, 1, s.tokens, nullptr, s.out, add};
    Array<float> got = floats(random, int64_t(s.tokens) * s.out), expected(got.size());
    std::memcpy(expected.get(), got.get(), got.size() * sizeof(float));
    job.y = got.get();
    k.matmul(job, 0, matrix.m.blocks());
    job.y = expected.get();
    kernels_plain.matmul(job, 0, matrix.m.blocks());
    same(label(k, "matmul", {int64_t(format), s.out, s.in, s.tokens}) + FORMAT_NAMES[int(format)], got, expected);
    all_finite("matmul", got);
}

void check_matmuls(const Kernels& k, Random& random) {
    for (Format format : FORMATS) {
        const int32_t unit = is_super(format) ? SUPER : 1;
        for (int32_t out : {1, 15, 16, 17, 37, 64})
            for (int32_t in : is_super(format) ? std::vector<int32_t>{1, 3} : std::vector<int32_t>{1, 5, 31, 32, 100, 288})
                for (int32_t tokens : {1, 2, 3, 4, 5, 8, 11, 17})
                    check_matmul(k, random, format, {out, in * unit, tokens}, tokens % 2, out % 2);
    }
}

// Prompts' attention is the others' bits, or near them where it rounds to bfloat16.
void same_prompt(const Kernels& k, CacheFormat format, const std::string& what, const Array<float>& got,
                 const Array<float>& expected) {
    if (!k.bf16 || format == CacheFormat::f32) return same(what, got, expected);
    float top = 0, off = 0;
    for (int64_t i = 0; i < expected.size(); ++i) {
        top = std::max(top, std::fabs(expected.get()[i]));
        off = std::max(off, std::fabs(got.get()[i] - expected.get()[i]));
    }
    if (!(off <= 0.03f * top)) fail(what + " is far from the others");
}

// Decode and prefill of latent attention on one layer's rows, scattered over the cache.
struct LatentCase { int32_t heads, rank, nope, rope, v, start, rows; };

void check_latent(const Kernels& k, Random& random, const LatentCase& s, CacheFormat format, Format weights) {
    const int32_t width = s.rank + s.rope, end = s.start + s.rows, qk = s.nope + s.rope;
    const Array<float> natural = floats(random, int64_t(end) * width);
    const int64_t rope_at = cached_bytes(format, s.rank), bytes = rope_at + cached_bytes(format, s.rope);
    Array<uint8_t> cache(end * bytes);
    Array<int64_t> offset(end);
    Array<float> latent(int64_t(end) * s.rank);
    const std::vector<int32_t> place = random.permutation(end);
    for (int32_t p = 0; p < end; ++p) {
        offset[p] = place[p] * bytes;
        kernels_plain.store_row(format, natural.get() + int64_t(p) * width, s.rank, cache.get() + offset[p]);
        kernels_plain.store_row(format, natural.get() + int64_t(p) * width + s.rank, s.rope,
                                cache.get() + offset[p] + rope_at);
        kernels_plain.load_row(format, cache.get() + offset[p], s.rank, latent.get() + int64_t(p) * s.rank);
    }
    const auto what = [&](const char* kernel) {
        return label(k, kernel, {s.heads, s.rank, s.nope, s.rope, s.v, s.start, s.rows, int64_t(format)});
    };

    const Array<float> q_latent = floats(random, int64_t(s.rows) * s.heads * width);
    const int64_t part_stride = s.rank + 2, row_stride = s.heads * part_stride;
    Array<float> got(s.rows * row_stride), expected(got.size());
    for (bool first : {true, false}) {
        const Kernels& use = first ? kernels_plain : k;
        Array<float> scratch(decode_scratch(width));
        use.attend_decode({q_latent.get(), int64_t(s.heads) * width, s.rows, s.start, s.heads, s.rank, s.rope, cache.get(),
                           format, offset.get(), 0, end, 0.1f, (first ? expected : got).get(), row_stride, part_stride,
                           scratch.get()});
    }
    same(what("attend_decode"), got, expected);
    all_finite("attend_decode", got);

    const RandomMatrix k_up(random, weights, s.nope, s.rank, s.heads), v_up(random, weights, s.v, s.rank, s.heads);
    const Quantized q8 = quantized(kernels_plain, latent, end, s.rank);
    const Array<float> q = floats(random, int64_t(s.rows) * qk);
    Array<float> y(int64_t(s.rows) * s.v), z(y.size());
    for (bool first : {true, false}) {
        const Kernels& use = first ? kernels_plain : k;
        Array<float> scratch(prefill_scratch(s.rows, s.nope, s.rope, s.v));
        LatentPrefill job{};
        job.q = q.get();
        job.q_stride = qk;
        job.rows = s.rows;
        job.start = s.start;
        job.cache = cache.get();
        job.format = format;
        job.offset = offset.get();
        job.latent = {latent.get(), s.rank, q8.q.get(), q8.scale.get(), q8.sum.get(), q8.half.get()};
        job.k_up = &k_up.m;
        job.v_up = &v_up.m;
        job.head = s.heads - 1;
        job.rank = s.rank;
        job.rope = s.rope;
        job.scale = 0.1f;
        job.y = (first ? z : y).get();
        job.y_stride = s.v;
        job.scratch = scratch.get();
        use.attend_prefill(job);
    }
    same_prompt(k, format, what("attend_prefill"), y, z);
    all_finite("attend_prefill", y);
}

struct GroupedCase { int32_t heads, dim, start, rows; };

// Pages of one tile each, in random order; what lies behind the last position is NaN.
void check_grouped(const Kernels& k, Random& random, const GroupedCase& s, CacheFormat format) {
    const int32_t end = s.start + s.rows, tiles = (end + KEY_TILE - 1) / KEY_TILE;
    const int64_t element = format == CacheFormat::f32 ? 4 : format == CacheFormat::f16 ? 2 : 1;
    const int64_t half_page = KEY_TILE * cached_bytes(format, s.dim), groups = format == CacheFormat::q8 ? (s.dim + 31) / 32 : 0;
    Array<uint8_t> cache(tiles * 2 * half_page);
    Array<int64_t> tile(tiles);
    const std::vector<int32_t> place = random.permutation(tiles);
    for (int32_t i = 0; i < tiles; ++i) tile[i] = place[i] * 2 * half_page;
    for (int32_t p = 0; p < end; ++p) {
        for (bool key : {true, false}) {
            uint8_t* to = cache.get() + tile[p / KEY_TILE] + (key ? 0 : half_page);
            const Array<float> x = floats(random, s.dim);
            Array<uint8_t> row(cached_bytes(format, s.dim));
            kernels_plain.store_row(format, x.get(), s.dim, row.get());
            for (int64_t d = 0; d < s.dim; ++d)
                std::memcpy(to + (key ? d * KEY_TILE + p % KEY_TILE : p % KEY_TILE * s.dim + d) * element,
                            row.get() + d * element, element);
            for (int64_t g = 0; g < groups; ++g)
                std::memcpy(to + KEY_TILE * s.dim + (g * KEY_TILE + p % KEY_TILE) * 2, row.get() + even(s.dim) + 2 * g, 2);
        }
    }
    const int64_t width = int64_t(s.heads) * s.dim, part_stride = s.dim + 2, row_stride = s.heads * part_stride;
    const Array<float> q = floats(random, s.rows * width);
    Array<float> got(s.rows * row_stride), expected(got.size()), y(s.rows * width), z(y.size());
    for (bool first : {true, false}) {
        const Kernels& use = first ? kernels_plain : k;
        Array<float> decode_scratch(grouped_decode_scratch(s.dim)), scratch(grouped_scratch(s.rows, s.heads, s.dim));
        GroupedAttention job{};
        job.q = q.get();
        job.q_stride = width;
        job.rows = s.rows;
        job.start = s.start;
        job.heads = s.heads;
        job.dim = s.dim;
        job.cache = cache.get();
        job.format = format;
        job.tile = tile.get();
        job.value_offset = half_page;
        job.scale = 0.1f;
        job.y = (first ? z : y).get();
        job.y_stride = width;
        job.scratch = scratch.get();
        use.grouped_prefill(job);
        job.begin = 0;
        job.end = end;
        job.part = (first ? expected : got).get();
        job.row_stride = row_stride;
        job.part_stride = part_stride;
        job.scratch = decode_scratch.get();
        use.grouped_decode(job);
    }
    const auto what = [&](const char* kernel) {
        return label(k, kernel, {s.heads, s.dim, s.start, s.rows, int64_t(format)});
    };
    same_prompt(k, format, what("grouped_prefill"), y, z);
    same(what("grouped_decode"), got, expected);
    all_finite("grouped_prefill", y);
    all_finite("grouped_decode", got);
}

void check_attention(const Kernels& k, Random& random) {
    const LatentCase latent[] = {{1, 16, 8, 2, 8, 0, 1},     {3, 20, 12, 6, 10, 7, 9},   {8, 64, 32, 16, 64, 0, 70},
                                 {9, 33, 17, 8, 81, 120, 6}, {5, 128, 48, 64, 48, 63, 3}};
    const GroupedCase grouped[] = {{1, 8, 0, 1},   {3, 16, 7, 9},  {6, 128, 0, 70}, {7, 20, 120, 6},
                                   {13, 33, 47, 2}, {8, 64, 63, 3}, {2, 5, 14, 1}};
    for (CacheFormat format : CACHES) {
        for (const LatentCase& s : latent)
            for (Format weights : {Format::f32, Format::bf16, Format::q8}) check_latent(k, random, s, format, weights);
        for (const GroupedCase& s : grouped) check_grouped(k, random, s, format);
    }
}

void check_combine(const Kernels& k, Random& random) {
    for (int32_t n : LENGTHS)
        for (int32_t parts : {1, 2, 7}) {
            const Array<float> part = floats(random, int64_t(parts) * (n + 2));
            for (int32_t i = 0; i < parts; ++i) const_cast<float*>(part.get())[i * (n + 2) + n + 1] = float(i + 1);
            Array<float> y(n), z(n);
            for (float sink : {-INFINITY, 0.3f}) {
                k.combine(part.get(), n + 2, parts, n, sink, y.get());
                kernels_plain.combine(part.get(), n + 2, parts, n, sink, z.get());
                same(label(k, "combine", {n, parts}), y, z);
            }
        }
}

// Codes of rows of awkward widths, scanned by the set's scan and by the faster one beside it; products with the units.
void check_codes(const Kernels& k, Random& random) {
    for (int32_t dim : {1, 20, 33, 96, 130, 512, 1100})
        for (int32_t count : {1, 5, SCAN_LANES}) {
            const int32_t width = (dim + 31) / 32 * 32, words = dim < 256 ? width / 32 : width / 32 - 1;
            const Array<float> rows = floats(random, int64_t(count) * dim), centre = floats(random, dim, 0.05f);
            Array<float> signs(ROTATIONS * width), scratch(encode_scratch(width));
            Array<int32_t> order(ROTATIONS * width);
            for (int r = 0; r < ROTATIONS; ++r) {
                const std::vector<int32_t> shuffled = random.permutation(width);
                for (int32_t i = 0; i < width; ++i) {
                    order[r * width + i] = shuffled[i];
                    signs[r * width + i] = random.below(2) ? 1.0f : -1.0f;
                }
            }
            const Encoder job{dim, width, words, centre.get(), signs.get(), order.get()};
            const auto what = [&](const char* kernel) { return label(k, kernel, {dim, count}); };
            Array<uint16_t> units(int64_t(count) * width), expected(units.size());
            Array<uint32_t> codes(int64_t(words + 1) * SCAN_LANES), others(codes.size());
            if (!k.encode(job, rows.get(), count, units.get(), codes.get(), scratch.get())) fail(what("encode refuses"));
            kernels_plain.encode(job, rows.get(), count, expected.get(), others.get(), scratch.get());
            same(what("encode's rows"), units, expected);
            same(what("encode's codes"), codes, others);
            const Array<float> zeros = floats(random, int64_t(count) * dim, 0.0f);
            if (k.encode(job, zeros.get(), count, units.get(), others.get(), scratch.get())) fail(what("encode of zeros"));
            Array<uint32_t> planes(int64_t(words) * PLANES);
            for (int64_t i = 0; i < planes.size(); ++i) planes[i] = uint32_t(random.bits());
            const CodeScan scanned{codes.get(), words, planes.get(), 0.01f};
            Array<float> score(SCAN_LANES), other(SCAN_LANES);
            Array<int32_t> reaching(1);
            kernels_plain.scan(scanned, 0, 1, -1e30f, other.get(), reaching.get());
            for (Scan scan : {k.scan, scan_of(k)}) {
                if (scan(scanned, 0, 1, -1e30f, score.get(), reaching.get()) != 1 || reaching[0] != 0)
                    fail(what("scan reaches nothing"));
                same(what("scan"), score, other);
                if (scan(scanned, 0, 1, 1e30f, score.get(), reaching.get()) != 0) fail(what("scan reaches too much"));
            }
            const Array<float> x = floats(random, width);
            if (k.half_dot(expected.get(), x.get(), width) != kernels_plain.half_dot(expected.get(), x.get(), width))
                fail(what("half_dot"));
        }
}

}  // namespace
}  // namespace testing

int main() {
    using namespace testing;
    for (Guard side : {Guard::behind, Guard::before}) {
        guard = side;
        for (const Kernels* k : sets()) {
            Random random(1);
            check_rows(*k, random);
            check_index_scores(*k, random);
            run_not_finite(*k, random);
            check_cache_rows(*k, random);
            check_matmuls(*k, random);
            check_attention(*k, random);
            check_combine(*k, random);
            check_streams(*k, random);
            check_gates(*k, random);
            check_codes(*k, random);
        }
    }
    report(sets());
}
