// One row of weights back to floats: what the embedding needs.  quant.py's `unpack` is its twin.
#include <cstring>

#include "half.h"
#include "worker.inl"

namespace huozhong {
namespace {

// Quad i of a group of 32, byte j, row `lane` of the block.
int32_t at(const uint8_t* quads, int32_t quad, int32_t lane, int32_t j) { return quads[(quad * BLOCK + lane) * 4 + j]; }
int32_t nibble(const uint8_t* w, int32_t k, int32_t lane) {
    const int32_t quad = k / 4, both = at(w, quad % 4, lane, k % 4);
    return quad < 4 ? both & 15 : both >> 4;
}
int32_t fifth(const uint8_t* w, int32_t k, int32_t lane) { return at(w, 0, lane, k % 4) >> (k / 4) & 1; }
int32_t upper_two(const uint8_t* w, int32_t k, int32_t lane) {
    const int32_t quad = k / 4;
    return at(w, quad / 4, lane, k % 4) >> (2 * (quad % 4)) & 3;
}
float half_at(const uint8_t* p, int32_t i) {
    uint16_t bits;
    std::memcpy(&bits, p + 2 * i, 2);
    return half_to_float(bits);
}

float weight(const Matrix& m, const uint8_t* data, const uint16_t* scales, int32_t lane, int32_t i) {
    const int32_t g = i / GROUP, k = i % GROUP, sub = g % 8;
    const uint8_t* unit = data + unit_bytes(m.format) * (is_float(m.format) ? i : is_super(m.format) ? i / SUPER : g);
    float x;
    switch (m.format) {
        case Format::f32: std::memcpy(&x, unit + 4 * lane, 4); return x;
        case Format::f16: return half_at(unit, lane);
        case Format::bf16: {
            uint32_t bits = uint32_t(unit[2 * lane] | unit[2 * lane + 1] << 8) << 16;
            std::memcpy(&x, &bits, 4);
            return x;
        }
        case Format::q8: return float(at(unit, k / 4, lane, k % 4) - 128) * half_to_float(scales[g * BLOCK + lane]);
        case Format::q4: return float(nibble(unit, k, lane) - 8) * half_to_float(scales[g * BLOCK + lane]);
        case Format::q4_1:
            return float(nibble(unit, k, lane)) * half_to_float(scales[2 * g * BLOCK + lane]) +
                   half_to_float(scales[(2 * g + 1) * BLOCK + lane]);
        case Format::q5_0: {
            const int32_t q = nibble(unit, k, lane) | fifth(unit + 256, k, lane) << 4;
            return float(q - 16) * half_to_float(scales[g * BLOCK + lane]);
        }
        case Format::q5_1: {
            const int32_t q = nibble(unit, k, lane) | fifth(unit + 256, k, lane) << 4;
            return float(q) * half_to_float(scales[2 * g * BLOCK + lane]) +
                   half_to_float(scales[(2 * g + 1) * BLOCK + lane]);
        }
        case Format::iq4_nl:
            return float(IQ4_TABLE[nibble(unit, k, lane)] - 128) * half_to_float(scales[g * BLOCK + lane]);
        case Format::mxfp4: {
            const uint32_t bits = uint32_t(scales[g * BLOCK + lane]) << 16;
            std::memcpy(&x, &bits, 4);
            return float(MXFP4_TABLE[nibble(unit, k, lane)] - 12) * x;
        }
        case Format::q4_k:
        case Format::q5_k: {
            const bool five = m.format == Format::q5_k;
            const uint8_t* w = unit + 320 + sub * (five ? 320 : 256);
            const int32_t q = nibble(w, k, lane) | (five ? fifth(w + 256, k, lane) << 4 : 0);
            const float scale = half_at(unit, lane) * float(unit[64 + sub * BLOCK + lane]);
            const float minimum = half_at(unit, BLOCK + lane) * float(unit[192 + sub * BLOCK + lane]);
            return scale * float(q) - minimum;
        }
        case Format::q6_k: {
            const uint8_t* w = unit + 320 + sub * 384;
            const int32_t q = nibble(w, k, lane) | upper_two(w + 256, k, lane) << 4;
            return half_at(unit, lane) * float(int8_t(unit[64 + (2 * sub + k / 16) * BLOCK + lane])) * float(q - 32);
        }
        case Format::q2_k: {
            const int32_t both = unit[64 + (2 * sub + k / 16) * BLOCK + lane];
            const float scale = half_at(unit, lane) * float(both & 15);
            const float minimum = half_at(unit, BLOCK + lane) * float(both >> 4);
            return scale * float(upper_two(unit + 320 + sub * 128, k, lane)) - minimum;
        }
        case Format::q3_k: {
            const uint8_t* w = unit + 320 + sub * 192;
            const int32_t q = upper_two(w, k, lane) | fifth(w + 128, k, lane) << 2;
            return half_at(unit, lane) * float(int8_t(unit[64 + (2 * sub + k / 16) * BLOCK + lane])) * float(q - 4);
        }
        case Format::iq4_xs:
            return half_at(unit, lane) * float(int8_t(unit[64 + sub * BLOCK + lane])) *
                   float(IQ4_TABLE[nibble(unit + 192 + sub * 256, k, lane)] - 128);
        case Format::q8_k: {
            std::memcpy(&x, unit + 4 * lane, 4);
            const float scale = x * float(int8_t(unit[64 + (2 * sub + k / 16) * BLOCK + lane]));
            return scale * float(at(unit + 320 + sub * 512, k / 4, lane, k % 4) - 128);
        }
    }
    return 0;
}

}  // namespace

void unpack_row(const Matrix& m, int32_t row, float* y) {
    const int32_t block = row / BLOCK, lane = row % BLOCK;
    const uint8_t* data = m.data + block * m.block_bytes();
    const uint16_t* scales = m.scales + block * m.block_scales();
    for (int32_t i = 0; i < m.in; ++i) y[i] = weight(m, data, scales, lane, i);
}

}  // namespace huozhong
