// Hyper-connected streams, and means weighted by gates (DeepSeek-V4; reference_compressed.py is the twin); included by
// kernels.inl.

namespace {

void collapse_streams(const float* x, const float* weights, int32_t streams, int32_t n, float* y) {
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        Vec sum = set1(0.0f);
        for (int32_t s = 0; s < streams; ++s)
            sum = fma(set1(weights[s]), load_n(x + int64_t(s) * n + i, left), sum);
        store_n(y + i, sum, left);
    }
}

void spread_streams(float* x, const float* y, const float* post, const float* comb, int32_t streams, int32_t n) {
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        Vec in[MAX_STREAMS];
        for (int32_t s = 0; s < streams; ++s) in[s] = load_n(x + int64_t(s) * n + i, left);
        const Vec own = load_n(y + i, left);
        for (int32_t k = 0; k < streams; ++k) {
            Vec sum = mul(set1(post[k]), own);
            for (int32_t j = 0; j < streams; ++j) sum = fma(set1(comb[j * streams + k]), in[j], sum);
            store_n(x + int64_t(k) * n + i, sum, left);
        }
    }
}

void gated_mean(const float* const* values, const float* const* gates, int32_t rows, int32_t n, float* y) {
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        Vec top = load_n(gates[0] + i, left), sum = set1(0.0f), total = sum;
        for (int32_t r = 1; r < rows; ++r) top = max(top, load_n(gates[r] + i, left));
        for (int32_t r = 0; r < rows; ++r) {
            const Vec weight = exp(sub(load_n(gates[r] + i, left), top));
            total = add(total, weight);
            sum = fma(weight, load_n(values[r] + i, left), sum);
        }
        store_n(y + i, div(sum, total), left);
    }
}

void gated_step(const float* before, const float* value, const float* gate, const float* bias, int64_t stride, int32_t n,
                float* after) {
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        const Vec g = add(load_n(gate + i, left), load_n(bias + i, left)), v = load_n(value + i, left);
        Vec top = g, total = set1(1.0f), sum = v;
        if (before) {
            const Vec old = load_n(before + i, left);
            top = max(old, g);
            const Vec rescale = exp(sub(old, top)), weight = exp(sub(g, top));
            total = fma(load_n(before + stride + i, left), rescale, weight);
            sum = fma(load_n(before + 2 * stride + i, left), rescale, mul(weight, v));
        }
        store_n(after + i, top, left);
        store_n(after + stride + i, total, left);
        store_n(after + 2 * stride + i, sum, left);
    }
}

}  // namespace
