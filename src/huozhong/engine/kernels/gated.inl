// Rows of fields through a small network that reads, of each row, only the fields that a gate picked
// (reference_gated.py is the twin).  Every row's sums run over fields, then over a vector's numbers, in one order,
// whatever rows lie beside it.
namespace {
using namespace huozhong;

// Which `picked` of the fields have the greatest totals; of equal ones the first.
inline void gate_row(const GatedNetwork& n, const int32_t* ids, float* own, float* total, uint8_t* reads) {
    for (int32_t f = 0; f < n.fields; ++f) own[f] = n.gate_scores[ids[f]];
    for (int32_t f = 0; f < n.fields; f += W) {
        const int left = lanes_left(n.fields - f);
        Vec sum = add(load_n(n.gate_bias + f, left), load_n(own + f, left));
        for (int32_t g = 0; g < n.fields; ++g)
            sum = fma(set1(own[g]), load_n(n.gate_mixing + int64_t(g) * n.fields + f, left), sum);
        store_n(total + f, sum, left);
    }
    int32_t read = 0;
    for (int32_t f = 0; f < n.fields; f += W) {
        const int left = lanes_left(n.fields - f);
        const Vec mine = load_n(total + f, left);
        Vec reached = set1(0.0f);  // how many totals each one reaches, its own among them
        for (int32_t g = 0; g < n.fields; ++g) reached = add(reached, zero_where_less(set1(1.0f), mine, set1(total[g])));
        float lanes[W];
        store(lanes, reached);
        for (int i = 0; i < left; ++i) read += reads[f + i] = int32_t(lanes[i]) > n.fields - n.picked;
    }
    for (int32_t f = n.fields - 1; read > n.picked; --f) {  // equal totals at the edge: the last of them go
        int32_t greater = 0;
        for (int32_t g = 0; g < n.fields; ++g) greater += total[g] > total[f] || (total[g] == total[f] && g < f);
        if (!reads[f] || greater < n.picked) continue;
        reads[f] = 0;
        --read;
    }
}

// sums[r] += x[r] times weights [inputs, width], for N rows and GATED_LANES of the width.
template <int N>
inline void add_products(const float* const* x, const float* weights, int32_t inputs, int32_t width, float* const* sums,
                         int32_t h) {
    Vec sum[N][GATED_LANES / W];
    for (int r = 0; r < N; ++r)
        for (int v = 0; v < GATED_LANES / W; ++v) sum[r][v] = load(sums[r] + h + v * W);
    for (int32_t d = 0; d < inputs; ++d) {
        const float* row = weights + int64_t(d) * width + h;
        for (int v = 0; v < GATED_LANES / W; ++v) {
            const Vec w = load(row + v * W);
            for (int r = 0; r < N; ++r) sum[r][v] = fma(set1(x[r][d]), w, sum[r][v]);
        }
    }
    for (int r = 0; r < N; ++r)
        for (int v = 0; v < GATED_LANES / W; ++v) store(sums[r] + h + v * W, sum[r][v]);
}

inline void add_products(int32_t rows, const float* const* x, const float* weights, int32_t inputs, int32_t width,
                         float* const* sums) {
    constexpr int TOGETHER = W >= 16 ? 8 : 2;  // rows whose sums the registers hold
    for (int32_t h = 0; h < width; h += GATED_LANES) {  // these columns of the weights stay in the nearest cache
        int32_t r = 0;
        for (; r + TOGETHER <= rows; r += TOGETHER) add_products<TOGETHER>(x + r, weights, inputs, width, sums + r, h);
        if constexpr (TOGETHER > 4)
            for (; r + 4 <= rows; r += 4) add_products<4>(x + r, weights, inputs, width, sums + r, h);
        for (; r + 2 <= rows; r += 2) add_products<2>(x + r, weights, inputs, width, sums + r, h);
        if (r < rows) add_products<1>(x + r, weights, inputs, width, sums + r, h);
    }
}

inline void positive(float* x, int32_t n) {
    for (int32_t i = 0; i < n; i += W) store(x + i, max(load(x + i), set1(0.0f)));
}

void gated_rows(const GatedNetwork& n, const int32_t* ids, int32_t rows, float* score, float* scratch) {
    float* first = scratch;                                       // [rows, hidden]
    float* second = first + int64_t(rows) * n.hidden;             // [rows, second_hidden]
    float* own = second + int64_t(rows) * n.second_hidden;        // [fields]
    float* total = own + n.fields;                                // [fields]
    auto* reads = reinterpret_cast<uint8_t*>(total + n.fields);   // [rows, fields]
    const float* x[GATED_ROWS];
    float* sums[GATED_ROWS];
    for (int32_t r = 0; r < rows; ++r) {
        if (n.gate_scores) gate_row(n, ids + int64_t(r) * n.fields, own, total, reads + int64_t(r) * n.fields);
        for (int32_t h = 0; h < n.hidden; h += W) store(first + int64_t(r) * n.hidden + h, load(n.first_bias + h));
        score[r] = n.last_bias;
    }
    for (int32_t f = 0; f < n.fields; ++f) {
        int32_t reading = 0, who[GATED_ROWS + 1];
        for (int32_t r = 0; r < rows; ++r) {  // without a branch: which rows read a field cannot be foretold
            who[reading] = r;
            reading += n.gate_scores ? reads[int64_t(r) * n.fields + f] : 1;
        }
        for (int32_t i = 0; i < reading; ++i) {
            const int32_t id = ids[int64_t(who[i]) * n.fields + f];
            score[who[i]] += n.linear[id];
            x[i] = n.vectors + int64_t(id) * n.width;
            sums[i] = first + int64_t(who[i]) * n.hidden;
        }
        if (n.first) {
            add_products(reading, x, n.first + int64_t(f) * n.width * n.hidden, n.width, n.hidden, sums);
        } else {  // the vectors are those of the first layer already
            for (int32_t i = 0; i < reading; ++i)
                for (int32_t h = 0; h < n.hidden; h += W) store(sums[i] + h, add(load(sums[i] + h), load(x[i] + h)));
        }
    }
    for (int32_t r = 0; r < rows; ++r) {
        x[r] = first + int64_t(r) * n.hidden;
        sums[r] = second + int64_t(r) * n.second_hidden;
        positive(first + int64_t(r) * n.hidden, n.hidden);
        for (int32_t h = 0; h < n.second_hidden; h += W) store(sums[r] + h, load(n.second_bias + h));
    }
    add_products(rows, x, n.second, n.hidden, n.second_hidden, sums);
    for (int32_t r = 0; r < rows; ++r) {
        Lanes16 sum = lanes16(0);
        positive(sums[r], n.second_hidden);
        for (int32_t h = 0; h < n.second_hidden; h += W) {
            Vec& part = sum.part[h / W % (16 / W)];
            part = fma(load(sums[r] + h), load(n.last + h), part);
        }
        score[r] += reduce_add(sum);
    }
}

}  // namespace
