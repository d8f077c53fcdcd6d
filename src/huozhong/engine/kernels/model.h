// The forward pass: reference.py's, on the row kernels and the pool.
#pragma once

#include <mutex>
#include <vector>

#include "table.h"

namespace huozhong {

struct Config {
    int32_t vocab, hidden, heads, rank, q_rank /* 0: none */, nope, rope, v;
    int32_t experts, experts_per_token, groups, top_groups;
    bool normalize;
    float routed_scale, eps, softmax_scale;

    int32_t qk() const { return nope + rope; }
    int32_t latent() const { return rank + rope; }
};

struct Attention {
    const float *q_norm, *kv_norm;  // q_norm null without a query latent
    Matrix down, q_up, k_up, v_up, q_absorb, out;
};

struct Dense {
    Matrix gate_up, down;
};

struct Moe {
    Matrix router;
    const float* bias;
    Dense experts;
    bool has_shared;
    Dense shared;
};

struct Layer {
    const float *attention_norm, *mlp_norm;
    Attention attention;
    bool is_moe;
    Dense dense;
    Moe moe;
};

// Rows first_row ... of the batch: positions start ... of one sequence, whose cached rows begin at offset[position].
struct Span {
    int32_t first_row, length, start;
    bool prefill;
    std::vector<int64_t> offset;

    int32_t end() const { return start + length; }
};

struct Batch {
    std::vector<int32_t> tokens, logit_rows;
    std::vector<Span> spans;
};

// Activations prepared for matmuls, and the memory they live in.
class Activations {
  public:
    Rows rows(const float* x, int64_t stride, int32_t count, int32_t in, Format format);
    int8_t* q(int64_t row) { return q_.data() + row * groups_ * GROUP; }
    float* scale(int64_t row) { return scale_.data() + row * groups_; }
    int32_t* sum(int64_t row) { return sum_.data() + row * groups_; }

  private:
    int64_t groups_ = 0;
    std::vector<int8_t> q_;
    std::vector<float> scale_;
    std::vector<int32_t> sum_;
};

// The steps of a forward pass, and the buffers they share.  Not for two threads at a time.
class Worker {
  public:
    Worker(const Kernels& kernels, int32_t threads) : k_(kernels), threads_(threads) {}

    void embed(const Matrix& matrix, const int32_t* tokens, int32_t count, float* y);
    void linear(const float* x, int32_t tokens, const Matrix& matrix, int32_t index, float* y, bool add);
    void rotate(float* x, int64_t stride, int32_t count, const float* table, int32_t dim);
    void attend_prefill(const Config& c, const Attention& w, const float* q, const Span& span, const float* cache,
                        float* y);
    void attend_decode(const Config& c, const Attention& w, const float* q, const std::vector<const Span*>& spans,
                       const float* cache, float* y);
    void route(const Config& c, const float* logits, const float* bias, int32_t tokens, int32_t* experts,
               float* weights);
    void attention(const Config& c, const Layer& layer, const float* rope, float* cache, const Batch& batch, float* x);
    void dense(const Config& c, const Dense& w, const float* norm, int32_t tokens, float* x);
    void moe(const Config& c, const Layer& layer, int32_t tokens, float* x);
    void logits(const Config& c, const Matrix& head, const float* norm, const Batch& batch, const float* x, float* y);

  private:
    struct Item { int32_t job, first, last; };

    void run(const std::vector<Matmul>& jobs);
    template <class F> void for_rows(int32_t rows, int64_t work_per_row, F f);
    Rows prepare(Activations& to, const float* x, int64_t stride, int32_t count, int32_t in, Format format);
    Rows normalize(Activations& to, std::vector<float>& h, const float* x, const float* weight, float eps,
                   int32_t count, int64_t stride, int32_t in, Format format);
    Rows gate(Activations& to, std::vector<float>& h, const std::vector<float>& gate_up, int32_t count, int32_t width,
              Format format);

    const Kernels& k_;
    int32_t threads_;
    std::vector<Item> items_;
    std::vector<Matmul> jobs_;
    Activations in_, mid_, latent_;
    std::vector<float> h_, mid_h_, down_, q_, y_, q_latent_, parts_, mixed_, compact_q_, compact_y_, scratch_;
    std::vector<float> gate_up_, shared_gate_up_, shared_h_, expert_out_, router_, weights_, latent_h_;
    Activations shared_in_;
    std::vector<int32_t> experts_, slot_rows_, slots_;
};

struct Model {
    Config config;
    Matrix embedding, head;
    const float *norm, *rope;
    int32_t positions;  // rows of the rope table
    std::vector<Layer> layers;
    std::mutex busy;

    // logits [batch.logit_rows, vocab]; cache: one float array [.., latent] per layer, layer_stride apart.
    void forward(Worker& worker, float* cache, int64_t layer_stride, const Batch& batch, float* logits) const;
};

}  // namespace huozhong
