// The integer formats of weights as the matmul reads them; included by matmul.inl.

namespace {

// What tile_integer needs of a format: `open` finds a group's weights, `dot` adds the group's products, `load_scales`
// loads what those of a vector of rows are multiplied with.
//   offset: what dot leaves in the sum per unit of x (quant.py stores bytes unsigned)
//   half_scales: 16 inputs share a scale, not 32, and the second half has sums of its own
//   has_minimum: weights are scale * q + minimum; with half_scales the second half has a minimum of its own
//   vectors: of rows, that one dot is about
struct GroupScaled {  // a scale per group of 32
    static constexpr bool half_scales = false, has_minimum = false;
    static constexpr int vectors = 1;
    const uint8_t* w;
    const uint16_t* s;
    Vec scale, second_scale, minimum, second_minimum;
    GroupScaled(const Matrix&, const uint8_t* data, const uint16_t* scales, int lane)
        : w(data + 4 * lane), s(scales + lane) {}
    void open(int32_t) {}
    void load_scales(int32_t g, int v) { scale = load_half(s + g * BLOCK + v * W); }
};

struct Q8 : GroupScaled {
    static constexpr int offset = Q8_OFFSET, bytes = GROUP * BLOCK;
    using GroupScaled::GroupScaled;
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        for (int quad = 0; quad < 8; ++quad) {
            const Bytes b = load_bytes(w + quad * 4 * BLOCK);
            for (int t = 0; t < N; ++t) acc[t] = dot_q8(acc[t], b, x[t] + 4 * quad);
        }
        w += bytes;
    }
};

// N tokens' sums of the products with quads of weights up to LARGEST, of V vectors of rows.  Where no instruction adds
// four products (HUOZHONG_PAIRS), pairs of them are added in 16 bits first, over as many quads as fit there; the sums
// are the same.
template <int N, int LARGEST, int V = 1> class QuadSums {
  public:
    explicit QuadSums(Int* acc) : acc_(acc) { clear(); }
    void add(int at, Bytes w, const int8_t* x) {
#ifdef HUOZHONG_PAIRS
        pairs_[at] = dot_pairs(pairs_[at], w, x);
#else
        acc_[at] = dot_q4(acc_[at], w, x);
#endif
    }
    // QUADS of the group's ALL have been added.
    template <int QUADS, int ALL> void after() {
        if constexpr (QUADS % STEP == 0 || QUADS == ALL) finish();
    }

  private:
    static constexpr int ROOM = 32767 / (2 * 127 * LARGEST), STEP = ROOM >= 8 ? 8 : ROOM >= 4 ? 4 : ROOM >= 2 ? 2 : 1;
    static_assert(ROOM >= 1);
    Int* acc_;
#ifdef HUOZHONG_PAIRS
    Pairs pairs_[N * V];
    void clear() {
        for (Pairs& each : pairs_) each = no_pairs();
    }
    void finish() {
        for (int i = 0; i < N * V; ++i) acc_[i] = add_pairs(acc_[i], pairs_[i]);
        clear();
    }
#else
    void clear() {}
    void finish() {}
#endif
};

// Vectors of rows that share an input's way from memory: with pairs there are registers for all of a block's.
#ifdef HUOZHONG_PAIRS
constexpr int NIBBLE_VECTORS = BLOCK / W;
#else
constexpr int NIBBLE_VECTORS = 1;
#endif

// Four quads of bytes hold eight of nibbles: 0..3 low, 4..7 high.  acc [V, N]: an input is read once for V vectors.
template <int N, int V, int QUAD = 0>
[[gnu::always_inline]] inline void dot_nibbles(const uint8_t* w, QuadSums<N, 15, V> sums, const int8_t* const* x) {
    Bytes b[V], half[V];
    for (int v = 0; v < V; ++v) {
        b[v] = load_bytes(w + QUAD * 4 * BLOCK + 4 * W * v);
        keep_in_register(b[v]);
        half[v] = low_nibbles(b[v]);
    }
    for (int t = 0; t < N; ++t)
        for (int v = 0; v < V; ++v) sums.add(v * N + t, half[v], x[t] + 4 * QUAD);
    for (int v = 0; v < V; ++v) half[v] = high_nibbles(b[v]);
    for (int t = 0; t < N; ++t)
        for (int v = 0; v < V; ++v) sums.add(v * N + t, half[v], x[t] + 4 * QUAD + 16);
    sums.template after<2 * QUAD + 2, 8>();
    if constexpr (QUAD < 3) dot_nibbles<N, V, QUAD + 1>(w, sums, x);
}

// The fifth bits: bit q of a byte belongs to quad q.
template <int N, int QUAD = 0>
inline void dot_five(const uint8_t* w, Bytes fifth, QuadSums<N, 31> sums, const int8_t* const* x) {
    Bytes b = load_bytes(w + QUAD * 4 * BLOCK);
    keep_in_register(b);
    const Bytes low = or_shifted<4 - QUAD>(low_nibbles(b), fifth, 16);
    const Bytes high = or_shifted<-QUAD>(high_nibbles(b), fifth, 16);
    for (int t = 0; t < N; ++t) {
        sums.add(t, low, x[t] + 4 * QUAD);
        sums.add(t, high, x[t] + 4 * QUAD + 16);
    }
    sums.template after<2 * QUAD + 2, 8>();
    if constexpr (QUAD < 3) dot_five<N, QUAD + 1>(w, fifth, sums, x);
}

// The upper two of six bits: bits 2 q, 2 q + 1 of a byte belong to quad q of its half.
template <int N, int QUAD = 0>
inline void dot_six(const uint8_t* w, Bytes first, Bytes second, QuadSums<N, 63> low_sums, QuadSums<N, 63> high_sums,
                    const int8_t* const* x) {
    Bytes b = load_bytes(w + QUAD * 4 * BLOCK);
    keep_in_register(b);
    const Bytes low = or_shifted<4 - 2 * QUAD>(low_nibbles(b), first, 48);
    const Bytes high = or_shifted<4 - 2 * QUAD>(high_nibbles(b), second, 48);
    for (int t = 0; t < N; ++t) {
        low_sums.add(t, low, x[t] + 4 * QUAD);
        high_sums.add(t, high, x[t] + 4 * QUAD + 16);
    }
    low_sums.template after<QUAD + 1, 4>();
    high_sums.template after<QUAD + 1, 4>();
    if constexpr (QUAD < 3) dot_six<N, QUAD + 1>(w, first, second, low_sums, high_sums, x);
}

// Nibbles that stand for the bytes of a table, of all eight bits or (LARGEST) of fewer.
template <int N, int LARGEST = 255, int QUAD = 0>
inline void dot_table(const uint8_t* w, const Table& table, Int* acc, const int8_t* const* x) {
    Bytes b = load_bytes(w + QUAD * 4 * BLOCK);
    keep_in_register(b);
    const Bytes low = look_up(table, low_nibbles(b)), high = look_up(table, high_nibbles(b));
    if constexpr (LARGEST == 255) {
        for (int t = 0; t < N; ++t) {
            acc[t] = dot_q8(acc[t], low, x[t] + 4 * QUAD);
            acc[t] = dot_q8(acc[t], high, x[t] + 4 * QUAD + 16);
        }
    } else {
        QuadSums<N, LARGEST> sums(acc);
        for (int t = 0; t < N; ++t) {
            sums.add(t, low, x[t] + 4 * QUAD);
            sums.add(t, high, x[t] + 4 * QUAD + 16);
        }
        sums.template after<2, 2>();
    }
    if constexpr (QUAD < 3) dot_table<N, LARGEST, QUAD + 1>(w, table, acc, x);
}

// Two bits: bits 2 q, 2 q + 1 of a byte belong to quad q of its half.
template <int N, int QUAD = 0>
inline void dot_two(Bytes first, Bytes second, QuadSums<N, 3> low_sums, QuadSums<N, 3> high_sums,
                    const int8_t* const* x) {
    const Bytes low = bits_at<2 * QUAD>(first, 3), high = bits_at<2 * QUAD>(second, 3);
    for (int t = 0; t < N; ++t) {
        low_sums.add(t, low, x[t] + 4 * QUAD);
        high_sums.add(t, high, x[t] + 4 * QUAD + 16);
    }
    low_sums.template after<QUAD + 1, 4>();
    high_sums.template after<QUAD + 1, 4>();
    if constexpr (QUAD < 3) dot_two<N, QUAD + 1>(first, second, low_sums, high_sums, x);
}

// The same and a third bit: bit q of a byte belongs to quad q.
template <int N, int QUAD = 0>
inline void dot_three(Bytes first, Bytes second, Bytes third, QuadSums<N, 7> low_sums, QuadSums<N, 7> high_sums,
                      const int8_t* const* x) {
    const Bytes low = or_shifted<2 - QUAD>(bits_at<2 * QUAD>(first, 3), third, 4);
    const Bytes high = or_shifted<-2 - QUAD>(bits_at<2 * QUAD>(second, 3), third, 4);
    for (int t = 0; t < N; ++t) {
        low_sums.add(t, low, x[t] + 4 * QUAD);
        high_sums.add(t, high, x[t] + 4 * QUAD + 16);
    }
    low_sums.template after<QUAD + 1, 4>();
    high_sums.template after<QUAD + 1, 4>();
    if constexpr (QUAD < 3) dot_three<N, QUAD + 1>(first, second, third, low_sums, high_sums, x);
}

struct Q4 : GroupScaled {
    static constexpr int offset = 8, bytes = GROUP * BLOCK / 2, vectors = NIBBLE_VECTORS;
    using GroupScaled::GroupScaled;
    template <int N> [[gnu::always_inline]] void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_nibbles<N, vectors>(w, QuadSums<N, 15, vectors>(acc), x);
        w += bytes;
    }
};

struct Q4_1 : Q4 {
    static constexpr int offset = 0;
    static constexpr bool has_minimum = true;
    using Q4::Q4;
    void load_scales(int32_t g, int v) {
        scale = load_half(s + 2 * g * BLOCK + v * W);
        minimum = load_half(s + (2 * g + 1) * BLOCK + v * W);
    }
};

struct Q5_0 : GroupScaled {
    static constexpr int offset = 16, bytes = 320;
    using GroupScaled::GroupScaled;
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_five<N>(w, load_bytes(w + 256), QuadSums<N, 31>(acc), x);
        w += bytes;
    }
};

struct Q5_1 : Q5_0 {
    static constexpr int offset = 0;
    static constexpr bool has_minimum = true;
    using Q5_0::Q5_0;
    void load_scales(int32_t g, int v) {
        scale = load_half(s + 2 * g * BLOCK + v * W);
        minimum = load_half(s + (2 * g + 1) * BLOCK + v * W);
    }
};

struct IQ4NL : GroupScaled {
    static constexpr int offset = Q8_OFFSET, bytes = GROUP * BLOCK / 2;
    const Table table = load_table(IQ4_TABLE);
    using GroupScaled::GroupScaled;
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_table<N>(w, table, acc, x);
        w += bytes;
    }
};

struct MXFP4 : GroupScaled {
    static constexpr int offset = 12, bytes = GROUP * BLOCK / 2;
    const Table table = load_table(MXFP4_TABLE);
    using GroupScaled::GroupScaled;
    void load_scales(int32_t g, int v) { scale = load_bfloat(s + g * BLOCK + v * W); }
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_table<N, 24>(w, table, acc, x);
        w += bytes;
    }
};

// A super-block of 256 inputs: float16 d [16] and dmin [16]; bytes scale [8, 16], minimum [8, 16]; 8 groups.
template <int BYTES, int V> struct KQuant {
    static constexpr int offset = 0, bytes = BYTES, vectors = V;
    static constexpr bool half_scales = false, has_minimum = true;
    const uint8_t *w, *head = nullptr;
    int lane;
    Vec d[V], dmin[V], scale, second_scale, minimum, second_minimum;
    KQuant(const Matrix&, const uint8_t* data, const uint16_t*, int lane) : w(data), lane(lane) {}
    void open(int32_t g) {
        if (g % 8 != 0) return;
        head = w;
        const auto* halves = reinterpret_cast<const uint16_t*>(head) + lane;
        for (int v = 0; v < V; ++v) {
            d[v] = load_half(halves + v * W);
            dmin[v] = sub(set1(0.0f), load_half(halves + BLOCK + v * W));
        }
        w += 320;
    }
    void load_scales(int32_t g, int v) {
        const uint8_t* bytes_of = head + 64 + g % 8 * BLOCK + lane + v * W;
        scale = mul(d[v], load_u8(bytes_of));
        minimum = mul(dmin[v], load_u8(bytes_of + 128));
    }
};

struct Q4K : KQuant<256, NIBBLE_VECTORS> {
    using KQuant::KQuant;
    template <int N> [[gnu::always_inline]] void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_nibbles<N, vectors>(w + 4 * lane, QuadSums<N, 15, vectors>(acc), x);
        w += bytes;
    }
};

struct Q5K : KQuant<320, 1> {
    using KQuant::KQuant;
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_five<N>(w + 4 * lane, load_bytes(w + 256 + 4 * lane), QuadSums<N, 31>(acc), x);
        w += bytes;
    }
};

// A super-block of 256 inputs: float16 (or FLOAT_D: float) d [16] in 64 bytes; int8 scale [16, 16]; 8 groups.
template <int BYTES, bool FLOAT_D = false> struct HalfScaled {
    static constexpr int bytes = BYTES;
    static constexpr int vectors = 1;
    static constexpr bool half_scales = true, has_minimum = false;
    const uint8_t *w, *head = nullptr;
    int lane;
    Vec d, scale, second_scale, minimum, second_minimum;
    HalfScaled(const Matrix&, const uint8_t* data, const uint16_t*, int lane) : w(data), lane(lane) {}
    void open(int32_t g) {
        if (g % 8 == 0) {
            head = w;
            if constexpr (FLOAT_D) d = load(reinterpret_cast<const float*>(head) + lane);
            else d = load_half(reinterpret_cast<const uint16_t*>(head) + lane);
            w += 320;
        }
    }
    void load_scales(int32_t g, int) {
        const auto* first = reinterpret_cast<const int8_t*>(head) + 64 + 2 * (g % 8) * BLOCK + lane;
        scale = mul(d, load_i8(first));
        second_scale = mul(d, load_i8(first + BLOCK));
    }
};

struct Q6K : HalfScaled<384> {
    static constexpr int offset = 32;
    using HalfScaled::HalfScaled;
    template <int N> void dot(Int* low, Int* high, const int8_t* const* x) {
        dot_six<N>(w + 4 * lane, load_bytes(w + 256 + 4 * lane), load_bytes(w + 320 + 4 * lane),
                   QuadSums<N, 63>(low), QuadSums<N, 63>(high), x);
        w += bytes;
    }
};

struct Q3K : HalfScaled<192> {
    static constexpr int offset = 4;
    using HalfScaled::HalfScaled;
    template <int N> void dot(Int* low, Int* high, const int8_t* const* x) {
        const uint8_t* at = w + 4 * lane;
        dot_three<N>(load_bytes(at), load_bytes(at + 64), load_bytes(at + 128), QuadSums<N, 7>(low),
                     QuadSums<N, 7>(high), x);
        w += bytes;
    }
};

struct Q8K : HalfScaled<512, true> {
    static constexpr int offset = Q8_OFFSET;
    using HalfScaled::HalfScaled;
    template <int N> void dot(Int* low, Int* high, const int8_t* const* x) {
        for (int quad = 0; quad < 4; ++quad) {
            const Bytes b = load_bytes(w + 4 * lane + quad * 4 * BLOCK);
            for (int t = 0; t < N; ++t) low[t] = dot_q8(low[t], b, x[t] + 4 * quad);
        }
        for (int quad = 4; quad < 8; ++quad) {
            const Bytes b = load_bytes(w + 4 * lane + quad * 4 * BLOCK);
            for (int t = 0; t < N; ++t) high[t] = dot_q8(high[t], b, x[t] + 4 * quad);
        }
        w += bytes;
    }
};

// A super-block of 256 inputs: float16 d [16] and dmin [16]; bytes [16, 16]: scale and, above it, minimum; 8 groups.
struct Q2K {
    static constexpr int offset = 0, bytes = 128;
    static constexpr int vectors = 1;
    static constexpr bool half_scales = true, has_minimum = true;
    const uint8_t *w, *head = nullptr;
    int lane;
    Vec d, dmin, scale, second_scale, minimum, second_minimum;
    Q2K(const Matrix&, const uint8_t* data, const uint16_t*, int lane) : w(data), lane(lane) {}
    void open(int32_t g) {
        if (g % 8 == 0) {
            head = w;
            d = load_half(reinterpret_cast<const uint16_t*>(head) + lane);
            dmin = sub(set1(0.0f), load_half(reinterpret_cast<const uint16_t*>(head) + BLOCK + lane));
            w += 320;
        }
    }
    void load_scales(int32_t g, int) {
        const uint8_t* first = head + 64 + 2 * (g % 8) * BLOCK + lane;
        open_half(first, scale, minimum);
        open_half(first + BLOCK, second_scale, second_minimum);
    }
    void open_half(const uint8_t* both, Vec& half_scale, Vec& half_minimum) {
        constexpr uint64_t low = 0x0f0f0f0f0f0f0f0f;
        uint64_t scales[W / 8], minima[W / 8];
        std::memcpy(scales, both, W);
        for (int i = 0; i < W / 8; ++i) {
            minima[i] = scales[i] >> 4 & low;
            scales[i] &= low;
        }
        half_scale = mul(d, load_u8(reinterpret_cast<const uint8_t*>(scales)));
        half_minimum = mul(dmin, load_u8(reinterpret_cast<const uint8_t*>(minima)));
    }
    template <int N> void dot(Int* low, Int* high, const int8_t* const* x) {
        dot_two<N>(load_bytes(w + 4 * lane), load_bytes(w + 64 + 4 * lane), QuadSums<N, 3>(low), QuadSums<N, 3>(high),
                   x);
        w += bytes;
    }
};

// A super-block of 256 inputs: float16 d [16], 32 bytes unused; int8 scale [8, 16]; 8 groups.
struct IQ4XS {
    static constexpr int offset = Q8_OFFSET, bytes = 256;
    static constexpr int vectors = 1;
    static constexpr bool half_scales = false, has_minimum = false;
    const Table table = load_table(IQ4_TABLE);
    const uint8_t *w, *head = nullptr;
    int lane;
    Vec d, scale, second_scale, minimum, second_minimum;
    IQ4XS(const Matrix&, const uint8_t* data, const uint16_t*, int lane) : w(data), lane(lane) {}
    void open(int32_t g) {
        if (g % 8 == 0) {
            head = w;
            d = load_half(reinterpret_cast<const uint16_t*>(head) + lane);
            w += 192;
        }
    }
    void load_scales(int32_t g, int) {
        scale = mul(d, load_i8(reinterpret_cast<const int8_t*>(head) + 64 + g % 8 * BLOCK + lane));
    }
    template <int N> void dot(Int* acc, Int*, const int8_t* const* x) {
        dot_table<N>(w + 4 * lane, table, acc, x);
        w += bytes;
    }
};

}  // namespace
