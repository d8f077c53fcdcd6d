// Vectors of 8 floats: AVX2, FMA and F16C; with AVX-VNNI where it is switched on.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace {

constexpr int W = 8;
constexpr int TILE = 4;
constexpr int TILE_F32 = 2;
constexpr int KEY_VECS = 2;
constexpr int PASS_QUERIES = 4;
constexpr int ROW_KEYS = 1;

#ifdef __AVXVNNI__
#define HUOZHONG_DPBUSD _mm256_dpbusd_avx_epi32
#elif defined(__AVX512VNNI__) && defined(__AVX512VL__)  // the same instruction in AVX-512's encoding: for tests
#define HUOZHONG_DPBUSD _mm256_dpbusd_epi32
#endif
#ifdef HUOZHONG_DPBUSD
constexpr int Q8_OFFSET = 128;
#else
constexpr int Q8_OFFSET = 0;
#endif

struct Vec { __m256 v; };
struct Int { __m256i v; };
struct Bytes { __m256i v; };

inline __m256i first_lanes(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
inline Vec load_n(const float* p, int n) { return {_mm256_maskload_ps(p, first_lanes(n))}; }
inline void store(float* p, Vec a) { _mm256_storeu_ps(p, a.v); }
inline void store_n(float* p, Vec a, int n) { _mm256_maskstore_ps(p, first_lanes(n), a.v); }
inline Vec set1(float x) { return {_mm256_set1_ps(x)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec mul(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Vec sub(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Vec div(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
inline Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }  // b if one is NaN
inline Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
inline Vec abs(Vec a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
inline Vec round(Vec a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
inline Vec zero_where_less(Vec a, Vec x, Vec limit) {
    return {_mm256_and_ps(_mm256_cmp_ps(x.v, limit.v, _CMP_NLT_UQ), a.v)};
}
inline Vec power_of_two(Vec n) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127)), 23))};
}
inline Vec load_half(const uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}

inline Vec load_bfloat(const uint16_t* p) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16))};
}
inline Vec load_u8(const uint8_t* p) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
}
inline Vec load_i8(const int8_t* p) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
}

inline Int set1(int32_t x) { return {_mm256_set1_epi32(x)}; }
inline Vec to_float(Int a) { return {_mm256_cvtepi32_ps(a.v)}; }
inline Int to_int(Vec a) { return {_mm256_cvtps_epi32(a.v)}; }
inline Int add(Int a, Int b) { return {_mm256_add_epi32(a.v, b.v)}; }
inline void store(int32_t* p, Int a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v); }
inline void store_bytes(int8_t* p, Int a) {
    const __m256i words = _mm256_packs_epi32(a.v, a.v), bytes = _mm256_packs_epi16(words, words);
    const int32_t low = _mm256_extract_epi32(bytes, 0), high = _mm256_extract_epi32(bytes, 4);
    std::memcpy(p, &low, 4);
    std::memcpy(p + 4, &high, 4);
}

inline float add_across(const Vec (&a)[2]) {
    const __m256 eight = _mm256_add_ps(a[0].v, a[1].v);
    const __m128 quad = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(quad, _mm_movehl_ps(quad, quad));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float max_across(const Vec (&a)[2]) {
    const __m256 eight = _mm256_max_ps(a[0].v, a[1].v);
    const __m128 quad = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(quad, _mm_movehl_ps(quad, quad));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
inline int32_t sum_across(Int a) {
    const __m128i quad = _mm_add_epi32(_mm256_castsi256_si128(a.v), _mm256_extracti128_si256(a.v, 1));
    const __m128i two = _mm_add_epi32(quad, _mm_shuffle_epi32(quad, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}

inline Bytes load_bytes(const uint8_t* p) { return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))}; }
inline void keep_in_register(Bytes& a) { asm("" : "+x"(a.v)); }  // not loaded again for its second use
inline Bytes low_nibbles(Bytes a) { return {_mm256_and_si256(a.v, _mm256_set1_epi8(15))}; }
inline Bytes high_nibbles(Bytes a) { return {_mm256_and_si256(_mm256_srli_epi16(a.v, 4), _mm256_set1_epi8(15))}; }
// a | ((b << S) & mask), byte by byte; S < 0 shifts to the right
template <int S> inline Bytes or_shifted(Bytes a, Bytes b, uint8_t mask) {
    const __m256i shifted = S > 0 ? _mm256_slli_epi16(b.v, S > 0 ? S : 0) : _mm256_srli_epi16(b.v, S < 0 ? -S : 0);
    return {_mm256_or_si256(a.v, _mm256_and_si256(shifted, _mm256_set1_epi8(char(mask))))};
}
// (a >> S) & mask, byte by byte
template <int S> inline Bytes bits_at(Bytes a, uint8_t mask) {
    return {_mm256_and_si256(_mm256_srli_epi16(a.v, S), _mm256_set1_epi8(char(mask)))};
}
struct Table { __m256i v; };  // of 16 bytes
inline Table load_table(const uint8_t* p) {
    return {_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
inline Bytes look_up(const Table& table, Bytes index) { return {_mm256_shuffle_epi8(table.v, index.v)}; }
inline __m256i broadcast_four(const int8_t* x) {
    int32_t quad;
    std::memcpy(&quad, x, 4);
    return _mm256_set1_epi32(quad);
}
#ifdef HUOZHONG_DPBUSD
// acc + sum over 4 of (q + 128) x
inline Int dot_q8(Int acc, Bytes w, const int8_t* x) { return {HUOZHONG_DPBUSD(acc.v, w.v, broadcast_four(x))}; }
// acc + sum over 4 of (q + 8) x
inline Int dot_q4(Int acc, Bytes w, const int8_t* x) { return dot_q8(acc, w, x); }
#else
// gcc would rather add whole numbers as a tree, which keeps all products at once, and there are not registers enough.
inline __m256i one_by_one(__m256i sum) {
    asm("" : "+x"(sum));
    return sum;
}
inline Int add_quads(Int acc, __m256i pairs) {
    return {one_by_one(_mm256_add_epi32(acc.v, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))))};
}
// acc + sum over 4 of q x.  |q| is unsigned and takes x's sign with it: a pair's sum stays below 2^15, so that
// the saturating maddubs is exact.
inline Int dot_q8(Int acc, Bytes w, const int8_t* x) {
    const __m256i q = _mm256_xor_si256(w.v, _mm256_set1_epi8(-128));
    return add_quads(acc, _mm256_maddubs_epi16(_mm256_abs_epi8(q), _mm256_sign_epi8(broadcast_four(x), q)));
}
// acc + sum over 4 of (q + 8) x
inline Int dot_q4(Int acc, Bytes w, const int8_t* x) { return add_quads(acc, _mm256_maddubs_epi16(w.v, broadcast_four(x))); }
// Products of small weights are added in 16 bits first, in one operation less and half the multiplications: exact as
// long as so many quads are added that 2 * 127 times their largest weights stays below 2^15 (weights.inl counts).
#define HUOZHONG_PAIRS
struct Pairs { __m256i v; };
inline Pairs no_pairs() { return {_mm256_setzero_si256()}; }
inline Pairs dot_pairs(Pairs a, Bytes w, const int8_t* x) {
    return {one_by_one(_mm256_add_epi16(a.v, _mm256_maddubs_epi16(w.v, broadcast_four(x))))};
}
inline Int add_pairs(Int acc, Pairs a) { return add_quads(acc, a.v); }
#endif

inline void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

// out[d * stride + k] = rows[k][d] for 8 x 8
inline void transpose(const float* const* rows, float* out, int stride) {
    __m256 r[8], s[8];
    for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(rows[i]);
    for (int i = 0; i < 8; i += 2) {
        s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        for (int j = 0; j < 2; ++j) {
            r[i + 2 * j] = _mm256_shuffle_ps(s[i + j], s[i + j + 2], 0x44);
            r[i + 2 * j + 1] = _mm256_shuffle_ps(s[i + j], s[i + j + 2], 0xee);
        }
    }
    for (int j = 0; j < 4; ++j) {
        _mm256_storeu_ps(out + j * stride, _mm256_permute2f128_ps(r[j], r[4 + j], 0x20));
        _mm256_storeu_ps(out + (4 + j) * stride, _mm256_permute2f128_ps(r[j], r[4 + j], 0x31));
    }
}

// `to` [N] = the sums of each a[n]'s lanes
template <int N, class S> inline void store_sums(const S* a, float* to) {
    for (int n = 0; n < N; ++n) to[n] = add_across(a[n].part);
}


// Bits that differ, for scan.inl, counted by bytes: nibbles looked up (Mula).
inline Bytes repeat(uint32_t x) { return {_mm256_set1_epi32(int32_t(x))}; }
inline void store_half(uint16_t* p, Vec a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT));
}
inline Bytes differing(Bytes a, Bytes b) {
    const __m256i table = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i x = _mm256_xor_si256(a.v, b.v), low = _mm256_set1_epi8(15);
    return {_mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(x, low)),
                            _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), low)))};
}
inline Bytes add_counts(Bytes a, Bytes b) { return {_mm256_add_epi8(a.v, b.v)}; }
inline Int sum_counts(Bytes a) {
    return {_mm256_madd_epi16(_mm256_maddubs_epi16(a.v, _mm256_set1_epi8(1)), _mm256_set1_epi16(1))};
}

}  // namespace
