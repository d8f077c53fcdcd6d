// What the steps of a forward pass share: buffers, loops over rows.
#pragma once

#include <algorithm>

#include "model.h"
#include "pool.h"

namespace huozhong {

constexpr int64_t MIN_PARALLEL_BYTES = 16384;  // bytes touched, below which a second thread does not pay

inline float* grow(std::vector<float>& buffer, int64_t size) {
    if (int64_t(buffer.size()) < size) buffer.resize(size);
    return buffer.data();
}

// f(row) for every row, on several threads where it pays.
template <class F> void Worker::for_rows(int32_t rows, int64_t work_per_row, F f) {
    const int64_t total = rows * work_per_row;
    const int32_t items =
        total < MIN_PARALLEL_BYTES ? 1 : std::min<int64_t>(rows, std::min<int64_t>(4 * threads_, total / 8192));
    Pool::get().run(threads_, items, [&](int32_t item, int32_t) {
        const int32_t first = int64_t(rows) * item / items, last = int64_t(rows) * (item + 1) / items;
        for (int32_t row = first; row < last; ++row) f(row);
    });
}

inline bool any_integers(const Matrices& matrices) {
    return std::any_of(matrices.all.begin(), matrices.all.end(), [](const Matrix& m) { return !is_float(m.format); });
}

// The weights of output `row` as floats [in].
void unpack_row(const Matrix& matrix, int32_t row, float* y);

}  // namespace huozhong
