// The row kernels, written once over the vectors of a vec_*.h.  Everything is in an anonymous namespace, and no
// library template is used: code compiled for one instruction set must not be linked into another's.
//
// Every output is a fixed sequence of float operations, whatever the vector width or the tile it falls in: lanes run
// over outputs, and where a sum must run over lanes it keeps 16 of them and adds those in one order.

#include "half.h"

namespace {
using namespace huozhong;

constexpr float INFINITE = __builtin_huge_valf();

// -- sums over lanes, exp -----------------------------------------------------------------------------------------

// 16 partial sums, in as many vectors as they take.
struct Lanes16 { Vec part[16 / W]; };

inline Lanes16 lanes16(float x) {
    Lanes16 out;
    for (Vec& part : out.part) part = set1(x);
    return out;
}

inline int lanes_left(int n) { return n >= W ? W : n > 0 ? n : 0; }

// The lanes are added, or compared, as a tree: i with i + 8, then i + 4, 2, 1.
inline float reduce_add(const Lanes16& a) { return add_across(a.part); }
inline float reduce_max(const Lanes16& a) { return max_across(a.part); }

// e^x to about 2 units in the last place (Cephes' expf); 0 below -87, which covers -infinity; e^0 is exactly 1.
inline Vec exp(Vec x) {
    const Vec low = set1(-87.0f);
    const Vec c = min(set1(88.0f), max(low, x));
    const Vec n = round(mul(c, set1(1.44269504088896341f)));
    const Vec r = fma(n, set1(2.12194440e-4f), fma(n, set1(-0.693359375f), c));
    Vec p = set1(1.9875691500e-4f);
    p = fma(p, r, set1(1.3981999507e-3f));
    p = fma(p, r, set1(8.3334519073e-3f));
    p = fma(p, r, set1(4.1665795894e-2f));
    p = fma(p, r, set1(1.6666665459e-1f));
    p = fma(p, r, set1(5.0000001201e-1f));
    p = add(fma(p, mul(r, r), r), set1(1.0f));
    return zero_where_less(mul(p, power_of_two(n)), x, low);
}
inline float exp1(float x) {
    float out[W];
    store(out, exp(set1(x)));
    return out[0];
}

// -- rows ---------------------------------------------------------------------------------------------------------

void quantize(const float* x, int32_t n, int8_t* q, float* scale, int32_t* sum, int32_t* half) {
    for (int32_t g = 0; g * GROUP < n; ++g, x += GROUP, q += GROUP) {
        Vec v[GROUP / W];
        Lanes16 largest = lanes16(0);
        for (int i = 0; i < GROUP / W; ++i) {
            const int left = lanes_left(n - g * GROUP - i * W);
            v[i] = left == W ? load(x + i * W) : load_n(x + i * W, left);
            Vec& part = largest.part[i % (16 / W)];
            part = max(part, abs(v[i]));
        }
        const float top = reduce_max(largest), inverse = top > 0 ? 127.0f / top : 0.0f;
        Int totals[2] = {set1(int32_t(0)), set1(int32_t(0))};
        for (int i = 0; i < GROUP / W; ++i) {
            const Vec scaled = mul(v[i], set1(inverse));  // NaN becomes -127, in the next line: sums cannot overflow
            const Int whole = to_int(min(max(scaled, set1(-127.0f)), set1(127.0f)));
            store_bytes(q + i * W, whole);
            Int& total = totals[i * W / 16];
            total = add(total, whole);
        }
        scale[g] = top / 127.0f;
        half[g] = sum_across(totals[0]);
        sum[g] = half[g] + sum_across(totals[1]);
    }
}

void rms_norm(const float* x, const float* weight, float eps, int32_t n, float* y) {
    Lanes16 squares = lanes16(0);
    for (int32_t i = 0; i < n; i += W) {
        const Vec v = n - i >= W ? load(x + i) : load_n(x + i, n - i);
        Vec& part = squares.part[i / W % (16 / W)];
        part = fma(v, v, part);
    }
    const Vec factor = set1(1.0f / __builtin_sqrtf(reduce_add(squares) / float(n) + eps));
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        const Vec v = mul(load_n(x + i, left), factor);
        store_n(y + i, weight ? mul(v, load_n(weight + i, left)) : v, left);
    }
}

// (x - mean) / sqrt(variance + eps) * weight + bias
void layer_norm(const float* x, const float* weight, const float* bias, float eps, int32_t n, float* y) {
    Lanes16 sum = lanes16(0), squares = lanes16(0);
    for (int32_t i = 0; i < n; i += W) {
        Vec& part = sum.part[i / W % (16 / W)];
        part = add(part, load_n(x + i, lanes_left(n - i)));
    }
    const float mean = reduce_add(sum) / float(n);
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        store_n(y + i, sub(load_n(x + i, left), set1(mean)), left);
        const Vec v = load_n(y + i, left);
        Vec& part = squares.part[i / W % (16 / W)];
        part = fma(v, v, part);
    }
    const Vec factor = set1(1.0f / __builtin_sqrtf(reduce_add(squares) / float(n) + eps));
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        const Vec v = mul(load_n(y + i, left), factor);
        store_n(y + i, fma(v, load_n(weight + i, left), load_n(bias + i, left)), left);
    }
}

void silu_mul(const float* gate, const float* up, int32_t n, float limit, float* y) {
    const Vec high = set1(limit), low = set1(-limit);
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        // The number second: it stays where it is none.
        const Vec g = min(high, load_n(gate + i, left)), u = max(low, min(high, load_n(up + i, left)));
        store_n(y + i, mul(div(g, add(set1(1.0f), exp(sub(set1(0.0f), g)))), u), left);
    }
}

float largest(const float* x, int64_t n) {
    Vec top[8];
    for (Vec& part : top) part = set1(-INFINITE);
    int64_t i = 0;
    for (; i + 8 * W <= n; i += 8 * W)
        for (int j = 0; j < 8; ++j) top[j] = max(load(x + i + j * W), top[j]);
    float out = -INFINITE;
    for (const Vec& part : top) {
        float lanes[W];
        store(lanes, part);
        for (float lane : lanes) out = lane > out ? lane : out;
    }
    for (; i < n; ++i) out = x[i] > out ? x[i] : out;
    return out;
}

void add_scaled(float* y, const float* x, float scale, int32_t n) {
    for (int32_t i = 0; i < n; i += W) {
        const int left = lanes_left(n - i);
        store_n(y + i, fma(set1(scale), load_n(x + i, left), load_n(y + i, left)), left);
    }
}

}  // namespace

#include "matmul.inl"
#include "cache_rows.inl"
#include "attention.inl"
#include "prefill.inl"
#include "decode.inl"
#include "gated.inl"
#include "scan.inl"
#include "encode.inl"
#include "compressed.inl"
