// Estimates of how alike vectors are, from one bit a coordinate (reference_scan.py is the twin).  It uses what a vec_*.h
// has and nothing else.
//
// What is searched for is rounded to odd numbers v of PLANES bits, v = sum over p of 2^p (1 - 2 plane_p).  With a code's
// signs s = 1 - 2 bit, sum over i of s_i v_i is sum over p of 2^p (bits - 2 * how many differ from plane p): exclusive
// or, count, shift, in whole numbers.
namespace {
using namespace huozhong;

constexpr int COUNTED_WORDS = 31;  // words whose counts fit a byte: 31 * 8 < 256

// 2 * sum over p of 2^p times how many bits differ, for the W lanes from `lane` on.
inline Int scan_differing(const CodeScan& s, const uint32_t* block, int lane) {
    Int total = set1(int32_t(0));
    for (int32_t from = 0; from < s.words; from += COUNTED_WORDS) {
        const int32_t end = s.words - from < COUNTED_WORDS ? s.words : from + COUNTED_WORDS;
        Bytes sum[PLANES];
        for (Bytes& counts : sum) counts = repeat(0);
        for (int32_t w = from; w < end; ++w) {
            const Bytes code = load_bytes(reinterpret_cast<const uint8_t*>(block + w * SCAN_LANES + lane));
            const uint32_t* plane = s.planes + int64_t(w) * PLANES;
            for (int p = 0; p < PLANES; ++p) sum[p] = add_counts(sum[p], differing(code, repeat(plane[p])));
        }
        Int here = sum_counts(sum[PLANES - 1]);
        for (int p = PLANES - 2; p >= 0; --p) here = add(add(here, here), sum_counts(sum[p]));
        total = add(total, add(here, here));
    }
    return total;
}

int32_t scan(const CodeScan& s, int32_t first, int32_t last, float floor, float* score, int32_t* reaching) {
    const int64_t size = int64_t(s.words + 1) * SCAN_LANES;
    const Int most = set1(int32_t(((1 << PLANES) - 1) * 32 * s.words));
    int32_t found = 0;
    for (int32_t b = first; b < last; ++b, score += SCAN_LANES) {
        const uint32_t* block = s.codes + b * size;
        const auto* factor = reinterpret_cast<const uint16_t*>(block + int64_t(s.words) * SCAN_LANES);
        bool reaches = false;
        for (int lane = 0; lane < SCAN_LANES; lane += W) {
            const Vec whole = sub(to_float(most), to_float(scan_differing(s, block, lane)));
            const Vec estimate = add(load_half(factor + SCAN_LANES + lane),
                                     mul(load_half(factor + lane), mul(set1(s.step), whole)));
            store(score + lane, estimate);
        }
        for (int lane = 0; lane < SCAN_LANES; ++lane) reaches |= score[lane] >= floor;
        if (reaches) reaching[found++] = b - first;
    }
    return found;
}

}  // namespace
