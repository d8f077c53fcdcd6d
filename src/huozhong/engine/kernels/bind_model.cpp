// The model as Python sees it.
#include "bindings.h"
#include "experts.h"

namespace {

class PyModel {
  public:
    PyModel(nb::dict config, nb::handle embedding, In<float, 1> norm, nb::handle head, In<float, 3> rope) {
        Config& c = model_.config = Config{};  // what belongs to the other kind of attention is 0
        const auto number = [&](const char* key) { return size(nb::cast<int64_t>(config[key]), key); };
        c.vocab = number("vocab");
        c.hidden = number("hidden");
        c.heads = number("heads");
        c.grouped = nb::cast<bool>(config["grouped"]);
        c.compressed = config.contains("compressed") && nb::cast<bool>(config["compressed"]);
        c.rope = number("rope");
        if (c.compressed) {
            read_compressed(config);
        } else if (c.grouped) {
            c.kv_heads = number("kv_heads");
            c.dim = number("dim");
            check(c.kv_heads && c.dim && c.heads % c.kv_heads == 0, "groups must divide heads");
            check(c.rope <= c.dim, "more of a head is rotated than there is");
        } else {
            c.rank = number("rank");
            c.q_rank = number("q_rank");
            c.nope = number("nope");
            c.v = number("v");
            c.latent_eps = nb::cast<float>(config["latent_eps"]);
            c.index_heads = number("index_heads");
            c.index_dim = number("index_dim");
            c.index_top = number("index_top");
            check(c.rank && c.nope && c.rope && c.v, "a width is zero");
            check(!c.index_top || (c.q_rank && c.index_heads && c.index_dim % GROUP == 0 && c.index_dim >= c.rope),
                  "an indexer needs a query latent, heads, and a width that is a multiple of 32 and holds the rotation");
        }
        c.experts = number("experts");
        c.experts_per_token = number("experts_per_token");
        c.groups = number("groups");
        c.top_groups = number("top_groups");
        c.softmax_scores = nb::cast<bool>(config["softmax_scores"]);
        c.sqrt_softplus = config.contains("sqrt_softplus") && nb::cast<bool>(config["sqrt_softplus"]);
        check(!(c.softmax_scores && c.sqrt_softplus), "scores are a softmax or a root of softplus, not both");
        c.limit = config.contains("limit") ? nb::cast<float>(config["limit"]) : 0.0f;
        c.best_two = nb::cast<bool>(config["best_two"]);
        c.normalize = nb::cast<bool>(config["normalize"]);
        c.routed_scale = nb::cast<float>(config["routed_scale"]);
        c.eps = nb::cast<float>(config["eps"]);
        c.softmax_scale = nb::cast<float>(config["softmax_scale"]);
        check(c.vocab && c.hidden && c.heads, "a width is zero");
        check(rope.shape(1) == 2 && int64_t(rope.shape(2)) * 2 == c.rope, "the rope table does not fit");
        model_.embedding = matrix(embedding, c.vocab, c.hidden, 1, "embedding");
        model_.head = matrix(head, c.vocab, c.hidden, 1, "head");
        model_.norm = vector(nb::cast(norm), c.hidden, "norm");
        model_.rope = rope.data();
        model_.positions = size(rope.shape(0), "positions");
        owners_.push_back(nb::cast(rope));
    }

    // Of compressed attention, before the first layer: the rope table of layers that compress, and to what the streams
    // collapse in the end.
    void add_streams(nb::dict w, In<float, 3> rope) {
        const Config& c = model_.config;
        check(c.compressed && model_.layers.empty(), "streams belong to compressed attention, before its layers");
        check(rope.shape(1) == 2 && int64_t(rope.shape(2)) * 2 == c.rope && int64_t(rope.shape(0)) == model_.positions,
              "the rope table does not fit");
        model_.head_mix = streams(w, "head_mix", c.streams, 1);
        model_.compress_rope = rope.data();
        owners_.push_back(nb::cast(rope));
    }

    // Experts stay in the file at `path`, mapped at `base`; before the first layer.  `open` when all layers are there.
    void stream(const std::string& path, In<uint8_t, 1> base, int64_t bytes, int32_t readers) {
        check(model_.layers.empty(), "experts are streamed from the first layer on");
        check(bytes > 0 && readers >= 1 && readers <= 64, "the memory or the readers are out of range");
        owners_.push_back(nb::cast(base));
        shelf_ = std::make_unique<ExpertShelf>(path, base.data(), int64_t(base.size()), bytes, readers);
    }
    void open() {
        if (shelf_) shelf_->open();
    }
    nb::dict shelf_stats() {
        nb::dict told;
        if (!shelf_) return told;
        const ShelfStats s = shelf_->stats();
        told["hits"] = s.hits;
        told["ahead"] = s.ahead;
        told["misses"] = s.misses;
        told["reads"] = s.reads;
        told["bytes"] = s.bytes;
        told["guesses"] = s.guesses;
        told["waited"] = s.waited;
        told["busy"] = s.busy;
        told["reading"] = s.reading;
        told["slots"] = shelf_->number();
        told["expert_bytes"] = shelf_->expert_bytes();
        told["direct"] = shelf_->direct();
        return told;
    }

    void add_layer(nb::dict w) {
        check(!model_.config.compressed || model_.compress_rope, "streams come before the first layer");
        model_.layers.push_back(layer(w));
        check(model_.config.compressed || !model_.config.index_top || model_.layers.front().latent.index.there,
              "the first layer needs an indexer");
    }

    void add_prediction(nb::dict w) {
        const int32_t hidden = model_.config.hidden;
        check(!model_.config.compressed, "compressed attention has no prediction modules");
        model_.prediction.push_back({vector(w["enorm"], hidden, "enorm"), vector(w["hnorm"], hidden, "hnorm"),
                                     vector(w["norm"], hidden, "norm"),
                                     matrix(w["eh_proj"], hidden, 2 * hidden, 1, "eh_proj"),
                                     layer(nb::cast<nb::dict>(w["layer"])), {}, {}});
        if (w.contains("guessed")) {
            PredictionWeights& module = model_.prediction.back();
            const auto guessed = nb::cast<In<int32_t, 1>>(w["guessed"]);
            check(guessed.size() >= 1, "a prediction module's own head needs tokens");
            for (size_t i = 0; i < guessed.size(); ++i)
                check(guessed.data()[i] >= 0 && guessed.data()[i] < model_.config.vocab, "guessed: no such token");
            module.guessed.assign(guessed.data(), guessed.data() + guessed.size());
            module.head = matrix(w["head"], int64_t(guessed.size()), hidden, 1, "head");
        }
        check(!model_.config.index_top || model_.prediction.back().layer.latent.index.there,
              "a prediction module needs an indexer of its own");
    }

    // spans: rows of (first_row, length, start, prefill, first entry in pages, entries in pages)
    // cache: [layers, pages, bytes of a page].  Returns logits of logit_rows and hidden states of hidden_rows.
    nb::tuple forward(InOut<uint8_t, 3> cache, int64_t page_size, const std::string& cache_format, In<int32_t, 1> tokens,
                      In<int64_t, 2> spans, In<int32_t, 1> pages, In<int32_t, 1> logit_rows,
                      In<int32_t, 1> hidden_rows, int32_t threads) {
        const Batch batch = make_batch(cache, page_size, cache_format, tokens, spans, pages, logit_rows, hidden_rows);
        const Cache all{cache.data(), int64_t(cache.shape(2)), int32_t(page_size), cache_format_of(cache_format)};
        return run(batch, threads, [&](float* logits, float* hidden) {
            model_.forward(*worker_, all, all.page_bytes * cache.shape(1), batch, logits, hidden);
        });
    }

    // The same, and what goes out of the layers `taps` at hidden_rows: [hidden_rows, taps * hidden].
    nb::tuple forward_tapped(InOut<uint8_t, 3> cache, int64_t page_size, const std::string& cache_format,
                             In<int32_t, 1> tokens, In<int64_t, 2> spans, In<int32_t, 1> pages, In<int32_t, 1> logit_rows,
                             In<int32_t, 1> hidden_rows, int32_t threads, In<int32_t, 1> taps) {
        const Batch batch = make_batch(cache, page_size, cache_format, tokens, spans, pages, logit_rows, hidden_rows);
        const Cache all{cache.data(), int64_t(cache.shape(2)), int32_t(page_size), cache_format_of(cache_format)};
        const std::vector<int32_t> layers(taps.data(), taps.data() + taps.size());
        for (int32_t layer : layers)
            check(layer >= 0 && size_t(layer) < model_.layers.size(), "there is no such layer to look at");
        NewArray tapped({batch.hidden_rows.size(), layers.size() * size_t(model_.config.hidden)});
        const nb::tuple found = run(batch, threads, [&](float* logits, float* hidden) {
            model_.forward(*worker_, all, all.page_bytes * cache.shape(1), batch, logits, hidden, layers,
                           tapped.data.get());
        });
        return nb::make_tuple(found[0], found[1], tapped.numpy());
    }

    // Prediction module `index`; its cache is the layer behind the model's own and the modules' before it.
    nb::tuple draft(int64_t index, In<float, 2> states, InOut<uint8_t, 3> cache, int64_t page_size,
                    const std::string& cache_format, In<int32_t, 1> tokens, In<int64_t, 2> spans, In<int32_t, 1> pages,
                    In<int32_t, 1> logit_rows, In<int32_t, 1> hidden_rows, int32_t threads) {
        const Batch batch = make_batch(cache, page_size, cache_format, tokens, spans, pages, logit_rows, hidden_rows);
        const Cache own = module_cache(index, states, batch, cache, page_size, cache_format);
        return run(batch, threads, [&](float* logits, float* hidden) {
            model_.draft(*worker_, int32_t(index), own, batch, states.data(), logits, hidden);
        });
    }

    // Tokens and probabilities [spans, largest limit]; see Model::draft_ahead.  limits: how many tokens each span guesses.
    nb::tuple draft_ahead(int64_t index, In<float, 2> states, In<int32_t, 1> limits, int64_t vocab, float p_min,
                          InOut<uint8_t, 3> cache, int64_t page_size, const std::string& cache_format,
                          In<int32_t, 1> tokens, In<int64_t, 2> spans, In<int32_t, 1> pages, In<int32_t, 1> logit_rows,
                          In<int32_t, 1> hidden_rows, int32_t threads) {
        check(limits.size() == spans.shape(0) && limits.size() >= 1, "one limit per span is needed");
        for (size_t i = 0; i < limits.size(); ++i)
            check(limits.data()[i] >= 1 && limits.data()[i] <= 64, "a limit must lie between 1 and 64");
        check(vocab >= 1 && vocab <= model_.config.vocab, "vocab must lie between 1 and the model's");
        Batch batch = make_batch(cache, page_size, cache_format, tokens, spans, pages, logit_rows, hidden_rows,
                                 limits.data());
        const Cache own = module_cache(index, states, batch, cache, page_size, cache_format);
        const int32_t most = *std::max_element(limits.data(), limits.data() + limits.size());
        New<int32_t> guessed({limits.size(), size_t(most)});
        NewArray probabilities({limits.size(), size_t(most)});
        with_worker(threads, [&] {
            model_.draft_ahead(*worker_, int32_t(index), own, std::move(batch), states.data(), limits.data(), most,
                               int32_t(vocab), p_min, guessed.data.get(), probabilities.data.get());
        });
        return nb::make_tuple(guessed.numpy(), probabilities.numpy());
    }

  private:
    Cache module_cache(int64_t index, const In<float, 2>& states, const Batch& batch, InOut<uint8_t, 3>& cache,
                       int64_t page_size, const std::string& cache_format) {
        check(index >= 0 && index < int64_t(model_.prediction.size()), "there is no such prediction module");
        check(states.shape(0) == batch.tokens.size() && states.shape(1) == size_t(model_.config.hidden),
              "one hidden state per token is needed");
        const int64_t bytes = cache.shape(2), layer = int64_t(model_.layers.size()) + index;
        return {cache.data() + layer * bytes * cache.shape(1), bytes, int32_t(page_size), cache_format_of(cache_format)};
    }

    LayerWeights layer(nb::dict w) {
        const Config& c = model_.config;
        LayerWeights layer{};
        layer.attention_norm = vector(w["attention_norm"], c.hidden, "attention_norm");
        layer.mlp_norm = vector(w["mlp_norm"], c.hidden, "mlp_norm");
        if (c.compressed) compressed_layer(w, layer);
        else if (c.grouped) layer.grouped = grouped(w);
        else layer.latent = latent(w);
        layer.is_moe = w.contains("router");
        if (layer.is_moe) {
            check_routing(c);
            MoeWeights& m = layer.moe;
            m.router = matrix(w["router"], c.experts, c.hidden, 1, "router");
            check(m.router.format == Format::f32, "the router must be f32");
            if (w.contains("router_bias")) m.bias = vector(w["router_bias"], c.experts, "router_bias");
            if (w.contains("table")) m.table = table(w["table"]);
            m.experts = dense(w["gate_up"], w["mlp_down"], c.experts);
            m.has_shared = w.contains("shared_gate_up");
            if (m.has_shared) m.shared = dense(w["shared_gate_up"], w["shared_down"], 1);
            if (shelf_) {
                m.shelf = shelf_.get();
                m.shelf_layer = shelf_->add(m.experts);
            }
        } else {
            layer.dense = dense(w["gate_up"], w["mlp_down"], 1);
        }
        return layer;
    }

    Batch make_batch(InOut<uint8_t, 3> cache, int64_t page_size, const std::string& cache_format, In<int32_t, 1> tokens,
                     In<int64_t, 2> spans, In<int32_t, 1> pages, In<int32_t, 1> logit_rows, In<int32_t, 1> hidden_rows,
                     const int32_t* limits = nullptr) {
        const Config& c = model_.config;
        check(cache.shape(0) == model_.layers.size() + model_.prediction.size(),
              "the cache has another number of layers than the model");
        const CacheFormat format = cache_format_of(cache_format);
        const int64_t bytes = cache.shape(2);
        check(cache.shape(1) >= 1, "the cache is empty");
        if (c.compressed) check_compressed_pages(page_size, bytes, format);
        else check(bytes == page_bytes(c, page_size, format), "the cache's pages have another size than the model's");
        check(spans.shape(1) == 6, "a span is six numbers");
        Batch batch;
        batch.tokens.assign(tokens.data(), tokens.data() + tokens.size());
        const int64_t count = size(tokens.size(), "rows");
        check(count >= 1, "a batch needs at least one row");
        for (int32_t token : batch.tokens) check(token >= 0 && token < c.vocab, "a token is not in the vocabulary");
        int64_t row = 0;
        for (size_t i = 0; i < spans.shape(0); ++i) {
            const int64_t* s = spans.data() + 6 * i;
            check(s[0] == row, "spans must follow one another");
            check(s[4] >= 0 && s[5] >= 0 && s[4] <= int64_t(pages.size()) && s[5] <= int64_t(pages.size()) - s[4],
                  "a span's pages are not there");
            const int64_t beyond = limits ? limits[i] - 1 : 0;
            batch.spans.push_back(make_span(c, s[0], s[1], s[2], s[3] != 0, pages.data() + s[4], s[5], cache.shape(1),
                                            page_size, bytes, format, beyond));
            check(batch.spans.back().end() + beyond <= model_.positions, "a position is not in the rope table");
            row += s[1];
        }
        check(row == count, "spans must cover every row");
        batch.logit_rows.assign(logit_rows.data(), logit_rows.data() + logit_rows.size());
        batch.hidden_rows.assign(hidden_rows.data(), hidden_rows.data() + hidden_rows.size());
        for (const auto* wanted : {&batch.logit_rows, &batch.hidden_rows})
            for (int32_t r : *wanted) check(r >= 0 && r < count, "a wanted row is not in the batch");
        return batch;
    }

    template <class F> nb::tuple run(const Batch& batch, int32_t threads, F f) {
        NewArray logits({batch.logit_rows.size(), size_t(model_.config.vocab)});
        NewArray hidden({batch.hidden_rows.size(), size_t(model_.config.hidden)});
        with_worker(threads, [&] { f(logits.data.get(), hidden.data.get()); });
        return nb::make_tuple(logits.numpy(), hidden.numpy());
    }

    template <class F> void with_worker(int32_t threads, F f) {
        check(threads >= 1 && threads <= 1024, "threads must lie between 1 and 1024");
        nb::gil_scoped_release release;
        std::lock_guard<std::mutex> only(model_.busy);
        if (!worker_ || &kernels() != used_ || threads != threads_) {
            used_ = &kernels();
            threads_ = threads;
            worker_ = std::make_unique<Worker>(*used_, threads);
        }
        f();
    }

    Matrix matrix(nb::handle object, int32_t out, int32_t in, int32_t count, const char* name) {
        owners_.push_back(nb::borrow(object));
        return shaped(nb::cast<MatrixArg>(object), out, in, count, name);
    }
    const float* vector(nb::handle object, int32_t n, const char* name) {
        const auto array = nb::cast<In<float, 1>>(object);
        if (array.size() != size_t(n)) fail(std::string("the length of ") + name + " does not fit");
        owners_.push_back(nb::borrow(object));
        return array.data();
    }
    // A tuple of matrices whose outputs add up to `out`.
    Matrices matrices(nb::handle object, int32_t out, int32_t in, int32_t count, const char* name) {
        Matrices all;
        owners_.push_back(nb::borrow(object));
        for (nb::handle part : nb::cast<nb::tuple>(object)) {
            all.all.push_back(nb::cast<MatrixArg>(part).m);
            const Matrix& m = all.all.back();
            if (m.in != in || m.count != count) fail(std::string("the shape of ") + name + " does not fit");
        }
        if (all.all.empty() || all.out() != out) fail(std::string("the shape of ") + name + " does not fit");
        return all;
    }
    LatentWeights latent(nb::dict w) {
        const Config& c = model_.config;
        const int32_t query = c.heads * c.qk();
        LatentWeights a{};
        a.down = matrices(w["down"], (c.q_rank ? c.q_rank : query) + c.latent(), c.hidden, 1, "down");
        if (c.q_rank) {
            a.q_norm = vector(w["q_norm"], c.q_rank, "q_norm");
            a.q_up = matrix(w["q_up"], query, c.q_rank, 1, "q_up");
        }
        a.kv_norm = vector(w["kv_norm"], c.rank, "kv_norm");
        a.k_up = matrix(w["k_up"], c.nope, c.rank, c.heads, "k_up");
        a.v_up = matrix(w["v_up"], c.v, c.rank, c.heads, "v_up");
        a.q_absorb = matrix(w["q_absorb"], c.rank, c.nope, c.heads, "q_absorb");
        a.out = matrix(w["out"], c.hidden, c.heads * c.v, 1, "out");
        if (w.contains("index_query")) a.index = index(w);
        // Both read one preparation of the cached latents.
        check(is_float(a.k_up.format) == is_float(a.v_up.format), "k_up and v_up must both be floats or integers");
        return a;
    }
    IndexWeights index(nb::dict w) {
        const Config& c = model_.config;
        check(c.index_top > 0, "a layer has an indexer, the model none");
        return {true, matrix(w["index_query"], c.index_heads * c.index_dim, c.q_rank, 1, "index_query"),
                matrix(w["index_key"], c.index_dim, c.hidden, 1, "index_key"),
                matrix(w["index_weights"], c.index_heads, c.hidden, 1, "index_weights"),
                vector(w["index_norm"], c.index_dim, "index_norm"), vector(w["index_bias"], c.index_dim, "index_bias")};
    }
    // Compressed attention: its numbers, a layer, and the streams beside all layers.
    void read_compressed(nb::dict config) {
        Config& c = model_.config;
        const auto number = [&](const char* key) { return size(nb::cast<int64_t>(config[key]), key); };
        c.dim = number("dim");
        c.q_rank = number("q_rank");
        c.window = number("window");
        c.out_groups = number("out_groups");
        c.out_rank = number("out_rank");
        c.sparse_rate = number("sparse_rate");
        c.heavy_rate = number("heavy_rate");
        c.index_heads = number("index_heads");
        c.index_dim = number("index_dim");
        c.index_top = number("index_top");
        c.streams = number("streams");
        c.sinkhorn = number("sinkhorn");
        c.stream_eps = nb::cast<float>(config["stream_eps"]);
        check(!c.grouped && c.dim && c.q_rank && c.window && c.out_rank && c.heavy_rate && c.sinkhorn, "a width is zero");
        check(c.rope && c.rope <= c.dim && c.rope <= c.index_dim, "more of a head is rotated than there is");
        check(c.out_groups && c.heads % c.out_groups == 0, "out_groups must divide heads");
        check(c.sparse_rate >= 1 && c.sparse_rate <= MOST_SPARSE, "sparse_rate must lie between 1 and 4");
        check(c.index_heads && c.index_top && c.index_dim % GROUP == 0, "an indexer needs heads and a width of 32s");
        check(c.streams >= 1 && c.streams <= MAX_STREAMS, "streams must lie between 1 and 8");
    }
    StreamWeights streams(nb::dict w, const std::string& name, int32_t numbers, int32_t scales) {
        const Config& c = model_.config;
        const std::string base = name + "_base", scale = name + "_scale";
        return {matrix(w[name.c_str()], numbers, c.streams * c.hidden, 1, name.c_str()),
                vector(w[base.c_str()], numbers, base.c_str()), vector(w[scale.c_str()], scales, scale.c_str())};
    }
    void compressed_layer(nb::dict w, LayerWeights& layer) {
        const Config& c = model_.config;
        const int32_t numbers = (2 + c.streams) * c.streams;
        check(w.contains("router"), "layers of compressed attention route to experts");
        layer.attention_mix = streams(w, "attention_mix", numbers, 3);
        layer.mlp_mix = streams(w, "mlp_mix", numbers, 3);
        CompressedWeights& a = layer.compressed;
        const auto kind = nb::cast<In<int32_t, 1>>(w["kind"]);
        check(kind.size() == 1 && kind.data()[0] >= 0 && kind.data()[0] <= 2, "a layer's kind is 0, 1 or 2");
        a.kind = Compression(kind.data()[0]);
        a.down = matrices(w["down"], c.q_rank + c.dim, c.hidden, 1, "down");
        a.q_norm = vector(w["q_norm"], c.q_rank, "q_norm");
        a.kv_norm = vector(w["kv_norm"], c.dim, "kv_norm");
        a.sinks = vector(w["sinks"], c.heads, "sinks");
        a.q_up = matrix(w["q_up"], c.heads * c.dim, c.q_rank, 1, "q_up");
        a.out_groups = matrix(w["out_groups"], c.out_rank, c.heads / c.out_groups * c.dim, c.out_groups, "out_groups");
        a.out = matrix(w["out"], c.hidden, c.out_groups * c.out_rank, 1, "out");
        if (a.kind == Compression::none) return;
        const bool sparse = a.kind == Compression::sparse;
        const int32_t gates = sparse ? 2 * c.dim : c.dim, index = sparse ? 2 * c.index_dim : 0;
        a.compress = matrices(w["compress"], 2 * (gates + index), c.hidden, 1, "compress");
        a.bias = table(w["compress_bias"], c.rate(a.kind), gates, "compress_bias");
        a.norm = vector(w["compress_norm"], c.dim, "compress_norm");
        if (!sparse) return;
        a.index_query = matrix(w["index_query"], c.index_heads * c.index_dim, c.q_rank, 1, "index_query");
        a.index_weights = matrix(w["index_weights"], c.index_heads, c.hidden, 1, "index_weights");
        a.index_bias = table(w["index_bias"], c.sparse_rate, index, "index_bias");
        a.index_norm = vector(w["index_norm"], c.index_dim, "index_norm");
    }
    void check_compressed_pages(int64_t page_size, int64_t bytes, CacheFormat format) {
        const Config& c = model_.config;
        check(page_size >= 1 && page_size <= LARGEST && page_size % c.heavy_rate == 0 &&
                  page_size % (BLOCK * c.sparse_rate) == 0 && page_size % RING == 0,
              "pages of compressed attention hold whole windows, and keys in sixteens");
        check(bytes % 4 == 0, "pages of compressed attention hold floats");
        check(model_.compress_rope, "compressed attention needs its streams");
        for (const LayerWeights& layer : model_.layers)
            check(bytes >= PageParts(c, layer.compressed.kind, page_size, format).bytes,
                  "the cache's pages are smaller than the model's");
    }
    const float* table(nb::handle object, int32_t rows, int32_t width, const char* name) {
        const auto array = nb::cast<In<float, 2>>(object);
        if (array.shape(0) != size_t(rows) || array.shape(1) != size_t(width))
            fail(std::string("the shape of ") + name + " does not fit");
        owners_.push_back(nb::borrow(object));
        return array.data();
    }
    const int32_t* table(nb::handle object) {
        const Config& c = model_.config;
        const auto array = nb::cast<In<int32_t, 2>>(object);
        check(array.shape(0) == size_t(c.vocab) && array.shape(1) == size_t(c.experts_per_token),
              "the shape of table does not fit");
        check_table(array.data(), array.size(), c);
        owners_.push_back(nb::borrow(object));
        return array.data();
    }
    GroupedWeights grouped(nb::dict w) {
        const Config& c = model_.config;
        const int32_t inner = c.heads * c.dim, width = inner + 2 * c.kv_heads * c.dim;
        GroupedWeights a{};
        a.qkv = matrices(w["qkv"], width, c.hidden, 1, "qkv");
        a.out = matrix(w["out"], c.hidden, inner, 1, "out");
        if (w.contains("qkv_bias")) a.bias = vector(w["qkv_bias"], width, "qkv_bias");
        if (w.contains("out_bias")) a.out_bias = vector(w["out_bias"], c.hidden, "out_bias");
        check(w.contains("q_norm") == w.contains("k_norm"), "q_norm and k_norm belong together");
        if (w.contains("q_norm")) {
            a.q_norm = vector(w["q_norm"], c.dim, "q_norm");
            a.k_norm = vector(w["k_norm"], c.dim, "k_norm");
        }
        return a;
    }
    DenseWeights dense(nb::handle gate_up, nb::handle down, int32_t count) {
        const int32_t width = nb::cast<MatrixArg>(down).m.in, hidden = model_.config.hidden;
        return {matrices(gate_up, 2 * width, hidden, count, "gate_up"), matrix(down, hidden, width, count, "down")};
    }

    Model model_;
    std::vector<nb::object> owners_;
    std::unique_ptr<ExpertShelf> shelf_;
    std::unique_ptr<Worker> worker_;
    const Kernels* used_ = nullptr;
    int32_t threads_ = 0;
};

}  // namespace

void add_model(nb::module_& module) {
    nb::exception<ReadError>(module, "ReadError", PyExc_OSError);
    nb::class_<PyModel>(module, "Model")
        .def(nb::init<nb::dict, nb::handle, In<float, 1>, nb::handle, In<float, 3>>(), "config"_a, "embedding"_a,
             "norm"_a, "head"_a, "rope"_a)
        .def("add_streams", &PyModel::add_streams, "weights"_a, "rope"_a)
        .def("stream", &PyModel::stream, "path"_a, "base"_a, "bytes"_a, "readers"_a)
        .def("open", &PyModel::open)
        .def("shelf_stats", &PyModel::shelf_stats)
        .def("add_layer", &PyModel::add_layer, "weights"_a)
        .def("add_prediction", &PyModel::add_prediction, "weights"_a)
        .def("draft", &PyModel::draft, "index"_a, "states"_a, "cache"_a.noconvert(), "page_size"_a, "cache_format"_a,
             "tokens"_a, "spans"_a, "pages"_a, "logit_rows"_a, "hidden_rows"_a, "threads"_a)
        .def("draft_ahead", &PyModel::draft_ahead, "index"_a, "states"_a, "limits"_a, "vocab"_a, "p_min"_a,
             "cache"_a.noconvert(), "page_size"_a, "cache_format"_a, "tokens"_a, "spans"_a, "pages"_a, "logit_rows"_a,
             "hidden_rows"_a, "threads"_a)
        .def("forward", &PyModel::forward, "cache"_a.noconvert(), "page_size"_a, "cache_format"_a, "tokens"_a, "spans"_a,
             "pages"_a, "logit_rows"_a, "hidden_rows"_a, "threads"_a)
        .def("forward_tapped", &PyModel::forward_tapped, "cache"_a.noconvert(), "page_size"_a, "cache_format"_a,
             "tokens"_a, "spans"_a, "pages"_a, "logit_rows"_a, "hidden_rows"_a, "threads"_a, "taps"_a);
}
