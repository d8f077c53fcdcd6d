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

}  // namespace
