// The forward pass: reference.py's, on the row kernels and the pool.
#pragma once

#include <mutex>
#include <vector>

#include "table.h"

namespace huozhong {

constexpr float INDEX_EPS = 1e-6f;  // of the norm of an indexer's keys
constexpr int32_t RING = 16;        // positions whose open windows a page remembers
constexpr int32_t MOST_SPARSE = 4;  // positions of a window of sparse compression, at most: two of them, and guesses

// Which keys a layer of compressed attention (DeepSeek-V4) sees besides the last ones: none, the best of one for each
// `sparse_rate` positions, or every one of one for each `heavy_rate`.
enum class Compression : int32_t { none, sparse, heavy };

// Latent attention (MLA) has rank, q_rank (0: none), nope, rope and v; grouped attention kv_heads, dim and rope;
// compressed attention dim, q_rank, rope and what stands in its line.  What belongs to another kind is 0.
struct Config {
    int32_t vocab, hidden, heads;
    bool grouped;
    int32_t rank, q_rank, nope, rope, v;
    int32_t kv_heads, dim;
    int32_t index_heads, index_dim, index_top;  // of sparse latent or compressed attention; 0 without an indexer
    bool compressed;
    int32_t window, out_groups, out_rank, sparse_rate, heavy_rate, streams, sinkhorn;
    int32_t experts, experts_per_token, groups, top_groups;
    bool softmax_scores, sqrt_softplus;  // neither: sigmoids
    bool best_two, normalize;            // best_two: a group's score sums its best two, not its best alone
    float routed_scale, eps, latent_eps, softmax_scale;
    float stream_eps, limit;  // limit: of what goes into silu_mul; 0: none

    int32_t qk() const { return nope + rope; }
    int32_t latent() const { return rank + rope; }
    int32_t rate(Compression kind) const { return kind == Compression::heavy ? heavy_rate : sparse_rate; }
    // What the cache keeps of one position in one layer, and where in a page the next row (or tile) begins.
    int64_t row_bytes(CacheFormat f) const {
        return compressed ? cached_bytes(f, dim) : grouped ? 2 * kv_heads * cached_bytes(f, dim) : cached_bytes(f, rank) + cached_bytes(f, rope);
    }
    // What a page of `positions` keeps, the indexer's keys behind the rows.
    int64_t page_bytes(int64_t positions, CacheFormat f) const {
        return positions * (row_bytes(f) + (index_top ? index_bytes(f, index_dim) : 0));
    }
    int64_t step_bytes(CacheFormat f) const { return grouped ? KEY_TILE * cached_bytes(f, dim) : row_bytes(f); }
};

// The paged cache of one layer: page i begins at base + i * page_bytes.
// Latent: rows [rank], [rope] one after the other.  Grouped: per group, keys in tiles of 16 positions [dim, 16], then the
// values' rows in as many tiles [16, dim].  In q8 the scales lie behind a row, or behind a tile [groups of 32, 16].
// Sparse latent: behind a page's rows its indexer keys, a Matrix [page_size, index_dim]: of f32 where the cache is, of
// int8 (Format::q8) otherwise.  Compressed: PageParts.
struct Cache {
    uint8_t* base;
    int64_t page_bytes;
    int32_t page_size;
    CacheFormat format;
};

// What a page of a layer of compressed attention keeps, and where: a row of each position, an entry like a row of each
// whole window, an indexer's key of each entry, and of the last RING positions (position p in slot p % RING) what their
// open windows need, in floats.  Sparse: a position's values, gates [2 dim], indexer's values, its gates [2 index_dim].
// Heavy: the softmax over its window so far, [dim] each of largest gate, weights' sum, weighted sum.
// page_layout.py is the twin.
struct PageParts {
    int64_t entries, keys, open, slot, bytes;

    PageParts(const Config& c, Compression kind, int64_t page_size, CacheFormat f) {
        const bool sparse = kind == Compression::sparse, none = kind == Compression::none;
        const int64_t per_page = none ? 0 : page_size / c.rate(kind);
        entries = page_size * c.row_bytes(f);
        keys = aligned(entries + per_page * c.row_bytes(f));
        open = aligned(keys + (sparse ? per_page * index_bytes(f, c.index_dim) : 0));
        slot = none ? 0 : 4 * int64_t(sparse ? 4 * (c.dim + c.index_dim) : 3 * c.dim);
        bytes = open + RING * slot;
    }
    static int64_t aligned(int64_t offset) { return (offset + 63) / 64 * 64; }
};

// Matrices that read the same rows and whose outputs lie side by side.
struct Matrices {
    std::vector<Matrix> all;

    int32_t out() const {
        int32_t sum = 0;
        for (const Matrix& m : all) sum += m.out;
        return sum;
    }
    int32_t in() const { return all.front().in; }
};

// Which keys a row of sparse attention looks at (DeepSeek-V3.2, section 2.1).
struct IndexWeights {
    bool there;  // false: the layer looks at the keys that the one before it chose
    Matrix query, key, weights;
    const float *key_norm, *key_bias;
};

struct LatentWeights {
    const float *q_norm, *kv_norm;  // q_norm null without a query latent
    Matrices down;
    Matrix q_up, k_up, v_up, q_absorb, out;
    IndexWeights index;
};

struct GroupedWeights {
    Matrices qkv;
    const float *bias, *q_norm, *k_norm;  // null where there is none
    Matrix out;
    const float* out_bias;
};

struct CompressedWeights {
    Compression kind;
    Matrices down;  // the query latent; the row
    const float *q_norm, *kv_norm, *sinks;
    Matrix q_up, out_groups, out;
    // Unless kind is none.  compress: values; gates; of a sparse layer also the indexer's.
    Matrices compress;
    const float *bias, *norm;  // bias: of gates, by position in the window
    Matrix index_query, index_weights;
    const float *index_bias, *index_norm;
};

// Of streams: to what they collapse before a part of a layer, and how its output spreads (DeepSeek-V4, section 2.2).
struct StreamWeights {
    Matrix mix;  // to pre [streams], and within a layer post [streams] and comb [streams, streams]
    const float *base, *scale;
};

struct DenseWeights {
    Matrices gate_up;
    Matrix down;
};

class ExpertShelf;

struct MoeWeights {
    Matrix router;
    const float* bias;     // null where there is none
    const int32_t* table;  // [vocab, experts_per_token]: a token's experts; null where scores choose them
    DenseWeights experts;
    bool has_shared;
    DenseWeights shared;
    ExpertShelf* shelf;  // null: all experts are in memory; else they are on its layer number shelf_layer
    int32_t shelf_layer;
};

struct LayerWeights {
    const float *attention_norm, *mlp_norm;
    LatentWeights latent;
    GroupedWeights grouped;
    CompressedWeights compressed;
    StreamWeights attention_mix, mlp_mix;
    bool is_moe;
    DenseWeights dense;
    MoeWeights moe;
};

// A multi-token-prediction module (DeepSeek-V3, section 2.2).
struct PredictionWeights {
    const float *enorm, *hnorm, *norm;
    Matrix eh_proj;
    LayerWeights layer;
    std::vector<int32_t> guessed;  // the tokens that it guesses, by the rows of its own head; empty: the model's head
    Matrix head;
};

// Rows first_row ... of the batch: positions start ... of one sequence.  offset: where in the cache position p's row
// begins (latent, compressed), or the tile of positions 16 p ... (grouped, of the first group).  page: where each page
// begins (sparse latent, compressed).
struct Span {
    int32_t first_row, length, start;
    bool prefill;
    std::vector<int64_t> offset, page;

    int32_t end() const { return start + length; }
};

// One row that attention computes absorbed: it sees keys at offset[0 ...]; rows of one `group` (>= 0) lie one after the
// other in a sequence, each sees one key more than the one before, and they share `offset`.
struct SeenRow {
    int64_t batch_row;
    const int64_t* offset;
    int32_t keys, group;
};

struct Batch {
    std::vector<int32_t> tokens, logit_rows, hidden_rows;
    std::vector<Span> spans;
};

struct IndexRow;  // sparse.cpp

// Where in a page the keys of an indexer lie and what is attended to, one of each for `rate` positions.
struct KeyPlace {
    int32_t rate;
    int64_t keys, rows, row_bytes;
    int32_t per_page;

    // What number `key` of a sequence stands for.
    int64_t offset(const Span& span, int32_t key) const {
        return span.page[key / per_page] + rows + key % per_page * row_bytes;
    }
};
inline KeyPlace latent_place(const Config& c, const Cache& cache) {
    const int64_t bytes = c.row_bytes(cache.format);
    return {1, cache.page_size * bytes, 0, bytes, cache.page_size};
}
inline KeyPlace entry_place(const Config& c, Compression kind, const Cache& cache) {
    const PageParts parts(c, kind, cache.page_size, cache.format);
    return {c.rate(kind), parts.keys, parts.entries, c.row_bytes(cache.format), cache.page_size / c.rate(kind)};
}

// The weights of some streams: pre = sigmoid + eps [streams]; with post: post = 2 sigmoid [streams] and comb, close to
// doubly stochastic [streams, streams].  mixed: what StreamWeights::mix makes of a row.
void stream_weights(const float* mixed, const float* base, const float* scale, int32_t streams, int32_t rounds, float eps,
                    float* pre, float* post, float* comb);

// The span's first `rows` rows, as rows that see every key up to their own.
inline void see_all(const Span& span, int32_t rows, int32_t group, std::vector<SeenRow>& to) {
    for (int32_t i = 0; i < rows; ++i) to.push_back({span.first_row + i, span.offset.data(), span.start + i + 1, group});
}

// Activations prepared for matmuls, and the memory they live in.
class Activations {
  public:
    // Room for `count` rows; x is passed through.
    Rows rows(const float* x, int64_t stride, int32_t count, int32_t in);
    int8_t* q(int64_t row) { return q_.data() + row * groups_ * GROUP; }
    float* scale(int64_t row) { return scale_.data() + row * groups_; }
    int32_t* sum(int64_t row) { return sum_.data() + row * groups_; }
    int32_t* half(int64_t row) { return half_.data() + row * groups_; }

  private:
    int64_t groups_ = 0;
    std::vector<int8_t> q_;
    std::vector<float> scale_;
    std::vector<int32_t> sum_, half_;
};

// Experts that a layer may want soon; no layer: none.
struct Likely {
    const LayerWeights* layer = nullptr;
    std::vector<int32_t> experts;
};

// The steps of a forward pass, and the buffers they share.  Not for two threads at a time.
class Worker {
  public:
    Worker(const Kernels& kernels, int32_t threads) : k_(kernels), threads_(threads) {}

    void embed(const Matrix& matrix, const int32_t* tokens, int32_t count, float* y);
    void norm(const float* x, const float* weight, float eps, int32_t n, float* y) { k_.rms_norm(x, weight, eps, n, y); }
    void linear(const float* x, int32_t tokens, const Matrix& matrix, int32_t index, float* y, bool add);
    // back: the other way round
    void rotate(float* x, int64_t stride, int32_t count, const float* table, int32_t dim, bool back = false);
    // The span's first `length` rows.
    void attend_prefill(const Config& c, const LatentWeights& w, const float* q, const Span& span, int32_t length,
                        const Cache& cache, float* y);
    void attend_decode(const Config& c, const LatentWeights& w, const float* q, const std::vector<SeenRow>& rows,
                       const Cache& cache, float* y);
    // Sparse attention: an indexer's key [index_dim] into the cache, and the keys that every row sees that is further on
    // than index_top: query [tokens, index_heads * index_dim], weights [tokens, index_heads].
    void write_index(const Config& c, const Cache& cache, const KeyPlace& place, const Span& span, int32_t number,
                     const float* key);
    void choose_keys(const Config& c, const float* query, const float* weights, const std::vector<Span>& spans,
                     const Cache& cache, const KeyPlace& place);
    // Of `row`, counted over those with more keys than index_top, what choose_keys chose: their numbers in order, and
    // where they lie in the cache.
    const int32_t* chosen(const Config& c, int64_t row) const { return chosen_.data() + row * c.index_top; }
    const int64_t* chosen_offsets(const Config& c, int64_t row) const { return chosen_offsets_.data() + row * c.index_top; }
    void grouped_prefill(const Config& c, const float* q, int64_t stride, const Span& span, const Cache& cache, float* y);
    void grouped_decode(const Config& c, const float* q, int64_t stride, const std::vector<const Span*>& spans,
                        const Cache& cache, float* y);
    // Keys and values of one position [kv_heads * dim each] into the cache, and a latent row.
    void write_grouped(const Config& c, const Cache& cache, const Span& span, int32_t position, const float* kv);
    void write_latent(const Config& c, const Cache& cache, const Span& span, int32_t position, const float* row);
    // chosen: experts [tokens, experts_per_token] that are given; null: scores choose them.
    void route(const Config& c, const float* logits, const float* bias, const int32_t* chosen, int32_t tokens,
               int32_t* experts, float* weights);
    // Streams x [tokens, streams * hidden] become y [tokens, hidden]; what a layer's part then makes of y is spread by
    // `spread`, which knows the last `collapse`.
    void collapse(const Config& c, const StreamWeights& w, const float* x, int32_t tokens, bool spreads, float* y);
    void spread(const Config& c, const float* y, int32_t tokens, float* x);
    const float* post() const { return post_.data(); }  // of the last `collapse` that spreads
    const float* comb() const { return comb_.data(); }
    // What goes on in a compressed layer's attention: x [tokens, hidden] -> y, the residual not added.
    void compressed_attention(const Config& c, const LayerWeights& layer, const float* rope, const Cache& cache,
                              const Batch& batch, const float* x, float* y);
    // q [T, heads, dim] of rows that see some keys -> y [T, heads, dim], T the rows of the batch.
    void attend_listed(const Config& c, const float* sinks, const float* q, const std::vector<SeenRow>& rows,
                       const Cache& cache, float* y);
    // Entries and keys of windows that end in the batch, and what later ones need; raw [tokens, w.compress.out()]: what
    // w.compress gives.
    void compress(const Config& c, const CompressedWeights& w, const float* rope, const std::vector<Span>& spans,
                  const Cache& cache, float* raw);
    void latent_attention(const Config& c, const LayerWeights& layer, const float* rope, const Cache& cache,
                          const Batch& batch, float* x);
    void grouped_attention(const Config& c, const LayerWeights& layer, const float* rope, const Cache& cache,
                           const Batch& batch, float* x);
    // What an MTP module's layer is given: x = eh_proj [enorm(embedded); hnorm(states)]
    void mtp_input(const Config& c, const PredictionWeights& w, const float* embedded, const float* states,
                   int32_t tokens, float* x);
    void dense(const Config& c, const DenseWeights& w, const float* norm, int32_t tokens, float* x);
    // x [tokens, hidden], the rows of tokens `ids`; added to y, which may be x.
    // next: read ahead while these are computed, if they come from a shelf.
    void moe(const Config& c, const LayerWeights& layer, const std::vector<int32_t>& ids, const float* x, float* y,
             const Likely& next);
    // What `layer`'s router would choose now; nothing if that layer need not be read ahead.
    Likely likely(const Config& c, const LayerWeights& layer, const std::vector<int32_t>& ids, const float* x);
    void logits(const Config& c, const Matrix& head, const float* norm, const Batch& batch, const float* x, float* y);
    // The likeliest output of every row of x and its probability.
    void likeliest(const float* x, int32_t count, const Matrix& head, int32_t* tokens, float* probabilities);

  private:
    struct Item { int32_t job, first, last; };
    // An expert of a layer, and which slots are its own.
    struct Share { int32_t expert, first, count; };

    void finish_index(const Config& c, const IndexWeights& w, const float* table, int64_t row, const Cache& cache,
                      const Span& span, int32_t position);
    void score_rows(const Config& c, const Rows& query, const float* weights, const IndexRow* rows, int32_t count,
                    const Cache& cache, const KeyPlace& place, float* scores, int64_t stride);
    void compress_sparse(const Config& c, const CompressedWeights& w, const float* rope, const std::vector<Span>& spans,
                         const Cache& cache, float* raw);
    void compress_heavy(const Config& c, const CompressedWeights& w, const float* rope, const std::vector<Span>& spans,
                        const Cache& cache, const float* raw);
    void write_entry(const Config& c, const KeyPlace& place, const float* norm, const float* rope, const Span& span,
                     int32_t number, const Cache& cache, float* mixed);
    void keep_rows(const Config& c, const CompressedWeights& w, const float* rope, const std::vector<Span>& spans,
                   const Cache& cache, float* down, float* q);
    void list_keys(const Config& c, Compression kind, const std::vector<Span>& spans, const Cache& cache,
                   std::vector<SeenRow>& rows);
    void attend_listed_block(const Config& c, const float* sinks, const float* q, const SeenRow* seen, int32_t count,
                             const Cache& cache, float* y);
    void project_out(const Config& c, const CompressedWeights& w, const float* heads, int32_t tokens, float* y);
    void attend_block(const Config& c, const LatentWeights& w, const float* q, const SeenRow* seen, int32_t count,
                      const Cache& cache, float* y);

    void run(const std::vector<Matmul>& jobs);
    template <class F> void for_rows(int32_t rows, int64_t work_per_row, F f);
    void quantize(Activations& to, const float* x, int32_t row, int32_t in);
    Rows prepare(Activations& to, const float* x, int64_t stride, int32_t count, int32_t in, const Matrix& matrix);
    Rows normalize(Activations& to, std::vector<float>& h, const float* x, const float* weight, float eps,
                   int32_t count, int64_t stride, int32_t in, bool integers);
    Rows gate(Activations& to, std::vector<float>& h, const float* gate_up, int32_t count, int32_t width,
              float limit, const Matrix& matrix);
    int32_t choose_experts(const Config& c, const MoeWeights& w, const float* norm, const std::vector<int32_t>& ids,
                           const float* x, Rows& h);
    std::vector<Share> divide(const Config& c, const MoeWeights& w, int32_t slots);
    void compute(const Config& c, const MoeWeights& w, const Rows& h, const Share* shares, const DenseWeights* const* weights,
                 int32_t count, int32_t shared_tokens, float* out, float* y);
    void compute_from_shelf(const Config& c, const MoeWeights& w, const Rows& h, const std::vector<Share>& shares,
                            int32_t tokens, const Likely& next, float* out, float* y);
    // One job per matrix: rows of h through number `index` of its stack.
    static void add_jobs(std::vector<Matmul>& jobs, const Matrices& matrices, int32_t index, const Rows& h,
                         const int32_t* rows, int32_t first, int32_t step, int32_t tokens, float* y);

    const Kernels& k_;
    int32_t threads_;
    std::vector<Item> items_;
    std::vector<Matmul> jobs_;
    Activations in_, mid_, latent_;
    std::vector<float> h_, mid_h_, down_, q_, y_, row_, q_latent_, parts_, mixed_, compact_q_, compact_y_, scratch_;
    std::vector<float> gate_up_, shared_gate_up_, shared_h_, expert_out_, router_, weights_, latent_h_;
    Activations shared_in_, index_in_;
    std::vector<float> index_q_, index_key_, index_weights_, index_scores_, index_dots_;
    std::vector<int32_t> chosen_;
    std::vector<int64_t> chosen_offsets_, listed_;
    std::vector<float> stream_h_, mix_, pre_, post_, comb_, collapsed_, raw_, entries_, compressed_, group_out_;
    std::vector<int32_t> experts_, slot_rows_, slots_, given_;
};

struct Model {
    Config config;
    Matrix embedding, head;
    const float *norm, *rope;
    const float* compress_rope;  // of layers that compress; null in other models
    StreamWeights head_mix;      // compressed models
    int32_t positions;           // rows of the rope tables
    std::vector<LayerWeights> layers;
    std::vector<PredictionWeights> prediction;
    std::mutex busy;

    // logits [batch.logit_rows, vocab]; hidden [batch.hidden_rows, hidden]: rows after the last norm.
    // The layers' caches lie layer_stride bytes apart.  tapped [batch.hidden_rows, taps.size() * hidden]: what goes out of
    // the layers `taps`, which rise.
    void forward(Worker& worker, Cache cache, int64_t layer_stride, const Batch& batch, float* logits, float* hidden,
                 const std::vector<int32_t>& taps = {}, float* tapped = nullptr) const;
    // Module `index` on `states` [tokens, hidden], the rows after the last norm that belong to batch.tokens' positions;
    // batch.tokens are the tokens that follow them.  cache: of the module's own layer.
    void draft(Worker& worker, int32_t index, Cache cache, const Batch& batch, const float* states, float* logits,
               float* hidden) const;

    // Guesses of module `index`, one after the other, each from the state that guessed the one before.
    // batch: as for `draft`; the last row of each span leads to its first guess, and the span's offsets reach to the
    // rows of the others.  Span s guesses limits[s] >= 1 tokens, but stops where the product of their probabilities falls
    // below `p_min`.  Only the head's first `vocab` rows are looked at.  tokens, probabilities [spans, most]: what was
    // guessed and the module's own probability of it, 0 where it stopped.
    void draft_ahead(Worker& worker, int32_t index, const Cache& cache, Batch batch, const float* states,
                     const int32_t* limits, int32_t most, int32_t vocab, float p_min, int32_t* tokens,
                     float* probabilities) const;

  private:
    // next: the layer whose experts are read ahead meanwhile, or null.
    void run_layer(Worker& worker, const LayerWeights& layer, const LayerWeights* next, const Cache& cache,
                   const Batch& batch, float* x) const;
    // x: streams.  part [tokens, hidden], twice: room.
    void run_compressed(Worker& worker, const LayerWeights& layer, const LayerWeights* next, const Cache& cache,
                        const Batch& batch, float* part, float* x) const;
    void finish(Worker& worker, const float* last_norm, const Batch& batch, const float* x, float* logits,
                float* hidden) const;
};

}  // namespace huozhong
