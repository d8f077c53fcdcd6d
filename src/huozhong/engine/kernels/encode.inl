// Vectors as unit rows in float16 and as codes, 16 at a time, one a lane; and products with such rows
// (reference_scan.py is the twin, bit by bit: every sum over coordinates is taken in their order).
//
// The rotation is three rounds of: other signs, another order, a Hadamard transform of the first power of two of the
// coordinates and, where some are left over, one of the last.  It is orthogonal.
namespace {

template <class F> inline void in_lanes(F f) {
    for (int lane = 0; lane < SCAN_LANES; lane += W) f(lane);
}

// The Hadamard transform of x [n][16], n a power of two, divided by the root of n.
void hadamard(float* x, int32_t n, float scale) {
    for (int32_t h = 1; h < n; h *= 2)
        for (int32_t i = 0; i < n; i += 2 * h)
            for (int32_t j = i; j < i + h; ++j)
                in_lanes([&](int lane) {
                    float *one = x + j * SCAN_LANES + lane, *other = one + h * SCAN_LANES;
                    const Vec a = load(one), b = load(other);
                    store(one, add(a, b));
                    store(other, sub(a, b));
                });
    for (int32_t i = 0; i < n * SCAN_LANES; i += W) store(x + i, mul(load(x + i), set1(scale)));
}

// x [width][16] rotated into y [width][16].
void rotate_lanes(const Encoder& e, float* x, float* y) {
    int32_t power = 1;
    while (2 * power <= e.width) power *= 2;
    const float scale = 1.0f / __builtin_sqrtf(float(power));
    for (int r = 0; r < ROTATIONS; ++r) {
        for (int32_t i = 0; i < e.width; ++i) {
            const float* from = x + int64_t(e.order[r * e.width + i]) * SCAN_LANES;
            const Vec sign = set1(e.signs[r * e.width + i]);
            in_lanes([&](int lane) { store(y + i * SCAN_LANES + lane, mul(load(from + lane), sign)); });
        }
        hadamard(y, power, scale);
        if (power < e.width) hadamard(y + (e.width - power) * SCAN_LANES, power, scale);
        if (r + 1 < ROTATIONS) __builtin_memcpy(x, y, sizeof(float) * e.width * SCAN_LANES);
    }
}

// The rows by lanes, x [dim][16]; lanes without a row are zero.
void into_lanes(const float* rows, int32_t dim, int32_t count, float* x) {
    __builtin_memset(x, 0, sizeof(float) * dim * SCAN_LANES);
    for (int lane = 0; lane < count; ++lane, rows += dim)
        for (int32_t i = 0; i < dim; ++i) x[i * SCAN_LANES + lane] = rows[i];
}

void store_units(const Encoder& e, const float* rows, int32_t count, const float* inverse, uint16_t* units) {
    for (int lane = 0; lane < count; ++lane, rows += e.dim, units += e.width)
        for (int32_t i = 0; i < e.width; i += W)
            store_half(units + i, mul(load_n(rows + i, lanes_left(e.dim - i)), set1(inverse[lane])));
}

// The signs of the first coordinates, and what makes estimates of them: the distance to the centre, squared, by the sum
// of the coordinates' sizes; and the centre's part, `along`.
void store_code(const Encoder& e, const float* y, const float* square, const float* along, int32_t count, uint32_t* block) {
    float sum[SCAN_LANES] = {};
    for (int32_t w = 0; w < e.words; ++w) {
        uint32_t word[SCAN_LANES] = {}, bits[SCAN_LANES];
        for (int j = 0; j < 32; ++j) {
            const float* at = y + (w * 32 + j) * SCAN_LANES;
            __builtin_memcpy(bits, at, sizeof bits);
            for (int lane = 0; lane < SCAN_LANES; ++lane) word[lane] |= bits[lane] >> 31 << j;
            in_lanes([&](int lane) { store(sum + lane, add(load(sum + lane), abs(load(at + lane)))); });
        }
        __builtin_memcpy(block + w * SCAN_LANES, word, sizeof word);
    }
    uint16_t factor[2 * SCAN_LANES];
    for (int lane = 0; lane < SCAN_LANES; ++lane) {
        const bool there = lane < count;
        factor[lane] = there && sum[lane] > 0 ? float_to_half(square[lane] / sum[lane]) : 0;
        factor[SCAN_LANES + lane] = there ? float_to_half(along[lane]) : 0xfc00;  // none: minus infinity
    }
    __builtin_memcpy(block + e.words * SCAN_LANES, factor, sizeof factor);
}

bool encode(const Encoder& e, const float* rows, int32_t count, uint16_t* units, uint32_t* block, float* scratch) {
    float *x = scratch, *y = x + int64_t(e.width) * SCAN_LANES;
    float square[SCAN_LANES] = {}, inverse[SCAN_LANES], along[SCAN_LANES] = {};
    into_lanes(rows, e.dim, count, x);
    for (int32_t i = 0; i < e.dim * SCAN_LANES; i += W) {
        float* sum = square + i % SCAN_LANES;
        store(sum, add(load(sum), mul(load(x + i), load(x + i))));
    }
    for (int lane = 0; lane < SCAN_LANES; ++lane) {
        if (lane < count && !(square[lane] > 1e-30f && square[lane] < 1e30f)) return false;
        inverse[lane] = lane < count ? 1.0f / __builtin_sqrtf(square[lane]) : 0.0f;
        square[lane] = 0;
    }
    store_units(e, rows, count, inverse, units);
    for (int32_t i = 0; i < e.dim; ++i)
        in_lanes([&](int lane) {
            float* at = x + i * SCAN_LANES + lane;
            const Vec centre = set1(e.centre[i]), apart = sub(mul(load(at), load(inverse + lane)), centre);
            store(at, apart);
            store(square + lane, add(load(square + lane), mul(apart, apart)));
            store(along + lane, add(load(along + lane), mul(centre, apart)));
        });
    __builtin_memset(x + int64_t(e.dim) * SCAN_LANES, 0, sizeof(float) * (e.width - e.dim) * SCAN_LANES);
    rotate_lanes(e, x, y);
    store_code(e, y, square, along, count, block);
    return true;
}

float half_dot(const uint16_t* row, const float* x, int32_t n) {
    Lanes16 sum = lanes16(0);
    for (int32_t i = 0; i < n; i += 16)
        for (int j = 0; j < 16 / W; ++j)
            sum.part[j] = add(sum.part[j], mul(load_half(row + i + j * W), load(x + i + j * W)));
    return reduce_add(sum);
}

}  // namespace
