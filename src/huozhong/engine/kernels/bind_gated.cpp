// The network of huozhong.apps.rank, whose gate picks the fields that are read.
#include "bindings.h"

namespace {

struct PyGated {
    GatedNetwork n{};
    std::vector<std::shared_ptr<void>> keep;  // the arrays that `n` points into
    int32_t values;

    PyGated(In<float, 2> vectors, In<float, 1> linear, std::optional<In<float, 3>> first, In<float, 1> first_bias,
            In<float, 2> second, In<float, 1> second_bias, In<float, 1> last, float last_bias, int64_t fields,
            std::optional<In<float, 1>> gate_scores, std::optional<In<float, 2>> gate_mixing,
            std::optional<In<float, 1>> gate_bias, int64_t picked) {
        values = size(vectors.shape(0), "values");
        n.width = size(vectors.shape(1), "width");
        n.hidden = size(first_bias.size(), "hidden");
        n.second_hidden = size(second_bias.size(), "second_hidden");
        n.fields = size(fields, "fields");
        n.picked = size(picked, "picked");
        check(n.fields >= 1 && n.fields <= 4096, "fields must lie between 1 and 4096");
        check(n.picked >= 1 && n.picked <= n.fields, "picked must lie between 1 and the number of fields");
        check(n.hidden >= 1 && n.hidden % GATED_LANES == 0 && n.second_hidden >= 1 && n.second_hidden % GATED_LANES == 0,
              "hidden widths must be multiples of 32");
        check(int64_t(linear.size()) == values, "linear needs a number for every value");
        if (first)
            check(first->shape(0) == size_t(n.fields) && first->shape(1) == size_t(n.width) &&
                      first->shape(2) == size_t(n.hidden), "the shape of first does not fit");
        else check(n.width == n.hidden, "folded vectors are as wide as the first layer");
        check(second.shape(0) == size_t(n.hidden) && second.shape(1) == size_t(n.second_hidden),
              "the shape of second does not fit");
        check(last.size() == size_t(n.second_hidden), "the shape of last does not fit");
        check(gate_scores.has_value() == gate_mixing.has_value() && gate_scores.has_value() == gate_bias.has_value(),
              "a gate has scores, mixing and bias");
        if (gate_scores)
            check(int64_t(gate_scores->size()) == values && gate_mixing->shape(0) == size_t(n.fields) &&
                      gate_mixing->shape(1) == size_t(n.fields) && gate_bias->size() == size_t(n.fields),
                  "the shapes of the gate do not fit");
        else check(n.picked == n.fields, "without a gate all fields are read");
        n.vectors = hold(vectors);
        n.linear = hold(linear);
        n.first = first ? hold(*first) : nullptr;
        n.first_bias = hold(first_bias);
        n.second = hold(second);
        n.second_bias = hold(second_bias);
        n.last = hold(last);
        n.last_bias = last_bias;
        n.gate_scores = gate_scores ? hold(*gate_scores) : nullptr;
        n.gate_mixing = gate_mixing ? hold(*gate_mixing) : nullptr;
        n.gate_bias = gate_bias ? hold(*gate_bias) : nullptr;
    }

    template <class A> const float* hold(A& array) {
        keep.push_back(std::make_shared<A>(array));
        return array.data();
    }

    Out scores(In<int32_t, 2> ids, int32_t threads) const {
        check(threads >= 1 && threads <= 1024, "threads must lie between 1 and 1024");
        check(ids.shape(1) == size_t(n.fields), "ids need a column for every field");
        const int32_t rows = size(ids.shape(0), "rows");
        for (size_t i = 0; i < ids.size(); ++i) check(uint32_t(ids.data()[i]) < uint32_t(values), "an id is out of range");
        NewArray out({size_t(rows)});
        const int32_t items = (rows + GATED_ROWS - 1) / GATED_ROWS;
        {
            nb::gil_scoped_release release;
            const int64_t room = gated_scratch(n, std::min<int32_t>(rows, GATED_ROWS));
            std::vector<float> scratch(room * threads);
            Pool::get().run(threads, items, [&](int32_t item, int32_t thread) {
                const int32_t begin = item * GATED_ROWS, here = std::min(GATED_ROWS, rows - begin);
                kernels().gated_rows(n, ids.data() + int64_t(begin) * n.fields, here, out.data.get() + begin,
                                     scratch.data() + thread * room);
            });
        }
        return out.numpy();
    }
};

}  // namespace

void add_gated(nb::module_& module) {
    nb::class_<PyGated>(module, "Gated")
        .def(nb::init<In<float, 2>, In<float, 1>, std::optional<In<float, 3>>, In<float, 1>, In<float, 2>, In<float, 1>,
                      In<float, 1>, float, int64_t, std::optional<In<float, 1>>, std::optional<In<float, 2>>,
                      std::optional<In<float, 1>>, int64_t>(),
             "vectors"_a, "linear"_a, "first"_a.none(), "first_bias"_a, "second"_a, "second_bias"_a, "last"_a,
             "last_bias"_a, "fields"_a, "gate_scores"_a.none(), "gate_mixing"_a.none(), "gate_bias"_a.none(), "picked"_a)
        .def("scores", &PyGated::scores, "ids"_a, "threads"_a);
}
