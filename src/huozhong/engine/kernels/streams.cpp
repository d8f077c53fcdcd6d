// Hyper-connected streams (DeepSeek-V4, section 2.2): what goes on beside a layer's parts in place of one residual.
#include <cmath>
#include <limits>

#include "worker.inl"

namespace huozhong {
namespace {

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

// Each of `count` lines of n numbers, `step` apart, divided by its sum and eps; the lines begin `next` apart.
void divide_by_sums(float* x, int32_t count, int32_t next, int32_t n, int32_t step, float eps) {
    for (int32_t i = 0; i < count; ++i, x += next) {
        float sum = 0;
        for (int32_t j = 0; j < n; ++j) sum += x[j * step];
        sum += eps;
        for (int32_t j = 0; j < n; ++j) x[j * step] /= sum;
    }
}

}  // namespace

void stream_weights(const float* mixed, const float* base, const float* scale, int32_t streams, int32_t rounds, float eps,
                    float* pre, float* post, float* comb) {
    const int32_t n = streams;
    for (int32_t i = 0; i < n; ++i) pre[i] = sigmoid(mixed[i] * scale[0] + base[i]) + eps;
    if (!post) return;
    for (int32_t i = 0; i < n; ++i) post[i] = 2.0f * sigmoid(mixed[n + i] * scale[1] + base[n + i]);
    for (int32_t row = 0; row < n; ++row) {
        float* line = comb + row * n;
        float top = -std::numeric_limits<float>::infinity(), total = 0;
        for (int32_t i = 0; i < n; ++i) {
            const int32_t at = 2 * n + row * n + i;
            line[i] = mixed[at] * scale[2] + base[at];
            top = std::max(top, line[i]);
        }
        for (int32_t i = 0; i < n; ++i) total += line[i] = std::exp(line[i] - top);
        for (int32_t i = 0; i < n; ++i) line[i] = line[i] / total + eps;
    }
    divide_by_sums(comb, n, 1, n, n, eps);
    for (int32_t round = 1; round < rounds; ++round) {  // Sinkhorn and Knopp 1967
        divide_by_sums(comb, n, n, n, 1, eps);
        divide_by_sums(comb, n, 1, n, n, eps);
    }
}

void Worker::collapse(const Config& c, const StreamWeights& w, const float* x, int32_t tokens, bool spreads, float* y) {
    const int32_t streams = c.streams, width = streams * c.hidden, numbers = w.mix.out;
    const Rows h = normalize(in_, stream_h_, x, nullptr, c.eps, tokens, width, width, !is_float(w.mix.format));
    float* mixed = grow(mix_, int64_t(tokens) * numbers);
    run({{&w.mix, 0, h, nullptr, 0, 1, tokens, mixed, numbers, false}});
    float* pre = grow(pre_, int64_t(tokens) * streams);
    float* post = spreads ? grow(post_, int64_t(tokens) * streams) : nullptr;
    float* comb = spreads ? grow(comb_, int64_t(tokens) * streams * streams) : nullptr;
    for_rows(tokens, width * 4, [&](int32_t t) {
        float* own = pre + int64_t(t) * streams;
        stream_weights(mixed + int64_t(t) * numbers, w.base, w.scale, streams, c.sinkhorn, c.stream_eps, own,
                       spreads ? post + int64_t(t) * streams : nullptr,
                       spreads ? comb + int64_t(t) * streams * streams : nullptr);
        k_.collapse_streams(x + int64_t(t) * width, own, streams, c.hidden, y + int64_t(t) * c.hidden);
    });
}

void Worker::spread(const Config& c, const float* y, int32_t tokens, float* x) {
    const int64_t streams = c.streams;
    for_rows(tokens, streams * c.hidden * 8, [&](int32_t t) {
        k_.spread_streams(x + t * streams * c.hidden, y + int64_t(t) * c.hidden, post_.data() + t * streams,
                          comb_.data() + t * streams * streams, c.streams, c.hidden);
    });
}

}  // namespace huozhong
