// What threads take of rows that are attended absorbed.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "model.h"

namespace huozhong {

constexpr float NO_SINK = -std::numeric_limits<float>::infinity();
constexpr int32_t DECODE_HEADS = 8;    // latent: heads per item: their keys are transposed once
constexpr int32_t DECODE_KEYS = 256;   // keys per item; fixed, for it fixes the order of sums
constexpr int64_t PART_FLOATS = int64_t(8) << 20;  // sums that are kept at once
constexpr int32_t DECODE_ROWS = 8;     // rows of one sequence per item, at most

// Generated rows, and what threads take of them: some rows of a sequence, some heads, DECODE_KEYS keys.  Such a part
// leaves sums for each row and head; a row's parts are put together in the end.
struct DecodePlan {
    struct Row { SeenRow seen; int32_t parts; int64_t first_part; };
    struct Piece { int32_t row, rows, head, heads, part; };
    std::vector<Row> rows;
    std::vector<Piece> pieces;
    int32_t heads;
    int64_t parts = 0;  // of all rows and heads: those of one key range lie side by side

    DecodePlan(const SeenRow* seen, int32_t count, int32_t all_heads) : heads(all_heads) {
        for (int32_t first = 0, next; first < count; first = next) {
            next = first + 1;
            while (next < count && seen[first].group >= 0 && seen[next].group == seen[first].group) ++next;
            const int64_t most = (seen[next - 1].keys - 1) / DECODE_KEYS + 1;
            for (int32_t i = first; i < next; ++i) {
                rows.push_back({seen[i], (seen[i].keys - 1) / DECODE_KEYS + 1, parts});
                parts += most * heads;
            }
        }
    }

    // `step` heads a piece.
    void cut(int32_t step) {
        pieces.clear();
        for (int32_t first = 0, next; first < int32_t(rows.size()); first = next) {
            const int32_t group = rows[first].seen.group;
            for (next = first + 1; next < int32_t(rows.size()) && next < first + DECODE_ROWS; ++next)
                if (group < 0 || rows[next].seen.group != group) break;
            for (int32_t part = 0; part < rows[next - 1].parts; ++part) {
                int32_t row = first;
                while (rows[row].parts <= part) ++row;  // earlier rows do not see these keys
                for (int32_t head = 0; head < heads; head += step)
                    pieces.push_back({row, next - row, head, std::min(step, heads - head), part});
            }
        }
    }

    int64_t part(const Row& row, int32_t part, int32_t head) const { return row.first_part + int64_t(part) * heads + head; }
    // What decode jobs of both kinds say alike.  `width`: numbers of a part's sums.
    template <class Job> void fill(Job& job, const Piece& piece, int32_t width, float* all_parts) const {
        const Row &row = rows[piece.row], &last = rows[piece.row + piece.rows - 1];
        job.rows = piece.rows;
        job.heads = piece.heads;
        job.begin = piece.part * DECODE_KEYS;
        job.end = std::min(job.begin + DECODE_KEYS, last.seen.keys);
        job.part_stride = width + 2;
        job.row_stride = piece.rows > 1 ? (rows[piece.row + 1].first_part - row.first_part) * job.part_stride : 0;
        job.part = all_parts + part(row, piece.part, piece.head) * job.part_stride;
    }
};

}  // namespace huozhong
