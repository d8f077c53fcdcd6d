// Vectors of 16 floats: AVX512F/BW/VL and VNNI.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace {

constexpr int W = 16;            // lanes
constexpr int TILE = 8;          // tokens per pass of the integer matmul
constexpr int TILE_F32 = 4;      // tokens per pass of the float matmul
constexpr int KEY_VECS = 4;      // vectors of keys per pass of attention scores
constexpr int PASS_QUERIES = 6;  // queries per pass of attention
constexpr int ROW_KEYS = 4;      // keys per pass of scores against rows
constexpr int Q8_OFFSET = 128;   // what dot_q8 leaves in the sum per unit of x

struct Vec { __m512 v; };
struct Int { __m512i v; };
struct Bytes { __m512i v; };

inline __mmask16 first_lanes(int n) { return __mmask16((1u << n) - 1); }
inline Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline Vec load_n(const float* p, int n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
inline void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
inline void store_n(float* p, Vec a, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), a.v); }
inline Vec set1(float x) { return {_mm512_set1_ps(x)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec mul(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec div(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }  // b if one is NaN
inline Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Vec abs(Vec a) { return {_mm512_abs_ps(a.v)}; }
inline Vec round(Vec a) { return {_mm512_roundscale_ps(a.v, 8)}; }  // to nearest, ties to even
inline Vec zero_where_less(Vec a, Vec x, Vec limit) {
    return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, limit.v, _CMP_NLT_UQ), a.v)};
}
inline Vec power_of_two(Vec n) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127)), 23))};
}
inline Vec load_half(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}

inline Vec load_bfloat(const uint16_t* p) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16))};
}
inline Vec load_u8(const uint8_t* p) {
    return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
inline Vec load_i8(const int8_t* p) {
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}

inline Int set1(int32_t x) { return {_mm512_set1_epi32(x)}; }
inline Vec to_float(Int a) { return {_mm512_cvtepi32_ps(a.v)}; }
inline Int to_int(Vec a) { return {_mm512_cvtps_epi32(a.v)}; }
inline Int add(Int a, Int b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline void store(int32_t* p, Int a) { _mm512_storeu_si512(p, a.v); }
inline void store_bytes(int8_t* p, Int a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.v));
}

inline float add_across(const Vec (&a)[1]) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a[0].v), _mm512_extractf32x8_ps(a[0].v, 1));
    const __m128 quad = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(quad, _mm_movehl_ps(quad, quad));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float max_across(const Vec (&a)[1]) { return _mm512_reduce_max_ps(a[0].v); }
inline int32_t sum_across(Int a) { return _mm512_reduce_add_epi32(a.v); }

inline Bytes load_bytes(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
inline void keep_in_register(Bytes& a) { asm("" : "+v"(a.v)); }  // not loaded again for its second use
inline Bytes low_nibbles(Bytes a) { return {_mm512_and_si512(a.v, _mm512_set1_epi8(15))}; }
inline Bytes high_nibbles(Bytes a) { return {_mm512_and_si512(_mm512_srli_epi16(a.v, 4), _mm512_set1_epi8(15))}; }
// a | ((b << S) & mask), byte by byte; S < 0 shifts to the right
template <int S> inline Bytes or_shifted(Bytes a, Bytes b, uint8_t mask) {
    const __m512i shifted = S > 0 ? _mm512_slli_epi16(b.v, S > 0 ? S : 0) : _mm512_srli_epi16(b.v, S < 0 ? -S : 0);
    return {_mm512_ternarylogic_epi32(a.v, shifted, _mm512_set1_epi8(char(mask)), 0xf8)};
}
// (a >> S) & mask, byte by byte
template <int S> inline Bytes bits_at(Bytes a, uint8_t mask) {
    return {_mm512_and_si512(_mm512_srli_epi16(a.v, S), _mm512_set1_epi8(char(mask)))};
}
struct Table { __m512i v; };  // of 16 bytes
inline Table load_table(const uint8_t* p) {
    return {_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
inline Bytes look_up(const Table& table, Bytes index) { return {_mm512_shuffle_epi8(table.v, index.v)}; }
inline __m512i broadcast_four(const int8_t* x) {
    int32_t quad;
    std::memcpy(&quad, x, 4);
    return _mm512_set1_epi32(quad);
}
// acc + sum over 4 of (q + 128) x
inline Int dot_q8(Int acc, Bytes w, const int8_t* x) { return {_mm512_dpbusd_epi32(acc.v, w.v, broadcast_four(x))}; }
// acc + sum over 4 of (q + 8) x
inline Int dot_q4(Int acc, Bytes w, const int8_t* x) { return dot_q8(acc, w, x); }

inline void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

// out[d * stride + k] = rows[k][d] for 16 x 16
inline void transpose(const float* const* rows, float* out, int stride) {
    __m512 r[16], s[16];
    for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(rows[i]);
    for (int i = 0; i < 16; i += 2) {
        s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        for (int j = 0; j < 2; ++j) {
            const __m512d a = _mm512_castps_pd(s[i + j]), b = _mm512_castps_pd(s[i + j + 2]);
            r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    }
    // r[4 i + j] holds columns j, 4 + j, 8 + j, 12 + j of rows 4 i .. 4 i + 3
    for (int j = 0; j < 4; ++j) {
        const __m512 a = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x44), b = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xee);
        const __m512 c = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x44), d = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xee);
        _mm512_storeu_ps(out + (j)*stride, _mm512_shuffle_f32x4(a, c, 0x88));
        _mm512_storeu_ps(out + (4 + j) * stride, _mm512_shuffle_f32x4(a, c, 0xdd));
        _mm512_storeu_ps(out + (8 + j) * stride, _mm512_shuffle_f32x4(b, d, 0x88));
        _mm512_storeu_ps(out + (12 + j) * stride, _mm512_shuffle_f32x4(b, d, 0xdd));
    }
}

// `to` [N] = the sums of each a[n]'s lanes, in add_across's order, four at a time
template <int N, class S> inline void store_sums(const S* a, float* to) {
    static_assert(N % 4 == 0);
    for (int n = 0; n < N; n += 4) {
        const __m512 v0 = a[n].part[0].v, v1 = a[n + 1].part[0].v, v2 = a[n + 2].part[0].v, v3 = a[n + 3].part[0].v;
        const __m512 x = _mm512_add_ps(_mm512_shuffle_f32x4(v0, v1, 0x44), _mm512_shuffle_f32x4(v0, v1, 0xee));
        const __m512 y = _mm512_add_ps(_mm512_shuffle_f32x4(v2, v3, 0x44), _mm512_shuffle_f32x4(v2, v3, 0xee));
        const __m512 quads = _mm512_add_ps(_mm512_shuffle_f32x4(x, y, 0x88), _mm512_shuffle_f32x4(x, y, 0xdd));
        const __m512 twos = _mm512_add_ps(quads, _mm512_permute_ps(quads, 0x4e));
        const __m512 ones = _mm512_add_ps(twos, _mm512_permute_ps(twos, 0xb1));
        const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12);
        _mm_storeu_ps(to + n, _mm512_castps512_ps128(_mm512_permutexvar_ps(order, ones)));
    }
}

#ifdef HUOZHONG_BF16_PAIRS
// Two bfloat16 in each lane, the first in the lower half.
struct Pairs { __m512i v; };

inline Pairs load(const uint32_t* p) { return {_mm512_loadu_si512(p)}; }
inline Pairs load_n(const uint32_t* p, int n) { return {_mm512_maskz_loadu_epi32(first_lanes(n), p)}; }
inline Pairs set1(uint32_t x) { return {_mm512_set1_epi32(int32_t(x))}; }
// sum + a.first * b.first + a.second * b.second, lane by lane
inline Vec fma(Pairs a, Pairs b, Vec sum) { return {_mm512_dpbf16_ps(sum.v, (__m512bh)a.v, (__m512bh)b.v)}; }
// to [n] = pairs of first[i] and second[i], to the nearest
inline void pair_rows(const float* first_row, const float* second_row, int32_t n, uint32_t* to) {
    for (int32_t i = 0; i < n; i += W) {
        const __mmask16 there = first_lanes(n - i < W ? n - i : W);
        const __m256i low = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(there, first_row + i));
        const __m256i high = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(there, second_row + i));
        const __m512i both = _mm512_or_si512(_mm512_cvtepu16_epi32(low), _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
        _mm512_mask_storeu_epi32(to + i, there, both);
    }
}
// to [(n + 1) / 2] = neighbours of x [n] as pairs
inline void pair_neighbours(const float* x, int32_t n, uint32_t* to) {
    for (int32_t i = 0; i < n; i += 2 * W) {
        const int32_t left = n - i;
        const __m512 low = _mm512_maskz_loadu_ps(first_lanes(left < W ? left : W), x + i);
        const __m512 high = left > W ? _mm512_maskz_loadu_ps(first_lanes(left < 2 * W ? left - W : W), x + i + W) : _mm512_setzero_ps();
        const int32_t pairs = (left + 1) / 2;
        _mm512_mask_storeu_epi32(to + i / 2, first_lanes(pairs < W ? pairs : W), (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
}
#endif


// Bits that differ, for scan.inl: counted by bytes or, where the processor can, by words of 32 bits.
inline Bytes repeat(uint32_t x) { return {_mm512_set1_epi32(int32_t(x))}; }
inline void store_half(uint16_t* p, Vec a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT));
}
#ifdef __AVX512VPOPCNTDQ__
inline Bytes differing(Bytes a, Bytes b) { return {_mm512_popcnt_epi32(_mm512_xor_si512(a.v, b.v))}; }
inline Bytes add_counts(Bytes a, Bytes b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline Int sum_counts(Bytes a) { return {a.v}; }
#else
inline Bytes differing(Bytes a, Bytes b) {
    const __m512i table = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m512i x = _mm512_xor_si512(a.v, b.v), low = _mm512_set1_epi8(15);
    return {_mm512_add_epi8(_mm512_shuffle_epi8(table, _mm512_and_si512(x, low)),
                            _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(x, 4), low)))};
}
inline Bytes add_counts(Bytes a, Bytes b) { return {_mm512_add_epi8(a.v, b.v)}; }
inline Int sum_counts(Bytes a) {
    return {_mm512_madd_epi16(_mm512_maddubs_epi16(a.v, _mm512_set1_epi8(1)), _mm512_set1_epi16(1))};
}
#endif

}  // namespace
