// Vectors as codes: making them, scanning them, products with the rows that they stand for.
#include "bindings.h"

#include <atomic>
#include <cmath>

namespace {

using Words = In<uint32_t, 3>;
constexpr int32_t PIECE = 256;  // blocks that a thread takes at a time

struct Candidate {
    float score;
    int64_t row;
    bool operator<(const Candidate& other) const {  // the better one first, of equals the earlier row
        return score != other.score ? score > other.score : row < other.row;
    }
};

// The best `keep` of what one thread has seen.  `floor` is shared: no row below it can be among the best of all.
class Best {
  public:
    explicit Best(size_t keep) : keep_(keep) { found_.reserve(2 * keep); }
    void add(float score, int64_t row, std::atomic<float>& floor) {
        found_.push_back({score, row});
        if (found_.size() == 2 * keep_) shrink(floor);
    }
    std::vector<Candidate>& all() { return found_; }

  private:
    void shrink(std::atomic<float>& floor) {
        std::nth_element(found_.begin(), found_.begin() + keep_ - 1, found_.end());
        found_.resize(keep_);
        float known = floor.load(std::memory_order_relaxed), mine = found_[keep_ - 1].score;
        while (mine > known && !floor.compare_exchange_weak(known, mine, std::memory_order_relaxed)) {}
    }
    size_t keep_;
    std::vector<Candidate> found_;
};

struct Piece { const uint32_t* codes; int32_t first, last; int64_t row; };

std::vector<Piece> pieces_of(const std::vector<Words>& chunks, int32_t words) {
    std::vector<Piece> out;
    int64_t row = 0;
    for (const Words& chunk : chunks) {
        check(chunk.shape(1) == size_t(words) + 1 && chunk.shape(2) == SCAN_LANES, "a chunk of codes has another shape");
        const int32_t blocks = size(chunk.shape(0), "blocks");
        for (int32_t first = 0; first < blocks; first += PIECE, row += int64_t(PIECE) * SCAN_LANES)
            out.push_back({chunk.data(), first, std::min(blocks, first + PIECE), row});
        row -= int64_t((PIECE - blocks % PIECE) % PIECE) * SCAN_LANES;
    }
    return out;
}

void scan_piece(const Scan scan, CodeScan job, const Piece& piece, Best& best, std::atomic<float>& floor) {
    float score[PIECE * SCAN_LANES];
    int32_t reaching[PIECE];
    job.codes = piece.codes;
    const float least = floor.load(std::memory_order_relaxed);
    const int32_t found = scan(job, piece.first, piece.last, least, score, reaching);
    for (int32_t i = 0; i < found; ++i)
        for (int32_t at = reaching[i] * SCAN_LANES, end = at + SCAN_LANES; at < end; ++at)
            if (score[at] >= least && score[at] > -INFINITY) best.add(score[at], piece.row + at, floor);
}

// The `keep` rows with the highest estimates, best first.
nb::tuple scan_codes(const std::vector<Words>& chunks, In<uint32_t, 2> planes, float step, int32_t keep, int32_t threads) {
    check(planes.shape(1) == PLANES, "planes has another number of columns");
    check(keep >= 1 && keep <= LARGEST, "keep is out of range");
    check(threads >= 1 && threads <= 1024, "threads must lie between 1 and 1024");
    const int32_t words = size(planes.shape(0), "words");
    check(words <= 4096, "a code has too many words");
    const std::vector<Piece> pieces = pieces_of(chunks, words);
    std::vector<Candidate> all;
    {
        nb::gil_scoped_release release;
        const Scan scan = scan_of(kernels());
        const CodeScan job{nullptr, words, planes.data(), step};
        std::vector<Best> best(threads, Best(keep));
        std::atomic<float> floor{-INFINITY};
        Pool::get().run(threads, int32_t(pieces.size()),
                        [&](int32_t i, int32_t thread) { scan_piece(scan, job, pieces[i], best[thread], floor); });
        for (Best& one : best) all.insert(all.end(), one.all().begin(), one.all().end());
        const size_t kept = std::min(all.size(), size_t(keep));
        std::nth_element(all.begin(), all.begin() + kept, all.end());
        all.resize(kept);
        std::sort(all.begin(), all.end());
    }
    New<int64_t> rows({all.size()});
    NewArray scores({all.size()});
    for (size_t i = 0; i < all.size(); ++i) {
        rows.data[i] = all[i].row;
        scores.data[i] = all[i].score;
    }
    return nb::make_tuple(rows.numpy(), scores.numpy());
}

// Unit rows [N, width] as float16's bits and blocks of codes [N / 16, words + 1, 16]; the first row of the first
// block with one that has no direction, or -1.
nb::tuple encode_rows(In<float, 2> rows, In<float, 1> centre, In<float, 2> signs, In<int32_t, 2> order, int32_t words,
                      int32_t threads) {
    check(threads >= 1 && threads <= 1024, "threads must lie between 1 and 1024");
    const int32_t count = size(rows.shape(0), "rows"), dim = size(rows.shape(1), "columns");
    const int32_t width = size(signs.shape(1), "width");
    check(dim >= 1 && dim <= width && width % 32 == 0 && width <= 1 << 16, "the width does not fit the rows");
    check(words >= 1 && words <= width / 32, "a code cannot have so many words");
    check(centre.size() == size_t(dim), "the centre has another width");
    check(signs.shape(0) == ROTATIONS && order.shape(0) == ROTATIONS && order.shape(1) == size_t(width),
          "the rotation has another shape");
    for (size_t i = 0; i < order.size(); ++i)
        check(order.data()[i] >= 0 && order.data()[i] < width, "the order leads out of the row");
    const int32_t blocks = (count + SCAN_LANES - 1) / SCAN_LANES;
    New<uint16_t> units({size_t(count), size_t(width)});
    New<uint32_t> codes({size_t(blocks), size_t(words) + 1, SCAN_LANES});
    std::atomic<int32_t> bad{count};
    {
        nb::gil_scoped_release release;
        const Kernels& k = kernels();
        const Encoder job{dim, width, words, centre.data(), signs.data(), order.data()};
        std::vector<std::vector<float>> scratch(threads, std::vector<float>(encode_scratch(width)));
        Pool::get().run(threads, blocks, [&](int32_t b, int32_t thread) {
            const int64_t first = int64_t(b) * SCAN_LANES;
            const bool good = k.encode(job, rows.data() + first * dim, std::min(SCAN_LANES, int32_t(count - first)),
                                       units.data.get() + first * width,
                                       codes.data.get() + int64_t(b) * (words + 1) * SCAN_LANES, scratch[thread].data());
            for (int32_t known = bad.load(); !good && first < known && !bad.compare_exchange_weak(known, int32_t(first));) {}
        });
    }
    return nb::make_tuple(units.numpy(), codes.numpy(), bad.load() < count ? bad.load() : -1);
}

// Products with rows of float16 that lie in a file's bytes, from each of `offsets` on.
Out half_dots(In<uint8_t, 1> bytes, In<int64_t, 1> offsets, In<float, 1> x, int32_t threads) {
    check(threads >= 1 && threads <= 1024, "threads must lie between 1 and 1024");
    const int32_t n = size(x.size(), "columns"), rows = size(offsets.size(), "rows");
    check(n % 16 == 0, "rows must have a multiple of 16 numbers");
    for (int32_t i = 0; i < rows; ++i) {
        const int64_t at = offsets.data()[i];
        check(at >= 0 && at % 2 == 0 && at <= int64_t(bytes.size()) - 2 * int64_t(n), "a row lies outside the file");
    }
    check(reinterpret_cast<uintptr_t>(bytes.data()) % 2 == 0, "the file's bytes lie at an odd address");
    NewArray y({size_t(rows)});
    {
        nb::gil_scoped_release release;
        const int32_t items = (rows + 31) / 32;
        Pool::get().run(threads, items, [&](int32_t item, int32_t) {
            for (int32_t i = item * 32; i < std::min(rows, item * 32 + 32); ++i)
                y.data[i] = kernels().half_dot(reinterpret_cast<const uint16_t*>(bytes.data() + offsets.data()[i]),
                                               x.data(), n);
        });
    }
    return y.numpy();
}

}  // namespace

void add_scan(nb::module_& module) {
    module.def("scan_codes", &scan_codes, "chunks"_a, "planes"_a, "step"_a, "keep"_a, "threads"_a);
    module.def("encode_rows", &encode_rows, "rows"_a, "centre"_a, "signs"_a, "order"_a, "words"_a, "threads"_a);
    module.def("half_dots", &half_dots, "bytes"_a, "offsets"_a, "x"_a, "threads"_a);
}
