// The shelf of experts: what is got is what lies in the file, whoever reads and whatever is guessed beside it; a file that
// ends too early is told and nothing is left held.  Built with sanitizers it looks for races and accesses out of bounds.
#include <fcntl.h>

#include <algorithm>

#include "experts.h"
#include "testing.h"

namespace testing {
namespace {

constexpr int32_t LAYERS = 3, EXPERTS = 12, HIDDEN = 64, WIDTH = 96;

// A file in memory and on the disk, and a layer's matrices in it, each at an odd place.
struct File {
    std::vector<uint8_t> data;
    char path[32] = "/tmp/expertsXXXXXX";
    std::vector<DenseWeights> layers;

    explicit File(Random& random) {
        struct Place { Matrix* m; int64_t data, scales; };
        std::vector<Place> places;
        layers.resize(LAYERS);
        for (int32_t l = 0; l < LAYERS; ++l) {
            DenseWeights& w = layers[l];
            // Of different sizes, and in the second layer gate and up apart.
            w.gate_up.all.assign(l == 1 ? 2 : 1, {Format::q8, l == 1 ? WIDTH : 2 * WIDTH, HIDDEN, EXPERTS, nullptr, nullptr});
            w.down = {l == 2 ? Format::f16 : Format::q4, HIDDEN, WIDTH, EXPERTS, nullptr, nullptr};
            for (Matrix& m : w.gate_up.all) places.push_back({&m, 0, 0});
            places.push_back({&w.down, 0, 0});
        }
        int64_t end = 64;
        for (Place& p : places) {
            p.data = end;
            end += p.m->matrix_bytes() * EXPERTS + 64 * random.below(70);
            p.scales = end;
            end += 2 * p.m->matrix_scales() * EXPERTS;
        }
        data.resize(end);
        for (uint8_t& byte : data) byte = uint8_t(random.bits());
        for (Place& p : places) {
            p.m->data = data.data() + p.data;
            if (p.m->matrix_scales()) p.m->scales = reinterpret_cast<const uint16_t*>(data.data() + p.scales);
        }
        const int file = mkstemp(path);
        if (file < 0 || write(file, data.data(), data.size()) != ssize_t(data.size())) fail("no file");
        close(file);
    }
    ~File() { unlink(path); }
};

void same(const Matrix& got, const Matrix& stack, int32_t expert) {
    if (got.count != 1) fail("an expert is not one matrix");
    if (std::memcmp(got.data, stack.data + expert * stack.matrix_bytes(), stack.matrix_bytes())) fail("other weights");
    if (stack.scales && std::memcmp(got.scales, stack.scales + expert * stack.matrix_scales(), 2 * stack.matrix_scales()))
        fail("other scales");
}

std::unique_ptr<ExpertShelf> shelf_of(File& file, int64_t bytes) {
    auto shelf = std::make_unique<ExpertShelf>(file.path, file.data.data(), file.data.size(), bytes, 3);
    for (const DenseWeights& layer : file.layers) shelf->add(layer);
    shelf->open();
    return shelf;
}

void passes(File& file, ExpertShelf& shelf, Random& random, int32_t rounds) {
    for (int32_t round = 0; round < rounds; ++round) {
        const int32_t layer = round % LAYERS, count = 1 + random.below(std::min(shelf.room(), EXPERTS));
        std::vector<int32_t> experts = random.permutation(EXPERTS);
        experts.resize(count);
        shelf.sort(layer, experts);
        for (int32_t e : experts) shelf.want(layer, e);
        std::vector<int32_t> next = random.permutation(EXPERTS);
        next.resize(random.below(EXPERTS));
        if (random.below(2)) shelf.guess((layer + 1) % LAYERS, next);
        for (int32_t e : experts) {
            const DenseWeights& got = shelf.get(layer, e);
            for (size_t i = 0; i < got.gate_up.all.size(); ++i) same(got.gate_up.all[i], file.layers[layer].gate_up.all[i], e);
            same(got.down, file.layers[layer].down, e);
        }
        for (int32_t e : experts) shelf.release(layer, e);
    }
}

template <class F> bool refuses(F f) {
    try {
        f();
    } catch (const ReadError&) {
        return true;
    }
    return false;
}

}  // namespace
}  // namespace testing

int main() {
    using namespace testing;
    Random random(5);
    File file(random);
    for (int64_t experts : {4, 7, 20, 100}) {
        auto sizes = shelf_of(file, int64_t(1) << 24);
        auto shelf = shelf_of(file, experts * sizes->expert_bytes());
        passes(file, *shelf, random, 400);
        const ShelfStats stats = shelf->stats();
        if (stats.hits + stats.misses == 0 || stats.reads < stats.misses / 2) fail("nothing was counted");
        if (experts == 100 && std::max(stats.reads, stats.misses) > LAYERS * EXPERTS) fail("what is there was read again");
    }
    if (!refuses([&] { ExpertShelf("/nowhere/at/all", file.data.data(), 1, 1, 1); })) fail("no file was opened");
    if (!refuses([&] { shelf_of(file, 4096); })) fail("four experts in a page");
    auto shelf = shelf_of(file, int64_t(1) << 24);
    if (truncate(file.path, 4096)) fail("not shortened");
    shelf->want(2, 7);
    if (!refuses([&] { shelf->get(2, 7); })) fail("an expert that is not there");
    shelf->release(2, 7);
    const int again = open(file.path, O_WRONLY);
    if (write(again, file.data.data(), file.data.size()) != ssize_t(file.data.size())) fail("not written again");
    close(again);
    passes(file, *shelf, random, 60);
    std::printf("agree: shelf\n");
}
