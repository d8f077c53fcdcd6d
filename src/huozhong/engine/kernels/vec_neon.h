// Vectors of 16 floats in four NEON registers each: any ARMv8 processor, and faster where there is dotprod.
// Four registers, not one, so that 16 rows of weights are read in the order of memory, and one load of four inputs
// serves four products.
#pragma once
#include <arm_neon.h>

#include <cstdint>
#include <cstring>

namespace {

constexpr int W = 16;
constexpr int TILE = 4;
constexpr int TILE_F32 = 1;
constexpr int KEY_VECS = 1;
constexpr int PASS_QUERIES = 4;
constexpr int ROW_KEYS = 1;
constexpr int Q8_OFFSET = 0;

struct Vec { float32x4_t v[4]; };
struct Int { int32x4_t v[4]; };
struct Bytes { uint8x16_t v[4]; };

template <class F> inline Vec each(F f) { return {{f(0), f(1), f(2), f(3)}}; }
template <class F> inline Int each_int(F f) { return {{f(0), f(1), f(2), f(3)}}; }
template <class F> inline Bytes each_bytes(F f) { return {{f(0), f(1), f(2), f(3)}}; }

inline Vec load(const float* p) { return each([=](int i) { return vld1q_f32(p + 4 * i); }); }
inline void store(float* p, const Vec& a) { for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.v[i]); }
inline Vec load_n(const float* p, int n) {
    if (n == W) return load(p);
    float x[W] = {};
    for (int i = 0; i < n; ++i) x[i] = p[i];
    return load(x);
}
inline void store_n(float* p, const Vec& a, int n) {
    if (n == W) return store(p, a);
    float x[W];
    store(x, a);
    for (int i = 0; i < n; ++i) p[i] = x[i];
}
inline Vec set1(float x) { return each([=](int) { return vdupq_n_f32(x); }); }
inline Vec fma(const Vec& a, const Vec& b, const Vec& c) {
    return each([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); });
}
inline Vec mul(const Vec& a, const Vec& b) { return each([&](int i) { return vmulq_f32(a.v[i], b.v[i]); }); }
inline Vec add(const Vec& a, const Vec& b) { return each([&](int i) { return vaddq_f32(a.v[i], b.v[i]); }); }
inline Vec sub(const Vec& a, const Vec& b) { return each([&](int i) { return vsubq_f32(a.v[i], b.v[i]); }); }
inline Vec div(const Vec& a, const Vec& b) { return each([&](int i) { return vdivq_f32(a.v[i], b.v[i]); }); }
// b if one is NaN; ARM's own maximum would be NaN
inline Vec max(const Vec& a, const Vec& b) {
    return each([&](int i) { return vbslq_f32(vcgtq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]); });
}
inline Vec min(const Vec& a, const Vec& b) {
    return each([&](int i) { return vbslq_f32(vcltq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]); });
}
inline Vec abs(const Vec& a) { return each([&](int i) { return vabsq_f32(a.v[i]); }); }
inline Vec round(const Vec& a) { return each([&](int i) { return vrndnq_f32(a.v[i]); }); }  // ties to even
inline Vec zero_where_less(const Vec& a, const Vec& x, const Vec& limit) {
    return each([&](int i) {
        return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(a.v[i]), vcltq_f32(x.v[i], limit.v[i])));
    });
}
inline Vec power_of_two(const Vec& n) {
    return each([&](int i) {
        return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n.v[i]), vdupq_n_s32(127)), 23));
    });
}
inline Vec load_half(const uint16_t* p) {
    return each([=](int i) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))); });
}
inline Vec load_bfloat(const uint16_t* p) {
    return each([=](int i) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16)); });
}
inline Vec load_u8(const uint8_t* p) {
    const uint8x16_t bytes = vld1q_u8(p);
    const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
    return {{vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))), vcvtq_f32_u32(vmovl_high_u16(low)),
             vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))), vcvtq_f32_u32(vmovl_high_u16(high))}};
}
inline Vec load_i8(const int8_t* p) {
    const int8x16_t bytes = vld1q_s8(p);
    const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
    return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
             vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))}};
}

inline Int set1(int32_t x) { return each_int([=](int) { return vdupq_n_s32(x); }); }
inline Vec to_float(const Int& a) { return each([&](int i) { return vcvtq_f32_s32(a.v[i]); }); }
inline Int to_int(const Vec& a) { return each_int([&](int i) { return vcvtnq_s32_f32(a.v[i]); }); }
inline Int add(const Int& a, const Int& b) { return each_int([&](int i) { return vaddq_s32(a.v[i], b.v[i]); }); }
inline void store(int32_t* p, const Int& a) { for (int i = 0; i < 4; ++i) vst1q_s32(p + 4 * i, a.v[i]); }
inline void store_bytes(int8_t* p, const Int& a) {
    const int16x8_t low = vmovn_high_s32(vmovn_s32(a.v[0]), a.v[1]), high = vmovn_high_s32(vmovn_s32(a.v[2]), a.v[3]);
    vst1q_s8(p, vmovn_high_s16(vmovn_s16(low), high));
}

inline float add_across(const Vec (&a)[1]) {
    const float32x4_t* v = a[0].v;
    const float32x4_t quad = vaddq_f32(vaddq_f32(v[0], v[2]), vaddq_f32(v[1], v[3]));
    const float32x2_t two = vadd_f32(vget_low_f32(quad), vget_high_f32(quad));
    return vget_lane_f32(vpadd_f32(two, two), 0);
}
inline float max_across(const Vec (&a)[1]) {
    const float32x4_t* v = a[0].v;
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(v[0], v[2]), vmaxq_f32(v[1], v[3])));
}
inline int32_t sum_across(const Int& a) {
    return vaddvq_s32(vaddq_s32(vaddq_s32(a.v[0], a.v[2]), vaddq_s32(a.v[1], a.v[3])));
}

inline Bytes load_bytes(const uint8_t* p) { return each_bytes([=](int i) { return vld1q_u8(p + 16 * i); }); }
inline void keep_in_register(Bytes&) {}  // what is used is in registers here anyway
inline Bytes low_nibbles(const Bytes& a) {
    return each_bytes([&](int i) { return vandq_u8(a.v[i], vdupq_n_u8(15)); });
}
inline Bytes high_nibbles(const Bytes& a) { return each_bytes([&](int i) { return vshrq_n_u8(a.v[i], 4); }); }
template <int S> inline uint8x16_t shifted(uint8x16_t a) {
    if constexpr (S > 0) return vshlq_n_u8(a, S);
    else if constexpr (S < 0) return vshrq_n_u8(a, -S);
    else return a;
}
// a | ((b << S) & mask), byte by byte; S < 0 shifts to the right
template <int S> inline Bytes or_shifted(const Bytes& a, const Bytes& b, uint8_t mask) {
    return each_bytes([&](int i) { return vorrq_u8(a.v[i], vandq_u8(shifted<S>(b.v[i]), vdupq_n_u8(mask))); });
}
// (a >> S) & mask, byte by byte
template <int S> inline Bytes bits_at(const Bytes& a, uint8_t mask) {
    return each_bytes([&](int i) { return vandq_u8(shifted<-S>(a.v[i]), vdupq_n_u8(mask)); });
}
struct Table { uint8x16_t v; };
inline Table load_table(const uint8_t* p) { return {vld1q_u8(p)}; }
inline Bytes look_up(const Table& table, const Bytes& index) {
    return each_bytes([&](int i) { return vqtbl1q_u8(table.v, index.v[i]); });
}
inline int32x4_t dot(int32x4_t acc, int8x16_t w, int8x16_t x) {
#ifdef __ARM_FEATURE_DOTPROD
    return vdotq_s32(acc, w, x);
#else
    // Exact: the sums of pairs are 32 bits wide.
    const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(w), vget_low_s8(x)));
    return vaddq_s32(acc, vpaddq_s32(low, vpaddlq_s16(vmull_high_s8(w, x))));
#endif
}
inline int8x16_t broadcast_four(const int8_t* x) {
    int32_t quad;
    std::memcpy(&quad, x, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(quad));
}
// acc + sum over 4 of q x
inline Int dot_q8(const Int& acc, const Bytes& w, const int8_t* x) {
    const int8x16_t quad = broadcast_four(x);
    return each_int([&](int i) {
        return dot(acc.v[i], vreinterpretq_s8_u8(veorq_u8(w.v[i], vdupq_n_u8(128))), quad);
    });
}
// acc + sum over 4 of (q + 8) x
inline Int dot_q4(const Int& acc, const Bytes& w, const int8_t* x) {
    const int8x16_t quad = broadcast_four(x);
    return each_int([&](int i) { return dot(acc.v[i], vreinterpretq_s8_u8(w.v[i]), quad); });
}

inline void prefetch(const void* p) { __builtin_prefetch(p); }

// out[d * stride + k] = rows[k][d] for 16 x 16, by squares of 4
inline void transpose(const float* const* rows, float* out, int stride) {
    for (int k = 0; k < W; k += 4)
        for (int d = 0; d < W; d += 4) {
            const float32x4_t a = vld1q_f32(rows[k] + d), b = vld1q_f32(rows[k + 1] + d);
            const float32x4_t c = vld1q_f32(rows[k + 2] + d), e = vld1q_f32(rows[k + 3] + d);
            const float64x2_t ab0 = vreinterpretq_f64_f32(vtrn1q_f32(a, b)), ab1 = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
            const float64x2_t ce0 = vreinterpretq_f64_f32(vtrn1q_f32(c, e)), ce1 = vreinterpretq_f64_f32(vtrn2q_f32(c, e));
            float* to = out + d * stride + k;
            vst1q_f32(to, vreinterpretq_f32_f64(vtrn1q_f64(ab0, ce0)));
            vst1q_f32(to + stride, vreinterpretq_f32_f64(vtrn1q_f64(ab1, ce1)));
            vst1q_f32(to + 2 * stride, vreinterpretq_f32_f64(vtrn2q_f64(ab0, ce0)));
            vst1q_f32(to + 3 * stride, vreinterpretq_f32_f64(vtrn2q_f64(ab1, ce1)));
        }
}

// `to` [N] = the sums of each a[n]'s lanes
template <int N, class S> inline void store_sums(const S* a, float* to) {
    for (int n = 0; n < N; ++n) to[n] = add_across(a[n].part);
}


// Bits that differ, for scan.inl, counted by bytes.
inline Bytes repeat(uint32_t x) {
    return each_bytes([=](int) { return vreinterpretq_u8_u32(vdupq_n_u32(x)); });
}
inline void store_half(uint16_t* p, const Vec& a) {
    for (int i = 0; i < 4; ++i) vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(a.v[i])));
}
inline Bytes differing(const Bytes& a, const Bytes& b) {
    return each_bytes([&](int i) { return vcntq_u8(veorq_u8(a.v[i], b.v[i])); });
}
inline Bytes add_counts(const Bytes& a, const Bytes& b) {
    return each_bytes([&](int i) { return vaddq_u8(a.v[i], b.v[i]); });
}
inline Int sum_counts(const Bytes& a) {
    return each_int([&](int i) { return vreinterpretq_s32_u32(vpaddlq_u16(vpaddlq_u8(a.v[i]))); });
}

}  // namespace
