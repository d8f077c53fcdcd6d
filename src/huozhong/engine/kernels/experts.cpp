#include "experts.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

#if !defined(_WIN32)
#include <fcntl.h>
#include <unistd.h>
#endif

namespace huozhong {
namespace {

constexpr int64_t PAGE = 4096;            // what direct reads are aligned to
constexpr double HALF_LIFE = 48;          // passes after which a use counts half
constexpr int64_t MOST = int64_t(1) << 30;  // bytes of one call of the system's

int64_t down(int64_t n) { return n / PAGE * PAGE; }
int64_t up(int64_t n) { return down(n + PAGE - 1); }

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }

}  // namespace

#if defined(_WIN32)

// A port would read with overlapped ReadFile; until somebody can test one, it is refused in words.
ExpertShelf::ExpertShelf(const std::string& path, const uint8_t* base, int64_t file_bytes, int64_t bytes, int32_t readers)
    : path_(path), base_(base), file_bytes_(file_bytes), budget_(bytes), readers_(readers) {
    throw ReadError("models larger than memory run on Linux and macOS");
}
ExpertShelf::~ExpertShelf() {}
std::string ExpertShelf::read(const Place&, uint8_t*) const { return "not on this system"; }

#else

ExpertShelf::ExpertShelf(const std::string& path, const uint8_t* base, int64_t file_bytes, int64_t bytes, int32_t readers)
    : path_(path), base_(base), file_bytes_(file_bytes), budget_(bytes), readers_(readers) {
#if defined(O_DIRECT)
    file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
    direct_ = file_ >= 0;
#endif
    if (file_ < 0) file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) throw ReadError(path + ": " + std::strerror(errno));
#if defined(F_NOCACHE)
    direct_ = fcntl(file_, F_NOCACHE, 1) == 0;
#endif
}

ExpertShelf::~ExpertShelf() {
    {
        std::lock_guard<std::mutex> lock(lock_);
        closing_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    std::free(memory_);
    ::close(file_);
}

// Part of an expert into a slot's memory, at the place within a page that it has in the file; "" or why not.
std::string ExpertShelf::read(const Place& place, uint8_t* memory) const {
    int64_t got = 0;
    while (got < place.bytes) {
        // A direct read is a whole number of pages; at the end of the file it comes back short.
        const int64_t left = place.bytes - got;
        const ssize_t n = ::pread(file_, memory + got, std::min(up(left), MOST), place.first + got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return std::strerror(errno);
        if (n == 0) return "it has become shorter";
        // After a short one the next must begin at a page again; one that ends in its first page is the end of the file.
        const int64_t next = got + n >= place.bytes || !direct_ ? got + n : down(got + n);
        if (next == got) return "it has become shorter";
        got = next;
    }
#if defined(POSIX_FADV_DONTNEED)
    if (!direct_) ::posix_fadvise(file_, place.first, up(place.bytes), POSIX_FADV_DONTNEED);
#endif
    return "";
}

#endif

// -- the layout ------------------------------------------------------------------------------------------------------

ExpertShelf::Part ExpertShelf::part_of(const void* array, int64_t bytes) const {
    return {static_cast<const uint8_t*>(array) - base_, bytes};
}

int32_t ExpertShelf::add(const DenseWeights& stacks) {
    Layer layer;
    layer.stacks = stacks;
    std::vector<const Matrix*> matrices;
    for (const Matrix& m : stacks.gate_up.all) matrices.push_back(&m);
    matrices.push_back(&stacks.down);
    const int32_t experts = stacks.down.count;
    for (const Matrix* m : matrices) {
        layer.parts.push_back(part_of(m->data, m->matrix_bytes()));
        if (m->scales) layer.parts.push_back(part_of(m->scales, 2 * m->matrix_scales()));
    }
    for (const Part& part : layer.parts)
        if (part.offset < 0 || part.offset + experts * part.bytes > file_bytes_)
            throw ReadError("an expert lies outside " + path_);
    layer.slot.assign(experts, -1);
    layer.uses.assign(experts, 0.0);
    layer.last.assign(experts, 0);
    slot_bytes_ = std::max(slot_bytes_, needs(layer));
    layers_.push_back(std::move(layer));
    return int32_t(layers_.size()) - 1;
}

// A part may begin anywhere in a page.
int64_t ExpertShelf::needs(const Layer& layer) const {
    int64_t sum = 0;
    for (const Part& part : layer.parts) sum += up(part.bytes + PAGE) + 2 * PAGE;
    return sum;
}

void ExpertShelf::open() {
    if (layers_.empty()) return;
    int64_t all = 0;
    for (const Layer& layer : layers_) all += int64_t(layer.slot.size());
    const int64_t count = std::min(budget_ / slot_bytes_, all);
    if (count < 4) throw ReadError("the memory for experts holds fewer than four of them");
    memory_ = static_cast<uint8_t*>(std::aligned_alloc(PAGE, size_t(count * slot_bytes_)));
    if (!memory_) throw ReadError("there is not so much memory for experts");
    slots_.resize(count);
    for (int64_t i = 0; i < count; ++i) slots_[i].memory = memory_ + i * slot_bytes_;
    for (int32_t i = 0; i < readers_; ++i) threads_.emplace_back([this] { read_all(); });
}

// Parts follow one another in a slot, each in pages of its own.
ExpertShelf::Place ExpertShelf::place_of(const Layer& layer, int32_t expert, size_t part) const {
    int64_t offset = 0;
    for (size_t i = 0;; ++i) {
        const int64_t at = layer.parts[i].offset + expert * layer.parts[i].bytes, first = down(at);
        const int64_t bytes = at + layer.parts[i].bytes - first;
        if (i == part) return {first, bytes, at - first, offset};
        offset += up(bytes) + PAGE;
    }
}

DenseWeights ExpertShelf::placed(const Layer& layer, int32_t expert, const uint8_t* memory) const {
    DenseWeights found = layer.stacks;
    size_t next = 0;
    const auto place = [&] {
        const Place at = place_of(layer, expert, next++);
        return memory + at.offset + at.skipped;
    };
    const auto one = [&](Matrix& m) {
        m.data = place();
        if (m.scales) m.scales = reinterpret_cast<const uint16_t*>(place());
        m.count = 1;
    };
    for (Matrix& m : found.gate_up.all) one(m);
    one(found.down);
    return found;
}

// -- who has which ---------------------------------------------------------------------------------------------------

void ExpertShelf::sort(int32_t layer, std::vector<int32_t>& experts) {
    std::lock_guard<std::mutex> lock(lock_);
    const std::vector<int32_t>& slot = layers_[layer].slot;
    ++layers_[layer].passes;
    const auto rank = [&](int32_t expert) {
        if (slot[expert] < 0) return 2;
        return slots_[slot[expert]].state == State::ready ? 0 : 1;
    };
    std::stable_sort(experts.begin(), experts.end(), [&](int32_t a, int32_t b) { return rank(a) < rank(b); });
}

void ExpertShelf::touch(Slot& slot, bool used) {
    Layer& layer = layers_[slot.layer];
    const double now = double(layer.passes);
    double uses = layer.uses[slot.expert] * std::exp2((double(layer.last[slot.expert]) - now) / HALF_LIFE) + 1;
    if (used) {
        layer.uses[slot.expert] = uses;
        layer.last[slot.expert] = layer.passes;
    }
    // The logarithm of what its uses will count for, up to what is taken off all: it need not be brought up to date.
    slot.priority = std::log2(uses) + now / HALF_LIFE;
}

// A slot that nobody holds: an empty one, or the one of least priority.
int32_t ExpertShelf::free_slot(bool may_wait, std::unique_lock<std::mutex>& lock) {
    while (true) {
        int32_t best = -1;
        for (int32_t i = 0; i < int32_t(slots_.size()); ++i) {
            const Slot& slot = slots_[i];
            if (slot.held || slot.state == State::reading) continue;
            if (slot.state == State::empty || slot.state == State::failed) {
                best = i;
                break;
            }
            if (best < 0 || slot.priority < slots_[best].priority) best = i;
        }
        if (best >= 0) {
            Slot& slot = slots_[best];
            if (slot.state == State::queued) leave_queue(best);
            if (slot.layer >= 0) layers_[slot.layer].slot[slot.expert] = -1;
            slot.state = State::empty;
            slot.layer = slot.expert = -1;
            return best;
        }
        if (!may_wait) return -1;
        const auto began = Clock::now();
        done_.wait(lock);
        stats_.waited += seconds_since(began);
    }
}

void ExpertShelf::leave_queue(int32_t number) {
    for (std::deque<int32_t>* queue : {&guessed_, &wanted_})
        queue->erase(std::remove(queue->begin(), queue->end(), number), queue->end());
}

void ExpertShelf::begin(int32_t number, int32_t layer, int32_t expert, bool guessed) {
    Slot& slot = slots_[number];
    slot.state = State::queued;
    slot.guessed = guessed;
    slot.layer = layer;
    slot.expert = expert;
    slot.problem.clear();
    slot.begun = slot.done = 0;
    layers_[layer].slot[expert] = number;
    touch(slot, false);
    (guessed ? guessed_ : wanted_).push_back(number);
    work_.notify_all();  // an expert has a part for several readers
}

void ExpertShelf::want(int32_t layer, int32_t expert) {
    std::unique_lock<std::mutex> lock(lock_);
    const int32_t& number = layers_[layer].slot[expert];
    const int32_t free = number < 0 ? free_slot(true, lock) : -1;
    if (number < 0) {  // nobody began it while this one waited
        ++stats_.misses;
        begin(free, layer, expert, false);
    } else {
        Slot& slot = slots_[number];
        ++(slot.state == State::ready ? stats_.hits : stats_.misses);
        if (slot.guessed) {
            ++stats_.ahead;
            if (slot.state == State::queued) ++stats_.guesses;  // the others were counted when they were begun
        }
        slot.guessed = false;
        if (slot.state == State::failed) {
            begin(number, layer, expert, false);  // once more, in its place: the disk may be back, and others hold it
        } else if (const auto at = std::find(guessed_.begin(), guessed_.end(), number); at != guessed_.end()) {
            guessed_.erase(at);
            wanted_.push_back(number);
        }
    }
    Slot& slot = slots_[number];
    ++slot.held;
    touch(slot, true);
}

std::vector<size_t> ExpertShelf::arrived(int32_t layer, const std::vector<int32_t>& experts, size_t most) {
    std::unique_lock<std::mutex> lock(lock_);
    std::vector<size_t> found;
    const auto look = [&] {
        for (size_t i = 0; i < experts.size() && found.size() < most; ++i) {
            const Slot& slot = slots_[layers_[layer].slot[experts[i]]];
            if (slot.state == State::failed) throw ReadError(path_ + ": " + slot.problem);
            if (slot.state == State::ready) found.push_back(i);
        }
        return !found.empty();
    };
    if (look()) return found;
    const auto began = Clock::now();
    done_.wait(lock, look);
    stats_.waited += seconds_since(began);
    return found;
}

const DenseWeights& ExpertShelf::get(int32_t layer, int32_t expert) {
    std::lock_guard<std::mutex> lock(lock_);
    return slots_[layers_[layer].slot[expert]].weights;
}

void ExpertShelf::release(int32_t layer, int32_t expert) {
    {
        std::lock_guard<std::mutex> lock(lock_);
        --slots_[layers_[layer].slot[expert]].held;
    }
    done_.notify_all();
}

// What nobody has begun to read.
void ExpertShelf::drop_guesses() {
    std::deque<int32_t> begun;
    for (const int32_t number : guessed_) {
        Slot& slot = slots_[number];
        if (slot.state == State::reading) {
            begun.push_back(number);
            continue;
        }
        layers_[slot.layer].slot[slot.expert] = -1;
        slot.state = State::empty;
        slot.layer = slot.expert = -1;
    }
    guessed_.swap(begun);
}

void ExpertShelf::guess(int32_t layer, const std::vector<int32_t>& experts) {
    std::unique_lock<std::mutex> lock(lock_);
    drop_guesses();
    // Held meanwhile: one guess must not throw out another.
    std::vector<int32_t> kept;
    for (const int32_t expert : experts)
        if (const int32_t number = layers_[layer].slot[expert]; number >= 0) kept.push_back(number);
    for (const int32_t number : kept) ++slots_[number].held;
    for (const int32_t expert : experts) {
        if (layers_[layer].slot[expert] >= 0) continue;
        const int32_t number = free_slot(false, lock);
        if (number < 0) break;
        begin(number, layer, expert, true);
        ++slots_[number].held;
        kept.push_back(number);
    }
    for (const int32_t number : kept) --slots_[number].held;
}

ShelfStats ExpertShelf::stats() {
    std::lock_guard<std::mutex> lock(lock_);
    count_time(0);
    return stats_;
}

// Up to now as many were being read as `active_` says; from now on more or fewer.
void ExpertShelf::count_time(int32_t change) {
    const Clock::time_point now = Clock::now();
    const double passed = std::chrono::duration<double>(now - counted_).count();
    if (active_) stats_.busy += passed;
    stats_.reading += active_ * passed;
    counted_ = now;
    active_ += change;
}

// A part has been read, or could not be: then the parts that nobody has begun are left alone.
void ExpertShelf::finish(int32_t number, const std::string& problem) {
    Slot& slot = slots_[number];
    const Layer& layer = layers_[slot.layer];
    ++slot.done;
    if (!problem.empty()) {
        slot.problem = problem;
        leave_queue(number);
        slot.done += layer.parts.size() - slot.begun;
        slot.begun = layer.parts.size();
    }
    if (slot.done < layer.parts.size()) return;
    ++stats_.reads;
    if (slot.problem.empty()) slot.weights = placed(layer, slot.expert, slot.memory);
    slot.state = slot.problem.empty() ? State::ready : State::failed;
    done_.notify_all();
}

// A reader's life.
void ExpertShelf::read_all() {
    std::unique_lock<std::mutex> lock(lock_);
    while (true) {
        work_.wait(lock, [&] { return closing_ || !wanted_.empty() || !guessed_.empty(); });
        if (closing_) return;
        std::deque<int32_t>& queue = wanted_.empty() ? guessed_ : wanted_;
        const int32_t number = queue.front();
        Slot& slot = slots_[number];
        const Layer& layer = layers_[slot.layer];
        const Place place = place_of(layer, slot.expert, slot.begun);
        if (slot.state == State::queued) stats_.guesses += slot.guessed;
        slot.state = State::reading;
        if (++slot.begun == layer.parts.size()) queue.pop_front();
        count_time(1);
        lock.unlock();
        const std::string problem = read(place, slot.memory + place.offset);
        lock.lock();
        count_time(-1);
        if (problem.empty()) stats_.bytes += place.bytes;
        finish(number, problem);
    }
}

}  // namespace huozhong
