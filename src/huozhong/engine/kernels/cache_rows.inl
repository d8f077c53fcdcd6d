// Numbers of the cache to and from floats (cache_rows.py is the twin); included by kernels.inl.

namespace {

void load_row(CacheFormat format, const uint8_t* from, int32_t n, float* x) {
    if (format == CacheFormat::f32) {
        __builtin_memcpy(x, from, n * sizeof(float));
    } else if (format == CacheFormat::f16) {
        const auto* half = reinterpret_cast<const uint16_t*>(from);
        int32_t i = 0;
        for (; i + W <= n; i += W) store(x + i, load_half(half + i));
        for (; i < n; ++i) x[i] = half_to_float(half[i]);
    } else {
        const auto* q = reinterpret_cast<const int8_t*>(from);
        const auto* scales = reinterpret_cast<const uint16_t*>(from + even(n));
        for (int32_t i = 0; i < n; i += GROUP) {
            const float scale = half_to_float(scales[i / GROUP]);
            int32_t j = i, end = n - i < GROUP ? n : i + GROUP;
            for (; j + W <= end; j += W) store(x + j, mul(load_i8(q + j), set1(scale)));
            for (; j < end; ++j) x[j] = float(q[j]) * scale;
        }
    }
}

// Groups of 32 numbers as int8 with a float16 scale each; what is too large for one becomes the largest there is.
void store_bytes_row(const float* x, int32_t n, uint8_t* to) {
    auto* scales = reinterpret_cast<uint16_t*>(to + even(n));
    for (int32_t first = 0; first < n; first += GROUP) {
        const int32_t count = n - first < GROUP ? n - first : GROUP;
        Vec v[GROUP / W];
        Lanes16 largest = lanes16(0);
        for (int i = 0; i < GROUP / W; ++i) {
            v[i] = load_n(x + first + i * W, lanes_left(count - i * W));
            Vec& part = largest.part[i % (16 / W)];
            part = max(part, abs(v[i]));
        }
        uint16_t half = float_to_half(reduce_max(largest) / 127.0f) & 0x7fff;
        if (half > 0x7bff) half = 0x7bff;
        const float scale = half_to_float(half), inverse = scale > 0 ? 1.0f / scale : 0.0f;
        int8_t q[GROUP];
        for (int i = 0; i < GROUP / W; ++i)  // NaN becomes -127
            store_bytes(q + i * W, to_int(min(max(mul(v[i], set1(inverse)), set1(-127.0f)), set1(127.0f))));
        __builtin_memcpy(to + first, q, count);
        scales[first / GROUP] = half;
    }
    if (n % 2) to[n] = 0;
}

void store_row(CacheFormat format, const float* x, int32_t n, uint8_t* to) {
    if (format == CacheFormat::f32) {
        __builtin_memcpy(to, x, n * sizeof(float));
    } else if (format == CacheFormat::f16) {
        auto* half = reinterpret_cast<uint16_t*>(to);
        for (int32_t i = 0; i < n; ++i) half[i] = float_to_half(x[i]);
    } else {
        store_bytes_row(x, n, to);
    }
}

}  // namespace
