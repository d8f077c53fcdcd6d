// Vectors of 16 floats as arrays: any processor.  The compiler may use what registers there are.
#pragma once
#include <cstdint>
#include <cstring>

#include "half.h"

namespace {

constexpr int W = 16;
constexpr int TILE = 1;
constexpr int TILE_F32 = 1;
constexpr int KEY_VECS = 1;
constexpr int PASS_QUERIES = 4;
constexpr int ROW_KEYS = 1;
constexpr int Q8_OFFSET = 0;

struct Vec { float v[W]; };
struct Int { int32_t v[W]; };
struct Bytes { uint8_t v[4 * W]; };

template <class F> inline Vec each(F f) {
    Vec out;
    for (int i = 0; i < W; ++i) out.v[i] = f(i);
    return out;
}
inline Vec load(const float* p) { return each([=](int i) { return p[i]; }); }
inline Vec load_n(const float* p, int n) { return each([=](int i) { return i < n ? p[i] : 0.0f; }); }
inline void store_n(float* p, const Vec& a, int n) { for (int i = 0; i < n; ++i) p[i] = a.v[i]; }
inline void store(float* p, const Vec& a) { store_n(p, a, W); }
inline Vec set1(float x) { return each([=](int) { return x; }); }
inline float fma1(float a, float b, float c) {
#ifdef __ARM_FEATURE_FMA
    return __builtin_fmaf(a, b, c);
#else
    // The product is exact in double; the sum is rounded twice, which differs from a fused one about once in 2^29.
    return float(double(a) * double(b) + double(c));
#endif
}
inline Vec fma(const Vec& a, const Vec& b, const Vec& c) {
    return each([&](int i) { return fma1(a.v[i], b.v[i], c.v[i]); });
}
inline Vec mul(const Vec& a, const Vec& b) { return each([&](int i) { return a.v[i] * b.v[i]; }); }
inline Vec add(const Vec& a, const Vec& b) { return each([&](int i) { return a.v[i] + b.v[i]; }); }
inline Vec sub(const Vec& a, const Vec& b) { return each([&](int i) { return a.v[i] - b.v[i]; }); }
inline Vec div(const Vec& a, const Vec& b) { return each([&](int i) { return a.v[i] / b.v[i]; }); }
inline Vec max(const Vec& a, const Vec& b) { return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; }); }
inline Vec min(const Vec& a, const Vec& b) { return each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; }); }
inline Vec abs(const Vec& a) { return each([&](int i) { return __builtin_fabsf(a.v[i]); }); }
// To nearest, ties to even, for |a| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction.
inline Vec round(const Vec& a) { return each([&](int i) { return (a.v[i] + 12582912.0f) - 12582912.0f; }); }
inline Vec zero_where_less(const Vec& a, const Vec& x, const Vec& limit) {
    return each([&](int i) { return x.v[i] < limit.v[i] ? 0.0f : a.v[i]; });
}
inline int32_t whole(float x) { return x > -1e9f && x < 1e9f ? int32_t(x) : 0; }  // NaN is 0
inline Vec power_of_two(const Vec& n) {
    return each([&](int i) {
        const int32_t bits = (whole(n.v[i]) + 127) << 23;
        float x;
        std::memcpy(&x, &bits, 4);
        return x;
    });
}
inline Vec load_half(const uint16_t* p) { return each([=](int i) { return half_to_float(p[i]); }); }

inline Vec load_bfloat(const uint16_t* p) {
    return each([=](int i) {
        const uint32_t bits = uint32_t(p[i]) << 16;
        float x;
        std::memcpy(&x, &bits, 4);
        return x;
    });
}
inline Vec load_u8(const uint8_t* p) { return each([=](int i) { return float(p[i]); }); }
inline Vec load_i8(const int8_t* p) { return each([=](int i) { return float(p[i]); }); }

template <class F> inline Int each_int(F f) {
    Int out;
    for (int i = 0; i < W; ++i) out.v[i] = f(i);
    return out;
}
inline Int set1(int32_t x) { return each_int([=](int) { return x; }); }
inline Vec to_float(const Int& a) { return each([&](int i) { return float(a.v[i]); }); }
inline Int to_int(const Vec& a) {
    const Vec r = round(a);
    return each_int([&](int i) { return whole(r.v[i]); });
}
inline Int add(const Int& a, const Int& b) { return each_int([&](int i) { return a.v[i] + b.v[i]; }); }
inline void store(int32_t* p, const Int& a) { std::memcpy(p, a.v, sizeof a.v); }
inline void store_bytes(int8_t* p, const Int& a) { for (int i = 0; i < W; ++i) p[i] = int8_t(a.v[i]); }

template <class F> inline float across(Vec a, F f) {
    for (int half = W / 2; half; half /= 2)
        for (int i = 0; i < half; ++i) a.v[i] = f(a.v[i], a.v[i + half]);
    return a.v[0];
}
inline float add_across(const Vec (&a)[1]) { return across(a[0], [](float x, float y) { return x + y; }); }
inline float max_across(const Vec (&a)[1]) { return across(a[0], [](float x, float y) { return x > y ? x : y; }); }
inline int32_t sum_across(const Int& a) {
    int32_t sum = 0;
    for (int32_t lane : a.v) sum += lane;
    return sum;
}

inline Bytes load_bytes(const uint8_t* p) {
    Bytes out;
    std::memcpy(out.v, p, sizeof out.v);
    return out;
}
inline void keep_in_register(Bytes&) {}
inline Bytes low_nibbles(Bytes a) {
    for (uint8_t& byte : a.v) byte &= 15;
    return a;
}
inline Bytes high_nibbles(Bytes a) {
    for (uint8_t& byte : a.v) byte >>= 4;
    return a;
}
template <int S> inline Bytes or_shifted(Bytes a, const Bytes& b, uint8_t mask) {
    for (int i = 0; i < 4 * W; ++i) a.v[i] |= uint8_t((S > 0 ? b.v[i] << (S > 0 ? S : 0) : b.v[i] >> (S < 0 ? -S : 0)) & mask);
    return a;
}
template <int S> inline Bytes bits_at(Bytes a, uint8_t mask) {
    for (uint8_t& byte : a.v) byte = uint8_t(byte >> S & mask);
    return a;
}
struct Table { const uint8_t* v; };  // of 16 bytes
inline Table load_table(const uint8_t* p) { return {p}; }
inline Bytes look_up(const Table& table, Bytes index) {
    for (uint8_t& byte : index.v) byte = table.v[byte];
    return index;
}
template <int OFFSET> inline Int dot(Int acc, const Bytes& w, const int8_t* x) {
    for (int i = 0; i < W; ++i) {
        int32_t sum = 0;
        for (int j = 0; j < 4; ++j) sum += (int32_t(w.v[4 * i + j]) - OFFSET) * x[j];
        acc.v[i] += sum;
    }
    return acc;
}
inline Int dot_q8(const Int& acc, const Bytes& w, const int8_t* x) { return dot<128>(acc, w, x); }  // q x
inline Int dot_q4(const Int& acc, const Bytes& w, const int8_t* x) { return dot<0>(acc, w, x); }    // (q + 8) x

inline void prefetch(const void*) {}

inline void transpose(const float* const* rows, float* out, int stride) {
    for (int d = 0; d < W; ++d)
        for (int k = 0; k < W; ++k) out[d * stride + k] = rows[k][d];
}

// `to` [N] = the sums of each a[n]'s lanes
template <int N, class S> inline void store_sums(const S* a, float* to) {
    for (int n = 0; n < N; ++n) to[n] = add_across(a[n].part);
}


// Bits that differ, for scan.inl, counted by bytes as sums of neighbours.
inline Bytes repeat(uint32_t x) {
    Bytes out;
    for (int i = 0; i < W; ++i) std::memcpy(out.v + 4 * i, &x, 4);
    return out;
}
inline void store_half(uint16_t* p, const Vec& a) { for (int i = 0; i < W; ++i) p[i] = float_to_half(a.v[i]); }
inline Bytes differing(Bytes a, const Bytes& b) {
    for (int i = 0; i < 4 * W; ++i) {
        uint8_t x = a.v[i] ^ b.v[i];
        x = uint8_t(x - (x >> 1 & 0x55));
        x = uint8_t((x & 0x33) + (x >> 2 & 0x33));
        a.v[i] = uint8_t((x + (x >> 4)) & 15);
    }
    return a;
}
inline Bytes add_counts(Bytes a, const Bytes& b) {
    for (int i = 0; i < 4 * W; ++i) a.v[i] = uint8_t(a.v[i] + b.v[i]);
    return a;
}
inline Int sum_counts(const Bytes& a) {
    return each_int([&](int i) { return a.v[4 * i] + a.v[4 * i + 1] + a.v[4 * i + 2] + a.v[4 * i + 3]; });
}

}  // namespace
