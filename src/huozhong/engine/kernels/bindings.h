// What the files of the Python module share.  Everything that comes from Python is checked: shapes, types, ranges; a
// mistake is a ValueError or TypeError, and the code behind may trust its arguments.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "model.h"
#include "pool.h"

namespace nb = nanobind;
using namespace nb::literals;
using namespace huozhong;

template <class T, int N> using In = nb::ndarray<const T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;
template <class T, int N> using InOut = nb::ndarray<T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;
using Out = nb::ndarray<nb::numpy, float>;

constexpr int64_t LARGEST = int64_t(1) << 30;  // rows, features, positions: products of two fit into 64 bits

[[noreturn]] inline void fail(const std::string& message) { throw nb::value_error(message.c_str()); }
inline void check(bool good, const char* message) {
    if (!good) fail(message);
}
inline int32_t size(int64_t n, const char* name) {
    if (n < 0 || n > LARGEST) fail(std::string(name) + " is out of range");
    return int32_t(n);
}

// A new array that NumPy owns.
template <class T> struct New {
    std::unique_ptr<T[]> data;
    std::vector<size_t> shape;

    explicit New(std::vector<size_t> s) : shape(std::move(s)) {
        size_t n = 1;
        for (size_t length : shape) n *= length;
        data.reset(new T[n]);
    }
    nb::ndarray<nb::numpy, T> numpy() {
        T* p = data.release();
        nb::capsule owner(p, [](void* q) noexcept { delete[] static_cast<T*>(q); });
        return nb::ndarray<nb::numpy, T>(p, shape.size(), shape.data(), owner);
    }
};
using NewArray = New<float>;

const Kernels& kernels();  // those in use

Format format_of(const std::string& name);
CacheFormat cache_format_of(const std::string& name);

struct PyMatrix {
    Matrix m;
    nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> data;
    std::optional<nb::ndarray<const uint16_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>> scales;

    PyMatrix(const std::string& format, int64_t out, int64_t in, int64_t count, In<uint8_t, 1> data_,
             std::optional<In<uint16_t, 1>> scales_)
        : data(data_), scales(scales_) {
        const Format f = format_of(format);
        check(out >= 1 && in >= 1 && count >= 1, "a matrix needs at least one row, column and layer");
        check(!is_super(f) || in % SUPER == 0, "a K-quant needs a multiple of 256 inputs");
        m = {f, size(out, "out_features"), size(in, "in_features"), size(count, "count"), data.data(), nullptr};
        const __int128 bytes = __int128(m.matrix_bytes()) * count, halves = __int128(m.matrix_scales()) * count;
        check(__int128(data.size()) == bytes, "a matrix has the wrong number of bytes of weights");
        check(scales.has_value() == (unit_scales(f) > 0), "scales belong to formats with groups of 32, and only to them");
        if (scales) {
            check(__int128(scales->size()) == halves, "a matrix has the wrong number of scales");
            m.scales = scales->data();
        }
    }
};

using MatrixArg = const PyMatrix&;

inline Matrix shaped(MatrixArg matrix, int32_t out, int32_t in, int32_t count, const char* name) {
    const Matrix& m = matrix.m;
    if (m.out != out || m.in != in || m.count != count) fail(std::string("the shape of ") + name + " does not fit");
    return m;
}

inline void check_routing(const Config& c) {
    check(c.groups >= 1 && c.experts >= 1 && c.experts % c.groups == 0, "groups must divide experts");
    check(c.top_groups >= 1 && c.top_groups <= c.groups, "topk_group is out of range");
    check(c.experts_per_token >= 1 && c.experts_per_token <= c.experts / c.groups * c.top_groups,
          "more experts per token than the kept groups hold");
}

// Experts that a table gives.
inline void check_table(const int32_t* experts, size_t n, const Config& c) {
    for (size_t i = 0; i < n; ++i) check(experts[i] >= 0 && experts[i] < c.experts, "a table names an expert that is not there");
}

// -- spans and the cache ------------------------------------------------------------------------------------------------

// How positions lie in a page (model.h, Cache).
inline int64_t page_bytes(const Config& c, int64_t page_size, CacheFormat format) {
    check(page_size >= 1 && page_size <= LARGEST, "page_size is out of range");
    check(!c.grouped || page_size % KEY_TILE == 0, "pages of grouped attention hold a multiple of 16 positions");
    check(!c.index_top || c.compressed || page_size % BLOCK == 0, "pages with an indexer's keys hold a multiple of 16 positions");
    return c.page_bytes(page_size, format);
}

// A checked span and where its positions lie.
// bytes: of a page.  beyond: positions behind the span that its offsets cover too.
Span make_span(const Config& c, int64_t first_row, int64_t length, int64_t start, bool prefill, const int32_t* pages,
               size_t num_pages, int64_t cache_pages, int64_t page_size, int64_t bytes, CacheFormat format,
               int64_t beyond = 0);

void add_attention(nb::module_& module);  // bind_attention.cpp
void add_model(nb::module_& module);      // bind_model.cpp
void add_compressed(nb::module_& module);  // bind_compressed.cpp
void add_gated(nb::module_& module);      // bind_gated.cpp
void add_scan(nb::module_& module);       // bind_scan.cpp
