// The shelf of experts: what has arrived is what lies in the file, whoever reads, whoever else wants it and whatever is
// guessed beside it; a file that ends too early is told, and nothing is left held.  Built with sanitizers it looks for
// races and accesses out of bounds.
#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <thread>

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

    // No hole is left to be read: what is not there is not there.
    void shorten(int64_t bytes) {
        if (truncate(path, bytes)) fail("not shortened");
    }
    void make_whole() {
        const int file = open(path, O_WRONLY | O_APPEND);
        const int64_t there = lseek(file, 0, SEEK_END), left = int64_t(data.size()) - there;
        if (write(file, data.data() + there, left) != left) fail("not written again");
        close(file);
    }
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

template <class F> bool refuses(F f) {
    try {
        f();
    } catch (const ReadError&) {
        return true;
    }
    return false;
}

void same(const File& file, const DenseWeights& got, int32_t layer, int32_t expert) {
    const DenseWeights& stacks = file.layers[layer];
    for (size_t i = 0; i < got.gate_up.all.size(); ++i) same(got.gate_up.all[i], stacks.gate_up.all[i], expert);
    same(got.down, stacks.down, expert);
}

// As a layer of a model does it: wants some, waits for any of them, looks at what is there once more before it lets go,
// and says what the next may want.  A request that is given up lets go of what has not come.
struct Layers {
    File& file;
    ExpertShelf& shelf;
    Random random;
    int64_t errors = 0, given_up = 0;

    void pass(int32_t layer) {
        std::vector<int32_t> waiting = random.permutation(EXPERTS);
        waiting.resize(1 + random.below(std::min(shelf.room(), EXPERTS)));
        shelf.sort(layer, waiting);
        guess_sometimes(layer);
        for (int32_t e : waiting) shelf.want(layer, e);
        guess_sometimes((layer + 1) % LAYERS);
        while (!waiting.empty()) {
            std::vector<size_t> there;
            const size_t most = 1 + random.below(4);
            try {
                if (random.below(40)) there = shelf.arrived(layer, waiting, most);
                else ++given_up;
            } catch (const ReadError&) {
                ++errors;
            }
            if (there.size() > most) fail("more than were asked for");
            if (!std::is_sorted(there.begin(), there.end())) fail("not in order");
            for (size_t i : there) same(file, shelf.get(layer, waiting[i]), layer, waiting[i]);
            guess_sometimes(random.below(LAYERS));
            for (size_t i : there) same(file, shelf.get(layer, waiting[i]), layer, waiting[i]);
            if (there.empty()) {
                for (int32_t e : waiting) shelf.release(layer, e);
                waiting.clear();
            }
            for (size_t i = there.size(); i-- > 0;) {
                shelf.release(layer, waiting[there[i]]);
                waiting.erase(waiting.begin() + there[i]);
            }
        }
    }

    void guess_sometimes(int32_t layer) {
        if (random.below(2)) return;
        std::vector<int32_t> likely;  // of several rows: some twice
        for (int32_t i = random.below(2 * EXPERTS); i > 0; --i) likely.push_back(random.below(EXPERTS));
        shelf.guess(layer, likely);
    }
};

Layers passes(File& file, ExpertShelf& shelf, uint64_t seed, int32_t rounds) {
    Layers layers{file, shelf, Random(seed)};
    for (int32_t round = 0; round < rounds; ++round) layers.pass(round % LAYERS);
    return layers;
}

void read_well(File& file, ExpertShelf& shelf, uint64_t seed, int32_t rounds) {
    if (passes(file, shelf, seed, rounds).errors) fail("a file that is whole could not be read");
}

// Every expert, one at a time: if one were left held, or not to be found, this would not end.
void all_to_be_had(File& file, ExpertShelf& shelf) {
    for (int32_t layer = 0; layer < LAYERS; ++layer)
        for (int32_t e = 0; e < EXPERTS; ++e) {
            shelf.want(layer, e);
            shelf.arrived(layer, {e}, 1);
            same(file, shelf.get(layer, e), layer, e);
            shelf.release(layer, e);
        }
    std::vector<int32_t> some(std::min(shelf.room(), EXPERTS));
    for (size_t i = 0; i < some.size(); ++i) some[i] = i;
    for (int32_t e : some) shelf.want(0, e);
    for (int32_t e : some) shelf.release(0, e);
}

// Two threads at a time, as many experts as there is room for each.
void two_at_once(File& file, ExpertShelf& shelf, int32_t rounds) {
    std::thread other([&] { read_well(file, shelf, 21, rounds); });
    read_well(file, shelf, 22, rounds);
    other.join();
    all_to_be_had(file, shelf);
}

// The file is shortened and made whole again under two threads: what is got is right, or an error.
void failing(File& file, ExpertShelf& shelf, int32_t rounds) {
    std::atomic<bool> over{false};
    std::atomic<int64_t> errors{0};
    const auto run = [&](uint64_t seed, int32_t number) { errors += passes(file, shelf, seed, number).errors; };
    file.shorten(4096);
    for (uint64_t seed = 0; !errors; ++seed) run(seed, 1);
    std::thread first([&] { run(31, rounds); }), second([&] { run(32, rounds); });
    std::thread disk([&] {
        Random random(33);
        while (!over) {
            std::this_thread::sleep_for(std::chrono::microseconds(random.below(2000)));
            file.make_whole();
            std::this_thread::sleep_for(std::chrono::microseconds(random.below(2000)));
            file.shorten(64 * random.below(int32_t(file.data.size() / 64)));
        }
    });
    first.join();
    second.join();
    over = true;
    disk.join();
    file.make_whole();
    run(33, 10);  // what was under way when the disk came back may be an error yet
    all_to_be_had(file, shelf);
}

// What fails while it is held by one is read again for another, and each lets go of it.
void once_more(File& file) {
    auto shelf = shelf_of(file, int64_t(1) << 24);
    file.shorten(4096);
    const std::vector<int32_t> asked{7};
    shelf->want(2, 7);
    if (!refuses([&] { shelf->arrived(2, asked, 1); })) fail("an expert that is not there");
    file.make_whole();
    shelf->want(2, 7);
    shelf->release(2, 7);
    shelf->arrived(2, asked, 1);
    same(file, shelf->get(2, 7), 2, 7);
    shelf->release(2, 7);
    if (const int64_t reads = shelf->stats().reads; reads != 2) fail("read " + std::to_string(reads) + " times, not twice");
    all_to_be_had(file, *shelf);
}

// A guess that fails is no error; wanted, it is read again.
void failed_guess(File& file) {
    auto shelf = shelf_of(file, int64_t(1) << 24);
    file.shorten(4096);
    shelf->guess(2, {7});
    while (!shelf->stats().reads) std::this_thread::yield();
    file.make_whole();
    shelf->guess(2, {7});
    shelf->want(2, 7);
    shelf->arrived(2, {7}, 1);
    same(file, shelf->get(2, 7), 2, 7);
    shelf->release(2, 7);
    const ShelfStats stats = shelf->stats();
    if (stats.guesses != 1 || stats.ahead != 1 || stats.misses != 1 || stats.reads != 2) fail("counted otherwise");
}

}  // namespace
}  // namespace testing

int main() {
    using namespace testing;
    Random random(5);
    File file(random);
    const int64_t bytes = shelf_of(file, int64_t(1) << 24)->expert_bytes();
    for (int64_t experts : {4, 7, 20, 100}) {
        auto shelf = shelf_of(file, experts * bytes);
        read_well(file, *shelf, experts, 400);
        const ShelfStats stats = shelf->stats();
        if (stats.hits + stats.misses == 0 || stats.reads < stats.misses / 2) fail("nothing was counted");
        if (experts == 100 && std::max(stats.reads, stats.misses) > LAYERS * EXPERTS) fail("what is there was read again");
        if (stats.ahead > stats.guesses) fail("more guesses were right than there were");
        if (!(0 < stats.busy && stats.busy <= stats.reading && stats.reading < 3.01 * stats.busy)) fail("times do not fit");
        two_at_once(file, *shelf, 400);
    }
    for (int64_t experts : {4, 9, 100}) {
        auto shelf = shelf_of(file, experts * bytes);
        failing(file, *shelf, 300);
        read_well(file, *shelf, experts, 60);
    }
    once_more(file);
    failed_guess(file);
    for (int32_t i = 0; i < 50; ++i) {  // closed while there is much to read
        auto shelf = shelf_of(file, 20 * bytes);
        for (int32_t e = 0; e < 10; ++e) shelf->want(i % LAYERS, e);
        shelf->guess((i + 1) % LAYERS, random.permutation(EXPERTS));
    }
    if (!refuses([&] { ExpertShelf("/nowhere/at/all", file.data.data(), 1, 1, 1); })) fail("no file was opened");
    if (!refuses([&] { shelf_of(file, 4096); })) fail("four experts in a page");
    std::printf("agree: shelf\n");
}
