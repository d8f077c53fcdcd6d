// What the check programs share: random numbers, arrays between guard pages, random matrices, comparison bit by bit.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "half.h"
#include "table.h"

namespace testing {

using namespace huozhong;

[[noreturn]] inline void fail(const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(1);
}

class Random {  // SplitMix64 (Steele, Lea & Flood 2014)
  public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t bits() {
        uint64_t z = state_ += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
    }
    int32_t below(int32_t n) { return int32_t(bits() % uint64_t(n)); }
    float uniform() { return float(int64_t(bits()) >> 40) * 0x1p-23f; }  // [-1, 1)
    float normal() { return uniform() + uniform() + uniform(); }         // variance 1
    std::vector<int32_t> permutation(int32_t n) {
        std::vector<int32_t> out(n);
        for (int32_t i = 0; i < n; ++i) out[i] = i;
        for (int32_t i = n - 1; i > 0; --i) std::swap(out[i], out[below(i + 1)]);
        return out;
    }

  private:
    uint64_t state_;
};

// Whether arrays end where memory that must not be touched begins, or begin where it ends.
enum class Guard { behind, before };
inline Guard guard = Guard::behind;

// n elements, all bits set (so that floats are NaN), with an inaccessible page right behind or right before them.
template <class T> class Array {
  public:
    explicit Array(int64_t n) : size_(n) {
        const int64_t page = sysconf(_SC_PAGESIZE), bytes = n * int64_t(sizeof(T));
        const int64_t inner = (bytes + page - 1) / page * page;
        mapped_ = inner + 2 * page;
        void* all = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED) fail("mmap failed");
        base_ = static_cast<uint8_t*>(all);
        std::memset(base_ + page, 0xff, inner);
        mprotect(base_, page, PROT_NONE);
        mprotect(base_ + page + inner, page, PROT_NONE);
        data_ = reinterpret_cast<T*>(base_ + page + (guard == Guard::behind ? inner - bytes : 0));
    }
    Array(Array&& other) noexcept : size_(other.size_), mapped_(other.mapped_), base_(other.base_), data_(other.data_) {
        other.base_ = nullptr;
    }
    Array& operator=(Array&&) = delete;
    ~Array() {
        if (base_) munmap(base_, mapped_);
    }
    T* get() { return data_; }
    const T* get() const { return data_; }
    T& operator[](int64_t i) { return data_[i]; }
    int64_t size() const { return size_; }

  private:
    int64_t size_, mapped_;
    uint8_t* base_;
    T* data_;
};

inline Array<float> floats(Random& random, int64_t n, float scale = 1.0f) {
    Array<float> out(n);
    for (int64_t i = 0; i < n; ++i) out[i] = random.normal() * scale;
    return out;
}

template <class T> void same(const std::string& what, const Array<T>& got, const Array<T>& expected) {
    if (std::memcmp(got.get(), expected.get(), got.size() * sizeof(T)) == 0) return;
    int64_t i = 0;
    while (std::memcmp(got.get() + i, expected.get() + i, sizeof(T)) == 0) ++i;
    fail(what + ": element " + std::to_string(i) + " is " + std::to_string(double(got.get()[i])) + " instead of " +
         std::to_string(double(expected.get()[i])));
}

inline void all_finite(const std::string& what, const Array<float>& x) {
    for (int64_t i = 0; i < x.size(); ++i)
        if (!(x.get()[i] - x.get()[i] == 0)) fail(what + ": element " + std::to_string(i) + " is not finite");
}

// The newer kinds of blocks are held to NumPy on every instruction set by tests/engine/kernels; with them the emulator
// would take ten minutes here.
constexpr Format FORMATS[] = {Format::f32,  Format::f16,  Format::bf16, Format::q8,   Format::q4,
                              Format::q4_1, Format::q5_0, Format::q4_k, Format::q5_k, Format::q6_k};

// A stack of matrices with weights of about `size`, in arrays of exactly their lengths.
struct RandomMatrix {
    Array<uint8_t> data;
    Array<uint16_t> scales;
    Matrix m;

    RandomMatrix(Random& random, Format format, int32_t out, int32_t in, int32_t count = 1, float size = 1.0f)
        : data(bytes({format, out, in, count, nullptr, nullptr})),
          scales(halves({format, out, in, count, nullptr, nullptr})),
          m{format, out, in, count, data.get(), unit_scales(format) ? scales.get() : nullptr} {
        for (int64_t i = 0; i < data.size(); ++i) data[i] = uint8_t(random.bits());
        const float step = size / (format == Format::q8 ? 64 : format == Format::q6_k ? 16 : 8);
        for (int64_t i = 0; i < scales.size(); ++i) scales[i] = float_to_half(random.normal() * step);
        if (is_float(format)) numbers(random, size);
        if (is_super(format)) heads(random, step / 64);
    }

  private:
    static int64_t bytes(const Matrix& m) { return m.matrix_bytes() * m.count; }
    static int64_t halves(const Matrix& m) { return m.matrix_scales() * m.count; }

    void numbers(Random& random, float size) {
        const int64_t width = m.format == Format::f32 ? 4 : 2;
        for (int64_t i = 0; i < data.size() / width; ++i) {
            const float x = random.normal() * size;
            uint32_t bits;
            std::memcpy(&bits, &x, 4);
            const uint16_t half = m.format == Format::f16 ? float_to_half(x) : uint16_t(bits >> 16);
            if (width == 4) std::memcpy(data.get() + 4 * i, &bits, 4);
            else std::memcpy(data.get() + 2 * i, &half, 2);
        }
    }
    void heads(Random& random, float step) {
        for (int64_t at = 0; at < data.size(); at += unit_bytes(m.format))
            for (int32_t i = 0; i < 2 * BLOCK; ++i) {
                const uint16_t half = float_to_half(random.normal() * step);
                std::memcpy(data.get() + at + 2 * i, &half, 2);
            }
    }
};

// Everything compiled in that this processor runs, `plain` first.
inline std::vector<const Kernels*> sets() {
    std::vector<const Kernels*> out{&kernels_plain};
#ifdef HUOZHONG_AVX2VNNI_BY_AVX512  // kernels_avx2vnni.cpp was built in the encoding of this processor
    out.push_back(&kernels_avx2vnni);
#endif
    for (auto k = available_kernels(); *k; ++k)
        if (*k != &kernels_plain) out.push_back(*k);
    return out;
}

// The last line of a check program: which sets it ran.
inline void report(const std::vector<const Kernels*>& sets) {
    std::printf("agree:");
    for (const Kernels* k : sets) std::printf(" %s", k->name);
    std::printf("\n");
}

}  // namespace testing
