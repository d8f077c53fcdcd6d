// A layer of experts: who is chosen, and what they make of their rows.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "experts.h"
#include "worker.inl"

namespace huozhong {
namespace {

// Prompts want nearly all experts of a layer, one after the other; there is nothing to guess.
constexpr size_t MOST_READ_AHEAD = 4;  // rows of a pass whose experts are read ahead
constexpr size_t AT_ONCE = 4;  // experts from the shelf that are computed together, once they are there

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

// The root of softplus, which is x itself where it hardly differs.
float sqrt_softplus(float x) { return std::sqrt(x > 20.0f ? x : std::log1p(std::exp(x))); }

void softmax(const float* logits, int32_t n, float* p) {
    float top = -std::numeric_limits<float>::infinity(), total = 0;
    for (int32_t i = 0; i < n; ++i) top = std::max(top, logits[i]);
    for (int32_t i = 0; i < n; ++i) total += p[i] = std::exp(logits[i] - top);
    for (int32_t i = 0; i < n; ++i) p[i] /= total;
}

// The experts_per_token experts of one row that are the best of the best groups.
class Choice {
    // Best first; of equals the lower number; NaN last.
    static auto better(const std::vector<float>& value) {
        return [&value](int32_t a, int32_t b) {
            const float x = std::isnan(value[a]) ? -std::numeric_limits<float>::infinity() : value[a];
            const float y = std::isnan(value[b]) ? -std::numeric_limits<float>::infinity() : value[b];
            return x != y ? x > y : a < b;
        };
    }

  public:
    explicit Choice(const Config& c) : c_(c), group_(c.groups), order_(std::max(c.experts, c.groups)) {}

    void operator()(const std::vector<float>& value, int32_t* experts) {
        const int32_t per_group = c_.experts / c_.groups;
        std::vector<bool> kept(c_.groups, c_.groups == 1);
        if (c_.groups > 1) keep_best_groups(value, kept);
        int32_t candidates = 0;
        for (int32_t e = 0; e < c_.experts; ++e)
            if (kept[e / per_group]) order_[candidates++] = e;
        std::partial_sort(order_.begin(), order_.begin() + c_.experts_per_token, order_.begin() + candidates,
                          better(value));
        std::copy_n(order_.begin(), c_.experts_per_token, experts);
    }

  private:
    void keep_best_groups(const std::vector<float>& value, std::vector<bool>& kept) {
        const int32_t per_group = c_.experts / c_.groups;
        for (int32_t g = 0; g < c_.groups; ++g) {
            float best = -std::numeric_limits<float>::infinity(), second = best;
            for (int32_t e = g * per_group; e < (g + 1) * per_group; ++e) {
                if (value[e] > best) {
                    second = best;
                    best = value[e];
                } else if (value[e] > second) {
                    second = value[e];
                }
            }
            group_[g] = c_.best_two ? best + second : best;
        }
        std::iota(order_.begin(), order_.begin() + c_.groups, 0);
        std::sort(order_.begin(), order_.begin() + c_.groups, better(group_));
        for (int32_t i = 0; i < c_.top_groups; ++i) kept[order_[i]] = true;
    }

    const Config& c_;
    std::vector<float> group_;
    std::vector<int32_t> order_;
};

// Lets go of an expert, also where something failed.
struct Held {
    ExpertShelf& shelf;
    int32_t layer;
    std::vector<int32_t> experts;

    ~Held() {
        for (int32_t expert : experts) shelf.release(layer, expert);
    }
};

}  // namespace

void Worker::route(const Config& c, const float* logits, const float* bias, const int32_t* chosen, int32_t tokens,
                   int32_t* experts, float* weights) {
    std::vector<float> score(c.experts), choice(c.experts);
    Choice choose(c);
    for (int32_t t = 0; t < tokens; ++t, logits += c.experts, experts += c.experts_per_token) {
        if (c.softmax_scores) softmax(logits, c.experts, score.data());
        for (int32_t e = 0; e < c.experts; ++e) {
            if (!c.softmax_scores) score[e] = c.sqrt_softplus ? sqrt_softplus(logits[e]) : sigmoid(logits[e]);
            choice[e] = bias ? score[e] + bias[e] : score[e];
        }
        if (chosen) std::copy_n(chosen + int64_t(t) * c.experts_per_token, c.experts_per_token, experts);
        else choose(choice, experts);
        float total = 0;
        for (int32_t i = 0; i < c.experts_per_token; ++i) total += score[experts[i]];
        for (int32_t i = 0; i < c.experts_per_token; ++i) {
            const float weight = c.normalize ? score[experts[i]] / (total + 1e-20f) : score[experts[i]];
            *weights++ = weight * c.routed_scale;
        }
    }
}

// Experts of every row of x into experts_ and weights_; h: the rows, normalised.  Returns how many (row, choice) pairs.
int32_t Worker::choose_experts(const Config& c, const MoeWeights& w, const float* norm, const std::vector<int32_t>& ids,
                               const float* x, Rows& h) {
    const int32_t tokens = ids.size();
    const bool integers = any_integers(w.experts.gate_up) || (w.has_shared && any_integers(w.shared.gate_up));
    h = normalize(in_, h_, x, norm, c.eps, tokens, c.hidden, c.hidden, integers);
    float* router = grow(router_, int64_t(tokens) * c.experts);
    run({{&w.router, 0, h, nullptr, 0, 1, tokens, router, c.experts, false}});
    const int32_t slots = tokens * c.experts_per_token;
    experts_.resize(slots);
    grow(weights_, slots);
    given_.clear();
    if (w.table)
        for (int32_t id : ids) {
            const int32_t* own = w.table + int64_t(id) * c.experts_per_token;
            given_.insert(given_.end(), own, own + c.experts_per_token);
        }
    route(c, router, w.bias, w.table ? given_.data() : nullptr, tokens, experts_.data(), weights_.data());
    return slots;
}

// Slots are (token, choice) pairs, those of one expert together: slot_rows_ is a slot's token, slots_ a pair's slot.
std::vector<Worker::Share> Worker::divide(const Config& c, const MoeWeights& w, int32_t slots) {
    std::vector<int32_t> count(c.experts, 0), next(c.experts), used;
    for (int32_t expert : experts_) ++count[expert];
    for (int32_t e = 0; e < c.experts; ++e)
        if (count[e]) used.push_back(e);
    if (w.shelf) w.shelf->sort(w.shelf_layer, used);
    std::vector<Share> shares;
    int32_t first = 0;
    for (int32_t e : used) {
        shares.push_back({e, first, count[e]});
        next[e] = first;
        first += count[e];
    }
    slot_rows_.resize(slots);
    slots_.resize(slots);
    for (int32_t i = 0; i < slots; ++i) {
        slots_[i] = next[experts_[i]]++;
        slot_rows_[slots_[i]] = i / c.experts_per_token;
    }
    return shares;
}

// Some experts on their slots, into `out` [slots, hidden], and the shared ones on the first `shared_tokens` rows, onto y.
// weights: a stack for each of the shares.
void Worker::compute(const Config& c, const MoeWeights& w, const Rows& h, const Share* shares,
                     const DenseWeights* const* weights, int32_t count, int32_t shared_tokens, float* out, float* y) {
    const int32_t width = w.experts.down.in, shared_width = shared_tokens ? w.shared.down.in : 0;
    int32_t slots = 0;
    for (int32_t i = 0; i < count; ++i) slots += shares[i].count;
    float* both = grow(gate_up_, int64_t(slots) * 2 * width);
    float* shared_both = grow(shared_gate_up_, int64_t(shared_tokens) * 2 * shared_width);
    const auto index = [&](int32_t i) { return weights[i]->down.count == 1 ? 0 : shares[i].expert; };
    jobs_.clear();
    for (int32_t i = 0, row = 0; i < count; row += shares[i++].count)
        add_jobs(jobs_, weights[i]->gate_up, index(i), h, slot_rows_.data() + shares[i].first, 0, 0, shares[i].count,
                 both + int64_t(row) * 2 * width);
    if (shared_tokens) add_jobs(jobs_, w.shared.gate_up, 0, h, nullptr, 0, 1, shared_tokens, shared_both);
    run(jobs_);

    const Rows hidden = gate(mid_, mid_h_, both, slots, width, c.limit, w.experts.down);
    jobs_.clear();
    for (int32_t i = 0, row = 0; i < count; row += shares[i++].count)
        jobs_.push_back({&weights[i]->down, index(i), hidden, nullptr, row, 1, shares[i].count,
                         out + int64_t(shares[i].first) * c.hidden, c.hidden, false});
    if (shared_tokens) {
        const Rows shared =
            gate(shared_in_, shared_h_, shared_both, shared_tokens, shared_width, c.limit, w.shared.down);
        jobs_.push_back({&w.shared.down, 0, shared, nullptr, 0, 1, shared_tokens, y, c.hidden, true});
    }
    run(jobs_);
}

// The same, a few at a time, in the order in which they arrive; out has a place for each, so the sums do not depend on it.
// Once these are wanted, `next` is: what the layer after this one may want.
void Worker::compute_from_shelf(const Config& c, const MoeWeights& w, const Rows& h, const std::vector<Share>& shares,
                                int32_t tokens, const Likely& next, float* out, float* y) {
    Held held{*w.shelf, w.shelf_layer, {}};
    const size_t number = shares.size(), room = std::max(1, w.shelf->room());
    std::vector<Share> waiting, group;  // waiting: of held.experts, in their order
    std::vector<const DenseWeights*> weights;
    for (size_t wanted = 0; wanted < number || !waiting.empty();) {
        const bool first = wanted == 0;
        for (; wanted < number && waiting.size() < room; ++wanted) {
            w.shelf->want(w.shelf_layer, shares[wanted].expert);
            held.experts.push_back(shares[wanted].expert);
            waiting.push_back(shares[wanted]);
        }
        if (first) {
            if (next.layer) next.layer->moe.shelf->guess(next.layer->moe.shelf_layer, next.experts);
            if (w.has_shared) compute(c, w, h, nullptr, nullptr, 0, tokens, out, y);  // while the first are read
        }
        const std::vector<size_t> there = w.shelf->arrived(w.shelf_layer, held.experts, AT_ONCE);
        weights.clear();
        group.clear();
        for (size_t i : there) {
            weights.push_back(&w.shelf->get(w.shelf_layer, waiting[i].expert));
            group.push_back(waiting[i]);
        }
        compute(c, w, h, group.data(), weights.data(), int32_t(group.size()), 0, out, y);
        for (size_t i = there.size(); i-- > 0;) {
            w.shelf->release(w.shelf_layer, held.experts[there[i]]);
            held.experts.erase(held.experts.begin() + there[i]);
            waiting.erase(waiting.begin() + there[i]);
        }
    }
}

void Worker::moe(const Config& c, const LayerWeights& layer, const std::vector<int32_t>& ids, const float* x, float* y,
                 const Likely& next) {
    const MoeWeights& w = layer.moe;
    const int32_t tokens = ids.size();
    Rows h;
    const int32_t slots = choose_experts(c, w, layer.mlp_norm, ids, x, h);
    const std::vector<Share> shares = divide(c, w, slots);
    float* out = grow(expert_out_, int64_t(slots) * c.hidden);
    if (w.shelf) {
        compute_from_shelf(c, w, h, shares, tokens, next, out, y);
    } else {
        const std::vector<const DenseWeights*> all(shares.size(), &w.experts);
        compute(c, w, h, shares.data(), all.data(), int32_t(shares.size()), w.has_shared ? tokens : 0, out, y);
    }
    const int32_t per_token = c.experts_per_token;
    for_rows(tokens, per_token * c.hidden * 8, [&](int32_t t) {
        for (int32_t i = t * per_token; i < (t + 1) * per_token; ++i)
            k_.add_scaled(y + int64_t(t) * c.hidden, out + int64_t(slots_[i]) * c.hidden, weights_[i], c.hidden);
    });
}

Likely Worker::likely(const Config& c, const LayerWeights& layer, const std::vector<int32_t>& ids, const float* x) {
    if (!layer.is_moe || !layer.moe.shelf || ids.size() > MOST_READ_AHEAD) return {};
    Rows h;
    if (c.compressed) {
        float* collapsed = grow(collapsed_, int64_t(ids.size()) * c.hidden);
        collapse(c, layer.mlp_mix, x, int32_t(ids.size()), false, collapsed);
        x = collapsed;
    }
    choose_experts(c, layer.moe, layer.mlp_norm, ids, x, h);
    return {&layer, experts_};
}

}  // namespace huozhong
