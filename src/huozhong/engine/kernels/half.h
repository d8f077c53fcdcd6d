// float16 to float, for code that has no instruction for it.
#pragma once
#include <cstdint>
#include <cstring>

namespace {

inline float half_to_float(uint16_t h) {
    const uint32_t sign = uint32_t(h & 0x8000) << 16;
    uint32_t bits = uint32_t(h & 0x7fff) << 13;
    float x;
    if ((h & 0x7c00) == 0x7c00) {
        bits |= 0x7f800000u;  // infinity or NaN
        std::memcpy(&x, &bits, 4);
    } else {
        std::memcpy(&x, &bits, 4);
        x *= 0x1p112f;  // exponents are biased by 15 there, by 127 here; subnormals come out right
    }
    return sign ? -x : x;
}

// To nearest, ties to even; what is too large becomes infinity.
inline uint16_t float_to_half(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    const uint16_t sign = uint16_t(bits >> 16 & 0x8000);
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u) return sign | 0x7e00;         // NaN
    if (bits >= 0x47800000u) return sign | 0x7c00;        // 65536 and more
    if (bits < 0x38800000u) {                             // subnormal there: the float's own addition rounds
        float magnitude;
        std::memcpy(&magnitude, &bits, 4);
        magnitude += 0.5f;
        std::memcpy(&bits, &magnitude, 4);
        return sign | uint16_t(bits - 0x3f000000u);
    }
    return sign | uint16_t((bits + 0xc8000fffu + (bits >> 13 & 1)) >> 13);
}

}  // namespace
